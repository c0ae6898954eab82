"""One engine for everybody: checks whole documents and reports, for the command line, the service and other systems.

document, bytes or text -> header, settings, withdrawals -> each: personal data screened, schema, rules -> report
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from placefeed.schema.checking import (
    PARTS,
    PartName,
    check_header,
    check_part,
    check_record,
    check_withdrawn,
    is_valid_fast,
)
from placefeed.schema.feeds import FeedCheck, check_lines, count_outcome, is_lines, parse
from placefeed.schema.files import DOCUMENTS, LINES
from placefeed.schema.issues import Issue, Report
from placefeed.schema.personal import screen
from placefeed.schema.rules import issue

__all__ = [
    "PARTS", "PartName", "check_header", "check_part", "check_record", "check_withdrawn", "is_valid_fast", "validate",
]  # fmt: skip


def validate(document: Any, *, kind: str = "feed", now: datetime | None = None, report: Report | None = None) -> Report:
    """Check a whole document and report: schema, rules and the screen for personal data.

    `document` is a parsed value, or bytes or text of JSON or (for a feed) NDJSON. `kind` is a document of the standard
    or a line form such as `settingRecord`; ValueError for another. `now` is for tests: the clock by default. `report` is
    filled where one is given. Never raises for bad data and never goes to the network.
    """
    if kind not in DOCUMENTS and kind not in LINES:
        raise ValueError(f"The standard has no document {kind}; it has {', '.join(DOCUMENTS)}.")
    now = now or datetime.now(UTC)
    report = Report() if report is None else report
    if isinstance(document, str | bytes | bytearray | memoryview):
        raw = document.encode("utf-8", "surrogatepass") if isinstance(document, str) else bytes(document)
        _validate_bytes(raw, kind, now, report)
    else:
        _validate_value(document, kind, now, report)
    return report


def _validate_value(document: Any, kind: str, now: datetime, report: Report) -> None:
    if kind == "feed" and isinstance(document, Mapping):
        FeedCheck(report, now).whole(document)
        return
    hits = [hit.to_issue() for hit in screen(document)]
    faults = _document_faults(document, kind, now)
    count_outcome(report, [*hits, *faults])


def _document_faults(document: Any, kind: str, now: datetime) -> list[Issue]:
    if kind in PARTS:
        return check_part(kind, document, now=now)
    return check_record(document, now=now, kind=kind)


def _validate_bytes(raw: bytes, kind: str, now: datetime, report: Report) -> None:
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    if not raw.strip():
        report.add(issue("empty-file"))
        return
    if kind == "feed" and is_lines(raw):
        check_lines(BytesIO(raw), now, report)
        return
    value, fault = parse(raw)
    if fault is not None:
        report.add(fault)
        return
    _validate_value(value, kind, now, report)
