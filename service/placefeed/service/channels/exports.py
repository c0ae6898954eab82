"""Listings as lines and tables: NDJSON, CSV and XLSX, a row at a time, whatever the number.

A table has one row a listing; its columns carry the standard's own names, joined by dots. A cell never begins as a formula.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import IO, Any, Literal

import orjson
import xlsxwriter

Document = Mapping[str, Any]
CellKind = Literal["text", "number", "money", "date", "instant", "flag"]

CHUNK = 200  # rows a piece of a stream
LONGEST_CELL = 32_767  # characters, Excel's limit
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the standard's name for it, how it is shown, and how it is read from a document."""

    name: str
    kind: CellKind
    read: Callable[[Document], Any]
    width: int = 14

    @property
    def heading(self) -> str:
        """In a sheet, money is in pounds and times are in UTC, and the heading says so."""
        if self.kind == "money":
            return f"{self.name.removesuffix('Pence').removesuffix('.pence')} (£)"
        return f"{self.name} (UTC)" if self.kind == "instant" else self.name


def _at(path: str) -> Callable[[Document], Any]:
    steps = path.split(".")

    def read(document: Document) -> Any:
        value: Any = document
        for step in steps:
            if not isinstance(value, Mapping):
                return None
            value = value.get(step)
        return value

    return read


def _column(path: str, kind: CellKind = "text", width: int = 14) -> Column:
    return Column(path, kind, _at(path), width)


def lowest_rate(document: Document) -> Document:
    """The rate with the lowest weekly equivalent of those that the reader sees; empty where there is none."""
    rates = document.get("rates", [])
    return min(
        rates,
        key=lambda rate: (rate.get("weeklyEquivalentPence") is None, rate.get("weeklyEquivalentPence") or 0),
        default={},
    )


def _of_lowest(path: str, kind: CellKind = "text", width: int = 14) -> Column:
    read = _at(path)
    return Column(f"rates.lowest.{path}", kind, lambda document: read(lowest_rate(document)), width)


def _ratio(path: str) -> Column:
    read = _at(path)

    def text(document: Document) -> str | None:
        ratio = read(document)
        return f"{ratio.get('staff')}:{ratio.get('children')}" if isinstance(ratio, Mapping) else None

    return Column(path, "text", text)


def _overall(name: str) -> Column:
    def read(document: Document) -> Any:
        grades = document.get("ofsted", {}).get("judgements", [])
        return next((grade.get(name) for grade in grades if grade.get("aspect") == "overall"), None)

    return Column(f"ofsted.judgements.overall.{name}", "date" if name.endswith("On") else "text", read)


def _judgements(document: Document) -> list[str]:
    return [
        f"{grade['framework']}/{grade['aspect']}:{grade['code']}"
        for grade in document.get("ofsted", {}).get("judgements", [])
    ]


COLUMNS: tuple[Column, ...] = (
    _column("id", width=18),
    _column("urn", width=10),
    _column("availability", width=11),
    _column("availabilityReason"),
    _column("freshness", width=10),
    _column("setting.name", width=28),
    _column("setting.provisionType", width=20),
    _column("setting.provider.name", width=28),
    _column("setting.localAuthority.code", width=11),
    _column("setting.localAuthority.name", width=22),
    _column("setting.region.name", width=20),
    _column("setting.shortBreaksOnly", "flag"),
    _column("setting.modelsOfCare"),
    Column(
        "setting.services",
        "text",
        lambda document: [service.get("kind") for service in document["setting"].get("services", [])],
    ),
    _column("setting.registeredNeeds", width=24),
    _column("setting.referralContact.role"),
    _column("setting.referralContact.telephone"),
    _column("setting.referralContact.email", width=24),
    _column("unit.kind"),
    _column("unit.localAuthority"),
    _column("unit.postcodeSector"),
    _column("unit.category"),
    _column("vacancy.places", "number", 8),
    _column("vacancy.from", "date", 11),
    _column("vacancy.until", "date", 11),
    _column("vacancy.ages.from", "number", 8),
    _column("vacancy.ages.to", "number", 8),
    _column("vacancy.genders"),
    _column("vacancy.needs.accepted", width=24),
    _column("vacancy.needs.excluded", width=24),
    _column("vacancy.risks.accepted", width=24),
    _column("vacancy.risks.excluded", width=24),
    _column("vacancy.communication"),
    _column("vacancy.adaptations"),
    _column("vacancy.cared"),
    _column("vacancy.siblings.max", "number", 8),
    _column("vacancy.placementTypes", width=20),
    _column("vacancy.response"),
    _ratio("vacancy.staffingRatio"),
    _column("vacancy.sharesPlacesWith"),
    _column("vacancy.notes", width=40),
    Column("rates.count", "number", lambda document: len(document.get("rates", [])), 8),
    _of_lowest("title", width=20),
    _of_lowest("package"),
    _of_lowest("contract.type"),
    _of_lowest("price.pence", "money"),
    _of_lowest("price.per"),
    _of_lowest("weeklyEquivalentPence", "money"),
    _of_lowest("annualEquivalentPence", "money"),
    _of_lowest("vat"),
    _of_lowest("validUntil", "date"),
    _column("ofsted.status"),
    _column("ofsted.registrationStatus"),
    _overall("framework"),
    _overall("code"),
    _overall("inspectedOn"),
    Column("ofsted.judgements", "text", _judgements, 30),
    _column("ofsted.registerAsAt", "date"),
    _column("clocks.asOf", "instant", 18),
    _column("clocks.attestedAt", "instant", 18),
    _column("clocks.publishedAt", "instant", 18),
    _column("clocks.unknownSince", "instant", 18),
    _column("clocks.leavesAt", "instant", 18),
    _column("provenance.source", width=24),
    _column("provenance.publisher", width=24),
    _column("provenance.via", width=24),
    _column("provenance.simulated", "flag"),
)

# The second and third sheet: every rate that the reader sees, and what each price is made of.
_RATE_COLUMNS: tuple[Column, ...] = (
    _column("title", width=24),
    _column("package"),
    _column("contract.type"),
    _column("contract.framework", width=20),
    _column("price.pence", "money"),
    _column("price.per"),
    _column("weeklyEquivalentPence", "money"),
    _column("annualEquivalentPence", "money"),
    _column("vat"),
    _ratio("staffingRatio"),
    _column("validFrom", "date"),
    _column("validUntil", "date"),
)
_LINE_COLUMNS: tuple[Column, ...] = (
    _column("code", width=24),
    _column("title", width=28),
    Column("amount.pence", "money", _at("pence")),
    Column("included", "flag", lambda line: line.get("included", True)),
)
_KEY_COLUMNS = (_column("id", width=18), _column("urn", width=10), _column("setting.name", width=28))


def plain(value: Any) -> Any:
    """A value for one cell: lists joined, objects left out, and text that a spreadsheet would run made harmless."""
    if isinstance(value, list):
        value = "; ".join(str(part) for part in value if not isinstance(part, Mapping))
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return None if isinstance(value, Mapping) else value


def ndjson(fragments: Iterable[bytes]) -> Iterator[bytes]:
    """One listing a line."""
    lines: list[bytes] = []
    for fragment in fragments:
        lines.append(fragment)
        if len(lines) == CHUNK:
            yield b"\n".join(lines) + b"\n"
            lines = []
    if lines:
        yield b"\n".join(lines) + b"\n"


def csv_text(fragments: Iterable[bytes]) -> Iterator[bytes]:
    """A header and one row a listing; money in pence, times as they are in JSON."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column.name for column in COLUMNS])
    for number, fragment in enumerate(fragments, 1):
        document = orjson.loads(fragment)
        writer.writerow([csv_cell(column.read(document)) for column in COLUMNS])
        if number % CHUNK == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def csv_cell(value: Any) -> Any:
    """A value for one cell of a CSV: as `plain`, with true and false as JSON has them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain(value)


def xlsx(fragments: Iterable[bytes], target: IO[bytes]) -> None:
    """A workbook into a binary file: the listings, every visible rate, and the cost lines of each. Rows go to disk as they come."""
    # In constant memory rows can only be added in order: which is how they come.
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(target, options) as book:
        formats = {
            "money": book.add_format({"num_format": "£#,##0.00"}),
            "date": book.add_format({"num_format": "dd/mm/yyyy"}),
            "instant": book.add_format({"num_format": "dd/mm/yyyy hh:mm"}),
        }
        heading = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        listings = _Sheet(book.add_worksheet("Listings"), COLUMNS, formats, heading)
        rates = _Sheet(book.add_worksheet("Rates"), (*_KEY_COLUMNS, *_RATE_COLUMNS), formats, heading)
        lines = _Sheet(
            book.add_worksheet("Cost lines"),
            (*_KEY_COLUMNS, _column("rate", width=24), *_LINE_COLUMNS),
            formats,
            heading,
        )
        for fragment in fragments:
            document = orjson.loads(fragment)
            listings.add([column.read(document) for column in COLUMNS])
            key = [column.read(document) for column in _KEY_COLUMNS]
            for rate in document.get("rates", []):
                rates.add([*key, *(column.read(rate) for column in _RATE_COLUMNS)])
                for line in rate.get("lines", []):
                    lines.add(
                        [
                            *key,
                            rate.get("title") or rate.get("package"),
                            *(column.read(line) for column in _LINE_COLUMNS),
                        ]
                    )
        for sheet in (listings, rates, lines):
            sheet.finish()


class _Sheet:
    """A worksheet that is filled from the top: heading frozen, filters over all that was written."""

    def __init__(self, sheet: Any, columns: tuple[Column, ...], formats: dict[str, Any], heading: Any) -> None:
        self._sheet, self._columns, self._formats = sheet, columns, formats
        self._row = 0
        sheet.freeze_panes(1, 2)
        for number, column in enumerate(columns):
            sheet.set_column(number, number, column.width)
            sheet.write_string(0, number, column.heading, heading)

    def add(self, values: list[Any]) -> None:
        """Write one row."""
        self._row += 1
        for number, (column, value) in enumerate(zip(self._columns, values, strict=True)):
            self._write(number, column.kind, plain(value))

    def _write(self, number: int, kind: CellKind, value: Any) -> None:
        sheet, row, shape = self._sheet, self._row, self._formats.get(kind)
        if value is None:
            return
        if isinstance(value, bool):
            sheet.write_boolean(row, number, value)
        elif isinstance(value, int | float):
            sheet.write_number(row, number, value / 100 if kind == "money" else value, shape)
        elif kind == "date" and (day := _day(value)):
            sheet.write_datetime(row, number, day, shape)
        elif kind == "instant" and (instant := _instant(value)):
            sheet.write_datetime(row, number, instant, shape)
        else:
            sheet.write_string(row, number, str(value)[:LONGEST_CELL])

    def finish(self) -> None:
        """Put filters on every column."""
        self._sheet.autofilter(0, 0, self._row, len(self._columns) - 1)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _instant(text: str) -> datetime | None:
    """In UTC and without zone: a sheet knows none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
    except ValueError:
        return None
