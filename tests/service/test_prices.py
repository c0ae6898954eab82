"""The median of like settings: five owners, none dominant, and nothing of what the reader may not see."""

from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placefeed.service.channels.index import State
from placefeed.service.channels.prices import ENGLAND, LARGEST_SHARE, LEAST_OWNERS, Like, Prices
from placefeed.service.channels.rows import row_of
from placefeed.service.channels.snapshot import snapshot_of
from placefeed.service.publishing.sight import OPERATOR_VIEW, View
from tests.service.factories import listing_row, rate

NOW = datetime(2026, 7, 1, 14, 0, tzinfo=UTC)
SOUTH_WEST, LONDON, WALES = "E12000009", "E12000007", "W92000004"
LIKE = Like("children-home", SOUTH_WEST, simulated=False)
NORTH = View(everything=False, audiences=frozenset({"north"}), buyers=frozenset({"placefeed:borough"}))
COLUMNS = ("id", "urn", "changes_at", "audiences", "facts", "body", "restricted")


def home(number: int, owner: str | None, *pence: int, **about: Any) -> dict[str, Any]:
    """The listing of a home of an owner in the South West."""
    rates = about.pop("rates", None) or [rate(each, package="standard") for each in pence]
    name = about.pop("providerName", f"{owner} Ltd")
    return listing_row(
        about.pop("id", f"l{number}"), urn=f"SC{number:06d}", provider=owner, providerName=name, rates=rates, **about
    )


def state_of(*rows: dict[str, Any]) -> State:
    made = [row_of(moved=1, **{name: row[name] for name in COLUMNS}) for row in rows]
    return snapshot_of(made, epoch=1, position=1, written_at=NOW)


def told(state: State, view: View = NORTH, like: Like = LIKE) -> tuple[int | None, str, int, int]:
    found = Prices().typical(state, view, like, ["standard"])["standard"]
    return found.median, found.where, found.settings, found.owners


FIVE = [home(number, f"o{number}", 400_000 + number * 10_000) for number in range(5)]


def test_the_median_of_five_owners() -> None:
    assert told(state_of(*FIVE)) == (420_000, "South West", 5, 5)


def test_an_even_number_takes_the_middle_of_two() -> None:
    assert told(state_of(*FIVE, home(9, "o9", 900_000)))[0] == 425_000


def test_four_owners_are_too_few_however_many_homes() -> None:
    assert told(state_of(*(home(number, f"o{number % 4}", 500_000) for number in range(40))))[0] is None


def test_no_owner_may_have_more_than_a_third() -> None:
    third = [*FIVE, home(5, "o5", 500_000), home(6, "o6", 500_000), home(7, "o0", 500_000), home(8, "o0", 500_000)]
    assert told(state_of(*third))[2:] == (9, 7)
    assert told(state_of(*third, home(9, "o0", 500_000)))[0] is None


def test_one_figure_a_home_its_lowest_over_all_its_listings() -> None:
    again = home(0, "o0", 700_000, 390_000, id="again")
    assert told(state_of(*FIVE, again)) == (420_000, "South West", 5, 5)
    cheap = [home(number, f"o{number}", 100_000, id=f"cheap{number}") for number in range(3)]
    assert told(state_of(*FIVE, *cheap))[0] == 100_000


def test_england_where_the_region_has_too_few_and_never_wales() -> None:
    far = [home(number, f"o{number}", 300_000, la="E09000023") for number in range(10, 15)]
    assert told(state_of(*FIVE[:4], *far)) == (300_000, ENGLAND, 9, 9)
    welsh = [home(number, f"o{number}", 1, la=None, region=WALES) for number in range(20, 40)]
    assert told(state_of(*FIVE[:4], *far, *welsh)) == (300_000, ENGLAND, 9, 9)
    assert told(state_of(*FIVE, *welsh[:3]), like=LIKE._replace(region=WALES)) == (None, "Wales", 0, 0)
    assert told(state_of(*FIVE), like=LIKE._replace(region=None))[:2] == (420_000, ENGLAND)


def test_only_the_same_kind_package_and_only_real_ones() -> None:
    assert told(state_of(*FIVE[:4], home(9, "o9", 1, provisionType="supported-accommodation")))[0] is None
    assert told(state_of(*FIVE[:4], home(9, "o9", 1, simulated=True)))[0] is None
    assert told(state_of(*FIVE[:4], home(9, "o9", rates=[rate(1, package="with-therapy"), rate(2)])))[0] is None
    assert told(state_of(*FIVE[:4], home(9, "o9", rates=[rate(None, package="standard")])))[0] is None


def test_a_price_for_a_block_is_not_compared_with_a_places() -> None:
    block = home(9, "o9", rates=[{**rate(100_000, package="standard"), "for": "block"}])
    assert told(state_of(*FIVE, block)) == (420_000, "South West", 5, 5)


def test_what_the_reader_may_not_see_is_not_in_it() -> None:
    hidden = home(9, "o9", 1, audiences=["south"])
    named = home(9, "o9", rates=[rate(1, package="standard", offered_to=["placefeed:other"])])
    ours = home(9, "o9", rates=[rate(1, package="standard", offered_to=["placefeed:borough"])])
    assert told(state_of(*FIVE, hidden)) == told(state_of(*FIVE, named)) == told(state_of(*FIVE))
    assert told(state_of(*FIVE[:4], named))[0] is None
    assert told(state_of(*FIVE[:4], ours))[2:] == (5, 5)
    assert told(state_of(*FIVE[:4], named), OPERATOR_VIEW)[2:] == (5, 5)


def test_an_owner_listed_here_and_through_another_exchange_counts_once() -> None:
    foreign = home(9, None, 500_000, providerName="O0 LTD")
    assert told(state_of(*FIVE[:4], foreign))[0] is None
    assert told(state_of(*FIVE, foreign))[2:] == (6, 5)
    assert told(state_of(*FIVE[:4], home(9, None, 1, providerName=None)))[0] is None
    assert told(state_of(*FIVE[:4], home(9, None, 500_000, providerName="Far Homes")))[2:] == (5, 5)


OWNED = st.lists(
    st.tuples(st.integers(0, 7), st.integers(100, 900), st.sampled_from(["any", "us", "others"])), max_size=40
)


@given(OWNED)
def test_property_a_figure_needs_five_visible_owners_and_is_the_same_without_what_is_hidden(
    homes: list[tuple[int, int, str]],
) -> None:
    offers = {"any": "any", "us": ["placefeed:borough"], "others": ["placefeed:other"]}
    rows = [
        home(number, f"o{owner}", rates=[rate(pence, package="standard", offered_to=offers[whom])])
        for number, (owner, pence, whom) in enumerate(homes)
    ]
    seen = [row for row, (_owner, _pence, whom) in zip(rows, homes, strict=True) if whom != "others"]
    counts: dict[int, int] = {}
    for owner, _pence, whom in homes:
        if whom != "others":
            counts[owner] = counts.get(owner, 0) + 1
    median, _where, settings, owners = told(state_of(*rows))
    may = len(counts) >= LEAST_OWNERS and max(counts.values()) <= LARGEST_SHARE * len(seen)
    assert (median is not None) == may
    assert told(state_of(*seen)) == told(state_of(*rows))
    if may:
        assert (settings, owners) == (len(seen), len(counts))
    else:
        assert (settings, owners) == (0, 0)


@given(OWNED, st.integers(0, 7))
def test_property_without_one_owner_a_figure_stands_only_if_the_others_would_have_given_one(
    homes: list[tuple[int, int, str]], gone: int
) -> None:
    rows = [home(number, f"o{owner}", pence) for number, (owner, pence, _whom) in enumerate(homes)]
    left = [row for row, (owner, _pence, _whom) in zip(rows, homes, strict=True) if owner != gone]
    after = told(state_of(*left))
    if len({owner for owner, _pence, _whom in homes} - {gone}) < LEAST_OWNERS:
        assert after == (None, ENGLAND, 0, 0)
    assert after[3] <= len({row["facts"]["provider"] for row in left})


def test_it_is_remembered_while_the_list_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from placefeed.service.channels import prices

    asked = []
    real = prices.rows_like

    def counting(*args: Any) -> Any:
        asked.append(args)
        return real(*args)

    monkeypatch.setattr(prices, "rows_like", counting)
    ask, state = Prices(), state_of(*FIVE)
    for _time in range(3):
        ask.typical(state, NORTH, LIKE, ["standard", "with-therapy"])
    assert len(asked) == 3  # the region for each, and England for the package that nobody has
    ask.typical(state_of(*FIVE), NORTH, LIKE, ["standard"])
    assert len(asked) == 4


def test_a_large_exchange_is_answered_at_once() -> None:
    state = state_of(*(home(number, f"o{number % 900}", 400_000 + number) for number in range(3000)))
    began = perf_counter()
    assert Prices().typical(state, NORTH, LIKE, ["standard"])["standard"].settings == 3000
    assert perf_counter() - began < 0.5  # a few milliseconds alone
