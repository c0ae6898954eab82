"""Members whose sight changes: they join or leave a consortium, or are changed themselves. Each alone gains or loses, in `sight_change`."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.clock import london_day
from placefeed.service.publishing.log import Writer
from placefeed.service.publishing.sight import EXCHANGE_SCHEME, View, names_of, view_at, view_of
from placefeed.service.tables import ActsFor, ConsortiumMember, Listing, MemberChange, Organisation, ShownSetting


class Item(NamedTuple):
    """A listing, or what is shown of a setting: who sees it, and the rates that are not offered to any."""

    id: str
    audiences: list[str]
    restricted: list[dict[str, Any]]


def end(session: Session, writer: Writer, now: datetime) -> None:
    """End the memberships whose last day has passed. Before settings are published: what appears now is not theirs."""
    over = select(ConsortiumMember).where(
        col(ConsortiumMember.applied_from).is_not(None),
        col(ConsortiumMember.applied_until).is_(None),
        sa.not_(_running(london_day(now))),
    )
    for membership in session.exec(over).all():
        _note(session, writer, membership, visible=False)
        membership.applied_until = writer.next()
        session.add(membership)
        session.flush()


def begin(session: Session, writer: Writer, now: datetime) -> None:
    """Let memberships take effect whose first day has come. After settings are published: what left now was never theirs."""
    due = select(ConsortiumMember).where(
        col(ConsortiumMember.applied_from).is_(None),
        col(ConsortiumMember.applied_until).is_(None),
        _running(london_day(now)),
    )
    for membership in session.exec(due).all():
        writer.flush()
        membership.applied_from = writer.next()
        _note(session, writer, membership, visible=True)
        session.add(membership)
        session.flush()


def stop_acting(session: Session, writer: Writer) -> None:
    """End a trust's acting for members that its actsFor no longer names. Before settings are published, as `end`."""
    for trust_id in session.exec(select(MemberChange.organisation_id).distinct()).all():
        trust = session.get_one(Organisation, trust_id)
        over = [row for row in _acts_for(session, trust_id) if row.member_id not in trust.acts_for]
        if over:
            before = view_at(session, trust_id, writer.position)
            for row in over:
                row.applied_until = writer.next()
                session.add(row)
            session.flush()
            _compare(session, writer, trust_id, before, view_at(session, trust_id, writer.position))


def look_again(session: Session, writer: Writer, now: datetime) -> None:
    """Members whose code, identifiers or actsFor were changed: what they see now, compared with what they saw before."""
    changes: dict[str, MemberChange] = {}
    for change in session.exec(select(MemberChange).order_by(col(MemberChange.id))).all():
        changes.setdefault(change.organisation_id, change)  # the first of several says how it was
        session.delete(change)
    for change in changes.values():
        writer.flush()
        own = session.get_one(Organisation, change.organisation_id)
        before = view_at(session, own.id, writer.position)
        before = replace(before, buyers=before.buyers - names_of(own) | names_of(change))
        for member in sorted({*own.acts_for} - {row.member_id for row in _acts_for(session, own.id)}):
            session.add(ActsFor(organisation_id=own.id, member_id=member, applied_from=writer.next()))
        session.flush()
        _compare(session, writer, own.id, before, view_of(session, own.id, now))
    session.flush()


def _acts_for(session: Session, trust_id: str) -> Sequence[ActsFor]:
    return session.exec(
        select(ActsFor).where(ActsFor.organisation_id == trust_id, col(ActsFor.applied_until).is_(None))
    ).all()


def _compare(session: Session, writer: Writer, member: str, before: View, after: View) -> None:
    if before == after:
        return
    for item in _items(session):
        sees = after.sees(item.audiences)
        other_rates = any(
            before.may_have_rate(rate["offeredTo"]) != after.may_have_rate(rate["offeredTo"])
            for rate in item.restricted
        )
        if sees != before.sees(item.audiences) or (sees and other_rates):
            writer.sight(item.id, f"m:{member}", writer.next(), visible=sees)


def _running(today: date) -> sa.ColumnElement[bool]:
    return sa.and_(
        col(ConsortiumMember.valid_from) <= today,
        sa.or_(col(ConsortiumMember.valid_until).is_(None), col(ConsortiumMember.valid_until) >= today),
    )


def _note(session: Session, writer: Writer, membership: ConsortiumMember, *, visible: bool) -> None:
    """The member alone gains or loses what it sees through this consortium and no other, and the rates offered to it."""
    others = _other_consortia(session, membership)
    buyer = f"{EXCHANGE_SCHEME}:{membership.consortium_id}"
    for item in _items(session):
        still = not others.isdisjoint(item.audiences)
        if (not still and membership.consortium_id in item.audiences) or (
            still and any(buyer in rate["offeredTo"] for rate in item.restricted)
        ):
            writer.sight(item.id, f"m:{membership.organisation_id}", writer.next(), visible=visible or still)


def _other_consortia(session: Session, membership: ConsortiumMember) -> set[str]:
    """The consortia that the member belongs to anyway, through other memberships in effect."""
    return set(
        session.exec(
            select(ConsortiumMember.consortium_id).where(
                ConsortiumMember.organisation_id == membership.organisation_id,
                ConsortiumMember.id != membership.id,
                col(ConsortiumMember.applied_from).is_not(None),
                col(ConsortiumMember.applied_until).is_(None),
            )
        )
    )


def _items(session: Session) -> Iterator[Item]:
    """Every listing that stands, and every setting that is shown, by position."""
    listings = sa.select(Listing.id, Listing.audiences, Listing.restricted).where(col(Listing.state) == "updated")  # type: ignore[call-overload]
    for row in session.execute(listings.order_by(col(Listing.position))).all():
        yield Item(*row)
    settings = sa.select(ShownSetting.urn, ShownSetting.audiences).where(col(ShownSetting.state) == "updated")  # type: ignore[call-overload]
    for row in session.execute(settings.order_by(col(ShownSetting.position))).all():
        yield Item(row[0], row[1], [])
