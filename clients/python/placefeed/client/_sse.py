"""Server-sent events as the HTML standard parses them, from bytes that may be cut anywhere.

httpx2 has a parser too; it keeps a byte-order mark, hands out events without data, and believes the charset of a header.
"""

from collections.abc import Iterator
from dataclasses import dataclass

LARGEST = 16 * 1024 * 1024  # bytes of one event; a server that sends no end of line is left at some time


class TooLargeEvent(ValueError):
    """An event, or a line, without an end."""


@dataclass(frozen=True)
class Frame:
    """One event: its type, its data, and the last event id so far (which may have come with an earlier event)."""

    event: str
    data: str
    id: str | None


class Parser:
    """Feed it bytes, get events. `retry` is the server's wait before reconnecting in seconds, once it said one."""

    def __init__(self) -> None:
        self.id: str | None = None
        self.retry: float | None = None
        self._rest = b""
        self._begun = False
        self._skip_newline = False
        self._event = ""
        self._data: list[str] = []
        self._next_id: str | None = None
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The events that are whole by now. What is cut off at the end of a stream is no event, as the standard says."""
        for line in self._lines(chunk):
            frame = self._line(line)
            if frame is not None:
                yield frame

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        """Lines that end in CR LF, LF or CR."""
        if self._skip_newline and chunk:  # the CR before it ended the line already
            chunk = chunk.removeprefix(b"\n")
            self._skip_newline = False
        if b"\n" not in chunk and b"\r" not in chunk:
            self._rest += chunk
            self._check(len(self._rest))
            return
        text = self._rest + chunk
        self._skip_newline = text.endswith(b"\r")
        *lines, self._rest = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            if not self._begun:
                line = line.removeprefix(b"\xef\xbb\xbf")
            self._begun = True
            yield line

    def _line(self, line: bytes) -> Frame | None:
        if not line:
            return self._dispatch()
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._size += len(line)
            self._check(self._size)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._next_id = value
        elif name == "retry" and value.isascii() and value.isdigit() and len(value) < 10:
            self.retry = int(value) / 1000
        return None

    def _dispatch(self) -> Frame | None:
        if self._next_id is not None:
            self.id = self._next_id or None
        event, data = self._event or "message", self._data
        self._event, self._data, self._size = "", [], 0
        return Frame(event, "\n".join(data), self.id) if data else None

    def _check(self, size: int) -> None:
        if size > LARGEST:
            raise TooLargeEvent(f"An event of more than {LARGEST:,} bytes.")
