"""The forms in which a list can be had, and which of them a request gets: by `format`, `Accept` and `Accept-Encoding`."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import zstandard

from placefeed.service.errors import NotAcceptable

LEAST_COMPRESSED = 1024  # bytes; below this a compressed form is no gain


@dataclass(frozen=True, slots=True)
class Form:
    """One form: its short name (`format=`), media type, file ending, and whether it may be compressed on the way."""

    name: str
    media_type: str
    compressible: bool = True

    @property
    def content_type(self) -> str:
        """The Content-Type header."""
        return f"{self.media_type}; charset=utf-8; header=present" if self.name == "csv" else self.media_type


JSON = Form("json", "application/json")
NDJSON = Form("ndjson", "application/x-ndjson")
CSV = Form("csv", "text/csv")
XLSX = Form("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", compressible=False)
FORMS = {form.name: form for form in (JSON, NDJSON, CSV, XLSX)}


def _weighed(header: str) -> dict[str, float]:
    """The words of an Accept header with their weights; parameters other than q don't count."""
    weights: dict[str, float] = {}
    for part in header.split(","):
        word, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = min(1.0, max(0.0, float(parameter[2:])))
                except ValueError:
                    weight = 0.0
        if word:
            weights[word] = weight
    return weights


def form_for(accept: str, *, format: str | None = None) -> Form | None:
    """The form for an Accept header, JSON where all are welcome; None when `format` names none. Raises NotAcceptable."""
    if format is not None:
        return FORMS.get(format)
    by_type = {form.media_type: form for form in FORMS.values()}
    best = best_of(accept, by_type)
    if best is None:
        raise NotAcceptable(f"The list can be had as {', '.join(by_type)}.")
    return by_type[best]


def best_of(accept: str, media_types: Iterable[str]) -> str | None:
    """The media type that an Accept header likes best, the first of equals; None where it takes none of them."""
    weights = _weighed(accept) or {"*/*": 1.0}

    def weight(media_type: str) -> float:
        for word in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
            if word in weights:
                return weights[word]
        return 0.0

    best = max(media_types, key=weight)
    return best if weight(best) > 0 else None


def encoding_for(accept_encoding: str) -> str:
    """`zstd`, `gzip` or `` (as it is), the smallest that the reader takes."""
    weights = _weighed(accept_encoding)
    for encoding in ("zstd", "gzip"):
        if weights.get(encoding, weights.get("*", 0.0)) > 0:
            return encoding
    return ""


def compress(body: bytes, encoding: str) -> bytes:
    """A whole body in an encoding, at the quickest level: a list is compressed once and read often."""
    if encoding == "zstd":
        return zstandard.ZstdCompressor(level=1).compress(body)
    if encoding == "gzip":
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        return packer.compress(body) + packer.flush()
    return body


def compressed(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """A stream of bytes in an encoding, in flat memory."""
    if not encoding:
        yield from chunks
        return
    packer = (
        zstandard.ZstdCompressor(level=1).compressobj()
        if encoding == "zstd"
        else zlib.compressobj(1, zlib.DEFLATED, 31)
    )
    for chunk in chunks:
        packed = packer.compress(chunk)
        if packed:
            yield packed
    yield packer.flush()
