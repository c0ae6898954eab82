"""Cells of Ofsted's files as plain values: blanks in all their forms, numbers that were floats, URNs."""

import re
from datetime import date, datetime, time
from typing import Final

Cell = str | float | int | bool | date | time | None
"""What the reader of sheets gives for a cell."""

BLANK: Final = frozenset(
    {"", "-", "--", "–", "—", "null", "???", "n/a", "na", "not applicable", "none", "(select)", "."}
)
"""What Ofsted's files hold where there is nothing to say, in lower case."""

REDACTED: Final = "redacted"

_URN = re.compile(r"(?:SC[0-9]{6}|[0-9]{7})")
_YES: Final = frozenset({"y", "yes", "true", "1"})
_NO: Final = frozenset({"n", "no", "false", "0"})


def text(cell: Cell) -> str | None:
    """The text of a cell with its blanks tidied; None where it says nothing."""
    if cell is None:
        return None
    if isinstance(cell, str):
        words = " ".join(cell.split())  # splits at no-break spaces too
        return None if words.lower() in BLANK else words
    if isinstance(cell, bool):
        return "Y" if cell else "N"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # spreadsheets keep every number as a float
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    return str(cell)


def shown(cell: Cell) -> str | None:
    """As `text`, but None too where Ofsted withholds the value."""
    words = text(cell)
    return None if words is None or words.lower() == REDACTED else words


def whole(cell: Cell) -> int | None:
    """A count; None where blank. Raises ValueError where there is something else than a whole number of 0 or more."""
    words = text(cell)
    if words is None:
        return None
    digits = words.replace(",", "")
    if digits.endswith(".0"):
        digits = digits[:-2]
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 6:
        raise ValueError(words)
    return int(digits)


def number_text(cell: Cell) -> str | None:
    """An identifier that a spreadsheet may have made a number of: `2590934.0` is `2590934`."""
    words = text(cell)
    if words is None:
        return None
    return words[:-2] if words.endswith(".0") and words[:-2].isdigit() else words


def urn(cell: Cell) -> str | None:
    """A URN as the standard writes it; None where there is none. Raises ValueError where it is something else."""
    words = number_text(cell)
    if words is None:
        return None
    code = words.replace(" ", "").upper()
    if not _URN.fullmatch(code):
        raise ValueError(words)
    return code


def yes(cell: Cell) -> bool | None:
    """A flag: Y, yes or a positive number; None where blank. Raises ValueError on other words."""
    words = number_text(cell)
    if words is None:
        return None
    low = words.lower()
    if low in _YES:
        return True
    if low in _NO:
        return False
    if low.isascii() and low.isdigit():
        return int(low) > 0
    raise ValueError(words)


def short_breaks(cell: Cell) -> bool | None:
    """The short-breaks column says `Yes`, or repeats its own heading, or `Long term care only`; None where blank."""
    words = text(cell)
    if words is None:
        return None
    low = words.lower().replace("-", " ")
    if low.startswith("short break"):
        return True
    if low.startswith("long term"):
        return False
    return yes(cell)


def verbatim(cell: Cell) -> str | None:
    """As `shown`, but with the blanks inside the text as printed: an owner's name is quoted, not tidied."""
    if shown(cell) is None:
        return None
    return cell.replace("\xa0", " ").strip() if isinstance(cell, str) else text(cell)


def multi_building(cell: Cell) -> bool | None:
    """The multi-building column says `Y`, or repeats its own heading as the short-breaks one does; None where blank."""
    words = text(cell)
    return True if words is not None and words.lower().startswith("multi") else yes(cell)
