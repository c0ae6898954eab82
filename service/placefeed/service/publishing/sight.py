"""Who may see what: the one place where the rule lives. Later rules (agreements, first refusal) join it here.

A listing carries the audiences that may see it: the consortia that take its provider on that day. A member sees a
listing when it belongs to one of them. A rate is seen by whom it is offered to.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.clock import london_day
from placefeed.service.tables import ConsortiumMember, Organisation

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


def acting(session: Session, organisation_id: str) -> list[Organisation]:
    """The organisation and those that it acts for."""
    own = session.get(Organisation, organisation_id)
    if own is None:
        return []
    others = (
        session.exec(select(Organisation).where(col(Organisation.id).in_(own.acts_for))).all() if own.acts_for else []
    )
    return [own, *others]


def view_of(session: Session, organisation_id: str, now: datetime) -> View:
    """What a member (or a trust, through those it acts for) may see now.

    A membership counts when the publisher has let it take effect and its days include today: a member whose time is
    over loses sight at midnight even if the publisher is late.
    """
    organisations = acting(session, organisation_id)
    if not organisations:
        return NOTHING
    today = london_day(now)
    rows = session.exec(
        select(ConsortiumMember.consortium_id).where(
            col(ConsortiumMember.organisation_id).in_([organisation.id for organisation in organisations]),
            col(ConsortiumMember.applied_from).is_not(None),
            col(ConsortiumMember.applied_until).is_(None),
            ConsortiumMember.valid_from <= today,
            sa.or_(col(ConsortiumMember.valid_until).is_(None), col(ConsortiumMember.valid_until) >= today),
        )
    ).all()
    buyers = {f"{EXCHANGE_SCHEME}:{consortium}" for consortium in rows}
    for organisation in organisations:
        buyers.add(f"{EXCHANGE_SCHEME}:{organisation.id}")
        buyers.update(f"{identifier['scheme']}:{identifier['id']}" for identifier in organisation.identifiers)
        if organisation.la_code:
            buyers.add(f"gss:{organisation.la_code}")
    return View(everything=False, audiences=frozenset(rows), buyers=frozenset(buyers))
