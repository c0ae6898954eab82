"""What an Ofsted file says, as values: the file, its settings and their inspections."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from placefeed.adapters.base import AdapterError
from placefeed.schema.issues import Issue

Kind = Literal["provider-level", "in-year", "la-list", "places", "premises", "movements"]
"""Which of Ofsted's lists this is.

`provider-level`: one row a setting, with its latest full inspection; `in-year`: one row an inspection; `la-list`: the
monthly list that only local authorities may have; `places`: providers and places, without grades; `premises`: one row a
site of a supported accommodation provider; `movements`: who joined and who left.
"""

AsAtFrom = Literal["given", "title", "sheet name", "heading", "file name"]
"""What says on which day the list was true."""

RANKED: tuple[Kind, ...] = ("provider-level", "la-list", "places", "in-year", "premises", "movements")
"""Which sheet of a workbook that has several is meant: the first of these that it has."""


class AsAtMissing(AdapterError):
    """The file does not say on which day it was true, and nobody else did."""


@dataclass(frozen=True, slots=True)
class OfstedInspection:
    """One inspection or visit. `judgements`: aspect -> code in `framework`; empty for a visit, which carries no grade.

    `inspected_on` is None only where the list has a grade without a date (the LA-only list).
    """

    event: str | None
    kind: str
    framework: str
    inspected_on: date | None
    published_on: date | None
    judgements: dict[str, str]


@dataclass(frozen=True, slots=True)
class OfstedSite:
    """One premises of a supported accommodation provider; Ofsted gives it no id of its own."""

    local_authority: str | None
    category: str | None
    places: int | None


@dataclass(frozen=True, slots=True)
class OfstedRow:
    """One setting. None means that the file does not say; see `OfstedFile.columns` for what it could have said.

    `line` is the first row of the sheet that spoke of it. `local_authority` is a GSS code, `region` the code of the
    region that the file names. `inspections` are newest first.
    """

    urn: str
    line: int
    provision_type: str | None = None
    provision_type_text: str | None = None
    registration_status: str | None = None
    name: str | None = None
    owner: str | None = None
    places: int | None = None
    local_authority: str | None = None
    local_authority_text: str | None = None
    region: str | None = None
    sector: str | None = None
    short_breaks_only: bool | None = None
    multi_building: bool | None = None
    education_urn: str | None = None
    registered_on: date | None = None
    premises: int | None = None
    needs: tuple[str, ...] = ()
    inspections: tuple[OfstedInspection, ...] = ()
    sites: tuple[OfstedSite, ...] = ()

    def latest_grade(self, aspect: str = "overall") -> str | None:
        """The code of the newest inspection that graded this aspect (visits and interim inspections do not)."""
        for inspection in self.inspections:
            if inspection.kind == "full" and aspect in inspection.judgements:
                return inspection.judgements[aspect]
        return None


@dataclass(frozen=True, slots=True)
class OfstedFile:
    """A list of Ofsted's as read. Nothing in it is a refusal: what could not be read is in `warnings` and `rejected`.

    `data_rows` counts rows that are not blank, read or rejected; `rows` has one entry a URN. `complete_hint`: this list
    is known to name every setting, so that absence means something. `columns`: the facts that this list has a column for
    (a list without places must not erase places).
    """

    as_at: date | None
    as_at_from: AsAtFrom | None
    kind: Kind
    complete_hint: bool
    title: str
    sheet: str | None
    data_rows: int
    blank_rows: int
    rows: tuple[OfstedRow, ...]
    columns: frozenset[str]
    warnings: tuple[Issue, ...] = ()
    rejected: tuple[Issue, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def restricted(self) -> bool:
        """Its fields may reach local authorities only."""
        return self.kind == "la-list"

    def dated(self) -> date:
        """The as-at date; raises AsAtMissing with what to do where there is none."""
        if self.as_at is None:
            raise AsAtMissing(AS_AT_ADVICE)
        return self.as_at


AS_AT_ADVICE = (
    "This file does not say on which day it was true: neither its title nor its headings have a date such as "
    "“as at 31 March 2025”. Give the date with --as-at, for example --as-at 2025-03-31."
)
