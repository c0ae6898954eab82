"""The listings in memory, in blocks: what a filter takes of them, in order or only counted.

Readers hold a `State`, which never changes; the one writer makes the next with copies of the blocks that it touches. So a
reader needs no lock, and an export of an hour ago is still whole.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from placefeed.service.channels.blocks import SLOTS, Block
from placefeed.service.channels.criteria import Offered
from placefeed.service.channels.near import miles
from placefeed.service.channels.query import Filter
from placefeed.service.channels.rows import Row, order_key
from placefeed.service.publishing.sight import View


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
class Counts:
    """How many a filter takes. `hidden`: how many more there are with a grade hidden by default."""

    available: int
    unknown: int
    hidden: int

    @property
    def total(self) -> int:
        """All that it takes."""
        return self.available + self.unknown


@dataclass(frozen=True, slots=True)
class Selection(Counts):
    """All that a filter takes, in order."""

    items: list[Selected]


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a filter takes of a block: slots that are free, slots that are not known to be, and rows past their changesAt."""

    block: Block
    free: int
    unknown: int
    overdue: list[Row]
    hidden: int


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
        taken = list(self._taken(filter, view, now))
        items: list[Selected] = []
        for part in taken:
            for mask, available in ((part.free, True), (part.unknown, False)):
                if sort == "default":
                    items += [(row.key, row, False) for row in part.block.rows_in(mask)]
                else:
                    items += [
                        (_order(row, filter, view, sort, available=available), row, False)
                        for row in part.block.rows_in(mask)
                    ]
            items += [(_order(row, filter, view, sort, available=False), row, True) for row in part.overdue]
        items.sort(key=itemgetter(0))
        counts = _counts(taken)
        return Selection(counts.available, counts.unknown, counts.hidden, items)

    def count(self, filter: Filter, view: View, now: datetime) -> Counts:
        """As `select`, for who needs no rows: nothing is made and nothing sorted."""
        return _counts(self._taken(filter, view, now))

    def _taken(self, filter: Filter, view: View, now: datetime) -> Iterator[_Taken]:
        for block in self.blocks:
            seen = block.seen_by(view)
            if seen:
                overdue = block.overdue(now)
                mask, hidden = _by_mask(block, seen & ~overdue, filter, view)
                rows, more = _one_by_one(block, seen & overdue, filter, view)
                free = mask & block.having("availability", "available")
                yield _Taken(block, free, mask & ~free, rows, hidden + more)


def _counts(taken: Iterable[_Taken]) -> Counts:
    available = unknown = hidden = 0
    for part in taken:
        available += part.free.bit_count()
        unknown += part.unknown.bit_count() + len(part.overdue)
        hidden += part.hidden
    return Counts(available, unknown, hidden)


def _by_mask(block: Block, mask: int, filter: Filter, view: View) -> tuple[int, int]:
    """The slots of `mask` that a filter takes, and how many more there are with a hidden grade."""
    doubts = []
    for criterion in filter.criteria:
        may, sure = criterion.masks(block, view)
        mask &= may
        if not mask:
            return 0, 0
        if sure != may:
            doubts.append((criterion, sure))
    for criterion, sure in doubts:
        wrong = 0
        for slot, row in block.each(mask & ~sure):
            if not criterion.matches(row.facts, view):
                wrong |= 1 << slot
        mask &= ~wrong
    if filter.hidden is None:
        return mask, 0
    shown, _sure = filter.hidden.masks(block, view)
    return mask & shown, (mask & ~shown).bit_count()


def _one_by_one(block: Block, mask: int, filter: Filter, view: View) -> tuple[list[Row], int]:
    """The same for rows past their changesAt, which are judged as unknown: they are few, unless the publisher is down."""
    found, hidden = [], 0
    for row in block.rows_in(mask):
        facts = row.facts_at(overdue=True)
        if not filter.asked(facts, view):
            continue
        if filter.matches(facts, view):
            found.append(row)
        else:
            hidden += 1
    return found, hidden


def _order(row: Row, filter: Filter, view: View, sort: str, *, available: bool) -> bytes:
    return order_key(row, sort, available=available, amount=_amount(row, filter, view, sort))


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
