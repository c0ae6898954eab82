"""Dates in Ofsted's files: those in cells, and the day on which a list was true."""

import re
from calendar import monthrange
from datetime import date, datetime, timedelta
from typing import Final

from placefeed.adapters.ofsted.values import Cell, text

MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"([0-9]{1,2})(?:st|nd|rd|th)?"
_YEAR = r"([0-9]{4}|[0-9]{2})\b"
_AT = r"\b(?:as )?at\s+(?:the )?(?:end of )?"
_DMY = re.compile(r"([0-9]{1,2})[ /.-]([0-9]{1,2})[ /.-]([0-9]{4}|[0-9]{2})(?: 00:00(?::00)?)?")
_DMY_WORDS = re.compile(rf"{_DAY}[ -]{_MONTH},?[ -]{_YEAR}")
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]00:00(?::00)?)?")

# How a list says on which day it was true, surest first. Each gives day, month and year, or month and year, or the
# year in which an Ofsted year (1 April to 31 March) ends.
_AS_AT_DAY = (
    re.compile(rf"{_AT}{_DAY}[ -]{_MONTH},?[ -]{_YEAR}"),
    re.compile(rf"{_AT}([0-9]{{1,2}})[ /.-]([0-9]{{1,2}})[ /.-]{_YEAR}"),
    re.compile(r"\b(?:as )?at\s+([0-9]{2})([0-9]{2})([0-9]{4}|[0-9]{2})\b"),
    re.compile(rf"\b(?:to|and)\s+{_DAY}[ -]{_MONTH},?[ -]{_YEAR}"),
)
_AS_AT_ISO = re.compile(rf"{_AT}([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}})")
_AS_AT_MONTH = re.compile(rf"{_AT}{_MONTH},?[ -]([0-9]{{4}})\b")
_IN_YEAR = re.compile(r"\bin[ -]year\s+(?:data\s+)?([0-9]{4})\s?[-/–—\s]\s?([0-9]{4}|[0-9]{2})\b")

# A file name has fewer words: any whole date, or a month and a year. A year alone could be March or September.
_NAME_DAY = (
    re.compile(rf"\b{_DAY}[ -]?{_MONTH}[ -]?{_YEAR}"),
    re.compile(rf"\b([0-9]{{1,2}})[ .-]([0-9]{{1,2}})[ .-]{_YEAR}"),
)
_NAME_ISO = re.compile(r"\b(20[0-9]{2})[ -]?([01][0-9])[ -]?([0-3][0-9])\b")
_NAME_MONTH = re.compile(rf"\b{_MONTH}[ -]?(20[0-9]{{2}})\b")

EARLIEST: Final = date(1900, 1, 1)
LATEST: Final = date(2099, 12, 31)
_SERIAL_ZERO: Final = date(1899, 12, 30)
_SERIALS: Final = range(20_000, 60_000)  # 1954 to 2064, as spreadsheets count days


def _month(word: str) -> int:
    return MONTHS.index(word[:3]) + 1 if word[:1].isalpha() else int(word)


def _year(digits: str) -> int:
    return int(digits) + 2000 if len(digits) == 2 else int(digits)


def _made(day: str, month: str, year: str) -> date | None:
    try:
        return date(_year(year), _month(month), int(day))
    except ValueError:
        return None


def cell_date(cell: Cell) -> date | None:
    """A date from a cell: typed, day first as text, in words, ISO or a spreadsheet's day number; None where blank.

    Raises ValueError where there is something else, or a day that does not exist.
    """
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    words = text(cell)
    if words is None:
        return None
    found: date | None = None
    if match := _DMY.fullmatch(words):
        found = _made(match[1], match[2], match[3])
    elif match := _ISO.fullmatch(words):
        found = _made(match[3], match[2], match[1])
    elif match := _DMY_WORDS.fullmatch(words.lower()):
        found = _made(match[1], match[2], match[3])
    elif words.isascii() and words.isdigit() and int(words) in _SERIALS:
        found = _SERIAL_ZERO + timedelta(days=int(words))
    if found is None or not EARLIEST <= found <= LATEST:
        raise ValueError(words)
    return found


def _month_end(month: str, year: str) -> date:
    return date(int(year), _month(month), monthrange(int(year), _month(month))[1])


def _plain(words: str) -> str:
    return " ".join(words.lower().replace("_", " ").replace("+", " ").replace("–", "-").replace("—", "-").split())


def as_at_in(words: str) -> date | None:
    """The day that a title, a heading or a sheet's name says the list was true on.

    `as at 31 March 2025`, `Provider_level_at_30_09_25`, `as at March 2022` (its last day), `in year 2023-24` (31 March 2024).
    """
    plain = _plain(words)
    if match := _AS_AT_ISO.search(plain):
        return _made(match[3], match[2], match[1])
    for pattern in _AS_AT_DAY:
        for match in pattern.finditer(plain):
            found = _made(match[1], match[2], match[3])
            if found is not None and found.year >= 2000:
                return found
    if match := _AS_AT_MONTH.search(plain):
        return _month_end(match[1], match[2])
    if match := _IN_YEAR.search(plain):
        ends = _year(match[2])
        return date(ends, 3, 31) if ends == int(match[1]) + 1 else None
    return None


def as_at_in_name(name: str) -> date | None:
    """The day that a file's name says, as the last resort: a whole date, or the last day of a month and year."""
    plain = _plain(name.rpartition("/")[2].rpartition("\\")[2])
    if found := as_at_in(plain):
        return found
    if match := _NAME_ISO.search(plain):
        return _made(match[3], match[2], match[1])
    for pattern in _NAME_DAY:
        if (match := pattern.search(plain)) and (made := _made(match[1], match[2], match[3])):
            return made
    if match := _NAME_MONTH.search(plain):
        return _month_end(match[1], match[2])
    return None


def year_in_name(name: str) -> int | None:
    """A year in a file's name, only to make the advice better: it is not enough to date a list."""
    match = re.search(r"(?<![0-9])(20[0-9]{2})(?![0-9])", name)
    return int(match[1]) if match else None
