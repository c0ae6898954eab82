"""Reads the standard's own feeds, JSON and NDJSON, record by record, in memory that does not grow with the feed.

A feed that breaks off in the middle hands out what came before; then its trailer is not ok, and whoever reads it
withdraws nothing. In an object that has a key twice, the last one counts, as every common parser has it.
"""

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, NoReturn

import orjson

from placefeed.adapters.base import Refused, SourceRecord
from placefeed.adapters.containers import MIB
from placefeed.adapters.json_text import RECORD_BYTES, Broken, Text
from placefeed.schema.issues import Issue, Place

WHOLE = 32 * MIB
"""A JSON feed up to this size is parsed in one go, some five times faster than in pieces."""
_CHUNK = MIB
_URN = re.compile(rb'"urn"\s*:\s*"(SC[0-9]{6}|[0-9]{7})"')


@dataclass(frozen=True, slots=True)
class Trailer:
    """How a document ended. Unless `ok`, nothing may be withdrawn on its word, and `reason` says why.

    `count` is the number of settings and withdrawals that were read, unreadable ones too.
    """

    ok: bool
    count: int
    reason: str = ""


@dataclass(slots=True)
class Feed:
    """A feed being read. `header` has every property but settings and withdrawn.

    What stands after the settings in a JSON feed (`complete`, as a rule) and `withdrawn` are known, like `finished`,
    once `records()` is exhausted; the properties that every header must have are there from the beginning.
    """

    header: dict[str, Any] = field(default_factory=dict)
    withdrawn: list[dict[str, Any]] = field(default_factory=list)
    finished: Trailer | None = None
    _records: Iterator[SourceRecord] = field(default_factory=lambda: iter(()))

    def records(self) -> Iterator[SourceRecord]:
        """Each settingRecord once, in order; what is not one has no document and says why."""
        return self._records


def read_feed(stream: BinaryIO | bytes, *, form: Literal["json", "ndjson"]) -> Feed:
    """Open a feed. Raises Refused where it is no feed at all; a feed that is damaged further on says so in `finished`."""
    source = io.BytesIO(stream) if isinstance(stream, bytes) else stream
    return _ndjson(source) if form == "ndjson" else _json(source)


def _record(index: int, value: Any, place: Place) -> SourceRecord:
    if not isinstance(value, dict):
        return _unreadable(
            index, place, "schema-type", "This is not the record of a setting.", "Each entry of settings is an object."
        )
    urn = value.get("urn")
    registration = value.get("registration")
    if isinstance(urn, str) and len(urn) <= 8:
        place = Place(place.pointer, place.line, urn=urn)
    elif isinstance(registration, dict) and all(isinstance(registration.get(key), str) for key in ("scheme", "id")):
        place = Place(place.pointer, place.line, urn=f"{registration['scheme']}:{registration['id']}"[:80])
    return SourceRecord(index, value, place)


def _unreadable(index: int, place: Place, rule: str, message: str, advice: str) -> SourceRecord:
    return SourceRecord(index, None, place, (Issue(rule, "error", message, advice, place),))


# --- NDJSON -----------------------------------------------------------------------------------------


def _ndjson(source: BinaryIO) -> Feed:
    feed = Feed()
    lines = _lines(source)
    number, first = next(lines, (0, b""))
    header = _parsed(first)
    if isinstance(header, dict) and header.get("line") == "header":
        feed.header = {name: value for name, value in header.items() if name != "line"}
        feed._records = _ndjson_records(feed, lines, headed=True)
    else:
        again = iter([(number, first)] if number else [])
        feed._records = _ndjson_records(feed, _chained(again, lines), headed=False)
    return feed


def _chained(*parts: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    for part in parts:
        yield from part


def _lines(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Each line that is not blank, with its number; of a line that is too long only the beginning."""
    number = 0
    while line := source.readline(RECORD_BYTES + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) > RECORD_BYTES:
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = source.readline(_CHUNK)
            yield number, line
        elif not line.isspace():
            yield number, line


def _parsed(line: bytes) -> Any:
    """The line's value, or None where it is no sound JSON (broken, NaN, too long, nested past all use)."""
    if len(line) > RECORD_BYTES:
        return None
    try:
        value = orjson.loads(line)
        return value if _sound(value) else None
    except orjson.JSONDecodeError:
        return None


def _sound(value: Any) -> bool:
    """Whether a value can be written again: not nested over 254 deep, no half characters, no number past 64 bits."""
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


def _ndjson_records(feed: Feed, lines: Iterator[tuple[int, bytes]], *, headed: bool) -> Iterator[SourceRecord]:
    count = index = 0
    trailer: Any = None
    reasons: list[str] = [] if headed else ["The feed has no header line."]
    for number, line in lines:
        value = _parsed(line)
        kind = value.get("line") if isinstance(value, dict) else None
        if trailer is not None:
            reasons.append(f"Line {number} comes after the trailer.")
            break
        if kind == "trailer":
            trailer = value.get("count")
        elif kind == "setting":
            count += 1
            del value["line"]
            yield _record(index, value, Place(line=number))
            index += 1
        elif kind == "withdrawn":
            count += 1
            feed.withdrawn.append({name: entry for name, entry in value.items() if name != "line"})
        else:
            count += 1
            bad = _bad_line(index, number, line, known=value is not None)
            if bad.place.urn is None:
                reasons.append(f"Line {number} can't be read.")
            yield bad
            index += 1
    if trailer is None:
        reasons.append("The feed breaks off: its last line, the trailer with the count, is missing.")
    elif trailer != count:
        reasons.append(f"The trailer does not agree: there are {count} lines of settings and withdrawals.")
    feed.finished = Trailer(not reasons, count, " ".join(reasons[:3]))


def _bad_line(index: int, number: int, line: bytes, *, known: bool) -> SourceRecord:
    # the URN, if it can still be seen, keeps a complete feed from withdrawing a setting that is merely garbled
    seen = _URN.search(line[:RECORD_BYTES])
    place = Place(line=number, urn=seen[1].decode() if seen else None)
    if len(line) > RECORD_BYTES:
        return _unreadable(
            index, place, "too-large", "This line is too long to be one setting.", "Write one settingRecord a line."
        )
    if known:
        return _unreadable(
            index,
            place,
            "unknown-line",
            "This line does not say what it is.",
            'Give it "line": "setting", "withdrawn" or "trailer".',
        )
    return _unreadable(
        index, place, "not-json", "This line is not JSON.", "Write one whole JSON object a line, in UTF-8, without NaN."
    )


# --- JSON -------------------------------------------------------------------------------------------


def _json(source: BinaryIO) -> Feed:
    begin = source.tell() if source.seekable() else None
    start = source.read(WHOLE + 1)
    if len(start) <= WHOLE:
        whole = _whole(start)
        if whole is not None:
            return whole
    feed = Feed()
    walk = _Walk(feed, Text(start, source))
    feed._records = walk.records()
    walk.to_settings()
    if begin is not None and not {"publisher", "publishedAt"} <= set(feed.header) and len(start) > WHOLE:
        # the header comes after the settings: read through once for it, then begin again
        for _ in walk.records():
            pass
        known = feed.header
        source.seek(begin)
        feed = Feed(header=known)
        again = _Walk(feed, Text(b"", source))
        again.to_settings()
        feed._records = again.records()
    return feed


def _whole(content: bytes) -> Feed | None:
    """A feed of moderate size, at once; None where it is damaged and must be read as far as it goes."""
    try:
        document = orjson.loads(content.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict):
        _no_feed()
    settings = document.pop("settings", [])
    withdrawn = document.pop("withdrawn", [])
    if not isinstance(settings, list) or not isinstance(withdrawn, list):
        _no_feed()
    feed = Feed(header=document, withdrawn=withdrawn)

    def records() -> Iterator[SourceRecord]:
        lost = 0
        for index, value in enumerate(settings):
            record = _checked(index, value)
            lost += record.document is None and record.place.urn is None
            settings[index] = None  # handed over: kept no longer than it is needed
            yield record
        feed.finished = _end(len(settings) + len(withdrawn), lost, "")

    feed._records = records()
    return feed


def _checked(index: int, value: Any) -> SourceRecord:
    place = Place(pointer=f"/settings/{index}")
    record = _record(index, value, place)
    if record.document is not None and not _sound(value):
        return _unreadable(index, record.place, "not-json", "This record is nested too deeply, or has a number or character that can't be.", "Send plain settings as the standard has them.")  # fmt: skip
    return record


def _end(count: int, lost: int, reason: str) -> Trailer:
    if lost and not reason:
        reason = f"{lost} entries of settings can't be read."
    return Trailer(not reason, count, reason)


def _no_feed() -> NoReturn:
    raise Refused(
        "This JSON is not a feed. A feed is an object with standard, version, publisher, publishedAt and a list of settings.",
        rule="unknown-form",
    )


class _Walk:
    """Walks through the members of a feed's object, with a stop at each setting."""

    def __init__(self, feed: Feed, text: Text) -> None:
        self.feed, self.text = feed, text
        self.count = self.lost = 0
        self.reason = ""
        self._first = True
        self._in_settings = False

    def to_settings(self) -> None:
        """Read the header's properties as far as the settings begin."""
        try:
            if self.text.peek() != "{":
                _no_feed()
            self.text.take("{")
            self._members()
        except Broken as error:
            self.reason = str(error)

    def _members(self) -> None:
        """Read members until settings begin or the object ends."""
        while self.text.next_of("}", first=self._first):
            self._first = False
            name = self.text.value()
            self.text.take(":")
            if name == "settings":
                if self.text.peek() != "[":
                    _no_feed()
                self.text.take("[")
                self._in_settings = True
                return
            value = self.text.value()
            if name == "withdrawn" and isinstance(value, list):
                self.feed.withdrawn.extend(value)
            else:
                self.feed.header[name] = value
        if self.text.peek():
            raise Broken("Something follows after the feed's end.")

    def records(self) -> Iterator[SourceRecord]:
        """Yield the settings, then read what stands after them and how the feed ends."""
        index = 0
        while self._in_settings and not self.reason:
            try:
                if not self.text.next_of("]", first=index == 0):
                    self._in_settings = False
                    self._members()
                    continue
                value = self.text.value()
            except Broken as error:
                self.reason = f"{error} {index} settings came before that."
                break
            record = _checked(index, value)
            self.lost += record.document is None and record.place.urn is None
            yield record
            index += 1
        self.feed.finished = _end(index + len(self.feed.withdrawn), self.lost, self.reason)
