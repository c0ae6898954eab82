"""What is looked through: submissions, alerts, the audit, and which of Ofsted's files were taken in."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.errors import NotFound
from placefeed.service.tables import Alert, Audit, RegisterFile, Submission


def alerts(session: Session, *, resolved: bool = False, after: int = 0, limit: int = 100) -> list[Alert]:
    """Open (or resolved) alerts in the order in which they were raised, those after an id."""
    wanted = col(Alert.resolved_at).is_not(None) if resolved else col(Alert.resolved_at).is_(None)
    return list(session.exec(select(Alert).where(wanted, col(Alert.id) > after).order_by(col(Alert.id)).limit(limit)))


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


def audit_rows(
    session: Session,
    *,
    organisation_id: str | None = None,
    action: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Audit]:
    """The audit in the order in which it was written, those rows after an id."""
    query = select(Audit).where(col(Audit.id) > after)
    if organisation_id is not None:
        query = query.where(Audit.organisation_id == organisation_id)
    if action is not None:
        query = query.where(Audit.action == action)
    if subject is not None:
        query = query.where(Audit.subject == subject)
    if since is not None:
        query = query.where(col(Audit.at) >= since)
    if until is not None:
        query = query.where(col(Audit.at) < until)
    return list(session.exec(query.order_by(col(Audit.id)).limit(limit)))


def register_files(session: Session, *, limit: int = 1000) -> list[RegisterFile]:
    """Imported files, newest as-at date first."""
    return list(
        session.exec(
            select(RegisterFile).order_by(col(RegisterFile.as_at).desc(), col(RegisterFile.id).desc()).limit(limit)
        )
    )


def register_file(session: Session, file_id: int) -> RegisterFile:
    """One imported file. Raises NotFound."""
    found = session.get(RegisterFile, file_id)
    if found is None:
        raise NotFound("There is no such import.")
    return found


def submissions(
    session: Session,
    *,
    organisation_id: str | None = None,
    state: str | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[Submission]:
    """Submissions of one organisation, or of all, newest first; those before the one of an id. Raises NotFound for that id."""
    query = select(Submission)
    if organisation_id is not None:
        query = query.where(Submission.organisation_id == organisation_id)
    if state is not None:
        query = query.where(Submission.state == state)
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
