"""Ready answers, bounded in bytes; each is true for one moment of the list."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from placefeed.service.channels.index import Moment

OVERHEAD = 2048  # bytes that an answer costs beside its body
LARGEST_SHARE = 4  # no answer takes more than a quarter of the room

RawHeaders = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Ready:
    """A whole answer: status line headers as they go on the wire, and the body in its encoding."""

    moment: Moment
    etag: bytes
    headers: RawHeaders
    unchanged: RawHeaders  # those of a 304
    body: bytes


class ReadyAnswers:
    """The least recently used goes first when the bytes are used up. For one thread: the event loop."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._held: OrderedDict[Hashable, Ready] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Hashable, moment: Moment) -> Ready | None:
        """The answer for this key if it was made at this very moment."""
        ready = self._held.get(key)
        if ready is None:
            return None
        if ready.moment is not moment:
            self._drop(key)
            return None
        self._held.move_to_end(key)
        return ready

    def put(self, key: Hashable, ready: Ready) -> None:
        """Keep an answer, unless it is too large to be worth its room."""
        self._drop(key)
        cost = len(ready.body) + OVERHEAD
        if cost > self._room // LARGEST_SHARE:
            return
        self._held[key] = ready
        self.size += cost
        while self.size > self._room:
            self._drop(next(iter(self._held)))

    def _drop(self, key: Hashable) -> None:
        ready = self._held.pop(key, None)
        if ready is not None:
            self.size -= len(ready.body) + OVERHEAD
