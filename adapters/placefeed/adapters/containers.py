"""Tells a file's kind by its content and opens zipped spreadsheets safely, before any parser sees them.

A spreadsheet is a zip of XML, and both can lie: a small file that unzips to gigabytes, a sheet of two cells a million
rows apart that a parser lays out in full. So the members that a parser needs are read here, counted, measured and
packed again: the parser gets exactly the bytes that were checked.
"""

import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import Literal

from placefeed.adapters.base import Refused, TooLarge

Kind = Literal["json", "ndjson", "csv", "xlsx", "ods"]
MIB = 1024 * 1024

CONTENT_TYPES: dict[str, Kind] = {
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "text/csv": "csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a spreadsheet may cost at most. Sizes in bytes; the defaults hold all of England several times over."""

    file_bytes: int = 50 * MIB
    unzipped_bytes: int = 400 * MIB  # Ofsted's own workbook of 2025 is 3 MB and unzips to 75
    ratio: int = 200  # of a member that unzips to more than `ratio_from`
    ratio_from: int = 10 * MIB
    members: int = 2_000
    cell_chars: int = 32_767  # Excel's own limit
    rows: int = 250_000
    columns: int = 1_000
    cells: int = 10_000_000  # laid out, empty ones included: what a parser keeps in memory
    sheets: int = 200


_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "This is a PDF. Send the spreadsheet that it was printed from, as XLSX, ODS or CSV."),
    (b"{\\rtf", "This is a text document (RTF). Send a spreadsheet: XLSX, ODS or CSV."),
    (b"\x89PNG", "This is a picture. Send the spreadsheet itself: XLSX, ODS or CSV."),
    (b"\xff\xd8\xff", "This is a picture. Send the spreadsheet itself: XLSX, ODS or CSV."),
    (b"\x1f\x8b", "This file is compressed (gzip). Unpack it first, then send the spreadsheet or feed itself."),
    (b"7z\xbc\xaf", "This file is compressed (7-Zip). Unpack it first, then send the spreadsheet or feed itself."),
    (b"Rar!", "This file is compressed (RAR). Unpack it first, then send the spreadsheet or feed itself."),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKUP = re.compile(rb"\s*<(?:!doctype\s+html|html|table|head|body|meta|\?xml)", re.IGNORECASE)


def kind_of(head: bytes, *, names: frozenset[str] | None = None) -> Kind | None:
    """Say what a file is by its first bytes (and, for a zip, the names in it); None when they do not show it.

    Raises Refused, with advice, for what can be told but not read: a PDF, an old .xls, a web page.
    """
    for magic, advice in _FOREIGN:
        if head.startswith(magic):
            raise Refused(advice, rule="unknown-form")
    if head.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in head:
            raise Refused(
                "This workbook is protected by a password. Save a copy without the password and send that.",
                rule="unknown-form",
            )
        raise Refused(
            "This is an old Excel workbook (.xls). Open it, choose Save As, Excel Workbook (.xlsx), and send that.",
            rule="unknown-form",
        )
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_kind(names) if names is not None else None
    body = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if body.startswith((b"{", b"[")):
        return "ndjson" if _first_line_is_whole(body) else "json"
    if _MARKUP.match(body):
        raise Refused(
            "This is a web page or XML with a spreadsheet's name, as some systems export it. "
            "Open it in Excel, choose Save As, Excel Workbook (.xlsx), and send that.",
            rule="unknown-form",
        )
    if not body:
        return None
    return None if _binary(head) else "csv"


def _first_line_is_whole(body: bytes) -> bool:
    """NDJSON: the first line is a whole object, and there is more than one line or it says that it is a header."""
    line, _, rest = body.partition(b"\n")
    line = line.strip()
    return line.startswith(b"{") and line.endswith(b"}") and (b'"line"' in line or rest.lstrip().startswith(b"{"))


def _binary(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False  # UTF-16, Excel's "Unicode text"
    if b"\x00" in head:
        half = min(len(head), 4_096) // 2  # UTF-16 without a mark: nearly every second byte is zero, and no other
        zeros = sorted((head[0:4_096:2].count(0), head[1:4_096:2].count(0)))
        return not (zeros[0] < half * 0.1 and zeros[1] > half * 0.7)
    controls = sum(byte < 9 or 13 < byte < 32 for byte in head[:4_096])
    return controls > max(2, len(head[:4_096]) // 100)


def _zip_kind(names: frozenset[str]) -> Kind:
    if "content.xml" in names:
        return "ods"
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "xl/workbook.bin" in names:
        advice = "This is a binary Excel workbook (.xlsb). Choose Save As, Excel Workbook (.xlsx), and send that."
    elif any(name.startswith("Index/") and name.endswith(".iwa") for name in names):
        advice = "This is an Apple Numbers file. Choose File, Export To, Excel, and send that."
    elif "word/document.xml" in names:
        advice = "This is a Word document. Send a spreadsheet: XLSX, ODS or CSV."
    else:
        advice = "This is a zip archive. Unpack it first, then send the spreadsheet itself."
    raise Refused(advice, rule="unknown-form")


def open_zip(data: bytes, *, limits: Limits) -> tuple[Kind, dict[str, bytes]]:
    """Unzip a spreadsheet within the limits: its kind and the members that matter, in the order they had.

    Raises TooLarge or Refused.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > limits.members:
                raise TooLarge(
                    f"This workbook has {len(entries):,} parts inside, more than the {limits.members:,} we read."
                )
            kind = _zip_kind(frozenset(entry.filename for entry in entries))
            if any(entry.flag_bits & 1 for entry in entries):
                raise Refused(
                    "This workbook is protected by a password. Save a copy without the password and send that.",
                    rule="unknown-form",
                )
            return kind, _unpack(archive, entries, limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError) as error:
        raise Refused(
            "This workbook is damaged and can't be opened. Open it in Excel or LibreOffice, save it again and send that.",
            rule="unknown-form",
        ) from error


def _unpack(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], limits: Limits) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    total = 0
    for entry in entries:
        if not _needed(entry.filename):
            continue
        total += entry.file_size
        grown = entry.file_size > limits.ratio * max(1, entry.compress_size)
        if total > limits.unzipped_bytes or (grown and entry.file_size > limits.ratio_from):
            raise TooLarge(
                "This workbook is far larger inside than it seems. Copy the cells that matter into a new workbook and send that."
            )
        # zipfile never gives more than the declared size, and checks the sum of what it gave
        members[entry.filename] = archive.read(entry)
    return members


def _needed(name: str) -> bool:
    return name.endswith((".xml", ".rels")) and not name.startswith(
        ("xl/theme", "xl/drawings", "xl/charts", "docProps")
    )


def repack(members: dict[str, bytes], kind: Kind) -> io.BytesIO:
    """Pack checked members again, stored and not deflated: what the parser opens is what was checked."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        if kind == "ods":
            archive.writestr("mimetype", b"application/vnd.oasis.opendocument.spreadsheet")
        for name, content in members.items():
            archive.writestr(name, content)
    packed.seek(0)
    return packed
