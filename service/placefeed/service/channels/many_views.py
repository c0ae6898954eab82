"""Who may see what, of many organisations at once: `sight.view_at` and `sight.view_of`, in three statements for all of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.access.who import OPERATOR, PROVIDER
from placefeed.service.bulk import as_stored, document_of
from placefeed.service.channels.many_rows import OfIds
from placefeed.service.channels.news import Reader
from placefeed.service.clock import london_day
from placefeed.service.publishing.sight import EXCHANGE_SCHEME, NOTHING, OPERATOR_VIEW, Acting, Seat, View, names_of
from placefeed.service.tables import ActsFor, ConsortiumMember, MemberChange, Organisation

MOST = 10_000  # views remembered
_ACTS_FOR = ActsFor.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_MEMBER = ConsortiumMember.__table__  # type: ignore[attr-defined]  # as above


@dataclass(frozen=True, slots=True)
class _Seat:
    """A seat with the days of the membership, which count beside the log's positions where it is asked what may be seen now."""

    member: str
    seat: Seat
    valid_from: date
    valid_until: date | None

    def today(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


class _Known(NamedTuple):
    """What the tables say of an organisation."""

    acts: tuple[Acting, ...]
    seats: tuple[_Seat, ...]
    acts_for: frozenset[str]


class ManyViews:
    """The views of these organisations as one session has them. Made by `views_of`."""

    def __init__(self, rows: tuple[list[Any], list[Any], list[Any]]) -> None:
        self.rows = rows
        acts, memberships, parties = rows
        acting: dict[str, list[Acting]] = {}
        for row in acts:
            acting.setdefault(row.organisation_id, []).append(
                Acting(row.member_id, row.applied_from, row.applied_until)
            )
        joined: dict[str, list[Any]] = {}
        for row in memberships:
            joined.setdefault(row.organisation_id, []).append(row)
        self._names: dict[str, set[str]] = {}
        self._at: dict[tuple[str, int], View] = {}
        self._now: dict[tuple[str, date], View] = {}
        self._known: dict[str, _Known] = {}
        for row in parties:
            # Never stored: `names_of` wants these three of it.
            party = MemberChange(organisation_id=row.id, la_code=row.la_code, identifiers=document_of(row.identifiers))
            self._names[row.id] = names_of(party)
            acted = (Acting(row.id, 0, None), *acting.get(row.id, ()))
            seats = tuple(seat for act in acted for each in joined.get(act.member, ()) for seat in _seats(each, act))
            self._known[row.id] = _Known(acted, seats, frozenset(document_of(row.acts_for)))

    def at(self, organisation_id: str, position: int) -> View:
        """What it could see at a position of the log."""
        view = self._at.get((organisation_id, position))
        if view is None:
            if len(self._at) > MOST:
                self._at.clear()
            view = self._at[(organisation_id, position)] = self._view_at(organisation_id, position)
        return view

    def now(self, organisation_id: str, now: datetime) -> View:
        """What it may see now: memberships whose days are over count no more, even if the publisher is late."""
        key = (organisation_id, london_day(now))
        view = self._now.get(key)
        if view is None:
            if len(self._now) > MOST:
                self._now.clear()
            view = self._now[key] = self._view_on(*key)
        return view

    def members(self, organisation_id: str) -> frozenset[str]:
        """The organisation itself, and everyone it acts for or ever did: whose sight alone may be its own."""
        known = self._known.get(organisation_id)
        return frozenset() if known is None else frozenset(act.member for act in known.acts)

    def _view_at(self, organisation_id: str, position: int) -> View:
        known = self._known.get(organisation_id)
        if known is None:
            return NOTHING
        consortia = frozenset(each.seat.consortium for each in known.seats if each.seat.holds(position))
        return self._view(consortia, frozenset(act.member for act in known.acts if act.holds(position)))

    def _view_on(self, organisation_id: str, day: date) -> View:
        known = self._known.get(organisation_id)
        if known is None:
            return NOTHING
        stands = known.acts_for | {organisation_id}
        members = frozenset(act.member for act in known.acts if act.ends is None and act.member in stands)
        consortia = frozenset(
            each.seat.consortium
            for each in known.seats
            if each.member in members and each.seat.ends is None and each.today(day)
        )
        return self._view(consortia, members)

    def reader(self, role: str, organisation_id: str, after: int, upto: int) -> Reader:
        """Who is told of the stretch of the log above `after` up to `upto`."""
        if role == OPERATOR:
            return Reader(role, organisation_id, OPERATOR_VIEW, OPERATOR_VIEW)
        if role == PROVIDER:  # told of its own settings, which no view decides
            return Reader(role, organisation_id, NOTHING, NOTHING)
        return Reader(role, organisation_id, self.at(organisation_id, upto), self.at(organisation_id, after))

    def may_see(self, role: str, organisation_id: str, now: datetime) -> View:
        """The view by which it is judged what may be told now."""
        if role == OPERATOR:
            return OPERATOR_VIEW
        return NOTHING if role == PROVIDER else self.now(organisation_id, now)

    def _view(self, consortia: frozenset[str], members: frozenset[str]) -> View:
        names = [self._names[member] for member in members if member in self._names]
        return _view(consortia, frozenset[str]().union(*names))


@lru_cache(maxsize=4096)
def _view(consortia: frozenset[str], names: frozenset[str]) -> View:
    buyers = names.union(f"{EXCHANGE_SCHEME}:{name}" for name in consortia)
    return View(everything=False, audiences=consortia, buyers=buyers)


def _seats(membership: Any, act: Acting) -> list[_Seat]:
    """The seat that a membership gives to who acts for the member, if there was ever such a time."""
    begins = max(membership.applied_from, act.begins)
    ends = min((end for end in (membership.applied_until, act.ends) if end is not None), default=None)
    if ends is not None and begins >= ends:
        return []
    seat = Seat(membership.consortium_id, begins, ends)
    return [_Seat(act.member, seat, membership.valid_from, membership.valid_until)]


_ACTS = OfIds(
    lambda among: (
        sa.select(*(_ACTS_FOR.c[name] for name in ("organisation_id", "member_id", "applied_from", "applied_until")))
        .where(among(_ACTS_FOR.c.organisation_id))
        .order_by(_ACTS_FOR.c.id)
    )
)
_MEMBERSHIPS = OfIds(
    lambda among: (
        sa.select(
            *(
                _MEMBER.c[name]
                for name in (
                    "organisation_id",
                    "consortium_id",
                    "applied_from",
                    "applied_until",
                    "valid_from",
                    "valid_until",
                )
            )
        )
        .where(among(_MEMBER.c.organisation_id), _MEMBER.c.applied_from.is_not(None))
        .order_by(_MEMBER.c.id)
    )
)
_PARTIES = OfIds(
    lambda among: (
        sa.select(*as_stored(Organisation, "id", "la_code", "identifiers", "acts_for"))
        .where(among(col(Organisation.id)))
        .order_by(col(Organisation.id))
    )
)


def views_of(session: Session, organisations: Iterable[str], *, known: ManyViews | None = None) -> ManyViews:
    """The views of these as this session has them; `known` itself where nothing about them has changed since."""
    own = sorted(set(organisations))
    acts = _ACTS.rows(session, own)
    everyone = sorted({*own, *(row.member_id for row in acts)})
    rows = (acts, _MEMBERSHIPS.rows(session, everyone), _PARTIES.rows(session, everyone))
    return known if known is not None and known.rows == rows else ManyViews(rows)
