"""Counts of places of a setting, now and over time, for whom access/README.md lets see them: its own provider and the operator."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlmodel import Session

from placefeed.service.access.who import Caller, sees
from placefeed.service.errors import NotAllowed
from placefeed.service.intake.parts import CAPACITY
from placefeed.service.publishing.pools import available_places
from placefeed.service.tables import Observation

Series = list[tuple[datetime, int | None]]
"""A number from each instant on; None: not known from then on."""

MOST_READ: Final = 2000
"""The newest words on counts that are looked at: a feed that repeats itself every quarter of an hour says so many in three weeks."""


@dataclass(frozen=True, slots=True)
class OverTime:
    """What one source's counts came to, all units together."""

    occupied: Series
    available: Series


def over_time(session: Session, urn: str, source_id: str, *, caller: Caller) -> OverTime:
    """The counts of one source, in order of its own clock. The caller's sight of the setting has been judged. Raises NotAllowed for a member."""
    if not sees(caller.role, "history"):
        raise NotAllowed("Members see what is available now, never series of it.")
    table = Observation.__table__  # type: ignore[attr-defined]  # SQLModel adds it
    newest = (
        sa.select(table.c.id, table.c.source_id, table.c.item, table.c.kind, table.c.as_of, table.c.document)
        .where(table.c.urn == urn, table.c.part == CAPACITY)
        .order_by(table.c.id.desc())
        .limit(MOST_READ)
        .subquery()
    )
    rows = session.execute(
        sa.select(newest).where(newest.c.source_id == source_id, newest.c.kind != "attested").order_by(newest.c.id)
    ).all()
    told = [(row.as_of, row.item, orjson.loads(row.document) if row.document else None) for row in rows]
    return together(sorted(told, key=lambda each: each[0]))


def together(told: Iterable[tuple[datetime, str, Mapping[str, Any] | None]]) -> OverTime:
    """Series of what units said in turn; None: the unit's count was withdrawn. Where a count of the whole stands, it counts alone."""
    units: dict[str, Mapping[str, Any]] = {}
    occupied: Series = []
    available: Series = []
    for at, item, document in told:
        if document is None:
            units.pop(item, None)
        else:
            units[item] = document
        counted = [units[""]] if "" in units else list(units.values())
        occupied.append((at, _sum([each.get("occupied") for each in counted])))
        available.append((at, _sum([available_places(each) for each in counted])))
    return OverTime(occupied, available)


def _sum(numbers: Sequence[int | None]) -> int | None:
    """The sum, or None where a part of it is not known."""
    known = [number for number in numbers if number is not None]
    return sum(known) if numbers and len(known) == len(numbers) else None
