"""Spreadsheets as rows: told apart by content, guarded before they are parsed, addressed as people see them."""

import datetime as dt
import io
import time
import zipfile
from typing import Any

import pytest
import xlsxwriter

from placefeed.adapters.base import Refused, TooLarge
from placefeed.adapters.containers import Limits
from placefeed.adapters.paths import column_and_row
from placefeed.adapters.sheets import Sheet, address, read_sheets
from tests.adapters.office import ods, ods_of, sheet_xml, workbook, xlsx_with


def rows(sheet: Sheet) -> list[list[Any]]:
    return list(sheet.rows)


def one(data: bytes) -> list[list[Any]]:
    return rows(read_sheets(data)[0])


@pytest.mark.parametrize(
    ("at", "shown"), [((1, 0), "A1"), ((7, 1), "B7"), ((3, 25), "Z3"), ((9, 26), "AA9"), ((1, 16_383), "XFD1")]
)
def test_addresses_are_those_of_a_spreadsheet(at: tuple[int, int], shown: str) -> None:
    assert address(*at) == shown
    assert column_and_row(shown) == (at[1], at[0])


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_even_where_others_stand_in_quotes(separator: str) -> None:
    lines = [
        ["URN", "Notes", "Fee"],
        ["SC000001", "solo, quiet; ground floor", "3,500.00"],
        ["SC000002", "two, or three", "4,100.00"],
    ]
    text = "\r\n".join(separator.join(f'"{cell}"' for cell in line) for line in lines)

    assert one(text.encode()) == lines


def test_semicolons_with_decimal_commas_are_semicolons() -> None:
    assert one(b"URN;Fee;Places\nSC000001;3500,00;2\nSC000002;4100,00;1\n")[1] == ["SC000001", "3500,00", "2"]


def test_excels_own_line_about_the_separator_is_no_row() -> None:
    assert one(b"sep=;\r\nURN;Places\r\nSC000001;1,2\r\n") == [["URN", "Places"], ["SC000001", "1,2"]]


def test_excels_unicode_text_is_read() -> None:
    assert one("\ufeffURN\tNote\r\nSC000001\t£3 – today\r\n".encode("utf-16-le")) == [
        ["URN", "Note"],
        ["SC000001", "£3 – today"],
    ]


def test_line_breaks_in_quotes_stay_in_their_cell_and_rows_count_as_excel_counts() -> None:
    read = one(b'URN,"Number\nof places"\nSC000001,"2\n"\n\nSC000002,3\n')

    assert read == [["URN", "Number\nof places"], ["SC000001", "2\n"], [], ["SC000002", "3"]]


def test_a_quotation_mark_that_never_closes_is_named() -> None:
    sheet = read_sheets(b'URN,Notes\nSC000001,"solo\nSC000002,two\n')[0]

    read = rows(sheet)

    assert len(read) == 2
    assert sheet.faults == {(2, 1): "open-quote"}


def test_values_that_look_like_formulas_are_text() -> None:
    assert one(b"URN,Note\nSC000001,=1+1\nSC000002,@x\nSC000003,-5\n")[1:] == [
        ["SC000001", "=1+1"],
        ["SC000002", "@x"],
        ["SC000003", "-5"],
    ]


def test_whole_numbers_are_whole_and_dates_are_dates() -> None:
    data = workbook({"Vacancies": [["URN", "Fee", "From", "Yes"], [2590934, 3500.5, dt.date(2026, 11, 21), True]]})

    assert one(data)[1] == [2590934, 3500.5, dt.date(2026, 11, 21), True]


def test_blank_rows_and_columns_in_front_keep_their_addresses() -> None:
    data = workbook({"S": [[], [], [None, None, "URN"], [None, None, "SC000001"]]})

    assert one(data)[2:] == [[None, None, "URN"], [None, None, "SC000001"]]


def test_blank_rows_and_columns_in_front_of_an_ods_keep_their_addresses_too() -> None:
    data = ods_of({"S": [[None], [None, None, "URN"], [None, None, "SC000001"]]})

    assert one(data)[1:] == [[None, None, "URN"], [None, None, "SC000001"]]


def test_hidden_sheets_are_marked() -> None:
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target)
    book.add_worksheet("Shown").write(0, 0, "a")
    book.add_worksheet("Lists").hide()
    book.close()

    assert [(sheet.name, sheet.hidden) for sheet in read_sheets(target.getvalue())] == [
        ("Shown", False),
        ("Lists", True),
    ]


def test_formulas_never_calculated_and_excel_errors_are_named_by_cell() -> None:
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target)
    sheet = book.add_worksheet("S")
    sheet.write_row(0, 0, ["URN", "Places"])
    sheet.write_formula(1, 1, "=1+1", None, "")
    sheet.write_formula(2, 1, "=1/0", None, "#DIV/0!")
    sheet.write_formula(3, 1, "=1+2", None, 3)
    book.close()

    read = read_sheets(target.getvalue())[0]

    assert rows(read)[3] == [None, 3]
    assert read.faults == {(2, 1): "formula", (3, 1): "error"}


def test_ods_rows_that_end_in_thousands_of_repeated_columns_are_cheap() -> None:
    row = "<table:table-row>{}<table:table-cell table:number-columns-repeated='16351'/></table:table-row>"
    blank = "<table:table-row table:number-rows-repeated='1048000'><table:table-cell table:number-columns-repeated='16384'/></table:table-row>"
    cell = "<table:table-cell office:value-type='string'><text:p>a</text:p></table:table-cell>"
    started = time.process_time()

    read = one(ods(row.replace("'", '"').format(cell.replace("'", '"')) * 3_000 + blank.replace("'", '"')))

    assert len(read) == 3_000
    assert read[0] == ["a"]
    assert time.process_time() - started < 5


def test_ods_keeps_typed_cells_and_urns() -> None:
    body = (
        '<table:table-row><table:table-cell office:value-type="float" office:value="2590934"><text:p>2590934</text:p></table:table-cell>'
        '<table:table-cell office:value-type="date" office:date-value="2026-11-21"><text:p>21/11/26</text:p></table:table-cell></table:table-row>'
    )

    assert one(ods(body)) == [[2590934, dt.date(2026, 11, 21)]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \r\n", "empty"),
        (b"%PDF-1.7 junk", "PDF"),
        (b"PK\x03\x04 but not a zip", "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "old Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "password"),
        (b"<html><table><tr><td>URN</td></tr></table></html>", "web page"),
        (bytes(range(256)) * 20, "not a spreadsheet"),
        (b"{\\rtf1 hello}", "text document"),
        (b"\x1f\x8b\x08\x00rest", "compressed"),
    ],
)
def test_what_is_no_spreadsheet_is_refused_with_advice(content: bytes, says: str) -> None:
    with pytest.raises(Refused, match=says):
        read_sheets(content)


@pytest.mark.parametrize(
    ("member", "says"),
    [
        ("xl/workbook.bin", "binary Excel"),
        ("word/document.xml", "Word"),
        ("photo.jpg", "zip archive"),
        ("Index/Document.iwa", "Numbers"),
    ],
)
def test_other_zips_are_told_apart(member: str, says: str) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(member, b"x")

    with pytest.raises(Refused, match=says):
        read_sheets(target.getvalue())


@pytest.mark.parametrize("cut", [100, 1_000, 3_000])
def test_a_workbook_cut_short_is_damaged(cut: int) -> None:
    with pytest.raises(Refused, match="damaged"):
        read_sheets(workbook({"S": [["URN", "Places"]] * 50})[:-cut])


def test_broken_xml_is_damaged_and_no_crash() -> None:
    with pytest.raises(Refused, match="damaged"):
        [rows(sheet) for sheet in read_sheets(xlsx_with("<worksheet><sheetData><row r='x'><c r='B1'><v>q"))]
    with pytest.raises(TooLarge, match="spans"):
        [rows(sheet) for sheet in read_sheets(xlsx_with("<worksheet><sheetData><row r='1'><c r='ZZZZZZ1'><v>q"))]


def test_a_zip_bomb_is_refused_before_it_is_parsed() -> None:
    started = time.process_time()

    with pytest.raises(TooLarge, match="far larger inside"):
        read_sheets(xlsx_with(b"<a>" + b" " * 60_000_000))
    assert time.process_time() - started < 5


def test_too_many_members_are_refused() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(30):
            archive.writestr(f"xl/{number}.xml", b"")

    with pytest.raises(TooLarge, match="parts inside"):
        read_sheets(target.getvalue(), limits=Limits(members=20))


@pytest.mark.parametrize("far", ["XFD1048576", "xfd1048576", "AAA900000"])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_two_cells_a_million_rows_apart_are_refused(far: str, quote: str) -> None:
    cells = f'<row r="1"><c r="A1"><v>1</v></c></row><row><c\n r = {quote}{far}{quote}><v>1</v></c></row>'

    with pytest.raises(TooLarge, match="spans"):
        [rows(sheet) for sheet in read_sheets(xlsx_with(sheet_xml(cells)))]


def test_one_ods_cell_repeated_a_billion_times_is_refused() -> None:
    body = '<table:table-row table:number-rows-repeated="1000000"><table:table-cell table:number-columns-repeated="16000" office:value-type="string"><text:p>a</text:p></table:table-cell></table:table-row>'

    with pytest.raises(TooLarge, match="spans"):
        read_sheets(ods(body))


def test_blank_ods_rows_repeated_before_a_last_cell_are_counted() -> None:
    cell = '<table:table-row><table:table-cell table:number-columns-repeated="9000"/><table:table-cell office:value-type="string"><text:p>a</text:p></table:table-cell></table:table-row>'
    blank = '<table:table-row table:number-rows-repeated="900000"><table:table-cell/></table:table-row>'

    with pytest.raises(TooLarge, match="spans"):
        read_sheets(ods(cell + blank + cell))


def test_an_entity_bomb_in_the_workbook_is_refused() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><workbook>&b;</workbook>'

    with pytest.raises(Refused):
        [rows(sheet) for sheet in read_sheets(xlsx_with(sheet_xml(""), workbook_xml=bomb))]


def test_a_cell_of_ten_megabytes_is_refused() -> None:
    with pytest.raises(TooLarge, match="cell"):
        one(b"URN,Notes\nSC000001," + b"x" * 10_000_000)
    with pytest.raises(TooLarge, match="B2"):
        one(xlsx_with(sheet_xml('<row r="2"><c r="B2" t="inlineStr"><is><t>' + "x" * 40_000 + "</t></is></c></row>")))


def test_limits_of_file_rows_and_columns_hold() -> None:
    with pytest.raises(TooLarge, match="larger than"):
        read_sheets(b"a,b\n" * 100, limits=Limits(file_bytes=100))
    with pytest.raises(TooLarge, match="more than 5 rows"):
        rows(read_sheets(b"a,b\n" * 100, limits=Limits(rows=5))[0])
    with pytest.raises(TooLarge, match="columns"):
        one(b"a" + b",a" * 5_000)


def test_fifty_thousand_rows_of_twenty_are_quick() -> None:
    data = workbook({"S": [[f"v{number}", *range(number, number + 19)] for number in range(50_000)]})
    started = time.process_time()

    count = sum(len(row) for row in read_sheets(data)[0].rows)

    assert count == 1_000_000
    assert time.process_time() - started < 15


@pytest.mark.parametrize("kind", ["xlsx", "ods", "csv"])
def test_any_damage_to_a_file_is_refused_or_read_but_never_crashes(kind: str) -> None:
    plain = {
        "xlsx": workbook({"S": [["URN", "Places"], ["SC000001", 2]]}),
        "ods": ods(
            '<table:table-row><table:table-cell office:value-type="string"><text:p>URN</text:p></table:table-cell></table:table-row>'
        ),
        "csv": b'URN,Places\nSC000001,"2"\n',
    }[kind]
    for at in range(0, len(plain), max(1, len(plain) // 150)):
        broken = plain[:at] + bytes([plain[at] ^ 0x5A]) + plain[at + 1 :]
        try:
            for sheet in read_sheets(broken):
                rows(sheet)
        except (Refused, TooLarge):
            continue  # refused in words; anything else would fail this test
