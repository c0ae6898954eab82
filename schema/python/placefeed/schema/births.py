"""Dates of birth: a date with a person's words near it, in the many forms in which people write dates."""

import re
from datetime import date

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*"
_DAY = r"(?:0?[1-9]|[12][0-9]|3[01])"
_NUMBER = r"(?:0?[1-9]|1[0-2])"
_YEAR = r"(?:19|20)[0-9]{2}"
_GAP = r"\s{0,2}[-./, ]\s{0,2}"
_DATE = re.compile(
    rf"(?<![0-9])(?:{_DAY}{_GAP}{_NUMBER}{_GAP}(?:{_YEAR}|'?[0-9]{{2}})"  # 12/03/2011, 12.3.11
    rf"|{_NUMBER}{_GAP}{_DAY}{_GAP}(?:{_YEAR}|[0-9]{{2}})"  # 3/25/2011
    rf"|{_YEAR}{_GAP}{_NUMBER}{_GAP}{_DAY}"  # 2011-03-12
    rf"|{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"  # 20110312
    rf"|(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])(?:{_YEAR}|[0-9]{{2}})"  # 12032011, 120311
    rf"|{_NUMBER}\s?[-/.]\s?{_YEAR}"  # 03/2011
    rf"|{_DAY}(?:st|nd|rd|th)?[-./, ]{{0,3}}(?:of )?{_MONTH}(?:[-./, ]{{0,3}}'?(?:{_YEAR}|[0-9]{{2}}))?"  # 12th of March 2011
    rf")(?![0-9])|\b{_MONTH}[-./, ]{{1,3}}(?:{_DAY}(?:st|nd|rd|th)?(?:[-./, ]{{1,3}}{_YEAR})?|'?{_YEAR})(?![0-9])",  # March 12, 2011
    re.IGNORECASE,
)
_LOOSE_WORD = re.compile(
    r"\bd[ ._-]{0,2}o[ ._-]{0,2}b\b|\bd/o/b\b|\bborn\b|\bdates?[ _-]{0,2}of[ _-]{0,2}births?|\bbirth[ _-]{0,2}(?:date|day)s?"
    r"|(?<=[a-z])dob\b|\bdob(?=[_0-9])|_dob(?![a-z])",
    re.IGNORECASE,
)
# "From birth" is how a setting says its ages, so this word counts only right beside a date.
_TIGHT_WORD = re.compile(r"\bbirth\b", re.IGNORECASE)
_NEAR = 30
_BESIDE = 4
_NAMES = re.compile(
    r"\bdob\b|\bd o b\b|\bdobs?\b|\bdates? of births?\b|\bbirth ?(?:date|day|dt)s?\b|\bdateofbirth\b|^born$|\bborn on\b"
)
_LABEL = re.compile(
    r"\W*(?:(?:child|yp|young person|client|resident|pupil)?(?:['’]?s)?\s*)?"
    r"(?:d[ ._-]{0,2}o[ ._-]{0,2}b|d/o/b|date of birth|birth ?date|birthday|born(?: on)?)\W*",
    re.IGNORECASE,
)


def holds_birth(text: str) -> bool:
    """Whether plain text holds a date near a word that makes it a date of birth."""
    loose = [word.span() for word in _LOOSE_WORD.finditer(text)]
    tight = [word.span() for word in _TIGHT_WORD.finditer(text)]
    if not loose and not tight:
        return False
    dates = [found.span() for found in _DATE.finditer(text)]
    return any(_gap(word, day) <= _NEAR for word in loose for day in dates) or any(
        _gap(word, day) <= _BESIDE for word in tight for day in dates
    )


def _gap(one: tuple[int, int], other: tuple[int, int]) -> int:
    return max(one[0] - other[1], other[0] - one[1], 0)


def names_birth(words: str) -> bool:
    """Whether a property's or column's name, as small words parted by blanks, says date of birth."""
    return _NAMES.search(words) is not None


def is_label(text: str) -> bool:
    """Whether text is nothing but a label for a date of birth."""
    return len(text) <= 40 and _LABEL.fullmatch(text) is not None


def looks_like_date(value: object) -> bool:
    """Whether a value is a date, or text that holds one."""
    if isinstance(value, date):
        return True
    return isinstance(value, str) and _DATE.search(value) is not None
