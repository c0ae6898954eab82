"""Large submissions are worked here, a chunk a transaction, by whichever worker claims them; what a dead one leaves, the next goes on with.

```
working ──claim (lease, attempt)──> chunk + offset, chunk + offset, ... ──> withdrawals ──> done | rejected
   ^──────────lease over─────────────────┘            five workers died of it ──> failed, with an alert
```
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col, select
from structlog.contextvars import bound_contextvars

from placefeed.adapters.base import AdapterError
from placefeed.service.clock import Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database, tell
from placefeed.service.intake.closing import carry_out, plan
from placefeed.service.intake.ending import describe, end, refused_whole, restore, shaped
from placefeed.service.intake.observe import lock_source
from placefeed.service.intake.opening import Unreadable, begin_reading
from placefeed.service.intake.quiet import quiet_collector, sweep
from placefeed.service.intake.reading import Reading
from placefeed.service.intake.spool import Spool, SpoolDamaged
from placefeed.service.tables import Alert, Source, Submission

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)  # a worker that says nothing for so long is taken for dead
ATTEMPTS = 5
SWEEP_EVERY = 20  # chunks between two collections of cycles


@dataclass(slots=True)
class _Claim:
    """A submission that this worker works, for as long as its lease holds."""

    id: str
    attempt: int
    offset: int
    source_id: str
    request_id: str | None


class LeaseLost(Exception):
    """Another worker has taken over: stop, it goes on from the last commit."""


def work(
    database: Database,
    *,
    settings: Settings,
    clock: Clock,
    stop: Event | None = None,
    worked: Callable[[float], None] | None = None,
) -> bool:
    """Claim one large submission and work it to its end, a chunk a transaction. False when there is none.

    With `stop` set it ends after the chunk it is in; whoever claims the submission next goes on from there. `worked` is told
    the seconds from received to done.
    """
    claim = _claim(database, settings=settings, clock=clock)
    if claim is None:
        return False
    known = {"submission": claim.id, "source": claim.source_id}
    request = {"request_id": claim.request_id} if claim.request_id else {}
    with bound_contextvars(**known, **request), database.telemetry.span("intake.work", **known):
        try:
            with quiet_collector():
                _work(database, claim, settings=settings, clock=clock, stop=stop)
        except LeaseLost:
            log.warning("another worker has taken over a submission")
            return True
        _say(database, claim, worked)
    return True


def _say(database: Database, claim: _Claim, worked: Callable[[float], None] | None) -> None:
    """Say in the log what became of it."""
    with database.read() as session:
        row = session.get(Submission, claim.id)
    if row is None or row.finished_at is None:
        return
    log.info("submission worked", state=row.state, records=row.record_offset)
    if worked is not None:
        worked((row.finished_at - row.received_at).total_seconds())


def _claim(database: Database, *, settings: Settings, clock: Clock) -> _Claim | None:
    with database.read() as session:  # most looks find nothing, and need not wait for the writer
        if session.exec(select(Submission.id).where(Submission.state == "working").limit(1)).first() is None:
            return None
    with database.write() as session:
        now = clock()
        row = session.exec(
            select(Submission)
            .where(
                Submission.state == "working",
                col(Submission.spool).is_not(None),
                sa.or_(col(Submission.lease_until).is_(None), col(Submission.lease_until) < now),
            )
            .order_by(col(Submission.received_at), col(Submission.id))
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        if row is None:
            return None
        if row.attempt >= ATTEMPTS:
            _give_up(session, row, now)
            return _Claim(row.id, -1, 0, row.source_id, row.request_id)
        row.attempt += 1
        row.lease_until = now + LEASE
        session.add(row)
        return _Claim(row.id, row.attempt, row.record_offset, row.source_id, row.request_id)


def _give_up(session: Session, submission: Submission, now: datetime) -> None:
    """Five workers died of it: keep the spooled bytes for the operator and tell."""
    submission.state = "failed"
    submission.finished_at = now
    session.add(submission)
    session.add(
        Alert(
            at=now,
            kind="submission-failed",
            severity="urgent",
            message=f"Submission {submission.id} could not be worked in {ATTEMPTS} attempts. Its content is kept; see the log for the cause.",
            organisation_id=submission.organisation_id,
            source_id=submission.source_id,
        )
    )


def _work(database: Database, claim: _Claim, *, settings: Settings, clock: Clock, stop: Event | None) -> None:
    if claim.attempt < 0:
        return
    spool = Spool(settings)
    with database.read() as session:
        submission = _loaded(session, claim)
        source = _source(session, submission)
        session.expunge_all()
    if submission.spool is None:
        raise LeaseLost  # ended by another since we claimed it
    try:
        with spool.reader(submission.spool) as stream:
            with database.read() as session:
                reading = begin_reading(
                    session, submission, source, body=stream, settings=settings, now=submission.received_at
                )
            if claim.offset:
                restore(reading.report, submission.report or {})
            reading.bulk = True
            if not _records(database, claim, reading, clock, stop):
                return
            _close(database, claim, reading, clock)
    except (AdapterError, Unreadable, SpoolDamaged, FileNotFoundError) as error:
        with database.write() as session:
            submission = _held(session, claim, clock())
            refused_whole(session, _source(session, submission), submission, error, now=clock())
            submission.spool = None
            session.add(submission)
    with database.read() as session:
        ended = session.get(Submission, claim.id)
        named = None if ended is None else ended.spool
    if named is None and submission.spool is not None:
        spool.remove(submission.spool)


def _records(database: Database, claim: _Claim, reading: Reading, clock: Clock, stop: Event | None) -> bool:
    """Take the records, a chunk a transaction; False where the worker was told to stop before the end."""
    while judged := reading.next():
        if reading.chunks % SWEEP_EVERY == SWEEP_EVERY - 1:
            sweep()
        if reading.read + len(judged) <= claim.offset:
            with database.read() as session:
                reading.skip(session, _source(session, _loaded(session, claim)), judged)
            continue
        with database.write() as session:
            submission = _held(session, claim, clock())
            reading.now = clock()
            reading.take(session, _source(session, submission), judged)
            describe(submission, reading)
            submission.record_offset = reading.read
            submission.report = shaped(submission, reading.report)
            session.add(submission)
        if stop is not None and stop.is_set():
            _let_go(database, claim, clock)
            return False
    return True


def _close(database: Database, claim: _Claim, reading: Reading, clock: Clock) -> None:
    with database.write() as session:
        reading.now = clock()
        source = _source(session, _held(session, claim, reading.now))
        lock_source(session, source.id)
        closing = plan(session, reading, source)
    for step in closing.steps():
        with database.write() as session:
            carry_out(session, reading, _source(session, _held(session, claim, clock())), step=step)
    with database.write() as session:
        submission = _held(session, claim, clock())
        source = _source(session, submission)
        submission.spool = None
        end(session, source, submission, reading, clock())
        tell(session, "submission")


def _held(session: Session, claim: _Claim, now: datetime) -> Submission:
    """The submission, with the lease renewed. Raises LeaseLost where another worker has it."""
    done: Any = session.execute(
        sa.update(Submission)
        .where(
            col(Submission.id) == claim.id, col(Submission.attempt) == claim.attempt, col(Submission.state) == "working"
        )
        .values(lease_until=now + LEASE)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount != 1:
        raise LeaseLost
    return _loaded(session, claim)


def _let_go(database: Database, claim: _Claim, clock: Clock) -> None:
    """Give the submission back, so that the next worker need not wait for the lease to end."""
    with database.write() as session:
        submission = _held(session, claim, clock())
        submission.lease_until = None
        submission.attempt -= 1
        session.add(submission)
        tell(session, "submission")


def _loaded(session: Session, claim: _Claim) -> Submission:
    return session.exec(
        select(Submission).where(Submission.id == claim.id).execution_options(populate_existing=True)
    ).one()


def _source(session: Session, submission: Submission) -> Source:
    return session.exec(select(Source).where(Source.id == submission.source_id)).one()
