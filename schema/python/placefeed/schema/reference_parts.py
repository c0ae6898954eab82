"""What the reference says, as data: each document's properties, the codelists, rules, examples and mappings.

`reference` makes pages of it that work from a disk; whoever serves the standard can make their own without reading the
schemas a second time.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from placefeed.schema.files import DOCUMENTS, INPUTS, PROVISIONAL, find, schema

NOT_SHOWN = {"given-names": "Names that the screen for personal data warns about; see the file."}
"""Codelists whose rows say nothing to a reader."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a property's kind. `code`: as it stands in a document. Those with `document` lead to one ('': this one), or to
    `anchor` in it; those with `codelist` to a codelist."""

    text: str
    code: bool = False
    document: str | None = None
    anchor: str = ""
    codelist: str = ""


@dataclass(frozen=True, slots=True)
class Property:
    """A row of an object's table; `inner` is the anchor of the section that says what is in it."""

    name: str
    required: bool
    kind: tuple[Piece, ...]
    inner: str | None
    meaning: str
    limits: str


@dataclass(frozen=True, slots=True)
class Section:
    """An object: the document's own (no anchor), a definition (`path` False), or an object within one of them (`path` True)."""

    anchor: str
    title: str
    path: bool
    description: str
    properties: tuple[Property, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the standard. `closed`: sent to an exchange, and a property that is not listed is an error."""

    name: str
    title: str
    description: str
    id: str
    closed: bool
    provisional: bool
    sections: tuple[Section, ...]
    example: Path | None


@dataclass(frozen=True, slots=True)
class Table:
    """A file of rows, such as a codelist: the columns that say something, and each row's cells in their order."""

    name: str
    title: str
    kind: str
    source: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@cache
def document(name: str) -> Document:
    """All that the reference says of a document; KeyError where there is none of that name."""
    if name not in DOCUMENTS:
        raise KeyError(name)
    contents = schema(name)
    sections = [*_objects(contents, "", name)]
    for inner, definition in contents.get("$defs", {}).items():
        found = [*_objects(definition, inner, name)]
        own = found[0].properties if found and found[0].anchor == "" else ()
        sections.append(Section(inner, definition["title"], False, definition["description"], own))
        sections += [section for section in found if section.anchor]
    return Document(
        name=name,
        title=contents["title"],
        description=contents["description"],
        id=contents["$id"],
        closed=name in INPUTS,
        provisional=name in PROVISIONAL,
        sections=tuple(sections),
        example=next(
            (path for path in examples() if path.name.startswith(f"{name}-") and path.suffix == ".json"), None
        ),
    )


def examples() -> list[Path]:
    """Every valid example, by name."""
    return sorted(path for path in find("examples", "valid").iterdir() if path.suffix in (".json", ".ndjson"))


def _objects(contents: dict[str, Any], path: str, home: str) -> Iterator[Section]:
    """An object (without an anchor: whoever asks knows where it stands), then each object within it."""
    properties = {key: _resolved(value, home) for key, value in contents.get("properties", {}).items()}
    if not properties:
        return
    required = contents.get("required", [])
    rows, inner = [], []
    for key, (value, link) in properties.items():
        here = f"{path}.{key}" if path else key
        nested = value.get("items", value) if value.get("type") == "array" else value
        nested, nested_link = _resolved(nested, home)
        own_section = link is None and nested_link is None and "properties" in nested
        if own_section:
            inner.append((here, nested))
        rows.append(
            Property(
                name=key,
                required=key in required,
                kind=tuple(_kind(value, link, home)),
                inner=here if own_section else None,
                meaning=value.get("description", ""),
                limits=_limits(nested),
            )
        )
    yield Section("", "", False, "", tuple(rows))
    for here, nested in inner:
        own, *below = _objects(nested, here, home)
        yield Section(here, here, True, nested["description"], own.properties)
        yield from below


Link = tuple[str, str]
"""Where a reference leads: a document ('': the same) and an anchor in it."""


def _resolved(value: dict[str, Any], home: str) -> tuple[dict[str, Any], Link | None]:
    """A property's schema with its reference followed; and the document or section, where it has one of its own."""
    reference = value.get("$ref")
    if reference is None:
        return value, None
    name, _, pointer = reference.partition("#")
    target: Any = schema(name or home)
    for part in pointer.split("/")[1:]:
        target = target[part]
    followed, link = _resolved(_from_outside(target, name) if name else target, name or home)
    if name in DOCUMENTS and not pointer:
        link = (name, "")
    elif name in ("", *DOCUMENTS) and pointer.startswith("/$defs/") and pointer.count("/") == 2:
        link = (name, pointer.rpartition("/")[2])
    return {**followed, **{key: item for key, item in value.items() if key != "$ref"}}, link


def _from_outside(value: Any, name: str) -> Any:
    """A part of another document, its references within that document made to lead there from anywhere."""
    if isinstance(value, list):
        return [_from_outside(each, name) for each in value]
    if not isinstance(value, dict):
        return value
    moved = {key: _from_outside(each, name) for key, each in value.items()}
    if str(moved.get("$ref", "")).startswith("#"):
        moved["$ref"] = name + moved["$ref"]
    return moved


def _kind(value: dict[str, Any], link: Link | None, home: str) -> Iterator[Piece]:
    if link is not None:
        yield Piece(value["title"].lower(), document=link[0], anchor=link[1])
        return
    if value.get("type") == "array":
        items, inner_link = _resolved(value["items"], home)
        yield Piece("list of ")
        yield from _kind(items, inner_link, home)
        return
    if "x-codelist" in value:
        yield Piece("code of ")
        yield Piece(value["x-codelist"], codelist=value["x-codelist"])
        if value.get("x-open"):
            yield Piece(" (open)")
        return
    if "enum" in value:
        for number, code in enumerate(value["enum"]):
            if number:
                yield Piece(" or ")
            yield Piece(code, code=True)
        return
    kind = value.get("type", "anything")
    if isinstance(kind, list):
        yield from (Piece("the word "), Piece("any", code=True), Piece(", or an object"))
        return
    words = {
        "date-time": "instant",
        "date": "date",
        "string": "text",
        "integer": "whole number",
        "boolean": "true or false",
    }
    yield Piece(words.get(str(value.get("format", kind)), str(kind)))


def _limits(value: dict[str, Any]) -> str:
    said = []
    if "default" in value:
        said.append(f"If left out: {str(value['default']).lower()}.")
    if value.get("type") == "integer" and "maximum" in value:
        said.append(f"From {value['minimum']:,} to {value['maximum']:,}.")
    if value.get("type") == "string" and "enum" not in value and "maxLength" in value and "format" not in value:
        said.append(f"At most {value['maxLength']} characters.")
    if value.get("readOnly"):
        said.append("Set by the exchange.")
    return " ".join(said)


def codelists() -> Iterator[Table]:
    """Every codelist, in the order of the index."""
    for entry in _rows(find("codelists", "index.csv")):
        name = entry["name"]
        shown = [] if name in NOT_SHOWN else _rows(find("codelists", f"{name}.csv"))
        columns = [column for column in (shown[0] if shown else {}) if any(row[column] for row in shown)]
        yield _table(entry, NOT_SHOWN.get(name, ""), columns, shown)


@cache
def codelist_table(name: str) -> Table:
    """One codelist; KeyError where there is none of that name."""
    return {table.name: table for table in codelists()}[name]


def rules() -> Table:
    """What is checked beyond the schemas."""
    rows = _rows(find("rules.csv"))
    return _table({"name": "rules", "title": "Rules"}, "", list(rows[0]), rows)


MAPPINGS = {
    "capacity-tracker": "Capacity Tracker (Department of Health and Social Care)",
    "hsds": "Human Services Data Specification (Open Referral)",
    "placements-data-standard": "Placements Data Standard (SocialCareData)",
    "ssda903": "SSDA903, the looked after children return (Department for Education)",
}
"""Other standards to which ours is mapped, by the name of the file."""


@cache
def mapping(name: str) -> Table:
    """How our words stand to another standard's; KeyError where there is no such mapping."""
    rows = _rows(find("mappings", f"{name}.csv")) if name in MAPPINGS else []
    return _table({"name": name, "title": MAPPINGS[name]}, "", list(rows[0]), rows)


def _table(entry: dict[str, str], note: str, columns: list[str], rows: list[dict[str, str]]) -> Table:
    return Table(
        name=entry["name"],
        title=entry["title"],
        kind=entry.get("kind", ""),
        source=entry.get("source", ""),
        note=note,
        columns=tuple(columns),
        rows=tuple(tuple(row[column] or "" for column in columns) for row in rows),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
