"""What goes over a stream: server-sent events as bytes, each made once for all who see it alike; and the ids by which a reader goes on.

An id is `epoch-position`; inside a stretch of the log that was told as one, `epoch-position-after-upto`. Several changes of one
listing in a stretch are one event, so who stopped in the middle of one must be told the rest of that very stretch.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from placefeed.service.access.who import MEMBER
from placefeed.service.channels.news import TOPICS, News, event_document
from placefeed.service.channels.rows import Row
from placefeed.service.errors import BadRequest
from placefeed.service.publishing.sight import View

STREAMED = TOPICS[MEMBER]
"""The types of event that the stream tells, to whatever role: those of listings and of the settings behind them."""

STRETCH = 500  # changes told as one at most
PIECE = 32 * 1024  # bytes written at once: what waits in the server for one reader stays small
_MARK = re.compile(r"([0-9]{1,18})-([0-9]{1,19})(?:-([0-9]{1,19})-([0-9]{1,19}))?")
_MOST = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a reader stands: it knows all up to `position`, and the rest of the stretch above `after` up to `upto` is still to come."""

    epoch: int
    position: int
    after: int
    upto: int

    @staticmethod
    def at(epoch: int, position: int) -> "Mark":
        """Between two stretches."""
        return Mark(epoch, position, position, position)

    @staticmethod
    def parse(text: str) -> "Mark":
        """Read an id that we gave. Raises BadRequest."""
        found = _MARK.fullmatch(text)
        epoch, position, after, upto = (int(part) if part else 0 for part in found.groups()) if found else (0, 0, 0, 0)
        if found and found[3] is None:
            after = upto = position
        if not (found and after <= position <= upto <= _MOST):
            raise not_ours()
        return Mark(epoch, position, after, upto)

    def __str__(self) -> str:
        if self.position == self.upto:
            return f"{self.epoch}-{self.position}"
        return f"{self.epoch}-{self.position}-{self.after}-{self.upto}"


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Bytes that are written at once, as an ASGI message and as a chunk of HTTP/1.1: made once for all readers who get them."""

    body: bytes
    events: int = 0
    last: bool = False
    message: dict[str, Any] = field(init=False)
    chunk: bytes = field(init=False)

    def __post_init__(self) -> None:
        message = {"type": "http.response.body", "body": self.body, "more_body": not self.last}
        object.__setattr__(self, "message", message)
        object.__setattr__(self, "chunk", b"%x\r\n%s\r\n" % (len(self.body), self.body))


def not_ours() -> BadRequest:
    """The refusal of an id that we cannot have given."""
    return BadRequest(
        "Last-Event-ID is none of this stream's. Send the id of the last event as it came, or none, with snapshot=true.",
        errors=[{"parameter": "Last-Event-ID", "detail": "This is not an id of this stream."}],
    )


PING = Piece(b": ping\n\n")
HELLO = Piece(b"retry: 3000\n\n")  # milliseconds after which a reader comes back

ENDS = {
    "shutdown": "This server is going down. Connect again and send the id of the last event as Last-Event-ID: you miss nothing.",
    "slow": "You read more slowly than there is news. Connect again and send the id of the last event as Last-Event-ID: you miss nothing.",
    "access": "Your key was revoked or has expired. Ask the operator of the exchange for a new one.",
    "restarted": "The log has begun anew, or its history is no longer kept as far back. Connect again with snapshot=true and without Last-Event-ID.",
}
"""Why the exchange ends a stream, and what to do."""


def text(event: str, data: bytes, mark: Mark | None = None) -> bytes:
    """One server-sent event; `data` has no line ends, as JSON made by a machine has none."""
    return b"%sevent: %s\ndata: %s\n\n" % (
        b"" if mark is None else b"id: %s\n" % str(mark).encode(),
        event.encode(),
        data,
    )


def end(reason: str) -> Piece:
    """The last event of a stream, and the end of the body."""
    return Piece(text("end", orjson.dumps({"reason": reason, "detail": ENDS[reason]})), last=True)


def ready(mark: Mark, total: int | None) -> Piece:
    """From here on it is news."""
    said = {"position": mark.position, "epoch": mark.epoch, **({} if total is None else {"total": total})}
    return Piece(text("ready", orjson.dumps(said), mark))


def snapshot(items: Iterable[bytes]) -> Piece:
    """Some of the listings that stand, as `listing` documents."""
    return Piece(text("snapshot", b'{"items":[%s]}' % b",".join(items)))


class Frames:
    """The events of one stretch of the log as bytes. Readers whose views differ in nothing that shows share one."""

    def __init__(self, epoch: int, after: int, upto: int, *, find: Callable[[str], Row | None], now: datetime) -> None:
        self._epoch, self._after, self._upto = epoch, after, upto
        self._find, self._now = find, now
        self._made: dict[object, bytes] = {}

    def of(self, told: News, view: View) -> bytes | None:
        """The event, with the listing as this view may have it, where it can be read now; None for what the stream does not tell."""
        if not any(type in STREAMED for type in told.types):
            return None
        step = told.step
        row = self._find(step.listing_id) if told.has and step.listing_id else None
        if row is not None and not view.sees(row.audiences):  # it has moved on since; that comes as news of its own
            row = None
        shown = None if row is None else tuple([view.may_have_rate(offered_to) for offered_to, _rate in row.restricted])
        key = (step.position, step.listing_id, told.types, told.has, shown)
        made = self._made.get(key)
        if made is None:
            document = event_document(told, epoch=self._epoch, types=STREAMED)
            data = orjson.dumps(document)
            if row is not None:
                fragment = row.fragment(view, overdue=row.overdue(self._now))
                data = b'%s,"listing":%s}' % (data[:-1], fragment)
            mark = Mark(self._epoch, step.position, self._after, self._upto)
            made = self._made[key] = text(document["type"], data, mark)
        return made


def pieces(frames: Iterable[bytes]) -> Iterator[Piece]:
    """Frames, joined as far as they are small."""
    waiting: list[bytes] = []
    size = 0
    for frame in frames:
        if waiting and size + len(frame) > PIECE:
            yield Piece(b"".join(waiting), len(waiting))
            waiting, size = [], 0
        waiting.append(frame)
        size += len(frame)
    if waiting:
        yield Piece(waiting[0] if len(waiting) == 1 else b"".join(waiting), len(waiting))
