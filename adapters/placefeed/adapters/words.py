"""Finds the code that people's words stand for; a near miss is taken only where it can hardly be another, and said."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from placefeed.adapters.sheets import Cell
from placefeed.adapters.values import CellError, is_blank, split, text
from placefeed.schema.codelists import codelist, fold, local_authorities, local_authority

SUGGEST_FROM = 70
"""Similarity (0 to 100) from which a known word is named as a suggestion; it is never taken on this alone."""
_NOT_LETTERS = re.compile(r"[^a-z0-9 ]+")
_OPEN_CODE = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)+|[a-z0-9]+")
_OTHERS_WORDS = ("ofsted", "pds", "hsds", "ssda903", "s251", "aliases")
"""Columns of codelists that hold other bodies' words for a code."""


def plain(words: str) -> str:
    """Words as compared: case, punctuation, brackets and signs such as £ or * do not count."""
    return " ".join(_NOT_LETTERS.sub(" ", fold(words)).split())


def nearly(written: str, known: Iterable[str]) -> str | None:
    """The one known word that differs only by a slip of the keyboard; None where two fit or the slip could mean something.

    "Vacnacies" is Vacancies; but "unoccupied places" is not "occupied places", and "line 2" is not "line 1": words must
    begin alike and figures must agree.
    """
    allowed = 0 if len(written) < 5 else 1 if len(written) < 9 else 2
    if not allowed:
        return None
    fits = [
        word
        for word in known
        if abs(len(word) - len(written)) <= allowed
        and OSA.distance(written, word, score_cutoff=allowed) <= allowed
        and _same_beginnings(written, word)
    ]
    return fits[0] if len(set(fits)) == 1 else None


def _same_beginnings(one: str, other: str) -> bool:
    first, second = one.split(), other.split()
    if [w for w in first if any(c.isdigit() for c in w)] != [w for w in second if any(c.isdigit() for c in w)]:
        return False
    if len(first) != len(second):
        return one.replace(" ", "") == other.replace(" ", "")
    return all(a[0] == b[0] for a, b in zip(first, second, strict=True))


def suggestion(written: str, known: Iterable[str]) -> str | None:
    """The most similar known word, to be named in advice."""
    choices = list(known)
    found = [
        one
        for scorer in (fuzz.ratio, fuzz.token_sort_ratio)
        if (one := process.extractOne(written, choices, scorer=scorer, score_cutoff=SUGGEST_FROM))
    ]
    return max(found, key=lambda one: one[1])[0] if found else None


@dataclass(frozen=True, slots=True)
class Found:
    """A code, and the title to write next time where a near miss was taken."""

    code: str
    meant: str | None = None


@cache
def _known(name: str) -> dict[str, str]:
    """Every word of a codelist, plain: titles and codes first, then other bodies' words."""
    known = codelist(name)
    words = {plain(row["title"]): row["code"] for row in known.rows}
    for row in known.rows:
        words.setdefault(plain(row["code"]), row["code"])
    for column in _OTHERS_WORDS:
        if column in known.rows[0]:
            for word, meaning in known.mapping(column).items():
                words.setdefault(plain(word), meaning)
    words.pop("", None)
    return words


def code(written: str, name: str, *, words: Mapping[str, str] | None = None) -> Found:
    """The code of codelist `name` for a code, a title or another body's word; `words` are a mapping's own translations.

    Raises CellError with the nearest title where there is one.
    """
    known = codelist(name)
    key = plain(written)
    own = {plain(word): meaning for word, meaning in (words or {}).items()}
    if key in own:
        return Found(own[key])
    direct = known.find(written)
    if direct is not None:
        return Found(direct)
    titles = {**_known(name), **own}
    if key in titles:
        return Found(titles[key])
    if known.open and _OPEN_CODE.fullmatch(written) and not nearly(key, titles):
        return Found(written)
    near = nearly(key, titles)
    if near is not None:
        return Found(titles[near], known.title(titles[near]))
    similar = suggestion(key, titles)
    advice = (
        f"Did you mean “{known.title(titles[similar])}”? Write exactly that."
        if similar and titles[similar] in known
        else "Choose from: "
        + "; ".join(row["title"] for row in known.rows[:12])
        + ("..." if len(known.rows) > 12 else ".")
    )
    raise CellError(f"This is not one of the words for “{name}”.", advice)


def codes(cell: Cell, name: str, *, words: Mapping[str, str] | None = None) -> list[Found]:
    """Every code in a cell that holds a list; a whole cell that is one title is one code, commas and all."""
    if is_blank(cell):
        return []
    try:
        return [code(text(cell) or "", name, words=words)]
    except CellError:
        parts = split(cell)
    if not parts:
        return []
    found: dict[str, Found] = {}
    for part in parts:
        one = code(part, name, words=words)
        found.setdefault(one.code, one)
    return list(found.values())


def authority(cell: Cell) -> str | None:
    """A local authority's GSS code, from its name, an alias or the code."""
    if is_blank(cell):
        return None
    written = text(cell) or ""
    found = local_authority(written)
    if found is not None:
        return found.code
    names = {plain(one.name): one.name for one in local_authorities() if one.live}
    similar = suggestion(plain(written), names)
    raise CellError(
        "This is not a local authority that we know.",
        f"Did you mean “{names[similar]}”?"
        if similar
        else "Write the authority's full name, or its nine-character code.",
    )
