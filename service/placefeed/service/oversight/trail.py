"""The audit, searched."""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, select

from placefeed.service.tables import Audit


def audit_rows(
    session: Session,
    *,
    organisation_id: str | None = None,
    people: Collection[str] | None = None,
    action: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: int = 0,
    before: int | None = None,
    newest: bool = False,
    limit: int = 100,
) -> list[Audit]:
    """The audit in the order in which it was written, or the `newest` first: those rows after one id and before another.

    `people`: only what one of these people did.
    """
    query = select(Audit).where(col(Audit.id) > after)
    if before is not None:
        query = query.where(col(Audit.id) < before)
    if organisation_id is not None:
        query = query.where(Audit.organisation_id == organisation_id)
    if people is not None:
        query = query.where(col(Audit.person_id).in_(people))
    if action is not None:
        query = query.where(Audit.action == action)
    if subject is not None:
        query = query.where(Audit.subject == subject)
    if since is not None:
        query = query.where(col(Audit.at) >= since)
    if until is not None:
        query = query.where(col(Audit.at) < until)
    return list(session.exec(query.order_by(col(Audit.id).desc() if newest else col(Audit.id)).limit(limit)))
