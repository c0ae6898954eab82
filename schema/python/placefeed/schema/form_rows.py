"""Turns settingRecords into rows of the spreadsheet form, and refuses what the form cannot say rather than lose it."""

import datetime as dt
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from placefeed.schema.codelists import codelist, codelist_names, local_authority
from placefeed.schema.form_columns import KEYED, SHEETS, Column, columns

BLANK_WORDS = frozenset(
    ("", "-", "--", "–", "—", "n/a", "na", "n.a.", "#n/a", "null", "none", "nil", "tbc", "tba", "t.b.c.", "unknown",
     "not known", "not applicable", "?", "??", "???", ".", "(select)", "select", "please select")
)  # fmt: skip
"""What people write where they have nothing to say: such a cell is absent, and absent is unknown, never zero."""

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def guarded(text: str) -> str:
    """Text that no spreadsheet program takes for a formula: an apostrophe before a leading = + - @ (OWASP, CSV injection)."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """What `guarded` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def plain_text(text: str) -> str:
    """Text as it survives a spreadsheet: no-break blanks are blanks, edges are trimmed."""
    return text.replace("\u00a0", " ").replace("\u200b", "").strip()


class NotInTheForm(ValueError):
    """A record says something that the form has no column for."""


Row = dict[str, Any]
"""A row by column key; cells are str, int, float, bool or date, as a person would write them."""
_IDENTITY = frozenset(("urn", "registration.scheme", "registration.id", "capacity.unit"))


def rows_of(record: Mapping[str, Any]) -> dict[str, list[Row]]:
    """The rows that say one settingRecord, by sheet. Raises NotInTheForm rather than lose anything."""
    base: Row = {"urn": record["urn"]} if "urn" in record else {}
    for name, value in record.get("registration", {}).items():
        base[f"registration.{name}"] = value
    unknown = set(record) - {"urn", "registration", "setting", "capacity", "capacities", "vacancies", "rates", "ofsted"}
    if unknown:
        raise NotInTheForm(f"The form has no column for {', '.join(sorted(unknown))}.")
    rows: dict[str, list[Row]] = {sheet: [] for sheet in SHEETS}
    for vacancy in record.get("vacancies", ()):
        rows["Vacancies"].extend(_rows("/vacancy", vacancy, base))
    if record.get("vacancies") == []:
        rows["Vacancies"].append({**base, "vacancy.places": 0})  # no places to offer: said, and not merely left out
    if record.get("rates") == [] or record.get("capacities") == []:
        raise NotInTheForm("The form can't say that there are no rates or no counts.")
    for rate in record.get("rates", ()):
        rows["Rates"].extend(_rows("/rate", rate, base))
    if "unit" in record.get("capacity", {}) or any("unit" not in entry for entry in record.get("capacities", ())):
        raise NotInTheForm(
            "In the form, counts of a unit are one of several, and counts without a unit are the only ones."
        )
    counted = record.get("capacities", [record["capacity"]] if "capacity" in record else [])
    settings = [row for capacity in counted for row in _rows("/capacity", capacity, base)]
    for part in ("setting", "ofsted"):
        if part in record:
            for at, row in enumerate(_rows(f"/{part}", record[part], base)):
                if at < len(settings):
                    settings[at].update(row)
                else:
                    settings.append(row)
    rows["Settings"] = settings
    return rows


def _rows(pointer: str, part: Mapping[str, Any], base: Row) -> list[Row]:
    """One row, and one more for each further entry of a list."""
    if not set(part) - {"asOf"}:
        raise NotInTheForm(f"A row that holds nothing but a time says nothing of {pointer}.")
    rows = [dict(base)]
    _fill(pointer, part, rows, 0, _by_pointer())
    return rows


@cache
def _by_pointer() -> dict[str, Column]:
    return {column.pointer: column for column in columns()}


def _fill(pointer: str, value: Any, rows: list[Row], at: int, known: Mapping[str, Column]) -> None:
    column = known.get(pointer)
    if column is not None:
        while len(rows) <= at:
            rows.append({key: cell for key, cell in rows[0].items() if key in _IDENTITY})
        rows[at][column.key] = written(column, value)
    elif isinstance(value, Mapping) and value:
        for name, inner in value.items():
            _fill(f"{pointer}/{name}", inner, rows, at, known)
    elif isinstance(value, list) and not value and pointer == "/capacity/unavailable":
        rows[at][_by_pointer()[f"{pointer}/reason=staffing/places"].key] = 0  # none unavailable: said, not left out
    elif isinstance(value, list) and value and pointer in KEYED:
        naming, holding = KEYED[pointer]
        if any(set(entry) != {naming, holding} for entry in value) or len({e[naming] for e in value}) < len(value):
            raise NotInTheForm(f"The form holds only one {holding} for each {naming} of {pointer}.")
        for entry in value:
            _fill(f"{pointer}/{naming}={entry[naming]}/{holding}", entry[holding], rows, at, known)
    elif isinstance(value, list) and value and all(isinstance(entry, Mapping) for entry in value):
        if any(entry in value[:number] for number, entry in enumerate(value)):
            raise NotInTheForm(f"The form can't say the same twice in {pointer}.")
        for number, entry in enumerate(value):
            _fill(f"{pointer}/0", entry, rows, at + number, known)
    else:
        raise NotInTheForm(f"The form has no column for {pointer}.")


def written(column: Column, value: Any) -> Any:
    """A value as a cell of the form: titles for codes, pounds for pence, a date for a date."""
    if column.kind == "money":
        return value / 100
    if column.kind == "yes-no":
        return "Yes" if value else "No"
    if column.kind == "date":
        return dt.date.fromisoformat(value)
    if column.kind == "code":
        return _title(column, value)
    if column.kind in ("codes", "ids"):
        if not value or any(";" in entry or "\n" in entry for entry in value):
            raise NotInTheForm(f"The form can't hold this list in {column.heading}.")
        return "; ".join(_title(column, entry) for entry in value)
    if column.kind == "authority":
        found = local_authority(value)
        again = local_authority(found.name) if found else None
        return found.name if found and again and again.code == value else value
    if column.kind == "buyers":
        if value == "any":
            return "any"
        parts = [f"{buyer['scheme']}:{buyer['id']}" for buyer in value.get("buyers", ())]
        parts += [f"agreement:{name}" for name in value.get("agreements", ())]
        if not parts or any(not items for items in value.values()):
            raise NotInTheForm("The form can't say that a rate is offered to nobody.")
        return "; ".join(parts)
    if isinstance(value, str) and (plain_text(value) != value or value.casefold() in BLANK_WORDS or "\r" in value):
        raise NotInTheForm(f"The form would not keep this text in {column.heading}.")
    return value


def _title(column: Column, code: str) -> str:
    if column.codelist is None or column.codelist not in codelist_names():
        return code
    listed = codelist(column.codelist)
    if code not in listed:
        return code
    title = listed.title(code)
    return title if listed.find(title) == code and not re.search(r"[;\n/,]", title) else code
