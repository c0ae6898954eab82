"""Pure readers of single cells as people write them.

Each takes a cell and returns the standard's value, or None where the cell says nothing; what cannot be read for
certain raises CellError, whose text says what to write instead. Nothing is guessed, and no cell is ever repeated back.
"""

from placefeed.adapters.values.cells import (
    CellError,
    ages,
    buyers,
    count,
    is_blank,
    number,
    ratio,
    split,
    text,
    urn,
    words,
    yes_no,
)
from placefeed.adapters.values.dates import LONDON, date, instant
from placefeed.adapters.values.money import Money, money, period

__all__ = [
    "LONDON",
    "CellError",
    "Money",
    "ages",
    "buyers",
    "count",
    "date",
    "instant",
    "is_blank",
    "money",
    "number",
    "period",
    "ratio",
    "split",
    "text",
    "urn",
    "words",
    "yes_no",
]
