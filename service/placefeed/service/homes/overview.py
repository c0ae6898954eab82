"""All homes of a provider on one page: what members see of each, what has grown old, and what waits for somebody's word."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.config import Settings
from placefeed.service.homes.home import Home, homes_of
from placefeed.service.homes.seen import Shown, shown_of
from placefeed.service.intake.homes import Age, ages_of
from placefeed.service.tables import Absence, SettingState, Source

PAGE = 50
ORDER = {"stale": 0, "ageing": 1, "gone": 2, "silent": 3, "fresh": 4}


@dataclass(frozen=True, slots=True)
class Row:
    """A home: how old our word on it is, what is known of it, and its listings."""

    age: Age
    home: Home
    shown: list[Shown]

    @property
    def places(self) -> int:
        """Places that members see as available."""
        return sum(each.places for each in self.shown if each.availability == "available" and each.seen)

    @property
    def unknown(self) -> int:
        """Places that members must ask about by phone."""
        return sum(each.places for each in self.shown if each.availability != "available" and each.seen)

    @property
    def free(self) -> int | None:
        """Free places by the counts, where every unit says."""
        said: list[Any] = [each.document.get("available") for each in self.home.counts.values()]
        return sum(int(each) for each in said) if said and None not in said else None

    @property
    def why(self) -> list[str]:
        """Why nothing is listed of what is offered: codes, each once."""
        offers = [each for each in self.home.vacancies if not each.listed]
        return list(dict.fromkeys(code for each in offers for code in each.why)) if not self.shown else []


@dataclass(frozen=True, slots=True)
class Held:
    """Homes that a complete feed no longer has, which wait for a person's word."""

    submission: str
    source: str
    homes: int


@dataclass(slots=True)
class Overview:
    """A page of homes, and what stands above it."""

    rows: list[Row]
    total: int  # homes in all
    found: int  # that the filter lets through
    page: int
    pages: int
    states: dict[str, int]
    held: list[Held] = field(default_factory=list)
    disputed: list[tuple[str, str]] = field(default_factory=list)  # (urn, name)


def overview(
    session: Session, organisation_id: str, *, text: str = "", page: int = 1, settings: Settings, now: datetime
) -> Overview:
    """The homes of an organisation, the oldest word first; `text` filters by name or URN."""
    ages = ages_of(session, organisation_id, now, settings)
    names = {age.urn: age.name for age in ages}
    wanted = text.casefold()
    found = [age for age in ages if wanted in age.name.casefold() or wanted in age.urn.casefold()]
    found.sort(key=lambda age: (ORDER[age.state], age.name.casefold(), age.urn))
    pages = max(1, -(-len(found) // PAGE))
    page = min(max(page, 1), pages)
    chosen = found[(page - 1) * PAGE : page * PAGE]
    urns = [age.urn for age in chosen]
    shown = shown_of(session, urns, now=now)
    homes = homes_of(session, organisation_id, urns, settings=settings, now=now) if urns else []
    states: dict[str, int] = {}
    for age in ages:
        states[age.state] = states.get(age.state, 0) + 1
    return Overview(
        rows=[Row(age, home, shown.get(age.urn, [])) for age, home in zip(chosen, homes, strict=True)],
        total=len(ages),
        found=len(found),
        page=page,
        pages=pages,
        states=states,
        held=_held(session, organisation_id),
        disputed=_disputed(session, names),
    )


def _held(session: Session, organisation_id: str) -> list[Held]:
    rows = session.execute(
        sa.select(sa.func.max(col(Absence.submission_id)), col(Source.name), sa.func.count())
        .join(Source, col(Source.id) == col(Absence.source_id))
        .where(col(Source.organisation_id) == organisation_id, col(Absence.state) == "waiting")
        .group_by(col(Source.id), col(Source.name), col(Absence.submission_id))
        .order_by(col(Source.name))
    )
    return [Held(*row) for row in rows]


def _disputed(session: Session, names: dict[str, str]) -> list[tuple[str, str]]:
    """Homes whose grade Ofsted's register and the provider give differently."""
    urns, found = sorted(names), []
    for start in range(0, len(urns), 500):
        rows = session.exec(select(SettingState).where(col(SettingState.urn).in_(urns[start : start + 500])))
        found += [(row.urn, names[row.urn]) for row in rows if (row.ofsted or {}).get("status") == "disputed"]
    return found
