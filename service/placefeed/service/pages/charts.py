"""Charts drawn on the server: pure functions from data to boxes, lines and words of an SVG; the same always follows as a table.

```
bars(...), steps(...), dots(...) ──> Chart ──> {% from 'charts/chart.html' import chart %} {{ chart(it) }}
```
A page that shows one loads `charts.css`. All are 360 units wide, so that words can still be read on a phone. Nothing is told by
colour alone: what differs has words, a dash or a shape of its own. An empty chart has no `rows`; the macro says so in words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal

from placefeed.service.clock import LONDON
from placefeed.service.pages.words import counted, day, moment

WIDTH = 360
SIZE = 14
"""Of the words, in units of the drawing."""

_CHARACTER = 0.58 * SIZE  # as wide as a letter of the fonts that we ask for is on average, rather more than less
_GAP = 8

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Words:
    """A label. `x` is where its anchor stands, `y` its base line."""

    x: float
    y: float
    text: str
    anchor: Anchor = "start"

    @property
    def span(self) -> tuple[float, float]:
        """From where to where it goes, as far as can be told without the font."""
        width = len(self.text) * _CHARACTER
        left = self.x - {"start": 0.0, "middle": width / 2, "end": width}[self.anchor]
        return left, left + width


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line: `axis`, `grid` or `limit`."""

    x1: float
    y1: float
    x2: float
    y2: float
    kind: str


@dataclass(frozen=True, slots=True)
class Box:
    """A bar: `full`, or `open` (an outline)."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A dot: `full`, or `open` (a ring)."""

    x: float
    y: float
    kind: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws. `name` is unique on its page: ids begin with it. `columns` and `rows`: the same as a table."""

    name: str
    title: str
    description: str
    height: float
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[Words, ...] = ()
    lines: tuple[Line, ...] = ()
    boxes: tuple[Box, ...] = ()
    spots: tuple[Spot, ...] = ()
    paths: tuple[str, ...] = ()
    width: int = WIDTH


# -- bars ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: what it is, how long, and its value in words. `extra`: it stands apart from the others, as an outline."""

    label: str
    value: float
    told: str
    extra: bool = False


def bars(
    name: str,
    title: str,
    items: Sequence[Bar],
    *,
    columns: tuple[str, str] = ("What", "How much"),
    description: str = "",
) -> Chart:
    """Horizontal bars in the order given; each has its words above it. Values below nought are drawn as nought."""
    most = max((item.value for item in items), default=0) or 1
    row, words, boxes = 44.0, [], []
    for number, item in enumerate(items):
        top = number * row
        told = Words(WIDTH, top + SIZE, item.told, "end")
        words += [Words(0, top + SIZE, _cut(item.label, told.span[0] - _GAP)), told]
        width = max(item.value, 0) / most * (WIDTH - 2)
        boxes.append(Box(1, top + SIZE + 7, round(width, 1), 13, "open" if item.extra else "full"))
    if not description and items:
        longest = max(items, key=lambda item: item.value)
        description = f"{counted(len(items), 'bar')}. The longest is {longest.label}: {longest.told}."
    return Chart(
        name=name,
        title=title,
        description=description,
        height=max(len(items) * row, row),
        columns=columns,
        rows=tuple((item.label, item.told) for item in items),
        words=tuple(words),
        boxes=tuple(boxes),
    )


# -- steps --------------------------------------------------------------------------------------------------------------


def steps(
    name: str,
    title: str,
    points: Iterable[tuple[datetime, int | None]],
    *,
    since: datetime,
    until: datetime,
    unit: tuple[str, str] = ("place", "places"),
    limit: tuple[int, str] | None = None,
) -> Chart:
    """A number over time: it holds from each instant to the next one's. None: not known from then on, a gap.

    `points` in order of time; what began before `since` is drawn from there. `limit`: a dashed line, with its words.
    """
    shown = _within(points, since, until)
    values = [value for _at, value in shown if value is not None]
    columns = ("From", unit[1].capitalize())
    if not values:
        return Chart(name, title, "", 0, columns, ())
    top = max(*values, limit[0] if limit else 0, 1)
    marks = _numbers(top)
    height, above, below = 200.0, 26.0, 28.0
    left = max(len(f"{mark:,}") for mark in marks) * _CHARACTER + _GAP
    floor = height - below

    def across(at: datetime) -> float:
        whole = (until - since).total_seconds() or 1
        return round(left + (at - since).total_seconds() / whole * (WIDTH - 2 - left), 1)

    def up(value: int) -> float:
        return round(floor - value / max(marks[-1], top) * (floor - above), 1)

    lines = [Line(left, up(mark), WIDTH, up(mark), "grid" if mark else "axis") for mark in marks]
    words = [Words(left - _GAP, up(mark) + SIZE / 3, f"{mark:,}", "end") for mark in marks]
    if limit is not None:
        lines.append(Line(left, up(limit[0]), WIDTH, up(limit[0]), "limit"))
        words.append(Words(WIDTH, up(limit[0]) - 6, f"{limit[1]}: {limit[0]:,}", "end"))
    for x, text in _times(_day(since), _day(until), left, WIDTH - 2):
        lines.append(Line(x, floor, x, floor + 5, "axis"))
        words.append(_inside(x, height - 6, text))
    return Chart(
        name=name,
        title=title,
        description=_story(shown, values, since, until, unit),
        height=height,
        columns=columns,
        rows=tuple((moment(at), "not known" if value is None else f"{value:,}") for at, value in reversed(shown)),
        words=tuple(_apart(words)),
        lines=tuple(lines),
        paths=tuple(_stairs(shown, until, across, up)),
    )


def _within(
    points: Iterable[tuple[datetime, int | None]], since: datetime, until: datetime
) -> list[tuple[datetime, int | None]]:
    """The points of a time, one an instant, where something changes; what held at its beginning stands at it."""
    found: list[tuple[datetime, int | None]] = []
    for at, value in points:
        if at > until:
            break
        at = max(at, since)
        if found and found[-1][0] == at:
            found.pop()
        if not found or found[-1][1] != value:
            found.append((at, value))
    return found[1:] if found and found[0][1] is None else found


def _stairs(shown: list[tuple[datetime, int | None]], until: datetime, across, up) -> Iterable[str]:  # type: ignore[no-untyped-def]
    """The path of each stretch that is known."""
    path = ""
    for (at, value), (ends, _next) in pairwise([*shown, (until, None)]):
        if value is None:
            if path:
                yield path
            path = ""
            continue
        start = f"V{up(value)}" if path else f"M{across(at)} {up(value)}"
        path += f"{start}H{across(ends)}"
    if path:
        yield path


def _story(
    shown: list[tuple[datetime, int | None]], values: list[int], since: datetime, until: datetime, unit: tuple[str, str]
) -> str:
    least, most, last = min(values), max(values), shown[-1][1]
    between = counted(most, *unit) if least == most else f"between {least:,} and {counted(most, *unit)}"
    ends = "not known at the end" if last is None else f"{last:,} at the end"
    changes = counted(len(shown) - 1, "change")
    return f"From {day(max(since, shown[0][0]))} to {day(until)}: {between}, {ends}; {changes}."


# -- dots on a time axis ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Point:
    """A dot on a day at one of the levels. `open`: drawn as a ring; `told` goes into the table, beside day and level."""

    on: date
    level: str
    told: str = ""
    open: bool = False


def dots(
    name: str,
    title: str,
    points: Iterable[Point],
    levels: Sequence[str],
    *,
    columns: tuple[str, ...] = ("Day", "Level", ""),
) -> Chart:
    """Dots by day and level; `levels` from the top down, each with its words above its line. Unknown levels go below the known."""
    shown = sorted(points, key=lambda point: point.on)
    if not shown:
        return Chart(name, title, "", 0, columns, ())
    rows = list(dict.fromkeys([*levels, *(point.level for point in shown)]))
    row, below = 46.0, 28.0
    height = len(rows) * row + below
    first, last = shown[0].on, shown[-1].on
    left, right = 8.0, WIDTH - 8.0
    lines, words = [], []
    for number, level in enumerate(rows):
        y = (number + 1) * row - 8
        lines.append(Line(0, y, WIDTH, y, "grid"))
        words.append(Words(0, y - 14, _cut(level, WIDTH)))
    lines.append(Line(0, height - below, WIDTH, height - below, "axis"))
    for x, text in _times(first, last, left, right):
        lines.append(Line(x, height - below, x, height - below + 5, "axis"))
        words.append(_inside(x, height - 6, text))
    newest = shown[-1]
    return Chart(
        name=name,
        title=title,
        description=f"{counted(len(shown), 'dot')} from {day(first)} to {day(last)}. The newest: {newest.level}.",
        height=height,
        columns=columns,
        rows=tuple((day(point.on), point.level, point.told)[: len(columns)] for point in reversed(shown)),
        words=tuple(_apart(words)),
        lines=tuple(lines),
        spots=tuple(
            Spot(
                _at(point.on, first, last, left, right),
                (rows.index(point.level) + 1) * row - 8,
                "open" if point.open else "full",
            )
            for point in shown
        ),
    )


# -- axes ---------------------------------------------------------------------------------------------------------------


def _numbers(top: int) -> list[int]:
    """Round whole numbers from nought to `top` or just above it, six at most."""
    step = 1
    while top > 5 * step:
        step = step * 10 // 4 if str(step).startswith("2") else step * 2  # 1, 2, 5, 10, 20, 50...
    return list(range(0, top + step, step)) if top % step else list(range(0, top + 1, step))


def _times(first: date, last: date, left: float, right: float) -> list[tuple[float, str]]:
    """Days, or years where it is long, with where they stand; far enough apart for their words."""
    span = (last - first).days
    if span == 0:
        return [(round((left + right) / 2, 1), _short(first))]
    if span > 370 * 2:
        every = 1
        while (right - left) / (span / 365.25 / every) < 4 * _CHARACTER + _GAP:
            every += 1
        days = [date(year, 1, 1) for year in range(first.year + 1, last.year + 1) if year % every == 0]
        return [(_at(each, first, last, left, right), str(each.year)) for each in days]
    pieces = min(span, int((right - left) // (8 * _CHARACTER)))
    days = [first + timedelta(days=round(span * number / pieces)) for number in range(pieces + 1)]
    text = _short if span <= 300 else (lambda each: f"{each:%b %Y}")
    return [(_at(each, first, last, left, right), text(each)) for each in days]


def _at(on: date, first: date, last: date, left: float, right: float) -> float:
    span = (last - first).days
    return round((left + right) / 2 if span == 0 else left + (on - first).days / span * (right - left), 1)


def _day(at: datetime) -> date:
    return at.astimezone(LONDON).date()


def _short(on: date) -> str:
    return f"{on.day} {on:%b}"


def _inside(x: float, y: float, text: str) -> Words:
    """A label under a mark, moved sideways where it would leave the drawing."""
    half = len(text) * _CHARACTER / 2
    return Words(round(min(max(x, half), WIDTH - half), 1), y, text, "middle")


def _apart(words: Iterable[Words]) -> Iterable[Words]:
    """Only the labels that do not run into one that stands already."""
    kept: list[Words] = []
    for each in words:
        left, right = each.span
        clash = any(
            abs(other.y - each.y) < SIZE * 0.8 and left < other.span[1] + 4 and other.span[0] < right + 4
            for other in kept
        )
        if not clash:
            kept.append(each)
    return kept


def _cut(text: str, room: float) -> str:
    most = max(int(room / _CHARACTER), 1)
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
