"""What one column of a provider's sheet says: which property of a settingRecord, and how its cells are read."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from placefeed.adapters import values, words
from placefeed.adapters.sheets import Cell
from placefeed.adapters.values import CellError
from placefeed.schema.codelists import codelist
from placefeed.schema.form_columns import Column, columns

PARTS = ("capacity", "setting", "ofsted", "vacancy", "rate")
KINDS = (
    *("urn", "text", "code", "codes", "ids", "count", "number", "money", "date", "instant", "yes-no", "authority"),
    *("buyers", "ages", "price", "ratio"),
)
COMPOSITE = {
    "/vacancy/ages": "ages",
    "/setting/ages": "ages",
    "/rate/price": "price",
    "/vacancy/staffingRatio": "ratio",
    "/rate/staffingRatio": "ratio",
    "/asOf": "instant",
}
"""Pointers that one cell fills as a whole, beside the form's own columns; /asOf is the time of everything in the row."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reading of any cell depends on beside the cell: the day, the order in dates, translations by codelist."""

    today: dt.date
    month_first: bool = False
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Field:
    """One column to read: its target, its kind, and the headings under which it is found (already plain)."""

    pointers: tuple[str, ...]
    kind: str
    label: str  # the heading that the standard's own form has; named in advice
    headings: tuple[str, ...]
    codelist: str | None = None
    codes: Mapping[str, str] = field(default_factory=dict)
    per: str | None = None
    pence: bool = False

    @property
    def part(self) -> str:
        """The part that the (first) pointer leads into; empty for urn, registration and asOf."""
        first = self.pointers[0].split("/")[1]
        return first if first in PARTS else ""

    def read(self, cell: Cell, reading: Reading) -> tuple[Any, str | None]:
        """The cell as the standard's value (None if it says nothing), and the word to write next time, if it was a slip.

        Raises CellError.
        """
        if self.kind in ("code", "codes"):
            return self._coded(cell, reading)
        value = _READERS[self.kind](cell, self, reading)
        return value, None

    def _coded(self, cell: Cell, reading: Reading) -> tuple[Any, str | None]:
        own = {**reading.codes.get(self.codelist or "", {}), **self.codes}
        if self.kind == "code":
            # a code's own word counts before what usually means nothing: VAT can be "Unknown"
            if values.is_blank(cell) and codelist(self.codelist or "").find(values.text(cell) or "") is None:
                return None, None
            found = [words.code(values.text(cell) or "", self.codelist or "", words=own)]
        else:
            found = words.codes(cell, self.codelist or "", words=own)
        meant = next((one.meant for one in found if one.meant), None)
        # a translation may stand for several codes ("mixed" = "female; male"), or for nothing at all ("")
        codes = list(dict.fromkeys(code.strip() for one in found for code in one.code.split(";") if code.strip()))
        if not codes:
            return None, meant
        return (codes[0] if self.kind == "code" else codes), meant


def _money(cell: Cell, column: Field, _: Reading) -> int | None:
    found = values.money(cell, pence=column.pence)
    return found.pence if found else None


def _price(cell: Cell, column: Field, _: Reading) -> dict[str, Any] | None:
    found = values.money(cell, pence=column.pence)
    if found is None:
        return None
    per = found.per or column.per
    if per is None:
        raise CellError("This price does not say for how long.", "Write it such as £3,500 pw or £500 per night.")
    return {"pence": found.pence, "per": per}


_READERS: dict[str, Callable[[Cell, Field, Reading], Any]] = {
    "urn": lambda cell, _, __: values.urn(cell),
    "text": lambda cell, _, __: values.words(cell),
    "ids": lambda cell, _, __: values.split(cell) or None,
    "count": lambda cell, _, __: values.count(cell),
    "number": lambda cell, _, __: values.number(cell),
    "money": _money,
    "price": _price,
    "date": lambda cell, _, how: values.date(cell, today=how.today, month_first=how.month_first),
    "instant": lambda cell, _, how: values.instant(cell, today=how.today, month_first=how.month_first),
    "yes-no": lambda cell, _, __: values.yes_no(cell),
    "authority": lambda cell, _, __: words.authority(cell),
    "buyers": lambda cell, _, __: values.buyers(cell),
    "ages": lambda cell, _, __: values.ages(cell),
    "ratio": lambda cell, _, __: values.ratio(cell),
}


def form_column(pointer: str) -> Column | None:
    """The form's own column for a pointer, if it has one."""
    return next((column for column in columns() if column.pointer == pointer), None)


def of_form(column: Column, synonyms: tuple[str, ...] = ()) -> Field:
    """A column of the standard's own form, with further headings."""
    return Field(
        pointers=(column.pointer,),
        kind=column.kind,
        label=column.heading,
        headings=tuple(dict.fromkeys(words.plain(heading) for heading in (column.heading, *synonyms))),
        codelist=column.codelist,
    )
