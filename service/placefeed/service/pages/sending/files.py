"""Forms with a file: read as they stream in, so that nothing readable is on a disk before it is screened for personal data.

Starlette's own parser puts a file over 1 MB into a plain temporary file; this one keeps it in memory, or in the encrypted
spool. Put the page's visitor first among its parameters: nobody's file is read before it is known that they may send one.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Depends
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from placefeed.adapters import media
from placefeed.service.config import Settings
from placefeed.service.errors import BadRequest, UnsupportedMediaType
from placefeed.service.intake.arriving import Arriving
from placefeed.service.pages.forms import Fields
from placefeed.service.running.limits import check_length, too_large
from placefeed.service.running.parts import exchange_of

MULTIPART = b"multipart/form-data"
MOST_PARTS = 50
LONGEST_NAME = 200
UNKNOWN = "application/octet-stream"


@dataclass(slots=True)
class Upload:
    """A file as it was sent. `name` has no folders; whether it may be kept nobody has judged yet (see `clean_name`)."""

    name: str
    declared: str
    body: Arriving
    head: bytes = b""

    @property
    def content_type(self) -> str:
        """What it is, by its first bytes, by what the browser said, or by its name; a form that we do not read is `UNKNOWN`."""
        return media.content_type(self.declared, name=self.name, head=self.head) or UNKNOWN

    def read(self) -> bytes:
        """All of it; at most the largest upload that the settings allow."""
        return self.body.read()


@dataclass(slots=True)
class Sent:
    """A form as it was sent: its fields, and its file where one was chosen."""

    fields: Fields
    file: Upload | None = None


@dataclass(slots=True)
class _Part:
    """A part of the form while it comes in."""

    headers: dict[str, str] = field(default_factory=dict)
    header: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    name: str = ""
    file: Upload | None = None


class _Reader:
    """Hears of the parts from the parser, as bytes come."""

    def __init__(self, settings: Settings, boundary: bytes, *, in_memory: bool) -> None:
        self._settings = settings
        self._in_memory = in_memory
        self.pairs: list[tuple[str, str | UploadFile]] = []
        self.file: Upload | None = None
        self.ended = False
        self.due = False
        self._part = _Part()
        self._parts = 0
        callbacks: Any = {
            "on_part_begin": self._begin,
            "on_header_field": self._field,
            "on_header_value": self._value,
            "on_header_end": self._header,
            "on_headers_finished": self._headers,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._all,
        }
        self.parser = MultipartParser(boundary, callbacks)

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise BadRequest("The form has too many fields.")
        self._part = _Part()

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._part.header += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._part.value += data[start:end]

    def _header(self) -> None:
        part = self._part
        part.headers[part.header.decode("latin-1").lower()] = part.value.decode("utf-8", "replace")
        part.header.clear()
        part.value.clear()

    def _headers(self) -> None:
        part = self._part
        _kind, options = parse_options_header(part.headers.get("content-disposition", "").encode())
        part.name = options.get(b"name", b"").decode("utf-8", "replace")
        name = options.get(b"filename")
        if name:  # a field for a file in which none was chosen has an empty name
            if self.file is not None:
                raise BadRequest("Send one file at a time.")
            body = Arriving(self._settings, in_memory=self._in_memory)
            declared = part.headers.get("content-type", "")
            part.file = self.file = Upload(_plain(name.decode("utf-8", "replace")), declared, body)

    def _data(self, data: bytes, start: int, end: int) -> None:
        file = self._part.file
        if file is None:
            self._part.value += data[start:end]
            return
        if len(file.head) < 1024:
            file.head += data[start : min(end, start + 1024)]
        self.due = file.body.add(data[start:end]) or self.due

    def _end(self) -> None:
        if self._part.file is None:
            self.pairs.append((self._part.name, self._part.value.decode("utf-8", "replace")))

    def _all(self) -> None:
        self.ended = True


async def read_form(request: Request, *, in_memory: bool) -> Sent:
    """Read a form of at most `max_upload` bytes. Who has it discards its file's body in the end.

    Raises TooLarge, UnsupportedMediaType for another kind of form, BadRequest for one that broke off.
    """
    settings = exchange_of(request).settings
    kind, options = parse_options_header(request.headers.get("content-type", "").encode())
    if kind != MULTIPART or not options.get(b"boundary"):
        raise UnsupportedMediaType("Send the form from its page.")
    check_length(request, settings.max_upload)
    reader = _Reader(settings, options[b"boundary"], in_memory=in_memory)
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > settings.max_upload:
                raise too_large(settings.max_upload)
            reader.parser.write(chunk)
            if reader.due and reader.file is not None:
                reader.due = False
                await run_sync(reader.file.body.put_down)
        if not reader.ended:
            raise BadRequest("The form broke off before its end. Send it again.")
        if reader.file is not None:
            await run_sync(reader.file.body.end)
    except FormParserError as error:
        _discard(reader.file)
        raise BadRequest("The form cannot be read. Send it from its page.") from error
    except BaseException:  # a connection cut, a refusal
        _discard(reader.file)
        raise
    return Sent(Fields(FormData(reader.pairs)), reader.file)


def _discard(file: Upload | None) -> None:
    if file is not None:
        file.body.discard()


def _plain(name: str) -> str:
    """A file's name without its folders."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in last if character.isprintable())[:LONGEST_NAME]


async def _spooled(request: Request) -> AsyncIterator[Sent]:
    sent = await read_form(request, in_memory=False)
    try:
        yield sent
    finally:
        _discard(sent.file)


async def _remembered(request: Request) -> AsyncIterator[Sent]:
    sent = await read_form(request, in_memory=True)
    try:
        yield sent
    finally:
        _discard(sent.file)


SpooledForm = Annotated[Sent, Depends(_spooled)]
"""A form whose file, once it is larger than a small body, lies in the encrypted spool."""

MemoryForm = Annotated[Sent, Depends(_remembered)]
"""A form whose file is in memory only, whatever its size: `form.file.read()`."""
