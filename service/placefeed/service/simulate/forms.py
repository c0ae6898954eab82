"""What a provider sends: its feed in one of the forms that the exchange reads, as files or bodies."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from placefeed.schema.codelists import local_authority
from placefeed.schema.template import write_csv_template, write_template
from placefeed.service.clock import LONDON, iso
from placefeed.service.simulate import owners
from placefeed.service.simulate.owners import Owner

MAPPING = "weekly-return"
"""The shipped mapping of the simulated providers' own form."""

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MADE = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
TTL = 3600

OWN_HEADINGS = (
    "Ofsted no.",
    "Home",
    "Service",
    "Host LA",
    "Reg'd",
    "In placement",
    "Vacs",
    "Free from",
    "Ages",
    "M/F",
    "Fee pw",
    "Checked on",
)
_SERVICES = {
    "children-home": "Residential", "supported-accommodation": "Supported living 16+", "independent-fostering-agency": "Fostering",
    "residential-family-centre": "Mother and baby",
}  # fmt: skip
_GENDERS = {"any-gender": "mixed", "male": "M", "female": "F"}
_SHEETS = {"Settings": "setting", "Rates": "rates", "Vacancies": "vacancies"}
Cell = str | int | None


@dataclass(frozen=True, slots=True)
class Sending:
    """One file or body of one owner. `mapping` is the shipped mapping that reads it, where it is a form of its own."""

    owner: str
    name: str
    content_type: str
    content: bytes
    settings: int
    mapping: str | None = None
    messy: str | None = None  # what is wrong with it on purpose


def header_of(owner: Owner, now: datetime, *, complete: bool = True) -> dict[str, Any]:
    """The fields of a feed without its settings; it says that it is simulated."""
    return {
        "standard": "placefeed", "version": "1.0", "publisher": owner.publisher, "publishedAt": iso(now), "ttl": TTL,
        "complete": complete, "simulated": True,
    }  # fmt: skip


def sendings(
    owner: Owner, records: Sequence[dict[str, Any]], *, now: datetime, form: str | None = None
) -> list[Sending]:
    """An owner's feed in its form, or in another. Spreadsheets in the standard's form come as one file a sheet."""
    form = form or owner.form
    if form == owners.JSON:
        return [
            _one(
                owner, "json", "application/json", orjson.dumps(header_of(owner, now) | {"settings": records}), records
            )
        ]
    if form == owners.NDJSON:
        return [_one(owner, "ndjson", "application/x-ndjson", ndjson(owner, records, now=now), records)]
    if form == owners.SHEETS:
        return [
            _sheet(owner, sheet, records)
            for sheet, part in _SHEETS.items()
            if any(record.get(part) is not None for record in records)
        ]
    if form == owners.WORKBOOK:
        book = io.BytesIO()
        write_template(book, example=False, records=records)
        return [_one(owner, "xlsx", _XLSX, book.getvalue(), records)]
    rows = own_rows(records)
    if form == owners.OWN:
        return [_one(owner, "csv", "text/csv", own_csv(OWN_HEADINGS, rows), records, mapping=MAPPING)]
    return [
        _one(
            owner,
            "xlsx",
            _XLSX,
            own_workbook(OWN_HEADINGS, rows, title=f"{owner.name}: weekly return"),
            records,
            mapping=MAPPING,
        )
    ]


def ndjson(owner: Owner, records: Iterable[dict[str, Any]], *, now: datetime, complete: bool = True) -> bytes:
    """A feed as lines: header, settings, trailer with their count."""
    lines = [orjson.dumps({"line": "header", **header_of(owner, now, complete=complete)})]
    lines += [orjson.dumps({"line": "setting", **record}) for record in records]
    lines.append(orjson.dumps({"line": "trailer", "count": len(lines) - 1}))
    return b"\n".join(lines) + b"\n"


def _one(
    owner: Owner, ending: str, content_type: str, content: bytes, records: Sequence[Any], *, mapping: str | None = None
) -> Sending:
    return Sending(owner.id, f"{owner.id}.{ending}", content_type, content, len(records), mapping)


def _sheet(owner: Owner, sheet: str, records: Sequence[dict[str, Any]]) -> Sending:
    text = io.BytesIO()
    write_csv_template(text, sheet=sheet, example=False, records=records)
    return Sending(owner.id, f"{owner.id}.{sheet.lower()}.csv", "text/csv", text.getvalue(), len(records))


# -- a form of their own ---------------------------------------------------------------------------------------------


def own_rows(records: Iterable[dict[str, Any]]) -> list[list[Cell]]:
    """The rows of a weekly return: one for each offer, or one that says 0."""
    return [row for record in records for row in _own(record)]


def _own(record: dict[str, Any]) -> Iterable[list[Cell]]:
    setting, counts = record["setting"], record.get("capacity", {})
    area = local_authority(setting.get("localAuthority", ""))
    home: list[Cell] = [
        record["urn"], setting["name"], _SERVICES.get(setting["provisionType"], setting["provisionType"]), area.name if area else None,
        counts.get("registered"), counts.get("occupied"),
    ]  # fmt: skip
    fee, checked = _fee(record), _uk(counts.get("asOf") or setting["asOf"])
    for vacancy in record.get("vacancies") or [None]:
        if vacancy is None:
            yield [*home, 0, None, None, None, fee, checked]
            continue
        ages, day = vacancy["ages"], vacancy["from"]
        free = f"{day[8:]}/{day[5:7]}/{day[:4]}"
        yield [
            *home,
            vacancy["places"],
            free,
            f"{ages['from']}-{ages['to']}",
            _GENDERS[vacancy["genders"][0]],
            fee,
            checked,
        ]


def _fee(record: dict[str, Any]) -> str | None:
    for rate in record.get("rates", ()):
        if rate["price"]["per"] == "week":
            return f"£{rate['price']['pence'] // 100:,} pw"
    return None


def _uk(instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(LONDON):%d/%m/%Y %H:%M}"


def own_csv(headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """As Excel saves it on a British machine: cp1252, CRLF."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([headings, *rows])
    return text.getvalue().encode("cp1252", "replace")


def own_workbook(headings: Sequence[str], rows: Iterable[Sequence[Cell]], *, title: str) -> bytes:
    """A workbook with a title over the table, as people like it."""
    import xlsxwriter

    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"created": _MADE})  # the same return is the same bytes
    sheet = book.add_worksheet("Weekly return")
    sheet.write_string(0, 0, title)
    for number, cells in enumerate([headings, *rows], start=2):
        for column, cell in enumerate(cells):
            if cell is not None:
                sheet.write(number, column, cell)
    book.close()
    return made.getvalue()
