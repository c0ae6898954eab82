"""The codelists of the standard: what each code means, and which code another body's word stands for."""

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from types import MappingProxyType

from placefeed.schema.files import find

Row = MappingProxyType[str, str]

_PUNCTUATION = re.compile(r"[.,'’`()]")
_BLANKS = re.compile(r"[\s_\-‐‑‒–—/]+")
_COUNCIL = re.compile(
    r"^(?:the )?(?:royal borough of |london borough of |metropolitan borough of |city of )?"
    r"(.*?)"
    r"(?: (?:metropolitan )?(?:borough|city|county|district|unitary)?(?: of)? ?(?:council|mbc|bc|cc))?$"
)


class UnknownCodelist(LookupError):
    """No codelist of that name: `codelist_names()` says which there are."""


def fold(text: str) -> str:
    """A word as compared: case, accents of width, punctuation, hyphens and blanks (NBSP too) do not count."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("&", " and ")
    return _BLANKS.sub(" ", _PUNCTUATION.sub("", folded)).strip()


@dataclass(frozen=True, slots=True)
class Codelist:
    """One codelist: its rows in the order of the file. `open` ones may be added to by others."""

    name: str
    open: bool
    rows: tuple[Row, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code once, deprecated ones too, in the order of the file."""
        return tuple(dict.fromkeys(row["code"] for row in self.rows))

    def __contains__(self, code: object) -> bool:
        return any(row["code"] == code for row in self.rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self.codes)

    def row(self, code: str) -> Row:
        """Every column of a code; KeyError where there is no such code."""
        for row in self.rows:
            if row["code"] == code:
                return row
        raise KeyError(f"{code} is not in the codelist {self.name}")

    def title(self, code: str) -> str:
        """The code in words, as shown to people."""
        return self.row(code)["title"]

    def mapping(self, column: str) -> dict[str, str]:
        """Another body's words to our codes, from a column of alternatives parted by `|`.

        Each word stands there as written and folded (`fold`); the first row that has a word keeps it.
        """
        words: dict[str, str] = {}
        for row in self.rows:
            for word in filter(None, row[column].split("|")):
                words.setdefault(word, row["code"])
                words.setdefault(fold(word), row["code"])
        return words

    def find(self, text: str, column: str | None = None) -> str | None:
        """The code for a code, a title or a word of `column`, however it is written; None where there is none."""
        return _index(self.name, column).get(fold(text))


@cache
def _index(name: str, column: str | None) -> dict[str, str]:
    rows = codelist(name).rows
    words: dict[str, str] = {}
    for row in rows:
        words.setdefault(fold(row["code"]), row["code"])
    for row in rows:
        words.setdefault(fold(row["title"]), row["code"])
    if column is not None:
        for word, code in codelist(name).mapping(column).items():
            words.setdefault(fold(word), code)
    return words


def _read(name: str) -> tuple[Row, ...]:
    with find("codelists", f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(MappingProxyType(row) for row in csv.DictReader(file))


@cache
def _catalogue() -> dict[str, Row]:
    return {row["name"]: row for row in _read("index")}


def codelist_names() -> tuple[str, ...]:
    """The names of all codelists, as files are named."""
    return tuple(_catalogue())


@cache
def codelist(name: str) -> Codelist:
    """A codelist by name, such as `provision-types`, read once; raises UnknownCodelist."""
    entry = _catalogue().get(name)
    if entry is None:
        raise UnknownCodelist(f"There is no codelist {name}.")
    return Codelist(name=name, open=entry["kind"] == "open", rows=_read(name))


# --- grades: a code means something within its framework only ---------------------------------------


@cache
def judgements(framework: str) -> Codelist:
    """The grades of one framework; empty for a framework that has none."""
    rows = tuple(row for row in codelist("judgements").rows if row["framework"] == framework)
    return Codelist(name=f"judgements:{framework}", open=False, rows=rows)


def judgement(framework: str, text: str) -> str | None:
    """The grade's code for the inspectorate's word; None where the framework has no such word."""
    wanted = fold(text)
    for row in judgements(framework).rows:
        if wanted in {fold(word) for word in (row["code"], row["title"], *row["ofsted"].split("|"))}:
            return row["code"]
    return None


def rank(framework: str, code: str) -> int | None:
    """Where a grade stands in its framework, 1 the best; None where it cannot be ranked."""
    rows = [row for row in judgements(framework).rows if row["code"] == code]
    return int(rows[0]["rank"]) if rows and rows[0]["rank"] else None


# --- where ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Region:
    """A region of England, Wales, or one of Ofsted's own regions that joins two."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class LocalAuthority:
    """A local authority under one GSS code, with the days on which the code was valid."""

    code: str
    name: str
    region: str
    valid_from: date
    valid_until: date | None
    successors: tuple[str, ...]
    dfe: str

    @property
    def live(self) -> bool:
        """Whether the code is still in use."""
        return self.valid_until is None

    def valid_on(self, day: date) -> bool:
        """Whether the code was in use on that day."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


@cache
def _regions() -> dict[str, Region]:
    known: dict[str, Region] = {}
    for row in codelist("regions").rows:
        entry = Region(code=row["code"], name=row["title"])
        for word in (row["code"], row["title"], *row["aliases"].split("|")):
            known.setdefault(fold(word), entry)
    known.pop("", None)
    return known


def region(text: str) -> Region | None:
    """A region by code, by its name or by one of Ofsted's names for it."""
    return _regions().get(fold(text))


def region_of(code: str) -> Region | None:
    """The region that a local authority (GSS code) lies in; None for a code that is not known."""
    found = _authorities_by_code().get(code)
    return region(found.region) if found else None


@cache
def _authorities_by_code() -> dict[str, LocalAuthority]:
    return {
        row["code"]: LocalAuthority(
            code=row["code"],
            name=row["title"],
            region=row["region"],
            valid_from=date.fromisoformat(row["from"]),
            valid_until=date.fromisoformat(row["to"]) if row["to"] else None,
            successors=tuple(filter(None, row["successors"].split("|"))),
            dfe=row["dfe"],
        )
        for row in codelist("local-authorities").rows
    }


@cache
def _authorities_by_name() -> dict[str, tuple[LocalAuthority, ...]]:
    named: dict[str, list[LocalAuthority]] = {}
    for row in codelist("local-authorities").rows:
        for word in {fold(word) for word in (row["title"], *row["aliases"].split("|"))} - {""}:
            named.setdefault(word, []).append(_authorities_by_code()[row["code"]])
    return {word: tuple(found) for word, found in named.items()}


def local_authorities() -> tuple[LocalAuthority, ...]:
    """Every local authority in the list, terminated ones too."""
    return tuple(_authorities_by_code().values())


@lru_cache(maxsize=4096)
def local_authority(text_or_code: str, on: date | None = None) -> LocalAuthority | None:
    """A local authority by GSS code, by name or by alias, as it was on a day (today's where none is given).

    Names were used again over the years (Northumberland has had three codes): of several the one valid
    on the day counts; where none was, the latest, so that abolished authorities in older files are still found.
    """
    text = text_or_code.strip()
    by_code = _authorities_by_code().get(text.upper())
    if by_code is not None:
        return by_code
    names = _authorities_by_name()
    folded = fold(text)
    found = names.get(folded)
    if found is None:
        stripped = _COUNCIL.match(folded)
        found = names.get(stripped.group(1)) if stripped else None
    if not found:
        return None
    valid = [one for one in found if (one.live if on is None else one.valid_on(on))]
    if valid:
        return valid[-1]
    if on is not None and all(one.valid_from > on for one in found):
        return min(found, key=lambda one: one.valid_from)  # before GSS codes began, in 2009
    return max(found, key=lambda one: one.valid_from)
