"""The operator looks after others' subscriptions: paused, resumed, tested, sent again, on its own right and in the open.

Each change stands in the audit twice: as the owner's operation, without a key or person, and as the operator's, naming for whom.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from sqlmodel import Session

from placefeed.service.access import audit
from placefeed.service.access.who import OPERATOR, Caller
from placefeed.service.channels.subscriptions import life, told
from placefeed.service.config import Settings
from placefeed.service.errors import NotAllowed, NotFound
from placefeed.service.tables import Delivery, Subscription

T = TypeVar("T")


def status(session: Session, operator: Caller, subscription_id: str) -> told.Status:
    """How somebody's subscription stands. Raises NotFound."""
    return told.status(session, _owner(session, operator, subscription_id, "read"), subscription_id)


def deliveries(
    session: Session, operator: Caller, subscription_id: str, *, before: int | None = None, limit: int = 100
) -> list[Delivery]:
    """Its attempts, the newest first. Raises NotFound."""
    owner = _owner(session, operator, subscription_id, "read")
    return told.deliveries(session, owner, subscription_id, before=before, limit=limit)


def pause(session: Session, operator: Caller, subscription_id: str, *, now: datetime) -> None:
    """As its owner's `pause`. Raises NotFound, NotAllowed or Conflict."""
    _for(
        session,
        operator,
        subscription_id,
        "pause",
        now,
        lambda owner: life.pause(session, owner, subscription_id, now=now),
    )


def resume(
    session: Session, operator: Caller, subscription_id: str, *, settings: Settings, secret: bytes, now: datetime
) -> None:
    """As its owner's `resume`; it goes on by the right of whoever made it, not by the operator's. Raises NotFound, NotAllowed or Conflict."""
    _for(
        session,
        operator,
        subscription_id,
        "resume",
        now,
        lambda owner: life.resume(session, owner, subscription_id, settings=settings, secret=secret, now=now),
    )


def test(session: Session, operator: Caller, subscription_id: str, *, now: datetime) -> None:
    """As its owner's `test`. Raises NotFound, NotAllowed or Conflict."""
    _for(
        session,
        operator,
        subscription_id,
        "test",
        now,
        lambda owner: life.test(session, owner, subscription_id, now=now),
    )


def resend(
    session: Session, operator: Caller, subscription_id: str, first: int, last: int | None, *, now: datetime
) -> tuple[int, int]:
    """As its owner's `resend`: what its receiver may see now, never what the operator may. Raises NotFound, NotAllowed, Conflict or Invalid."""
    return _for(
        session,
        operator,
        subscription_id,
        "resend",
        now,
        lambda owner: told.resend(session, owner, subscription_id, first, last, now=now),
        {"from": first, "until": last},
    )


def _for(
    session: Session,
    operator: Caller,
    subscription_id: str,
    what: str,
    now: datetime,
    operation: Callable[[Caller], T],
    detail: dict[str, Any] | None = None,
) -> T:
    owner = _owner(session, operator, subscription_id, "operate")
    result = operation(owner)
    audit.record(
        session,
        caller=operator,
        action=f"subscription.{what}",
        subject=subscription_id,
        detail={"for": owner.organisation_id, **(detail or {})},
        at=now,
    )
    return result


def _owner(session: Session, operator: Caller, subscription_id: str, scope: str) -> Caller:
    """Its owner as a caller without a key: what is made by it goes on by nobody's new right."""
    if operator.role != OPERATOR:
        raise NotAllowed("Only the operator looks after others' subscriptions.")
    operator.require(scope)
    row = session.get(Subscription, subscription_id)
    if row is None:
        raise NotFound("There is no such subscription.")
    return Caller(key_id=None, organisation_id=row.organisation_id, role=row.role)
