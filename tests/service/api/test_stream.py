"""The stream over HTTP: what a reader gets, where it goes on after a cut, and how a stream is ended."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select
from tests.service.api.exchange import OURS, OURS_TOO, THEIRS, feed_of, peopled, sqlite_settings
from tests.service.api.streams import PATIENCE, Frame, Live, Stream, live
from tests.service.conftest import MovableClock

from placefeed.schema.files import rs_validator
from placefeed.service.access import keys, organisations
from placefeed.service.channels.stream import hub as hub_module
from placefeed.service.channels.stream import readers, resume
from placefeed.service.channels.stream.frames import Piece
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.publishing.restore import after_restore
from placefeed.service.tables import Audit, ConsortiumMember, Head

PUBLISHED, CHANGED, WITHDRAWN = "vacancy.published", "vacancy.changed", "vacancy.withdrawn"


@pytest.fixture
def start(settings: Settings, clock: Any) -> Iterator[Callable[..., Live]]:
    """Start servers on one database."""
    with ExitStack() as stack:
        yield lambda **changes: stack.enter_context(live(settings.model_copy(update=changes), clock))


@pytest.fixture
def embedded(tmp_path: Path, sqlite_template: Path, clock: Any) -> Iterator[Callable[..., Live]]:
    """Start a peopled server on SQLite, for what has nothing to do with the database."""
    with ExitStack() as stack:

        def begin(**changes: Any) -> Live:
            chosen = sqlite_settings(tmp_path, sqlite_template).model_copy(update=changes)
            running = stack.enter_context(live(chosen, clock))
            peopled(running.world)
            return running

        yield begin


@pytest.fixture
def exchange(start: Callable[..., Live]) -> Live:
    """A running exchange with everybody in it, and nothing listed yet."""
    running = start()
    peopled(running.world)
    return running


def offer(exchange: Live, *urns: str, role: str = "provider", places: int = 1) -> None:
    """Say what is free, and publish it. Each time is a minute later."""
    exchange.world.clock.move(minutes=1)
    as_of = exchange.world.clock() - timedelta(seconds=10)
    answer = exchange.world.push(role, feed_of(*urns, places=places, as_of=as_of.isoformat().replace("+00:00", "Z")))
    assert answer.status_code in (200, 201), answer.text
    exchange.world.publish()


def withdraw(exchange: Live, urn: str) -> None:
    exchange.world.clock.move(minutes=1)
    assert exchange.world.call("provider", "DELETE", f"/v1/settings/{urn}/vacancies/v1").status_code == 200
    exchange.world.publish()


def listed(exchange: Live, query: str = "") -> dict[str, Any]:
    """The list as a member has it."""
    answer = exchange.world.call("member", "GET", f"/v1/listings?limit=2000{query and '&'}{query}")
    return {item["id"]: item for item in answer.json()["items"]}


def kept(frames: list[Frame], held: dict[str, Any] | None = None) -> dict[str, Any]:
    """The list that a reader of these events holds."""
    found = dict(held or {})
    for frame in frames:
        if frame.event == "snapshot":
            found |= {item["id"]: item for item in frame.data["items"]}
        elif frame.event == WITHDRAWN:
            del found[frame.data["listingId"]]
        elif "listing" in (frame.data or {}):
            found[frame.data["listingId"]] = frame.data["listing"]
    return found


# -- what comes -----------------------------------------------------------------------------------------------------


def test_news_comes_as_it_happens_with_the_listing(exchange: Live) -> None:
    stream = exchange.open()
    first = stream.take()
    ready = stream.ready()

    offer(exchange, OURS)
    published = stream.next()
    offer(exchange, OURS, places=2)
    changed = stream.next()
    now_listed = listed(exchange)
    withdraw(exchange, OURS)
    withdrawn = stream.next()

    assert stream.status == 200
    assert first.retry == "3000"
    assert ready.data.keys() == {"position", "epoch"}
    assert [frame.event for frame in (published, changed, withdrawn)] == [PUBLISHED, CHANGED, WITHDRAWN]
    assert "/vacancy/places" in " ".join(changed.data["changed"])
    assert [changed.data["listing"]] == list(now_listed.values())
    assert "listing" not in withdrawn.data
    for frame in (published, changed, withdrawn):
        assert frame.event == frame.data["type"]
        assert rs_validator("event").is_valid(frame.data), frame.data


def test_its_headers_keep_it_out_of_caches_and_buffers(embedded: Callable[..., Live]) -> None:
    exchange = embedded()
    headers = exchange.open(Accept="text/event-stream", Accept_Encoding="gzip, zstd").headers

    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "private, no-store"
    assert headers["x-accel-buffering"] == "no"
    assert headers["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in headers


def test_a_snapshot_is_the_list_and_then_news_comes(exchange: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "ITEMS", 2)
    offer(exchange, OURS, OURS_TOO)
    offer(exchange, THEIRS, role="rival")

    stream = exchange.open(query="snapshot=true")
    frames = stream.until(lambda frame: frame.event == "ready")
    offer(exchange, OURS, places=3)
    frames.append(stream.next())

    assert [len(frame.data["items"]) for frame in frames[:2]] == [2, 1]
    assert [frame.id is None for frame in frames] == [True, True, False, False]
    assert frames[2].data["total"] == 3
    assert kept(frames) == listed(exchange)


def test_a_filter_says_what_enters_and_leaves_it(embedded: Callable[..., Live]) -> None:
    exchange = embedded()
    offer(exchange, OURS)
    stream = exchange.open(query="placesAtLeast=2&snapshot=true")
    assert stream.next().data["total"] == 0

    offer(exchange, OURS, places=2)
    offer(exchange, OURS, places=3)
    offer(exchange, OURS, places=1)
    offer(exchange, OURS_TOO, places=4)

    frames = [stream.next() for _ in range(4)]
    assert [frame.event for frame in frames] == [PUBLISHED, CHANGED, WITHDRAWN, PUBLISHED]
    assert [frame.data["urn"] for frame in frames] == [OURS, OURS, OURS, OURS_TOO]


def test_attestations_are_told_only_to_who_asks(embedded: Callable[..., Live]) -> None:
    exchange = embedded()
    offer(exchange, OURS)
    quiet, curious = exchange.open(), exchange.open(query="attestations=true")
    quiet.ready(), curious.ready()

    offer(exchange, OURS)
    confirmed = curious.next()
    offer(exchange, OURS, places=2)

    assert confirmed.event == "vacancy.confirmed"
    assert [confirmed.data["listing"]] != [curious.next().data["listing"]]
    assert quiet.next().event == CHANGED


def test_a_provider_and_nobody_have_no_stream(embedded: Callable[..., Live]) -> None:
    exchange = embedded()
    assert (exchange.open("provider").status, exchange.open("nobody").status) == (403, 401)
    assert exchange.open("nobody").problem()["status"] == 401


def test_it_can_be_asked_about_with_head(embedded: Callable[..., Live]) -> None:
    exchange = embedded()
    stream = exchange.open(method="HEAD")

    assert stream.status == 200
    assert stream.headers["content-type"].startswith("text/event-stream")
    exchange.until(lambda: exchange.hub.open == 0)


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("limit=10", {}, 400),
        ("snapshot=perhaps", {}, 400),
        ("placesAtLeast=many", {}, 400),
        ("%ff=1", {}, 400),
        ("lastEventId=1-1&lastEventId=1-1", {}, 400),
        ("", {"Accept": "application/json"}, 406),
        *(
            ("", {"Last_Event_ID": mark}, 400)
            for mark in ("x", "1", "1-", "1-2-3", "1-5-6-9", "1-5-1-4", "1--1", "1-1-", "1 -1", "1-99999999999999999999", "0" * 5000)
        ),
        *(("", {"Last_Event_ID": mark}, 410) for mark in ("2-1", "0-0", "1-999999", "1-1-0-999")),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_the_stream_begins(
    plain: Live, query: str, headers: dict[str, str], status: int
) -> None:
    stream = plain.open(query=query, **headers)

    assert stream.status == status
    problem = stream.problem()
    assert problem["status"] == status
    assert "snapshot=true" in problem["detail"] or status != 410


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Any) -> Iterator[Live]:
    """A running exchange for what has nothing to do with the database, and changes nothing."""
    with live(sqlite_settings(tmp_path_factory.mktemp("plain"), sqlite_template), MovableClock()) as running:
        peopled(running.world)
        yield running


# -- going on after a cut -------------------------------------------------------------------------------------------


def test_wherever_it_was_cut_it_goes_on_exactly_there(exchange: Live) -> None:
    whole = exchange.open()
    ready = whole.ready()
    offer(exchange, OURS, OURS_TOO)  # two events of one stretch of the log
    offer(exchange, THEIRS, role="rival")
    offer(exchange, OURS, OURS_TOO, places=2)
    withdraw(exchange, OURS)
    frames = [ready, *(whole.next() for _ in range(6))]

    for at, frame in enumerate(frames):
        resumed = exchange.open(**({"Last_Event_ID": frame.id} if at % 2 else {"query": f"lastEventId={frame.id}"}))
        missed = resumed.until(lambda frame: frame.event == "ready")[:-1]
        before = {known.data["id"] for known in frames[1 : at + 1]}
        after = {known.data["id"] for known in frames[at + 1 :]}
        assert {found.data["id"] for found in missed} <= after - before
        assert kept(missed, kept(frames[: at + 1])) == kept(frames) == listed(exchange)
        resumed.close()


def test_in_the_middle_of_a_stretch_the_rest_of_that_stretch_comes_first(exchange: Live) -> None:
    whole = exchange.open()
    whole.ready()
    offer(exchange, OURS, OURS_TOO)
    first, second = whole.next(), whole.next()
    withdraw(exchange, OURS_TOO)
    whole.next()

    resumed = exchange.open(Last_Event_ID=first.id or "", query="snapshot=true")
    frames = resumed.until(lambda frame: frame.event == "ready")

    assert [frame.event for frame in frames] == [PUBLISHED, WITHDRAWN, "ready"]
    assert (frames[0].id, frames[0].data["id"]) == (second.id, second.data["id"])


def test_another_process_goes_on_where_one_stopped(start: Callable[..., Live]) -> None:
    one = start()
    peopled(one.world)
    stream = one.open(query="snapshot=true")
    frames = [stream.ready()]
    offer(one, OURS, OURS_TOO)
    frames.append(stream.next())
    one.stop()

    two = start()
    two.world.keys = one.world.keys
    resumed = two.open(Last_Event_ID=frames[-1].id or "")
    frames += resumed.until(lambda frame: frame.event == "ready")
    offer(two, OURS, places=2)
    frames.append(resumed.next())

    assert kept(frames) == listed(two)


def test_an_id_from_before_the_kept_history_is_gone(exchange: Live) -> None:
    offer(exchange, OURS)
    with exchange.world.database.write() as session:
        session.get_one(Head, 1).history_after = 2

    assert exchange.open(Last_Event_ID="1-1").status == 410
    assert exchange.open(Last_Event_ID="1-3-1-4").status == 410
    assert exchange.open(Last_Event_ID="1-2").ready().event == "ready"


def test_after_a_backup_was_put_back_all_begin_anew(exchange: Live) -> None:
    offer(exchange, OURS)
    stream = exchange.open()
    mark = stream.ready().id or ""

    with exchange.world.database.write() as session:
        after_restore(session, now=exchange.world.clock())
    exchange.world.publish()

    assert [frame.data["reason"] for frame in stream.rest()] == ["restarted"]
    assert stream.clean
    assert exchange.open(Last_Event_ID=mark).status == 410
    again = exchange.open(query="snapshot=true")
    assert kept(again.until(lambda frame: frame.event == "ready")) == listed(exchange)


# -- rights ---------------------------------------------------------------------------------------------------------


def test_a_revoked_key_ends_its_streams_and_no_others(exchange: Live) -> None:
    theirs, others = exchange.open("member"), exchange.open("operator")
    theirs.ready(), others.ready()

    with exchange.world.database.write() as session:
        keys.revoke(session, exchange.world.keys["member"].split("_")[1], now=exchange.world.clock())
    offer(exchange, OURS)

    assert [frame.data["reason"] for frame in theirs.rest()] == ["access"]
    assert theirs.clean
    assert others.next().event == PUBLISHED
    assert exchange.open("member").status == 401


def test_a_key_that_is_revoked_elsewhere_or_expires_ends_within_seconds(
    exchange: Live, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "LOOK_EVERY", 1)
    world = exchange.world
    with world.database.write() as session:
        world.keys["short"], _key = keys.issue(
            session, organisation_id="lewisham", role="member", secret=secret_of(settings), now=world.clock(),
            expires_at=world.clock() + timedelta(hours=1),
        )  # fmt: skip
    revoked, expiring = exchange.open("member"), exchange.open("short")
    revoked.ready(), expiring.ready()

    elsewhere = Database(settings)
    with elsewhere.write() as session:
        keys.revoke(session, world.keys["member"].split("_")[1], now=world.clock())
    elsewhere.close()
    world.clock.move(hours=2)

    assert [frame.data["reason"] for frame in revoked.rest()] == ["access"]
    assert [frame.data["reason"] for frame in expiring.rest()] == ["access"]


def test_who_loses_sight_is_told_that_it_left_and_nothing_more(exchange: Live) -> None:
    world = exchange.world
    offer(exchange, OURS)
    member, operator = exchange.open("member"), exchange.open("operator")
    member.ready(), operator.ready()

    with world.database.write() as session:
        membership = session.exec(select(ConsortiumMember.id)).one()
        organisations.end_member(session, membership or 0, valid_until=world.clock().date())
    world.clock.move(days=1)
    offer(exchange, OURS, places=2)  # the publisher ends the membership and writes the change in one transaction
    offer(exchange, OURS_TOO)
    lost = member.next()
    with world.database.write() as session:
        organisations.add_member(
            session, "south", organisation_id="lewisham", valid_from=world.clock().date() + timedelta(days=1)
        )
    world.clock.move(days=1)
    world.publish()

    assert (lost.event, lost.data["urn"]) == (WITHDRAWN, OURS)
    assert {member.next().data["urn"] for _ in range(2)} == {OURS, OURS_TOO}
    assert {frame.event for frame in member.frames[2:]} == {PUBLISHED}
    assert kept(member.frames[2:]) == listed(exchange)


def test_prices_that_are_not_offered_to_a_reader_are_not_in_its_stream(exchange: Live) -> None:
    world = exchange.world
    with world.database.write() as session:
        organisations.create_organisation(session, "kent", kind="member", name="Kent", now=world.clock())
        organisations.add_member(session, "south", organisation_id="kent", valid_from=world.clock().date())
        world.keys["kent"], _key = keys.issue(
            session, organisation_id="kent", role="member", secret=secret_of(world.settings), now=world.clock()
        )
    world.publish()
    offer(exchange, OURS)
    lewisham, kent = exchange.open("member"), exchange.open("kent")
    lewisham.ready(), kent.ready()

    rate = {
        "asOf": "2026-07-01T13:59:00Z", "price": {"pence": 512500, "per": "week"}, "validFrom": "2026-04-01",
        "offeredTo": {"buyers": [{"scheme": "placefeed", "id": "lewisham"}]},
    }  # fmt: skip
    assert world.call("provider", "PUT", f"/v1/settings/{OURS}/rates/core", json=rate).status_code == 201
    world.publish()
    offer(exchange, OURS, places=2)

    told = lewisham.next()
    assert told.event == "rate.changed"
    assert told.data["listing"]["rates"][0]["price"]["pence"] == 512500
    assert kent.next().event == CHANGED  # nothing of the rate
    assert kent.frames[-1].data["listing"]["rates"] == []


def test_what_is_past_its_time_is_shown_as_unknown_and_told_again_when_it_is_known(exchange: Live) -> None:
    offer(exchange, OURS)
    exchange.world.clock.move(hours=25)  # no longer fresh, and the publisher has not looked

    stream = exchange.open(query="snapshot=true&availability=available")
    shown = kept(stream.until(lambda frame: frame.event == "ready"))
    exchange.world.publish()
    told = stream.next()

    assert [item["availabilityReason"] for item in shown.values()] == ["being-checked"]
    assert (told.event, told.data["listing"]["availability"]) == (CHANGED, "available")
    assert kept([told], shown) == listed(exchange)
    offer(exchange, OURS_TOO)
    assert stream.next().data["urn"] == OURS_TOO


# -- many, and slow ones --------------------------------------------------------------------------------------------


def flood(exchange: Live, bytes: int) -> None:
    """Write this much to all who read live."""
    hub = exchange.hub
    piece = Piece(b": " + b"x" * 65536 + b"\n\n")

    def write() -> None:
        for alike in list(hub._joined.values()):
            for reader in list(alike):
                reader.push(piece)

    for _ in range(bytes // 65536):
        hub._loop.call_soon_threadsafe(write)


def test_a_slow_reader_is_dropped_with_a_reason_and_the_others_notice_nothing(embedded: Callable[..., Live]) -> None:
    exchange = embedded(stream_buffer=256 * 1024)
    slow, quick = exchange.open(buffer=4096), exchange.open()
    slow.ready(), quick.ready()
    sent = 0
    while exchange.hub.open == 2 and not any(reader.ending for reader in exchange.hub._readers):
        assert sent < 64 * 1024 * 1024
        flood(exchange, 1024 * 1024)
        sent += 1024 * 1024
        while sent > quick_has(quick):
            pass
    offer(exchange, OURS)

    assert quick.next().event == PUBLISHED
    assert [frame.data["reason"] for frame in slow.rest()] == ["slow"]
    assert slow.clean
    exchange.until(lambda: exchange.hub.ended["slow"] == 1)


def quick_has(stream: Stream) -> int:
    """Read one comment; how many bytes of them have come in all."""
    frame = stream.take()
    stream.frames.append(frame)
    return sum(len(frame.comment or "") for frame in stream.frames)


def test_one_that_never_reads_is_cut_off(embedded: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "GRACE", 0.2)
    exchange = embedded(stream_buffer=128 * 1024)
    never = exchange.open(buffer=4096)
    exchange.until(lambda: bool(exchange.hub._joined))

    flood(exchange, 16 * 1024 * 1024)
    exchange.until(lambda: exchange.hub.open == 0)

    assert exchange.hub.ended["slow"] == 1
    never.rest()
    assert not never.clean


def test_one_that_never_reads_its_snapshot_is_given_up(
    embedded: Callable[..., Live], monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = embedded()
    monkeypatch.setattr(readers, "STALLED", 0.2)
    monkeypatch.setattr(resume.frames, "snapshot", lambda _items: Piece(b": " + b"x" * 32 * 1024 * 1024 + b"\n\n"))
    monkeypatch.setattr(resume, "ITEMS", 1)
    offer(exchange, OURS, OURS_TOO)
    exchange.open(query="snapshot=true", buffer=4096)

    exchange.until(lambda: exchange.hub.ended["slow"] == 1)
    assert exchange.hub.open == 0


def test_five_hundred_readers_are_told(embedded: Callable[..., Live]) -> None:
    exchange = embedded(streams_per_key=1000, rate_per_minute=0)
    streams = [
        exchange.open("member" if number % 2 else "operator", f"placesAtLeast={number % 5 + 1}")
        for number in range(500)
    ]
    for stream in streams:
        stream.ready()

    offer(exchange, OURS, OURS_TOO, places=3)
    told = [stream for number, stream in enumerate(streams) if number % 5 < 3]
    bodies = {(number % 5, tuple(frame.data["id"] for frame in (stream.next(), stream.next())))
              for number, stream in enumerate(streams) if number % 5 < 3}  # fmt: skip

    assert len(told) == 300
    assert len({ids for _number, ids in bodies}) == 1
    assert exchange.hub.told == 600
    assert streams[4].nothing()


def test_a_key_and_a_server_hold_only_so_many_streams(embedded: Callable[..., Live]) -> None:
    exchange = embedded(streams_per_key=2, streams=3)
    first = exchange.open()
    for stream in (first, exchange.open(), exchange.open("operator")):
        stream.ready()

    too_many, full = exchange.open(), exchange.open("operator")
    first.close()
    exchange.until(lambda: exchange.hub.open == 2)

    assert (too_many.status, full.status) == (429, 503)
    assert too_many.headers["retry-after"] == full.headers["retry-after"] == "5"
    assert exchange.open("operator").ready()


def test_a_stretch_that_we_never_gave_is_no_id_of_ours(exchange: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(exchange, OURS, OURS_TOO)
    offer(exchange, OURS, OURS_TOO, places=2)
    monkeypatch.setattr(resume, "LONGEST", 2)

    assert exchange.open(Last_Event_ID="1-2-1-9").status == 400


def test_the_server_that_we_are_locked_to_lets_us_write_straight_and_cut(embedded: Callable[..., Live]) -> None:
    exchange = embedded()
    exchange.open().ready()
    (reader,) = exchange.hub._readers

    wire = reader._write.__self__  # type: ignore[union-attr]  # absent where the server has not what is needed
    assert wire.straight
    exchange.hub._loop.call_soon_threadsafe(wire.abort)
    exchange.until(lambda: exchange.hub.ended["left"] == 1)


def test_one_broken_connection_does_not_keep_the_others_from_their_news(embedded: Callable[..., Live]) -> None:
    exchange = embedded()
    broken, whole = exchange.open(), exchange.open("operator")
    broken.ready(), whole.ready()
    for reader in exchange.hub._readers:
        if reader.kind.party.role == "member":
            reader._write = lambda _piece: 1 / 0  # type: ignore[assignment,return-value]

    offer(exchange, OURS)

    assert whole.next().event == PUBLISHED
    assert broken.rest() == []
    assert not broken.clean


def test_pings_come_between(embedded: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = embedded()
    monkeypatch.setattr(hub_module, "PING_EVERY", 1)
    stream = exchange.open()
    stream.ready()

    assert stream.take() == Frame(comment="ping")


# -- around it ------------------------------------------------------------------------------------------------------


def test_who_read_and_how_much_is_in_the_audit(exchange: Live) -> None:
    stream = exchange.open(query="q=example&placesAtLeast=1")
    stream.ready()
    offer(exchange, OURS)
    stream.next()
    stream.close()
    exchange.until(lambda: exchange.hub.open == 0)

    exchange.world.app.state.exchange.reads.flush()
    with exchange.world.database.read() as session:
        rows = session.exec(select(Audit).where(col(Audit.action).startswith("stream"))).all()
    assert {(row.action, row.subject, row.organisation_id) for row in rows} == {
        ("stream.opened", "from now placesAtLeast=1&q", "lewisham"),
        ("stream.closed", "1 events", "lewisham"),
    }


def test_it_is_in_the_list_of_feeds_and_in_the_metrics(embedded: Callable[..., Live]) -> None:
    exchange = embedded()
    stream = exchange.open()
    stream.ready()

    feeds = {feed["name"]: feed for feed in exchange.world.call("nobody", "GET", "/v1/feeds.json").json()["feeds"]}
    assert feeds["stream"]["url"].endswith("/v1/listings/stream")
    assert feeds["stream"]["mediaTypes"] == ["text/event-stream"]
    metrics = exchange.world.call("nobody", "GET", "/metrics").text
    assert "placefeed_streams 1.0" in metrics
    assert 'placefeed_streams_ended_total{reason="slow"} 0.0' in metrics


def test_a_server_that_goes_down_says_so_and_takes_in_nobody_more(embedded: Callable[..., Live]) -> None:
    exchange = embedded()
    streams = [exchange.open(), exchange.open(query="snapshot=true")]
    for stream in streams:
        stream.ready()
    began = time.monotonic()

    exchange.hub._loop.call_soon_threadsafe(exchange.hub.part)

    for stream in streams:
        assert [frame.data["reason"] for frame in stream.rest()] == ["shutdown"]
        assert stream.clean
    assert time.monotonic() - began < PATIENCE
    late = exchange.open()
    assert (late.status, late.headers["retry-after"]) == (503, "1")
