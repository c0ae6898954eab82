"""The columns of the standard's spreadsheet form, worked out from the schema and the codelists.

One row is one vacancy, one setting or one rate. A list of things (units, inspections, forecasts) has one entry a row;
for more, further rows with the same URN say the others. A step `name=value` in a pointer means: the entry whose `name`
is `value` (one cost line has one column).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from placefeed.schema.codelists import codelist
from placefeed.schema.files import schema

SHEETS: dict[str, tuple[str, ...]] = {
    "Vacancies": ("vacancy",),
    "Settings": ("capacity", "setting", "ofsted"),
    "Rates": ("rate",),
}
"""The sheets that are read, and the parts that each says."""


NOT_READ = ("Guidance", "Codes")
"""Sheets of the form that are for people only."""

KEYED: dict[str, tuple[str, str]] = {
    "/capacity/unavailable": ("reason", "places"),
    "/rate/lines": ("code", "pence"),
    "/ofsted/inspections/0/judgements": ("aspect", "code"),
}
"""Lists that become one column a code: the property that names the entry, and the one that a cell holds."""

LEFT_OUT: dict[str, str] = {
    "/setting/replaces": "said once, when an owner changes: send it as JSON",
    "/setting/provider/identifiers": "the exchange knows them from the register of organisations",
    "/rate/tiers": "prices for more places: send them as JSON",
}
"""What the form has no column for, and why. `extensions`, and what a keyed list holds beside its one value, are out too."""

_HEADINGS: dict[str, str] = {
    "/vacancy/id": "Vacancy reference",
    "/vacancy/from": "Available from",
    "/vacancy/until": "Available until",
    "/vacancy/ages/from": "Youngest age",
    "/vacancy/ages/to": "Oldest age",
    "/vacancy/siblings/max": "Siblings at most",
    "/vacancy/staffingRatio/staff": "Staffing ratio: staff",
    "/vacancy/staffingRatio/children": "Staffing ratio: children",
    "/rate/id": "Rate reference",
    "/rate/price/pence": "Price (£)",
    "/rate/price/per": "Price per",
    "/rate/price/unit": "Price for",
    "/rate/staffingRatio/staff": "Staffing ratio: staff",
    "/rate/staffingRatio/children": "Staffing ratio: children",
    "/setting/name": "Setting name",
    "/setting/ages/from": "Registered from age",
    "/setting/ages/to": "Registered to age",
    "/setting/genders": "Registered genders",
    "/setting/asOf": "Setting details as of",
    "/ofsted/asOf": "Ofsted details as of",
    "/capacity/asOf": "Places as of",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the form. `pointer` leads from a part's name into it; `kind` says how a cell is read and written.

    Kinds: urn, text, code, codes, ids, count, number, money (pounds in the cell, pence in the standard), date, instant,
    yes-no, authority, buyers. `required` holds where the row says anything of the part at all.
    """

    key: str
    heading: str
    sheet: str
    pointer: str
    kind: str
    codelist: str | None
    choices: tuple[str, ...]
    help: str
    required: bool


@cache
def columns() -> tuple[Column, ...]:
    """Every column of every sheet, in the order of the form."""
    found: list[Column] = []
    for sheet, parts in SHEETS.items():
        record = schema("feed")["$defs"]["settingRecord"]["properties"]
        urn = _resolved(record["urn"])
        found.append(Column("urn", "URN", sheet, "/urn", "urn", None, (), urn["description"], False))
        for part in parts:
            found.extend(_walk(schema(part), f"/{part}", sheet, (), required=True))
        elsewhere = _resolved(record["registration"])
        found.extend(_walk(elsewhere, "/registration", sheet, ("Registered elsewhere",), required=False))
    return tuple(found)


def columns_of(sheet: str) -> tuple[Column, ...]:
    """The columns of one sheet, in order."""
    return tuple(column for column in columns() if column.sheet == sheet)


def _resolved(node: Mapping[str, Any]) -> dict[str, Any]:
    """A schema node with what its reference says beneath its own words."""
    reference = node.get("$ref")
    if not reference:
        return dict(node)
    name, _, path = reference.partition("#")
    target: Any = schema(name.rpartition("/")[2] or "common")
    for step in filter(None, path.split("/")):
        target = target[step]
    return {**_resolved(target), **{key: value for key, value in node.items() if key != "$ref"}}


def _walk(
    node: Mapping[str, Any], pointer: str, sheet: str, trail: tuple[str, ...], *, required: bool
) -> Iterator[Column]:
    for name, raw in node.get("properties", {}).items():
        here = f"{pointer}/{name}"
        if name == "extensions" or here in LEFT_OUT:
            continue
        child = _resolved(raw)
        needed = required and name in node.get("required", ()) and name != "asOf"
        titles = (*trail, child.get("title", name))
        if here in KEYED:
            yield from _keyed(child, here, sheet, titles)
        elif child.get("type") == "object":
            yield from _walk(child, here, sheet, titles, required=needed)
        elif child.get("type") == "array" and _resolved(child["items"]).get("type") == "object":
            yield from _walk(_resolved(child["items"]), f"{here}/0", sheet, titles, required=False)
        else:
            yield _leaf(child, here, sheet, titles, required=needed)


def _keyed(node: Mapping[str, Any], pointer: str, sheet: str, titles: tuple[str, ...]) -> Iterator[Column]:
    naming, holding = KEYED[pointer]
    item = _resolved(node["items"])
    listed = _resolved(item["properties"][naming]).get("x-codelist")
    value = _resolved(item["properties"][holding])
    for row in codelist(str(listed)).rows:
        heading = (*titles[-1:], row["title"])
        yield _leaf(
            value,
            f"{pointer}/{naming}={row['code']}/{holding}",
            sheet,
            heading,
            required=False,
            help=row["description"],
        )


def _leaf(
    node: Mapping[str, Any], pointer: str, sheet: str, titles: tuple[str, ...], *, required: bool, help: str = ""
) -> Column:
    item = _resolved(node["items"]) if node.get("type") == "array" else node
    listed = item.get("x-codelist")
    kind = _kind(node, item, pointer)
    heading = _HEADINGS.get(pointer) or ": ".join(titles[-2:])
    if kind == "money" and "(£)" not in heading:
        heading += " (£)"
    choices = tuple(item.get("enum", ())) if kind in ("code", "codes") else ()
    if kind in ("code", "codes") and not choices and listed:
        choices = codelist(listed).codes
    key = pointer.strip("/").replace("/", ".")
    return Column(key, heading, sheet, pointer, kind, listed, choices, help or node.get("description", ""), required)


def _kind(node: Mapping[str, Any], item: Mapping[str, Any], pointer: str) -> str:
    listed, kind = item.get("x-codelist"), item.get("type")
    if pointer == "/rate/offeredTo":
        return "buyers"
    if node.get("type") == "array":
        return "codes" if listed or "enum" in item else "ids"
    if listed == "local-authorities":
        return "authority"
    if listed or "enum" in item:
        return "code"
    if kind == "boolean":
        return "yes-no"
    if kind == "number":
        return "number"
    if kind == "integer":
        return "money" if item.get("title") == "Pence" or pointer.lower().endswith("pence") else "count"
    return {"date": "date", "date-time": "instant"}.get(item.get("format", ""), "text")
