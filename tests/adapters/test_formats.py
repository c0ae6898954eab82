"""One way in for every form: what a document is, its bytes say; and the sheet goes back with comments."""

import csv
import datetime as dt
import io
import json
from typing import Any

import pytest

from placefeed.adapters.annotate import HEADING, REMOVED, annotated
from placefeed.adapters.base import ChangedShape, Refused, TooLarge
from placefeed.adapters.containers import Limits
from placefeed.adapters.formats import Document, open_document
from placefeed.adapters.sheets import read_sheets
from placefeed.schema.issues import Issue, Place
from tests.adapters.office import ods_of, workbook

NOW = dt.datetime(2026, 11, 21, 18, 0, tzinfo=dt.UTC)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
TABLE: list[list[Any]] = [["URN", "Vacancies", "Available from"], ["SC000001", 1, "now"]]
CSV = b"URN,Vacancies,Available from\nSC000001,1,now\n"
SETTING = {"urn": "SC000001", "vacancies": []}
HEADER = {"standard": "placefeed", "version": "1.0", "publishedAt": "2026-11-21T17:00:00Z"}
JSON = json.dumps({**HEADER, "settings": [SETTING]}).encode()
PRETTY = json.dumps({**HEADER, "settings": [SETTING]}, indent=2).encode()
NDJSON = b"".join(
    json.dumps(line).encode() + b"\n"
    for line in ({"line": "header", **HEADER}, {"line": "setting", **SETTING}, {"line": "trailer", "count": 1})
)


def opened(source: Any, **options: Any) -> Document:
    return open_document(source, received_at=NOW, **options)


FORMS = [
    (JSON, "application/json", "json"),
    (PRETTY, "application/json", "json"),
    (b"\xef\xbb\xbf" + JSON, "application/json; charset=utf-8", "json"),
    (NDJSON, "application/x-ndjson", "ndjson"),
    (CSV, "text/csv", "csv"),
    (workbook({"A": TABLE}), XLSX, "xlsx"),
    (ods_of({"A": TABLE}), ODS, "ods"),
]


@pytest.mark.parametrize(("content", "content_type", "kind"), FORMS)
@pytest.mark.parametrize("declared", [True, False])
def test_every_form_opens_with_and_without_its_content_type(
    content: bytes, content_type: str, kind: str, declared: bool
) -> None:
    document = opened(content, content_type=content_type if declared else None)

    records = list(document.records())

    assert document.kind == kind
    assert document.notes == []
    assert [record.place.urn for record in records] == ["SC000001"]
    assert document.finished is not None
    assert document.finished.ok


@pytest.mark.parametrize(("content", "content_type", "kind"), FORMS)
def test_a_wrong_content_type_is_noted_and_the_content_counts(content: bytes, content_type: str, kind: str) -> None:
    other = "text/csv" if kind != "csv" else XLSX

    document = opened(content, content_type=other)

    assert document.kind == kind
    assert "We read it as that" in document.notes[0]
    assert len(list(document.records())) == 1


@pytest.mark.parametrize("content", [CSV, NDJSON, workbook({"A": TABLE})])
def test_streams_that_cannot_go_back_are_read_too(content: bytes) -> None:
    class OneWay(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: Any) -> int:
            raise OSError("one way")

    assert len(list(opened(OneWay(content)).records())) == 1


def test_a_spreadsheet_takes_its_time_from_a_column_a_title_or_its_arrival() -> None:
    arrived = next(opened(CSV).records()).document
    titled = next(opened(b"As at 20/11/2026\n" + CSV).records()).document
    dated = next(opened(b"URN,Vacancies,Last updated\nSC000001,1,19/11/2026 09:00\n").records()).document

    assert arrived is not None
    assert titled is not None
    assert dated is not None
    assert arrived["vacancies"][0]["asOf"] == "2026-11-21T18:00:00Z"
    assert titled["vacancies"][0]["asOf"] == "2026-11-20T00:00:00Z"
    assert dated["vacancies"][0]["asOf"] == "2026-11-19T09:00:00Z"


def test_notes_tell_about_the_encoding() -> None:
    document = opened("URN,Vacancies,Notes\nSC000001,1,£5 – quiet\n".encode("cp1252"))

    assert "Windows-1252" in document.notes[0]
    assert next(document.records()).document["vacancies"][0]["notes"] == "£5 – quiet"  # type: ignore[index]  # it is there


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"%PDF-1.4", Refused, "PDF"),
        (b"", Refused, "empty"),
        (b"\x00\x01\x02\x03" * 500, Refused, "not a spreadsheet"),
        (b"Dear all, please find attached", ChangedShape, "headings"),
        (b"URN,Vacancies\n" * 500, TooLarge, "larger"),
        (b'"feed"', ChangedShape, "headings"),
    ],
)
def test_what_is_no_document_is_refused_in_words(content: bytes, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        opened(content, content_type=XLSX, limits=Limits(file_bytes=5_000))


def test_only_a_header_is_a_document_without_records() -> None:
    document = opened(b"URN,Vacancies\n")

    assert list(document.records()) == []
    assert document.finished is not None
    assert document.finished.ok


def test_a_mapping_comes_as_name_or_as_toml() -> None:
    toml = 'form = false\n[[sheets]]\n[[sheets.columns]]\nto = "urn"\nheadings = ["Nummer"]\n[[sheets.columns]]\nto = "capacity/occupied"\nheadings = ["Belegt"]\n'

    record = next(opened(b"Nummer,Belegt\nSC000001,3\n", mapping=toml).records())

    assert record.document == {"urn": "SC000001", "capacity": {"occupied": 3, "asOf": "2026-11-21T18:00:00Z"}}


# --- the sheet sent back ----------------------------------------------------------------------------

ISSUES = [
    Issue(
        "sheet-unreadable-value",
        "error",
        "This is not a whole number.",
        "Write 2.",
        Place(sheet="A", cell="B2", urn="SC000001"),
    ),
    Issue("schema-required", "warning", "Something else.", "", Place(sheet="A", cell="A2")),
    Issue("feed-late", "advice", "The file came late.", "", Place()),
]


def test_the_sheet_comes_back_with_comments_beside_its_rows() -> None:
    back = annotated(read_sheets(workbook({"A": TABLE})), ISSUES)

    first, report = read_sheets(back)
    rows = list(first.rows)
    assert rows[0] == ["URN", "Vacancies", "Available from", HEADING]
    assert rows[1][:3] == ["SC000001", 1, "now"]
    assert rows[1][3] == "Error: This is not a whole number. Write 2.\nWarning: Something else."
    assert "late" in str(list(report.rows))


def test_records_bring_their_rows_back_as_csv() -> None:
    document = opened(b"Title,,\n\nURN,Vacancies,Notes\nSC000001,1-2,=cmd()\nSC000002,1,fine\n")
    records = list(document.records())
    issues = [issue for record in records for issue in record.issues]

    rows = list(csv.reader(io.StringIO(annotated(records, issues, form="csv").decode("utf-8-sig"))))

    assert rows[2] == ["URN", "Vacancies", "Notes", HEADING]
    assert rows[3][:3] == ["SC000001", "1-2", "'=cmd()"]
    assert "whole number" in rows[3][3]
    assert rows[4] == ["SC000002", "1", "fine", ""]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "'=1"])
@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_nothing_that_comes_back_is_a_formula(text: str, form: Any) -> None:
    back = annotated(read_sheets(workbook({"A": [["URN", "Notes"], ["SC000001", text]]})), [], form=form)

    cells = [cell for sheet in read_sheets(back) for row in sheet.rows for cell in row if cell is not None]
    assert f"'{text}" in cells


def test_a_row_with_what_looks_like_data_about_a_child_comes_back_empty() -> None:
    hit = Issue(
        "personal-nhs-number", "error", "This looks like an NHS number.", "Remove it.", Place(sheet="A", cell="B2")
    )

    back = annotated(read_sheets(workbook({"A": [["URN", "Notes"], ["SC000001", "9434765919"]]})), [hit])

    rows = list(read_sheets(back)[0].rows)
    assert rows[1][:2] == [REMOVED, REMOVED]
    assert b"9434765919" not in back


def test_issues_without_any_sheet_make_a_report_of_their_own() -> None:
    issue = Issue("schema-type", "error", "Wrong.", "Mend it.", Place(pointer="/settings/3/capacity", urn="SC000001"))

    rows = list(read_sheets(annotated([], [issue]))[0].rows)

    assert rows[0][:4] == ["SC000001", None, "/settings/3/capacity", HEADING] or "/settings/3/capacity" in rows[0]
