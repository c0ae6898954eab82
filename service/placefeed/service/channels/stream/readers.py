"""One open stream: written to directly from the loop while it keeps up; what waits for a slow one is bounded, and then it is dropped.

```
coming ──join──> live <──(the server takes no more / it took all)──> behind ──(too much waits)──┐
   └──────────────┴───────────────────────────────────────────────────────────────> ending ──> gone
```
"""

import asyncio
import types
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any

import structlog

from placefeed.service.channels.stream.batches import Kind
from placefeed.service.channels.stream.frames import Piece, end

log = structlog.get_logger(__name__)

STALLED = 30.0  # seconds after which a reader that takes nothing is given up
GRACE = 5.0  # seconds that a reader has to take the last event

Send = Callable[[dict[str, Any]], Awaitable[None]]
Write = Callable[[Piece], bool]
"""Writes at once what the connection has room for, or says False and leaves it to `send`."""


class Reader:
    """Who holds a stream open. Everything here happens on the loop."""

    __slots__ = (
        "_bytes", "_cut", "_limit", "_parted", "_send", "_timer", "_waiting", "_write", "_writer",
        "ending", "events", "gone", "joined", "kind", "slot", "token",
    )  # fmt: skip

    def __init__(
        self, kind: Kind, token: str, send: Send, *, limit: int, cut: Callable[[], None], write: Write | None = None
    ) -> None:
        self.kind = kind
        self.token = token  # what lets it in: see Caller.token
        self.slot = 0  # which second of the pings is its own
        self.joined = False  # the hub writes to it
        self.ending: str | None = None  # why the exchange ends it
        self.gone = False
        self.events = 0
        self._send, self._write, self._cut, self._limit = send, write, cut, limit
        self._parted = False  # the last event was written, or there is nobody to write it to
        self._waiting: deque[Piece] | None = None  # made for the few who need one
        self._bytes = 0  # that wait
        self._writer: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def open(self) -> bool:
        """Whether there is more to tell it."""
        return self.ending is None and not self.gone

    @property
    def idle(self) -> bool:
        """Whether it has joined, and the server has taken all that was written to it."""
        return self.joined and self._writer is None

    def push(self, piece: Piece) -> None:
        """Write, or let it wait; returns at once. For one that has joined."""
        if self.ending is not None or self.gone:
            return
        self.events += piece.events
        if self._writer is None:
            self._begin(piece)
            return
        self._waiting = self._waiting or deque()
        self._waiting.append(piece)
        self._bytes += len(piece.body)
        if self._bytes > self._limit:
            self.end("slow")

    async def write(self, piece: Piece) -> bool:
        """Write at the reader's own pace, from its own task: for one that has not joined. False where there is no more to tell it."""
        if self.open:
            self.events += piece.events
            await self._patiently(self._send(piece.message))
        return self.open

    def end(self, reason: str, *, within: float | None = None) -> None:
        """Tell the reader why, and end; one that does not take the last event in time is cut off."""
        if not self.open:
            return
        self.ending = reason
        self._waiting = None
        self._timer = asyncio.get_running_loop().call_later(GRACE if within is None else within, self._cut)
        if self.joined and self._writer is None:
            self._parted = True
            self._begin(end(reason))

    async def part(self) -> None:
        """Write the last event, from its own task or from the one that writes on: it is told once."""
        if self.ending is not None and not self._parted and not self.gone:
            self._parted = True
            await self._patiently(self._send(end(self.ending).message))

    def leave(self) -> None:
        """The connection is no more."""
        self.gone = True
        self._waiting = None
        if self._timer is not None:
            self._timer.cancel()
        if self._writer is not None:
            self._writer.cancel()

    def _begin(self, piece: Piece) -> None:
        # The server's `send` has to wait only where the connection takes no more. So it is begun by hand, without a task and a
        # turn of the loop for each reader; where it does wait, a task goes on with it.
        try:
            if self._write is not None and not piece.last and self._write(piece):
                return
            iterator = self._send(piece.message).__await__()
            waited = next(iterator)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one connection, the others get their news
            log.warning("a stream could not be written to", error=type(error).__name__)
            self.gone = True
            self._cut()
            return
        self._writer = asyncio.get_running_loop().create_task(self._go_on(_rest(iterator, waited)))

    async def _go_on(self, sending: Awaitable[None]) -> None:
        await self._patiently(sending)
        while self._waiting:
            piece = self._waiting.popleft()
            self._bytes -= len(piece.body)
            await self._patiently(self._send(piece.message))
        await self.part()
        self._writer = None  # from here on directly again; no turn of the loop lies between

    async def _patiently(self, sending: Awaitable[None]) -> None:
        """Wait for the server to take it; too long, and the reader is cut off."""
        try:
            async with asyncio.timeout(STALLED):
                await sending
        except TimeoutError:
            self.ending = self.ending or "slow"
            self._parted = True
            self._waiting = None
            self._cut()
        except OSError:
            self.gone = True
            self._waiting = None


@types.coroutine
def _rest(iterator: Generator[Any, Any, None], waited: Any) -> Generator[Any, Any, None]:
    """What is left of an await that was begun by hand and now waits for something."""
    while True:
        step: Callable[[], Any]
        try:
            yield waited
        except BaseException as error:  # noqa: BLE001 - whatever is thrown into us belongs to what we stand for
            step = partial(iterator.throw, error)
        else:
            step = partial(next, iterator)
        try:
            waited = step()
        except StopIteration:
            return
