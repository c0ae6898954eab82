"""Everybody's subscriptions: what each was told, what waits, and what went wrong last."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.tables import Delivery, Organisation, Subscription


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription, its organisation's name, and the newest attempt that failed."""

    row: Subscription
    organisation: str
    failed: Delivery | None

    @property
    def waiting(self) -> int:
        """Notices that have not arrived."""
        return self.row.number - self.row.delivered


def subscription_rows(
    session: Session, *, organisation_id: str | None = None, state: str | None = None, skip: int = 0, limit: int = 50
) -> list[SubscriptionRow]:
    """Subscriptions of one organisation or of all: those in error first, then those that fail, then the newest."""
    query = sa.select(Subscription, col(Organisation.name)).join(
        Organisation, col(Organisation.id) == col(Subscription.organisation_id)
    )
    if organisation_id is not None:
        query = query.where(col(Subscription.organisation_id) == organisation_id)
    if state is not None:
        query = query.where(col(Subscription.state) == state)
    worst = sa.case((col(Subscription.state) == "error", 0), (col(Subscription.failing_since).is_not(None), 1), else_=2)
    rows = session.execute(
        query.order_by(worst, col(Subscription.created_at).desc(), col(Subscription.id)).offset(skip).limit(limit)
    ).all()
    newest = (
        sa.select(sa.func.max(col(Delivery.id)))
        .where(col(Delivery.subscription_id).in_([row.id for row, _name in rows]), col(Delivery.ok).is_(False))
        .group_by(col(Delivery.subscription_id))
    )
    failed = {
        each.subscription_id: each for each in session.scalars(sa.select(Delivery).where(col(Delivery.id).in_(newest)))
    }
    return [SubscriptionRow(row, name, failed.get(row.id)) for row, name in rows]
