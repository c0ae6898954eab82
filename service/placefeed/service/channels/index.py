"""The listings in memory, in blocks with bit masks a facet: what a filter asks takes a few ANDs, and a change touches one block.

Readers hold a `State`, which never changes; the one writer makes the next with copies of the blocks that it touches. So a
reader needs no lock, and an export of an hour ago is still whole.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import compress
from operator import itemgetter
from typing import Any

from placefeed.service.channels.criteria import BUCKET, OLDEST, Facet, Facts, Offered
from placefeed.service.channels.near import cell_of, miles
from placefeed.service.channels.query import Filter
from placefeed.service.channels.rows import Row, order_key
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


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What a body depends on beside view, filter and form: the log's position, and the last changesAt that has passed.

    Bodies made at one moment stay true until `until`, or until the log moves on.
    """

    epoch: int
    position: int
    passed: datetime | None
    since: datetime
    until: datetime | None

    def holds(self, now: datetime) -> bool:
        """Whether it is still this moment by the clock."""
        return self.since <= now and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Sight:
    """A view with its key, which is dear to make."""

    view: View
    key: str


Selected = tuple[bytes, Row, bool]
"""A row that was asked for: its place in the order, itself, and whether it is past its changesAt."""


@dataclass(frozen=True, slots=True)
class Selection:
    """All that a filter takes, in order. `hidden`: how many more there are with a grade hidden by default."""

    items: list[Selected]
    available: int
    unknown: int
    hidden: int


@dataclass(slots=True)
class _Tally:
    items: list[Selected] = field(default_factory=list)
    available: int = 0
    unknown: int = 0
    hidden: int = 0


class State:
    """The list at one position. Immutable: hold on to it as long as you like. `buyers`: all to whom some rate is offered."""

    __slots__ = ("_moment", "_narrowed", "blocks", "buyers", "epoch", "position", "written_at")

    def __init__(
        self,
        *,
        epoch: int,
        position: int,
        written_at: datetime,
        blocks: tuple[Block, ...],
        buyers: frozenset[str] = frozenset(),
    ) -> None:
        self.epoch = epoch
        self.position = position
        self.written_at = written_at
        self.blocks = blocks
        self.buyers = buyers
        self._moment: Moment | None = None
        self._narrowed: dict[View, Sight] = {}

    def sight(self, view: View) -> Sight:
        """The view without the names under which nothing is offered here: members who see the same share one answer."""
        sight = self._narrowed.get(view)
        if sight is None:
            narrow = (
                view
                if view.everything
                else View(everything=False, audiences=view.audiences, buyers=view.buyers & self.buyers)
            )
            sight = self._narrowed[view] = Sight(narrow, narrow.key)
        return sight

    def moment(self, now: datetime) -> Moment:
        """The moment that `now` belongs to; the same object for as long as it holds."""
        moment = self._moment
        if moment is None or not moment.holds(now):
            around = [block.around(now) for block in self.blocks]
            passed = max((before for before, _after in around if before is not None), default=None)
            until = min((after for _before, after in around if after is not None), default=None)
            moment = self._moment = Moment(self.epoch, self.position, passed, passed or now, until)
        return moment

    def select(self, filter: Filter, view: View, now: datetime, *, sort: str = "default") -> Selection:
        """What this filter takes of what this view may see, in order."""
        tally = _Tally()
        for block in self.blocks:
            seen = block.seen_by(view)
            if seen:
                overdue = block.overdue(now)
                _select_by_mask(tally, block, seen & ~overdue, filter, view, sort)
                _select_overdue(tally, block, seen & overdue, filter, view, sort)
        tally.items.sort(key=itemgetter(0))
        return Selection(tally.items, tally.available, tally.unknown, tally.hidden)


def _select_by_mask(tally: _Tally, block: Block, mask: int, filter: Filter, view: View, sort: str) -> None:
    doubts = []
    for criterion in filter.criteria:
        may, sure = criterion.masks(block, view)
        mask &= may
        if not mask:
            return
        if sure != may:
            doubts.append((criterion, sure))
    for criterion, sure in doubts:
        wrong = 0
        for slot, row in block.each(mask & ~sure):
            if not criterion.matches(row.facts, view):
                wrong |= 1 << slot
        mask &= ~wrong
    if filter.hidden is not None:
        shown, _sure = filter.hidden.masks(block, view)
        tally.hidden += (mask & ~shown).bit_count()
        mask &= shown
    free = mask & block.having("availability", "available")
    tally.available += free.bit_count()
    tally.unknown += (mask & ~free).bit_count()
    for part, available in ((free, True), (mask & ~free, False)):
        if sort == "default":
            tally.items += [(row.key, row, False) for row in block.rows_in(part)]
        else:
            tally.items += [
                (order_key(row, sort, available=available, amount=_amount(row, filter, view, sort)), row, False)
                for row in block.rows_in(part)
            ]


def _select_overdue(tally: _Tally, block: Block, mask: int, filter: Filter, view: View, sort: str) -> None:
    """Rows past their changesAt are few, unless the publisher is down: they are judged one by one, as unknown."""
    for row in block.rows_in(mask):
        facts = row.facts_at(overdue=True)
        if not filter.asked(facts, view):
            continue
        if not filter.matches(facts, view):
            tally.hidden += 1
            continue
        tally.unknown += 1
        tally.items.append((order_key(row, sort, available=False, amount=_amount(row, filter, view, sort)), row, True))


def _amount(row: Row, filter: Filter, view: View, sort: str) -> int | None:
    """By what an order goes: pence a week, or millionths of a mile."""
    if sort == "price":
        offered = next((criterion for criterion in filter.criteria if isinstance(criterion, Offered)), None)
        return row.weekly(view, None if offered is None else offered.takes)
    if sort == "distance" and filter.near is not None:
        away = miles(row.facts, filter.near)
        return None if away is None else round(away * 1_000_000)
    return None


class Index:
    """The writer's side: where each listing is, and the blocks of the newest state."""

    def __init__(self) -> None:
        self.blocks: tuple[Block, ...] = ()
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._offers: dict[str, int] = {}  # buyer -> how many rates are offered to it
        self.buyers: frozenset[str] = frozenset()

    def apply(self, rows: Iterable[Row], gone: Iterable[str]) -> None:
        """Put in these rows and take out those ids; readers of the old blocks notice nothing."""
        blocks = list(self.blocks)
        fresh: set[int] = set()

        def put(number: int, row: Row | None) -> None:
            place, slot = divmod(number, SLOTS)
            if place == len(blocks):
                blocks.append(Block())
                fresh.add(place)
            elif place not in fresh:
                blocks[place] = blocks[place].copy()
                fresh.add(place)
            self._count(blocks[place].rows[slot], -1)
            self._count(row, 1)
            blocks[place].put(slot, row)

        for listing_id in gone:
            number = self._slots.pop(listing_id, None)
            if number is not None:
                put(number, None)
                self._free.append(number)
        for row in rows:
            number = self._slots.get(row.id)
            if number is None:
                number = self._slots[row.id] = self._free.pop() if self._free else len(self._slots)
            put(number, row)
        self.blocks = tuple(blocks)
        if self.buyers != self._offers.keys():
            self.buyers = frozenset(self._offers)

    def _count(self, row: Row | None, step: int) -> None:
        for offered_to, _rate in row.restricted if row is not None else ():
            for buyer in offered_to:
                left = self._offers.get(buyer, 0) + step
                if left:
                    self._offers[buyer] = left
                else:
                    del self._offers[buyer]

    def find(self, listing_id: str, state: State) -> Row | None:
        """The row of an id in a state that this index made."""
        number = self._slots.get(listing_id)
        if number is None or number // SLOTS >= len(state.blocks):
            return None
        row = state.blocks[number // SLOTS].rows[number % SLOTS]
        return row if row is not None and row.id == listing_id else None
