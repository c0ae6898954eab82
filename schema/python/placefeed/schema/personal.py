"""The screen that refuses what looks like data about a child, and never repeats it.

    value -> bytes -> screen_bytes: certainly clean? -> yes: done (a few microseconds)
                                                     -> perhaps: walk every string, number and key -> hits

An NHS number is ten digits with a valid check digit, however split. A date of birth is a date with words such as
`dob` or `born` near it, or under a name that says so. Both are errors. A given name in free text is a warning.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from placefeed.schema.births import holds_birth, is_label, looks_like_date
from placefeed.schema.issues import Issue, Place, Severity
from placefeed.schema.nhs import holds_number, is_number, may_hold_number, plain
from placefeed.schema.wording import CAPITALISED, SILENT, Says, given_names, holds_name
from placefeed.schema.wording import says as says_of

NHS_NUMBER = "personal-nhs-number"
DATE_OF_BIRTH = "personal-date-of-birth"
NAME = "personal-name"

SEVERITY: dict[str, Severity] = {NHS_NUMBER: "error", DATE_OF_BIRTH: "error", NAME: "warning"}

_MESSAGES = {
    NHS_NUMBER: (
        "Something here looks like an NHS number: ten digits with a valid check digit.",
        "Take it out and send the record again. It was not kept. A telephone number belongs in a telephone field.",
    ),
    DATE_OF_BIRTH: (
        "Something here looks like a date of birth.",
        "Take it out and send the record again. It was not kept. Say an age range instead.",
    ),
    NAME: (
        "This text seems to hold a person's given name.",
        "Take names out, of children above all. Say a role, such as 'registered manager', instead.",
    ),
}


@dataclass(frozen=True, slots=True)
class Hit:
    """That something looks personal and where it stands; never what it says.

    `pointer` is relative to the value screened and stops short of a name that is itself the fault.
    `column` is the number of the cell, from 0, where a row was screened.
    """

    rule: str
    severity: Severity
    pointer: str = ""
    column: int | None = None

    def to_issue(self, place: Place | None = None) -> Issue:
        """The hit as an issue of a report, at its pointer unless a place is given."""
        message, advice = _MESSAGES[self.rule]
        return Issue(self.rule, self.severity, message, advice, place or Place(pointer=self.pointer))


def _hit(rule: str, pointer: str = "", column: int | None = None) -> Hit:
    return Hit(rule, SEVERITY[rule], pointer, column)


# --- the quick look ---------------------------------------------------------------------------------

# Digits become 0, letters small, what may split a number goes, all else is a blank. Each word looked for costs as much as
# the translation, so i becomes o: `bor` then stands for both born and birth (and for some harmless words besides).
_TABLE = bytes(
    0x30
    if 0x30 <= byte <= 0x39
    else 0x6F
    if byte in b"iI"
    else byte + 32
    if 0x41 <= byte <= 0x5A
    else byte
    if 0x61 <= byte <= 0x7A
    else 0x20
    for byte in range(256)
)
_SPLITTERS = b" \t\r\n\v\f-._(),/"
_TEN_DIGITS = b"0000000000"
_TELEPHONE_FIELD = re.compile(rb'"telephone":"[^"\\]*"')
_BIRTH_WORDS = (b"dob", b"bor")
_FREE_TEXT_WORDS = (b"note", b"totle", b"detaol", b"comment", b"descro")


def screen_bytes(raw: bytes) -> bool:
    """Whether UTF-8 text (JSON or any other) may hold something personal; False means that `screen` finds nothing."""
    if b"\\" in raw:
        if b"\\u" in raw:
            return True
        raw = raw.replace(b"\\n", b" ").replace(b"\\t", b" ").replace(b"\\r", b" ")
    if not raw.isascii():
        raw = plain(raw.decode("utf-8", "replace")).encode("utf-8", "replace")
    squeezed = raw.translate(_TABLE, _SPLITTERS)
    if any(word in squeezed for word in _BIRTH_WORDS) or (_TEN_DIGITS in squeezed and _may_hold_number(raw)):
        return True
    if any(word in squeezed for word in _FREE_TEXT_WORDS):
        return any(found.capitalize() in given_names() for found in CAPITALISED.findall(raw.decode("utf-8", "replace")))
    return False


def _may_hold_number(raw: bytes) -> bool:
    rest = _TELEPHONE_FIELD.sub(b'""', raw)
    return _TEN_DIGITS in rest.translate(_TABLE, _SPLITTERS) and may_hold_number(rest.decode("utf-8", "replace"))


# --- the whole look ---------------------------------------------------------------------------------


def screen(value: Any) -> list[Hit]:
    """Every hit in a JSON value: strings, numbers and names of properties, at any depth. Empty means clean."""
    try:
        raw = orjson.dumps(value)
    except (TypeError, ValueError):  # what orjson can't write (a huge number, a lone surrogate) is walked as it is
        raw = None
    if raw is not None and not screen_bytes(raw):
        return []
    hits: list[Hit] = []
    rest: list[tuple[Any, str, Says]] = [(value, "", SILENT)]  # a stack of our own: documents may be nested deep
    while rest:
        item, pointer, says = rest.pop()
        if isinstance(item, Mapping):
            rest.extend(reversed(_inside_object(item, pointer, hits)))
        elif isinstance(item, list | tuple):
            rest.extend((entry, f"{pointer}/{index}", says) for index, entry in reversed(list(enumerate(item))))
        else:
            hits.extend(_hit(rule, pointer) for rule in _judge(item, says))
    return list(dict.fromkeys(hits))


def _inside_object(value: Mapping[Any, Any], pointer: str, hits: list[Hit]) -> list[tuple[Any, str, Says]]:
    """Judge the names of an object, and say what of it is still to be looked at."""
    labelled = any(isinstance(text, str) and is_label(plain(text)) for text in value.values())
    care_quality = str(value.get("scheme", "")).casefold() == "cqc"
    inside: list[tuple[Any, str, Says]] = []
    for key, item in value.items():
        name = str(key)
        faults = [_hit(rule, pointer) for rule in _judge(name, SILENT)]
        hits.extend(faults)
        below = pointer if faults else f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if labelled and looks_like_date(item):
            hits.append(_hit(DATE_OF_BIRTH, below))
        if not (care_quality and name == "id" and isinstance(item, str) and _CQC_LOCATION.fullmatch(item)):
            inside.append((item, below, says_of(name)))
    return inside


# The Care Quality Commission numbers locations 1- and nine to eleven digits, which may pass for an NHS number.
_CQC_LOCATION = re.compile(r"1-[0-9]{9,11}")


def _judge(value: Any, says: Says) -> list[str]:
    """The rules that a single value breaks, given what its name says."""
    if value is None or isinstance(value, bool):
        return []
    if isinstance(value, int | float):
        whole = int(value) if isinstance(value, int) or value.is_integer() else 0
        rules = [NHS_NUMBER] if not says.telephone and is_number(whole) else []
        return [*rules, DATE_OF_BIRTH] if says.birth and whole > 31 else rules
    text = plain(value if isinstance(value, str) else str(value))
    rules = []
    if not says.telephone and holds_number(text):
        rules.append(NHS_NUMBER)
    if holds_birth(text) or (says.birth and looks_like_date(text)):
        rules.append(DATE_OF_BIRTH)
    if says.free_text and holds_name(text):
        rules.append(NAME)
    return rules


def screen_text(text: str, *, free_text: bool = True) -> list[Hit]:
    """Every hit in a piece of text that stands alone, such as a title row, a file name or an e-mail."""
    return [
        _hit(rule) for rule in _judge(text, Says(telephone=False, birth=False, free_text=free_text, child_name=False))
    ]


def screen_cells(headings: Sequence[object], cells: Sequence[object]) -> list[Hit]:
    """Every hit in one row of a sheet; `column` says in which cell, from 0.

    Headings are those of the columns, in order; there may be fewer than cells, and none for a row above the headings.
    A cell that is a label, such as `DOB`, counts for the date beside it, since some forms run across.
    """
    hits = list(_row_hits(headings, cells))
    return list(dict.fromkeys(hits))


def _row_hits(headings: Sequence[object], cells: Sequence[object]) -> Iterable[Hit]:
    labelled = False
    for column, cell in enumerate(cells):
        if cell is None or cell == "":
            continue
        heading = headings[column] if column < len(headings) else None
        says = says_of(str(heading)) if heading else SILENT
        for rule in _judge(cell, says):
            yield _hit(rule, column=column)
        if labelled and looks_like_date(cell):
            yield _hit(DATE_OF_BIRTH, column=column)
        if says.child_name and str(cell).strip():
            yield _hit(NAME, column=column)
        labelled = isinstance(cell, str) and is_label(cell)
