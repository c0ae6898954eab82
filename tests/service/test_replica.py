"""List and feeds from a read replica that really replicates: never older than the reader, and not at all when it is behind or away."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest
import sqlalchemy as sa
from sqlmodel import Session
from starlette.testclient import TestClient

from placefeed.service import replica as replicas
from placefeed.service.app import create_app
from placefeed.service.channels import snapshot as snapshots
from placefeed.service.channels.lists import Lists
from placefeed.service.channels.pages import Cursor
from placefeed.service.checks import database as checks
from placefeed.service.checks import examine
from placefeed.service.clock import system_clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.errors import BadRequest, Unavailable
from placefeed.service.publishing.log import Position
from placefeed.service.publishing.sight import OPERATOR_VIEW
from tests.service.api.exchange import BASE, OURS, World, feed_of, peopled
from tests.service.conftest import MovableClock
from tests.service.factories import listing_row, publish, rate
from tests.service.standby import Standby, standby, until

pytestmark = [pytest.mark.postgres, pytest.mark.parametrize("settings", ["postgresql"], indirect=True)]


@pytest.fixture(scope="module")
def copy(postgres: sa.URL) -> Iterator[Standby]:
    """A standby for this file."""
    with standby(postgres) as made:
        yield made


@pytest.fixture
def replicated(settings: Settings, copy: Standby) -> Iterator[Settings]:
    """The settings of an exchange with a replica that has caught up, and replays."""
    copy.caught_up()
    yield settings.model_copy(update={"replica_url": copy.url(str(sa.make_url(settings.url).database))})
    copy.resume()


@pytest.fixture
def database(replicated: Settings) -> Iterator[Database]:
    """With its replica."""
    opened = Database(replicated)
    yield opened
    opened.close()


def by_replica(session: Session) -> bool:
    return bool(session.execute(sa.text("SELECT pg_is_in_recovery()")).scalar_one())


def told(database: Database, *ids: str) -> int:
    with database.write() as session:
        return publish(session, *(listing_row(id) for id in ids))


def at(position: int, epoch: int = 1) -> Position:
    return Position(position, epoch)


def test_the_replica_answers_only_who_has_seen_no_more_than_it_has(database: Database, copy: Standby) -> None:
    told(database, "a")
    copy.caught_up()
    copy.pause()
    told(database, "b")

    with database.read(at_least=at(1)) as session:
        assert by_replica(session)
    with database.read(at_least=None) as session:
        assert by_replica(session)
    with database.read(at_least=at(2)) as session:
        assert not by_replica(session)
    with database.read() as session:
        assert not by_replica(session)
    with database.read(at_least=at(1, epoch=2)) as session:  # a restore that it has not heard of, or an old cursor
        assert not by_replica(session)

    copy.resume()
    copy.caught_up()
    with database.read(at_least=at(2)) as session:
        assert by_replica(session)
    assert database.replica is not None
    assert database.replica.reads == {"replica": 3, "behind": 2, "away": 0}


def test_a_replica_that_lags_for_long_answers_nobody(
    database: Database, copy: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(database, "a")
    copy.caught_up()
    copy.pause()
    position = told(database, "b")
    assert database.replica is not None
    database.replica.primary_at(at(position))

    with database.read(at_least=at(1)) as session:
        assert by_replica(session), "it may lag for a moment"
    monkeypatch.setattr(replicas, "MOST_BEHIND", 0.0)
    with database.read(at_least=at(1)) as session:
        assert not by_replica(session)


def test_without_its_replica_an_exchange_goes_on_and_asks_it_rarely(
    replicated: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = str(replicated.replica_url)
    nowhere = sa.make_url(there).set(query={"host": str(tmp_path)}).render_as_string(hide_password=False)
    monkeypatch.setattr(replicas, "AWAY_FOR", 0.3)
    database = Database(replicated.model_copy(update={"replica_url": nowhere}))
    tried: list[float] = []
    assert database.replica is not None
    sa.event.listen(database.replica.engine, "do_connect", lambda *_: tried.append(time.monotonic()))
    try:
        for _ in range(20):
            with database.read(at_least=None) as session:
                assert not by_replica(session)
        assert len(tried) < 20
        assert not database.replica.up

        database.replica.engine.dispose()
        database.replica.engine = Database(replicated).replica.engine  # type: ignore[union-attr]  # it is back

        def answers() -> bool:
            with database.read(at_least=None) as session:
                return by_replica(session)

        until(answers)
        assert database.replica.up
    finally:
        database.close()


def test_a_replica_lost_in_the_middle_of_a_read_is_asked_again_elsewhere(
    database: Database, replicated: Settings
) -> None:
    killer = sa.create_engine(str(replicated.replica_url), isolation_level="AUTOCOMMIT")
    with pytest.raises(Unavailable) as refused, database.read(at_least=None) as session:  # noqa: PT012 - it breaks off in there
        pid = session.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        with killer.connect() as connection:
            connection.execute(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        session.execute(sa.text("SELECT 1"))
    killer.dispose()

    assert refused.value.headers == {"Retry-After": "1"}
    with database.read(at_least=None) as session:
        assert not by_replica(session)


def test_a_mistake_of_the_reader_says_nothing_of_the_replica(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.read(at_least=None):
        raise ZeroDivisionError

    with database.read(at_least=None) as session:
        assert by_replica(session)


def ids(lists: Lists, query: str) -> tuple[list[str], str | None]:
    """A page of the operator's list: its ids, and where the next is."""
    plan = lists.plan(query.encode(), "application/json")
    body = orjson.loads(asyncio.run(lists.answer(OPERATOR_VIEW, plan, "")).body)  # type: ignore[union-attr]
    return [item["id"] for item in body["items"]], urlsplit(body["next"]).query if "next" in body else None


def test_a_page_is_never_of_an_older_state_than_the_page_before(
    database: Database, settings: Settings, clock: MovableClock, copy: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "PROOF", 3600.0)
    monkeypatch.setattr(replicas, "MOST_BEHIND", 3600.0)
    ahead_database = Database(settings)
    ahead, behind = (Lists(one, settings=settings, clock=clock) for one in (ahead_database, database))
    weekly = {"a": 100_000, "b": 200_000, "c": 300_000, "d": 400_000}
    with database.write() as session:
        publish(session, *(listing_row(id, rates=[rate(pence)]) for id, pence in weekly.items()))
    copy.caught_up()
    behind.start()
    try:
        copy.pause()
        with database.write() as session:  # the cheapest becomes the dearest
            publish(session, listing_row("a", rates=[rate(900_000)]))
        ahead.snapshot.refresh()
        page, following = ids(ahead, "limit=1&sort=price")
        assert page == ["b"]
        assert following is not None
        assert behind.snapshot.state.position < ahead.snapshot.state.position

        seen = page
        while following is not None:
            page, following = ids(behind, following)
            seen += page

        assert seen == ["b", "c", "d", "a"]
    finally:
        behind.close()
        ahead_database.close()


def test_a_cursor_of_a_place_that_nobody_has_reached_is_refused(
    database: Database, settings: Settings, clock: MovableClock
) -> None:
    told(database, "a")
    lists = Lists(database, settings=settings, clock=clock)
    lists.snapshot.refresh()

    with pytest.raises(BadRequest, match="not one of ours"):
        ids(lists, f"cursor={Cursor('default', 1, 2**62, b'').text()}")


def test_news_reach_the_list_through_a_replica_that_stands_still(
    database: Database, settings: Settings, clock: MovableClock, copy: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "PROOF", 0.5)
    lists = Lists(database, settings=settings, clock=clock)
    lists.start()
    try:
        copy.caught_up()
        copy.pause()
        told(database, "a")  # rings: the replica does not have it within a moment, so the primary is asked
        until(lambda: lists.snapshot.state.position == 1, seconds=5)

        other = Database(settings)  # its bell is not heard here
        told(other, "b")
        other.close()
        until(lambda: lists.snapshot.state.position == 2, seconds=10)

        copy.resume()
        told(database, "c")
        until(lambda: lists.snapshot.state.position == 3, seconds=5)
        assert database.replica is not None
        until(lambda: database.replica.reads["replica"] > 0)
    finally:
        lists.close()


def test_what_a_provider_reads_back_comes_from_the_primary(
    replicated: Settings, clock: MovableClock, copy: Standby
) -> None:
    settings = replicated.model_copy(update={"base_url": BASE})
    app = create_app(settings, clock=clock)
    with TestClient(app, base_url=BASE) as client:
        world = peopled(World(client, app, settings, clock))
        copy.caught_up()
        copy.pause()

        assert world.push("provider", feed_of(OURS)).status_code == 201
        counts = world.call("provider", "GET", f"/v1/settings/{OURS}/capacity").json()
        world.publish()
        listed = world.call("member", "GET", "/v1/listings").json()["items"]
        one = world.call("member", "GET", f"/v1/listings/{listed[0]['id']}").json()

        assert counts["available"] == 1
        assert [item["urn"] for item in listed] == [OURS]
        assert one["ofsted"]["history"] == []
        text = world.call("nobody", "GET", "/metrics").text
        assert 'placefeed_replica_reads_total{outcome="behind"}' in text
        assert "placefeed_replica_up 1.0" in text


# -- what the doctor says of it -------------------------------------------------------------------------------------


def found(settings: Settings) -> dict[str, str]:
    return {one.check: one.level for one in examine(settings, system_clock)}


def test_a_replica_that_lags_or_is_none_or_is_away_is_told(
    replicated: Settings, database: Database, copy: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(database, "a")
    copy.caught_up()
    assert found(replicated)["replica"] == "ok"
    copy.pause()
    told(database, "b")
    monkeypatch.setattr(checks, "LAG_LARGE", timedelta(0))
    assert found(replicated)["replica"] == "warn"
    copy.resume()
    for wrong in (replicated.database_url, "postgresql://127.0.0.1:1/none"):  # no replica of itself; nobody there
        assert found(replicated.model_copy(update={"replica_url": wrong}))["replica"] == "fail"


def test_a_server_on_which_processes_cannot_wake_each_other_fails(replicated: Settings) -> None:
    elsewhere = replicated.model_copy(update={"database_url": replicated.replica_url, "replica_url": None})

    assert found(elsewhere)["bell"] == "fail"  # a standby takes no LISTEN
