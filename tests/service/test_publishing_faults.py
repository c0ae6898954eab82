"""The publisher under crash, freeze and rivals: nothing pending is lost, nothing is published twice or out of order."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import orjson
import pytest
from sqlmodel import col, func, select

from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.pending import touch
from placefeed.service.publishing import publisher
from placefeed.service.publishing.publisher import publish_all, publish_once
from placefeed.service.publishing.sight import view_of
from placefeed.service.publishing.since import since
from placefeed.service.tables import Change, Listing, Pending
from tests.service.conftest import MovableClock
from tests.service.test_log import Follower, as_seen
from tests.service.world import World

HOMES = [f"SC{number:06}" for number in range(12)]
ROOT = Path(__file__).parents[2]

CHILD = """
import os, signal, sys
from datetime import datetime, UTC
from placefeed.service.config import Settings
from placefeed.service import db
from placefeed.service.publishing import publisher, log

db.PUBLISH_TIMEOUT = "2s"
settings = Settings.model_validate_json(os.environ["SETTINGS"])
settings.secret = None
database = db.Database(settings)
step, fault = sys.argv[1], getattr(signal, sys.argv[2])
room, name = {"after-delete": (publisher, "publish_settings"), "before-commit": (log.Writer, "close")}[step]
real = getattr(room, name)

def faulty(*args, **kwargs):
    result = real(*args, **kwargs) if step == "before-commit" else None
    print("at the fault", flush=True)
    os.kill(os.getpid(), fault)
    return real(*args, **kwargs) if result is None else result

setattr(room, name, faulty)
try:
    with database.write() as session:
        publisher.publish_once(session, settings=settings, now=datetime(2026, 7, 1, 14, tzinfo=UTC))
    print("published", flush=True)
except Exception as error:
    print("cut off", type(error).__name__, flush=True)
"""


@pytest.fixture
def twelve_homes(database: Database, clock: MovableClock) -> None:
    with database.write() as session:
        world = World(session, clock.instant)
        world.provider("acorn", *HOMES)
        world.consortium("north", "acorn")
        world.member("leeds", "north")
        for home in HOMES:
            world.vacancy(home)


def child(settings: Settings, step: str, fault: signal.Signals) -> subprocess.Popen[str]:
    """A publisher of its own that meets the fault at the step."""
    exchange = settings.model_dump_json(exclude={"secret"})
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), step, fault.name],
        env={**os.environ, "SETTINGS": exchange},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def published(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.exec(select(Listing.urn).where(Listing.state == "updated")))


@pytest.mark.parametrize("step", ["after-delete", "before-commit"])
def test_a_publisher_that_is_killed_loses_nothing_and_repeats_nothing(
    database, settings, clock, twelve_homes, step
) -> None:
    process = child(settings, step, signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, output
    assert published(database) == set()

    publish_all(database, settings, clock)

    assert published(database) == set(HOMES)
    with database.read() as session:
        assert session.exec(select(func.count()).select_from(Pending)).one() == 0
        assert session.exec(select(func.count()).select_from(Change)).one() == len(HOMES)


@pytest.mark.postgres
@pytest.mark.parametrize("settings", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
@pytest.mark.parametrize("step", ["after-delete", "before-commit"])
def test_a_frozen_publisher_is_cut_off_and_never_appears_behind_its_successor(
    database, settings, clock, twelve_homes, step
) -> None:
    process = child(settings, step, signal.SIGSTOP)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "at the fault"
    started = time.monotonic()

    publish_all(database, settings, clock)  # waits for the frozen one's lock until the server cuts it off

    assert time.monotonic() - started < 20
    assert published(database) == set(HOMES)
    with database.read() as session:
        before = session.exec(select(Listing.id, Listing.position).order_by(col(Listing.position))).all()
    process.send_signal(signal.SIGCONT)
    output, _ = process.communicate(timeout=60)
    assert "published" not in output
    with database.read() as session:
        assert session.exec(select(Listing.id, Listing.position).order_by(col(Listing.position))).all() == before


@pytest.mark.postgres
@pytest.mark.parametrize("settings", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_an_intake_that_commits_after_the_delete_is_published_next(
    database, settings, clock, twelve_homes, monkeypatch
) -> None:
    real = publisher.publish_settings
    taken = []

    def meanwhile(session, writer, urns, **given) -> None:
        real(session, writer, urns, **given)
        if not taken:
            taken.extend(urns)
            with database.write() as other:  # commits between the publisher's reading and its commit
                World(other, clock.instant, dict.fromkeys(HOMES, "acorn")).vacancy(HOMES[0], places=3)

    monkeypatch.setattr(publisher, "publish_settings", meanwhile)
    with database.write() as session:
        publish_once(session, settings=settings, now=clock())
    publish_all(database, settings, clock)

    with database.read() as session:
        body = session.exec(select(Listing.body).where(Listing.urn == HOMES[0])).one()
    assert orjson.loads(body)["vacancy"]["places"] == 3


def test_rival_publishers_and_writers_leave_one_order(database, settings, clock, twelve_homes) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def guarded(call) -> None:
        try:
            call()
        except BaseException as error:
            failures.append(error)
            raise

    def write(number: int) -> None:
        for turn in range(12):
            with database.write() as session:
                world = World(session, clock.instant, dict.fromkeys(HOMES, "acorn"))
                world.vacancy(HOMES[(turn + number) % len(HOMES)], f"w{number}", places=turn + 1)
                touch(session, [HOMES[turn]], at=clock(), bulk=True)

    def publish() -> None:
        while not stop.is_set():
            with database.write() as session:
                publish_once(session, settings=settings.model_copy(update={"publish_batch": 3}), now=clock())

    reader = Follower("leeds")

    def follow() -> None:
        while not stop.is_set():
            reader.read(database, clock(), set(), pages=50)

    writers = [threading.Thread(target=guarded, args=(lambda number=number: write(number),)) for number in range(3)]
    others = [threading.Thread(target=guarded, args=(call,)) for call in (publish, publish, follow)]
    for thread in [*writers, *others]:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in others:
        thread.join()
    assert failures == []
    publish_all(database, settings, clock)
    reader.read(database, clock(), set(), pages=10_000)

    assert reader.positions == sorted(set(reader.positions))
    with database.read() as session:
        view = view_of(session, "leeds", clock())
        rows = session.exec(select(Listing).where(Listing.state == "updated")).all()
        assert reader.held == {row.id: as_seen(row, view) for row in rows if view.sees(row.audiences)}
        entries, _ = since(session, view, 0, member="leeds", limit=10_000)
    assert {entry.id for entry in entries if entry.visible} == set(reader.held)
    assert len(reader.held) == len(HOMES) + 36
