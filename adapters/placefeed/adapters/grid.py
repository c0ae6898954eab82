"""Looks at a workbook's XML before it is parsed: how large a grid it lays out, and which cells hold no real value.

A parser lays out a sheet in full: two cells a million rows apart, or one cell "repeated" 16,000 by 1,000,000 times,
would ask for hundreds of gigabytes. Both are seen here from the text, cheaply, and refused.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from placefeed.adapters.base import Refused, TooLarge
from placefeed.adapters.containers import MIB, Kind, Limits

_ROW = re.compile(rb"<(?:\w+:)?row\b[^>]*?\sr\s*=\s*[\"'](\d+)")
_ROWS = re.compile(rb"<(?:\w+:)?row\b")
_CELL_FAR_RIGHT = re.compile(rb"\sr\s*=\s*[\"']([A-Za-z]{2,})(\d+)")
_CELL_FAR_DOWN = re.compile(rb"\sr\s*=\s*[\"'][A-Za-z]+(\d{6,})")
_WIDEST_PLAIN = 26
_FORMULA_WITHOUT_VALUE = re.compile(
    rb"<(?:\w+:)?c\b([^>]*)>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_ERROR = re.compile(rb"<(?:\w+:)?c\b([^>]*\bt=[\"']e[\"'][^>]*)>")
_REFERENCE = re.compile(rb"\br=[\"']([A-Za-z]+)(\d+)")
_TEXT_TYPE = re.compile(rb"\bt=[\"']str[\"']")
_ODS_ROW = re.compile(rb"<table:table-row\b(?:[^>]*?number-rows-repeated\s*=\s*[\"'](\d+))?")
_ODS_REPEATED = re.compile(rb"number-columns-repeated\s*=\s*[\"'](\d+)")
_FAULTS_KEPT = 1_000


def check(members: dict[str, bytes], kind: Kind, limits: Limits) -> None:
    """Raise TooLarge if any sheet would be laid out as more cells than the limit."""
    for name, content in members.items():
        if kind == "ods":
            width, height = _ods_size(content) if name == "content.xml" else (0, 0)
        else:
            width, height = _xlsx_size(content)
        if width * height > limits.cells:
            raise TooLarge(
                f"A sheet of this workbook spans {height:,} rows and {width:,} columns, most of them blank. "
                "Copy the cells that matter into a new workbook and send that."
            )


def _xlsx_size(content: bytes) -> tuple[int, int]:
    if b"sheetData" not in content:
        return 0, 0
    height = max(len(_ROWS.findall(content)), max(map(int, _ROW.findall(content)), default=0))
    height = max(height, max(map(int, _CELL_FAR_DOWN.findall(content)), default=0))
    width = _WIDEST_PLAIN
    for letters, row in _CELL_FAR_RIGHT.findall(content):
        width = max(width, column_number(letters) + 1)
        height = max(height, int(row))
    # cells may also come without an address, one after the other
    return max(width, max((part.count(b"<c>") for part in _pieces(content, b"<row")), default=0)), height


def column_number(letters: bytes) -> int:
    """The column of its letters, from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number - 1


def _ods_size(content: bytes) -> tuple[int, int]:
    """The largest table, as its laid-out size at most: blank cells and rows repeated at an end are cut by the parser."""
    largest = (0, 0)
    for table in _pieces(content, b"<table:table "):
        width = height = blank = 0
        for row in _pieces(table, b"</table:table-row>"):
            times = sum(int(n or 1) for n in _ODS_ROW.findall(row))
            if b"value" in row or b"formula" in row or b"<text:" in row:
                height += blank + times
                blank = 0
                width = max(width, _ods_width(row))
            else:
                blank += times
        if width * height > largest[0] * largest[1]:
            largest = (width, height)
    return largest


def _pieces(content: bytes, separator: bytes) -> Iterator[bytes]:
    """As `split`, but one piece at a time: 75 MB of rows are not copied at once."""
    at = 0
    while (end := content.find(separator, at)) >= 0:
        yield content[at:end]
        at = end + len(separator)
    yield content[at:]


def _ods_width(row: bytes) -> int:
    """Columns up to the last cell that holds something."""
    begins = max(0, row.find(b"<table:table-row"))
    holds = max(row.rfind(sign) for sign in (b"value", b"formula", b"<text:"))
    row = row[begins : row.find(b">", holds) + 1]
    cells = row.count(b"<table:table-cell") + row.count(b"<table:covered-table-cell")
    return min(cells + sum(int(times) - 1 for times in _ODS_REPEATED.findall(row)), 16_384)


def faults(members: dict[str, bytes], kind: Kind) -> dict[str, dict[tuple[int, int], str]]:
    """By sheet, the cells that hold a formula nobody calculated (`formula`) or an Excel error (`error`)."""
    if kind != "xlsx":
        return {}
    found: dict[str, dict[tuple[int, int], str]] = {}
    for sheet, member in _sheet_members(members).items():
        content = members.get(member, b"")
        at: dict[tuple[int, int], str] = {}
        if b"<f" in content or b":f" in content:
            for match in _FORMULA_WITHOUT_VALUE.finditer(content):
                if not _TEXT_TYPE.search(match[1]):  # a formula whose text is empty is simply blank
                    _note(at, match[1], "formula")
        for match in _ERROR.finditer(content) if b't="e"' in content or b"t='e'" in content else ():
            _note(at, match[1], "error")
        if at:
            found[sheet] = at
    return found


def _note(at: dict[tuple[int, int], str], attributes: bytes, what: str) -> None:
    reference = _REFERENCE.search(attributes)
    if reference and len(at) < _FAULTS_KEPT:
        at[int(reference[2]), column_number(reference[1])] = what


def _sheet_members(members: dict[str, bytes]) -> dict[str, str]:
    """Sheet name -> the member that holds it, by the workbook's own table."""
    book = members.get("xl/workbook.xml", b"")
    links = members.get("xl/_rels/workbook.xml.rels", b"")
    if len(book) > 5 * MIB or len(links) > 5 * MIB:
        raise TooLarge("This workbook's table of sheets is far too large. Copy the cells into a new workbook.")
    try:
        targets = {
            link.get("Id"): unquote(link.get("Target", "")).removeprefix("/xl/").removeprefix("xl/")
            for link in fromstring(links)
        }
        sheets: dict[str, str] = {}
        for element in fromstring(book).iter():
            if element.tag.rpartition("}")[2] == "sheet":
                identifier = next((value for key, value in element.attrib.items() if key.endswith("}id")), None)
                sheets[element.get("name", "")] = "xl/" + targets.get(identifier, "")
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Refused(
            "This workbook is damaged and can't be read. Open it in Excel or LibreOffice, save it again and send that.",
            rule="unknown-form",
        ) from error
    return sheets
