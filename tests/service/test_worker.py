"""The background: what is pending is published at once, each job of the table runs, and it stops when asked."""

import shutil
import time
from pathlib import Path

import pytest
from sqlmodel import select

from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.schedule import Schedule, job, table
from placefeed.service.tables import JobRun, Listing, RegisterFile
from placefeed.service.worker import Worker
from tests.service.conftest import MovableClock
from tests.service.world import World

SAMPLES = Path(__file__).parents[1] / "adapters" / "samples" / "ofsted"


def offer(database: Database, clock: MovableClock) -> None:
    with database.write() as session:
        world = World(session, clock.instant)
        world.provider("acorn", "SC000001")
        world.consortium("north", "acorn")
        world.vacancy("SC000001")


def until(check, *, seconds: float) -> float:
    """Wait for something to become true; returns how long it took."""
    started = time.monotonic()
    while not check():
        assert time.monotonic() - started < seconds, "it did not happen in time"
        time.sleep(0.01)
    return time.monotonic() - started


def listed(database: Database) -> int:
    with database.read() as session:
        return len(session.exec(select(Listing.id).where(Listing.state == "updated")).all())


def test_the_worker_publishes_when_the_bell_rings(database: Database, settings: Settings, clock: MovableClock) -> None:
    worker = Worker(database, settings, clock, schedule=False)
    worker.start()
    try:
        offer(database, clock)
        until(lambda: listed(database) == 1, seconds=5)

        clock.move(days=15)  # nothing rings: time alone takes it off the list
        until(lambda: listed(database) == 0, seconds=10)
    finally:
        started = time.monotonic()
        worker.stop()
    assert time.monotonic() - started < 5


def test_one_of_two_workers_leads(database: Database, settings: Settings, clock: MovableClock) -> None:
    workers = [Worker(database, settings, clock) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        until(lambda: any(worker.leads for worker in workers), seconds=10)
        assert sum(worker.leads for worker in workers) == 1
    finally:
        for worker in workers:
            worker.stop()


@pytest.mark.parametrize("name", [row.name for row in table(Settings())])
def test_each_job_of_the_table_runs(database: Database, settings: Settings, clock: MovableClock, name: str) -> None:
    offer(database, clock)

    outcome = job(settings, name).call(database, settings, clock)

    assert isinstance(outcome, str)
    assert outcome


def test_a_slot_has_one_effect_though_two_schedules_run_it(
    database: Database, settings: Settings, clock: MovableClock
) -> None:
    row = job(settings, "publish")

    for _process in range(2):
        Schedule(database, settings, clock)._run(row)

    with database.read() as session:
        assert [run.job for run in session.exec(select(JobRun))] == ["publish"]


def test_ofsted_files_in_the_folder_are_imported_once(
    database: Database, settings: Settings, clock: MovableClock
) -> None:
    folder = settings.data / "ofsted"
    folder.mkdir()
    sample = sorted(SAMPLES.glob("*2025*.csv"))[0]
    shutil.copy(sample, folder)
    (folder / "notes.csv").write_text("this is no list of Ofsted's\n")
    refresh = job(settings, "refresh-ofsted").call

    first, second = refresh(database, settings, clock), refresh(database, settings, clock)

    assert f"{sample.name}:" in first
    assert "notes.csv: not imported" in first
    assert sample.name not in second
    with database.read() as session:
        assert len(session.exec(select(RegisterFile)).all()) == 1
