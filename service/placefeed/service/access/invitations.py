"""Invitations: somebody is asked to work in an organisation; the post is theirs when they accept, by a link that works once."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.access import audit, links, people
from placefeed.service.access.who import LEVELS, Caller
from placefeed.service.config import Settings
from placefeed.service.errors import Conflict, Invalid, NotFound
from placefeed.service.tables import Identity, OneUse, Organisation, Person, Post


@dataclass(frozen=True, slots=True)
class Invited:
    """What an invitation is for. `known`: they have an account that they sign in to already."""

    person: Person
    organisation: Organisation
    level: str
    known: bool


def invite(
    session: Session,
    *,
    organisation_id: str,
    email: str,
    name: str,
    level: str,
    by: Caller,
    settings: Settings,
    now: datetime,
) -> tuple[str, Person]:
    """Ask somebody to work in an organisation and return the link's token, which is nowhere kept; an earlier link of theirs is void.

    Makes an account for who has none. Raises Invalid, NotFound, or Conflict for who works there already or whose account is closed.
    """
    if level not in LEVELS:
        raise Invalid(f"A level is one of {', '.join(LEVELS)}.", errors=[{"pointer": "/level"}])
    if session.get(Organisation, organisation_id) is None:
        raise NotFound(f"There is no organisation “{organisation_id}”.")
    person = people.find(session, people.address(email)) or people.create_person(
        session, email=email, name=name, now=now
    )
    if person.disabled_at is not None:
        raise Conflict(
            "The account with this email address is closed. Ask the operator to open it.",
            errors=[{"pointer": "/email"}],
        )
    if session.get(Post, (person.id, organisation_id)) is not None:
        raise Conflict("They work here already. Change their level instead.", errors=[{"pointer": "/email"}])
    links.void(session, kind=links.INVITATION, person_id=person.id, organisation_id=organisation_id, now=now)
    token = links.make(
        session,
        kind=links.INVITATION,
        person_id=person.id,
        organisation_id=organisation_id,
        detail={"level": level},
        lasts=settings.invitation_for,
        now=now,
    )
    _noted(session, by, "person.invited", person.id, organisation_id, now, level=level)
    return token, person


def look(session: Session, token: str, *, now: datetime) -> Invited:
    """What a link invites to. Changes nothing. Raises NotFound."""
    return _invited(session, links.look(session, token, kind=links.INVITATION, now=now))


def accept(session: Session, token: str, *, now: datetime) -> Invited:
    """Take the invitation up: once, of two at once one. Raises NotFound. `known` is as it was before."""
    row = links.consume(session, token, kind=links.INVITATION, now=now)
    invited = _invited(session, row)
    _take_up(session, row, invited, now)
    return invited


def accept_all(session: Session, person: Person, *, now: datetime) -> int:
    """Take up whatever somebody is invited to, when another sign-in has proved their address; returns how many."""
    rows = session.exec(
        select(OneUse).where(
            OneUse.kind == links.INVITATION,
            OneUse.person_id == person.id,
            col(OneUse.used_at).is_(None),
            col(OneUse.expires_at) > now,
        )
    ).all()
    for row in rows:
        row.used_at = now
        session.add(row)
        _take_up(session, row, _invited(session, row), now)
    return len(rows)


def waiting(session: Session, organisation_id: str, *, now: datetime) -> list[tuple[Person, OneUse]]:
    """Who is invited and has not accepted yet, by name."""
    rows = session.execute(
        sa.select(Person, OneUse)
        .join(OneUse, col(OneUse.person_id) == col(Person.id))
        .where(
            col(OneUse.kind) == links.INVITATION,
            col(OneUse.organisation_id) == organisation_id,
            col(OneUse.used_at).is_(None),
            col(OneUse.expires_at) > now,
        )
        .order_by(sa.func.lower(Person.name), col(Person.id))
    )
    return [(person, row) for person, row in rows]


def withdraw(session: Session, organisation_id: str, person_id: str, *, by: Caller, now: datetime) -> None:
    """Make an invitation's link useless. Raises NotFound where there is none that could be used."""
    if not links.void(session, kind=links.INVITATION, person_id=person_id, organisation_id=organisation_id, now=now):
        raise NotFound("They are not invited, or have accepted already.")
    _noted(session, by, "person.invitation-withdrawn", person_id, organisation_id, now)


def _invited(session: Session, row: OneUse) -> Invited:
    person = session.get(Person, row.person_id)
    organisation = session.get(Organisation, row.organisation_id)
    if person is None or organisation is None or person.disabled_at is not None:
        raise NotFound(links.REFUSAL)
    known = (
        person.password is not None
        or session.exec(select(Identity).where(Identity.person_id == person.id)).first() is not None
    )
    return Invited(person, organisation, row.detail["level"], known)


def _take_up(session: Session, row: OneUse, invited: Invited, now: datetime) -> None:
    person, organisation = invited.person.id, invited.organisation.id
    if session.get(Post, (person, organisation)) is None:  # what somebody gave them meanwhile stays
        people.give_post(session, person, organisation, level=invited.level, now=now)
    _noted(session, people.as_caller(invited.person), "person.joined", person, organisation, now, level=invited.level)


def _noted(
    session: Session, by: Caller, action: str, person_id: str, organisation_id: str, now: datetime, **more: str
) -> None:
    audit.record(
        session, caller=by, action=action, subject=person_id, detail={"organisation": organisation_id, **more}, at=now
    )
