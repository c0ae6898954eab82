"""What followers of the log may see, at both ends of a stretch of it; and whether their keys are still good.

Who lost its right is told that something left, and nothing else. Who gained it was not there before.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.access import sign_ins
from placefeed.service.access.keys import is_good
from placefeed.service.access.who import OPERATOR, SIGN_IN
from placefeed.service.channels.many_views import ManyViews, views_of
from placefeed.service.clock import london_day
from placefeed.service.config import Settings
from placefeed.service.publishing.sight import OPERATOR_VIEW, View
from placefeed.service.publishing.steps import Step, seen_alone
from placefeed.service.tables import ApiKey, SightChange

CHUNK = 500  # names asked for at once
_SIGHT = SightChange.__table__  # type: ignore[attr-defined]  # SQLModel adds it


class Party(NamedTuple):
    """An organisation, in a role."""

    role: str
    organisation_id: str


class Right(NamedTuple):
    """What a party could see where a stretch begins, and what it sees where it ends, and still may."""

    was: View
    view: View


def both(one: View, other: View) -> View:
    """What is seen by the one and by the other."""
    if one.everything or one == other:
        return other
    if other.everything:
        return one
    return View(everything=False, audiences=one.audiences & other.audiences, buyers=one.buyers & other.buyers)


class Rights:
    """The rights of some parties: asked for with every session, and made anew only where something about them has changed."""

    def __init__(self) -> None:
        self._views: ManyViews | None = None
        self._of: tuple[object, ...] = ()  # what `_same` depends on
        self._moved = 0  # the last position at which a membership, or acting for a member, began or ended
        self._same: dict[Party, Right] = {}
        self._by_member: dict[str, list[Party]] = {}

    def of(
        self, session: Session, parties: Collection[Party], *, after: int, upto: int, now: datetime
    ) -> dict[Party, Right]:
        """What each may see of the stretch above `after` up to `upto`, as this session knows."""
        members = {party.organisation_id for party in parties if party.role != OPERATOR}
        views = views_of(session, members, known=self._views)
        depends = (views, london_day(now), frozenset(parties))
        if depends != self._of:
            self._views, self._of, self._moved, self._same = views, depends, _moved(views), {}
            self._by_member = {}
            for party in parties:
                for member in views.members(party.organisation_id) if party.role != OPERATOR else ():
                    self._by_member.setdefault(member, []).append(party)
        if after >= self._moved:  # as it was in the stretch before
            self._same = self._same or {party: _right(views, party, after, upto, now) for party in parties}
            return self._same
        return {party: _right(views, party, after, upto, now) for party in parties}

    def alone(self, session: Session, *, after: int, upto: int, known: list[Step]) -> dict[Party, list[Step]]:
        """The steps of that stretch that each takes alone; after `of`. Most take none, and that is one question for all."""
        names = [f"m:{member}" for member in self._by_member]
        moved: set[Party] = set()
        for start in range(0, len(names), CHUNK):
            query = sa.select(_SIGHT.c.audience).where(
                _SIGHT.c.audience.in_(names[start : start + CHUNK]),
                _SIGHT.c.position > after,
                _SIGHT.c.position <= upto,
            )
            for audience in session.scalars(query.distinct()):
                moved.update(self._by_member[audience.removeprefix("m:")])
        return {party: seen_alone(session, party.organisation_id, after, upto, known=known) for party in moved}


def _right(views: ManyViews, party: Party, after: int, upto: int, now: datetime) -> Right:
    role, organisation = party
    if role == OPERATOR:
        return Right(OPERATOR_VIEW, OPERATOR_VIEW)
    # What it gained later comes later; what it lost since is lost.
    return Right(views.at(organisation, after), both(views.at(organisation, upto), views.now(organisation, now)))


def _moved(views: ManyViews) -> int:
    acts, memberships, _parties = views.rows
    return max((at for row in (*acts, *memberships) for at in (row.applied_from, row.applied_until) if at), default=0)


def bad_tokens(session: Session, tokens: Iterable[str], *, settings: Settings, now: datetime) -> set[str]:
    """Those of these (`Caller.token`) that let nobody in any more: keys revoked, expired or gone, and sign-ins that are over."""
    asked = list(tokens)
    bad: set[str] = set()
    for start in range(0, len(asked), CHUNK):
        some = asked[start : start + CHUNK]
        signed_in = {token.removeprefix(SIGN_IN) for token in some if token.startswith(SIGN_IN)}
        keys = {token for token in some if not token.startswith(SIGN_IN)}
        rows = session.exec(select(ApiKey).where(col(ApiKey.id).in_(keys))) if keys else ()
        bad |= keys - {key.id for key in rows if is_good(key, now)}
        if signed_in:
            bad |= {f"{SIGN_IN}{id}" for id in sign_ins.over(session, signed_in, settings=settings, now=now)}
    return bad
