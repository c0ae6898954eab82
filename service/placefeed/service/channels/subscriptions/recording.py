"""What came of attempts, many in one transaction: each is logged, and moves its subscription on if the claim still stands.

A worker that was frozen past its lease finds its claim gone: what it sent is logged and otherwise left to who has it now.
"""

from collections.abc import Iterable, Sequence, Set
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.channels.many_rows import ManyRows, OfIds
from placefeed.service.channels.subscriptions import life, retries
from placefeed.service.channels.subscriptions.outcomes import EVENTS, HANDSHAKE, TEST, Job, Outcome
from placefeed.service.channels.subscriptions.timetable import due_at
from placefeed.service.channels.subscriptions.wishes import WEBHOOK
from placefeed.service.clock import iso
from placefeed.service.tables import Delivery, Notice, Subscription

NOTHING: Set[str] = frozenset()
_SUBSCRIPTION = Subscription.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_NOTICE = Notice.__table__  # type: ignore[attr-defined]  # as above
_COLUMNS = [
    _SUBSCRIPTION.c[name] for name in ("id", "claim", "state", "channel", "delivered", "attempt", "failing_since")
]
# In the order of their ids: who locks several does it in this order everywhere.
_LOCKED = OfIds(
    lambda among: sa.select(*_COLUMNS).where(among(_SUBSCRIPTION.c.id)).order_by(_SUBSCRIPTION.c.id).with_for_update()
)
_KINDS = OfIds(
    lambda among: (
        sa.select(_NOTICE.c.subscription_id, _NOTICE.c.kind)
        .where(among(_NOTICE.c.subscription_id), _NOTICE.c.state == "waiting")
        .distinct()
    )
)
_HEARD = ManyRows(
    Subscription, "id", "delivered", "attempt", "failing_since", "heard_at", "next_attempt_at", "claim", "lease_until", key="id"
)  # fmt: skip
_FAILED = ManyRows(Subscription, "id", "attempt", "failing_since", "next_attempt_at", "claim", "lease_until", key="id")
_SENT = ManyRows(Notice, "id", "state", "sent_at", "body", key="id")
_DELIVERIES = ManyRows(
    Delivery, "subscription_id", "kind", "message", "first", "last", "at", "ms", "attempt", "ok", "status", "error", "answer"
)  # fmt: skip


class Result(NamedTuple):
    """One attempt that has ended."""

    job: Job
    outcome: Outcome
    ms: int


def record(session: Session, results: Sequence[Result], now: datetime) -> None:
    """Log these attempts and let their subscriptions go on: to what waits, to the next attempt, or to an end."""
    ids = sorted({result.job.subscription.id for result in results})
    rows = {row.id: row for row in _LOCKED.rows(session, ids)}
    # What was deleted meanwhile is forgotten, attempts and all.
    known = [result for result in results if result.job.subscription.id in rows]
    _DELIVERIES.write(session, [_delivery(result) for result in known])
    ours = [result for result in known if rows[result.job.subscription.id].claim == result.job.claim]
    notices: list[tuple[Any, ...]] = []
    for job, outcome, _ in ours:
        if outcome.ok:
            notices += [(notice.id, "sent", now, None) for notice in job.notices]
        elif job.kind == TEST:  # it was tried once; the answer stands among the deliveries
            notices += [(notice.id, "expired", None, None) for notice in job.notices]
    _SENT.write(session, notices)
    waiting = _waiting(session, [result.job.subscription.id for result in ours])
    heard, failed = [], []
    for result in ours:
        row = rows[result.job.subscription.id]
        at = waiting.get(row.id, NOTHING)
        if result.outcome.ok:
            heard.append(_heard(session, row, result.job, now, at))
        else:
            failed.append(_failed(row, result, now, at))
    _HEARD.write(session, heard)
    _FAILED.write(session, [after for after, _reason in failed])
    for after, reason in failed:
        if reason is not None:
            life.fail(session, session.get_one(Subscription, after[0]), reason, now)


def release(session: Session, jobs: Iterable[Job]) -> None:
    """Give claims back whose attempts were broken off: they are due again at once."""
    for job in jobs:
        session.execute(
            sa.update(Subscription)
            .where(col(Subscription.id) == job.subscription.id, col(Subscription.claim) == job.claim)
            .values(claim=None, lease_until=None)
            .execution_options(synchronize_session=False)
        )


def _waiting(session: Session, ids: Sequence[str]) -> dict[str, set[str]]:
    """What still waits for each: kinds of notice."""
    waiting: dict[str, set[str]] = {}
    for subscription_id, kind in _KINDS.rows(session, ids):
        waiting.setdefault(subscription_id, set()).add(kind)
    return waiting


def _heard(session: Session, row: Any, job: Job, now: datetime, waiting: Set[str]) -> tuple[Any, ...]:
    """How a subscription stands after a message that was taken."""
    state = row.state
    if job.kind == HANDSHAKE and row.channel == WEBHOOK and state == "requested":
        state = "active"
        own = sa.update(Subscription).where(col(Subscription.id) == row.id)
        session.execute(own.values(state=state, changed_at=now).execution_options(synchronize_session=False))
    delivered = max(row.delivered, job.last or 0) if job.kind == EVENTS else row.delivered
    next_at = _next(job.subscription.document, row.channel, state, now, None, waiting)
    return row.id, delivered, 0, None, now, next_at, None, None


def _failed(row: Any, result: Result, now: datetime, waiting: Set[str]) -> tuple[tuple[Any, ...], str | None]:
    """How a subscription stands after a message that was not taken, and why it ends, if it does."""
    job, outcome, _ = result
    attempt, failing_since = row.attempt, row.failing_since
    wait: timedelta | None = None
    reason: str | None = None
    if job.kind == TEST:
        wait = (
            retries.after(attempt, EVENTS, outcome) if attempt else None
        )  # as it was before somebody asked for a test
    elif outcome.gone:
        reason = f"The receiver takes nothing any more ({outcome.status}). {outcome.error or ''}".strip()
    else:
        attempt, failing_since = attempt + 1, failing_since or now
        wait = retries.after(attempt, job.kind, outcome)
        if wait is None:
            last = outcome.error or "It gave no reason."
            reason = f"{attempt} attempts in a row have failed, the first at {iso(failing_since)}. The last one: {last}"
    next_at = _next(job.subscription.document, row.channel, row.state, now, wait, waiting)
    return (row.id, attempt, failing_since, next_at, None, None), reason


def _next(
    document: dict[str, Any], channel: str, state: str, now: datetime, wait: timedelta | None, waiting: Set[str]
) -> datetime | None:
    """When to look at a subscription again: for a handshake or test at once, else after the wait that a failure asks for, for
    what waits by its timetable, or for its heartbeat."""
    if state not in ("active", "requested"):
        return None
    if TEST in waiting or (HANDSHAKE in waiting and wait is None):
        return now
    if wait is not None:
        return now + wait
    if state != "active":
        return None
    if EVENTS in waiting:
        return due_at(document, now)
    heartbeat = document.get("heartbeat") if channel == WEBHOOK else None
    return now + timedelta(seconds=heartbeat) if heartbeat else None


def _delivery(result: Result) -> tuple[Any, ...]:
    job, outcome, ms = result
    events = job.kind == EVENTS
    return (
        job.subscription.id, job.kind, job.message, job.first if events else None, job.last if events else None, job.now, ms,
        job.attempt, outcome.ok, outcome.status, outcome.error and outcome.error[:500], outcome.answer and outcome.answer[:500],
    )  # fmt: skip
