"""The log, read by event: what became of each listing between two positions, several changes of it taken together.

A listing that came and went in between is no step for anybody; one that changed three times is one step, at its last position.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.publishing.sight import acting
from placefeed.service.tables import Change, Listing, SightChange

_CHANGE = Change.__table__  # type: ignore[attr-defined]  # SQLModel adds it
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """From how a listing stood at one position to how it stands at `position`; facts are None where it was not listed.

    Without `listing_id` it is one event of a setting, whose facts are `{"listings": [{"audiences", "facts"}]}`; without `urn`
    either, of a provider's source. `offered_to`: whose rates changed: buyers, or "any".
    """

    position: int
    at: datetime
    urn: str
    listing_id: str | None
    events: tuple[str, ...]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    audiences_before: frozenset[str] = NOBODY
    audiences_after: frozenset[str] = NOBODY
    changed: tuple[str, ...] = ()
    offered_to: frozenset[str] = NOBODY
    organisation_id: str | None = None


def steps(session: Session, after: int, upto: int) -> list[Step]:
    """The steps above `after` up to `upto`, by position."""
    query = (
        sa.select(_CHANGE).where(_CHANGE.c.position > after, _CHANGE.c.position <= upto).order_by(_CHANGE.c.position)
    )
    last: dict[object, Step] = {}
    for row in session.execute(query):
        step = _step(row)
        key: object = step.listing_id or step.position
        earlier = last.pop(key, None)
        last[key] = step if earlier is None else _joined(earlier, step)
    return list(last.values())


def window(session: Session, after: int, upto: int, *, most: int) -> int:
    """The position, at most `upto`, up to which there are at most `most` changes above `after`."""
    query = (
        sa.select(_CHANGE.c.position)
        .where(_CHANGE.c.position > after, _CHANGE.c.position <= upto)
        .order_by(_CHANGE.c.position)
        .offset(most - 1)
        .limit(1)
    )
    found: int | None = session.execute(query).scalar_one_or_none()
    return upto if found is None else found


def seen_alone(session: Session, organisation_id: str, after: int, upto: int, *, known: Iterable[Step]) -> list[Step]:
    """Steps of listings that this organisation alone gained or lost sight of, or of whose rates, and to which nothing else happened.

    `known`: the other steps of that stretch of the log. What they hold is what stood at its end, before and after alike.
    """
    query = (
        sa.select(SightChange.listing_id, sa.func.max(SightChange.position))  # type: ignore[call-overload]
        .where(
            col(SightChange.audience).in_({f"m:{act.member}" for act in acting(session, organisation_id)}),
            col(SightChange.position) > after,
            col(SightChange.position) <= upto,
        )
        .group_by(col(SightChange.listing_id))
    )
    found: dict[str, int] = {row[0]: row[1] for row in session.execute(query)}
    ids = list(found.keys() - {step.listing_id for step in known})
    alone = []
    for start in range(0, len(ids), 500):
        for row in _as_of(session, ids[start : start + 500], upto):
            facts, audiences = row.facts, frozenset(row.audiences)
            step = Step(found[row.id], row.modified_at, row.urn, row.id, (), facts, facts, audiences, audiences)
            alone.append(step)
    return sorted(alone, key=lambda step: step.position)


class _Stood(NamedTuple):
    """A listing as it stood."""

    id: str
    urn: str
    facts: dict[str, Any]
    audiences: list[str]
    modified_at: datetime


def _as_of(session: Session, ids: Sequence[str], upto: int) -> Iterator[_Stood]:
    """Those of these listings that stood at a position, as they did: who reads a stretch of the log again finds the same in it."""
    then: dict[str, tuple[Any, list[str]]] = {}  # by what the first change after the position says of before
    later = sa.select(_CHANGE.c.listing_id, _CHANGE.c.before, _CHANGE.c.audiences_before).where(
        _CHANGE.c.listing_id.in_(ids), _CHANGE.c.position > upto
    )
    for row in session.execute(later.order_by(_CHANGE.c.position)):
        then.setdefault(row.listing_id, (row.before, row.audiences_before))
    columns = (Listing.id, Listing.urn, Listing.state, Listing.facts, Listing.audiences, Listing.modified_at)
    for row in session.execute(sa.select(*columns).where(col(Listing.id).in_(ids))):  # type: ignore[call-overload]
        facts, audiences = then.get(row.id, (row.facts if row.state == "updated" else None, row.audiences))
        if facts is not None:
            yield _Stood(row.id, row.urn, facts, audiences, row.modified_at)


def _step(row: Any) -> Step:
    return Step(
        position=row.position,
        at=row.at,
        urn=row.urn,
        listing_id=row.listing_id,
        events=tuple(row.events),
        before=row.before,
        after=row.after,
        audiences_before=frozenset(row.audiences_before),
        audiences_after=frozenset(row.audiences_after),
        changed=tuple(row.changed),
        offered_to=frozenset(row.offered_to),
        organisation_id=row.organisation_id,
    )


def _joined(first: Step, second: Step) -> Step:
    """Two steps of one listing as one."""
    return Step(
        position=second.position,
        at=second.at,
        urn=second.urn,
        listing_id=second.listing_id,
        events=tuple(dict.fromkeys((*first.events, *second.events))),
        before=first.before,
        after=second.after,
        audiences_before=first.audiences_before,
        audiences_after=second.audiences_after,
        changed=tuple(dict.fromkeys((*first.changed, *second.changed))),
        offered_to=first.offered_to | second.offered_to,
        organisation_id=second.organisation_id,
    )
