"""Reads the rows of sheets by a mapping and gathers them, over all sheets, into one record for each setting."""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import chain, islice
from typing import Any

from placefeed.adapters import values
from placefeed.adapters.base import SourceRecord
from placefeed.adapters.fields import PARTS, Field, Reading
from placefeed.adapters.gather import Gather, Row, Setting, record_of
from placefeed.adapters.headings import LEAST_HEADINGS, Header, find_header
from placefeed.adapters.mapping import Mapping
from placefeed.adapters.paths import Spot
from placefeed.adapters.sheets import Cell, Sheet, address
from placefeed.adapters.values import CellError
from placefeed.schema.form_columns import columns
from placefeed.schema.issues import Issue, Place
from placefeed.schema.template import EXAMPLE

_IDENTITY = ("/urn", "/registration/scheme", "/registration/id")
_TOTALS = re.compile(r"(?:grand |sub ?)?totals?\b|sum\b|key\b|notes?\b", re.IGNORECASE)
_FAULTS = {
    "formula": ("This formula was never calculated, so the cell has no value.", "Open the file, save it again, and send that; or write the value."),
    "error": ("This cell holds an Excel error instead of a value.", "Mend the formula, or write the value."),
    "open-quote": ("A quotation mark is opened here and never closed.", "Open the file in Excel, save it again as CSV and send that."),
}  # fmt: skip
_MEMORY = 20_000
"""Cells of one column whose reading is remembered: sheets repeat themselves, and reading a date costs 20 lookups."""

_Read = tuple[Any, CellError | None, str | None]
"""What a cell says, or what is wrong with it, and the right word where a slip was read."""


class Assembly:
    """Takes sheets one after the other, then hands out the records; `lost_rows` counts rows of no setting that we know."""

    def __init__(self, mapping: Mapping, reading: Reading, issues: list[Issue]) -> None:
        self.mapping = mapping
        self.reading = reading
        self.issues = issues
        self.read_sheets = 0
        self._settings: dict[str, Setting] = {}
        self._orphans: list[SourceRecord] = []

    def take(self, sheet: Sheet) -> None:
        """Read one sheet, or say why it was not read."""
        if sheet.hidden:
            self._say("sheet-hidden", "advice", f"The hidden sheet “{sheet.name}” was not read.", "Show the sheet if it holds places to offer.", Place(sheet=sheet.name))  # fmt: skip
            return
        if not self.mapping.rules_for(sheet):
            return
        rows = iter(sheet.rows)
        top = list(islice(rows, self.mapping.header_rows + 1))
        header = find_header(sheet, top, self.mapping)
        if header is None:
            if any(top):
                self._say("sheet-no-header", "warning", f"No row of headings that we know was found in “{sheet.name}”.", "Use the headings of the template; the row with URN among them must be within the first 30 rows.", Place(sheet=sheet.name))  # fmt: skip
            return
        self.read_sheets += 1
        self.issues.extend(header.issues)
        _Reader(self, sheet, header, top).read(chain(top[header.row - sheet.first_row + 1 :], rows))

    def _say(self, rule: str, severity: Any, message: str, advice: str, place: Place) -> None:
        self.issues.append(Issue(rule, severity, message, advice, place))

    def setting(self, row: Row) -> "Setting | None":
        """The setting that a row is about, by its URN or other registration; None if the row does not say."""
        identity: dict[str, Any] = {}
        if "/urn" in row.values:
            identity["urn"] = key = row.values["/urn"]
        elif {"/registration/scheme", "/registration/id"} <= set(row.values):
            identity["registration"] = {name: row.values[f"/registration/{name}"] for name in ("scheme", "id")}
            key = ":".join(identity["registration"].values())
        else:
            return None
        if key not in self._settings:
            self._settings[key] = Setting(identity, key, row.spot)
        return self._settings[key]

    def orphan(self, row: Row) -> None:
        """Quarantine a row that belongs to no setting that we know."""
        self._orphans.append(SourceRecord(0, None, row.spot.place(), tuple(row.issues), {}, [row.raw()]))

    @property
    def lost_rows(self) -> int:
        """Rows that name no setting: what they were about can't be told from what is missing."""
        return len(self._orphans)

    def records(self) -> Iterator[SourceRecord]:
        """One record for each setting, then the rows that belong to none."""
        index = -1
        for index, setting in enumerate(self._settings.values()):
            yield record_of(index, setting)
        for at, orphan in enumerate(self._orphans, start=index + 1):
            yield replace(orphan, index=at)


class _Reader:
    """Reads the rows of one sheet under one header."""

    def __init__(self, assembly: Assembly, sheet: Sheet, header: Header, top: list[list[Cell]]) -> None:
        self.assembly = assembly
        self.mapping, self.reading = assembly.mapping, assembly.reading
        self.sheet, self.header = sheet, header
        self.fields = header.fields
        self.dropped = self._incomplete_parts()
        self.read_fields = [
            (column, at)
            for column, at in self.fields.items()
            if not all(pointer.split("/")[1] in self.dropped for pointer in at.pointers)
        ]
        self.identity_columns = [column for column, at in self.fields.items() if at.pointers[0] in _IDENTITY]
        self.columns_here = {pointer for at in self.fields.values() for pointer in at.pointers}
        self.as_at, self.as_at_spot = self._as_at(top[: header.row - sheet.first_row])
        self.memory: dict[int, dict[Any, Any]] = {column: {} for column in self.fields}
        self.above: dict[str, tuple[Any, Spot]] = {}

    def read(self, rows: Iterator[list[Cell]]) -> None:
        headings = self.header.written.items()
        for number, cells in enumerate(rows, start=self.header.row + 1):
            if not cells:
                continue
            width = len(cells)
            again = sum(1 for column, written in headings if column < width and cells[column] == written)
            if again < LEAST_HEADINGS:  # else the headings again, as at the top of a printed page
                self._row(number, cells)

    def _row(self, number: int, cells: list[Cell]) -> None:
        if self._is_example(cells):
            return
        row = Row(Spot(self.sheet.name, number, 0), cells, self.header.written)
        width = len(cells)
        for column, at in self.read_fields:
            cell = cells[column] if column < width else None
            if cell is not None or (number, column) in self.sheet.faults:
                self._cell(row, column, at, cell)
        if not any(pointer in row.values for pointer in _IDENTITY) and _is_remark(cells):
            return  # beneath the table; it must not be taken for one more row of the last setting
        self._fill_down(row)
        setting = self.assembly.setting(row)
        if setting is None:
            self._without_setting(row)
            return
        setting.issues += [replace(issue, place=replace(issue.place, urn=setting.key)) for issue in row.issues]
        setting.rows.append(row)
        self._say_asof(row)
        blank_means_none = self.header.rule.blank_places_mean_none
        Gather(setting, row, fill=self.filled, blank_means_none=blank_means_none).all()

    def _is_example(self, cells: list[Cell]) -> bool:
        return any(
            column < len(cells)
            and isinstance(cell := cells[column], str)
            and cell.strip().casefold() == EXAMPLE.casefold()
            for column in self.identity_columns
        )

    def _cell(self, row: Row, column: int, at: Field, cell: Cell) -> None:
        fault = self.sheet.faults.get((row.spot.row, column)) if self.sheet.faults else None
        faulty: _Read = (None, CellError(*_FAULTS[fault]) if fault else None, None)
        value, problem, meant = faulty if fault is not None else self._known_reading(column, at, cell)
        where = Spot(self.sheet.name, row.spot.row, column)
        if problem is not None:
            row.spoilt = row.spoilt or _is_required(at)
            row.issues.append(Issue("sheet-formula" if fault in ("formula", "error") else "sheet-unreadable-value", "error", f"In the column “{at.label}”: {problem.message}", problem.advice, where.place()))  # fmt: skip
            return
        if meant is not None:
            row.issues.append(Issue("sheet-near-miss", "warning", f"In the column “{at.label}”: a word was read as “{meant}”.", f"Write “{meant}” next time.", where.place()))  # fmt: skip
        if value is None:
            return
        for pointer in at.pointers:
            if pointer not in row.values and not (self.dropped and pointer.split("/")[1] in self.dropped):
                row.values[pointer] = value
                row.cells[pointer] = where

    def _known_reading(self, column: int, at: Field, cell: Cell) -> _Read:
        memory = self.memory[column]
        key = (type(cell), cell)
        if key in memory:
            known: _Read = memory[key]
            return known
        try:
            value, meant = at.read(cell, self.reading)
            found: _Read = (value, None, meant)
        except CellError as problem:
            found = (None, problem, None)
        if len(memory) < _MEMORY:
            memory[key] = found
        return found

    def _fill_down(self, row: Row) -> None:
        for pointer in self.header.rule.fill_down:
            if pointer in row.values:
                self.above[pointer] = row.values[pointer], row.cells[pointer]
            elif pointer in self.above:
                row.values[pointer], row.cells[pointer] = self.above[pointer]

    def _without_setting(self, row: Row) -> None:
        if not (row.values or row.issues):
            return  # nothing of ours in it
        if not any(issue.severity == "error" for issue in row.issues):
            row.issues.insert(0, Issue("sheet-no-urn", "error", "This row has no URN, so we can't tell which setting it is about.", "Write Ofsted's URN in every row; if the cell is merged over several rows, repeat it.", row.spot.place()))  # fmt: skip
        self.assembly.orphan(row)

    def _say_asof(self, row: Row) -> None:
        """Give each part of the row its time: its own column, else the row's, else the one above the table."""
        moment, cell = row.values.get("/asOf"), row.cells.get("/asOf")
        if moment is None:
            moment, cell = self.as_at, self.as_at_spot
        if moment is None:
            return
        for part in {pointer.split("/")[1] for pointer in row.values} & set(PARTS):
            pointer = f"/{part}/asOf"
            if pointer not in row.values:
                row.values[pointer] = moment
                if cell is not None:
                    row.cells[pointer] = cell

    def _as_at(self, above: list[list[Cell]]) -> tuple[str | None, Spot | None]:
        """The moment that a title row gives for the whole sheet, as in "Position as at 20/11/2026"."""
        for number, cells in enumerate(above, start=self.sheet.first_row):
            for column, cell in enumerate(cells):
                if not isinstance(cell, str):
                    continue
                for label in self.mapping.as_at:
                    match = re.search(
                        rf"\b{re.escape(label)}\b\s*(?:date)?\s*[:\-–]?\s*(.*)$", " ".join(cell.split()), re.IGNORECASE
                    )
                    if match is None:
                        continue
                    beside = cells[column + 1] if column + 1 < len(cells) else None
                    moment = self._moment(match[1].strip(" ().") or beside)
                    if moment is not None:
                        return moment, Spot(self.sheet.name, number, column)
        return None, None

    def _moment(self, cell: Cell) -> str | None:
        try:
            moment = values.instant(cell, today=self.reading.today, month_first=self.reading.month_first)
        except CellError:
            return None  # words that only look like the label of a date
        if moment is None or dt.datetime.fromisoformat(moment).date() > self.reading.today:
            return None  # a week ending in the future is not when this was true
        return moment

    def _incomplete_parts(self) -> set[str]:
        """Parts that the sheet has columns for, but not those without which the part says nothing: said once, and not read."""
        pointers = {pointer for column in self.fields.values() for pointer in column.pointers}
        given = [*pointers, *self.mapping.constants, *self.mapping.defaults, *self.mapping.without_column]
        dropped: set[str] = set()
        for part in PARTS:
            if not any(pointer.startswith(f"/{part}/") for pointer in pointers):
                continue
            missing = [
                column.heading
                for column in columns()
                if column.required
                and column.pointer.startswith(f"/{part}/")
                and not column.pointer.endswith("/id")
                and not any(column.pointer == known or column.pointer.startswith(known + "/") for known in given)
            ]
            if missing:
                dropped.add(part)
                self.assembly.issues.append(Issue("sheet-missing-column", "warning", f"“{self.sheet.name}” says something of a {part}, but has no column “{'”, “'.join(missing)}”. That part was not read.", "Add the column, as the template has it, or leave the others out.", Place(sheet=self.sheet.name, cell=address(self.header.row, 0))))  # fmt: skip
        return dropped

    def filled(self, row: Row, part: str) -> None:
        """Add what the mapping says of a part that the row says something of."""
        today = self.reading.today.isoformat()
        for table, holds in (
            (self.mapping.constants, True),
            (self.mapping.defaults, False),
            (self.mapping.without_column, False),
        ):
            for pointer, value in table.items():
                if not pointer.startswith(f"/{part}/"):
                    continue
                if table is self.mapping.without_column and pointer in self.columns_here:
                    continue
                if holds or not any(known == pointer or known.startswith(pointer + "/") for known in row.values):
                    row.values[pointer] = today if value == "today" else value


def _is_remark(cells: list[Cell]) -> bool:
    """Whether a row that names no setting is a remark or a total."""
    filled = [cell for cell in cells if cell is not None]
    return isinstance(filled[0], str) and (len(filled) == 1 or _TOTALS.match(filled[0].strip()) is not None)


@cache
def _required() -> tuple[str, ...]:
    return tuple(column.pointer for column in columns() if column.required)


def _is_required(at: Field) -> bool:
    """Whether a part says nothing without this column."""
    return any(
        needed == pointer or needed.startswith(f"{pointer}/") for needed in _required() for pointer in at.pointers
    )
