"""A block of up to 1,024 listings with a bit mask a facet: what a filter asks takes a few ANDs, and a change touches one block."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from itertools import compress
from operator import itemgetter
from typing import Any

from placefeed.service.channels.criteria import BUCKET, OLDEST, Facet, Facts
from placefeed.service.channels.near import cell_of
from placefeed.service.channels.rows import Row
from placefeed.service.publishing.sight import View

SLOTS = 1024
"""Listings a block: the bound on what one change costs, however many are held."""

_BITS = bytes.maketrans(b"01", b"\x00\x01")

_CODED = (
    "la", "region", "provisionType", "provider", "urn", "cared", "response", "freshness", "availability", "shortBreaksOnly", "simulated",
    "needsAccepted", "needsExcluded", "risksAccepted", "risksExcluded", "communication", "adaptations", "placementTypes",
    "modelsOfCare", "services",
)  # fmt: skip


def facets_of(facts: Facts) -> Iterator[Facet]:
    """What the index notes of a listing; each criterion's `masks` asks for these."""
    for name in _CODED:
        value = facts.get(name)
        if isinstance(value, list):
            for code in value:
                yield name, code
        elif value is not None:
            yield name, value
    for gender in facts["genders"] or ("any-gender",):
        yield "genders", gender
    youngest, oldest = facts["ages"]
    for years in range(youngest or 0, (OLDEST if oldest is None else min(oldest, OLDEST)) + 1):
        yield "ages", years
    for judgement in facts["judgements"]:
        yield "judgements", *judgement
    at = facts.get("at")  # facts of an older version have none
    if at is not None:
        yield "cell", *cell_of(at)


class Block:
    """Up to `SLOTS` listings and their masks. Changed only between `copy` and being handed to readers."""

    __slots__ = ("_due", "_facets", "rates", "restricted", "rows", "used")

    def __init__(self) -> None:
        self.rows: list[Row | None] = [None] * SLOTS
        self.used = 0
        self.restricted = 0
        self._facets: dict[Facet, int] = {}
        self.rates: dict[Facet, int] = {}  # rates offered to any: (contract type, package, price bucket)
        self._due: list[tuple[datetime, int]] | None = None

    def copy(self) -> "Block":
        """A block to change while readers keep this one."""
        other = Block()
        other.rows, other.used, other.restricted = self.rows.copy(), self.used, self.restricted
        other._facets, other.rates = self._facets.copy(), self.rates.copy()
        return other

    def put(self, slot: int, row: Row | None) -> None:
        """Let a slot hold this row, or nothing."""
        bit = 1 << slot
        before = self.rows[slot]
        if before is not None:
            self._note(before, bit, present=False)
        self.rows[slot] = row
        if row is not None:
            self._note(row, bit, present=True)

    def _note(self, row: Row, bit: int, *, present: bool) -> None:
        for facet in (*facets_of(row.facts), *(("audience", audience) for audience in row.audiences)):
            _set(self._facets, facet, bit, present=present)
        restricted = False
        for rate in row.facts["rates"]:
            if rate["offeredTo"] == "any":
                bucket = None if rate["weekly"] is None else rate["weekly"] // BUCKET
                _set(self.rates, (rate["contract"], rate["package"], bucket), bit, present=present)
            else:
                restricted = True
        self.used = self.used | bit if present else self.used & ~bit
        self.restricted = self.restricted | bit if present and restricted else self.restricted & ~bit

    def having(self, *facet: Any) -> int:
        """The slots of listings with this facet."""
        return self._facets.get(facet, 0)

    def seen_by(self, view: View) -> int:
        """The slots of listings that this view may see: `view.sees`, for all at once."""
        if view.everything:
            return self.used
        mask = 0
        for audience in view.audiences:
            mask |= self.having("audience", audience)
        return mask

    def due(self) -> list[tuple[datetime, int]]:
        """When each of its listings changes by time alone, the soonest first."""
        if self._due is None:
            self._due = sorted(
                (row.changes_at, slot) for slot, row in self.each(self.used) if row.changes_at is not None
            )
        return self._due

    def around(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """The last changesAt that has passed, and the next."""
        due = self.due()
        passed = bisect_right(due, now, key=itemgetter(0))
        return (due[passed - 1][0] if passed else None), (due[passed][0] if passed < len(due) else None)

    def overdue(self, now: datetime) -> int:
        """The slots of listings past their changesAt."""
        mask = 0
        for changes_at, slot in self.due():
            if changes_at > now:
                break
            mask |= 1 << slot
        return mask

    def each(self, mask: int) -> Iterator[tuple[int, Row]]:
        """The slots of a mask with their rows."""
        return compress(enumerate(self.rows), _bits(mask))  # type: ignore[arg-type]  # a slot in a mask holds a row

    def rows_in(self, mask: int) -> Iterator[Row]:
        """The rows of a mask."""
        return compress(self.rows, _bits(mask))  # type: ignore[arg-type]  # as above


def _bits(mask: int) -> bytes:
    return bin(mask)[:1:-1].encode().translate(_BITS)


def _set(masks: dict[Facet, int], facet: Facet, bit: int, *, present: bool) -> None:
    mask = masks.get(facet, 0)
    mask = mask | bit if present else mask & ~bit
    if mask:
        masks[facet] = mask
    else:
        masks.pop(facet, None)
