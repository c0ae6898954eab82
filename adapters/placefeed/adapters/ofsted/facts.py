"""The facts of a setting from the cells of a row."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Final, TypeVar

from placefeed.adapters.ofsted import values, words
from placefeed.adapters.ofsted.dates import cell_date
from placefeed.adapters.ofsted.model import OfstedRow
from placefeed.adapters.ofsted.remarks import Remarks
from placefeed.adapters.ofsted.values import Cell

T = TypeVar("T")

HOMES: Final = frozenset({"children-home", "secure-childrens-home", "residential-special-school-childrens-home"})
"""Types for which a blank in the short-breaks column says no; for others it says nothing."""


def cell_at(cells: Sequence[Cell], index: int | None) -> Cell:
    """A cell by its column from 0; None past the row's end, and where the list has no such column."""
    return cells[index] if index is not None and index < len(cells) else None


class SettingColumns:
    """Reads rows by the columns that are about the setting (name -> index)."""

    def __init__(self, columns: Mapping[str, int], remarks: Remarks, day: date | None) -> None:
        self._columns = columns
        self._needs = {name.removeprefix("need:"): at for name, at in columns.items() if name.startswith("need:")}
        self._remarks = remarks
        self._day = day

    def read(self, cells: Sequence[Cell], urn: str, line: int) -> OfstedRow:
        """The setting that a row tells of. What can't be read is noted and left out; the row is kept."""
        kind, kind_text = self._code(cells, "provision_type", words.provision_type, "provision type")
        kind = self._finer(kind, cells)
        status, _ = self._code(cells, "status", words.registration_status, "registration status")
        authority, authority_text = self._code(cells, "local_authority", self._authority, "local authority")
        region, _ = self._code(
            cells, "region" if "region" in self._columns else "ofsted_region", words.region_code, "region"
        )
        sector, _ = self._code(cells, "sector", words.sector, "sector")
        short_breaks = self._value(cells, "short_breaks", values.short_breaks, "“Short breaks only”")
        if short_breaks is None and kind in HOMES and "short_breaks" in self._columns:
            short_breaks = False
        return OfstedRow(
            urn=urn,
            line=line,
            provision_type=kind,
            provision_type_text=kind_text,
            registration_status=status,
            name=self._value(cells, "name", values.shown, "The name"),
            owner=self._value(cells, "owner", values.verbatim, "The owner"),
            places=self._value(cells, "places", values.whole, "The number of places"),
            local_authority=authority,
            local_authority_text=authority_text,
            region=region,
            sector=sector,
            short_breaks_only=short_breaks,
            multi_building=self._value(cells, "multi_building", values.multi_building, "“Multi-building”"),
            education_urn=self._value(cells, "education_urn", values.number_text, "The linked education URN"),
            registered_on=self._value(cells, "registered_on", cell_date, "The registration date"),
            premises=self._value(cells, "premises", values.whole, "The number of premises"),
            needs=tuple(need for need, index in self._needs.items() if self._flag(cells, need, index)),
        )

    def _finer(self, kind: str | None, cells: Sequence[Cell]) -> str | None:
        """The LA list calls secure homes and some schools children's homes, and says which in a second column."""
        if kind != "children-home":
            return kind
        subtype = values.text(cell_at(cells, self._columns.get("provision_subtype")))
        finer = words.provision_type(subtype) if subtype else None
        return finer if finer in HOMES else kind

    def _authority(self, name: str) -> str | None:
        return words.authority(name, self._day)

    def _value(self, cells: Sequence[Cell], name: str, convert: Callable[[Cell], T | None], what: str) -> T | None:
        index = self._columns.get(name)
        try:
            return convert(cell_at(cells, index))
        except ValueError:
            self._remarks.warn("ofsted-value", f"{what} could not be read; it was left out.", "Check the cell.", index)
            return None

    def _code(
        self, cells: Sequence[Cell], name: str, find: Callable[[str], str | None], what: str
    ) -> tuple[str | None, str | None]:
        """Code and text of a word; a word that is new is noted, and its code is None."""
        index = self._columns.get(name)
        printed = values.shown(cell_at(cells, index))
        if printed is None:
            return None, None
        code = find(printed)
        if code is None:
            message = f"“{printed[:60]}” is no {what} that we know."
            self._remarks.warn("ofsted-unknown-word", message, "The row was kept without it.", index)
        return code, printed

    def _flag(self, cells: Sequence[Cell], need: str, index: int) -> bool:
        try:
            return values.yes(cell_at(cells, index)) or False
        except ValueError:
            message = f"The flag “{need.replace('-', ' ')}” could not be read; it was left out."
            self._remarks.warn("ofsted-value", message, "A flag is Y, a number or blank.", index)
            return False
