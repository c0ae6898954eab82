"""What a subscription was told and has still to be told: its status, each attempt, and having notices sent again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.access import audit
from placefeed.service.access.who import Caller
from placefeed.service.channels.subscriptions.life import own
from placefeed.service.channels.subscriptions.notices import MATCHER, Numbered, numbered
from placefeed.service.channels.subscriptions.outcomes import EVENTS
from placefeed.service.channels.subscriptions.timetable import due_at
from placefeed.service.clock import iso
from placefeed.service.db import tell
from placefeed.service.errors import BadRequest, Conflict, Invalid
from placefeed.service.publishing.log import head
from placefeed.service.tables import ChannelCursor, Delivery, Notice, Subscription

MOST_AGAIN: Final = 1000  # notices that one request may have sent again


@dataclass(frozen=True, slots=True)
class Status:
    """How a subscription stands. `position`: everything up to it in the log has been told; `behind`: positions after it.

    `gap`: the first and last number whose events the log no longer has.
    """

    row: Subscription
    waiting: int
    position: int
    behind: int
    gap: tuple[int, int] | None
    last: Delivery | None


def status(session: Session, caller: Caller, subscription_id: str) -> Status:
    """How it stands. Raises NotFound."""
    row = own(session, caller, subscription_id)
    events = (col(Notice.subscription_id) == row.id, col(Notice.kind) == EVENTS)
    waiting, first = session.execute(
        sa.select(sa.func.count(), sa.func.min(Notice.after)).where(*events, col(Notice.state) == "waiting")
    ).one()
    lost = session.execute(
        sa.select(sa.func.min(Notice.number), sa.func.max(Notice.number)).where(*events, col(Notice.state) == "expired")
    ).one()
    last = session.exec(
        select(Delivery).where(Delivery.subscription_id == row.id).order_by(col(Delivery.id).desc()).limit(1)
    ).first()
    newest = head(session)
    seen = session.get(ChannelCursor, MATCHER)
    looked_at = seen.position if seen is not None and seen.epoch == newest.epoch else row.start
    position = max(row.start, looked_at if first is None else first)
    return Status(
        row=row,
        waiting=waiting,
        position=position,
        behind=max(0, newest.position - position) if row.epoch == newest.epoch else newest.position - row.start,
        gap=None if lost[0] is None else (lost[0], lost[1]),
        last=last,
    )


def events(
    session: Session, caller: Caller, subscription_id: str, first: int, last: int | None, *, limit: int, now: datetime
) -> tuple[list[Numbered], int | None]:
    """What was told by these numbers, both inclusive, as it may be told now; and the number to go on from, where there is more.

    Raises NotFound, or BadRequest for a number that was never given.
    """
    row = own(session, caller, subscription_id)
    until = row.number if last is None else last
    if row.number and not (1 <= first <= until <= row.number):
        raise BadRequest(
            f"The numbers go from 1 to {row.number}, and `from` is not after `until`.",
            errors=[{"parameter": "from" if first > row.number else "until"}],
        )
    # By the numbers that there are: after a backup was put back they go on far above.
    numbers = session.exec(
        select(Notice.number)
        .where(Notice.subscription_id == row.id, Notice.kind == EVENTS, col(Notice.number).between(first, until))
        .order_by(col(Notice.number))
        .limit(limit + 1)
    ).all()
    if not numbers:
        return [], None
    onward = numbers[limit] if len(numbers) > limit else None
    return list(numbered(session, row, numbers[0] or 1, numbers[:limit][-1] or 1, now=now)), onward


def deliveries(
    session: Session, caller: Caller, subscription_id: str, *, before: int | None = None, limit: int = 100
) -> list[Delivery]:
    """Attempts, the newest first; those before an id. Raises NotFound."""
    row = own(session, caller, subscription_id)
    query = select(Delivery).where(Delivery.subscription_id == row.id)
    if before is not None:
        query = query.where(col(Delivery.id) < before)
    return list(session.exec(query.order_by(col(Delivery.id).desc()).limit(limit)))


def resend(
    session: Session, caller: Caller, subscription_id: str, first: int, last: int | None, *, now: datetime
) -> tuple[int, int]:
    """Have notices sent once more, both numbers inclusive: how many wait for it now, and of how many the log no longer has the events.

    They keep their message ids; what they say is put together anew, by what the receiver may see then. Raises NotFound,
    Conflict or Invalid.
    """
    row = own(session, caller, subscription_id, lock=True)
    if row.state not in ("active", "paused"):
        raise Conflict(f"In the state {row.state} nothing is sent. Resume it first.")
    until = row.number if last is None else last
    if not 1 <= first <= until <= row.number:
        raise Invalid(
            f"The numbers go from 1 to {row.number}, and `from` is not after `until`.",
            errors=[{"pointer": "/from" if not 1 <= first <= row.number else "/until", "rule": "number-unknown"}],
        )
    here = (
        col(Notice.subscription_id) == row.id,
        col(Notice.kind) == EVENTS,
        col(Notice.number).between(first, until),
    )
    states = sa.select(Notice.state, sa.func.count()).where(*here).group_by(Notice.state)  # type: ignore[call-overload]
    counted: dict[str, int] = {row[0]: row[1] for row in session.execute(states)}
    if sum(counted.values()) > MOST_AGAIN:
        raise Invalid(f"At most {MOST_AGAIN} notices are sent again at a time.", errors=[{"pointer": "/until"}])
    session.execute(
        sa.update(Notice)
        .where(*here, col(Notice.state) == "sent")
        .values(state="waiting", body=None, sent_at=None)
        .execution_options(synchronize_session=False)
    )
    waiting = counted.get("waiting", 0) + counted.get("sent", 0)
    if waiting and row.state == "active":
        row.next_attempt_at = due_at(row.document, now)
        session.add(row)
    session.flush()
    tell(session, "subscription")
    audit.record(
        session,
        caller=caller,
        action="subscription.resend",
        subject=row.id,
        detail={"from": first, "until": until},
        at=now,
    )
    return waiting, counted.get("expired", 0)


def status_document(status: Status) -> dict[str, Any]:
    """The status as it is answered; what is unknown is left out."""
    row = status.row
    document: dict[str, Any] = {
        "id": row.id,
        "state": row.state,
        "number": row.number,
        "delivered": row.delivered,
        "waiting": status.waiting,
        "eventsSinceSubscriptionStart": row.events,
        "epoch": row.epoch,
        "position": status.position,
        "behind": status.behind,
    }
    more = {
        "error": row.reason,
        "failures": row.attempt or None,
        "failingSince": row.failing_since and iso(row.failing_since),
        "nextAttemptAt": row.next_attempt_at and iso(row.next_attempt_at),
        "heardAt": row.heard_at and iso(row.heard_at),
        "gap": status.gap and {"from": status.gap[0], "until": status.gap[1]},
        "lastDelivery": status.last and delivery_document(status.last),
    }
    return document | {name: value for name, value in more.items() if value is not None}


def delivery_document(row: Delivery) -> dict[str, Any]:
    """An attempt as it is answered."""
    values = {
        "id": row.id,
        "kind": row.kind,
        "message": row.message,
        "first": row.first,
        "last": row.last,
        "at": iso(row.at),
        "ms": row.ms,
        "attempt": row.attempt,
        "ok": row.ok,
        "status": row.status,
        "error": row.error,
        "answer": row.answer,
    }
    return {name: value for name, value in values.items() if value is not None}


def numbered_document(item: Numbered) -> dict[str, Any]:
    """A number with its events as it is answered."""
    return {
        "number": item.number,
        "at": iso(item.at),
        "state": "expired" if item.expired else item.state,
        "events": item.events,
    }
