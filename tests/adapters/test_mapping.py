"""A provider's own spreadsheet becomes settingRecords by a TOML file, or by the headings that everyone uses."""

import datetime as dt
import io
from typing import Any

import pytest
import xlsxwriter

from placefeed.adapters import values
from placefeed.adapters.base import ChangedShape, SourceRecord
from placefeed.adapters.formats import Document, open_document
from placefeed.adapters.mapping import BadMapping, Mapping, builtin, builtin_names
from placefeed.adapters.values import CellError, Money
from placefeed.adapters.words import authority, code, codes, nearly
from placefeed.schema.form_columns import columns
from placefeed.schema.validation import check_record
from tests.adapters.office import ods_of, workbook

NOW = dt.datetime(2026, 11, 21, 18, 0, tzinfo=dt.UTC)
TODAY = dt.date(2026, 11, 21)


def read(data: bytes | str, **options: Any) -> tuple[Document, list[SourceRecord]]:
    document = open_document(data.encode() if isinstance(data, str) else data, received_at=NOW, **options)
    return document, list(document.records())


def bad(record: SourceRecord) -> bool:
    return any(issue.severity == "error" for issue in record.issues)


def only(data: bytes | str, **options: Any) -> dict[str, Any]:
    _, records = read(data, **options)
    assert [record.issues for record in records if bad(record)] == []
    assert len(records) == 1
    assert records[0].document is not None
    return records[0].document


# --- cells ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("£3,500 pw", Money(350_000, "week")),
        ("3500.00", Money(350_000)),
        (3500, Money(350_000)),
        (3500.555, Money(350_056)),
        (0.07, Money(7)),
        (4.35, Money(435)),
        ("£512.50 per night", Money(51_250, "night")),
        ("£512.5/night", Money(51_250, "night")),
        ("£3,500 per week + VAT", Money(350_000, "week")),
        ("3,500 p/w", Money(350_000, "week")),
        ("£20 an hour", Money(2_000, "hour")),
        ("£20 per hour", Money(2_000, "hour")),
        ("£180,000 p.a.", Money(18_000_000, "year")),
        ("£180,000 per annum", Money(18_000_000, "year")),
        ("50p", Money(50)),
        ("£100 one-off", Money(10_000, "once")),
        ("tbc", "blank"),
        ("n/a", "blank"),
        ("-", "blank"),
        ("NULL", "blank"),
        (None, "blank"),
        ("5k", None),
        ("£3,000 - £4,000", None),
        ("from £3,000", None),
        ("£3.500,00", None),
        ("3500,00", None),
        ("£3,500 pcm", None),
        ("negotiable", None),
        (-5, None),
        (float("inf"), None),
        (True, None),
    ],
)
def test_money_is_read_for_certain_or_refused(cell: Any, expected: Any) -> None:
    if expected is None:
        with pytest.raises(CellError) as caught:
            values.money(cell)
        assert caught.value.advice
    else:
        assert values.money(cell) == (None if expected == "blank" else expected)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("21/11/2026", "2026-11-21"),
        ("21/11/26", "2026-11-21"),
        ("1.2.2026", "2026-02-01"),
        ("21 Nov 2026", "2026-11-21"),
        ("21st November 2026", "2026-11-21"),
        ("Sat 21 Nov 2026", "2026-11-21"),
        ("21-Nov-26", "2026-11-21"),
        ("November 21, 2026", "2026-11-21"),
        ("2026-11-21", "2026-11-21"),
        ("2026-11-21T18:04:00Z", "2026-11-21"),
        (46347, "2026-11-21"),
        (46347.75, "2026-11-21"),
        (dt.date(2026, 11, 21), "2026-11-21"),
        (dt.datetime.fromisoformat("2026-11-21T09:30"), "2026-11-21"),
        ("ASAP", "2026-11-21"),
        ("Immediately", "2026-11-21"),
        ("now", "2026-11-21"),
        ("tbc", None),
        ("12/25/2026", CellError),
        ("31/02/2026", CellError),
        ("soon", CellError),
        ("Nov 2026", CellError),
        (12, CellError),
        ("21/11", CellError),
    ],
)
def test_dates_in_the_forms_that_people_use(cell: Any, expected: Any) -> None:
    if expected is CellError:
        with pytest.raises(CellError):
            values.date(cell, today=TODAY)
    else:
        assert values.date(cell, today=TODAY) == expected


def test_an_american_sheet_says_so_in_its_mapping() -> None:
    assert values.date("11/12/2026", today=TODAY, month_first=True) == "2026-11-12"
    with pytest.raises(CellError, match="month first"):
        values.date("21/11/2026", today=TODAY, month_first=True)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2026-11-21T18:04:00+01:00", "2026-11-21T18:04:00+01:00"),
        ("21/11/2026 18:04", "2026-11-21T18:04:00Z"),
        ("21/07/2026 18:04", "2026-07-21T17:04:00Z"),
        ("21/11/2026 at 6.04pm", "2026-11-21T18:04:00Z"),
        (dt.datetime.fromisoformat("2026-07-21T18:04"), "2026-07-21T17:04:00Z"),
        (46347.752777777, "2026-11-21T18:04:00Z"),
        ("21/11/2026", "2026-11-21T00:00:00Z"),
        ("21/07/2026", "2026-07-20T23:00:00Z"),
    ],
)
def test_times_are_british_unless_they_say(cell: Any, expected: str) -> None:
    assert values.instant(cell, today=TODAY) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("11-16", (11, 16)),
        ("11 to 16 yrs", (11, 16)),
        ("8–12 years", (8, 12)),
        ("Aged 11 - 16", (11, 16)),
        (16, (16, 16)),
        ("16/17", (16, 17)),
        ("0-17", (0, 17)),
    ],
)
def test_ages(cell: Any, expected: tuple[int, int]) -> None:
    assert values.ages(cell) == {"from": expected[0], "to": expected[1]}


@pytest.mark.parametrize("cell", ["8+", "under 12", "teens", dt.date(2026, 12, 10), True])
def test_ages_with_an_open_end_are_refused(cell: Any) -> None:
    with pytest.raises(CellError):
        values.ages(cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2", 2),
        (2, 2),
        ("2.0", 2),
        ("2 places", 2),
        ("two", 2),
        ("nil", 0),
        ("none", 0),
        ("-", None),
        ("", None),
        (None, None),
        ("0", 0),
    ],
)
def test_counts(cell: Any, expected: int | None) -> None:
    assert values.count(cell) == expected


@pytest.mark.parametrize("cell", ["1-2", "1.5", 1.5, -1, "some", True, dt.date(2026, 2, 1), "#REF!"])
def test_counts_that_are_none_are_refused(cell: Any) -> None:
    with pytest.raises(CellError):
        values.count(cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("SC000001", "SC000001"),
        ("sc 000001", "SC000001"),
        ("2590934.0", "2590934"),
        (2590934, "2590934"),
        ("URN: 2590934", "2590934"),
        ("\u00a0SC000001 ", "SC000001"),
    ],
)
def test_urns(cell: Any, expected: str) -> None:
    assert values.urn(cell) == expected


@pytest.mark.parametrize("cell", ["123456", "SC12345", "SC0000012", "Oak House", 12345678])
def test_other_numbers_are_no_urns(cell: Any) -> None:
    with pytest.raises(CellError):
        values.urn(cell)


def test_lists_are_parted_by_semicolons_lines_commas_or_slashes() -> None:
    assert values.split("a; b;c") == ["a", "b", "c"]
    assert values.split("a, b\nc, d") == ["a, b", "c, d"]
    assert values.split("a / b, c") == ["a", "b", "c"]
    assert values.split("- a\n- b") == ["a", "b"]


def test_words_become_codes_and_slips_are_told() -> None:
    assert code("Children's Home", "provision-types").code == "children-home"
    assert code("Planed", "placement-types").meant == "Planned"
    assert [found.code for found in codes("Planned / Emergency", "placement-types")] == ["planned", "emergency"]


def test_a_word_that_only_resembles_one_is_suggested_and_never_taken() -> None:
    with pytest.raises(CellError) as caught:
        code("Plan", "placement-types")
    assert caught.value.message.startswith("This is not one of the words")
    with pytest.raises(CellError, match="placement-types"):
        code("Plannned long stay", "placement-types")


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("unoccupied places", "occupied places"),
        ("unavailable", "available"),
        ("line 2 cost", "line 1 cost"),
        ("from", "form"),
        ("female", "male"),
    ],
)
def test_what_may_mean_the_contrary_is_no_slip(written: str, known: str) -> None:
    assert nearly(written, [known]) is None


def test_local_authorities_by_name() -> None:
    assert authority("Leeds") == authority("E08000035")
    with pytest.raises(CellError) as caught:
        authority("Leads")
    assert "Leeds" in caught.value.advice


def test_no_message_repeats_the_cell() -> None:
    for reader in (values.money, values.ages, values.count, values.yes_no, values.ratio, values.urn):
        with pytest.raises(CellError) as caught:
            reader("Zebulon 4857773456")
        assert "Zebulon" not in caught.value.message + caught.value.advice


# --- sheets -----------------------------------------------------------------------------------------

SIMPLE = "URN,Vacancies,Available from,Ages,Gender\nSC000001,2,ASAP,11-16,M\n"


def test_a_sheet_without_a_mapping_is_read_by_its_headings() -> None:
    assert only(SIMPLE) == {
        "urn": "SC000001",
        "vacancies": [
            {"id": "v1", "asOf": "2026-11-21T18:00:00Z", "places": 2, "from": "2026-11-21", "ages": {"from": 11, "to": 16}, "genders": ["male"]}
        ],
    }  # fmt: skip


def test_what_is_read_is_valid() -> None:
    assert check_record(only(SIMPLE), now=NOW) == []


def test_headings_are_found_on_row_nine_under_titles_and_a_band() -> None:
    data = workbook(
        {
            "Week 47": [
                ["Northfield: vacancies"], [], ["Position as at 20/11/2026 16:00"], [], ["Please return by Friday"], [], [],
                ["", "", "Ages", "", "Offer"],
                ["URN", "Setting", "From", "To", "Vacancies"],
                ["SC000001", "Oak", 11, 16, 1],
            ]
        }
    )  # fmt: skip

    _, records = read(data)

    vacancy = (records[0].document or {})["vacancies"][0]
    assert vacancy["ages"] == {"from": 11, "to": 16}
    assert vacancy["asOf"] == "2026-11-20T16:00:00Z"
    assert records[0].where("/vacancies/0/places").cell == "E10"
    assert records[0].where("/vacancies/0/asOf").cell == "A3"
    assert records[0].where("/vacancies/0/needs").cell == "A10"


def test_a_misspelt_heading_is_read_and_told_once_and_an_unknown_one_gets_a_suggestion() -> None:
    document, records = read(
        "URN,Vacnacies,Ages,Placement kind,Colour of door\n" + "SC000001,1,11-16,Planned,red\n" * 300
    )

    issues = {issue.rule: issue for issue in document.issues if issue.place.cell}
    assert issues["sheet-near-miss"].place.cell == "B1"
    assert "Vacancies" in issues["sheet-near-miss"].message
    unknown = [issue for issue in document.issues if issue.rule == "sheet-unknown-heading"]
    assert [(issue.place.cell, issue.severity) for issue in unknown] == [("D1", "warning"), ("E1", "advice")]
    assert "Placement type" in unknown[0].advice
    assert len(records) == 1


def test_a_heading_is_repeated_without_its_figures() -> None:
    document, _ = read("URN,Vacancies,Ring 07700900123\nSC000001,1,x\n")

    assert "07700900123" not in " ".join(issue.message for issue in document.issues)


def test_several_rows_of_a_setting_are_one_record() -> None:
    record = only(
        "URN,Vacancy reference,Places,Available from,Registered places\nSC000001,a,1,now,4\nSC000001,b,2,now,4\n"
    )

    assert [vacancy["id"] for vacancy in record["vacancies"]] == ["a", "b"]
    assert record["capacity"] == {"registered": 4, "asOf": "2026-11-21T18:00:00Z"}


def test_several_sheets_are_one_record() -> None:
    record = only(
        workbook(
            {
                "Vacancies": [["URN", "Vacancy reference", "Places", "Available from", "Rates"], ["SC000001", "a", 1, TODAY, "core"]],
                "Settings": [["URN", "Registered places", "Occupied places", "Provision type"], ["SC000001", 4, 3, "Children's home"]],
                "Rates": [["URN", "Rate reference", "Price (£)", "Price per", "Offered to", "Valid from"], ["SC000001", "core", 5125, "week", "any", dt.date(2026, 4, 1)]],
            }
        )
    )  # fmt: skip

    assert record["vacancies"][0]["rates"] == ["core"]
    assert record["capacity"]["occupied"] == 3
    assert record["setting"]["provisionType"] == "children-home"
    assert record["rates"][0]["price"] == {"pence": 512_500, "per": "week"}
    assert check_record(record, now=NOW) == []


def test_rows_that_contradict_each_other_spoil_the_part_that_they_are_about() -> None:
    _, records = read("URN,Places,From,Registered places\nSC000001,1,now,4\nSC000001,1,now,5\nSC000002,1,now,4\n")

    assert [bad(record) for record in records] == [True, False]
    assert records[0].issues[0].rule == "sheet-contradiction"
    assert (records[0].issues[0].place.cell, records[0].issues[0].place.pointer) == ("D3", "/capacity")
    assert records[0].place.urn == "SC000001"


def test_the_same_reference_twice_is_reported() -> None:
    _, records = read(
        "URN,Vacancy reference,Places,From\nSC000001,a,1,now\nSC000001,a,1,now\nSC000002,a,1,now\nSC000002,a,2,now\n"
    )

    assert [(record.issues[0].rule, record.issues[0].severity) for record in records] == [
        ("duplicate-id", "warning"),
        ("duplicate-id", "error"),
    ]
    assert records[1].issues[0].place.pointer == "/vacancies/0"


def test_a_row_without_a_urn_is_quarantined_and_the_rest_goes_on() -> None:
    document, records = read("URN,Places,From\n,1,now\nSC000002,1,now\nOak House,2,now\n")

    assert [record.document is None for record in records] == [False, True, True]
    assert [record.place.cell for record in records if record.document is None] == ["A2", "A4"]
    assert document.finished is not None
    assert not document.finished.ok, "what those rows were about can't be told from what is missing"


def test_none_to_offer_is_said_and_blank_is_not_known() -> None:
    _, records = read("URN,Places,From,Notes\nSC000001,0,,\nSC000002,,now,\nSC000003,,,quiet\n")

    assert [(record.document or {}).get("vacancies") for record in records] == [[], None, None]
    assert records[1].issues[0].rule == "sheet-blank-places"


def test_totals_remarks_repeated_headings_and_examples_are_no_records() -> None:
    document, records = read(
        "URN,Places,From\nEXAMPLE,1,now\nSC000001,1,now\nURN,Places,From\nSC000002,1,now\nTotal,2,\nPlease ring the office,,\n"
    )

    assert [record.place.urn for record in records] == ["SC000001", "SC000002"]
    assert document.finished is not None
    assert document.finished.ok


def test_a_cell_that_cannot_be_read_names_sheet_cell_and_remedy() -> None:
    _, records = read(workbook({"Homes": [["URN", "Vacancies", "Ages"], ["SC000001", "1-2", "8+"]]}))

    assert [(issue.place.sheet, issue.place.cell, issue.place.urn) for issue in records[0].issues] == [
        ("Homes", "B2", "SC000001"),
        ("Homes", "C2", "SC000001"),
    ]
    assert all(issue.advice for issue in records[0].issues)


def test_a_price_without_a_buyer_is_not_read_and_told_once() -> None:
    document, records = read("URN,Vacancies,Weekly fee\n" + "".join(f"SC{n:06},1,5k\n" for n in range(50)))

    assert all("rates" not in (record.document or {"rates": 1}) for record in records)
    assert [issue.rule for issue in document.issues] == ["sheet-missing-column"]
    assert "Offered to" in document.issues[0].message


def test_a_formula_never_calculated_is_not_read_as_nothing() -> None:
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target)
    sheet = book.add_worksheet("S")
    sheet.write_row(0, 0, ["URN", "Vacancies"])
    sheet.write(1, 0, "SC000001")
    sheet.write_formula(1, 1, "=SUM(C2:D2)", None, "")
    book.close()

    _, records = read(target.getvalue())

    assert bad(records[0])
    assert "never calculated" in records[0].issues[0].message


def test_a_setting_registered_elsewhere_is_named_by_scheme_and_number() -> None:
    record = only("Registered elsewhere: Scheme,Registered elsewhere: Identifier,Places,From\nciw,SIN-00001234,1,now\n")

    assert record["registration"]["id"] == "SIN-00001234"


def test_hidden_and_foreign_sheets_are_left_alone() -> None:
    document, records = read(
        workbook({"Notes": [["Hello"], ["We moved office."]], "Homes": [["URN", "Vacancies"], ["SC000001", 1]]})
    )

    assert len(records) == 1
    assert [issue.rule for issue in document.issues] == ["sheet-no-header"]


def test_a_workbook_without_any_known_heading_has_changed_shape() -> None:
    with pytest.raises(ChangedShape, match="template"):
        read("Haus,Plätze\nEiche,2\n")


def test_the_same_rows_as_csv_xlsx_and_ods_say_the_same() -> None:
    table: list[list[Any]] = [
        ["URN", "Vacancies", "Available from", "Ages", "Weekly fee", "Offered to", "Rate valid from"],
        ["2590934", 2, TODAY, "11 to 16", 3500.5, "any", dt.date(2026, 4, 1)],
    ]
    text = "\n".join(
        ",".join(f"{cell:%d/%m/%Y}" if isinstance(cell, dt.date) else str(cell) for cell in row) for row in table
    )

    assert only(text) == only(workbook({"A": table})) == only(ods_of({"A": table}))


def test_an_unreadable_number_of_places_leaves_the_setting_known_and_nothing_said_of_it() -> None:
    _, records = read("URN,Vacancy reference,Places,From\nSC000001,a,1,now\nSC000001,b,several,now\n")

    assert records[0].document is None
    assert records[0].place.urn == "SC000001"
    assert [issue.place.cell for issue in records[0].issues] == ["C3"]


def test_another_unreadable_cell_leaves_the_other_rows_usable() -> None:
    _, records = read("URN,Vacancy reference,Places,From,Ages\nSC000001,a,1,now,8-12\nSC000001,b,1,now,8+\n")

    document = records[0].document or {}
    assert [vacancy["id"] for vacancy in document["vacancies"]] == ["a", "b"]
    assert records[0].where("/vacancies/1").cell == "A3"
    assert [issue.place.cell for issue in records[0].issues] == ["E3"]


# --- mappings ---------------------------------------------------------------------------------------


def test_the_built_in_mapping_has_every_column_of_the_form_and_only_adds_synonyms() -> None:
    read_here = {pointer for rule in builtin().sheets for field in rule.fields for pointer in field.pointers}

    assert {column.pointer for column in columns()} <= read_here


def test_the_large_providers_weekly_workbook() -> None:
    data = workbook(
        {
            "Cover": [["Northfield Children's Services"]],
            "Weekly position 47": [
                ["Northfield Children's Services: weekly vacancy position"],
                ["Correct as at:", "20/11/2026 16:00"],
                [],
                [None, None, None, "Occupancy", None, None, "Offer", None, None, None, "Weekly fee (£)"],
                ["Home", "Ofsted no.", "Region", "Reg'd", "Occ.", "On hold", "Vacs", "Solo?", "Ages", "M/F/Mixed", "Core"],
                ["Oak", "SC000001", "North West", 4, 3, 0, 1, "N", "11-16", "Mixed", 5125],
                [None, None, None, None, None, None, 1, "Y", "12-15", "F", "£7,200 pw"],
                ["Elm", 1234567, "North West", 3, 3, "–", None, "N", "8-12", "M", "tbc"],
                ["TOTAL", None, None, 7, 6, 0, 2],
            ],
        }
    )  # fmt: skip

    document, records = read(data, mapping="large-provider-weekly")

    oak, elm = (record.document or {} for record in records)
    assert document.header["complete"] is True
    assert [vacancy["cared"] for vacancy in oak["vacancies"]] == ["with-others", "solo"]
    assert [vacancy["rates"] for vacancy in oak["vacancies"]] == [["r1"], ["r2"]]
    assert [rate["price"]["pence"] for rate in oak["rates"]] == [512_500, 720_000]
    assert oak["setting"] == {"provisionType": "children-home", "name": "Oak", "asOf": "2026-11-20T16:00:00Z"}
    assert elm["vacancies"] == []
    assert "rates" not in elm


def test_the_consortiums_return() -> None:
    data = (
        '"Provider";"Setting URN";"Category";"Date completed";"Beds";"Beds filled";"Beds closed - staffing";"Beds closed - repairs";'
        '"Beds free";"Free from";"Price p";"Basis"\n'
        '"Elm Care; Ltd";"1234567";"SA";"11/20/2026";6;4;1;0;1;"12/01/2026";"51250";"N"\n'
    )

    record = only(data, mapping="consortium-return")

    assert record["capacity"]["unavailable"] == [{"reason": "staffing", "places": 1}]
    assert record["setting"]["provider"] == {"name": "Elm Care; Ltd"}
    assert record["vacancies"][0]["from"] == "2026-12-01"
    assert record["rates"][0]["price"] == {"pence": 51_250, "per": "night"}
    assert record["capacity"]["asOf"] == "2026-11-20T00:00:00Z"
    assert check_record(record, now=NOW) == []


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("x = [", "not TOML"),
        ("colour = 'red'", "colour"),
        ("[[columns]]\nto = 'bed/places'", "begins with none"),
        ("[[columns]]\nheadings = ['x']", "no `to`"),
        ("[[columns]]\nto = 'vacancy/nothing'", "needs a kind"),
        ("[[columns]]\nto = 'vacancy/places'\nkind = 'beds'", "needs a kind"),
        ("[codes.colours]\nred = 'r'", "codelist"),
        ("date_order = 'ymd'", "date_order"),
        ("[constants]\n'bed/x' = 1", "begins with none"),
        ("[[sheets]]\nlike = 'Homes'", "like"),
    ],
)
def test_a_bad_mapping_says_what_is_wrong(toml: str, says: str) -> None:
    with pytest.raises(BadMapping, match=says):
        Mapping.load(toml)


def test_every_shipped_mapping_loads() -> None:
    assert {"placefeed", "large-provider-weekly", "consortium-return"} <= set(builtin_names())
    for name in builtin_names():
        assert builtin(name).title
    with pytest.raises(BadMapping):
        builtin("../placefeed")
