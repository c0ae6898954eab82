"""Sends a provider's sheet back with a column that says, row by row, what to mend; offending cells are coloured.

Nothing in it can act as a formula in the reader's spreadsheet program, and a row in which something looked like data
about a child comes back empty but for the comment.
"""

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import xlsxwriter

from placefeed.adapters.base import SourceRecord
from placefeed.adapters.paths import column_and_row
from placefeed.adapters.sheets import Cell, Sheet
from placefeed.schema.form_rows import guarded
from placefeed.schema.issues import Issue

HEADING = "What to mend"
REMOVED = "[removed]"
_OTHERS = "Report"
"""The sheet for what concerns no row of a sheet."""


@dataclass(slots=True)
class _Page:
    """One sheet to be written: its rows by number, and the comments on each row and cell."""

    name: str
    rows: dict[int, list[Cell]] = field(default_factory=dict)
    comments: dict[int, list[str]] = field(default_factory=dict)
    marked: set[tuple[int, int]] = field(default_factory=set)
    withheld: set[int] = field(default_factory=set)
    width: int = 0

    def add(self, number: int, cells: list[Cell]) -> None:
        if cells:
            self.rows[number] = cells
            self.width = max(self.width, len(cells))

    def lines(self) -> Iterator[tuple[int, list[Cell], str]]:
        """Every row that has cells or a comment, in order."""
        for number in sorted({*self.rows, *self.comments}):
            cells = self.rows.get(number, [])
            if number in self.withheld:
                cells = [None if cell is None else REMOVED for cell in cells]
            yield number, cells, "\n".join(dict.fromkeys(self.comments.get(number, ())))


def annotated(
    source: Iterable[Sheet | SourceRecord], issues: Iterable[Issue], *, form: Literal["xlsx", "csv"] = "xlsx"
) -> bytes:
    """The sheets, or the rows that records came from, with comments; issues without a row go on a sheet of their own.

    `issues` need their place's sheet and cell; those of `source`'s own records are not added by themselves. A CSV has one
    sheet after the other.
    """
    pages = _pages(source)
    others = _Page(_OTHERS)
    for issue in issues:
        page = pages.get(issue.place.sheet or "")
        if page is None and len(pages) == 1 and issue.place.cell:
            page = next(iter(pages.values()))
        sentence = " ".join(filter(None, (f"{issue.severity.capitalize()}: {issue.message}", issue.advice)))
        if page is None or not issue.place.cell:
            others.add(len(others.rows) + 1, [*_where(issue), sentence])
            continue
        column, row = column_and_row(issue.place.cell)
        page.comments.setdefault(row, []).append(sentence)
        page.marked.add((row, column))
        if issue.severity == "error" and issue.rule.startswith("personal-"):
            page.withheld.add(row)
    if others.rows:
        pages[_OTHERS] = others
    return _xlsx(pages.values()) if form == "xlsx" else _csv(pages.values())


def _where(issue: Issue) -> list[Cell]:
    place = issue.place
    at = place.cell or place.pointer or (f"line {place.line}" if place.line else None)
    return [place.urn, place.sheet, at]


def _pages(source: Iterable[Sheet | SourceRecord]) -> dict[str, _Page]:
    pages: dict[str, _Page] = {}
    headings: dict[str, list[str]] = {}
    for one in source:
        if isinstance(one, Sheet):
            page = pages.setdefault(one.name, _Page(one.name))
            for number, cells in enumerate(one.rows, start=one.first_row):
                page.add(number, cells)
            continue
        for raw in one.raw if isinstance(one.raw, list) else ():
            _add_raw(raw, pages, headings)
    for name, known in headings.items():
        first = min(pages[name].rows, default=2)
        pages[name].add(max(1, first - 1), list(known))
    return pages


def _add_raw(raw: Mapping[str, Any], pages: dict[str, _Page], headings: dict[str, list[str]]) -> None:
    page = pages.setdefault(raw["sheet"], _Page(raw["sheet"]))
    known = headings.setdefault(raw["sheet"], [])
    known.extend(heading for heading in raw["cells"] if heading not in known)
    page.add(raw["row"], [raw["cells"].get(heading) for heading in known])


def _xlsx(pages: Iterable[_Page]) -> bytes:
    target = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    book = xlsxwriter.Workbook(target, options)
    comment = book.add_format({"bg_color": "#FFF3C4", "text_wrap": True, "valign": "top"})
    wrong = book.add_format({"bg_color": "#F6C7B6"})
    looks = {
        False: {"date": book.add_format({"num_format": "dd/mm/yyyy"}), "other": None},
        True: {"date": book.add_format({"num_format": "dd/mm/yyyy", "bg_color": "#F6C7B6"}), "other": wrong},
    }
    used: set[str] = set()
    for page in pages:
        sheet = book.add_worksheet(_sheet_name(page.name, used))
        sheet.write_string(0, page.width, HEADING, comment)
        sheet.set_column(page.width, page.width, 60)
        for number, cells, comments in page.lines():
            for column, cell in enumerate(cells):
                _write(sheet, number - 1, column, cell, looks[(number, column) in page.marked])
            if comments:
                sheet.write_string(
                    number - 1, page.width, guarded(f"{HEADING}: {comments}" if number == 1 else comments), comment
                )
    if not used:
        book.add_worksheet(_OTHERS)
    book.close()
    return target.getvalue()


def _sheet_name(name: str, used: set[str]) -> str:
    plain = "".join("_" if character in "[]:*?/\\" else character for character in name).strip("'")[:28] or "Sheet"
    number, free = 1, plain
    while free.casefold() in used:
        number += 1
        free = f"{plain} {number}"
    used.add(free.casefold())
    return free


def _write(sheet: Any, row: int, column: int, cell: Cell, looks: Mapping[str, Any]) -> None:
    if cell is None:
        return
    if isinstance(cell, bool):
        sheet.write_boolean(row, column, cell, looks["other"])
    elif isinstance(cell, int | float):
        sheet.write_number(row, column, cell, looks["other"])
    elif isinstance(cell, dt.date | dt.time):
        sheet.write_datetime(row, column, cell, looks["date"])
    else:
        sheet.write_string(row, column, guarded(cell), looks["other"])


def _csv(pages: Iterable[_Page]) -> bytes:
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    shown = list(pages)
    for page in shown:
        if len(shown) > 1:
            writer.writerow([page.name])
        expected = 1
        for number, cells, comments in page.lines():
            for _ in range(min(number - expected, 100)):  # blank rows keep the addresses right
                writer.writerow([])
            expected = number + 1
            padded = [*map(_csv_cell, cells), *[""] * (page.width - len(cells))]
            heading = HEADING if number == min(page.rows, default=number) and page.name != _OTHERS else ""
            writer.writerow(
                [*padded, guarded(f"{heading}: {comments}" if heading and comments else heading or comments)]
            )
    return target.getvalue().encode("utf-8-sig")


def _csv_cell(cell: Cell) -> Any:
    if isinstance(cell, dt.datetime):
        return f"{cell:%d/%m/%Y %H:%M}"
    if isinstance(cell, dt.date):
        return f"{cell:%d/%m/%Y}"
    return guarded(cell) if isinstance(cell, str) else "" if cell is None else cell
