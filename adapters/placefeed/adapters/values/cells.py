"""Single cells as people write them: text, URNs, counts, yes or no, ages, ratios, lists."""

import datetime as dt
import math
import re
from typing import Any

from placefeed.adapters.sheets import Cell
from placefeed.schema.form_rows import BLANK_WORDS, plain_text, unguarded

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


def as_written(cell: Cell) -> str | None:
    if is_blank(cell):
        return None
    written = text(cell)
    if written and written.casefold() in _EXCEL_ERRORS:
        raise CellError("This cell holds an Excel error instead of a value.", "Mend the formula, or write the value.")
    return written


def words(cell: Cell) -> str | None:
    """Words as they stand, or None for a cell that says nothing."""
    return as_written(cell)


_URN = re.compile(r"(?:urn\s*[:.]?\s*)?(sc)?\s*([0-9]{6,7})(?:\.0+)?", re.IGNORECASE)


def urn(cell: Cell) -> str | None:
    """Ofsted's URN as the standard writes it, from SC 012345, sc012345, 2590934.0 or a number."""
    written = as_written(cell)
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
    written = as_written(cell)
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
    written = as_written(cell)
    if written is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,20})?(e-?[0-9]{1,3})?", written) and not isinstance(cell, bool):
        value = float(written)
        return int(value) if value.is_integer() else value
    raise CellError("This is not a number.", "Write a number, such as 37.5, or leave the cell blank.")


_YES = frozenset(("yes", "y", "true", "1", "x", "✓", "✔", "☑"))
_NO = frozenset(("no", "n", "false", "0", "✗", "✘", "☐"))


def yes_no(cell: Cell) -> bool | None:
    """Yes or no, from yes, Y, true, 1, a tick; anything else is refused."""
    if isinstance(cell, bool):
        return cell
    written = as_written(cell)
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
    written = as_written(cell)
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
    written = as_written(cell)
    if written is None:
        return None
    match = _RATIO.fullmatch(written)
    if not match:
        raise CellError("This is not a staffing ratio.", "Write staff to children, such as 2:1.")
    return {"staff": int(match[1]), "children": int(match[2])}


_BULLET = re.compile(r"^[-–*]+(?:\s+|$)")


def split(cell: Cell) -> list[str]:
    """The parts of a list in one cell, by semicolon or line break; by comma or slash where there are neither."""
    written = as_written(cell)
    if written is None:
        return []
    parts = re.split(r"[;\n\r|•]", written)
    if len([part for part in parts if part.strip()]) == 1:
        parts = re.split(r"[,/]", written)
    return [trimmed for part in parts if (trimmed := _BULLET.sub("", part.strip()))]


def buyers(cell: Cell) -> Any:
    """To whom a rate is offered: "any", or a list of `scheme:id` of buyers and `agreement:id`."""
    written = as_written(cell)
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
