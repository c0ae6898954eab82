"""Who somebody is that another sign-in (OpenID Connect) knows: by issuer and subject, never by an address that it may not speak for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from placefeed.service.access import audit, invitations, links, people, second_factor, sign_ins
from placefeed.service.config import OidcProvider
from placefeed.service.errors import Invalid, NotAllowed
from placefeed.service.tables import Identity, Person, Post

WHOM_TO_ASK = "Ask a manager of your organisation here, or the operator, to invite you."


def somebody(
    session: Session, *, name: str, provider: OidcProvider, claims: Mapping[str, Any], now: datetime
) -> Person:
    """The account of who signed in there; the first time it is joined to the one with their address, or made.

    `claims`: of an ID token that was verified. Raises NotAllowed, with whom to ask.
    """
    subject = str(claims["sub"])[:255]
    known = session.get(Identity, (provider.issuer, subject))
    if known is not None:
        return _open(people.get(session, known.person_id))
    email = _address(provider, claims)
    person = people.find(session, email)
    if person is None:
        if provider.organisation is None:
            raise NotAllowed(f"Nobody with the address {email} works here yet. {WHOM_TO_ASK}")
        person = people.create_person(session, email=email, name=_name(claims, email), now=now)
    _open(person)
    _only_by_this(session, person, now)
    session.add(Identity(issuer=provider.issuer, subject=subject, person_id=person.id, created_at=now))
    session.flush()
    audit.record(
        session,
        caller=people.as_caller(person),
        action="person.identity-joined",
        subject=person.id,
        detail={"signIn": name},
        at=now,
    )
    invitations.accept_all(session, person, now=now)
    if provider.organisation is not None and session.get(Post, (person.id, provider.organisation)) is None:
        people.give_post(session, person.id, provider.organisation, level="reader", now=now)
    return person


def identities_of(session: Session, person_id: str) -> list[Identity]:
    """The other sign-ins by which somebody comes."""
    return list(session.exec(select(Identity).where(Identity.person_id == person_id).order_by(Identity.issuer)))


def _only_by_this(session: Session, person: Person, now: datetime) -> None:
    """Nobody else stays in an account whose address is proved now: whoever was handed a link to it may have chosen its password."""
    if person.password is None and person.totp is None:
        return
    person.password = None
    session.add(person)
    session.flush()
    second_factor.switch_off(session, person.id, by=people.as_caller(person), now=now)
    sign_ins.end_all(session, person.id)
    links.void(session, kind=links.RESET, person_id=person.id, now=now)
    links.void(session, kind=links.HALF_WAY, person_id=person.id, now=now)


def _address(provider: OidcProvider, claims: Mapping[str, Any]) -> str:
    said = claims.get(provider.email_claim)
    if not isinstance(said, str) or not said.strip():
        raise NotAllowed(f"The other sign-in did not say your email address. {WHOM_TO_ASK}")
    try:
        email = people.address(said)
    except Invalid:
        raise NotAllowed(f"The other sign-in gave an email address that cannot be read. {WHOM_TO_ASK}") from None
    unverified = provider.email_claim == "email" and claims.get("email_verified") in (False, "false")
    if unverified or email.rpartition("@")[2] not in provider.domains:
        raise NotAllowed(f"This sign-in may not speak for the address {email}. {WHOM_TO_ASK}")
    return email


def _name(claims: Mapping[str, Any], email: str) -> str:
    said = claims.get("name")
    try:
        return people.called_by(said) if isinstance(said, str) else email.partition("@")[0]
    except Invalid:
        return email.partition("@")[0]


def _open(person: Person) -> Person:
    if person.disabled_at is not None:
        raise NotAllowed("Your account here is closed. Ask the operator.")
    return person
