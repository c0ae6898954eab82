"""Whether a person wants reminders for an organisation, and the link in their footer that ends them without a sign-in."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.access.audit import record
from placefeed.service.access.sealing import derived_key
from placefeed.service.access.who import LEVELS, PROVIDER, ROLE_OF_KIND, Caller, scopes_of
from placefeed.service.errors import NotFound
from placefeed.service.tables import Organisation, Person, Post

REMINDED = [level for level in LEVELS if "submit" in scopes_of(PROVIDER, level)]
"""Levels of posts whose people are reminded: they can do something about it."""

PROVIDERS = [kind for kind, role in ROLE_OF_KIND.items() if role == PROVIDER]
NO_LINK = "This link is not complete. Use the one in the newest e-mail, or sign in."


@dataclass(frozen=True, slots=True)
class Wish:
    """A person's post and whether reminders come for it."""

    person_id: str
    organisation_id: str
    name: str
    wanted: bool


def wishes_of(session: Session, person_id: str) -> list[Wish]:
    """A person's posts at providers, by name; only those who may change something are reminded."""
    rows = session.execute(
        sa.select(Post, Organisation)
        .join(Organisation, col(Organisation.id) == col(Post.organisation_id))
        .where(col(Post.person_id) == person_id, col(Post.level).in_(REMINDED), col(Organisation.kind).in_(PROVIDERS))
        .order_by(col(Organisation.name), col(Organisation.id))
    )
    return [Wish(person_id, organisation.id, organisation.name, post.reminders) for post, organisation in rows]


def want(session: Session, person_id: str, organisation_id: str, *, wanted: bool, now: datetime) -> None:
    """Begin or stop a person's reminders for an organisation; again changes nothing. Raises NotFound where they have no post."""
    post = session.get(Post, (person_id, organisation_id))
    if post is None:
        raise NotFound("You do not work for that organisation here.")
    if post.reminders == wanted:
        return
    post.reminders = wanted
    session.add(post)
    session.flush()
    record(
        session,
        caller=caller_of(session, post),
        action="reminder.start" if wanted else "reminder.stop",
        subject=person_id,
        at=now,
    )


def caller_of(session: Session, post: Post) -> Caller:
    """The person of a post, who acts by a link and not by a sign-in."""
    organisation = session.get(Organisation, post.organisation_id)
    assert organisation is not None  # a post has one
    role = ROLE_OF_KIND[organisation.kind]
    return Caller(
        key_id=None,
        organisation_id=organisation.id,
        role=role,
        scopes=scopes_of(role, post.level),
        name=organisation.name,
        person_id=post.person_id,
    )


def stop_token(person_id: str, organisation_id: str, *, secret: bytes) -> str:
    """What stands in the footer: it stops these reminders and does nothing else, whenever it is used."""
    return f"{person_id}.{organisation_id}.{_sign(person_id, organisation_id, secret)}"


def read_stop_token(session: Session, token: str, *, secret: bytes) -> Wish:
    """Whose reminders a footer's link stops. Raises NotFound for one that we did not make, or for a post that has ended."""
    person_id, _, rest = token.partition(".")
    organisation_id, _, signature = rest.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _sign(person_id, organisation_id, secret).encode()):
        raise NotFound(NO_LINK)
    post = session.get(Post, (person_id, organisation_id))
    person = session.get(Person, person_id)
    organisation = session.get(Organisation, organisation_id)
    if post is None or person is None or organisation is None:
        raise NotFound(NO_LINK)
    return Wish(person_id, organisation_id, organisation.name, post.reminders)


def _sign(person_id: str, organisation_id: str, secret: bytes) -> str:
    key = derived_key(secret, "reminders")
    return hmac.new(key, f"{person_id}\n{organisation_id}".encode(), hashlib.sha256).hexdigest()[:40]
