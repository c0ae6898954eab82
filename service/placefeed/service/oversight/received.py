"""Submissions of one organisation, or of all."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.errors import NotFound
from placefeed.service.tables import Submission


def submissions(
    session: Session,
    *,
    organisation_id: str | None = None,
    source_id: str | None = None,
    state: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[Submission]:
    """Submissions of one organisation or source, or of all, newest first; those before the one of an id. Raises NotFound for that id."""
    query = select(Submission)
    if organisation_id is not None:
        query = query.where(Submission.organisation_id == organisation_id)
    if source_id is not None:
        query = query.where(Submission.source_id == source_id)
    if state is not None:
        query = query.where(Submission.state == state)
    if since is not None:
        query = query.where(col(Submission.received_at) >= since)
    if until is not None:
        query = query.where(col(Submission.received_at) < until)
    if before is not None:
        last = submission(session, before, organisation_id=organisation_id)
        query = query.where(sa.tuple_(col(Submission.received_at), col(Submission.id)) < (last.received_at, last.id))
    return list(
        session.exec(query.order_by(col(Submission.received_at).desc(), col(Submission.id).desc()).limit(limit))
    )


def submission(session: Session, submission_id: str, *, organisation_id: str | None = None) -> Submission:
    """One submission; another organisation's looks like none. Raises NotFound."""
    found = session.get(Submission, submission_id)
    if found is None or (organisation_id is not None and found.organisation_id != organisation_id):
        raise NotFound("There is no such submission.")
    return found
