"""Gathers what the rows of all sheets say of one setting into its record, and says where two rows contradict each other."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from placefeed.adapters import paths
from placefeed.adapters.base import SourceRecord
from placefeed.adapters.paths import Spot
from placefeed.adapters.sheets import Cell, address
from placefeed.adapters.values import text
from placefeed.schema.issues import Issue, Place


@dataclass(slots=True)
class Row:
    """One row as read: its cells and headings, the values by pointer, the cell of each, and what is wrong."""

    spot: Spot
    written: list[Cell]
    headings: dict[int, str]  # shared by all rows of a sheet
    values: dict[str, Any] = field(default_factory=dict)
    cells: paths.Places = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    spoilt: bool = False  # a cell without which a part says nothing could not be read

    def part(self, name: str) -> tuple[dict[str, Any], paths.Places]:
        """What the row says of a part, and where each value stood; the part itself stands at the row's beginning."""
        document: dict[str, Any] = {}
        places: paths.Places = {"": self.spot}
        beginning = f"/{name}/"
        for pointer, value in self.values.items():
            if pointer.startswith(beginning):
                # copied: a value that was read once may stand in many rows, and rows are joined
                own = copy.copy(value) if isinstance(value, dict | list) else value
                at = paths.put(document, paths.steps(pointer), own)
                if pointer in self.cells:
                    places[at] = self.cells[pointer]
        return document, places

    def raw(self) -> dict[str, Any]:
        """The row as the source has it: sheet, row, heading -> text of every cell that holds something, and where each stood."""
        columns = {
            self.headings.get(column) or address(self.spot.row, column): column
            for column, cell in enumerate(self.written)
            if cell is not None
        }
        return {
            "sheet": self.spot.sheet,
            "row": self.spot.row,
            "cells": {heading: text(self.written[column]) for heading, column in columns.items()},
            "addresses": [address(self.spot.row, column) for column in columns.values()],
        }


@dataclass(slots=True)
class Setting:
    """All that the sheets say of one setting."""

    identity: dict[str, Any]
    key: str
    spot: Spot
    parts: dict[str, tuple[dict[str, Any], paths.Places]] = field(default_factory=dict)
    capacities: dict[str | None, tuple[dict[str, Any], paths.Places]] = field(default_factory=dict)
    vacancies: list[tuple[dict[str, Any], paths.Places]] = field(default_factory=list)
    rates: list[tuple[dict[str, Any], paths.Places]] = field(default_factory=list)
    says_none: bool = False
    issues: list[Issue] = field(default_factory=list)
    contradictions: list[tuple[str, Any, Spot]] = field(default_factory=list)  # pointer, unit of a capacity, where
    rows: list[Row] = field(default_factory=list)

    @property
    def place(self) -> Place:
        """Where it first stands."""
        return self.spot.place(self.key)


class Gather:
    """Adds one row to its setting."""

    def __init__(self, setting: Setting, row: Row, *, fill: Callable[[Row, str], None], blank_means_none: bool) -> None:
        self.setting, self.row = setting, row
        self.fill, self.blank_means_none = fill, blank_means_none

    def all(self) -> None:
        """Every part that the row says something of."""
        said = {pointer.split("/")[1] for pointer in self.row.values if not pointer.endswith("/asOf")}
        for part in ("setting", "ofsted"):
            if part in said:
                self.fill(self.row, part)
                self._join(self.setting.parts, part, *self.row.part(part))
        if "capacity" in said:
            self.fill(self.row, "capacity")
            document, places = self.row.part("capacity")
            self._join(self.setting.capacities, document.get("unit"), document, places)
        rate = self._rate() if "rate" in said else None
        if "vacancy" in said:
            self._vacancy(rate)

    def _join(
        self,
        known: dict[Any, tuple[dict[str, Any], paths.Places]],
        key: Any,
        document: dict[str, Any],
        places: paths.Places,
    ) -> None:
        if key not in known:
            known[key] = (document, places)
            return
        for pointer in paths.join(known[key][0], document, known[key][1], places):
            part = "/capacity" if known is self.setting.capacities else f"/{key}"
            self.setting.contradictions.append((part, key, places.get(pointer, self.row.spot)))

    def _rate(self) -> str:
        self.fill(self.row, "rate")
        document, places = self.row.part("rate")
        own = "id" in document
        for at, (known, _) in enumerate(self.setting.rates):
            same = {key: value for key, value in known.items() if own or key != "id"} == document
            if same or (own and known.get("id") == document["id"]):
                if not same:
                    self.setting.contradictions.append((f"/rates/{at}", None, places.get("/id", self.row.spot)))
                return str(known["id"])
        if not own:
            document["id"] = f"r{len(self.setting.rates) + 1}"
        self.setting.rates.append((document, places))
        return str(document["id"])

    def _vacancy(self, rate: str | None) -> None:
        if self.row.values.get("/vacancy/places") == 0:
            self.setting.says_none = True
            return
        blank = "/vacancy/places" not in self.row.values
        if blank and self.row.spoilt:
            return  # not blank, but unreadable: nothing is known of this setting's vacancies
        if blank and self.blank_means_none:
            self.setting.says_none = True
            return
        if blank:
            self.setting.issues.append(
                Issue(
                    "sheet-blank-places",
                    "warning",
                    "The number of places is blank, so no vacancy was read from this row.",
                    "Write the number of places, and 0 where there is none.",
                    self.row.spot.place(self.setting.key),
                )
            )
            return
        self.fill(self.row, "vacancy")
        document, places = self.row.part("vacancy")
        if rate is not None and rate not in document.get("rates", ()):
            document["rates"] = [*document.get("rates", ()), rate]
        if "id" in document:
            for at, (known, _) in enumerate(self.setting.vacancies):
                if known.get("id") == document["id"]:
                    self._same_again(f"/vacancies/{at}", known == document, places)
                    return
        self.setting.vacancies.append((document, places))

    def _same_again(self, pointer: str, same: bool, places: paths.Places) -> None:
        self.setting.issues.append(
            Issue(
                "duplicate-id",
                "warning" if same else "error",
                "The same vacancy stands in two rows."
                if same
                else "Two rows have the same vacancy reference and say different things.",
                "Remove one of them." if same else "Give each vacancy its own reference, or remove one row.",
                replace(places.get("/id", self.row.spot).place(self.setting.key), pointer=None if same else pointer),
            )
        )


def record_of(index: int, setting: Setting) -> SourceRecord:
    """The settingRecord. Where a cell could not be read, the error stands among its issues with the cell, and the document
    has what else the row says: whoever takes it must leave out every part and item that stands in that row (`places`).
    There is no document where the cell was one without which its part says nothing (a number of places, a price)."""
    raw = [row.raw() for row in setting.rows]
    if any(row.spoilt for row in setting.rows):
        return SourceRecord(index, None, setting.place, tuple(setting.issues), {}, raw)
    document: dict[str, Any] = dict(setting.identity)
    spots: paths.Places = {}
    for part, (content, cells) in setting.parts.items():
        document[part] = content
        _placed(spots, f"/{part}", cells)
    counted = list(setting.capacities.values())
    alone = len(counted) == 1 and "unit" not in counted[0][0]
    for content, _ in counted:
        _without_nothing(content)
    if alone:
        document["capacity"] = counted[0][0]
        _placed(spots, "/capacity", counted[0][1])
    elif counted:
        _listed(document, spots, "capacities", counted)
    if setting.vacancies or setting.says_none:
        _listed(document, spots, "vacancies", _named(setting.vacancies))
    if setting.rates:
        _listed(document, spots, "rates", setting.rates)
    places = {pointer: spot.place(setting.key) for pointer, spot in spots.items()}
    issues = (
        *setting.issues,
        *(_contradiction(setting, at, key, spot, alone=alone) for at, key, spot in setting.contradictions),
    )
    return SourceRecord(index, document, setting.place, issues, places, raw)


def _contradiction(setting: Setting, pointer: str, key: Any, spot: Spot, *, alone: bool) -> Issue:
    """Two rows against each other; the pointer says which part can't be taken, since it stands in another row too."""
    if pointer == "/capacity" and not alone:
        pointer = f"/capacities/{list(setting.capacities).index(key)}"
    return Issue(
        "sheet-contradiction",
        "error",
        "Two rows of the same setting say different things in the same column.",
        "Keep one of the two, or give each its own unit or reference.",
        replace(spot.place(setting.key), pointer=pointer),
    )


def _named(vacancies: list[tuple[dict[str, Any], paths.Places]]) -> list[tuple[dict[str, Any], paths.Places]]:
    """Vacancies without a reference of their own are v1, v2, ... in the order of the sheet."""
    used = {content["id"] for content, _ in vacancies if "id" in content}
    free = (name for number in range(1, len(vacancies) + len(used) + 1) if (name := f"v{number}") not in used)
    return [(content if "id" in content else {"id": next(free), **content}, cells) for content, cells in vacancies]


def _without_nothing(capacity: dict[str, Any]) -> None:
    """0 places unavailable for a reason, or expected on a day, is no entry of the list."""
    for name in ("unavailable", "expected"):
        if name in capacity:
            capacity[name] = [entry for entry in capacity[name] if entry.get("places") != 0]


def _listed(
    document: dict[str, Any], spots: paths.Places, name: str, entries: list[tuple[dict[str, Any], paths.Places]]
) -> None:
    document[name] = [content for content, _ in entries]
    for at, (_, cells) in enumerate(entries):
        _placed(spots, f"/{name}/{at}", cells)


def _placed(spots: paths.Places, into: str, cells: paths.Places) -> None:
    for pointer, spot in cells.items():
        spots[into + pointer] = spot
