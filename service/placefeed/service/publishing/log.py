"""The log: positions, what was written at them, and what a reader who stopped at one has missed.

Positions strictly increase and become visible in order, because only a transaction that holds the publisher's lock takes
them. A member's position for a listing is the later of the listing's own and of its last gain or loss of sight.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.bulk import Bulk
from placefeed.service.db import insert
from placefeed.service.publishing.sight import View, acting
from placefeed.service.tables import Change, ConsortiumMember, Head, Listing, SightChange

LISTING = (
    "id", "urn", "source_id", "item", "offer", "organisation_id", "position", "state", "changes_at", "audiences", "facts", "body",
    "restricted", "hash", "published_at", "modified_at",
)  # fmt: skip
_LISTINGS = Bulk(Listing, *LISTING, key=("id",))
_CHANGES = Bulk(
    Change, "position", "at", "urn", "listing_id", "events", "before", "after", "audiences_before", "audiences_after"
)
_SIGHTS = Bulk(SightChange, "listing_id", "audience", "position", "visible")


@dataclass(frozen=True, slots=True)
class Position:
    """How far the log has come, and in which epoch (a restored backup starts a new one)."""

    position: int
    epoch: int


def head(session: Session) -> Position:
    """The newest position that is visible to this session."""
    row = session.execute(sa.select(Head.position, Head.epoch)).first()  # type: ignore[call-overload]
    return Position(row[0], row[1]) if row else Position(0, 1)


class Writer:
    """Writes one publishing transaction's rows at the next positions. Made only under the publisher's lock."""

    def __init__(self, session: Session, now: datetime) -> None:
        self.session = session
        self.now = now
        start = head(session)
        self.first = self.position = start.position
        self.epoch = start.epoch
        self._listings: list[tuple[Any, ...]] = []
        self._changes: list[tuple[Any, ...]] = []
        self._sights: list[tuple[Any, ...]] = []

    def next(self) -> int:
        """Take the next position."""
        self.position += 1
        return self.position

    def change(
        self,
        *,
        position: int,
        urn: str,
        listing_id: str | None,
        events: list[str],
        before: Any = None,
        after: Any = None,
        audiences_before: list[str] | None = None,
        audiences_after: list[str] | None = None,
    ) -> None:
        """Append to the history."""
        self._changes.append(
            (position, self.now, urn, listing_id, events, before, after, audiences_before or [], audiences_after or [])
        )

    def listing(self, **row: Any) -> None:
        """Write the latest state of a listing: every column, by name."""
        self._listings.append(tuple([row[name] for name in LISTING]))

    def sight(self, listing_id: str, audience: str, position: int, *, visible: bool) -> None:
        """An audience (`c:` consortium, `m:` member) gained or lost sight of a listing."""
        self._sights.append((listing_id, audience, position, visible))

    def flush(self) -> None:
        """Write what was gathered so far, so that this transaction can read it."""
        _LISTINGS.write(self.session, self._listings)
        _CHANGES.write(self.session, self._changes)
        _SIGHTS.write(self.session, self._sights)
        self._listings, self._changes, self._sights = [], [], []

    def close(self) -> int:
        """Write everything and move the head; returns how many positions were taken."""
        self.flush()
        if self.position == self.first:
            return 0
        row = {"id": 1, "position": self.position, "epoch": self.epoch, "written_at": self.now}
        self.session.execute(
            insert(self.session, Head)
            .values(row)
            .on_conflict_do_update(index_elements=["id"], set_={"position": self.position, "written_at": self.now})
        )
        return self.position - self.first


@dataclass(frozen=True, slots=True)
class Entry:
    """What one reader gets for one listing: its state for that reader, at that reader's position."""

    position: int
    listing_id: str
    visible: bool
    body: bytes
    restricted: list[dict[str, Any]]


def since(session: Session, view: View, after: int, *, member: str | None, limit: int = 500) -> tuple[list[Entry], int]:
    """What a reader who stopped at `after` has missed, in order; and the position to go on from.

    `member` is the reader's organisation (None for the operator, who sees all). A listing that the member may no longer see
    comes as not visible, if it ever saw it; one that it never saw does not come at all. The position to go on from is that
    of the last row used, also when it was left out.
    """
    if member is None:
        return _since_for_operator(session, after, limit)
    members = [organisation.id for organisation in acting(session, member)]
    memberships = session.exec(
        select(ConsortiumMember).where(
            col(ConsortiumMember.organisation_id).in_(members), col(ConsortiumMember.applied_from).is_not(None)
        )
    ).all()
    audiences = [*(f"m:{name}" for name in members), *{f"c:{membership.consortium_id}" for membership in memberships}]
    sights = (
        select(SightChange.listing_id, sa.func.max(SightChange.position).label("position"))
        .where(col(SightChange.audience).in_(audiences), SightChange.position > after)
        .group_by(col(SightChange.listing_id))
        .subquery()
    )
    position = sa.case(
        (sa.and_(sights.c.position.is_not(None), sights.c.position > Listing.position), sights.c.position),
        else_=Listing.position,
    ).label("reader_position")
    rows = session.execute(
        sa.select(Listing.__table__, position)  # type: ignore[attr-defined]
        .outerjoin(sights, sights.c.listing_id == Listing.id)
        .where(sa.or_(col(Listing.position) > after, sights.c.position.is_not(None)))
        .order_by(position)
        .limit(limit)
    ).all()
    hidden = [row.id for row in rows if not (row.state == "updated" and view.sees(row.audiences))]
    seen = _ever_seen(session, hidden, members, memberships)
    entries = []
    for row in rows:
        visible = row.state == "updated" and view.sees(row.audiences)
        if visible or row.id in seen:
            entries.append(Entry(row.reader_position, row.id, visible, row.body, row.restricted))
    return entries, rows[-1].reader_position if rows else after


def _since_for_operator(session: Session, after: int, limit: int) -> tuple[list[Entry], int]:
    rows = session.execute(
        sa.select(Listing.__table__).where(col(Listing.position) > after).order_by(col(Listing.position)).limit(limit)  # type: ignore[attr-defined]
    ).all()
    entries = [Entry(row.position, row.id, row.state == "updated", row.body, row.restricted) for row in rows]
    return entries, rows[-1].position if rows else after


def _ever_seen(
    session: Session, listing_ids: Iterable[str], members: list[str], memberships: Iterable[ConsortiumMember]
) -> set[str]:
    """Those of the listings that the members once had in sight: gained alone, or by a consortium while they were in it."""
    wanted = list(listing_ids)
    if not wanted:
        return set()
    while_in = [
        sa.and_(
            col(SightChange.audience) == f"c:{membership.consortium_id}",
            col(SightChange.position) >= membership.applied_from,
            *([col(SightChange.position) < membership.applied_until] if membership.applied_until is not None else []),
        )
        for membership in memberships
    ]
    alone = col(SightChange.audience).in_([f"m:{name}" for name in members])
    rows = session.exec(
        select(SightChange.listing_id).where(
            col(SightChange.listing_id).in_(wanted), col(SightChange.visible).is_(True), sa.or_(alone, *while_in)
        )
    )
    return set(rows)
