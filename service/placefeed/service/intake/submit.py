"""One submission: keep it safe, check it, observe what is good of it, and report.

```
small ──> one transaction ──> done | rejected                      (201, 200 or 422)
large ──> spooled, row committed ──> working ──> done | rejected    (202; worked a chunk a transaction)
                                       └──five dead workers──> failed, with an alert; the spool file stays
```
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.adapters.base import AdapterError
from placefeed.schema.issues import Report
from placefeed.schema.rules import issue
from placefeed.service.clock import iso
from placefeed.service.config import Settings
from placefeed.service.db import Database, tell
from placefeed.service.errors import Conflict, NotFound, TooLarge
from placefeed.service.intake import idempotency
from placefeed.service.intake.closing import carry_out, plan
from placefeed.service.intake.ending import describe, end, refused_whole, shaped
from placefeed.service.intake.observe import lock_source
from placefeed.service.intake.opening import Unreadable, begin_reading, clean_name
from placefeed.service.intake.reading import CHUNK
from placefeed.service.intake.spool import Spool
from placefeed.service.intake.working import work
from placefeed.service.logs import request_id
from placefeed.service.tables import Observation, Pending, SettingState, Source, Submission

__all__ = ["Taken", "publication", "report_of", "reserve", "sweep_spool", "take", "take_large", "work"]

SMALL_UPDATE = 20  # settings up to which a submission is published before bulk
UPLOADS_END = timedelta(days=1)  # an upload that is spooled and never submitted is swept after this


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer to a submission: 201 taken, 200 nothing new, 202 being worked, 422 nothing in it could be taken."""

    submission_id: str
    status: int
    report: dict[str, Any]


def reserve(session: Session, *, source: Source, idempotency_key: str, settings: Settings, now: datetime) -> None:
    """Keep other requests with this key out while a long body arrives; commit at once, then pass `reserved=True`."""
    idempotency.reserve(
        session, organisation_id=source.organisation_id, key=idempotency_key, settings=settings, now=now
    )


def take(
    session: Session,
    *,
    source: Source,
    body: bytes,
    content_type: str,
    name: str = "",
    complete: bool = False,
    idempotency_key: str | None = None,
    reserved: bool = False,
    settings: Settings,
    now: datetime,
) -> Taken:
    """Take a small submission, whole, in the caller's transaction. One with very many settings is spooled (202).

    `complete`: the sender says of a sheet, which cannot say it itself, that it names all of the source's settings. Raises Conflict (source paused, key in flight), Invalid (key used with another body) or TooLarge.
    """
    _open_for_business(source)
    if len(body) > settings.max_body:
        raise TooLarge(f"The body is larger than {settings.max_body} bytes. Send it in parts.")
    digest = hashlib.sha256(body).hexdigest()
    answered = _answered(session, source, idempotency_key, digest, reserved, settings, now)
    if answered is not None:
        return answered
    lock_source(session, source.id)
    submission = _row(
        source, content_type=content_type, name=name, complete=complete, digest=digest, size=len(body), now=now
    )
    try:
        reading = begin_reading(session, submission, source, body=body, settings=settings, now=now)
        judged = reading.next(settings.small_records + 1)
    except (AdapterError, Unreadable) as error:
        report = refused_whole(session, source, submission, error, now=now)
        return _finish_small(session, source, submission, report, idempotency_key)
    if len(judged) > settings.small_records:
        return _spool(session, source, submission, body, idempotency_key, settings)
    reading.bulk = len(judged) > SMALL_UPDATE
    describe(submission, reading)
    session.add(submission)
    session.flush()
    for start in range(0, len(judged), CHUNK):
        reading.take(session, source, judged[start : start + CHUNK])
    try:
        closing = plan(session, reading, source)
    except AdapterError as error:  # the end of the file cannot be read; what came before stands, nothing is withdrawn
        reading.report.add(issue("truncated", str(error)))
    else:
        for step in closing.steps():
            carry_out(session, reading, source, step=step)
    end(session, source, submission, reading, now)
    return _finish_small(session, source, submission, submission.report or {}, idempotency_key)


def take_large(
    session: Session,
    *,
    source: Source,
    spool_name: str,
    size: int,
    sha256: str,
    content_type: str,
    name: str = "",
    complete: bool = False,
    idempotency_key: str | None = None,
    reserved: bool = False,
    settings: Settings,
    now: datetime,
) -> Taken:
    """Take charge of a spooled body: when the caller has committed, it is safe, and `work` will work it.

    Where the key was answered before, the spooled file is not needed: the caller removes it (`Taken.submission_id` is
    then another submission's). Raises as `take` does.
    """
    _open_for_business(source)
    answered = _answered(session, source, idempotency_key, sha256, reserved, settings, now)
    if answered is not None:
        return answered
    submission = _row(
        source, content_type=content_type, name=name, complete=complete, digest=sha256, size=size, now=now
    )
    submission.spool = spool_name
    return _hand_over(session, source, submission, idempotency_key)


def report_of(session: Session, submission_id: str) -> dict[str, Any]:
    """The report, with whether what was taken is published. Raises NotFound."""
    submission = session.get(Submission, submission_id)
    if submission is None:
        raise NotFound("There is no such submission.")
    report = dict(submission.report or {})
    report["publication"] = publication(session, submission)
    return report


def publication(session: Session, submission: Submission) -> dict[str, Any]:
    """`published` (and when), or `pending` while the publisher has not come to all that this submission touched."""
    if submission.state == "working":
        return {"status": "pending"}
    touched = sa.select(col(Observation.urn)).where(
        col(Observation.submission_id) == submission.id, col(Observation.kind).in_(["stated", "attested", "withdrawn"])
    )
    waiting = session.execute(
        sa.select(
            sa.exists().where(
                col(Pending.urn).in_(touched), col(Pending.at) <= (submission.finished_at or submission.received_at)
            )
        )
    ).scalar_one()
    if waiting:
        return {"status": "pending"}
    latest = session.execute(
        sa.select(sa.func.max(col(SettingState.published_at))).where(col(SettingState.urn).in_(touched))
    ).scalar_one()
    return {"status": "published", **({"publishedAt": iso(latest)} if latest is not None else {})}


# -- small ----------------------------------------------------------------------------------------------------------


def _open_for_business(source: Source) -> None:
    if source.state != "active":
        why = f" {source.stopped_why}" if source.stopped_why else ""
        raise Conflict(f"The source “{source.id}” is {source.state}.{why} Ask the operator to open it again.")


def _answered(
    session: Session, source: Source, key: str | None, digest: str, reserved: bool, settings: Settings, now: datetime
) -> Taken | None:
    if key is None:
        return None
    before = idempotency.begin(
        session,
        organisation_id=source.organisation_id,
        key=key,
        sha256=digest,
        reserved=reserved,
        settings=settings,
        now=now,
    )
    return (
        None if before is None else Taken(before.submission_id, before.status, report_of(session, before.submission_id))
    )


def _row(
    source: Source, *, content_type: str, name: str, complete: bool, digest: str, size: int, now: datetime
) -> Submission:
    return Submission(
        id=secrets.token_hex(12),
        source_id=source.id,
        organisation_id=source.organisation_id,
        received_at=now,
        content_type=content_type.partition(";")[0].strip().lower()[:120],
        name=clean_name(name),
        sha256=digest,
        size=size,
        state="working",
        complete=complete,
        request_id=request_id(),
    )


def _spool(
    session: Session, source: Source, submission: Submission, body: bytes, key: str | None, settings: Settings
) -> Taken:
    writer = Spool(settings).writer()
    writer.write(body)
    writer.close()
    submission.spool = writer.name
    return _hand_over(session, source, submission, key)


def _hand_over(session: Session, source: Source, submission: Submission, key: str | None) -> Taken:
    submission.report = shaped(submission, Report())
    session.add(submission)
    session.flush()
    if key is not None:
        idempotency.finish(
            session, organisation_id=source.organisation_id, key=key, submission_id=submission.id, status=202
        )
    tell(session, "submission")
    return Taken(submission.id, 202, submission.report)


def _finish_small(
    session: Session, source: Source, submission: Submission, report: dict[str, Any], key: str | None
) -> Taken:
    status = {"rejected": 422, "unchanged": 200}.get(report["verdict"], 201)
    if key is not None:
        idempotency.finish(
            session, organisation_id=source.organisation_id, key=key, submission_id=submission.id, status=status
        )
    return Taken(submission.id, status, report)


def sweep_spool(database: Database, settings: Settings) -> int:
    """Delete spooled files that no submission names: uploads that broke off before they were submitted."""
    with database.read() as session:
        keep = {
            name for name in session.exec(select(Submission.spool).where(col(Submission.spool).is_not(None))) if name
        }
    return Spool(settings).sweep(keep, older_than=UPLOADS_END.total_seconds())
