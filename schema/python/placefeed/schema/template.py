"""Writes the standard's spreadsheet form: a workbook or CSV that people fill in, and that the adapters read back.

The columns come from the schema (`form_columns`), the rows from documents (`form_rows`); this file is only how it looks.
"""

import csv
import datetime as dt
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from placefeed.schema.codelists import codelist, codelist_names, local_authorities
from placefeed.schema.form_columns import SHEETS, Column, columns, columns_of
from placefeed.schema.form_rows import NotInTheForm, Row, guarded, rows_of

__all__ = ["EXAMPLE", "Column", "NotInTheForm", "columns", "rows_of", "write_csv_template", "write_template"]

EXAMPLE = "EXAMPLE"
"""What the URN column of the example row holds; a row that has it there is never read."""
ROWS_WITH_DROPDOWNS = 2_000

_EXAMPLE_ROWS: dict[str, Row] = {
    "Vacancies": {
        "vacancy.id": "upstairs",
        "vacancy.asOf": "21/11/2026 18:00",
        "vacancy.places": 1,
        "vacancy.from": dt.date(2026, 11, 21),
        "vacancy.ages.from": 11,
        "vacancy.ages.to": 16,
        "vacancy.rates": "core",
    },
    "Settings": {
        "capacity.asOf": "21/11/2026 18:00",
        "capacity.registered": 4,
        "capacity.occupied": 2,
        "capacity.reserved": 0,
        "capacity.unavailable.reason=staffing.places": 1,
        "capacity.available": 1,
        "capacity.acceptingReferrals": "Yes",
        "setting.provisionType": "Children's home",
    },
    "Rates": {
        "rate.id": "core",
        "rate.title": "Core",
        "rate.price.pence": 5125.00,
        "rate.price.per": "Week",
        "rate.offeredTo": "any",
        "rate.validFrom": dt.date(2026, 4, 1),
    },
}

_GUIDANCE = (
    "How to fill in this workbook",
    "",
    "Vacancies: one row for each offer of one or more places. A setting that has no place to offer gets one row with 0 places.",
    "Settings: one row for each setting (or each unit of it): how many places are registered, occupied, reserved, unavailable.",
    "Rates: one row for each price, with its cost lines. A vacancy names its rates by their references.",
    "",
    "The URN is Ofsted's reference of the setting: SC and six digits, or seven digits.",
    "The references are your own; choose them once and keep them. They name an offer or a price, never a child.",
    "Headings with * must be filled in where a row says anything at all. Every other cell may stay blank: blank means not known, never none.",
    "Where a list has several entries (services, inspections, expected places), write a further row with the same URN and only that entry.",
    "Where several codes fit, part them with semicolons: Planned; Emergency. The sheet Codes has them all.",
    "Dates: 21/11/2026. Times: 21/11/2026 18:00, in British time. Prices in pounds.",
    "A row whose URN says EXAMPLE is not read; delete it or leave it. The sheets Guidance and Codes are not read either.",
    "You may hide, move or delete columns that you do not need; keep the headings of the others as they are.",
    "",
    "Never write anything about a child in this workbook: no names, no initials, no dates of birth, no NHS numbers, no story. "
    "Never write an address.",
)


def write_template(
    target: str | Path | BinaryIO, *, example: bool = True, records: Iterable[Mapping[str, Any]] = ()
) -> None:
    """Write the workbook (XLSX), empty but for an example row, or filled with settingRecords.

    Raises RuntimeError without the extra `placefeed[adapters]`, NotInTheForm for records that the form can't hold.
    """
    try:
        import xlsxwriter
    except ImportError as error:
        raise RuntimeError(
            "Writing a workbook needs xlsxwriter: pip install 'placefeed[adapters]', or ask for the CSV form."
        ) from error
    rows = _rows(records, example=example)
    book = xlsxwriter.Workbook(
        str(target) if isinstance(target, Path) else target,
        {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True},
    )
    book.set_properties(
        {"title": "Placefeed 1.0", "created": dt.datetime(2026, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)}
    )
    looks = _Looks(book)
    sheets = {sheet: book.add_worksheet(sheet) for sheet in SHEETS}
    guidance = book.add_worksheet("Guidance")
    guidance.set_column(0, 0, 120, book.add_format({"text_wrap": True}))
    for at, line in enumerate(_GUIDANCE):
        guidance.write_string(at, 0, line, looks.title if at == 0 else None)
    choices = _write_codes(book.add_worksheet("Codes"), looks)
    for name, sheet in sheets.items():
        _write_sheet(sheet, columns_of(name), rows[name], choices, looks)
    book.close()


def write_csv_template(
    target: str | Path | BinaryIO,
    *,
    sheet: str = "Vacancies",
    example: bool = True,
    records: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Write one sheet of the form as CSV (UTF-8 with a mark, so that Excel reads it rightly)."""
    shown = columns_of(sheet)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([column.heading for column in shown])
    for row in _rows(records, example=example)[sheet]:
        writer.writerow([_csv_cell(row.get(column.key)) for column in shown])
    content = text.getvalue().encode("utf-8-sig")
    if isinstance(target, str | Path):
        Path(target).write_bytes(content)
    else:
        target.write(content)


def _csv_cell(cell: Any) -> Any:
    if isinstance(cell, dt.date):
        return f"{cell:%d/%m/%Y}"
    if isinstance(cell, str):
        return guarded(cell)
    return "" if cell is None else cell


def _rows(records: Iterable[Mapping[str, Any]], *, example: bool) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {
        sheet: [{"urn": EXAMPLE, **_EXAMPLE_ROWS[sheet]}] if example else [] for sheet in SHEETS
    }
    for record in records:
        for sheet, more in rows_of(record).items():
            rows[sheet].extend(more)
    return rows


class _Looks:
    """The formats of one workbook."""

    def __init__(self, book: Any) -> None:
        head = {"bold": True, "text_wrap": True, "valign": "top", "border": 1, "locked": True}
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.heading = book.add_format({**head, "bg_color": "#DDE6ED"})
        self.needed = book.add_format({**head, "bg_color": "#B7CCDC"})
        self.text = book.add_format({"num_format": "@"})
        self.date = book.add_format({"num_format": "dd/mm/yyyy"})
        self.money = book.add_format({"num_format": "#,##0.00"})
        self.plain = book.add_format({"num_format": "General"})

    def of(self, column: Column) -> Any:
        """The format of a column's cells; text is kept as text, so that Excel makes no dates of "11-16"."""
        if column.kind in ("date", "money"):
            return self.date if column.kind == "date" else self.money
        return self.plain if column.kind in ("count", "number") else self.text


def _write_codes(sheet: Any, looks: _Looks) -> dict[str, str]:
    """One column a codelist, by title; returns the range of each for the drop-downs."""
    shown: dict[str, list[str]] = {}
    for column in columns():
        if column.kind in ("code", "codes") and column.codelist:
            named = column.codelist in codelist_names()
            titles = [codelist(column.codelist).title(code) if named else code for code in column.choices]
            shown.setdefault(column.codelist, list(dict.fromkeys(titles)))
    shown["yes-no"] = ["Yes", "No"]
    shown["local-authorities"] = sorted(one.name for one in local_authorities() if one.live)
    ranges: dict[str, str] = {}
    for at, (name, titles) in enumerate(sorted(shown.items())):
        sheet.write_string(0, at, name, looks.heading)
        for row, title in enumerate(titles, start=1):
            sheet.write_string(row, at, title)
        letters = chr(65 + at) if at < 26 else chr(64 + at // 26) + chr(65 + at % 26)
        ranges[name] = f"=Codes!${letters}$2:${letters}${len(titles) + 1}"
    sheet.set_column(0, len(shown), 28)
    return ranges


def _write_sheet(
    sheet: Any, shown: tuple[Column, ...], rows: list[Row], choices: Mapping[str, str], looks: _Looks
) -> None:
    sheet.freeze_panes(1, 1)
    sheet.set_row(0, 45)
    last = max(ROWS_WITH_DROPDOWNS, len(rows) + 500)
    for at, column in enumerate(shown):
        sheet.write_string(
            0,
            at,
            column.heading + (" *" if column.required else ""),
            looks.needed if column.required else looks.heading,
        )
        sheet.write_comment(0, at, column.help, {"x_scale": 2, "author": "Placefeed"})
        sheet.set_column(at, at, max(11, min(24, len(column.heading))), looks.of(column))
        listed = {"yes-no": "yes-no", "authority": "local-authorities"}.get(column.kind, column.codelist or "")
        if column.kind in ("code", "codes", "yes-no", "authority") and listed in choices:
            # a cell that holds several codes, or a word that we know all the same, must stay possible
            sheet.data_validation(1, at, last, at, {"validate": "list", "source": choices[listed], "show_error": False})
        elif column.kind == "count":
            rule = {"validate": "integer", "criteria": ">=", "value": 0, "error_type": "warning"}
            sheet.data_validation(1, at, last, at, {**rule, "error_message": "Write a whole number."})
    for number, row in enumerate(rows, start=1):
        for at, column in enumerate(shown):
            _write_cell(sheet, number, at, row.get(column.key), looks.of(column))


def _write_cell(sheet: Any, row: int, column: int, cell: Any, look: Any) -> None:
    if isinstance(cell, dt.date):
        sheet.write_datetime(row, column, dt.datetime.combine(cell, dt.time()), look)
    elif isinstance(cell, int | float):
        sheet.write_number(row, column, cell, look)
    elif cell is not None:
        sheet.write_string(row, column, guarded(cell), look)
