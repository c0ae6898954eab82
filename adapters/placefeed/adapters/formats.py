"""The one way in for documents of every form: push, upload, poll, folder and `placefeed validate` all open them here."""

import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from placefeed.adapters import media
from placefeed.adapters.base import ChangedShape, SourceRecord
from placefeed.adapters.containers import CONTENT_TYPES, Kind, Limits, kind_of
from placefeed.adapters.feed import Feed, Trailer, read_feed
from placefeed.adapters.mapping import Mapping, builtin, builtin_names
from placefeed.adapters.sheets import Sheet, read_sheets
from placefeed.adapters.values import LONDON
from placefeed.schema.issues import Issue

__all__ = ["Document", "Trailer", "open_document"]

_HEAD = 64 * 1024
_DEFAULTS = Limits()
_WORDS: dict[Kind, str] = {
    "json": "a JSON feed",
    "ndjson": "an NDJSON feed",
    "csv": "a CSV file",
    "xlsx": "an Excel workbook",
    "ods": "an OpenDocument spreadsheet",
}
_DATED = ("capacity", "capacities", "setting", "ofsted", "vacancies", "rates")


@dataclass(slots=True)
class Document:
    """A document being read, whatever its form.

    `records()` may be walked once. After it: `finished` is set, `withdrawn` and `issues` are complete, and `header` has
    all it will have (a spreadsheet's `publishedAt` is None: it was published when it was received). `notes` are plain
    sentences for the sender, `issues` concern the document and no record, such as an unknown heading. A record whose
    `document` is None was unreadable; its `place.urn`, where known, says which setting is present all the same.
    """

    kind: Kind
    header: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    withdrawn: list[dict[str, Any]] = field(default_factory=list)
    finished: Trailer | None = None
    _records: Iterator[SourceRecord] = field(default_factory=lambda: iter(()))

    def records(self) -> Iterator[SourceRecord]:
        """Each settingRecord once, in order; exhaust it to know how the document ended."""
        return self._records


def open_document(
    source: bytes | BinaryIO,
    *,
    content_type: str | None = None,
    mapping: Mapping | str | None = None,
    source_name: str = "",
    received_at: dt.datetime | None = None,
    limits: Limits = _DEFAULTS,
) -> Document:
    """Open a document in any form that we read. What it is, its bytes say; `content_type` and the name are only asked
    where bytes leave it open (JSON or NDJSON), and a note says where they disagree.

    `mapping` is a Mapping, the name of a shipped one or TOML text; without one, a spreadsheet is read as the standard's
    form and by its synonyms. `received_at` (now, if not given) is the day that "now" and "ASAP" in cells mean, and the
    `asOf` of what has no time of its own. Raises TooLarge, Refused, ChangedShape (no headings that the mapping knows).
    """
    stream = io.BytesIO(source) if isinstance(source, bytes | bytearray) else source
    head, stream = _peek(stream)
    declared = CONTENT_TYPES.get(media.SYNONYMS.get(_bare(content_type), _bare(content_type)))
    kind = kind_of(head)
    if kind == "json" and declared == "ndjson" and head.lstrip(b"\xef\xbb\xbf \t\r\n")[:2] not in (b"{\n", b"{\r"):
        kind = "ndjson"  # one line only, or its first line is damaged
    if kind in ("json", "ndjson"):
        document = _feed(read_feed(stream, form=kind), kind)
    else:
        document = _spreadsheet(stream, kind, mapping, received_at or dt.datetime.now(dt.UTC), limits)
    if declared is not None and declared != document.kind:
        document.notes.insert(
            0, f"This was sent as {_WORDS[declared]} but is {_WORDS[document.kind]}. We read it as that."
        )
    return document


def _bare(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()


def _peek(stream: BinaryIO) -> tuple[bytes, BinaryIO]:
    """The first bytes, and a stream that still has them."""
    if stream.seekable():
        at = stream.tell()
        head = stream.read(_HEAD)
        stream.seek(at)
        return head, stream
    head = stream.read(_HEAD)
    return head, io.BufferedReader(_Rejoined(head, stream), _HEAD)


class _Rejoined(io.RawIOBase):
    """A stream that cannot go back, with what was read of it put in front again."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)


def _feed(feed: Feed, kind: Kind) -> Document:
    document = Document(kind, feed.header, withdrawn=feed.withdrawn)

    def records() -> Iterator[SourceRecord]:
        yield from feed.records()
        document.finished = feed.finished

    document._records = records()
    return document


def _spreadsheet(
    stream: BinaryIO, kind: Kind | None, mapping: Mapping | str | None, received_at: dt.datetime, limits: Limits
) -> Document:
    form = _mapping(mapping)
    content = stream.read(limits.file_bytes + 1)
    sheets = read_sheets(content, kind=kind, limits=limits)
    document = Document(_kind(content, kind), _header(form), notes=[note for sheet in sheets for note in sheet.notes])
    today = received_at.astimezone(LONDON).date()
    assembly = form.assemble(sheets, today=today, issues=document.issues)
    if not assembly.read_sheets:
        raise ChangedShape(_no_headings(sheets))

    def records() -> Iterator[SourceRecord]:
        count = 0
        received = received_at.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        for record in assembly.records():
            count += 1
            if record.document is not None:
                _date(record.document, received)
            yield record
        lost = assembly.lost_rows
        reason = f"{lost} rows do not say which setting they are about." if lost else ""
        document.finished = Trailer(not reason, count, reason)

    document._records = records()
    return document


def _mapping(mapping: Mapping | str | None) -> Mapping:
    if isinstance(mapping, Mapping):
        return mapping
    if mapping is None:
        return builtin()
    return builtin(mapping) if mapping in builtin_names() else Mapping.load(mapping)


def _kind(content: bytes, kind: Kind | None) -> Kind:
    if content.startswith(b"PK"):
        return "xlsx" if b"xl/workbook.xml" in content else "ods"
    return kind or "csv"


def _header(form: Mapping) -> dict[str, Any]:
    header: dict[str, Any] = {"standard": "placefeed", "version": "1.0", "publishedAt": None, "complete": form.complete}
    if form.ttl is not None:
        header["ttl"] = form.ttl
    return header


def _no_headings(sheets: list[Sheet]) -> str:
    if not sheets:
        return "This workbook has no sheet with cells in it."
    names = ", ".join(f"“{sheet.name}”" for sheet in sheets[:5])
    return (
        f"No row of headings that we know was found (looked in {names}). Use the headings of the template, with URN among "
        "them, within the first 30 rows; or ask for a mapping of your own form."
    )


def _date(record: dict[str, Any], received: str) -> None:
    """Give each part without a time of its own the time when the document was received."""
    for name in _DATED:
        if name in record:
            for part in record[name] if isinstance(record[name], list) else [record[name]]:
                part.setdefault("asOf", received)
