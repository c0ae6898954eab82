"""Finds the row of headings in a sheet, under title and band rows, and which column of the standard each heading means."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from placefeed.adapters.fields import Field
from placefeed.adapters.mapping import Mapping, SheetRule
from placefeed.adapters.sheets import Cell, Sheet, address
from placefeed.adapters.values import text
from placefeed.adapters.words import nearly, plain, suggestion
from placefeed.schema.issues import Issue, Place

LEAST_HEADINGS = 2
"""Known headings in one row from which it is taken for the row of headings."""
_SHOWN = 60


@dataclass(slots=True)
class Header:
    """The row of headings: its number, the field of each known column, the headings as written, and what was odd."""

    row: int
    rule: SheetRule
    fields: dict[int, Field]
    written: dict[int, str]
    issues: list[Issue] = field(default_factory=list)
    exact: int = 0

    @property
    def score(self) -> tuple[bool, float]:
        """A row that says which settings it is about comes first, then the one with most known headings."""
        names = {pointer for column in self.fields.values() for pointer in column.pointers}
        near = len(self.fields) - self.exact
        return bool({"/urn", "/registration/id"} & names), self.exact + near / 2


def find_header(sheet: Sheet, top: Sequence[list[Cell]], mapping: Mapping) -> Header | None:
    """The best row of headings among the first rows of a sheet, under the best of its rules; None if none is known."""
    best: Header | None = None
    for rule in mapping.rules_for(sheet):
        known = _known(rule)
        for at in range(min(len(top), mapping.header_rows)):
            if len([cell for cell in top[at] if cell is not None]) < LEAST_HEADINGS:
                continue
            header = _match(sheet, top, at, rule, known)
            if len(header.fields) >= LEAST_HEADINGS and (best is None or header.score > best.score):
                best = header
    if best is not None:
        _unknown(sheet, best, _known(best.rule))
    return best


def _known(rule: SheetRule) -> dict[str, Field]:
    """Every heading of a rule; where two fields have the same, the one that stands first keeps it."""
    known: dict[str, Field] = {}
    for column in rule.fields:
        for heading in column.headings:
            known.setdefault(heading, column)
    return known


def _match(sheet: Sheet, top: Sequence[list[Cell]], at: int, rule: SheetRule, known: dict[str, Field]) -> Header:
    row = top[at]
    bands = _bands(top[at - 1], len(row)) if at else [""] * len(row)
    header = Header(sheet.first_row + at, rule, {}, {})
    taken: dict[tuple[str, ...], int] = {}
    near: list[int] = []
    for column, cell in enumerate(row):
        own = " ".join((text(cell) or "").split()) if isinstance(cell, str) else ""
        if not own:
            continue
        header.written[column] = own
        candidates = [plain(f"{bands[column]} {own}"), plain(own)] if bands[column] else [plain(own)]
        found = next((known[name] for name in candidates if name in known), None)
        if found is None:
            near.append(column)
        elif found.pointers in taken:
            _twice(sheet, header, column, found)
        else:
            taken[found.pointers] = column
            header.fields[column] = found
            header.exact += 1
    for column in near:  # after the exact ones: a slip never takes the place of the right heading
        similar = nearly(plain(header.written[column]), known)
        if similar and known[similar].pointers not in taken:
            taken[known[similar].pointers] = column
            header.fields[column] = known[similar]
            header.issues.append(
                Issue(
                    "sheet-near-miss",
                    "warning",
                    f"The heading “{_shown(header.written[column])}” was read as “{similar.capitalize()}”.",
                    f"Write “{similar.capitalize()}” next time.",
                    Place(sheet=sheet.name, cell=address(header.row, column)),
                )
            )
    return header


def _bands(above: list[Cell], width: int) -> list[str]:
    """The row above, with each merged title repeated over the columns that it spans."""
    bands: list[str] = []
    current = ""
    for column in range(width):
        cell = above[column] if column < len(above) else None
        if isinstance(cell, str):
            current = " ".join(cell.split())
        bands.append(current)
    # one title over everything is the sheet's title and not a band
    return bands if sum(cell is not None for cell in above) > 1 else [""] * width


def _twice(sheet: Sheet, header: Header, column: int, found: Field) -> None:
    header.issues.append(
        Issue(
            "sheet-double-heading",
            "warning",
            f"Two columns mean “{found.label}”. Only the first was read.",
            "Remove one of them, or give it another heading.",
            Place(sheet=sheet.name, cell=address(header.row, column)),
        )
    )


def _unknown(sheet: Sheet, header: Header, known: dict[str, Field]) -> None:
    """Say once for each heading that was not read, with the heading it may have meant."""
    free = [name for name, column in known.items() if column not in header.fields.values()]
    twice = {issue.place.cell for issue in header.issues}
    for column, written in header.written.items():
        if column in header.fields or address(header.row, column) in twice:
            continue
        similar = suggestion(plain(written), free)
        header.issues.append(
            Issue(
                "sheet-unknown-heading",
                "warning" if similar else "advice",
                f"The heading “{_shown(written)}” is not known; its column was not read.",
                f"Did you mean “{similar.capitalize()}”? Then write that."
                if similar
                else "Nothing to do if the column is for yourself; else use a heading of the template.",
                Place(sheet=sheet.name, cell=address(header.row, column)),
            )
        )


def _shown(heading: str) -> str:
    """A heading as repeated in a message: short, and without figures, which could be somebody's number or date."""
    shown = "".join("#" if character.isdigit() else character for character in heading)
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
