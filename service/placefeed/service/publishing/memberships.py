"""Memberships that begin or end: the member alone gains or loses sight of what its consortium sees."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.clock import london_day
from placefeed.service.publishing.log import Writer
from placefeed.service.tables import ConsortiumMember, Listing


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


def _running(today: date) -> sa.ColumnElement[bool]:
    return sa.and_(
        col(ConsortiumMember.valid_from) <= today,
        sa.or_(col(ConsortiumMember.valid_until).is_(None), col(ConsortiumMember.valid_until) >= today),
    )


def _note(session: Session, writer: Writer, membership: ConsortiumMember, *, visible: bool) -> None:
    """The member alone gains or loses what it sees through this consortium and through no other."""
    others = _other_consortia(session, membership)
    for listing_id, audiences in _listings(session):
        if membership.consortium_id in audiences and others.isdisjoint(audiences):
            writer.sight(listing_id, f"m:{membership.organisation_id}", writer.next(), visible=visible)


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


def _listings(session: Session) -> list[tuple[str, list[str]]]:
    rows = session.exec(
        select(Listing.id, Listing.audiences).where(Listing.state == "updated").order_by(col(Listing.position))
    )
    return [(listing_id, list(audiences)) for listing_id, audiences in rows]
