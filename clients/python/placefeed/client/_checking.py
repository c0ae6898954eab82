"""Checks files offline, with the very rules that an exchange applies: one engine, one verdict."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from placefeed.client._wire import JSON, NDJSON, media_type_of
from placefeed.schema.issues import Issue, Report
from placefeed.schema.personal import screen
from placefeed.schema.validation import check_record, validate

FORMATS = "placefeed.formats"
MISSING = "Spreadsheets are read by the adapters, which are not installed: pip install 'placefeed[adapters]'."

Counted = Callable[[int], None]
"""Told how many records are done."""


class CannotRead(Exception):
    """A file could not be checked at all; the message is for its owner."""


Seen = Callable[[Any], None]
"""Given each record of a spreadsheet."""


def check_file(
    path: Path, *, now: datetime, kind: str = "feed", mapping: str | None = None, counted: Counted | None = None
) -> Report:
    """The report on a file: JSON, NDJSON, or a spreadsheet where the adapters are installed.

    `kind` is the document that a JSON file holds. `mapping` is for spreadsheets: a mapping's name, or TOML text.
    Raises CannotRead.
    """
    try:
        media_type = media_type_of(path)
        content = path.read_bytes()
    except ValueError as error:
        raise CannotRead(str(error)) from error
    except OSError as error:
        raise CannotRead(f"The file cannot be read: {error.strerror or 'it is not there'}.") from error
    return check_content(content, media_type, name=path.name, now=now, kind=kind, mapping=mapping, counted=counted)


def check_content(
    content: bytes,
    media_type: str,
    *,
    name: str = "",
    now: datetime,
    kind: str = "feed",
    mapping: str | None = None,
    counted: Counted | None = None,
    seen: Seen | None = None,
    report: Report | None = None,
    **options: Any,
) -> Report:
    """The report on bytes of a form: what `check_file` says of a file of them, and what an exchange's page says.

    `report` is filled where one is given. `options` go to what opens spreadsheets. Raises CannotRead.
    """
    report = Report() if report is None else report
    if media_type in (JSON, NDJSON):
        try:
            return validate(content, kind=kind, now=now, report=report)
        except ValueError as error:
            raise CannotRead(str(error)) from error
    open_document = _opener()
    try:
        document = open_document(
            content, content_type=media_type, mapping=mapping, source_name=name, received_at=now, **options
        )
        for count, record in enumerate(document.records(), 1):
            if seen is not None:
                seen(record)
            _count(report, [*record.issues, *_judged(record, now=now)])
            if counted is not None and count % 100 == 0:
                counted(count)
        for issue in document.issues:
            report.add(issue)
    except Exception as error:
        # The package that reads it is not ours to know: whatever it raises says why the file as a whole is unreadable.
        raise CannotRead(f"The file cannot be read: {error}") from error
    return report


def _judged(record: Any, *, now: datetime) -> list[Issue]:
    """What the standard's rules and the screen for personal data find in a row, at its cells."""
    found: list[Issue] = []
    if record.document is not None:
        found += [hit.to_issue() for hit in screen(record.document)]
        found += check_record(record.document, now=now)
        found = [replace(issue, place=_at(record.where(issue.place.pointer or ""), issue)) for issue in found]
    known = {issue.rule for issue in found}
    # Cells of columns that the mapping does not use never reach the document, but they were sent all the same.
    found += [
        hit.to_issue(record.where_in_raw(hit.pointer))
        for hit in screen(record.raw)
        if hit.rule not in known and hit.severity == "error"
    ]
    return found


def _at(place: Any, issue: Issue) -> Any:
    return place if place.urn or not issue.place.urn else replace(place, urn=issue.place.urn)


def _opener() -> Callable[..., Any]:
    """What reads spreadsheets: an entry point, so that the client stands without the adapters."""
    for point in entry_points(group=FORMATS):
        try:
            opener: Callable[..., Any] = point.load()
        except ImportError as error:
            raise CannotRead(MISSING) from error
        return opener
    raise CannotRead(MISSING)


def _count(report: Report, issues: list[Issue]) -> None:
    """Count a record and what was found in it."""
    report.count("records")
    report.count("rejected" if any(issue.severity == "error" for issue in issues) else "accepted")
    if any(issue.severity == "warning" for issue in issues):
        report.count("warnings")
    for issue in issues:
        report.add(issue)
