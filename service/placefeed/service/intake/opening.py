"""The beginning of a submission: its document is opened and its header judged."""

from datetime import datetime
from typing import BinaryIO

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.adapters.feed import WHOLE
from placefeed.adapters.formats import open_document
from placefeed.adapters.mapping import BadMapping
from placefeed.schema import personal
from placefeed.schema.issues import Issue, Place, Report
from placefeed.schema.rules import issue
from placefeed.schema.validation import check_header
from placefeed.service.config import Settings
from placefeed.service.db import secret_of
from placefeed.service.intake import guards
from placefeed.service.intake.memory import CleanMemory
from placefeed.service.intake.parts import instant
from placefeed.service.intake.reading import Reading
from placefeed.service.intake.records import Judge
from placefeed.service.tables import Source, Submission

MEMORY = CleanMemory()
"""What this process found clean today, whatever source it came from: judging a record depends on nothing else."""


class Unreadable(Exception):
    """The document as a whole cannot be taken; `issues` say why."""

    def __init__(self, issues: list[Issue]) -> None:
        super().__init__(issues[0].message)
        self.issues = issues


def clean_name(name: str) -> str:
    """A file's name as it may be kept: its last part, and none at all where it looks like data about a child."""
    last = name.replace("\\", "/").rpartition("/")[2][:300]
    return "" if any(hit.severity == "error" for hit in personal.screen_text(last)) else last


def begin_reading(
    session: Session,
    submission: Submission,
    source: Source,
    *,
    body: bytes | BinaryIO,
    settings: Settings,
    now: datetime,
) -> Reading:
    """Open the document, judge its header and make ready to read the records. Raises AdapterError or Unreadable."""
    clock = _when_first_heard(session, submission)
    try:
        document = open_document(
            body,
            content_type=submission.content_type,
            mapping=source.mapping or None,
            source_name=submission.name or source.id,
            received_at=clock,
        )
    except BadMapping as error:
        raise Unreadable([issue("unknown-form", f"The mapping of this source cannot be used: {error}")]) from error
    header = document.header
    is_feed = document.kind in ("json", "ndjson")
    if submission.complete and not is_feed:
        header["complete"] = True  # its sender said so beside it
    hits = [hit for hit in personal.screen(header) if hit.severity == "error"]
    found = [hit.to_issue(Place(pointer=hit.pointer)) for hit in hits] or (
        check_header(header, now=now) if is_feed else []
    )
    if any(each.severity == "error" for each in found):
        raise Unreadable([each for each in found if each.severity == "error"])
    said = header.get("publishedAt")
    published_at = instant(said) if said else clock
    judge = Judge(now=now, published_at=published_at, secret=secret_of(settings), memory=MEMORY)
    reading = Reading(
        submission_id=submission.id,
        document=document,
        judge=judge,
        received_at=submission.received_at,
        published_at=published_at,
        settings=settings,
        report=Report(),
        bulk=True,
        now=now,
        header=dict(header),
    )
    if header.get("complete") is True or (
        "complete" not in header and document.kind == "json" and submission.size > WHOLE
    ):
        reading.whole = guards.Whole()  # a large JSON feed may say only at its end that it is complete
    for each in found:
        reading.report.add(each)
    return reading


def _when_first_heard(session: Session, submission: Submission) -> datetime:
    """The clock of a document that has none: when it came, or when the same bytes came first if nothing came between.

    The same sheet sent again says nothing new, and must not make old words look fresh.
    """
    last = session.execute(
        sa.select(col(Submission.sha256), col(Submission.published_at))
        .where(
            col(Submission.source_id) == submission.source_id,
            col(Submission.state) == "done",
            col(Submission.id) != submission.id,
        )
        .order_by(col(Submission.received_at).desc(), col(Submission.id).desc())
        .limit(1)
    ).first()
    if last is not None and last[0] == submission.sha256 and last[1] is not None:
        known: datetime = last[1]
        return known
    return submission.received_at
