"""Running it: what the metrics say, what the log says and never says, and processes that wake, follow and outlive each other."""

import io
import logging
import re
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import sqlalchemy as sa
import structlog
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from sqlmodel import col, select
from starlette.testclient import TestClient

from placefeed.adapters.drops import WORKING
from placefeed.service import figures as looked
from placefeed.service import logs
from placefeed.service.app import create_app
from placefeed.service.channels.subscriptions.sending import Sender
from placefeed.service.clock import system_clock
from placefeed.service.config import Settings
from placefeed.service.db import Database, tell
from placefeed.service.figures import figures, spread, watched
from placefeed.service.intake import sources, submit
from placefeed.service.pending import touch
from placefeed.service.running.metrics import Metrics, exposed
from placefeed.service.tables import ChannelCursor, Head, JobRun, Listing, Notice, Source, Subscription
from placefeed.service.telemetry import telemetry_of
from placefeed.service.worker import Worker
from tests.service.api.exchange import BASE, OURS, World, feed_of, peopled
from tests.service.chaos import Process, eventually
from tests.service.conftest import MovableClock
from tests.service.feeds import Desk, urns
from tests.service.subscribed import receiver, subscribe
from tests.service.world import World as Offers

LABELS = {
    "channel", "implementation", "kind", "le", "loop", "major", "method", "minor", "outcome", "patchlevel", "reason", "route", "share",
    "state", "status", "version",
}  # fmt: skip
"""Every label there may be. Each has a handful of values, whatever the exchange holds."""


@pytest.fixture
def world(settings: Settings, clock: MovableClock) -> Iterator[World]:
    """A running exchange in which every feed is a large one, worked in the background: by the test, step by step."""
    chosen = settings.model_copy(update={"base_url": BASE, "small_body": 10})
    app = create_app(chosen, clock=clock)
    with TestClient(app, base_url=BASE) as client:
        yield peopled(World(client, app, chosen, clock))


def value(text: str, sample: str) -> float:
    """One sample of an exposition."""
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    assert found, f"{sample} is not in:\n{text}"
    return float(found[1])


# -- metrics --------------------------------------------------------------------------------------------------------


def test_the_metrics_are_open_metrics_with_few_labels(world: World) -> None:
    world.push("provider", feed_of(OURS))

    told = world.call("nobody", "GET", "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert told.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in text_string_to_metric_families(told.text)}
    assert all(name.startswith(("placefeed_", "process_")) for name in families)
    assert all(family.documentation.endswith(".") for name, family in families.items() if name.startswith("placefeed_"))
    labels = {label for family in families.values() for sample in family.samples for label in sample.labels}
    assert labels <= LABELS
    assert world.call("nobody", "GET", "/metrics").headers["content-type"].startswith("text/plain")


def test_the_metrics_do_not_grow_with_what_the_exchange_holds(
    settings: Settings, database: Database, clock: MovableClock
) -> None:
    def lines() -> int:
        metrics = Metrics()
        metrics.watch(watched(database, clock))
        return sum(line.startswith("placefeed_") for line in metrics.text()[0].decode().splitlines())

    with database.write() as session:
        subscribe(session, settings, "lewisham", now=clock(), id="first")
        Offers(session, clock()).provider("acorn")
    before = lines()
    with database.write() as session:
        for number in range(30):
            subscribe(session, settings, "lewisham", now=clock(), id=f"sub-{number}")
            Offers(session, clock()).source(f"source-{number}", "acorn")

    assert lines() == before


def test_how_far_subscribers_are_behind(settings: Settings, database: Database, clock: MovableClock) -> None:
    now = clock()
    with database.write() as session:
        session.add(Head(position=100, written_at=now))
        session.add(ChannelCursor(name="subscriptions", position=90))
        for id in ("idle", "behind", "lost"):
            subscribe(session, settings, "lewisham", now=now, id=id)
        for id, number, after, minutes in (("behind", 1, 40, 2), ("behind", 2, 60, 1), ("lost", 1, 10, 9)):
            at = now - timedelta(minutes=minutes)
            session.add(Notice(subscription_id=id, kind="events", number=number, after=after, message="m", at=at))
        for id, number, state in (("behind", 2, "active"), ("lost", 1, "error")):
            session.execute(
                sa.update(Subscription)
                .where(col(Subscription.id) == id)
                .values(number=number, state=state, failing_since=now)
            )

    with database.read() as session:
        seen = figures(session, now)

    told = {row.state: row for row in seen.told}
    assert seen.matcher_behind == 10
    assert (told["active"].count, told["active"].waiting, told["active"].failing) == (2, 2, 1)
    assert told["active"].oldest == timedelta(minutes=2)
    assert (told["active"].behind.median, told["active"].behind.most) == (10, 60)
    assert (told["error"].behind.most, told["error"].oldest) == (90, timedelta(minutes=9))
    assert spread(range(100)) == looked.Spread(49, 98, 99)
    assert spread([]) == looked.Spread(0, 0, 0)


def test_sources_and_slots_in_figures(settings: Settings, database: Database, clock: MovableClock) -> None:
    now = clock()
    with database.write() as session:
        offers = Offers(session, now)
        offers.provider("acorn")
        offers.source("slow", "acorn")
        slow = session.get_one(Source, "slow")
        slow.expected_every, slow.last_good_at, slow.late_since = 60, now - timedelta(hours=3), now
        for job, minutes, done in (("publish", 2, True), ("editions", 20, False), ("purge", 1, False)):
            slot = now - timedelta(minutes=minutes)
            lease = slot + timedelta(minutes=5)
            session.add(JobRun(job=job, slot=slot, worker="w", lease_until=lease, finished_at=now if done else None))

    with database.read() as session:
        seen = figures(session, now)

    assert (seen.sources, seen.late, seen.oldest_word) == ({"active": 2}, 1, timedelta(hours=3))
    assert (seen.slots_open, seen.slots_abandoned, seen.schedule_age) == (2, 1, timedelta(minutes=2))


def test_the_time_from_touch_to_visible_is_measured(
    settings: Settings, database: Database, clock: MovableClock
) -> None:
    metrics = Metrics()
    worker = Worker(database, settings, clock, schedule=False, metrics=metrics)
    with database.write() as session:
        world = Offers(session, clock())
        world.provider("acorn", "SC000001")
        world.consortium("north", "acorn")
        world.vacancy("SC000001")

    clock.move(seconds=7)
    worker._publish_step()
    clock.move(days=15)  # time alone takes it off the list
    with database.read() as session:
        due = figures(session, clock()).vitals.due_age.total_seconds()
    worker._publish_step()

    text = metrics.text()[0].decode()
    assert value(text, 'placefeed_publish_delay_seconds_sum{kind="small"}') == 7
    assert value(text, 'placefeed_publish_delay_seconds_bucket{kind="small",le="5.0"}') == 0
    assert value(text, 'placefeed_publish_delay_seconds_bucket{kind="small",le="10.0"}') == 1
    assert value(text, 'placefeed_publish_delay_seconds_sum{kind="due"}') == due > 0
    assert value(text, "placefeed_published_total") == 2
    assert value(text, "placefeed_positions_total") > 2


def test_a_scrape_costs_the_database_one_look_in_a_while(
    database: Database, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(looked, "figures", lambda *_: asked.append(1))
    look = watched(database, clock)

    for _ in range(5):
        look()
    assert len(asked) == 1
    monkeypatch.setattr(looked, "KEPT_FOR", -1.0)
    look()
    assert len(asked) == 2


def test_a_process_answers_for_itself_though_its_database_is_away(tmp_path: Path, clock: MovableClock) -> None:
    metrics = Metrics()
    metrics.took_in("update", 0.1)
    away = Database(Settings(data=tmp_path, database_url="postgresql://127.0.0.1:1/none"))
    metrics.watch(watched(away, clock))

    with exposed(metrics, host="127.0.0.1", port=0) as port:
        text = httpx2.get(f"http://127.0.0.1:{port}/metrics").text

    assert value(text, "placefeed_database_up") == 0
    assert value(text, 'placefeed_intake_seconds_count{kind="update"}') == 1
    away.close()


def test_attempts_are_counted_traced_and_logged_with_their_subscription(
    settings: Settings, database: Database, clock: MovableClock, told: "Lines"
) -> None:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, metrics = InMemorySpanExporter(), Metrics()
    telemetry = telemetry_of(settings, exporter=exporter)
    telemetry.start()
    database.trace(telemetry)
    sender = Sender(database, settings.model_copy(update={"allow_loopback": True}), clock, attempted=metrics.delivered)
    with receiver() as there:
        there.says(500)
        with database.write() as session:
            row = subscribe(session, settings, "lewisham", now=clock(), url=f"{there.url}/hook")
            session.add(Notice(subscription_id=row.id, kind="test", message="msg_test", at=clock()))
            row.next_attempt_at = clock()
            session.add(row)
        sender.start()
        eventually(lambda: told.of("an attempt failed"), "the attempt was not made", seconds=20)
        sender.stop()

    (line,) = told.of("an attempt failed")
    assert (line["subscription"], line["status"]) == ("sub-1", 500)
    (span,) = (span for span in exporter.get_finished_spans() if span.name == "delivery")
    assert span.attributes is not None
    assert span.attributes["placefeed.subscription"] == "sub-1"
    text = metrics.text()[0].decode()
    assert value(text, 'placefeed_deliveries_total{channel="webhook",outcome="refused"}') == 1
    telemetry.close()


# -- the log --------------------------------------------------------------------------------------------------------


class Lines(io.StringIO):
    """The log, as JSON lines."""

    def all(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.getvalue().splitlines()]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.all() if line["event"] == event]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """The log of this test, set up as a process sets it up."""
    lines, root = Lines(), logging.getLogger()
    before = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", lines)
    logs.configure(Settings(log_json=True))
    yield lines
    root.handlers, root.level = before
    structlog.reset_defaults()


def test_a_request_is_followed_through_intake_worker_and_publication(world: World, told: Lines) -> None:
    taken = world.push("provider", feed_of(OURS), headers={"X-Request-Id": "thread-1"})
    assert taken.status_code == 202
    submission = taken.json()["submission"]

    assert submit.work(world.database, settings=world.settings, clock=world.clock)
    Worker(world.database, world.settings, world.clock, schedule=False)._publish_step()

    followed = {line["event"]: line for line in told.all() if line.get("request_id") == "thread-1"}
    assert followed.keys() >= {"request", "submission worked"}
    assert {line["submission"] for line in followed.values()} == {submission}
    assert {line["source"] for line in followed.values()} == {"example-homes-push"}
    assert [line["submissions"] for line in told.of("published")] == [[submission]]
    assert all(list(line)[:4] == ["time", "level", "event", "logger"] for line in told.all())
    assert told.of("published")[0].keys() == {
        "time", "level", "event", "logger", "settings", "positions", "position", "submissions", "ms",
    }  # fmt: skip


def test_a_small_update_is_followed_too(world: World, told: Lines) -> None:
    counts = {"asOf": "2026-07-01T13:59:00Z", "registered": 4, "occupied": 3, "reserved": 0, "available": 1}

    answer = world.call(
        "provider", "PUT", f"/v1/settings/{OURS}/capacity", json=counts, headers={"X-Request-Id": "t-2"}
    )

    (line,) = told.of("request")
    assert (line["request_id"], line["submission"]) == ("t-2", answer.json()["submission"])


def test_a_poll_is_followed_by_its_source(
    settings: Settings, database: Database, clock: MovableClock, told: Lines, tmp_path: Path
) -> None:
    desk = Desk(database, settings, clock)
    desk.provider(speaks_for=urns(1))
    folder = tmp_path / "drop"
    (folder / WORKING).mkdir(parents=True)
    with database.write() as session:
        owner = session.get_one(Source, "example-homes-push").organisation_id
        session.add(
            Source(id="dropped", organisation_id=owner, name="Dropped", transport="folder", address=str(folder), created_at=clock())
        )  # fmt: skip
    (folder / WORKING / "feed.json").write_bytes(orjson.dumps(feed_of("SC000001")))  # as one that was left behind

    sources.poll(database, "dropped", settings=settings, clock=clock)

    (line,) = told.of("feed taken")
    assert (line["source"], line["status"]) == ("dropped", 201)
    assert desk.report(line["submission"])["verdict"] == "accepted"


def test_an_error_is_logged_without_its_words(told: Lines) -> None:
    def wrong(word: str) -> None:
        raise KeyError(word)

    for log in (structlog.get_logger("ours"), logging.getLogger("theirs")):
        try:
            try:
                wrong("sesame")
            except KeyError as error:
                raise ValueError("open sesame") from error
        except ValueError:
            log.exception("it went wrong")
    try:
        raise sa.exc.OperationalError("SELECT 'sesame'", {"a": "sesame"}, OSError("the server is away"))
    except sa.exc.OperationalError:
        structlog.get_logger().exception("it is away")

    assert "sesame" not in told.getvalue()
    ours, theirs, away = told.all()
    for line in (ours, theirs):
        assert re.match(r"ValueError\n  .*test_operation.py:\d+ test_an_error", line["exception"])
        assert re.search(r"from KeyError\n(  .*\n)*  .*test_operation.py:\d+ wrong", line["exception"])
    assert away["exception"].startswith("OperationalError: the server is away\n")


# -- many processes -------------------------------------------------------------------------------------------------


def test_a_listener_that_fails_keeps_no_other_from_hearing(database: Database) -> None:
    heard: list[str] = []

    def fails(_what: str) -> None:
        raise RuntimeError

    database.bell.hook(fails)
    database.bell.hook(heard.append)
    with database.write() as session:
        tell(session, "pending")

    assert heard == ["pending"]


@pytest.mark.postgres
@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_a_process_is_woken_by_another_and_hears_what_it_missed(settings: Settings, database: Database) -> None:
    other = Database(settings)
    other.listen()
    try:
        eventually(lambda: other.bell.count("published") == 1, "what was told before anybody listened", seconds=20)
        heard = other.bell.count("pending")
        with database.write() as session:
            touch(session, ["SC000001"], at=MovableClock()(), bulk=False)
        assert other.bell.wait("pending", heard, 20), "nothing polls here: only a notification can ring it"

        heard = other.bell.count("submission")
        with database.write() as session:
            cut = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
            assert session.execute(sa.text(cut)).scalar_one() == 1
        with database.write() as session:
            tell(session, "submission")  # nobody hears it
        assert other.bell.wait("submission", heard, 20)
    finally:
        other.close()
    assert not any(thread.name == "placefeed-listen" for thread in threading.enumerate())


@pytest.mark.postgres
@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_of_two_workers_the_other_leads_and_publishes_when_one_is_killed(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    environment = {
        "PLACEFEED_DATA": str(settings.data),
        "PLACEFEED_SECRET": "s" * 40,
        "PLACEFEED_DATABASE_URL": str(settings.database_url),
        "PLACEFEED_LOG_JSON": "true",
    }
    workers = [
        Process(["worker", "--metrics-port", "0"], environment, tmp_path / f"worker-{number}.log") for number in (1, 2)
    ]
    for worker in workers:
        worker.start()
    try:
        ports = [eventually(lambda worker=worker: _port(worker.log), "a worker did not start") for worker in workers]

        def leading() -> list[int]:
            return [index for index, port in enumerate(ports) if value(_scrape(port), "placefeed_leader") == 1]

        (first,) = eventually(leading, "nobody leads")
        offer(database)
        eventually(lambda: listed(database), "nothing was published")
        assert sum(value(_scrape(port), "placefeed_published_total") for port in ports) >= 1

        workers[first].kill()
        ports[first] = ports[1 - first]
        eventually(lambda: leading() == [0, 1], "nobody leads after the leader was killed")
        with database.write() as session:
            session.execute(sa.delete(Listing))
            touch(session, ["SC000001"], at=system_clock(), bulk=False)
        eventually(lambda: listed(database), "nothing is published any more")
    finally:
        for worker in workers:
            if worker.running is not None and worker.running.poll() is None:
                worker.running.send_signal(signal.SIGTERM)
                worker.running.wait(30)


def _port(log: Path) -> int | None:
    found = re.search(r"Metrics are at http://127.0.0.1:(\d+)/metrics", log.read_text())
    return int(found[1]) if found else None


def _scrape(port: int) -> str:
    return httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=20).text


def offer(database: Database) -> None:
    with database.write() as session:
        world = Offers(session, system_clock())
        world.provider("acorn", "SC000001")
        world.consortium("north", "acorn")
        world.vacancy("SC000001")


def listed(database: Database) -> bool:
    with database.read() as session:
        return session.exec(select(Listing.id).where(Listing.state == "updated")).first() is not None
