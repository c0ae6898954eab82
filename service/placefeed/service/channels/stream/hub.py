"""The streams of one process: follows the list's snapshot on the event loop, and writes each stretch of the log to all readers at once.

```
Snapshot (thread) ──moved──> pump: build (thread) ──> deliver ──> Reader.push, one after the other, every few milliseconds a turn for others
bell "access", each 5 s ───> pump: whose key is bad ──> Reader.end
```
What is being built is promised to those who had joined when it began; who joins later brings itself up to its end.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TypeVar

import structlog
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from sqlmodel import Session

from placefeed.service.channels.snapshot import Snapshot
from placefeed.service.channels.stream.batches import Batch, Find, Kind, Parted, build
from placefeed.service.channels.stream.frames import ENDS, PING, STRETCH
from placefeed.service.channels.stream.readers import Reader
from placefeed.service.channels.stream.rights import Rights, bad_tokens
from placefeed.service.clock import Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.errors import TooManyRequests, Unavailable
from placefeed.service.publishing.steps import window

log = structlog.get_logger(__name__)

T = TypeVar("T")

PING_EVERY = 15  # seconds
LOOK_EVERY = 5  # seconds: the longest that a revoked key could go on reading when its bell was not heard
AGAIN = 1.0  # seconds after an error
SLICE = 0.005  # seconds of writing before others have a turn
COME_BACK = "5"  # seconds, for who finds no room
COMERS = 8  # readers brought up to date at a time: after a restart all come at once, and the routes need threads too
FAREWELL = 0.4  # seconds that readers have to take the last event when the server goes down

LEFT = "left"
"""What became of a stream that the reader itself closed; the others are in `ENDS`."""

Joined = Mapping[Kind, tuple[Reader, ...]]


class Hub:
    """Holds the readers, and tells them. Lives on one event loop; `close()` ends it."""

    def __init__(self, snapshot: Snapshot, database: Database, *, settings: Settings, clock: Clock) -> None:
        self.snapshot, self.database = snapshot, database
        self.settings, self.clock = settings, clock
        self.parting = False
        self.busy = False  # some who have joined are still to be told up to `position`
        self.epoch, self.position = snapshot.state.epoch, snapshot.state.position
        """How far the readers who have joined were told, or are being told."""
        self._told = 0
        self.ended = dict.fromkeys((LEFT, *ENDS), 0)  # streams that are over, by why
        self._loop = asyncio.get_running_loop()
        self._readers: set[Reader] = set()
        self._joined: dict[Kind, dict[Reader, None]] = {}
        self._by_token: dict[str, int] = {}
        self._rights = Rights()
        self._moved = asyncio.Event()
        self._turn = 0  # counts the rings of `access`: what was built before one is built again
        self._looked = 0
        self._slots = count()
        self._threads = CapacityLimiter(1)  # not among those of the routes: they may all be busy
        self.comers = CapacityLimiter(COMERS)
        self._tasks: list[asyncio.Task[None]] = []
        self._unhook = database.bell.hook(self._heard)
        snapshot.follow(self._wake)

    # -- from other threads ---------------------------------------------------------------------------------------------

    def _heard(self, what: str) -> None:
        if what == "access":
            self._turn += 1
            self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: there is nobody to tell
            self._loop.call_soon_threadsafe(self._moved.set)

    # -- readers --------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def room(self, token: str) -> Iterator[None]:
        """Count one stream of a caller (`Caller.token`); raises TooManyRequests or Unavailable where there is no room."""
        held = self._by_token.get(token, 0)
        if self.parting:
            raise Unavailable("This server is going down. Try again in a moment.", headers={"Retry-After": "1"})
        if held >= self.settings.streams_per_key:
            raise TooManyRequests(
                f"You hold {held} streams open. Close one, or share one among your readers.",
                headers={"Retry-After": COME_BACK},
            )
        if sum(self._by_token.values()) >= self.settings.streams:
            raise Unavailable(
                "This server holds as many streams open as it can. Try again in a moment.",
                headers={"Retry-After": COME_BACK},
            )
        self._by_token[token] = held + 1
        try:
            yield
        finally:
            left = self._by_token[token] - 1
            if left:
                self._by_token[token] = left
            else:
                del self._by_token[token]

    @property
    def open(self) -> int:
        """Streams that are open."""
        return len(self._readers)

    @property
    def told(self) -> int:
        """Events written so far, to whomever."""
        return self._told + sum(reader.events for reader in tuple(self._readers))

    def come(self, reader: Reader) -> None:
        """Take in a reader that is not up to date yet: it can be ended from now on."""
        if not self._tasks:
            self._start()
        reader.slot = next(self._slots) % PING_EVERY
        self._readers.add(reader)
        if self.parting:
            reader.end("shutdown", within=FAREWELL)

    def join(self, reader: Reader) -> None:
        """Write to this reader from now on. It must know all up to `position`, in this very turn of the loop."""
        if reader.open:
            reader.joined = True
            self._joined.setdefault(reader.kind, {})[reader] = None

    def go(self, reader: Reader) -> None:
        """The reader's connection is no more."""
        reader.leave()
        self._readers.discard(reader)
        self._part(reader)
        self._told += reader.events
        self.ended[reader.ending or LEFT] += 1

    def _part(self, reader: Reader) -> None:
        alike = self._joined.get(reader.kind)
        if alike is not None:
            alike.pop(reader, None)
            if not alike:
                del self._joined[reader.kind]

    def _end(self, reason: str, *, within: float | None = None) -> None:
        self._joined.clear()
        for reader in list(self._readers):
            reader.end(reason, within=within)

    def part(self) -> None:
        """Say goodbye to all, and take in nobody any more: the server goes down."""
        self.parting = True
        self._end("shutdown", within=FAREWELL)

    async def close(self) -> None:
        """End the pump."""
        self.part()
        self._unhook()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def find(self) -> Find:
        """How to find a listing as the snapshot has it at this moment."""
        return partial(self.snapshot.find, state=self.snapshot.state)

    # -- the pump -------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        state = self.snapshot.state
        self.epoch, self.position = state.epoch, state.position
        self._looked = self._turn
        self._tasks = [self._loop.create_task(self._pump()), self._loop.create_task(self._tick())]

    async def _tick(self) -> None:
        """Pings, a fifteenth of the readers a second; and the look at the keys that needs no bell."""
        for second in count():
            await asyncio.sleep(1)
            slot = second % PING_EVERY
            for alike in list(self._joined.values()):
                for reader in list(alike):
                    if reader.slot == slot:
                        reader.push(PING)
            if second % LOOK_EVERY == 0 and self._readers:
                self._turn += 1
                self._moved.set()

    async def _pump(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            try:
                await self._look()
                while await self._step():
                    pass
            except Exception as error:  # noqa: BLE001 - whatever it was, streams that nobody fills any more would be worse
                log.error("the streams could not be brought up to date; trying again", error=type(error).__name__)
                await asyncio.sleep(AGAIN)
                self._moved.set()

    async def _look(self) -> None:
        """End the streams of whom nothing lets in any more, if a bell rang since the last look, or it is time."""
        while self._looked != self._turn:
            turn = self._turn
            tokens = {reader.token for reader in self._readers}
            look = partial(bad_tokens, tokens=tokens, settings=self.settings, now=self.clock())
            bad = await self._read(look) if tokens else set()
            for reader in [reader for reader in self._readers if reader.token in bad]:
                self._part(reader)
                reader.end("access")
            self._looked = turn

    async def _step(self) -> bool:
        """Tell the next stretch of the log; False when there is none."""
        state = self.snapshot.state
        if state.epoch != self.epoch or state.position < self.position:
            self._end("restarted")
            self.epoch, self.position = state.epoch, state.position
        if not self._joined:
            self.position = state.position
        after, upto = self.position, state.position
        if after == upto:
            return False
        if upto - after > STRETCH:
            upto = await self._read(partial(window, after=after, upto=upto, most=STRETCH))
        joined = {kind: tuple(readers) for kind, readers in self._joined.items()}
        self.position, self.busy = upto, True
        batch = await self._build(joined, after, upto)
        if batch is not None:
            await self._deliver(batch, joined)
        self.busy = False
        return True

    async def _build(self, joined: Joined, after: int, upto: int) -> Batch | None:
        """The stretch as bytes; None when all were ended because the log cannot be followed. Tries until it is done."""
        while True:
            turn = self._turn
            try:
                batch = await self._read(
                    lambda session: build(
                        session, joined.keys(), self._rights, epoch=self.epoch, after=after, upto=upto,
                        find=self.find(), now=self.clock(),
                    )
                )  # fmt: skip
            except Parted:
                self._end("restarted")
                return None
            except Exception as error:  # noqa: BLE001 - as in _pump: those who were promised this stretch must get it
                log.error("the streams could not be told what is new; trying again", error=type(error).__name__)
                await asyncio.sleep(AGAIN)
                continue
            if turn == self._turn:
                return batch
            await self._look()  # somebody may have lost a right since: nothing that was made before is sent

    async def _deliver(self, batch: Batch, joined: Joined) -> None:
        clock = self._loop.time
        until = clock() + SLICE
        for kind, pieces in batch.pieces.items():
            for reader in joined[kind]:
                for piece in pieces:
                    reader.push(piece)
                if clock() > until:
                    await asyncio.sleep(0)
                    until = clock() + SLICE
        for kind in [kind for kind in joined if kind.doubtful & batch.touched]:
            self._settle(kind, batch.touched, joined[kind])

    def _settle(self, kind: Kind, touched: frozenset[str], readers: tuple[Reader, ...]) -> None:
        """What was in doubt of these listings has been told: read on as those who never doubted."""
        certain = replace(kind, doubtful=kind.doubtful - touched)
        for reader in readers:
            if reader in self._joined.get(reader.kind, ()):
                self._part(reader)
                reader.kind = certain
                self.join(reader)

    async def _read(self, work: Callable[[Session], T]) -> T:
        return await run_sync(self.reading, work, limiter=self._threads)

    def reading(self, work: Callable[[Session], T]) -> T:
        """Do this with a session that reads; for a thread."""
        with self.database.read() as session:
            return work(session)
