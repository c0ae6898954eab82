"""Which sheet of a file holds the list, which of Ofsted's lists it is, and on which day it was true."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain, islice

from placefeed.adapters.base import ChangedShape
from placefeed.adapters.ofsted.dates import as_at_in, as_at_in_name
from placefeed.adapters.ofsted.headers import HEADER_WITHIN, Headings, find_headings, plain
from placefeed.adapters.ofsted.model import RANKED, AsAtFrom, Kind
from placefeed.adapters.ofsted.values import Cell, text
from placefeed.adapters.sheets import CSV_NAME, Sheet

COMPLETE_SHEET = date(2025, 3, 31)
"""The one provider-level list that is known to name every setting; those before name only the inspected ones."""

COMPLETE_AT_LEAST = 2_000
"""England has never had fewer settings than this: a shorter list has been cut, or is somebody's selection."""


@dataclass(frozen=True, slots=True)
class Found:
    """A sheet with a list in it: its heading row, the rows above (as text) and all rows from the top."""

    sheet: Sheet
    headings: Headings
    above: tuple[str, ...]
    kind: Kind
    rows: Iterator[list[Cell]]


def _says(words: str) -> Kind | None:
    """The list that a title or a sheet's name says it is."""
    low = plain(words.replace("_", " ").replace("+", " and "))
    if "joiners" in low or "leavers" in low:
        return "movements"
    if "in year" in low:
        return "in-year"
    if "provider level" in low:
        return "provider-level"
    if "premises" in low:
        return "premises"
    return "places" if "providers and places" in low or "places" in low.split() else None


def _kind(headings: Headings, said: Kind | None) -> Kind:
    """The list by its columns; what the title says only tells apart lists whose columns are alike."""
    if headings.has("joiner") or headings.has("leaver"):
        return "movements"
    if headings.has("service_category"):
        return "premises"
    if headings.la_only:
        return "la-list"
    if not any(column.group != "setting" for column in headings.columns):
        return "places"
    if headings.has("overall", "latest") or headings.has("kind", "latest"):
        return "provider-level"
    # Inspections without a word of which: until 2021 both lists look so, and a list of inspections repeats URNs.
    return "in-year" if said == "in-year" else "provider-level"


def choose(sheets: Sequence[Sheet]) -> Found:
    """Find the list among the sheets: provider level before LA list, places, in year, premises.

    Raises ChangedShape where no sheet has the headings of one.
    """
    found: list[Found] = []
    for sheet in sheets:
        top = list(islice(sheet.rows, HEADER_WITHIN))
        headings = find_headings(top)
        if headings is None:
            continue
        above = tuple(words for row in top[: headings.row] for cell in row if (words := text(cell)))
        said: Kind | None = next((kind for words in (*above[:2], sheet.name) if (kind := _says(words))), None)
        found.append(Found(sheet, headings, above, _kind(headings, said), chain(top, sheet.rows)))
    if not found:
        raise ChangedShape(
            "No sheet of this file has the headings of one of Ofsted's lists: a column “URN” and at least three others, such as "
            "“Provision type”, “Registration status” and “Local authority”, in the first twenty rows. "
            "Check that it is the provider level, providers and places, in year or LA list, with its headings."
        )
    best = min(found, key=lambda one: (one.sheet.hidden, RANKED.index(one.kind)))
    others = [f"“{one.sheet.name}”" for one in found if one is not best]
    if others:
        best.sheet.notes.append(
            f"The sheet “{best.sheet.name}” was read. Other lists in this workbook were not: {', '.join(others)}."
        )
    return best


def title_of(found: Found, name_hint: str | None) -> str:
    """The list's title: its first row where that is one, else the sheet's or the file's name."""
    if found.above and found.headings.row:
        first = found.above[0]
        if plain(first) not in ("provider information", "provider details"):
            return first[:500]
    return (name_hint or ("" if found.sheet.name == CSV_NAME else found.sheet.name))[:500]


def as_at_of(found: Found, name_hint: str | None) -> tuple[date | None, AsAtFrom | None]:
    """The day on which the list was true and what says so: title, sheet's name, headings, and the file's name last."""
    for words in found.above:
        if day := as_at_in(words):
            return day, "title"
    if day := as_at_in(found.sheet.name):
        return day, "sheet name"
    days = [day for column in found.headings.columns if (day := as_at_in(column.heading))]
    if days:
        return max(days), "heading"
    if name_hint and (day := as_at_in_name(name_hint)):
        return day, "file name"
    return None, None


def is_complete(kind: Kind, as_at: date | None, data_rows: int) -> bool:
    """Whether the list is known to name every setting; in doubt it does not."""
    if data_rows < COMPLETE_AT_LEAST:
        return False
    return kind == "places" or (kind == "provider-level" and as_at == COMPLETE_SHEET)
