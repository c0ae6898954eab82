"""Records that were found clean and good today: most of a feed that is polled again need not be judged again."""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import date, datetime

REMEMBERED = 20_000  # records: all of England three times over, about 20 MB

Clocks = tuple[tuple[datetime | None, bytes], ...]
"""Clock (None where a part has none of its own) and hash of each part of a record, in its order."""


@dataclass(slots=True)
class Clean:
    """A record that was found good, by its digest: clock and hash of each part in its order, and where it said nothing new.

    `stood` has, for each source, how many words of the setting stood and the sum of their versions, when this record was
    seen to say exactly that: while both are the same, so is what stands.
    """

    clocks: Clocks
    newest: datetime | None
    present: frozenset[str]
    stood: dict[str, tuple[int, int]] = field(default_factory=dict)


class CleanMemory:
    """Records that were found clean and good today, by digest: a feed polled again need not be judged again.

    Only what gave no issue at all is remembered, so that the second report says what the first one said; and only for
    the day, since some rules ask what day it is.
    """

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._day: date | None = None
        self._known: OrderedDict[bytes, Clean] = OrderedDict()

    def get(self, digest: bytes, *, now: datetime, day: date) -> Clean | None:
        """What is remembered of a record with this digest, if it was found clean earlier on this day."""
        found = self._known.get(digest) if day == self._day else None
        if found is None or (found.newest is not None and found.newest > now):
            return None  # a time ahead of ours is judged by the rules, each time
        return found

    def add(self, digest: bytes, *, day: date, clocks: Clocks, present: frozenset[str]) -> Clean:
        """Remember one; the oldest is forgotten for it."""
        if day != self._day:
            self._known.clear()
            self._day = day
        clean = Clean(clocks, max((as_of for as_of, _ in clocks if as_of is not None), default=None), present)
        self._known[digest] = clean
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return clean
