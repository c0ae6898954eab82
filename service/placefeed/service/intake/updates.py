"""The small updates: one part of one setting put, withdrawn or attested, published before any bulk.

An older time than what is known gets 409 and changes nothing; `If-Match` names the version that was read.
"""

import hashlib
import secrets
import zlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.schema import personal
from placefeed.schema.issues import Issue, Place, Report
from placefeed.schema.rules import issue
from placefeed.schema.ruleset import AHEAD
from placefeed.schema.validation import PartName, check_part
from placefeed.service.access.sources import POLLED
from placefeed.service.access.speaking import speaks_for
from placefeed.service.clock import iso
from placefeed.service.errors import Conflict, Invalid, NotAllowed, NotFound, Stale
from placefeed.service.intake import guards
from placefeed.service.intake.observe import Outcomes, lock_source, observe
from placefeed.service.intake.observe import withdraw as withdraw_keys
from placefeed.service.intake.parts import CheckedRecord, PartDocument, instant, item_of, part_document
from placefeed.service.intake.standing import newest
from placefeed.service.logs import request_id
from placefeed.service.tables import Source, Standing, Submission, SubmissionRaw

JSON = "application/json"
IDENTIFIED = ("vacancy", "rate")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a small update. `etag` is None after a withdrawal or an attestation of several parts."""

    report: dict[str, Any]
    etag: str | None
    created: bool
    submission_id: str


@dataclass(frozen=True, slots=True)
class Part:
    """A source's newest word on a part: what its provider reads back."""

    source_id: str
    document: dict[str, Any]
    as_of: datetime
    stated_at: datetime
    etag: str


def put(
    session: Session,
    *,
    source: Source,
    urn: str,
    part: PartName,
    item: str = "",
    document: Any,
    if_match: str | None = None,
    now: datetime,
) -> Result:
    """State one part of a setting. `item` is the id in the address; a document that leaves its id out gets it.

    Raises Invalid (its `errors` say where), NotAllowed (not your setting), Stale (`If-Match`), Conflict (an older time).
    """
    _may_speak(session, source, urn, now=now)
    found = _screened([item, document])
    if part in IDENTIFIED and isinstance(document, dict):
        document = {"id": item, **document}
    found += check_part(part, document, now=now)
    if part in IDENTIFIED and isinstance(document, dict) and document["id"] != item:
        found.append(
            issue(
                "schema-pattern",
                f"The id in the document is not the one in the address, “{item}”.",
                place=Place(pointer="/id"),
            )
        )
    errors = [each for each in found if each.severity == "error"]
    if errors:
        raise Invalid("The document has errors; nothing was changed.", errors=[_error(each) for each in errors])
    key = item_of(part, document) or ""
    lock_source(session, source.id)
    before = newest(session, source.id, urn, part, key)
    _check_match(if_match, before)
    as_of = instant(document["asOf"]) if "asOf" in document else now
    stated = part_document(part, key, as_of=as_of, document=document)
    submission = small_submission(session, source, f"{part} of a setting", [stated], urn=urn, now=now)
    outcomes = _observe(session, source, urn, [stated], submission, now)
    outcome = outcomes.records[0]
    if outcome == "superseded":
        known = outcomes.parts[0].known_as_of or as_of
        raise Conflict(
            f"What we know of this {part} is of {iso(known)}, newer than what you sent ({iso(as_of)}). Send the newest, with its own asOf.",
            errors=[{"pointer": "/asOf", "rule": "older-than-known"}],
        )
    version = outcomes.versions.get((urn, part, key), before.version if before is not None else 1)
    report = _report(session, submission, urn, part, key, outcome, found)
    return Result(report, etag_of(version), before is None or before.withdrawn, submission.id)


def withdraw(
    session: Session,
    *,
    source: Source,
    urn: str,
    part: PartName,
    item: str = "",
    if_match: str | None = None,
    now: datetime,
) -> Result:
    """Withdraw one part of a setting, as of now. Raises NotFound where nothing stands, NotAllowed, Stale."""
    _may_speak(session, source, urn, now=now)
    lock_source(session, source.id)
    before = newest(session, source.id, urn, part, item)
    if before is None or before.withdrawn:
        raise NotFound(
            f"There is no {part} “{item}” of this setting to withdraw."
            if item
            else f"There is no {part} of this setting to withdraw."
        )
    _check_match(if_match, before)
    submission = small_submission(session, source, f"withdrawal of a {part}", [], urn=urn, now=now)
    # A clock a little ahead of ours stated it; the withdrawal comes after that all the same.
    withdraw_keys(
        session,
        source=source,
        keys=[(urn, part, item)],
        at=max(now, before.as_of),
        inclusive=True,
        received_at=now,
        submission_id=submission.id,
        bulk=False,
    )
    report = _report(session, submission, urn, part, item, "withdrawn", [])
    return Result(report, None, False, submission.id)


def attest(session: Session, *, source: Source, urn: str, as_of: datetime | None = None, now: datetime) -> Result:
    """Say that nothing has changed: the clock of all that this source says of a setting is renewed, the values are not.

    Raises NotFound where it says nothing, Invalid for a time ahead of ours, Conflict for one older than all that is known.
    """
    _may_speak(session, source, urn, now=now)
    moment = as_of or now
    if moment > now + AHEAD:
        found = issue("time-in-future", place=Place(pointer="/asOf"))
        raise Invalid(found.message, errors=[_error(found)])
    lock_source(session, source.id)
    rows = session.exec(
        select(Standing)
        .where(Standing.source_id == source.id, Standing.urn == urn, col(Standing.withdrawn).is_(False))
        .execution_options(populate_existing=True)
    ).all()
    if not rows:
        raise NotFound(
            "You have said nothing of this setting that could be attested. Send its capacity or vacancies first."
        )
    newest = max(row.as_of for row in rows)
    if all(row.as_of > moment for row in rows):
        raise Conflict(
            f"What we know of this setting is of {iso(newest)}, newer than your attestation ({iso(moment)}).",
            errors=[{"pointer": "/asOf", "rule": "older-than-known"}],
        )
    stated = [
        PartDocument(row.part, row.item, moment, {**orjson.loads(row.document), "asOf": iso(moment)}, row.hash)
        for row in rows
        if row.as_of <= moment
    ]
    submission = small_submission(session, source, "attestation", [], urn=urn, now=now)
    outcomes = _observe(session, source, urn, stated, submission, now)
    report = _report(session, submission, urn, None, "", outcomes.records[0], [])
    return Result(report, None, False, submission.id)


def read_part(session: Session, *, source_ids: list[str], urn: str, part: PartName, item: str = "") -> Part:
    """The newest word of these sources on a part: a provider reads its own writes. Raises NotFound."""
    row = session.exec(
        select(Standing)
        .where(
            col(Standing.source_id).in_(source_ids),
            Standing.urn == urn,
            Standing.part == part,
            Standing.item == item,
            col(Standing.withdrawn).is_(False),
        )
        .order_by(col(Standing.as_of).desc(), col(Standing.source_id))
    ).first()
    if row is None:
        raise NotFound(f"You have said nothing of this {part}.")
    return Part(row.source_id, orjson.loads(row.document), row.as_of, row.stated_at, etag_of(row.version))


def etag_of(version: int) -> str:
    """The strong ETag of a part at a version."""
    return f'"{version}"'


# -- steps ----------------------------------------------------------------------------------------------------------


def _may_speak(session: Session, source: Source, urn: str, *, now: datetime) -> None:
    if source.state != "active":
        raise Conflict(f"The source “{source.id}” is {source.state}. Ask the operator to open it again.")
    if not speaks_for(session, source.organisation_id, [urn]):
        found = issue("not-your-setting")
        raise NotAllowed(f"{found.message} {found.advice}", errors=[{"rule": found.rule, "urn": urn}])


def _screened(document: list[Any]) -> list[Issue]:
    hits = [replace(hit, pointer=hit.pointer.removeprefix("/1")) for hit in personal.screen(document)]
    errors = [hit.to_issue() for hit in hits if hit.severity == "error"]
    if errors:
        raise Invalid(
            "This looks like data about a child; nothing of it was kept.", errors=[_error(each) for each in errors]
        )
    return [hit.to_issue() for hit in hits]


def _error(found: Issue) -> dict[str, Any]:
    return {"pointer": found.place.pointer or "", "rule": found.rule, "detail": found.message, "advice": found.advice}


def _check_match(if_match: str | None, before: Standing | None) -> None:
    if not if_match:
        return
    stands = before is not None and not before.withdrawn
    tags = {tag.strip() for tag in if_match.split(",")}
    if not stands or ("*" not in tags and before is not None and etag_of(before.version) not in tags):
        raise Stale("It has changed since you read it. Read it again, and repeat your change if it still holds.")


def small_submission(
    session: Session, source: Source, name: str, stated: list[PartDocument], *, urn: str, now: datetime
) -> Submission:
    """The row of a small update of one setting, or of an attestation of many, with what was sent."""
    body = orjson.dumps([each.document for each in stated])
    submission = Submission(
        id=secrets.token_hex(12),
        source_id=source.id,
        organisation_id=source.organisation_id,
        received_at=now,
        finished_at=now,
        content_type=JSON,
        name=name,
        sha256=hashlib.sha256(body).hexdigest(),
        size=len(body),
        state="done",
        published_at=now,
        record_offset=1,
        request_id=request_id(),
    )
    session.add(submission)
    session.flush()
    if stated:
        line = orjson.dumps({"index": 0, "record": {"urn": urn, stated[0].part: stated[0].document}})
        session.execute(
            sa.insert(SubmissionRaw), [{"submission_id": submission.id, "chunk": 0, "content": zlib.compress(line, 1)}]
        )
    return submission


def _observe(
    session: Session, source: Source, urn: str, stated: list[PartDocument], submission: Submission, now: datetime
) -> Outcomes:
    # What somebody says in its place does not mean that a polled feed was heard.
    heard = source.transport not in POLLED
    return take_in(session, source, [CheckedRecord(urn, stated)], submission, heard=heard, now=now)


def take_in(
    session: Session,
    source: Source,
    records: list[CheckedRecord],
    submission: Submission,
    *,
    heard: bool,
    now: datetime,
) -> Outcomes:
    """Observe what a small update says, of at most 1,000 settings, and note that its source was `heard`."""
    outcomes = observe(
        session, source=source, records=records, received_at=now, submission_id=submission.id, bulk=False
    )
    if outcomes.touched:
        guards.returned(session, source=source, urns=outcomes.touched, now=now)
    if heard:
        source.last_heard_at = source.last_good_at = now
        source.last_error = source.late_since = None
        session.add(source)
    return outcomes


def _report(
    session: Session, submission: Submission, urn: str, part: str | None, item: str, outcome: Any, found: list[Issue]
) -> dict[str, Any]:
    report = Report()
    report.count("records")
    report.count(outcome)
    entry = {"urn": urn, "outcome": outcome, **({"part": part} if part else {}), **({"id": item} if item else {})}
    report.note_record(entry)
    for each in found:
        report.add(replace(each, place=replace(each.place, urn=urn)))
        if each.severity == "warning":
            report.count("warnings")
    submission.report = {"submission": submission.id, **report.to_dict()}
    session.add(submission)
    session.flush()
    return submission.report
