"""NHS numbers: ten digits with a check digit (modulus 11), told from dates, telephone and serial numbers.

Decided, and kept by tests:
- A number may be whole or split by blanks (NBSP too), hyphens, dots, underscores or brackets, in any digits of Unicode,
  or grouped by thousands as a spreadsheet does.
- Ten digits beginning with 0 count as well, although a few old telephone numbers have that form: one in eleven of
  those is refused, with the advice to use a telephone field. To miss a child's number would be worse.
- `2590934-001` or `20261121.07` (an identifier or a day, and a serial number) do not count unless split by blanks.
- What follows `+` or `0044` is a telephone number.
"""

import re
import unicodedata
from functools import lru_cache

_DIGITS = "0123456789"
_FOLD = dict.fromkeys((160, 5760, *range(8192, 8203), 8232, 8233, 8239, 8287, 12288, 133), " ")
_FOLD |= dict.fromkeys((*range(8208, 8214), 8722, 65112, 65123, 65293), "-")
_FOLD |= dict.fromkeys((183, 8226, 8228, 8231, 65294), ".")
_FOLD |= dict.fromkeys((173, 847, *range(8203, 8208), *range(8234, 8239), *range(8288, 8293), 65279), "")
_OTHER = re.compile(r"[^\x00-\x7f]{1,64}")


def plain(text: str) -> str:
    """Text with every digit, dash and blank of Unicode as its plain one, and without invisible marks."""
    if text.isascii():
        return text
    return _OTHER.sub(_plain_run, text)


def _plain_run(match: re.Match[str]) -> str:
    return _plain(match.group())


@lru_cache(maxsize=1024)
def _plain(run: str) -> str:
    folded = unicodedata.normalize("NFKC", run.translate(_FOLD)).translate(_FOLD)
    return "".join(_DIGITS[unicodedata.decimal(char)] if char.isdecimal() else char for char in folded)


def valid(digits: str) -> bool:
    """Whether ten plain digits have a right check digit. Ten noughts are a filler, not a number."""
    total = sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False))
    return (11 - total % 11) % 11 == int(digits[9]) and digits != "0000000000"


def is_number(value: int) -> bool:
    """Whether an integer, as a spreadsheet or JSON may hold it, is an NHS number."""
    return 1_000_000_000 <= value <= 9_999_999_999 and valid(str(value))


_RUN = re.compile(r"[0-9][0-9 \t\r\n\v\f._()-]{8,}[0-9]")
_THOUSANDS = re.compile(r",[0-9]{3},[0-9]{3},[0-9]{3}(?<=[0-9],[0-9]{3},[0-9]{3},[0-9]{3})(?![0-9,])")
_FAR = 5
_YEAR_FIRST = r"(?<![0-9])(?:19|20)[0-9]{2}([-. ]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12][0-9]|3[01])(?![0-9])"
_YEAR_LAST = r"(?<![0-9])(?:0?[1-9]|[12][0-9]|3[01])([-. ])(?:0?[1-9]|1[0-2])\2(?:19|20)[0-9]{2}(?![0-9])"
_DAY = re.compile(f"{_YEAR_FIRST}|{_YEAR_LAST}")
_GROUP = re.compile(r"[0-9]+")
_SERIALS = {(7, 3), (8, 2), (2, 8), (1, 9)}


def holds_number(text: str) -> bool:
    """Whether plain text holds an NHS number."""
    return _search(text, strict=True)


def may_hold_number(text: str) -> bool:
    """As `holds_number`, but without its exceptions: for a whole document, whose fields are told apart later."""
    return _search(text, strict=False)


def _search(text: str, *, strict: bool) -> bool:
    return any(_grouped(text, match.start()) for match in _THOUSANDS.finditer(text)) or any(
        _run_holds(text, match, strict=strict) for match in _RUN.finditer(text)
    )


def _grouped(text: str, comma: int) -> bool:
    """Whether the thousands that go on at this comma make ten digits: one before it, nine behind."""
    before = text[max(0, comma - 2) : comma]
    alone = len(before) == 1 or not (before[0].isdigit() or before[0] == ",")
    return alone and valid((before[-1] + text[comma : comma + 12]).replace(",", ""))


def _run_holds(text: str, run: re.Match[str], *, strict: bool) -> bool:
    if len(run.group()) == 10 and not run.group().isdigit():
        return False  # most often a day, 2026-11-21: too few digits
    before = text[max(0, run.start() - 2) : run.start()]
    for piece in _DAY.sub("x", run.group()).split("x"):
        if _piece_holds(piece, before, strict=strict):
            return True
        before = ""
    return False


def _piece_holds(piece: str, before: str, *, strict: bool) -> bool:
    groups = list(_GROUP.finditer(piece))
    for start in range(_after_telephone(groups, before) if strict else 0, len(groups)):
        digits = groups[start].group()
        end = start + 1
        while len(digits) < 10 and end < len(groups) and groups[end].start() - groups[end - 1].end() <= _FAR:
            digits += groups[end].group()
            end += 1
        if len(digits) == 10 and valid(digits) and not (strict and _is_serial(piece, groups[start:end], before)):
            return True
    return False


def _after_telephone(groups: list[re.Match[str]], before: str) -> int:
    """How many groups at the start make up a telephone number in its international form."""
    if before.endswith(("+", "+(")):
        wanted = 11
    elif groups and groups[0].group().startswith("0044"):
        wanted = 13
    else:
        return 0
    taken = count = 0
    while count < len(groups) and taken < wanted:
        taken += len(groups[count].group())
        count += 1
    return count


def _is_serial(piece: str, groups: list[re.Match[str]], before: str) -> bool:
    """An identifier or day with a serial number, such as 2590934-001 or SC000001-0001."""
    if len(groups) != 2 or piece[groups[0].end() : groups[1].start()].strip() == "":
        return False
    shape = (len(groups[0].group()), len(groups[1].group()))
    return shape in _SERIALS or (shape == (6, 4) and before.upper() == "SC" and groups[0].start() == 0)
