"""The log, read by state: what a reader who stopped at a position has missed, each thing once, at its latest.

A reader's position for a listing (or a setting) is the later of its own and of the reader's last gain or loss of sight.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.publishing.sight import Acting, Seat, View, acting, seats
from placefeed.service.tables import Listing, ShownSetting, SightChange

LISTINGS: sa.Table = Listing.__table__  # type: ignore[attr-defined]  # SQLModel adds it
SETTINGS: sa.Table = ShownSetting.__table__  # type: ignore[attr-defined]  # as above
_SIGHT: sa.Table = SightChange.__table__  # type: ignore[attr-defined]  # as above
AT_ONCE = 500  # ids named in one statement


@dataclass(frozen=True, slots=True)
class Entry:
    """What one reader gets for one listing or setting (`id`): its row, if the reader may see it, at that reader's position."""

    position: int
    id: str
    visible: bool
    row: Any


def since(
    session: Session, view: View, after: int, *, member: str | None, limit: int = 500, table: sa.Table = LISTINGS
) -> tuple[list[Entry], int]:
    """What a reader who stopped at `after` has missed of a table, in order; and the position to go on from.

    `member` is the reader's organisation (None for the operator, who sees all). What the member may no longer see comes as
    not visible, if it ever saw it; what it never saw does not come at all. The position to go on from is that of the last
    row used, also when it was left out.
    """
    if member is None:
        query = sa.select(table).where(table.c.position > after).order_by(table.c.position).limit(limit)
        rows = session.execute(query).all()
        entries = [Entry(row.position, row[0], row.state == "updated", row) for row in rows]
        return entries, rows[-1].position if rows else after
    acts = acting(session, member)
    spans: list[tuple[str, Acting | Seat]] = [
        *((f"m:{act.member}", act) for act in acts),
        *((f"c:{seat.consortium}", seat) for seat in seats(session, acts)),
    ]
    sights = _sights(spans, after)
    ids, whole = _touched(session, table, sights, after, limit)
    known = _rows(session, table, ids)
    later = _newest(session, sights, known)
    moved = sorted((max(row.position, later.get(id, 0)), id) for id, row in known.items())
    moved = [each for each in moved if whole is None or each[0] <= whole]
    if len(moved) > limit or whole is None:
        moved, whole = moved[:limit], moved[:limit][-1][0] if moved else after
    visible = {id for _, id in moved if known[id].state == "updated" and view.sees(known[id].audiences)}
    seen = _ever_seen(session, [id for _, id in moved if id not in visible], spans)
    known |= _rows(session, table, visible, whole=True)
    entries = [Entry(at, id, id in visible, known[id]) for at, id in moved if id in visible or id in seen]
    return entries, whole


def _sights(spans: Iterable[tuple[str, Acting | Seat]], after: int) -> list[sa.ColumnElement[bool]]:
    """Gains and losses of sight above `after`, a condition for each audience: in the stretch in which the reader belonged to it."""
    found = []
    for audience, span in spans:
        if span.ends is None or span.ends > after + 1:
            ends = [] if span.ends is None else [_SIGHT.c.position < span.ends]
            begins = _SIGHT.c.position > max(span.begins - 1, after)
            found.append(sa.and_(_SIGHT.c.audience == audience, begins, *ends))
    return found


def _touched(
    session: Session, table: sa.Table, sights: Iterable[sa.ColumnElement[bool]], after: int, limit: int
) -> tuple[set[str], int | None]:
    """The ids of the next rows and sights; and the position up to which these are all (None: there are no more).

    Each part is the beginning of one index: a look for news costs what is new. A join of rows and sights, sorted, read
    the whole table each time.
    """
    key = table.primary_key.columns[0]
    parts = [
        sa.select(key.label("id"), table.c.position).where(table.c.position > after).order_by(table.c.position),
        *(sa.select(_SIGHT.c.listing_id, _SIGHT.c.position).where(one).order_by(_SIGHT.c.position) for one in sights),
    ]
    beginnings = [
        sa.select(part.limit(limit).subquery(), sa.literal(number).label("part")) for number, part in enumerate(parts)
    ]
    ids: set[str] = set()
    ends: dict[int, list[int]] = {}
    for id, position, part in session.execute(sa.union_all(*beginnings)):
        ids.add(id)
        ends.setdefault(part, []).append(position)
    return ids, min((max(positions) for positions in ends.values() if len(positions) == limit), default=None)


def _newest(session: Session, sights: list[sa.ColumnElement[bool]], ids: Iterable[str]) -> dict[str, int]:
    """The newest of these gains and losses of each id that has one."""
    wanted = list(ids) if sights else []
    found: dict[str, int] = {}
    for start in range(0, len(wanted), AT_ONCE):
        query = sa.select(_SIGHT.c.listing_id, sa.func.max(_SIGHT.c.position)).where(
            _SIGHT.c.listing_id.in_(wanted[start : start + AT_ONCE]), sa.or_(*sights)
        )
        found.update((row[0], row[1]) for row in session.execute(query.group_by(_SIGHT.c.listing_id)))
    return found


def _rows(session: Session, table: sa.Table, ids: Iterable[str], *, whole: bool = False) -> dict[str, Any]:
    """Rows by id: whole, or only where they stand and who sees them."""
    key, wanted = table.primary_key.columns[0], list(ids)
    columns = list(table.c) if whole else [key, table.c.position, table.c.state, table.c.audiences]
    found: dict[str, Any] = {}
    for start in range(0, len(wanted), AT_ONCE):
        query = sa.select(*columns).where(key.in_(wanted[start : start + AT_ONCE]))
        found.update((row[0], row) for row in session.execute(query))
    return found


def _ever_seen(session: Session, ids: Iterable[str], spans: Iterable[tuple[str, Acting | Seat]]) -> set[str]:
    """Those that an audience had in sight in the stretch of the log in which the reader belonged to it.

    A member alone had in sight what it lost alone, too: it may have gained it by a consortium.
    """
    wanted = list(ids)
    if not wanted:
        return set()
    within = [
        sa.and_(
            col(SightChange.audience) == audience,
            col(SightChange.position) >= span.begins,
            *([col(SightChange.position) < span.ends] if span.ends is not None else []),
            *([col(SightChange.visible).is_(True)] if isinstance(span, Seat) else []),
        )
        for audience, span in spans
    ]
    seen: set[str] = set()
    for start in range(0, len(wanted), AT_ONCE):
        some = col(SightChange.listing_id).in_(wanted[start : start + AT_ONCE])
        seen.update(session.exec(select(SightChange.listing_id).where(some, sa.or_(*within))))
    return seen
