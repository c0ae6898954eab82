"""Which word stands: the newest asOf wins, whatever the order; older ones are history; equal values under a newer clock attest."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.intake.observe import observe, withdraw
from placefeed.service.intake.parts import CheckedRecord, content_hash, part_document
from placefeed.service.tables import Observation, Pending, Source, Standing
from tests.service.conftest import MovableClock
from tests.service.feeds import Desk, capacity, urns


@pytest.fixture
def desk(database: Database, settings: Settings, clock: MovableClock) -> Desk:
    made = Desk(database, settings, clock)
    made.provider(speaks_for=urns(3))
    return made


def say(desk: Desk, as_of: datetime, urn: str = "SC000001", **values: Any) -> str:
    document = capacity(as_of, **values)
    stated = part_document("capacity", "", as_of=as_of, document=document)
    with desk.database.write() as session:
        source = session.get_one(Source, desk.source_id)
        return observe(
            session,
            source=source,
            records=[CheckedRecord(urn, [stated])],
            received_at=desk.now,
            submission_id=None,
            bulk=False,
        ).records[0]


def take_back(desk: Desk, at: datetime, *, inclusive: bool = True) -> int:
    with desk.database.write() as session:
        source = session.get_one(Source, desk.source_id)
        keys = [("SC000001", "capacity", "")]
        return withdraw(
            session,
            source=source,
            keys=keys,
            at=at,
            inclusive=inclusive,
            received_at=desk.now,
            submission_id=None,
            bulk=False,
        ).withdrawn


def stands(desk: Desk) -> Standing:
    with desk.database.read() as session:
        return session.get_one(Standing, (desk.source_id, "SC000001", "capacity", ""))


def test_a_first_word_stands(desk: Desk) -> None:
    assert say(desk, desk.now) == "accepted"

    assert (stands(desk).version, stands(desk).offer, stands(desk).as_of) == (1, 1, desk.now)
    assert desk.kinds() == ["stated"]


def test_the_same_word_again_changes_nothing(desk: Desk) -> None:
    say(desk, desk.now)
    pending = len(desk.rows(Pending))

    assert say(desk, desk.now) == "unchanged"
    assert say(desk, desk.ago(hours=1)) == "unchanged"

    assert desk.kinds() == ["stated"]
    assert len(desk.rows(Pending)) == pending
    assert stands(desk).version == 1


def test_an_equal_value_under_a_newer_clock_is_an_attestation(desk: Desk) -> None:
    say(desk, desk.ago(hours=2))

    assert say(desk, desk.now) == "attested"

    row = stands(desk)
    assert (row.as_of, row.stated_at, row.version) == (desk.now, desk.ago(hours=2), 2)
    assert desk.kinds() == ["stated", "attested"]


def test_an_older_word_is_history_and_written_once(desk: Desk) -> None:
    say(desk, desk.now, occupied=3)

    assert say(desk, desk.ago(hours=1), occupied=2, available=2) == "superseded"
    assert say(desk, desk.ago(hours=1), occupied=2, available=2) == "superseded"

    assert desk.kinds() == ["stated", "superseded"]
    assert b'"occupied":3' in stands(desk).document


def test_a_correction_under_the_same_clock_is_taken(desk: Desk) -> None:
    say(desk, desk.now, occupied=3)

    assert say(desk, desk.now, occupied=2, available=2) == "accepted"
    assert b'"occupied":2' in stands(desk).document


def test_what_was_withdrawn_is_offered_anew_only_by_a_newer_word(desk: Desk) -> None:
    say(desk, desk.ago(hours=2))
    assert take_back(desk, desk.ago(hours=1)) == 1
    assert take_back(desk, desk.now) == 0

    assert say(desk, desk.ago(hours=1)) == "superseded"
    assert stands(desk).withdrawn
    assert say(desk, desk.now) == "accepted"

    row = stands(desk)
    assert (row.withdrawn, row.offer) == (False, 2)
    assert desk.kinds() == ["stated", "withdrawn", "superseded", "stated"]


def test_an_absence_does_not_erase_a_word_of_the_same_instant_but_an_outright_withdrawal_does(desk: Desk) -> None:
    say(desk, desk.now)

    assert take_back(desk, desk.now, inclusive=False) == 0
    assert take_back(desk, desk.now, inclusive=True) == 1


def test_two_different_words_for_one_moment_in_one_feed_leave_the_first(desk: Desk) -> None:
    documents = [capacity(desk.now, occupied=occupied, available=4 - occupied) for occupied in (1, 2)]
    stated = [part_document("capacity", "", as_of=desk.now, document=document) for document in documents]

    for _ in range(2):  # sent again, it does not flip
        with desk.database.write() as session:
            source = session.get_one(Source, desk.source_id)
            records = [CheckedRecord("SC000001", [each]) for each in stated]
            outcomes = observe(
                session, source=source, records=records, received_at=desk.now, submission_id=None, bulk=False
            )

        assert outcomes.records[1] == "unchanged"
        assert [(each.part, each.outcome) for each in outcomes.parts] == [("capacity", "rejected")]
        assert b'"occupied":1' in stands(desk).document


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_newest_stands_whatever_the_order(desk: Desk, order: tuple[int, ...]) -> None:
    for number in order:
        say(desk, desk.ago(hours=2 - number), occupied=number, available=4 - number)

    assert b'"occupied":2' in stands(desk).document


def test_clocks_are_not_in_the_hash() -> None:
    now = datetime.fromisoformat("2026-07-01T14:00:00+00:00")

    assert content_hash(capacity(now)) == content_hash(capacity(now + timedelta(days=1)))
    assert content_hash(capacity(now)) == content_hash(dict(reversed(capacity(now).items())))
    assert content_hash(capacity(now)) != content_hash(capacity(now, occupied=2))


def test_each_touch_is_a_pending_row(desk: Desk) -> None:
    before = len(desk.rows(Pending))
    say(desk, desk.ago(hours=1))
    say(desk, desk.now)

    with desk.database.read() as session:
        rows = session.exec(select(Pending).order_by(col(Pending.id))).all()[before:]
    assert [(row.urn, row.bulk) for row in rows] == [("SC000001", False)] * 2


def test_many_speak_at_once_and_the_newest_stands(desk: Desk) -> None:
    """Twelve threads, shuffled clocks: one history, versions without gaps, the newest word."""

    def speaker(start: int) -> None:
        for number in range(start, 48, 12):
            say(desk, desk.ago(minutes=(number * 29) % 48), note=number)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(speaker, range(12)))

    row = stands(desk)
    assert row.as_of == desk.now
    assert row.version == sum(kind != "superseded" for kind in desk.kinds())
    with desk.database.read() as session:
        assert len(session.exec(select(Observation)).all()) == 48
