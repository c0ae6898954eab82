"""Reads any of Ofsted's lists of children's social care, of any year since 2015, into one form."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from placefeed.adapters.ofsted import values
from placefeed.adapters.ofsted.choose import Found, as_at_of, choose, is_complete, title_of
from placefeed.adapters.ofsted.dates import year_in_name
from placefeed.adapters.ofsted.facts import SettingColumns, cell_at
from placefeed.adapters.ofsted.headers import plain
from placefeed.adapters.ofsted.inspections import newest_first, read_inspection
from placefeed.adapters.ofsted.model import (
    AS_AT_ADVICE,
    AsAtFrom,
    Kind,
    OfstedFile,
    OfstedInspection,
    OfstedRow,
    OfstedSite,
)
from placefeed.adapters.ofsted.remarks import Remarks
from placefeed.adapters.ofsted.values import Cell
from placefeed.adapters.sheets import read_sheets

FACTS: Final = frozenset({
    "provision_type", "status", "name", "owner", "places", "local_authority", "region", "sector", "short_breaks",
    "multi_building", "education_urn", "registered_on", "premises",
})  # fmt: skip

_MERGED: Final = (
    "provision_type", "provision_type_text", "registration_status", "name", "owner", "places", "local_authority",
    "local_authority_text", "region", "sector", "education_urn", "registered_on", "premises",
)  # fmt: skip


def read_ofsted(data: bytes, *, name_hint: str | None = None, as_at: date | None = None) -> OfstedFile:
    """Read one of Ofsted's lists, told apart by content: CSV, XLSX or ODS; provider level, in year, LA list or places.

    `as_at` is the operator's word and counts before the file's own; `name_hint` is the file's name, used for its month and
    year where the file itself has no date. A list without a date is returned with `as_at` None and an error among its
    warnings; `OfstedFile.dated()` raises then. Raises ChangedShape where no sheet is such a list, and TooLarge or Refused
    from the reader of sheets.
    """
    found = choose(read_sheets(data))
    own, own_from = as_at_of(found, name_hint)
    reader = _Reader(found, as_at or own)
    _remark_on_date(reader.remarks, given=as_at, own=own, own_from=own_from, name_hint=name_hint)
    reader.read()
    return reader.file(title_of(found, name_hint), "given" if as_at is not None else own_from)


def _remark_on_date(
    remarks: Remarks, *, given: date | None, own: date | None, own_from: AsAtFrom | None, name_hint: str | None
) -> None:
    if given is not None and own is not None and own != given:
        message = f"The date given, {given:%d/%m/%Y}, is not the file's own, {own:%d/%m/%Y}."
        remarks.warn("ofsted-as-at", message, "The date given was taken.")
    if given is None and own is not None and own_from == "file name":
        message = f"The file does not say its date; {own:%d/%m/%Y} was taken from its name."
        remarks.warn("ofsted-as-at", message, "If that is wrong, give the date with --as-at.")
    if given is None and own is None:
        year = year_in_name(name_hint or "")
        advice = f"If it is the list at the end of March {year}, give --as-at {year}-03-31." if year else ""
        remarks.warn("ofsted-as-at-missing", AS_AT_ADVICE, advice, severity="error")


class _Reader:
    """One reading: columns found once, then row by row; settings are merged by URN as they come."""

    def __init__(self, found: Found, day: date | None) -> None:
        self.remarks = Remarks(found.sheet)
        self._found = found
        self._day = day
        self._columns = found.headings.group("setting")
        self._facts = SettingColumns(self._columns, self.remarks, day)
        self._inspected = found.headings.inspections()
        self._rows: dict[str, OfstedRow] = {}
        self._inspections: dict[str, list[OfstedInspection]] = {}
        self._sites: dict[str, list[OfstedSite]] = {}
        self._repeated = False
        self._data_rows = 0
        self._blank_rows = 0

    def read(self) -> None:
        """Read the headings, and every row under them."""
        first = self._found.sheet.first_row
        headings = first + self._found.headings.row
        self._say_headings(headings)
        for line, cells in enumerate(self._found.rows, start=first):
            if line <= headings:
                continue
            if all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in cells):
                self._blank_rows += 1
                continue
            if plain(cell_at(cells, self._columns["urn"])) == "urn":
                continue  # the headings again, as at the top of a printed page
            self.remarks.at(line)
            self._data_rows += 1
            self._row(cells, line)
        self.remarks.at(None)

    def _say_headings(self, line: int) -> None:
        self.remarks.at(line)
        for column, printed in self._found.headings.near:
            meant = column.name.removeprefix("need:").replace("_", " ").replace("-", " ")
            message = f"The heading “{printed}” is new to us; it was taken as “{meant}”."
            self.remarks.warn("ofsted-heading", message, "Check the column.", column.index)
        for printed in self._found.headings.unknown:
            self.remarks.warn("ofsted-heading-unknown", f"The column “{printed}” was not read.", severity="advice")
        self.remarks.at(None)

    def _row(self, cells: Sequence[Cell], line: int) -> None:
        at = self._columns["urn"]
        try:
            urn = values.urn(cell_at(cells, at))
        except ValueError as error:
            self._reject(str(error), at)
            return
        if urn is None:
            message = "This row has no URN, so it can't be joined to a setting."
            self.remarks.reject("ofsted-urn-missing", message, "A note or total under the list may be ignored.", at)
            return
        self.remarks.at(line, urn)
        row = self._facts.read(cells, urn, line)
        for columns, says_full in self._inspected:
            inspection = read_inspection(
                cells, columns, says_full=says_full, provision_type=row.provision_type, warn=self.remarks.warn
            )
            if inspection is not None:
                self._check_days(inspection, columns)
                self._inspections.setdefault(urn, []).append(inspection)
        if self._found.kind == "premises":
            category = values.text(cell_at(cells, self._columns.get("service_category")))
            self._sites.setdefault(urn, []).append(OfstedSite(row.local_authority, category, row.places))
        self._rows[urn] = self._merged(self._rows[urn], row) if urn in self._rows else row

    def _reject(self, printed: str, at: int) -> None:
        advice = "Look the setting up on Ofsted's site and mend the row, or leave it out."
        if printed.isascii() and printed.isdigit() and len(printed) == 6:
            message = "This row's number has six digits: it belongs to another scheme and is no URN of social care."
            self.remarks.reject("ofsted-urn-other-scheme", message, advice, at)
        else:
            message = "This row's URN is not SC and six digits, nor seven digits."
            self.remarks.reject("ofsted-urn-unreadable", message, advice, at)

    def _check_days(self, inspection: OfstedInspection, columns: Mapping[str, int]) -> None:
        inspected, published = inspection.inspected_on, inspection.published_on
        if inspected and self._day and inspected > self._day:
            message = "This inspection is after the day on which the list was true."
            self.remarks.warn("ofsted-after-as-at", message, "Check the list's date.", columns.get("inspected_on"))
        if inspected and published and published < inspected:
            message = "The report was published before the inspection."
            self.remarks.warn("ofsted-published-before", message, "Both dates were kept.", columns.get("published_on"))

    def _merged(self, before: OfstedRow, row: OfstedRow) -> OfstedRow:
        """One setting from two rows: the first row's facts, completed by the later ones."""
        if self._found.kind == "premises":
            same = before.local_authority == row.local_authority
            return before if same else replace(before, local_authority=None, local_authority_text=None, region=None)
        self._repeated = True
        gaps = {
            name: value
            for name in _MERGED
            if getattr(before, name) is None and (value := getattr(row, name)) is not None
        }
        for name in ("provision_type", "places", "registration_status"):
            if name not in gaps and getattr(row, name) not in (None, getattr(before, name)):
                message = f"Two rows of one URN differ in {name.replace('_', ' ')}; the first was kept."
                self.remarks.warn("ofsted-urn-repeated", message)
        return replace(before, **gaps) if gaps else before

    def _kind(self) -> Kind:
        # Until 2021 the columns of both lists are alike; but only a list of inspections repeats URNs as a rule.
        repeated = self._data_rows - len(self._rows) - len(self.remarks.rejected)
        many = repeated > max(2, len(self._rows) // 20)
        return "in-year" if self._found.kind == "provider-level" and many else self._found.kind

    def file(self, title: str, source: AsAtFrom | None) -> OfstedFile:
        """What was read, as one value."""
        kind = self._kind()
        if self._repeated and kind not in ("in-year", "premises"):
            self.remarks.warn("ofsted-urn-repeated", "The list names some URNs more than once; their rows were joined.")
        columns = {name for name in self._columns if name in FACTS}
        if any(name.startswith("need:") for name in self._columns):
            columns.add("needs")
        if "ofsted_region" in self._columns:
            columns.add("region")
        if self._inspected:
            columns.add("inspections")
        return OfstedFile(
            as_at=self._day,
            as_at_from=source,
            kind=kind,
            complete_hint=is_complete(kind, self._day, len(self._rows)),
            title=title,
            sheet=self.remarks.sheet,
            data_rows=self._data_rows,
            blank_rows=self._blank_rows,
            rows=tuple(self._finished(row) for row in self._rows.values()),
            columns=frozenset(columns - {"places"} if kind == "premises" else columns),
            warnings=tuple(self.remarks.warnings),
            rejected=tuple(self.remarks.rejected),
            notes=tuple(self._found.sheet.notes),
        )

    def _finished(self, row: OfstedRow) -> OfstedRow:
        inspections, sites = self._inspections.get(row.urn), self._sites.get(row.urn)
        if sites:
            # A row of this list is one premises, and its places are that premises' alone.
            row = replace(row, sites=tuple(sites), premises=len(sites), places=None)
        return replace(row, inspections=newest_first(inspections)) if inspections else row
