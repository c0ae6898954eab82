"""Registered feeds: what is new is taken with its cursor, silence is noticed, and one that cannot be read stops and says so."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from placefeed.adapters.base import Batch, ChangedShape, Cursor, Refused, TooLarge, Unreachable
from placefeed.service.access import sources as registered
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.intake import sources, submit
from placefeed.service.tables import Alert, Source, Submission
from tests.service.conftest import MovableClock
from tests.service.feeds import JSON, Desk, feed, record, urns

SOURCE = "example-homes-http"


class Shelf:
    """A source that has one document, or fails; the cursor is the number of the document."""

    def __init__(self) -> None:
        self.number = 0
        self.content = b""
        self.error: Exception | None = None
        self.asked: list[dict[str, Any]] = []

    def put(self, document: Any) -> None:
        self.number += 1
        self.content = document if isinstance(document, bytes) else orjson.dumps(document)

    def open(self, name: str, address: str, **options: Any) -> "Shelf":
        self.asked.append({"name": name, "address": address, **options})
        return self

    def fetch(self, cursor: Cursor | None) -> Iterator[Batch]:
        if self.error is not None:
            raise self.error
        if cursor is None or cursor["number"] != self.number:
            yield Batch(self.content, JSON, {"number": self.number}, name="feed.json")


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    made = Shelf()
    monkeypatch.setattr(sources, "open_source", made.open)
    return made


@pytest.fixture
def desk(database: Database, settings: Settings, clock: MovableClock) -> Desk:
    made = Desk(database, settings, clock, source_id=SOURCE)
    made.provider(
        speaks_for=urns(12),
        transport="http",
        address="https://feeds.example/a.json",
        credential="Bearer x",
        expected_every=3600,
    )
    return made


def poll(desk: Desk) -> str:
    return sources.poll(desk.database, SOURCE, settings=desk.settings, clock=desk.clock)


def source(desk: Desk) -> Source:
    with desk.database.read() as session:
        return session.get_one(Source, SOURCE)


def test_what_is_new_is_taken_once(desk: Desk, shelf: Shelf) -> None:
    shelf.put(feed([record(urn, desk.now) for urn in urns(3)], desk.now))

    assert poll(desk) == "accepted"
    desk.clock.move(minutes=15)
    assert poll(desk) == "nothing new"

    assert source(desk).cursor == {"number": 1}
    assert (source(desk).last_heard_at, source(desk).last_good_at) == (desk.now, desk.now)
    assert len(desk.rows(Submission)) == 1
    assert shelf.asked[0]["authorization"] == "Bearer x"


def test_a_large_document_is_left_to_a_worker(desk: Desk, shelf: Shelf) -> None:
    desk.settings.small_body = 1000
    shelf.put(feed([record(urn, desk.now) for urn in urns(12)], desk.now))

    assert poll(desk) == "working"
    assert poll(desk) == "nothing new"
    submit.work(desk.database, settings=desk.settings, clock=desk.clock)
    assert len(desk.standing("vacancy")) == 12


def test_one_that_does_not_answer_is_tried_again(desk: Desk, shelf: Shelf) -> None:
    shelf.error = Unreachable("feeds.example did not answer.")

    assert poll(desk).startswith("unreachable")

    assert (source(desk).state, source(desk).last_error) == ("active", "feeds.example did not answer.")
    assert desk.rows(Alert) == []


@pytest.mark.parametrize(
    "error",
    [
        ChangedShape("It sent a web page."),
        Refused("That address is private.", rule="private"),
        TooLarge("Over 256 MB."),
    ],
)
def test_one_that_cannot_be_read_stops_and_says_so(desk: Desk, shelf: Shelf, error: Exception) -> None:
    shelf.error = error

    assert poll(desk).startswith("stopped")
    assert poll(desk) == "stopped"

    assert (source(desk).state, source(desk).stopped_why) == ("stopped", str(error))
    (alert,) = desk.rows(Alert)
    assert (alert.kind, alert.severity, alert.source_id) == ("source-stopped", "urgent", SOURCE)


def test_one_whose_feed_changes_shape_stops_and_is_read_whole_when_mended(desk: Desk, shelf: Shelf) -> None:
    shelf.put(feed([record(urn, desk.now) for urn in urns(8)], desk.now, complete=True))
    poll(desk)
    desk.clock.move(minutes=15)
    shelf.put(feed([{"URN": urn} for urn in urns(8)], desk.now, complete=True))

    assert poll(desk) == "rejected"

    assert source(desk).state == "stopped"
    assert source(desk).cursor == {"number": 1}
    assert len(desk.standing("vacancy")) == 8
    with desk.database.write() as session:
        registered.update_source(session, SOURCE, state="active", secret=b"s" * 40, now=desk.now)
    shelf.put(feed([record(urn, desk.now) for urn in urns(8)], desk.now, complete=True))
    assert poll(desk) == "accepted"
    assert all(alert.resolved_at for alert in desk.rows(Alert))


def test_a_crash_between_taking_and_the_next_poll_takes_nothing_twice(desk: Desk, shelf: Shelf) -> None:
    shelf.put(feed([record(urn, desk.now) for urn in urns(3)], desk.now))
    poll(desk)
    with desk.database.write() as session:
        session.get_one(Source, SOURCE).cursor = None

    assert poll(desk) == "unchanged"
    assert len(desk.kinds()) == 9


def test_a_silent_source_is_late_once_and_on_time_again_when_heard(desk: Desk, shelf: Shelf) -> None:
    shelf.put(feed([record("SC000001", desk.now)], desk.now))
    poll(desk)
    desk.clock.move(minutes=61)

    assert sources.mark_late(desk.database, now=desk.now) == 1
    assert sources.mark_late(desk.database, now=desk.now) == 0
    assert source(desk).late_since == desk.now
    (alert,) = desk.rows(Alert)
    assert alert.kind == "source-late"

    poll(desk)
    assert source(desk).late_since is None
    (alert,) = desk.rows(Alert)
    assert alert.resolved_at == desk.now


def test_simulated_feeds_mark_their_source(desk: Desk, shelf: Shelf) -> None:
    shelf.put(feed([record("SC000001", desk.now)], desk.now, simulated=True))
    poll(desk)

    assert source(desk).simulated
