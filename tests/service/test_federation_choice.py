"""Whose word counts where other exchanges list a setting too: pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from placefeed.adapters.federation import FEDERATION
from placefeed.service.publishing.federation import Heard, heard, provenance, stated_at
from placefeed.service.publishing.inputs import Speaker, Word

NOW = datetime(2026, 7, 1, 14, 0, tzinfo=UTC)
AGES = (timedelta(hours=24), timedelta(hours=72), timedelta(days=14))


def speaker(id: str, exchange: str | None = None, *, precedence: int = 100, followed: bool = True) -> Speaker:
    return Speaker(id, id.title(), f"of-{id}", f"Of {id}", precedence, False, exchange, followed and bool(exchange))


def word(by: str, /, *via: str, part: str = "vacancy", age: float = 1, withdrawn: bool = False, **origin: Any) -> Word:
    """What a source says; `via` the exchanges through which it came, the source's own last."""
    as_of = NOW - timedelta(hours=age)
    document = {} if withdrawn else {"id": "v", "extensions": {FEDERATION: {"via": list(via), **origin}}}
    return Word(by, part, "v", as_of, as_of, 1, withdrawn, document)


def choose(words: Sequence[Word], *speakers: Speaker, ours: bool = False) -> Heard:
    return heard(words, {one.id: one for one in speakers}, ours=ours, now=NOW, ages=AGES)


def sources(words: Sequence[Word]) -> list[str]:
    return [each.source_id for each in words]


HOMES, NORTH, SOUTH, EAST = (speaker("homes"), speaker("north", "n.example"), speaker("south", "s.example"), speaker("east", "e.example"))  # fmt: skip


def test_what_somebody_here_says_is_never_joined_with_another_exchanges() -> None:
    found = choose([word("homes"), word("north", "n.example")], HOMES, NORTH, ours=True)

    assert (sources(found.words), sources(found.others), found.exchange) == (["homes"], ["north"], None)


def test_also_where_the_provider_here_says_nothing() -> None:
    found = choose([word("north", "n.example")], HOMES, NORTH, ours=True)

    assert (found.words, sources(found.others)) == ([], ["north"])


def test_of_several_exchanges_the_nearest_is_heard_whatever_the_rank() -> None:
    far = speaker("south", "s.example", precedence=1)
    found = choose([word("south", "a.example", "s.example"), word("north", "n.example")], far, NORTH)

    assert (sources(found.words), found.exchange) == (["north"], NORTH)


def test_of_equally_near_ones_the_lower_precedence_and_then_the_id() -> None:
    words = [word("south", "s.example"), word("north", "n.example")]

    assert sources(choose(words, SOUTH, NORTH).words) == ["north"]
    assert sources(choose(words, speaker("south", "s.example", precedence=1), NORTH).words) == ["south"]


def test_what_we_follow_ourselves_is_not_taken_through_another() -> None:
    """Not even where that one still has what the first has withdrawn, or does not show us."""
    words = [word("north", "n.example", withdrawn=True), word("south", "n.example", "s.example")]

    found = choose(words, NORTH, SOUTH)

    assert (found.words, sources(found.others)) == ([], ["north", "south"])
    not_followed = choose(words, speaker("north", "n.example", followed=False), SOUTH)  # paused, or not yet read
    assert sources(not_followed.words) == ["south"]


def test_one_that_offers_nothing_or_is_too_old_leaves_it_to_the_next() -> None:
    far = word("south", "a.example", "s.example")

    assert sources(choose([word("north", "n.example", withdrawn=True), far], NORTH, SOUTH).words) == ["south"]
    assert sources(choose([word("north", "n.example", age=15 * 24), far], NORTH, SOUTH).words) == ["south"]
    assert sources(choose([word("north", "n.example", part="setting"), far], NORTH, SOUTH).words) == ["south"]


def test_all_that_the_chosen_one_says_counts() -> None:
    words = [word("north", "n.example"), word("north", part="setting"), word("north", part="rate"), word("east", "x", "e.example")]  # fmt: skip

    found = choose(words, NORTH, EAST)

    assert [each.part for each in found.words] == ["vacancy", "setting", "rate"]
    assert sources(found.others) == ["east"]


def test_an_own_source_cannot_claim_to_have_come_from_elsewhere() -> None:
    forged = word("homes", "n.example", source="Somebody", publisher="Somebody", asOf="2026-07-01T13:30:00Z")

    assert provenance(forged, HOMES) == {"source": "Homes", "publisher": "Of homes"}
    assert stated_at(forged, HOMES) == forged.stated_at


def test_a_clock_that_another_exchange_says_is_never_newer_than_when_it_was_confirmed() -> None:
    ahead = word("north", "n.example", asOf="2030-01-01T00:00:00Z")

    assert stated_at(ahead, NORTH) == ahead.as_of
    assert provenance(ahead, NORTH) == {"via": "n.example"}
