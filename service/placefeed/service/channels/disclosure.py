"""Counts that may be published: rounded, small ones kept back, and enough others kept back that no small one can be computed.

The counts form a tree (country, regions, local authorities) in which each is the sum of those below. What a reader could work
out from what is published is found by interval arithmetic, which is exact on a tree; while some count that is kept back is
pinned to fewer than `WIDTH` values, its smallest neighbour is kept back too, and where it has none left, the one above.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

ROUNDED_TO = 5
LEAST = 5  # a smaller count is kept back, zero too: that a home is full says that a child came
CONTRIBUTORS = 3  # and so is one that comes from fewer settings
WIDTH = 5  # values that a count kept back must still be able to have
INFINITE = 1 << 40


@dataclass(eq=False)
class Count:
    """A count of places from so many settings, and what it is the sum of. `shown` becomes what is published: None is kept back."""

    code: str | None
    name: str
    places: int = 0
    settings: int = 0
    parts: "list[Count]" = field(default_factory=list)
    shown: int | None = None

    def walk(self) -> "Iterator[Count]":
        """This and all below."""
        yield self
        for part in self.parts:
            yield from part.walk()


Bounds = dict[Count, tuple[int, int]]


def protect(tree: Count) -> None:
    """Decide what is shown in the whole tree."""
    for count in tree.walk():
        count.shown = _rounded(count.places) if count.places >= LEAST and count.settings >= CONTRIBUTORS else None
    for count in tree.walk():
        if count.shown is None:
            _keep_back(count)
    above = {part: count for count in tree.walk() for part in count.parts}
    while (weak := _weakest(tree)) is not None:
        neighbours = [part for part in above[weak].parts if part.shown is not None] if weak in above else []
        if neighbours:
            _keep_back(min(neighbours, key=lambda count: (count.places, count.code or "")))
        elif weak in above:
            _keep_back(above[weak])
        else:
            break


def _rounded(places: int) -> int:
    return (places + ROUNDED_TO // 2) // ROUNDED_TO * ROUNDED_TO


def _keep_back(count: Count) -> None:
    """With a sum its parts are kept back as well, or they would add up to it."""
    for part in count.walk():
        part.shown = None


def _weakest(tree: Count) -> Count | None:
    bounds = bounds_of(tree)
    for count in tree.walk():
        low, high = bounds[count]
        if count.shown is None and high - low + 1 < WIDTH:
            return count
    return None


def bounds_of(tree: Count) -> Bounds:
    """The least and most that each count can be, as far as the published ones tell."""
    bounds: Bounds = {}
    _up(tree, bounds)
    _down(tree, bounds)
    return bounds


def _up(count: Count, bounds: Bounds) -> None:
    slack = ROUNDED_TO // 2
    low, high = (0, INFINITE) if count.shown is None else (max(LEAST, count.shown - slack), count.shown + slack)
    for part in count.parts:
        _up(part, bounds)
    if count.parts:
        low = max(low, sum(bounds[part][0] for part in count.parts))
        high = min(high, sum(bounds[part][1] for part in count.parts))
    bounds[count] = low, high


def _down(count: Count, bounds: Bounds) -> None:
    low, high = bounds[count]
    lows, highs = (sum(bounds[part][end] for part in count.parts) for end in (0, 1))
    narrowed = {
        part: (
            max(bounds[part][0], low - (highs - bounds[part][1])),
            min(bounds[part][1], high - (lows - bounds[part][0])),
        )
        for part in count.parts
    }
    bounds.update(narrowed)
    for part in count.parts:
        _down(part, bounds)
