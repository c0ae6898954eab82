"""Reads CSV, XLSX and ODS as sheets of rows with cell addresses; what a file is, its content says, never its name.

Values starting with = + - @ are data and stay text. Formulas count by the value that was saved with them.
"""

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, BinaryIO

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from placefeed.adapters import grid
from placefeed.adapters.base import Refused, TooLarge
from placefeed.adapters.containers import MIB, Kind, Limits, kind_of, open_zip, repack
from placefeed.adapters.text import decode

Cell = str | int | float | bool | dt.date | dt.datetime | dt.time | None
"""One cell: None is blank; whole numbers are int however the file kept them; dates are typed where the file typed them."""

DELIMITERS = ",;\t|"
CSV_NAME = "CSV"
"""What the one sheet of a CSV file is called in issues."""
_DEFAULTS = Limits()


@dataclass(slots=True)
class Sheet:
    """One sheet: its rows once over, from row `first_row`; a blank row is an empty list, trailing blanks are cut.

    `faults` says, by (row, column), what is wrong with a cell itself (a formula never calculated, an Excel error);
    it is complete once `rows` is exhausted. `notes` are for whoever sent the file.
    """

    name: str
    rows: Iterator[list[Cell]]
    first_row: int = 1
    hidden: bool = False
    faults: dict[tuple[int, int], str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def address(row: int, column: int) -> str:
    """The cell's address as a spreadsheet shows it: row from 1, column from 0, so (7, 1) is B7."""
    return f"{_letters(column)}{row}"


@cache
def _letters(column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def read_sheets(data: bytes | BinaryIO, *, kind: Kind | None = None, limits: Limits = _DEFAULTS) -> list[Sheet]:
    """Open a spreadsheet and return its sheets, in order; their rows are read as they are asked for.

    `kind` is only a hint, used where content shows nothing. Raises TooLarge or Refused, whose text is for the sender;
    both can also come while rows are read.
    """
    content = data if isinstance(data, bytes) else data.read(limits.file_bytes + 1)
    if len(content) > limits.file_bytes:
        raise TooLarge(
            f"This file is larger than {limits.file_bytes // MIB} MB, the most we read. "
            "Remove pictures and old sheets, or send it in parts."
        )
    if not content.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise Refused("This file is empty. Check that it was saved before it was sent.", rule="empty-file")
    if content.startswith(b"PK"):
        found, members = open_zip(content, limits=limits)
        return _workbook(members, found, limits)
    found_kind = kind_of(content[: 64 * 1024]) or kind
    if found_kind != "csv":
        raise Refused(
            "This file is not a spreadsheet that we can read. Send XLSX, ODS or CSV, as saved by Excel or LibreOffice.",
            rule="unknown-form",
        )
    return [_csv(content, limits)]


def _workbook(members: dict[str, bytes], kind: Kind, limits: Limits) -> list[Sheet]:
    grid.check(members, kind, limits)
    faults = grid.faults(members, kind)
    packed = repack(members, kind)
    members.clear()  # a large workbook is not kept twice while it is parsed
    try:
        workbook = CalamineWorkbook.from_filelike(packed)
        described = workbook.sheets_metadata
    except BaseException as error:  # a panic in the parser is not an Exception; anything else goes on as it is
        raise _unreadable(error) from error
    if len(described) > limits.sheets:
        raise TooLarge(f"This workbook has {len(described)} sheets, more than the {limits.sheets} we read.")
    sheets: list[Sheet] = []
    for about in described:
        if about.typ != SheetTypeEnum.WorkSheet:
            continue
        sheet = Sheet(about.name, iter(()), hidden=about.visible != SheetVisibleEnum.Visible)
        sheet.faults = faults.get(about.name, {})
        if sheet.hidden:
            sheet.notes.append(f"The sheet “{about.name}” is hidden.")
        sheet.rows = _checked(_workbook_rows(workbook, about.name), sheet, limits)
        sheets.append(sheet)
    return sheets


def _workbook_rows(workbook: CalamineWorkbook, name: str) -> Iterator[list[Any]]:
    try:
        sheet = workbook.get_sheet_by_name(name)
        # blank rows in front are given, blank columns in front are not: without them every address would be wrong
        padding = [""] * (sheet.start[1] if sheet.start else 0)
        for row in sheet.iter_rows():
            yield padding + row if padding else row
    except BaseException as error:  # as above
        raise _unreadable(error) from error


def _unreadable(error: BaseException) -> BaseException:
    panic = type(error).__module__ == "pyo3_runtime"
    if isinstance(error, CalamineError) or panic or isinstance(error, OSError):
        return Refused(
            "This workbook is damaged and can't be read. Open it in Excel or LibreOffice, save it again and send that.",
            rule="unknown-form",
        )
    return error


def _csv(content: bytes, limits: Limits) -> Sheet:
    decoded = decode(content)
    text = decoded.text
    delimiter = None
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:  # Excel's own way to name the separator
        delimiter, text = first.strip()[4], rest
    sheet = Sheet(CSV_NAME, iter(()), notes=list(decoded.notes))
    sheet.rows = _checked(_csv_rows(text, delimiter or sniff(text), sheet), sheet, limits)
    return sheet


def sniff(text: str) -> str:
    """The separator under which the first rows fall into the most even columns; commas where nothing shows."""
    sample = text[: 64 * 1024]
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        widths: dict[int, int] = {}
        rows = 0
        try:
            for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, skipinitialspace=True):
                if any(row):
                    rows += 1
                    widths[len(row)] = widths.get(len(row), 0) + 1
                if rows >= 40:
                    break
        except csv.Error:
            continue
        wide = {width: count for width, count in widths.items() if width > 1}
        if wide:
            width = max(wide, key=lambda w: (wide[w], w))
            score = wide[width] / rows * min(width, 60)
            if score > best_score:
                best, best_score = delimiter, score
    return best


def _csv_rows(text: str, delimiter: str, sheet: Sheet) -> Iterator[list[Any]]:
    quotes = 0

    def lines() -> Iterator[str]:
        nonlocal quotes
        for line in io.StringIO(text, newline=""):
            quotes += line.count('"')
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, skipinitialspace=True)
    row: list[str] = []
    read = last_quotes = 0
    try:
        for row in reader:
            read += 1
            yield row
            last_quotes, quotes = quotes, 0
    except csv.Error as error:
        raise TooLarge(
            f"The cell after row {read} is too long to be a cell: perhaps a quotation mark is opened there and never closed. "
            "Open the file in Excel, save it again as CSV and send that."
        ) from error
    if last_quotes % 2 and any("\n" in cell or "\r" in cell for cell in row):
        sheet.faults[read, max(0, len(row) - 1)] = "open-quote"


def _checked(rows: Iterable[list[Any]], sheet: Sheet, limits: Limits) -> Iterator[list[Cell]]:
    """Give each cell its plain form, cut trailing blanks and hold the limits, row by row."""
    filled = 0
    for number, row in enumerate(rows, start=sheet.first_row):
        cells = [None if value == "" else _plain(value, sheet, number, at, limits) for at, value in enumerate(row)]
        while cells and cells[-1] is None:
            cells.pop()
        if cells:
            filled += 1
            if filled > limits.rows:
                raise TooLarge(f"The sheet “{sheet.name}” has more than {limits.rows:,} rows. Send it in parts.")
            if len(cells) > limits.columns:
                raise TooLarge(
                    f"Row {number} of the sheet “{sheet.name}” has {len(cells):,} columns, more than the {limits.columns:,} we read."
                )
        yield cells


def _plain(value: Any, sheet: Sheet, row: int, column: int, limits: Limits) -> Cell:
    if isinstance(value, str):
        if len(value) > limits.cell_chars:
            raise TooLarge(
                f"The cell {address(row, column)} of the sheet “{sheet.name}” holds {len(value):,} characters, "
                f"more than the {limits.cell_chars:,} that a cell can hold. Shorten it and send the file again."
            )
        return value if not value.isspace() else None
    if isinstance(value, float):
        # spreadsheets keep every number as a float: 2590934.0 is the URN 2590934
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, dt.timedelta):
        return str(value)
    return value  # type: ignore[no-any-return]  # bool, date, datetime or time, as calamine types them
