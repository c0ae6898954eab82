"""What is kept of a submission: the records as they came, without those refused, and the refused ones apart with their reasons."""

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.schema.issues import Issue
from placefeed.service.intake.records import Judged
from placefeed.service.tables import Quarantine, SubmissionRaw

LEVEL = 1  # of zlib: a third of the size for a tenth of the time that the best would take


def keep(session: Session, *, submission_id: str, chunk: int, judged: Sequence[Judged], unchanged: set[int]) -> None:
    """Write a chunk's raw records and its quarantine.

    A record that says nothing new is in the raw records of the submission that first said it and is not kept again
    (`unchanged`, by index); a sheet's rows are, so that the sheet can be sent back with comments.
    """
    lines = [
        _line(each)
        for each in judged
        if each.kept is not None and (each.row is not None or each.index not in unchanged)
    ]
    if lines:
        content = zlib.compress(b"\n".join(lines), LEVEL)
        session.execute(
            sa.insert(SubmissionRaw), [{"submission_id": submission_id, "chunk": chunk, "content": content}]
        )
    rows = [
        {
            "submission_id": submission_id,
            "record_index": each.index,
            "urn": each.urn,
            "sha256": refused.sha256,
            "place": each.place.to_dict(),
            "issues": [issue_dict(issue) for issue in refused.issues],
            "record": refused.record,
        }
        for each in judged
        for refused in each.refused
    ]
    if rows:
        session.execute(sa.insert(Quarantine), rows)


def _line(judged: Judged) -> bytes:
    line: dict[str, Any] = {"index": judged.index, "record": judged.kept}
    if judged.row is not None:
        line["row"] = judged.row
        line["place"] = judged.place.to_dict()
        if judged.issues:
            line["issues"] = [issue_dict(issue) for issue in judged.issues]
    return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS)


def issue_dict(issue: Issue) -> dict[str, Any]:
    """An issue as it is kept beside its record: rule, severity, message, advice and place."""
    return {
        "rule": issue.rule,
        "severity": issue.severity,
        "message": issue.message,
        "advice": issue.advice,
        "place": issue.place.to_dict(),
    }


def raw_records(session: Session, submission_id: str) -> Iterator[dict[str, Any]]:
    """The kept records of a submission in their order: index, record, and for a sheet row, place and issues."""
    chunks = session.exec(
        select(SubmissionRaw.content)
        .where(SubmissionRaw.submission_id == submission_id)
        .order_by(col(SubmissionRaw.chunk))
    )
    for content in chunks:
        for line in zlib.decompress(content).split(b"\n"):
            yield orjson.loads(line)


def quarantined(session: Session, submission_id: str) -> list[Quarantine]:
    """What was refused of a submission, and why, in its order."""
    return list(
        session.exec(
            select(Quarantine)
            .where(Quarantine.submission_id == submission_id)
            .order_by(col(Quarantine.record_index), col(Quarantine.id))
        )
    )
