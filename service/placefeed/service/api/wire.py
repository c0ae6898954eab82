"""What a server lets us do with a connection beside ASGI: write without waiting, and cut off. For streams with thousands of readers.

uvicorn's `send` frames every chunk anew for each reader; written straight to its transport, one chunk serves all, and a fan-out to
5,000 takes a third less. A test sees to it that the uvicorn we are locked to has what is needed; any other server is spoken to by
ASGI alone.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from placefeed.service.channels.stream.frames import Piece

STRAIGHT = "placefeed.straight"


class Application(FastAPI):
    """Keeps the server's own `send` where a stream finds it: no layer has a say in the body of an answer that has begun."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[STRAIGHT] = send
        await super().__call__(scope, receive, send)


class Wire:
    """A connection whose answer has begun."""

    __slots__ = ("_cycle", "_flow", "_transport", "send")

    def __init__(self, scope: Scope) -> None:
        self.send: Callable[[Any], Awaitable[None]] = scope[STRAIGHT]
        self._cycle: Any = getattr(self.send, "__self__", None)  # uvicorn's request and its answer
        self._flow: Any = getattr(self._cycle, "flow", None)
        self._transport: Any = getattr(self._cycle, "transport", None)

    @property
    def straight(self) -> bool:
        """Whether `write` can do more than refuse."""
        known = ("chunked_encoding", "disconnected", "response_complete")
        return hasattr(self._flow, "write_paused") and all(hasattr(self._cycle, name) for name in known)

    def write(self, piece: Piece) -> bool:
        """Write at once, as `send` would have; False where it must be left to `send`: the connection is full, gone or not chunked."""
        cycle = self._cycle
        if self._flow.write_paused or cycle.disconnected or cycle.response_complete or not cycle.chunked_encoding:
            return False
        self._transport.write(piece.chunk)
        return True

    def abort(self) -> bool:
        """Cut off a reader that takes nothing any more: closing would wait until it had read what was written. False where we can't."""
        abort = getattr(self._transport, "abort", None)
        if abort is None:
            return False
        abort()
        return True
