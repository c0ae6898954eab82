"""A mapping says, in TOML, how a provider's own spreadsheet is read; a new provider's sheet is a new file, never new code.

The built-in mapping `placefeed` reads the standard's own form: its columns are those of `form_columns`, and its file
adds only the other headings and words under which providers say the same. `adapters/README.md` explains the file.
"""

import datetime as dt
import tomllib
from collections.abc import Iterator
from collections.abc import Mapping as Keyed
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placefeed.adapters.base import SourceRecord
from placefeed.adapters.fields import COMPOSITE, KINDS, PARTS, Field, Reading, form_column, of_form
from placefeed.adapters.sheets import CSV_NAME, Sheet
from placefeed.adapters.words import plain
from placefeed.schema.codelists import codelist_names
from placefeed.schema.form_columns import NOT_READ, SHEETS, columns_of
from placefeed.schema.issues import Issue

if TYPE_CHECKING:
    from placefeed.adapters.rows import Assembly

FOLDER = Path(__file__).parent / "mappings"
SEARCHED_ROWS = 30
"""Rows at the top of a sheet among which the headings are looked for, unless a mapping says another number."""


class BadMapping(ValueError):
    """A mapping file says something that cannot be meant; the message names the key."""


@dataclass(frozen=True, slots=True)
class SheetRule:
    """How one kind of sheet is read: by which names it is known, its columns, and habits of whoever fills it in."""

    names: tuple[str, ...]
    fields: tuple[Field, ...]
    fill_down: tuple[str, ...] = ()
    blank_places_mean_none: bool = False

    def fits(self, name: str) -> bool:
        """Whether a sheet of this name is of this kind; names may hold * and ?."""
        return any(fnmatch(name.strip().casefold(), pattern.casefold()) for pattern in self.names)


@dataclass(frozen=True, slots=True)
class Mapping:
    """A provider's form. `constants` hold always, `defaults` where a cell is blank, `without_column` where there is none."""

    name: str
    title: str
    sheets: tuple[SheetRule, ...]
    ignored: tuple[str, ...] = NOT_READ
    any_sheet: bool = False  # sheets of other names are tried too
    complete: bool = False
    ttl: int | None = None
    month_first: bool = False
    header_rows: int = SEARCHED_ROWS
    as_at: tuple[str, ...] = ()
    constants: Keyed[str, Any] = field(default_factory=dict)
    defaults: Keyed[str, Any] = field(default_factory=dict)
    without_column: Keyed[str, Any] = field(default_factory=dict)
    codes: Keyed[str, Keyed[str, str]] = field(default_factory=dict)

    @classmethod
    def load(cls, source: str | Path) -> "Mapping":
        """Read a mapping from a file or from TOML text. Raises BadMapping, which says what is wrong with it."""
        try:
            toml = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
            return _mapping(tomllib.loads(toml))
        except tomllib.TOMLDecodeError as error:
            raise BadMapping(f"This mapping is not TOML: {error}") from error

    def rules_for(self, sheet: Sheet) -> tuple[SheetRule, ...]:
        """The rules that may read a sheet, best guess first; none for one that is not to be read."""
        if any(fnmatch(sheet.name.casefold(), name.casefold()) for name in self.ignored):
            return ()
        named = tuple(rule for rule in self.sheets if rule.fits(sheet.name))
        if named:
            return named
        return self.sheets if self.any_sheet or sheet.name == CSV_NAME else ()

    def read(self, sheets: list[Sheet], *, today: dt.date, issues: list[Issue] | None = None) -> Iterator[SourceRecord]:
        """Yield one SourceRecord for each setting, in the order in which settings first appear.

        What concerns a sheet and not a record (an unknown heading, a sheet without headings) goes to `issues`.
        A part without an `asOf` of its own leaves it out: the caller fills in when the document was published.
        """
        return self.assemble(sheets, today=today, issues=[] if issues is None else issues).records()

    def assemble(self, sheets: list[Sheet], *, today: dt.date, issues: list[Issue]) -> "Assembly":
        """Read all sheets; the Assembly has the records, and says how many sheets and rows could not be placed."""
        from placefeed.adapters.rows import Assembly  # it reads what is declared here

        assembly = Assembly(self, Reading(today, self.month_first, self.codes), issues)
        for sheet in sheets:
            assembly.take(sheet)
        return assembly


@cache
def builtin(name: str = "placefeed") -> Mapping:
    """A mapping that is shipped: `placefeed` for the standard's own form, others by the name of their file."""
    path = FOLDER / f"{name}.toml"
    if not name.replace("-", "").isalnum() or not path.is_file():
        raise BadMapping(f"There is no mapping {name!r}; shipped are: {', '.join(builtin_names())}.")
    return Mapping.load(path)


def builtin_names() -> tuple[str, ...]:
    """The names of the shipped mappings."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


_KEYS = frozenset(
    ("name", "title", "form", "any_sheet", "ignore_sheets", "header_rows", "date_order", "feed", "as_at", "constants",
     "defaults", "without_column", "codes", "synonyms", "sheets", "columns")
)  # fmt: skip
_SHEET_KEYS = frozenset(("names", "like", "fill_down", "blank_places", "columns"))
_COLUMN_KEYS = frozenset(("to", "headings", "kind", "codelist", "codes", "per", "unit"))


def _mapping(raw: dict[str, Any]) -> Mapping:
    _only(raw, _KEYS, "this mapping")
    order = raw.get("date_order", "day-first")
    if order not in ("day-first", "month-first"):
        raise BadMapping("date_order is day-first or month-first.")
    feed = raw.get("feed", {})
    _only(feed, frozenset(("complete", "ttl")), "[feed]")
    for name in raw.get("codes", {}):
        if name not in codelist_names():
            raise BadMapping(f"[codes.{name}]: the standard has no codelist {name}.")
    shared = [_field(column, "[[columns]]") for column in raw.get("columns", ())]
    synonyms = {key: tuple(found) for key, found in raw.get("synonyms", {}).items()}
    return Mapping(
        name=str(raw.get("name", "")),
        title=str(raw.get("title", "")),
        sheets=_rules(raw, shared, synonyms),
        ignored=(*NOT_READ, *raw.get("ignore_sheets", ())),
        any_sheet=bool(raw.get("any_sheet", False)),
        complete=bool(feed.get("complete", False)),
        ttl=feed.get("ttl"),
        month_first=order == "month-first",
        header_rows=int(raw.get("header_rows", SEARCHED_ROWS)),
        as_at=tuple(plain(words) for words in raw.get("as_at", ())),
        constants=_valued(raw, "constants"),
        defaults=_valued(raw, "defaults"),
        without_column=_valued(raw, "without_column"),
        codes=raw.get("codes", {}),
    )


def _rules(raw: dict[str, Any], shared: list[Field], synonyms: dict[str, tuple[str, ...]]) -> tuple[SheetRule, ...]:
    """The rules as written, each followed by the form's own columns where the mapping builds on the form."""
    builds_on_form = bool(raw.get("form", True))
    base = builtin().sheets if builds_on_form and raw.get("name") != "placefeed" else ()
    if not base and builds_on_form:
        _known_keys(synonyms)
        base = tuple(
            SheetRule((sheet,), tuple(of_form(column, synonyms.get(column.key, ())) for column in columns_of(sheet)))
            for sheet in SHEETS
        )
        synonyms = {}
    rules: list[SheetRule] = []
    for at, sheet in enumerate(raw.get("sheets", ()), start=1):
        where = f"[[sheets]] number {at}"
        _only(sheet, _SHEET_KEYS, where)
        like = sheet.get("like", "Vacancies")
        if like not in SHEETS:
            raise BadMapping(f"{where}: like is one of {', '.join(SHEETS)}.")
        own = [_field(column, where) for column in sheet.get("columns", ())] + shared
        rules.append(
            SheetRule(
                names=tuple(sheet.get("names", ("*",))),
                fields=(*own, *_form_fields(base, like)),
                fill_down=tuple(f"/{pointer.strip('/')}" for pointer in sheet.get("fill_down", ())),
                blank_places_mean_none=sheet.get("blank_places") == "none",
            )
        )
    if not rules:
        rules = [SheetRule(rule.names, (*shared, *_form_fields(base, rule.names[0]))) for rule in base]
    return tuple(rules)


def _form_fields(base: tuple[SheetRule, ...], like: str) -> tuple[Field, ...]:
    """The columns of one sheet of the form first, then those of the others: the first that has a heading keeps it."""
    first = [field for rule in base if rule.names[0] == like for field in rule.fields]
    return (*first, *(field for rule in base if rule.names[0] != like for field in rule.fields))


def _field(raw: dict[str, Any], where: str) -> Field:
    _only(raw, _COLUMN_KEYS, where)
    targets = raw.get("to")
    if not targets:
        raise BadMapping(f"{where}: a column has no `to`.")
    pointers = tuple(f"/{target.strip('/')}" for target in ([targets] if isinstance(targets, str) else targets))
    for pointer in pointers:
        if pointer.split("/")[1] not in (*PARTS, "urn", "registration", "asOf"):
            raise BadMapping(
                f"{where}: to = {pointer!r} begins with none of urn, registration, asOf, {', '.join(PARTS)}."
            )
    known = form_column(pointers[0])
    kind = raw.get("kind") or COMPOSITE.get(pointers[0]) or (known.kind if known else None)
    if kind not in KINDS:
        raise BadMapping(f"{where}: {pointers[0]} needs a kind, one of {', '.join(KINDS)}.")
    listed = raw.get("codelist") or (known.codelist if known else None)
    if kind in ("code", "codes") and listed not in codelist_names():
        raise BadMapping(f"{where}: {pointers[0]} needs a codelist of the standard.")
    if raw.get("unit", "pounds") not in ("pounds", "pence"):
        raise BadMapping(f"{where}: unit is pounds or pence.")
    headings = tuple(plain(heading) for heading in raw.get("headings", ()))
    return Field(
        pointers=pointers,
        kind=kind,
        label=raw["headings"][0] if raw.get("headings") else pointers[0],
        headings=headings,
        codelist=listed,
        codes=raw.get("codes", {}),
        per=raw.get("per"),
        pence=raw.get("unit") == "pence",
    )


def _valued(raw: dict[str, Any], table: str) -> dict[str, Any]:
    found = {f"/{pointer.strip('/')}": value for pointer, value in raw.get(table, {}).items()}
    for pointer in found:
        if pointer.split("/")[1] not in (*PARTS, "asOf"):
            raise BadMapping(f"[{table}]: {pointer} begins with none of {', '.join(PARTS)}.")
    return found


def _known_keys(synonyms: dict[str, tuple[str, ...]]) -> None:
    keys = {column.key for sheet in SHEETS for column in columns_of(sheet)}
    unknown = set(synonyms) - keys
    if unknown:
        raise BadMapping(f"[synonyms]: the form has no column {', '.join(sorted(unknown))}.")


def _only(raw: dict[str, Any], allowed: frozenset[str], where: str) -> None:
    unknown = set(raw) - allowed
    if unknown:
        raise BadMapping(f"{where}: unknown key {', '.join(sorted(unknown))}; known are {', '.join(sorted(allowed))}.")
