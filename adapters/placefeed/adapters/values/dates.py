"""Dates and instants in a cell: typed, worded, numbered or "ASAP"; times without an offset are British."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

from placefeed.adapters.sheets import Cell
from placefeed.adapters.values.cells import CellError, as_written

LONDON = ZoneInfo("Europe/London")
_MONTHS = {
    name: at
    for at, names in enumerate(
        (
            ("jan", "january"), ("feb", "february"), ("mar", "march"), ("apr", "april"), ("may",), ("jun", "june"),
            ("jul", "july"), ("aug", "august"), ("sep", "sept", "september"), ("oct", "october"), ("nov", "november"),
            ("dec", "december"),
        ),
        start=1,
    )
    for name in names
}  # fmt: skip
_NOW = frozenset(
    ("asap", "now", "immediate", "immediately", "today", "available now", "available immediately", "straight away",
     "as soon as possible", "ready now", "current")
)  # fmt: skip
_ISO = re.compile(r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})")
_NUMERIC = re.compile(r"([0-9]{1,2})[/.\- ]([0-9]{1,2})[/.\- ]([0-9]{4}|[0-9]{2})")
_WORDED = re.compile(
    r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+)?([0-9]{1,2})(?:st|nd|rd|th)?[\s\-/]+(?:of\s+)?([a-z]{3,9})\.?,?[\s\-/]+([0-9]{4}|[0-9]{2})"
)
_WORDED_MONTH_FIRST = re.compile(r"([a-z]{3,9})\.?\s+([0-9]{1,2})(?:st|nd|rd|th)?,?\s+([0-9]{4})")
_TIME = re.compile(
    r"(?:[t ,]|\bat\b)\s*([0-9]{1,2})[:.]([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?\s*(am|pm)?(?:z|[+-][0-9]{2}:?[0-9]{2})?$"
)
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DATE_ADVICE = "Write the day, the month and the year, such as 21/11/2026."


def date(cell: Cell, *, today: dt.date, month_first: bool = False) -> str | None:
    """A day as YYYY-MM-DD, from a typed date, 21/11/2026, 21 Nov 2026, 2026-11-21, an Excel day number; "now" is `today`.

    Days come first unless `month_first`; a date that only fits the other order is refused, not turned round.
    """
    found = _day(cell, today=today, month_first=month_first)
    return found.isoformat() if found else None


def _day(cell: Cell, *, today: dt.date, month_first: bool) -> dt.date | None:
    if isinstance(cell, dt.datetime):
        return _plausible(cell.date())
    if isinstance(cell, dt.date):
        return _plausible(cell)
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        if 20_000 <= cell < 80_000:  # 1954 to 2119: days as Excel counts them
            return _plausible(dt.date(1899, 12, 30) + dt.timedelta(days=int(cell)))
        raise CellError("This number is not a date.", _DATE_ADVICE)
    written = as_written(cell)
    if written is None:
        return None
    words = " ".join(written.casefold().split())
    if words in _NOW:
        return today
    words = _TIME.sub("", words).strip()
    if match := _ISO.fullmatch(words):
        year, month, day = (int(part) for part in match.groups())
    elif match := _NUMERIC.fullmatch(words):
        first, second, year = (int(part) for part in match.groups())
        day, month = (second, first) if month_first else (first, second)
        if month > 12 >= day:
            order = "month" if month_first else "day"
            raise CellError(f"This date does not have the {order} first.", _DATE_ADVICE)
    elif (match := _WORDED.fullmatch(words)) and match[2] in _MONTHS:
        day, month, year = int(match[1]), _MONTHS[match[2]], int(match[3])
    elif (match := _WORDED_MONTH_FIRST.fullmatch(words)) and match[1] in _MONTHS:
        day, month, year = int(match[2]), _MONTHS[match[1]], int(match[3])
    else:
        raise CellError("This is not a date that we can read for certain.", _DATE_ADVICE)
    try:
        return _plausible(dt.date(year + 2000 if year < 100 else year, month, day))
    except ValueError as error:
        if isinstance(error, CellError):
            raise
        raise CellError("There is no such day.", _DATE_ADVICE) from error


def _plausible(day: dt.date) -> dt.date:
    if not 1900 <= day.year < 2200:
        raise CellError("This date is in a year that can't be meant.", _DATE_ADVICE)
    return day


def instant(cell: Cell, *, today: dt.date, month_first: bool = False) -> str | None:
    """A moment as RFC 3339. Times without an offset are Europe/London; a day without a time is its first moment there:
    it never claims to be fresher than it says."""
    if isinstance(cell, str):
        written = cell.strip()
        if _RFC3339.fullmatch(written):
            return written.replace(" ", "T").upper()
        try:  # 2026-11-21T18:04+01:00 and other ISO forms that carry an offset
            moment = dt.datetime.fromisoformat(written)
            if moment.tzinfo is not None:
                return _utc(moment)
        except ValueError:
            pass  # not ISO: read below as people write it
    day = _day(cell, today=today, month_first=month_first)
    if day is None:
        return None
    time = dt.time()
    if isinstance(cell, dt.datetime):
        if cell.tzinfo is not None:
            return _utc(cell)
        time = cell.time()
    elif isinstance(cell, float):
        seconds = round(cell % 1 * 86_400) % 86_400
        time = dt.time(seconds // 3600, seconds // 60 % 60, seconds % 60)
    elif isinstance(cell, str) and (match := _TIME.search(" ".join(cell.casefold().split()))):
        hour = int(match[1])
        if match[4]:
            hour = hour % 12 + (12 if match[4] == "pm" else 0)
        try:
            time = dt.time(hour, int(match[2]), int(match[3] or 0))
        except ValueError as error:
            raise CellError("There is no such time of day.", "Write the time such as 21/11/2026 18:04.") from error
    return _utc(dt.datetime.combine(day, time, LONDON))


def _utc(moment: dt.datetime) -> str:
    moment = (moment + dt.timedelta(milliseconds=500)).replace(microsecond=0)
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
