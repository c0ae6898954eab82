"""Alerts: what wants a person."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from placefeed.service.errors import NotFound
from placefeed.service.tables import Alert, Edition


def alerts(session: Session, *, resolved: bool = False, after: int = 0, limit: int = 100) -> list[Alert]:
    """Open (or resolved) alerts in the order in which they were raised, those after an id."""
    wanted = col(Alert.resolved_at).is_not(None) if resolved else col(Alert.resolved_at).is_(None)
    return list(session.exec(select(Alert).where(wanted, col(Alert.id) > after).order_by(col(Alert.id)).limit(limit)))


def open_alerts(session: Session, *, skip: int = 0, limit: int = 10) -> tuple[list[Alert], int]:
    """Open alerts, the urgent ones first, then the newest; and how many there are."""
    is_open = col(Alert.resolved_at).is_(None)
    rank = sa.case((col(Alert.severity) == "urgent", 0), (col(Alert.severity) == "warning", 1), else_=2)
    rows = session.exec(select(Alert).where(is_open).order_by(rank, col(Alert.id).desc()).offset(skip).limit(limit))
    return list(rows), session.exec(select(func.count()).select_from(Alert).where(is_open)).one()


def resolve_alert(session: Session, alert_id: int, *, now: datetime) -> Alert:
    """Say that an alert has been looked after. Again changes nothing. Raises NotFound."""
    alert = session.get(Alert, alert_id)
    if alert is None:
        raise NotFound("There is no such alert.")
    if alert.resolved_at is None:
        alert.resolved_at = now
        session.add(alert)
        session.flush()
    return alert


def last_edition(session: Session) -> datetime | None:
    """When the newest edition was made; None where there is none yet."""
    return session.exec(select(func.max(Edition.at))).one()
