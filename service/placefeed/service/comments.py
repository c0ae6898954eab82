"""The report of a submission as a table: the sheet that was sent, with a column of comments, to be mended and sent again."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import orjson
from sqlmodel import Session

from placefeed.adapters.annotate import annotated
from placefeed.adapters.base import SourceRecord
from placefeed.schema.issues import Issue, Place
from placefeed.service.errors import NotAcceptable
from placefeed.service.intake.keeping import quarantined, raw_records
from placefeed.service.tables import Submission

FORMS: Final = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
Form = Literal["json", "csv", "xlsx"]
NAMES: Final[tuple[Form, ...]] = ("json", "csv", "xlsx")


def form_asked(form: str | None, accept: str) -> Form:
    """`json`, `csv` or `xlsx`, by the parameter or else by the Accept header. Raises NotAcceptable."""
    if form is not None:
        for name in NAMES:
            if form == name:
                return name
        raise NotAcceptable("A report is to be had as json, csv or xlsx.")
    wanted = [(part.partition(";")[0].strip().lower(), _weight(part)) for part in accept.split(",") if part.strip()]
    if not wanted:
        return "json"
    for media, weight in sorted(wanted, key=lambda pair: -pair[1]):
        for name in NAMES:
            known = FORMS[name].partition(";")[0]
            if weight > 0 and media in (known, "*/*", known.partition("/")[0] + "/*"):
                return name
    raise NotAcceptable("A report is to be had as application/json, text/csv or a workbook (XLSX).")


def _weight(part: str) -> float:
    for parameter in part.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def commented(
    session: Session, submission: Submission, report: Mapping[str, Any], *, form: Literal["csv", "xlsx"]
) -> bytes:
    """The sheet as CSV or XLSX bytes, each row with its issues; of what was not a sheet, the issues and where they are.

    A row that was refused for personal data is not in it: only its place, and why.
    """
    records: list[SourceRecord] = []
    issues: list[Mapping[str, Any]] = []
    for line in raw_records(session, submission.id):
        records.append(SourceRecord(line["index"], None, raw=line.get("row")))
        issues += line.get("issues", ())
    for refused in quarantined(session, submission.id):
        records.append(SourceRecord(refused.record_index, None, raw=_rows(refused.record)))
        issues += refused.issues
    found = [_issue(each, each.get("place") or {}) for each in issues]
    noted = {(issue.rule, issue.place) for issue in found}
    # What concerns the file and no record of it (an unknown heading, a truncated end) stands in the report alone.
    nowhere: list[dict[str, Any]] = [{}]
    whole = [_issue(cause, place) for cause in report.get("issues", ()) for place in cause.get("places") or nowhere]
    found += [issue for issue in whole if (issue.rule, issue.place) not in noted]
    return annotated(records, dict.fromkeys(found), form=form)


def _rows(record: bytes | None) -> Any:
    """The rows of a sheet that a quarantined record came from, where that is what was kept of it."""
    kept = orjson.loads(record) if record else None
    rows: Iterable[Any] = kept if isinstance(kept, list) else ()
    return [row for row in rows if isinstance(row, dict) and {"sheet", "row", "cells"} <= row.keys()]


def _issue(said: Mapping[str, Any], place: Mapping[str, Any]) -> Issue:
    where = Place(**{name: place.get(name) for name in ("pointer", "line", "sheet", "cell", "urn")})
    return Issue(said["rule"], said["severity"], said["message"], said.get("advice", ""), where)
