"""How a submission ends: its report, and what it means for the source: heard, late no more, stopped."""

from collections.abc import Mapping as Keyed
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.adapters.base import ChangedShape, Refused, TooLarge
from placefeed.schema import personal
from placefeed.schema.issues import Issue, Place, Report
from placefeed.schema.rules import issue, rules
from placefeed.service.access.sources import POLLED
from placefeed.service.intake.closing import changed_shape, count_withdrawn
from placefeed.service.intake.opening import Unreadable
from placefeed.service.intake.reading import Reading
from placefeed.service.intake.spool import SpoolDamaged
from placefeed.service.tables import Alert, Source, Submission


def end(session: Session, source: Source, submission: Submission, reading: Reading, now: datetime) -> None:
    """Write the report and what the source's health is, in the transaction that ends a submission."""
    describe(submission, reading)
    count_withdrawn(session, reading)
    if changed_shape(reading, source):
        why = f"{reading.unreadable} of {reading.read} records could not be read, where earlier feeds were good."
        reading.report.add(issue("changed-shape", why))
        stop_source(session, source, why, now=now)
    heard(session, source, reading, now=now)
    submission.state = "rejected" if reading.report.verdict == "rejected" else "done"
    submission.finished_at = now
    submission.lease_until = None
    submission.record_offset = reading.read
    submission.report = shaped(submission, reading.report)
    session.add(submission)
    session.flush()


def describe(submission: Submission, reading: Reading) -> None:
    """Put what the header says on the row."""
    submission.published_at = reading.published_at
    submission.complete = reading.complete
    submission.header = reading.header


def shaped(submission: Submission, report: Report) -> dict[str, Any]:
    """The report document, `working` while it is."""
    document = {"submission": submission.id, **report.to_dict()}
    if submission.state == "working":
        document["verdict"] = "working"
    return document


def heard(session: Session, source: Source, reading: Reading, *, now: datetime) -> None:
    """Note that a source was heard, and whether its word was good."""
    source.last_heard_at = now
    if reading.report.verdict != "rejected":
        source.last_good_at = now
        source.last_error = None
        source.late_since = None
        session.execute(
            sa.update(Alert)
            .where(
                col(Alert.source_id) == source.id, col(Alert.kind) == "source-late", col(Alert.resolved_at).is_(None)
            )
            .values(resolved_at=now)
            .execution_options(synchronize_session=False)
        )
    else:
        source.last_error = "Nothing in the last feed could be taken; see its report."
    trailer = reading.document.finished
    if reading.complete and trailer is not None and trailer.ok:
        source.last_published_at = max(source.last_published_at or reading.published_at, reading.published_at)
    if reading.document.header.get("simulated") is True:
        source.simulated = True
    session.add(source)
    session.flush()


def refused_whole(
    session: Session, source: Source, submission: Submission, error: Exception, *, now: datetime
) -> dict[str, Any]:
    """End a submission of which nothing can be read; a source that changed its shape stops."""
    report = Report()
    for found in _issues_of(error):
        report.add(found)
    if isinstance(error, ChangedShape) and source.last_good_at is not None:
        stop_source(session, source, _said(error), now=now)
    source.last_heard_at = now
    source.last_error = _said(error)
    submission.state = "rejected"
    submission.finished_at = now
    submission.lease_until = None
    submission.report = {"submission": submission.id, **report.to_dict(), "verdict": "rejected"}
    session.add(source)
    session.add(submission)
    session.flush()
    return submission.report


def _issues_of(error: Exception) -> list[Issue]:
    if isinstance(error, Unreadable):
        return error.issues
    message = _said(error)
    if isinstance(error, ChangedShape):
        return [issue("changed-shape", message)]
    if isinstance(error, TooLarge):
        return [issue("too-large", message)]
    if isinstance(error, Refused):
        return [issue(error.rule if error.rule in rules() else "unknown-form", message)]
    return [issue("unknown-form", message)]


def _said(error: Exception) -> str:
    """An error's message, unless it quotes what looks like data about a child."""
    if isinstance(error, SpoolDamaged | FileNotFoundError):
        return "What was received could not be read again. Send it once more."
    text = str(error)
    return "The file cannot be read." if any(hit.severity == "error" for hit in personal.screen_text(text)) else text


def stop_source(session: Session, source: Source, why: str, *, now: datetime) -> None:
    """A source has changed its shape: tell the operator, and poll it no more until somebody has looked."""
    polled = source.transport in POLLED
    if polled:
        source.state = "stopped"
        source.stopped_why = why
    open_alert = session.exec(
        select(Alert.id).where(
            Alert.source_id == source.id, Alert.kind == "source-stopped", col(Alert.resolved_at).is_(None)
        )
    ).first()
    if open_alert is None:
        session.add(
            Alert(
                at=now,
                kind="source-stopped",
                severity="urgent" if polled else "warning",
                message=f"The source “{source.id}” has changed its shape{' and was stopped' if polled else ''}: {why}",
                organisation_id=source.organisation_id,
                source_id=source.id,
            )
        )
    session.add(source)
    session.flush()


def restore(report: Report, document: Keyed[str, Any]) -> None:
    """Fill a report with what was counted before a restart."""
    for name, number in document.get("counts", {}).items():
        report.count(name, number)
    for entry in document.get("records", ()):
        report.note_record(entry)
    known = rules()
    for found in document.get("issues", ()):
        rule = known.get(found["rule"])
        cause = found["rule"] if rule is not None and rule.title == found["message"] else ""
        places = [Place(**place) for place in found["places"]] or [Place()]
        for number in range(found["count"]):
            place = places[min(number, len(places) - 1)]
            report.add(Issue(found["rule"], found["severity"], found["message"], found["advice"], place, cause))
