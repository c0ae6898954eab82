"""The list as it changes, on a terminal: rows that are new, cells that changed, rows that went, for a few seconds each."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from placefeed.client._tables import COLUMNS, cells, plain
from placefeed.client.changes import RESET, Event
from placefeed.client.errors import PlacefeedError

LINGER = 8.0  # seconds for which a row is marked
FRAME = 6  # lines that are not rows: above the table and below it, its edges and headings
WIDTHS = {
    "From": 50,
    "Where": 70,
    "Ages": 84,
    "A week": 84,
    "Known": 100,
    "Ofsted, overall": 116,
}  # of a window that has room
MARKS = {"new": ("+", "bold green"), "changed": ("~", "bold yellow"), "gone": ("-", "red")}


@dataclass
class _Row:
    cells: list[Text]
    as_of: datetime | None
    mark: str = ""
    since: float = 0.0
    changed: set[int] = field(default_factory=set)  # columns

    @property
    def name(self) -> str:
        return self.cells[0].plain.casefold()


class Board:
    """What is shown. Events are taken in one thread and drawn in another."""

    def __init__(
        self, *, steady: Callable[[], float] = time.monotonic, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._steady, self._now = steady, now
        self._lock = threading.Lock()
        self._rows: dict[str, _Row] = {}
        self._ready = False
        self._counts = {"new": 0, "changed": 0, "gone": 0}
        self._last: float | None = None
        self._trouble: tuple[str, float] | None = None

    def take(self, event: Event) -> None:
        """Show what an event says."""
        with self._lock:
            self._trouble = None
            if event.type == RESET:
                self._rows.clear()
                self._ready = False
            elif event.type == "snapshot":
                for item in event.items:
                    self._put(str(item.get("id")), item, marked=False)
            elif event.type == "ready":
                self._ready = True
            elif event.listing_id is not None:
                self._last = self._steady()
                if event.listing is not None:
                    self._put(event.listing_id, event.listing, marked=True)
                elif "vacancy.withdrawn" in event.types:
                    self._remove(event.listing_id)

    def trouble(self, error: PlacefeedError, seconds: float) -> None:
        """Show that the exchange cannot be heard, and when it is tried again."""
        with self._lock:
            self._trouble = (plain(error), self._steady() + seconds)

    def _put(self, id: str, item: Mapping[str, Any], *, marked: bool) -> None:
        row = _Row([_first_line(cell) for cell in cells(item)], _instant((item.get("clocks") or {}).get("asOf")))
        before = self._rows.get(id)
        if marked:
            known = before is not None and before.mark != "gone"
            row.mark, row.since = ("changed" if known else "new"), self._steady()
            self._counts[row.mark] += 1
            if before is not None and known:
                row.changed = {
                    at
                    for at, (old, new) in enumerate(zip(before.cells, row.cells, strict=True))
                    if old.plain != new.plain
                }
        self._rows[id] = row

    def _remove(self, id: str) -> None:
        row = self._rows.get(id)
        self._counts["gone"] += 1
        if row is not None:
            row.mark, row.since, row.changed = "gone", self._steady(), set()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw as much as there is room for; asked for anew at each frame, so a window that changes its size is followed."""
        with self._lock:
            clock = self._steady()
            self._settle(clock)
            yield self._heading(clock)
            yield from self._table(room=max((options.height or options.max_height) - FRAME, 1), width=options.max_width)

    def _settle(self, clock: float) -> None:
        """Let marks fade, and rows that went go."""
        for id, row in list(self._rows.items()):
            if row.mark and clock - row.since > LINGER:
                if row.mark == "gone":
                    del self._rows[id]
                row.mark, row.changed = "", set()

    def _heading(self, clock: float) -> Text:
        listed = sum(row.mark != "gone" for row in self._rows.values())
        counts = ", ".join(f"{count:,} {mark}" for mark, count in self._counts.items())
        if self._trouble is not None:
            said, at = self._trouble
            state = (f"{said} Trying again in {max(at - clock, 0):.0f} s. What is shown may be old.", "bold red")
        elif not self._ready:
            state = ("Connecting...", "yellow")
        else:
            last = "nothing yet" if self._last is None else f"{_old(clock - self._last)} ago"
            state = (f"Live. Last change: {last}.", "green")
        return Text.assemble(
            (f"{listed:,} listings", "bold"), f"  {counts}  ", state, no_wrap=True, overflow="ellipsis"
        )

    def _table(self, *, room: int, width: int) -> Iterable[RenderableType]:
        rows = sorted(self._rows.values(), key=lambda row: (not row.mark, -row.since if row.mark else 0, row.name))
        table = Table(box=box.SIMPLE_HEAD, header_style="bold", expand=True, padding=(0, 1, 0, 0), pad_edge=False)
        columns = [at for at, (heading, _) in enumerate(COLUMNS) if width >= WIDTHS.get(heading, 0)]
        table.add_column("", width=1)
        for heading, options in (COLUMNS[at] for at in columns):
            table.add_column(heading, **{**options, "no_wrap": True, "overflow": "ellipsis"})
        table.add_column("Said", justify="right", no_wrap=True)
        now = self._now()
        for row in rows[:room]:
            sign, style = MARKS.get(row.mark, ("", ""))
            shown = [_styled(row.cells[at], "reverse" if at in row.changed else "") for at in columns]
            age = "" if row.as_of is None else _old((now - row.as_of).total_seconds())
            whole = {"gone": "strike dim", "new": "green"}.get(row.mark, "")
            table.add_row(Text(sign, style), *shown, Text(age), style=whole)
        yield table
        if len(rows) > room:
            more = f"and {len(rows) - room:,} more; a larger window or more filters show them"
            yield Text(more, "dim", no_wrap=True, overflow="ellipsis")

    def summary(self) -> str:
        """What to say at the end."""
        with self._lock:
            listed = sum(row.mark != "gone" for row in self._rows.values())
            counts = ", ".join(f"{count:,} {mark}" for mark, count in self._counts.items())
            return f"{listed:,} listings at the end; {counts} while you watched."


def watch(board: Board, events: Iterable[Event], *, console: Console) -> None:
    """Show a stream until it ends or is interrupted; then the terminal is as it was."""
    try:
        with Live(board, console=console, screen=True, refresh_per_second=4):
            for event in events:
                board.take(event)
    finally:
        console.print(board.summary())


def _first_line(cell: Text) -> Text:
    lines = cell.split("\n")
    return lines[0] if lines else Text()


def _styled(cell: Text, style: str) -> Text:
    if style:
        cell = cell.copy()
        cell.stylize(style)
    return cell


def _instant(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _old(seconds: float) -> str:
    """An age in its largest unit."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(int(seconds), 0)} s"
