"""Who runs the schedule: one process at a time, and each slot of each job with one effect.

```
elect ──lock held──> leader ──each slot──> claim (insert job_run) ──run──> finish
  ^                     │ connection lost, frozen                └─ died: past its lease another claims it again
  └─────────────────────┘
```
The lock elects who tries; the claim is what makes a slot run once.
"""

import contextlib
import fcntl
import os
import socket
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import IO, Final, Protocol

import psycopg
import sqlalchemy as sa
import structlog
from sqlmodel import Session, col

from placefeed.service.clock import Clock
from placefeed.service.db import CONNECT, LEADER_LOCK, Database, insert
from placefeed.service.tables import JobRun

log = structlog.get_logger(__name__)

IDLE_LIMIT = timedelta(seconds=15)
"""The server drops a leader's connection that says nothing for so long (a frozen process): another can then lead."""

GIVEN_UP: Final = "given up"
"""What came of a slot that was put down and tried as often as it may be."""

LEADS_AS = "placefeed leads "
"""Begins the name of a leader's connection."""


class Lock(Protocol):
    """Holds the leadership while it can."""

    def hold(self) -> bool:
        """Take or keep the lock; True while it is ours. Called every few seconds."""
        ...

    def release(self) -> None:
        """Let another lead."""
        ...


class PostgresLock:
    """An advisory lock on a connection of its own, never from a pool."""

    def __init__(self, database: Database) -> None:
        self._conninfo = database.conninfo
        self._connection: psycopg.Connection | None = None

    def hold(self) -> bool:
        """See Lock."""
        try:
            if self._connection is None:
                milliseconds = int(IDLE_LIMIT.total_seconds() * 1000)
                self._connection = psycopg.connect(
                    self._conninfo,
                    autocommit=True,
                    options=f"-c idle_session_timeout={milliseconds}",
                    application_name=f"{LEADS_AS}{worker_name()}"[:63],  # who leads, for whoever looks
                    **{**CONNECT, "connect_timeout": 5},
                )
                row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", (LEADER_LOCK,)).fetchone()
                if not (row and row[0]):
                    self.release()
                    return False
                return True
            self._connection.execute("SELECT 1")
        except psycopg.Error as error:
            log.warning("leadership lost with the database connection", error=type(error).__name__)
            self.release()
            return False
        return True

    def release(self) -> None:
        """See Lock."""
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


class FileLock:
    """On SQLite, which is one host: a lock on a file beside the database."""

    def __init__(self, database: Database) -> None:
        self._path = lock_path(database)
        self._file: IO[str] | None = None

    def hold(self) -> bool:
        """See Lock."""
        if self._file is not None:
            return True
        file = open(self._path, "a")  # noqa: SIM115 - it stays open for as long as we lead
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        file.truncate(0)  # who leads, for whoever looks; since when is the file's own time
        file.write(worker_name())
        file.flush()
        self._file = file
        return True

    def release(self) -> None:
        """See Lock."""
        if self._file is not None:
            self._file.close()
            self._file = None


def lock_path(database: Database) -> str:
    """The file that who leads on SQLite has locked."""
    return f"{database.url.database}.lock"


def lock_for(database: Database) -> Lock:
    """The kind of lock that fits the database."""
    return PostgresLock(database) if database.dialect == "postgresql" else FileLock(database)


def worker_name() -> str:
    """Who claims: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def claim(database: Database, job: str, slot: datetime, *, lease: timedelta, now: datetime) -> int | None:
    """Claim one slot of a job; the attempt's number, or None where another has it or it is finished."""
    with database.write() as session:
        row = {"job": job, "slot": slot, "worker": worker_name(), "attempt": 1, "lease_until": now + lease}
        first = session.execute(
            insert(session, JobRun).values(row).on_conflict_do_nothing().returning(col(JobRun.attempt))
        ).scalar_one_or_none()
        if first is not None:
            return int(first)
        again = session.execute(
            sa.update(JobRun)
            .where(
                col(JobRun.job) == job,
                col(JobRun.slot) == slot,
                col(JobRun.finished_at).is_(None),
                col(JobRun.lease_until) < now,
            )
            .values(worker=worker_name(), attempt=col(JobRun.attempt) + 1, lease_until=now + lease)
            .returning(col(JobRun.attempt))
        ).scalar_one_or_none()
        return None if again is None else int(again)


def finish(database: Database, job: str, slot: datetime, *, attempt: int, outcome: str, now: datetime) -> bool:
    """Say how a slot ended; False when the lease had passed to another in the meantime."""
    with database.write() as session:
        result = session.execute(
            sa.update(JobRun)
            .where(col(JobRun.job) == job, col(JobRun.slot) == slot, col(JobRun.attempt) == attempt)
            .values(finished_at=now, outcome=outcome[:2000])
            .returning(col(JobRun.attempt))
        ).scalar_one_or_none()
        return result is not None


def abandoned(database: Database, now: datetime) -> list[tuple[str, datetime]]:
    """Slots whose worker died: claimed, not finished, lease over."""
    with database.read() as session:
        rows = session.execute(
            sa.select(JobRun.job, JobRun.slot).where(col(JobRun.finished_at).is_(None), col(JobRun.lease_until) < now)  # type: ignore[call-overload]
        ).all()
        return [(row[0], row[1]) for row in rows]


def run_slot(
    database: Database, job: str, slot: datetime, call: Callable[[], str], *, lease: timedelta, clock: Clock
) -> str | None:
    """Run one slot if it is ours to run: claim, call, finish. None where another has it.

    A job that fails is finished with its error, said once in the log: its next slot tries again.
    """
    attempt = claim(database, job, slot, lease=lease, now=clock())
    if attempt is None:
        return None
    try:
        outcome = call()
    except Exception as error:  # a failed job must not end the schedule; it is logged and recorded
        log.exception("job failed", job=job, slot=slot.isoformat())
        outcome = f"failed: {type(error).__name__}: {error}"
    finish(database, job, slot, attempt=attempt, outcome=outcome, now=clock())
    return outcome


# -- slots put down beforehand ------------------------------------------------------------------------------------------


def put_down(session: Session, job: str, slot: datetime, *, after: datetime) -> None:
    """Put down a slot that nobody has run yet, in the transaction that makes it necessary; `run_put_down` runs it, once, `after` this."""
    row = {"job": job, "slot": slot, "worker": "", "attempt": 0, "lease_until": after}
    session.execute(insert(session, JobRun).values(row).on_conflict_do_nothing())


def run_put_down(
    database: Database,
    prefix: str,
    run: Callable[[str, datetime, datetime], str | None],
    *,
    again_after: timedelta,
    attempts: int,
    clock: Clock,
) -> Counter[str]:
    """Run what is put down under this prefix: `run(job, slot, now)` says what came of it, or None where it is worth another attempt.

    Each is claimed, so that of several workers one runs it, and tried again after `again_after`, `attempts` times. Returns how many
    ended how.
    """
    now = clock()
    with database.read() as session:
        waiting = session.execute(
            sa.select(JobRun.job, JobRun.slot)  # type: ignore[call-overload]
            .where(col(JobRun.job).startswith(prefix), col(JobRun.finished_at).is_(None), col(JobRun.lease_until) < now)
            .order_by(col(JobRun.slot), col(JobRun.job))
        ).all()
    ended: Counter[str] = Counter()
    for job, slot in waiting:
        attempt = claim(database, job, slot, lease=again_after, now=clock())
        if attempt is None:
            continue
        outcome = run(job, slot, clock())
        if outcome is None and attempt < attempts:
            continue  # when the lease is over, another attempt
        ended[outcome or GIVEN_UP] += 1
        finish(database, job, slot, attempt=attempt, outcome=outcome or GIVEN_UP, now=clock())
    return ended
