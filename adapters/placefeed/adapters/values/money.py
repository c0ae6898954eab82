"""Money in a cell: "£3,500 pw" is one amount in whole pence and the period that it is for."""

import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from placefeed.adapters.sheets import Cell
from placefeed.adapters.values.cells import CellError, as_written


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
    written = as_written(cell)
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
