"""Reads a body under a cap: decompressed here, so that a bomb is seen before it is in memory and half a file is seen at all."""

import zlib
from collections.abc import Iterator

import httpx2

from placefeed.adapters.base import ChangedShape, TooLarge, Unreachable

MIB = 1024 * 1024


def read_capped(response: httpx2.Response, *, max_bytes: int, site: str) -> bytes:
    """The body, decompressed; stops at the first byte over the cap, and takes no half of a compressed one.

    `site` names the sender in messages. Raises TooLarge, Unreachable (broken off, damaged) or ChangedShape.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        raise ChangedShape(
            f"{site} compresses the feed as “{encoding[:20]}”, which was not asked for; only gzip is read."
        )
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise _too_large(max_bytes, site)
    inflate = zlib.decompressobj(wbits=31) if encoding.endswith("gzip") else None
    parts: list[bytes] = []
    size = read = 0
    try:
        for raw in response.iter_raw():
            read += len(raw)
            for part in _inflated(inflate, raw) if inflate else (raw,):
                size += len(part)
                if max(size, read) > max_bytes:
                    raise _too_large(max_bytes, site)
                parts.append(part)
    except zlib.error as error:
        raise Unreachable(f"{site} sent a damaged gzip stream.") from error
    if inflate and read and not inflate.eof:
        raise Unreachable(f"{site} sent only a part of the file.")
    return b"".join(parts)


def _inflated(inflate: "zlib._Decompress", raw: bytes) -> Iterator[bytes]:
    """Pieces of at most a megabyte, so that a bomb is seen before it is in memory."""
    while raw and not inflate.eof:
        part = inflate.decompress(raw, MIB)
        raw = inflate.unconsumed_tail
        if part:
            yield part
    while not inflate.eof and (part := inflate.decompress(b"", MIB)):
        yield part


def _too_large(max_bytes: int, site: str) -> TooLarge:
    cap = f"{max_bytes // MIB} MB" if max_bytes >= MIB else f"{max_bytes} bytes"
    return TooLarge(f"{site} sends more than {cap}, the most that is read.")
