"""The spreadsheet form: its columns are the schema's, and whatever it can hold comes back as it was."""

import csv
import datetime as dt
import io
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from placefeed.adapters.formats import open_document
from placefeed.adapters.sheets import read_sheets
from placefeed.schema.files import schema
from placefeed.schema.form_columns import LEFT_OUT, SHEETS, columns, columns_of
from placefeed.schema.form_rows import guarded, rows_of, unguarded
from placefeed.schema.template import NotInTheForm, write_csv_template, write_template
from placefeed.schema.validation import check_record
from tests.adapters.office import ods_of

NOW = dt.datetime(2026, 11, 21, 18, 0, tzinfo=dt.UTC)


def read(data: bytes) -> list[dict[str, Any]]:
    records = list(open_document(data, received_at=NOW).records())
    assert [issue for record in records for issue in record.issues] == []
    return [record.document for record in records if record.document is not None]


def _cell(cell: Any) -> Any:
    return guarded(cell) if isinstance(cell, str) else cell


def written(records: list[dict[str, Any]], form: str) -> bytes:
    target = io.BytesIO()
    if form == "csv":
        write_csv_template(target, records=records)
    elif form == "xlsx":
        write_template(target, records=records)
    else:
        sheets: dict[str, list[list[Any]]] = {}
        for sheet in SHEETS:
            shown = columns_of(sheet)
            rows = [row for record in records for row in rows_of(record)[sheet]]
            sheets[sheet] = [
                [column.heading for column in shown],
                *([_cell(row.get(column.key)) for column in shown] for row in rows),
            ]
        return ods_of(sheets)
    return target.getvalue()


# --- columns ----------------------------------------------------------------------------------------


def test_headings_are_unique_in_a_sheet() -> None:
    for sheet in SHEETS:
        headings = [column.heading for column in columns_of(sheet)]
        assert len(headings) == len(set(headings))


def test_every_property_of_a_vacancy_has_a_column_or_a_reason() -> None:
    for part in ("vacancy", "capacity", "setting", "rate", "ofsted"):
        for name in schema(part)["properties"]:
            pointer = f"/{part}/{name}"
            has_column = any(
                column.pointer == pointer or column.pointer.startswith(pointer + "/") for column in columns()
            )
            assert has_column or name == "extensions" or pointer in LEFT_OUT, (
                f"{pointer} has no column and no reason in LEFT_OUT"
            )


def test_codes_of_a_column_are_those_of_the_schema() -> None:
    genders = next(column for column in columns() if column.key == "vacancy.genders")

    assert genders.kind == "codes"
    assert set(genders.choices) == set(schema("common")["$defs"]["gender"]["enum"])


# --- the files --------------------------------------------------------------------------------------


def test_the_workbook_has_its_sheets_and_its_example_is_not_read() -> None:
    target = io.BytesIO()
    write_template(target)

    sheets = read_sheets(target.getvalue())
    document = open_document(target.getvalue(), received_at=NOW)

    assert [sheet.name for sheet in sheets] == ["Vacancies", "Settings", "Rates", "Guidance", "Codes"]
    assert list(document.records()) == []
    assert document.issues == []


def test_the_workbook_has_drop_downs_comments_and_no_formula() -> None:
    import zipfile

    target = io.BytesIO()
    write_template(target)
    with zipfile.ZipFile(target) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        comments = archive.read("xl/comments1.xml").decode()

    assert sheet.count('type="list"') >= 5
    assert "Codes!$" in sheet
    assert "<f>" not in sheet
    assert "How many children could be placed" in comments


def test_the_csv_form_opens_in_excel_and_has_the_same_headings() -> None:
    target = io.BytesIO()
    write_csv_template(target, example=False)

    assert target.getvalue().startswith(b"\xef\xbb\xbf")
    assert next(csv.reader(io.StringIO(target.getvalue().decode("utf-8-sig")))) == [
        column.heading for column in columns_of("Vacancies")
    ]


def test_the_example_rows_are_valid_documents() -> None:
    target = io.BytesIO()
    write_template(target)
    as_real = [
        [["SC000001" if cell == "EXAMPLE" else cell for cell in row] for row in sheet.rows]
        for sheet in read_sheets(target.getvalue())[:3]
    ]

    (record,) = read(ods_of(dict(zip(SHEETS, as_real, strict=True))))

    assert check_record(record, now=NOW) == []
    assert {"vacancies", "capacity", "setting", "rates"} <= set(record)


def test_a_template_is_written_to_a_path(tmp_path: Any) -> None:
    write_template(tmp_path / "vacancies.xlsx")
    write_csv_template(str(tmp_path / "vacancies.csv"))

    assert {path.name for path in tmp_path.iterdir()} == {"vacancies.xlsx", "vacancies.csv"}


@given(st.text(max_size=20))
def test_guarding_against_formulas_can_be_undone(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert guarded(text)[:1] not in ("=", "+", "-", "@", "\t", "\r")


# --- there and back ---------------------------------------------------------------------------------


@cache
def _value(column: Any) -> st.SearchStrategy[Any]:
    words = st.text(st.characters(exclude_categories=("C", "Z"), max_codepoint=0x2FFF), min_size=1, max_size=30)
    ids = st.from_regex(r"[A-Za-z][A-Za-z0-9._:@+-]{0,12}[A-Za-z0-9]", fullmatch=True)
    codes = st.sampled_from(column.choices) if column.choices else st.just("x")
    if column.pointer.endswith(("/id", "/unit", "/pool")) and column.kind == "text":
        return ids
    return {
        "urn": st.from_regex(r"SC[0-9]{6}|[1-9][0-9]{6}", fullmatch=True),
        "text": words
        | st.sampled_from(
            ["=1+1", "+44 7700 900000", "-x", "@a", "007", "1e5", "2.0", "a\nb", "SC000001", "21/11/2026", "'=x", "Yes"]
        ),
        "code": codes,
        "codes": st.lists(codes, min_size=1, max_size=4, unique=True),
        "ids": st.lists(ids, min_size=1, max_size=3, unique=True),
        "count": st.integers(1, 9_999),
        "number": st.integers(1, 168) | st.floats(0.01, 168).map(lambda number: round(number, 4)),
        "money": st.integers(0, 10**9),
        "date": st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31)).map(dt.date.isoformat),
        "instant": st.datetimes(dt.datetime.fromisoformat("2000-01-01"), dt.datetime.fromisoformat("2026-11-20")).map(
            lambda moment: moment.isoformat(timespec="seconds") + "Z"
        ),
        "yes-no": st.booleans(),
        "authority": st.sampled_from(["E08000035", "E06000001", "E08000016", "E08000038", "W06000015"]),
        "buyers": st.just("any")
        | st.just({"buyers": [{"scheme": "gss", "id": "E08000025"}], "agreements": ["wr-2026"]}),
    }[column.kind]


@st.composite
def part(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """A part of a record with any of the form's columns filled; whether it is valid is not asked."""
    from placefeed.adapters.paths import put, steps

    document: dict[str, Any] = {}
    for column in columns():
        if column.pointer.startswith(f"/{name}/") and (
            column.required or column.key.endswith("asOf") or draw(st.integers(0, 3)) == 0
        ):
            put(document, steps(column.pointer), draw(_value(column)))
    return document


@st.composite
def records(draw: st.DrawFn, *, vacancies_only: bool) -> list[dict[str, Any]]:
    """Some settings, with parts that the form can hold."""
    found: list[dict[str, Any]] = []
    urns = draw(
        st.lists(st.from_regex(r"SC[0-9]{6}|[1-9][0-9]{6}", fullmatch=True), min_size=1, max_size=3, unique=True)
    )
    for urn in urns:
        record: dict[str, Any] = {"urn": urn}
        many = draw(st.lists(part("vacancy"), max_size=3, unique_by=lambda vacancy: vacancy["id"]))
        if many or vacancies_only or draw(st.booleans()):
            record["vacancies"] = many
        if not vacancies_only:
            for name in ("capacity", "setting", "ofsted"):
                if draw(st.booleans()):
                    record[name] = draw(part(name))
            rates = draw(st.lists(part("rate"), max_size=2, unique_by=lambda rate: rate["id"]))
            if rates:
                record["rates"] = rates
        found.append(record)
    return found


def _representable(found: list[dict[str, Any]]) -> bool:
    try:
        for record in found:
            capacity = record.get("capacity", {})
            capacity.pop("unit", None)
            if not any(rows_of(record).values()):
                return False  # a record that says nothing has no row
    except NotInTheForm:
        return False
    return True


def _sorted(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(found, key=lambda record: str(record["urn"]))


EACH = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # records are wide: shrinking one takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@settings(EACH, max_examples=60)
@given(records(vacancies_only=True), st.sampled_from(["csv", "xlsx", "ods"]))
def test_vacancies_come_back_as_they_were(found: list[dict[str, Any]], form: str) -> None:
    assume(_representable(found))

    assert _sorted(read(written(found, form))) == _sorted(found)


@settings(EACH, max_examples=40)
@given(records(vacancies_only=False), st.sampled_from(["xlsx", "ods"]))
def test_whole_records_come_back_as_they_were(found: list[dict[str, Any]], form: str) -> None:
    assume(_representable(found))

    assert _sorted(read(written(found, form))) == _sorted(found)


def test_units_and_lists_of_several_entries_take_further_rows() -> None:
    record = {
        "urn": "SC000001",
        "capacities": [
            {"asOf": "2026-11-21T10:00:00Z", "unit": "A", "registered": 3, "expected": [{"from": "2026-12-01", "places": 1}, {"from": "2027-01-01", "places": 2}]},
            {"asOf": "2026-11-21T10:00:00Z", "unit": "B", "registered": 2, "unavailable": []},
        ],
        "setting": {
            "asOf": "2026-11-21T10:00:00Z",
            "provisionType": "children-home",
            "services": [{"kind": "health"}, {"kind": "education", "included": True}, {"kind": "therapy"}],
        },
    }  # fmt: skip

    assert read(written([record], "xlsx")) == [record]


def test_a_setting_with_no_place_to_offer_says_so_in_the_form() -> None:
    assert read(written([{"urn": "SC000001", "vacancies": []}], "csv")) == [{"urn": "SC000001", "vacancies": []}]


@pytest.mark.parametrize(
    "record",
    [
        {"urn": "SC000001", "extensions": {"https://example.org/x": 1}},
        {"urn": "SC000001", "vacancies": [{"id": "v1", "places": 1, "extensions": {}}]},
        {"urn": "SC000001", "vacancies": [{"id": "v1", "notes": " edges "}]},
        {"urn": "SC000001", "vacancies": [{"id": "none", "places": 1}]},
        {"urn": "SC000001", "vacancies": [{"id": "v1", "genders": []}]},
        {"urn": "SC000001", "rates": []},
        {"urn": "SC000001", "rates": [{"id": "r", "lines": [{"code": "food", "pence": 1, "included": False}]}]},
        {"urn": "SC000001", "rates": [{"id": "r", "tiers": [{"fromPlaces": 2, "pence": 1}]}]},
        {"urn": "SC000001", "rates": [{"id": "r", "offeredTo": {"buyers": []}}]},
        {"urn": "SC000001", "setting": {"services": [{"kind": "health"}, {"kind": "health"}]}},
        {"urn": "SC000001", "capacity": {"unit": "A"}},
    ],
)
def test_what_the_form_cannot_say_is_refused_and_not_lost(record: dict[str, Any]) -> None:
    with pytest.raises(NotInTheForm):
        rows_of(record)
