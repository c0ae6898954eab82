"""A window over a long JSON text: reads value after value from a stream, and keeps no more than one."""

import codecs
import json
import re
from typing import Any, BinaryIO, NoReturn

from placefeed.adapters.containers import MIB

RECORD_BYTES = 8 * MIB
"""The largest single record; a home of forty premises has some 20 KB."""
_CHUNK = MIB
_BLANK = re.compile(r"[ \t\r\n]*")


class Broken(ValueError):
    """The JSON is damaged or breaks off here."""


def _no_constant(name: str) -> NoReturn:
    raise Broken(f"{name} is not JSON.")


class Text:
    """A window over the text of a stream that reads on as it is used up."""

    def __init__(self, start: bytes, source: BinaryIO) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder(parse_constant=_no_constant)
        self._ended = False
        self.text = ""
        self.at = 0
        self._pending = start

    def more(self) -> bool:
        """Read on; False at the end."""
        if self._ended:
            return False
        chunk, self._pending = self._pending[:_CHUNK] or self._source.read(_CHUNK), self._pending[_CHUNK:]
        try:
            decoded = self._decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise Broken("The feed is not in UTF-8.") from error
        self._ended = not chunk
        self.text = self.text[self.at :] + decoded
        self.at = 0
        return not self._ended

    def peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            match = _BLANK.match(self.text, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def take(self, character: str) -> None:
        """Go past one character that must come."""
        if self.peek() != character:
            raise Broken("The feed is not sound JSON." if self.peek() else "The feed breaks off.")
        self.at += 1

    def next_of(self, end: str, *, first: bool) -> bool:
        """Go to the next entry of a list or object, past the comma; False at its `end`."""
        if self.peek() == end:
            self.at += 1
            return False
        if not first:
            self.take(",")
        return True

    def value(self) -> Any:
        """The next value, read whole."""
        self.peek()
        while True:
            try:
                value, end = self._json.raw_decode(self.text, self.at)
                if end < len(self.text) or self._ended:  # a number may go on in the next chunk
                    self.at = end
                    return value
            except Broken:
                raise
            except RecursionError as error:
                raise Broken("The feed is nested too deeply.") from error
            except ValueError:
                if len(self.text) - self.at > RECORD_BYTES:
                    raise Broken("The feed is not sound JSON, or has a record that is too long.") from None
            if not self.more() and not self._is_whole():
                raise Broken("The feed breaks off, or is not sound JSON from here on.")

    def _is_whole(self) -> bool:
        """Whether what is left at the end of the stream is one value."""
        try:
            self._json.raw_decode(self.text, self.at)
        except (ValueError, RecursionError):
            return False
        return True
