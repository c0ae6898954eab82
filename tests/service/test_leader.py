"""One process leads, each slot has one effect, and the dead are followed."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.leader import abandoned, claim, finish, lock_for, run_slot
from placefeed.service.tables import JobRun
from tests.service.conftest import MovableClock

SLOT = datetime(2026, 7, 1, 14, 0, tzinfo=UTC)
LEASE = timedelta(minutes=5)
ROOT = Path(__file__).parents[2]

HOLDER = """
import os, sys, time
from datetime import timedelta
from placefeed.service import db, leader
from placefeed.service.config import Settings

leader.IDLE_LIMIT = timedelta(seconds=2)
settings = Settings.model_validate_json(os.environ["SETTINGS"])
settings.secret = None
lock = leader.lock_for(db.Database(settings))
while True:
    print("leads" if lock.hold() else "follows", flush=True)
    time.sleep(0.3)
"""


def test_a_slot_is_claimed_once(database: Database) -> None:
    won: list[int | None] = []
    threads = [
        threading.Thread(target=lambda: won.append(claim(database, "editions", SLOT, lease=LEASE, now=SLOT)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won, key=str) == [1, *[None] * 7]


def test_a_slot_whose_worker_died_runs_again(database: Database, clock: MovableClock) -> None:
    assert claim(database, "editions", SLOT, lease=LEASE, now=clock()) == 1
    assert abandoned(database, clock()) == []
    clock.move(minutes=6)
    assert abandoned(database, clock()) == [("editions", SLOT)]

    outcome = run_slot(database, "editions", SLOT, lambda: "done", lease=LEASE, clock=clock)

    assert outcome == "done"
    assert abandoned(database, clock()) == []
    with database.read() as session:
        assert session.exec(select(JobRun.attempt, JobRun.outcome)).one() == (2, "done")


def test_a_worker_that_comes_back_late_cannot_finish_for_its_successor(database: Database, clock: MovableClock) -> None:
    claim(database, "editions", SLOT, lease=LEASE, now=clock())
    clock.move(minutes=6)
    claim(database, "editions", SLOT, lease=LEASE, now=clock())

    assert not finish(database, "editions", SLOT, attempt=1, outcome="late", now=clock())
    assert finish(database, "editions", SLOT, attempt=2, outcome="done", now=clock())


def test_a_job_that_fails_is_recorded_and_does_not_end_the_schedule(database: Database, clock: MovableClock) -> None:
    def fail() -> str:
        raise ValueError("the disk is full")

    outcome = run_slot(database, "editions", SLOT, fail, lease=LEASE, clock=clock)

    assert outcome == "failed: ValueError: the disk is full"
    assert run_slot(database, "editions", SLOT, lambda: "again", lease=LEASE, clock=clock) is None


def test_only_one_leads_and_another_follows_when_it_lets_go(settings: Settings) -> None:
    first, second = (lock_for(Database(settings)) for _ in range(2))
    assert first.hold()
    assert first.hold()
    assert not second.hold()

    first.release()

    assert second.hold()
    second.release()


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_or_frozen_leader_is_replaced(settings: Settings, fault: signal.Signals) -> None:
    if fault is signal.SIGSTOP and settings.database_url is None:
        # A frozen process on SQLite's one host keeps the file lock; nobody else could serve that file's publisher either.
        return
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        env={**os.environ, "SETTINGS": settings.model_dump_json(exclude={"secret"})},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "leads"
        lock = lock_for(Database(settings))
        assert not lock.hold()

        process.send_signal(fault)

        deadline = time.monotonic() + 15
        while not lock.hold():
            assert time.monotonic() < deadline, "nobody took over"
            time.sleep(0.1)
        if fault is signal.SIGSTOP:
            process.send_signal(signal.SIGCONT)
            assert any("follows" in process.stdout.readline() for _ in range(20))
        lock.release()
    finally:
        process.kill()
        process.communicate()
