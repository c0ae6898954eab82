"""Pure readers of single cells as people write them: counts, money, dates, ages, yes or no.

Each takes a cell and returns the standard's value, or None where the cell says nothing; what cannot be read for
certain raises CellError, whose text says what to write instead. Nothing is guessed, and no cell is ever repeated back.
"""

import datetime as dt
import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from placefeed.adapters.sheets import Cell
from placefeed.schema.form_rows import BLANK_WORDS, plain_text, unguarded

LONDON = ZoneInfo("Europe/London")
_NONE_MEANS_ZERO = frozenset(("none", "nil", "zero", "no"))
_NUMBER_WORDS = dict(
    zip(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), range(1, 11), strict=True)
)
_EXCEL_ERRORS = frozenset(("#ref!", "#value!", "#div/0!", "#name?", "#num!", "#null!"))


class CellError(ValueError):
    """A cell that cannot be read for certain: what was wanted, and what to write."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


def text(cell: Cell) -> str | None:
    """The cell as text on its own terms: 2590934 and not 2590934.0, edges trimmed, blanks of every kind made plain."""
    if cell is None:
        return None
    if isinstance(cell, bool):
        return "Yes" if cell else "No"
    if isinstance(cell, float):
        return format(cell, ".15g")
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ", timespec="minutes")
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    return unguarded(plain_text(str(cell))) or None


def is_blank(cell: Cell) -> bool:
    """Whether the cell says nothing: empty, a dash, n/a, NULL, tbc... Absent is unknown, never zero."""
    if cell is None:
        return True
    return isinstance(cell, str) and (text(cell) or "").casefold() in BLANK_WORDS


def _written(cell: Cell) -> str | None:
    if is_blank(cell):
        return None
    written = text(cell)
    if written and written.casefold() in _EXCEL_ERRORS:
        raise CellError("This cell holds an Excel error instead of a value.", "Mend the formula, or write the value.")
    return written


def words(cell: Cell) -> str | None:
    """Words as they stand, or None for a cell that says nothing."""
    return _written(cell)


_URN = re.compile(r"(?:urn\s*[:.]?\s*)?(sc)?\s*([0-9]{6,7})(?:\.0+)?", re.IGNORECASE)


def urn(cell: Cell) -> str | None:
    """Ofsted's URN as the standard writes it, from SC 012345, sc012345, 2590934.0 or a number."""
    written = _written(cell)
    if written is None:
        return None
    match = _URN.fullmatch(written.replace(",", "") if isinstance(cell, float | int) else written)
    if match and len(match[2]) == (6 if match[1] else 7):
        return (match[1] or "").upper() + match[2]
    raise CellError(
        "This is not a URN.", "Write Ofsted's URN of the setting: SC and six digits, or seven digits, and nothing else."
    )


_COUNT = re.compile(r"([0-9]{1,6})(?:\.0+)?\s*(?:places?|vacanc(?:y|ies)|beds?|rooms?|child(?:ren)?)?", re.IGNORECASE)


def count(cell: Cell) -> int | None:
    """A whole number of places, from 2, 2.0, "2 places" or "two"; "none" and "nil" are zero here."""
    if isinstance(cell, str) and cell.strip().casefold() in _NONE_MEANS_ZERO:
        return 0
    written = _written(cell)
    if written is None:
        return None
    if not isinstance(cell, bool | dt.date | dt.time):
        match = _COUNT.fullmatch(written)
        if match:
            return int(match[1])
        if written.casefold() in _NUMBER_WORDS:
            return _NUMBER_WORDS[written.casefold()]
    if isinstance(cell, dt.date | dt.time):
        raise CellError("This cell holds a date where a number belongs.", "Write a whole number, such as 2.")
    raise CellError("This is not a whole number.", "Write a whole number, such as 2, or leave the cell blank.")


def number(cell: Cell) -> int | float | None:
    """A number, whole or not, such as hours a week."""
    if isinstance(cell, int | float) and not isinstance(cell, bool) and math.isfinite(cell):
        return cell
    written = _written(cell)
    if written is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,20})?(e-?[0-9]{1,3})?", written) and not isinstance(cell, bool):
        value = float(written)
        return int(value) if value.is_integer() else value
    raise CellError("This is not a number.", "Write a number, such as 37.5, or leave the cell blank.")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in whole pence, and the period that the cell itself names, if any."""

    pence: int
    per: str | None = None


_AMOUNT = re.compile(
    r"(?P<sign>£|gbp)?\s*(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,8})(?P<part>\.[0-9]{1,2})?\s*(?P<pence>p(?:ence)?(?![a-z./]))?"
    r"\s*(?:gbp)?\s*(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_PERIODS = {
    "week": ("pw", "wk", "week", "weekly", "wkly", "ppw", "pppw", "w"),
    "night": ("pn", "night", "nightly", "ppn"),
    "hour": ("ph", "hr", "hour", "hourly"),
    "year": ("pa", "yr", "year", "yearly", "annum", "annual", "annually"),
    "once": ("once", "one off", "oneoff"),
}
_PERIOD = {word: period for period, words in _PERIODS.items() for word in words}
_BEFORE_PERIOD = re.compile(r"^(?:(?:per|a|an|each|every)\b|p?/|p\.)\s*")
_AFTER_PERIOD = re.compile(
    r"\s*(?:\bper (?:child|place|person|placement)|(?:\+|\bplus|\bexc?l?\.?|\bexcluding)\s*vat)$"
)


def period(written: str) -> str | None:
    """The standard's period for words such as "pw", "per night", "/ week"; None for none of ours."""
    words = written.casefold().strip(" ()[].:;,")
    for _ in range(3):
        known = _PERIOD.get(words.replace(".", "").replace("-", " "))
        if known:
            return known
        words = _BEFORE_PERIOD.sub("", _AFTER_PERIOD.sub("", words)).strip(" ().,")
    return None


def money(cell: Cell, *, pence: bool = False) -> Money | None:
    """An amount from 3500, "£3,500 pw", "£512.50 per night"; `pence` says that plain numbers are pence already.

    A number that a formula worked out is rounded to the nearest penny. "5k", ranges, "from £3,000" and amounts by the
    month are refused.
    """
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        if not math.isfinite(cell) or not 0 <= cell < 10**9:
            raise CellError("This is not an amount of money.", "Write the amount in pounds, such as 3500.00.")
        exact = Decimal(repr(cell)) * (1 if pence else 100)
        return Money(int(exact.quantize(Decimal(1), ROUND_HALF_UP)))
    written = _written(cell)
    if written is None:
        return None
    match = _AMOUNT.fullmatch(written) if isinstance(cell, str) else None
    if match:
        amount = Decimal(match["whole"].replace(",", "") + (match["part"] or ""))
        per, rest = None, match["rest"].strip().casefold()
        if rest:
            per = period(rest)
            if per is None and rest.strip(" ()") not in ("+ vat", "plus vat", "ex vat", "exc vat", "excl vat", "+vat"):
                raise _not_money(rest)
        in_pence = match["pence"] or (pence and not match["sign"])
        if in_pence and amount != int(amount):
            raise CellError("This is not a whole number of pence.", "Write the amount in pounds, such as 3500.00.")
        return Money(int(amount if in_pence else amount * 100), per)
    raise _not_money("")


def _not_money(rest: str) -> CellError:
    if re.match(r"k\b|m\b", rest):
        return CellError("This amount is shortened.", "Write it out in pounds, such as 5000 and not 5k.")
    if re.search(r"month|pcm|\bpm\b", rest):
        return CellError("The standard has no price by the month.", "Give the price by the week, night, hour or year.")
    if re.match(r"(?:-|–|to|—)\s*£?\s*[0-9]", rest):
        return CellError("This is a range of prices.", "Give one price; write another row for another price.")
    return CellError(
        "This is not an amount of money that we can read for certain.",
        "Write one amount in pounds, such as 3500.00 or £3,500 pw.",
    )


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
    written = _written(cell)
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


_YES = frozenset(("yes", "y", "true", "1", "x", "✓", "✔", "☑"))
_NO = frozenset(("no", "n", "false", "0", "✗", "✘", "☐"))


def yes_no(cell: Cell) -> bool | None:
    """Yes or no, from yes, Y, true, 1, a tick; anything else is refused."""
    if isinstance(cell, bool):
        return cell
    written = _written(cell)
    if written is None:
        return None
    word = written.casefold().rstrip(".! ")
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise CellError("This is neither yes nor no.", "Write yes or no, or leave the cell blank.")


_AGES = re.compile(
    r"(?:ages?d?\s*)?([0-9]{1,2})\s*(?:years?|yrs?|y)?(?:\s*(?:-|–|—|to|/|until|and)\s*([0-9]{1,2})\s*(?:years?|yrs?|y)?)?(?:\s*old)?",
    re.IGNORECASE,
)


def ages(cell: Cell) -> dict[str, int] | None:
    """An age range, from "11-16", "11 to 16 yrs", or one age alone; "8+" and "under 12" leave an end open and are refused."""
    if isinstance(cell, dt.date):
        raise CellError(
            "Excel has turned these ages into a date.",
            "Format the column as text and write the ages again, such as 11 to 16.",
        )
    written = _written(cell)
    if written is None:
        return None
    match = None if isinstance(cell, bool) else _AGES.fullmatch(written)
    if not match:
        raise CellError("These are not ages that we can read for certain.", "Write both ends, such as 11 to 16.")
    return {"from": int(match[1]), "to": int(match[2] or match[1])}


_RATIO = re.compile(r"([0-9]{1,2})\s*(?::|to|/|-)\s*([0-9]{1,2})(?:\s*(?:staff(?:ing)?|ratio))*", re.IGNORECASE)


def ratio(cell: Cell) -> dict[str, int] | None:
    """A staffing ratio, staff first, from "2:1" or "2 to 1"."""
    if isinstance(cell, dt.date | dt.time):
        raise CellError(
            "Excel has turned this ratio into a time or date.", "Format the column as text and write 2:1 again."
        )
    written = _written(cell)
    if written is None:
        return None
    match = _RATIO.fullmatch(written)
    if not match:
        raise CellError("This is not a staffing ratio.", "Write staff to children, such as 2:1.")
    return {"staff": int(match[1]), "children": int(match[2])}


_BULLET = re.compile(r"^[-–*]+(?:\s+|$)")


def split(cell: Cell) -> list[str]:
    """The parts of a list in one cell, by semicolon or line break; by comma or slash where there are neither."""
    written = _written(cell)
    if written is None:
        return []
    parts = re.split(r"[;\n\r|•]", written)
    if len([part for part in parts if part.strip()]) == 1:
        parts = re.split(r"[,/]", written)
    return [trimmed for part in parts if (trimmed := _BULLET.sub("", part.strip()))]


def buyers(cell: Cell) -> Any:
    """To whom a rate is offered: "any", or a list of `scheme:id` of buyers and `agreement:id`."""
    written = _written(cell)
    if written is None:
        return None
    if written.casefold() in ("any", "anyone", "all", "everyone", "any buyer"):
        return "any"
    offered: dict[str, list[Any]] = {}
    for part in re.split(r"[;,\n]", written):
        scheme, colon, identifier = part.strip().partition(":")
        if not colon or not scheme.strip() or not identifier.strip():
            raise CellError(
                "This does not say to whom the rate is offered.",
                "Write any, or buyers as gss:E08000025 and agreements as agreement:name, parted by semicolons.",
            )
        if scheme.strip().casefold() == "agreement":
            offered.setdefault("agreements", []).append(identifier.strip())
        else:
            offered.setdefault("buyers", []).append({"scheme": scheme.strip(), "id": identifier.strip()})
    return offered
