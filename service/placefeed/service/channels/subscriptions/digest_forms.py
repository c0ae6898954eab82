"""A digest as it is read: subject, text, HTML and a file for a spreadsheet. Pure: nothing here asks anything."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from placefeed.schema.codelists import codelist, judgements
from placefeed.service.channels.exports import COLUMNS, csv_cell, lowest_rate
from placefeed.service.channels.letter_forms import day, moment, templates
from placefeed.service.clock import iso

PACKAGE: Final = "placefeed.service.channels.subscriptions"
MOST: Final = 200  # lines in one e-mail; the rest is in the list
CHANGES: Final[dict[str, str]] = {"new": "New", "changed": "Changed", "withdrawn": "Withdrawn"}
"""What can become of a listing, in the order in which it is told."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that changed. `listing` is there with the content `full`, while it can be read."""

    change: str
    at: datetime
    types: tuple[str, ...]
    urn: str
    listing_id: str | None
    address: str | None
    listing: Mapping[str, Any] | None = None

    @property
    def what(self) -> str:
        """What happened, in words."""
        known = codelist("event-types")
        return "; ".join(known.title(type) for type in self.types)

    @property
    def name(self) -> str:
        """The setting's name, else its number; of a source neither."""
        return str(self._at("setting", "name") or self.urn or "A source")

    @property
    def authority(self) -> str:
        """Where it is."""
        return str(self._at("setting", "localAuthority", "name") or "")

    @property
    def offer(self) -> str:
        """Places, from when, for which ages."""
        vacancy = self._at("vacancy")
        if not isinstance(vacancy, Mapping):
            return ""
        places = vacancy.get("places")
        said = [f"{places} place{'' if places == 1 else 's'}"] if places is not None else []
        if "from" in vacancy:
            said.append(f"from {day(date.fromisoformat(vacancy['from']))}")
        ages = vacancy.get("ages") or {}
        if "from" in ages or "to" in ages:
            said.append(f"ages {ages.get('from', '?')} to {ages.get('to', '?')}")
        return ", ".join(said)

    @property
    def price(self) -> str:
        """The lowest weekly price that this reader sees."""
        pence = lowest_rate(self.listing).get("weeklyEquivalentPence") if self.listing else None
        return "" if pence is None else f"£{pence / 100:,.2f} a week"

    @property
    def grade(self) -> str:
        """Ofsted's overall judgement."""
        for grade in (self.listing or {}).get("ofsted", {}).get("judgements", ()):
            if grade.get("aspect") == "overall":
                return _grade(grade.get("framework", ""), grade.get("code", ""))
        return ""

    def _at(self, *steps: str) -> Any:
        value: Any = self.listing
        for step in steps:
            value = value.get(step) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True, slots=True)
class Digest:
    """All that one e-mail tells. `counts` by kind of change; `more`: told of by their count alone; `lost`: numbers the log no longer has."""

    title: str | None
    content: str
    counts: Mapping[str, int]
    lines: tuple[Line, ...]
    more: int
    withheld: int
    lost: int
    list_address: str
    events_address: str
    subscription: str
    at: datetime

    @property
    def summary(self) -> str:
        """The counts in words; with the content `empty`, that there is news."""
        if self.content == "empty":
            return "there is news"
        said = [f"{self.counts[change]} {change}" for change in CHANGES if change in self.counts]
        return ", ".join(said) or "something is no longer kept"

    @property
    def groups(self) -> list[tuple[str, list[Line]]]:
        """The lines by what became of the listing."""
        groups = [(title, [line for line in self.lines if line.change == change]) for change, title in CHANGES.items()]
        return [group for group in groups if group[1]]


def subject(digest: Digest) -> str:
    """Counts and the owner's own title; nothing of any listing: subjects are seen by many."""
    return f"{digest.title}: {digest.summary}" if digest.title else f"Vacancies: {digest.summary}"


def text(digest: Digest) -> str:
    """As plain text."""
    return templates(PACKAGE).get_template("digest.txt").render(digest=digest, when=moment(digest.at), moment=moment)


def html(digest: Digest) -> str:
    """As a page of its own: a table, its looks in the elements, nothing from outside."""
    return templates(PACKAGE).get_template("digest.html").render(digest=digest, when=moment(digest.at), moment=moment)


def csv_file(digest: Digest) -> bytes:
    """One row a line; with the content `full` all columns of the list's CSV follow."""
    out = io.StringIO()
    writer = csv.writer(out)
    columns = COLUMNS if digest.content == "full" else ()
    writer.writerow(["change", "changedAt", "types", "listing", "setting", *(column.name for column in columns)])
    for line in digest.lines:
        told = [line.change, iso(line.at), list(line.types), line.listing_id, line.urn]
        listed = [None if line.listing is None else column.read(line.listing) for column in columns]
        writer.writerow([csv_cell(value) for value in (*told, *listed)])
    return out.getvalue().encode("utf-8-sig")  # a spreadsheet reads it as UTF-8 only with the mark


def _grade(framework: str, code: str) -> str:
    return next((row["title"] for row in judgements(framework).rows if row["code"] == code), code)
