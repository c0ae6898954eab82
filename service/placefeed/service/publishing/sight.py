"""Who may see what: the one place where the rule lives. Later rules (agreements, first refusal) join it here.

A listing carries the audiences that may see it: the consortia that take its provider on that day. A member sees a
listing when it belongs to one of them. A rate is seen by whom it is offered to.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.clock import london_day
from placefeed.service.tables import ActsFor, ConsortiumMember, MemberChange, Organisation

EXCHANGE_SCHEME = "placefeed"  # buyers may also be named by their id on this exchange: organisation or consortium


@dataclass(frozen=True, slots=True)
class Take:
    """A consortium takes a provider from one day until another, inclusive, in Europe/London."""

    consortium: str
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class View:
    """What one caller may see. Callers with equal views share caches, ETags and editions."""

    everything: bool
    audiences: frozenset[str]
    buyers: frozenset[str]

    @property
    def key(self) -> str:
        """A short name of this view, equal for equal views."""
        if self.everything:
            return "all"
        text = "\n".join(["a", *sorted(self.audiences), "b", *sorted(self.buyers)])
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()

    def sees(self, audiences: Collection[str]) -> bool:
        """Whether a listing with these audiences is visible."""
        return self.everything or not self.audiences.isdisjoint(audiences)

    def may_have_rate(self, offered_to: Any) -> bool:
        """Whether a rate with this `offeredTo` (`"any"`, or the flat list that `flat_offer` makes) is offered to this caller."""
        return self.everything or offered_to == "any" or not self.buyers.isdisjoint(offered_to)


OPERATOR_VIEW = View(everything=True, audiences=frozenset(), buyers=frozenset())
NOTHING = View(everything=False, audiences=frozenset(), buyers=frozenset())


def flat_offer(offered_to: Any) -> Any:
    """`offeredTo` of the standard as `"any"` or a list of `scheme:id` and `agreement:id`."""
    if not isinstance(offered_to, dict):
        return "any"
    buyers = [f"{buyer['scheme']}:{buyer['id']}" for buyer in offered_to.get("buyers", ())]
    return sorted([*buyers, *(f"agreement:{agreement}" for agreement in offered_to.get("agreements", ()))])


def audiences_on(takes: Iterable[Take], day: date) -> tuple[frozenset[str], date | None]:
    """The consortia that take a provider on a day, and the next day on which that answer changes."""
    now: set[str] = set()
    turns: list[date] = []
    for take in takes:
        if take.valid_from > day:
            turns.append(take.valid_from)
        elif take.valid_until is None or take.valid_until >= day:
            now.add(take.consortium)
            if take.valid_until is not None:
                turns.append(date.fromordinal(take.valid_until.toordinal() + 1))
    return frozenset(now), min(turns, default=None)


class Acting(NamedTuple):
    """A stretch of the log, from `begins` up to before `ends`, in which an organisation was a member, or acted for it."""

    member: str
    begins: int
    ends: int | None

    def holds(self, position: int) -> bool:
        """Whether it was so at a position."""
        return self.begins <= position and (self.ends is None or position < self.ends)


class Seat(NamedTuple):
    """A stretch of the log in which an organisation saw what a consortium sees: as its member, or acting for one."""

    consortium: str
    begins: int
    ends: int | None

    def holds(self, position: int) -> bool:
        """Whether it was so at a position."""
        return self.begins <= position and (self.ends is None or position < self.ends)


def acting(session: Session, organisation_id: str) -> list[Acting]:
    """The organisation itself, and everyone it acts for or ever did."""
    rows = session.exec(select(ActsFor).where(ActsFor.organisation_id == organisation_id)).all()
    return [
        Acting(organisation_id, 0, None),
        *(Acting(row.member_id, row.applied_from, row.applied_until) for row in rows),
    ]


def seats(session: Session, actings: Iterable[Acting]) -> list[Seat]:
    """Every seat that these give, or ever gave."""
    by_member: dict[str, list[Acting]] = {}
    for act in actings:
        by_member.setdefault(act.member, []).append(act)
    rows = session.exec(
        select(ConsortiumMember).where(
            col(ConsortiumMember.organisation_id).in_(list(by_member)), col(ConsortiumMember.applied_from).is_not(None)
        )
    )
    found = []
    for row in rows:
        for act in by_member[row.organisation_id]:
            begins = max(row.applied_from or 0, act.begins)
            ends = min((end for end in (row.applied_until, act.ends) if end is not None), default=None)
            if ends is None or begins < ends:
                found.append(Seat(row.consortium_id, begins, ends))
    return found


def view_of(session: Session, organisation_id: str, now: datetime) -> View:
    """What a member (or a trust, through those it acts for) may see now.

    A membership (or acting for a member) counts when the publisher has let it take effect, and only while its days include
    today (while it still stands): who loses sight loses it at once, even if the publisher is late.
    """
    own = session.get(Organisation, organisation_id)
    if own is None:
        return NOTHING
    stands = {organisation_id, *own.acts_for}
    members = {act.member for act in acting(session, organisation_id) if act.ends is None} & stands
    today = london_day(now)
    consortia = session.exec(
        select(ConsortiumMember.consortium_id).where(
            col(ConsortiumMember.organisation_id).in_(members),
            col(ConsortiumMember.applied_from).is_not(None),
            col(ConsortiumMember.applied_until).is_(None),
            ConsortiumMember.valid_from <= today,
            sa.or_(col(ConsortiumMember.valid_until).is_(None), col(ConsortiumMember.valid_until) >= today),
        )
    ).all()
    return View(everything=False, audiences=frozenset(consortia), buyers=_buyers(session, members, consortia))


def view_at(session: Session, organisation_id: str, position: int) -> View:
    """What a member (or a trust) could see at a position of the log: what it may be told that it lost."""
    acts = acting(session, organisation_id)
    consortia = {seat.consortium for seat in seats(session, acts) if seat.holds(position)}
    members = {act.member for act in acts if act.holds(position)}
    return View(everything=False, audiences=frozenset(consortia), buyers=_buyers(session, members, consortia))


def _buyers(session: Session, members: Collection[str], consortia: Iterable[str]) -> frozenset[str]:
    """Every name under which something may be offered to these."""
    rows = session.exec(select(Organisation).where(col(Organisation.id).in_(members)))
    return frozenset({f"{EXCHANGE_SCHEME}:{name}" for name in consortia}.union(*(names_of(row) for row in rows)))


def names_of(party: Organisation | MemberChange) -> set[str]:
    """The names under which something may be offered to one organisation, as it is or was."""
    id = party.id if isinstance(party, Organisation) else party.organisation_id
    return {
        f"{EXCHANGE_SCHEME}:{id}",
        *(f"{identifier['scheme']}:{identifier['id']}" for identifier in party.identifiers),
        *([f"gss:{party.la_code}"] if party.la_code else []),
    }
