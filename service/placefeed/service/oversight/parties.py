"""Organisations with what hangs on each; the settings that one speaks for beside their owners in the register."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.errors import NotFound
from placefeed.service.oversight.searching import containing
from placefeed.service.tables import (
    ApiKey,
    Consortium,
    ConsortiumMember,
    ConsortiumProvider,
    Organisation,
    Post,
    RegisterSetting,
    Source,
    SpeaksFor,
)


@dataclass(frozen=True, slots=True)
class OrganisationRow:
    """An organisation and how many sources, people, keys in use, settings and proposed settings it has."""

    organisation: Organisation
    sources: int
    people: int
    keys: int
    settings: int
    proposed: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """A setting that an organisation speaks for or is proposed to, and what the register says of it; None: no file names it."""

    row: SpeaksFor
    register: RegisterSetting | None


def organisation_rows(
    session: Session, *, kind: str | None = None, name: str = "", skip: int = 0, limit: int = 50
) -> tuple[list[OrganisationRow], int]:
    """Organisations of a kind whose name or id has this text, by name; and how many there are."""
    wanted = [] if kind is None else [col(Organisation.kind) == kind]
    if name:
        wanted.append(containing(name, Organisation.name, Organisation.id))
    here = col(Organisation.id)
    numbers = [
        _number(col(Source.organisation_id) == here, Source),
        _number(col(Post.organisation_id) == here, Post),
        _number(sa.and_(col(ApiKey.organisation_id) == here, col(ApiKey.revoked_at).is_(None)), ApiKey),
        _number(sa.and_(col(SpeaksFor.organisation_id) == here, col(SpeaksFor.state) == "confirmed"), SpeaksFor),
        _number(sa.and_(col(SpeaksFor.organisation_id) == here, col(SpeaksFor.state) == "proposed"), SpeaksFor),
    ]
    rows = session.execute(
        sa.select(Organisation, *numbers)
        .where(*wanted)
        .order_by(sa.func.lower(Organisation.name), here)
        .offset(skip)
        .limit(limit)
    )
    total = session.execute(sa.select(sa.func.count()).select_from(Organisation).where(*wanted)).scalar_one()
    return [OrganisationRow(*row) for row in rows], total


def _number(condition: sa.ColumnElement[bool], table: type) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(table).where(condition).correlate(Organisation).scalar_subquery()


def names_of_organisations(session: Session, ids: Collection[str | None]) -> dict[str, str]:
    """The names of organisations by id; unknown ids are left out."""
    wanted = {each for each in ids if each}
    if not wanted:
        return {}
    return {
        row[0]: row[1]
        for row in session.execute(
            sa.select(col(Organisation.id), col(Organisation.name)).where(col(Organisation.id).in_(wanted))
        )
    }


def consortia_of(
    session: Session, organisation_id: str
) -> list[tuple[Consortium, ConsortiumMember | ConsortiumProvider]]:
    """The consortia that an organisation is a member of or is taken by, with each of its times there."""
    found: list[tuple[Consortium, ConsortiumMember | ConsortiumProvider]] = []
    tables: tuple[type[ConsortiumMember] | type[ConsortiumProvider], ...] = (ConsortiumMember, ConsortiumProvider)
    for table in tables:
        rows = session.execute(
            sa.select(Consortium, table)
            .join(table, col(table.consortium_id) == col(Consortium.id))
            .where(col(table.organisation_id) == organisation_id)
            .order_by(col(Consortium.name), col(table.valid_from), col(table.id))
        )
        found += [(consortium, time) for consortium, time in rows]
    return found


def consortium_rows(session: Session, today: date) -> list[tuple[Consortium, int, int]]:
    """Consortia by name, each with how many members and providers take part today."""
    tables: tuple[type[ConsortiumMember] | type[ConsortiumProvider], ...] = (ConsortiumMember, ConsortiumProvider)
    numbers = [
        sa.select(sa.func.count(sa.distinct(col(table.organisation_id))))
        .where(
            col(table.consortium_id) == col(Consortium.id),
            col(table.valid_from) <= today,
            sa.or_(col(table.valid_until).is_(None), col(table.valid_until) >= today),
        )
        .correlate(Consortium)
        .scalar_subquery()
        for table in tables
    ]
    rows = session.execute(sa.select(Consortium, *numbers).order_by(sa.func.lower(Consortium.name), col(Consortium.id)))
    return [(consortium, members, providers) for consortium, members, providers in rows]


def time_of(session: Session, consortium_id: str, side: str, time_id: int) -> ConsortiumMember | ConsortiumProvider:
    """A time in a consortium, of its `members` or `providers`. Raises NotFound."""
    table = {"members": ConsortiumMember, "providers": ConsortiumProvider}.get(side)
    found: Any = session.get(table, time_id) if table is not None else None
    if found is None or found.consortium_id != consortium_id:
        raise NotFound("This consortium has no such time.")
    return cast("ConsortiumMember | ConsortiumProvider", found)


def spoken(
    session: Session, organisation_id: str, *, state: str, skip: int = 0, limit: int = 100
) -> tuple[list[Spoken], int]:
    """Settings in a state (proposed, confirmed, refused) for an organisation, by URN; and how many there are."""
    wanted = (col(SpeaksFor.organisation_id) == organisation_id, col(SpeaksFor.state) == state)
    rows = session.execute(
        sa.select(SpeaksFor, RegisterSetting)
        .outerjoin(RegisterSetting, col(RegisterSetting.urn) == col(SpeaksFor.urn))
        .where(*wanted)
        .order_by(col(SpeaksFor.urn))
        .offset(skip)
        .limit(limit)
    )
    total = session.exec(select(sa.func.count()).select_from(SpeaksFor).where(*wanted)).one()
    return [Spoken(*row) for row in rows], total
