"""People and their posts: one account each, whatever organisations they work for; passwords, links and second factors are beside this."""

import re
import secrets
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.access import sign_ins
from placefeed.service.access.who import LEVELS, PERSON, PUBLIC, ROLE_OF_KIND, Caller, scopes_of
from placefeed.service.db import tell
from placefeed.service.errors import Conflict, Invalid, NotFound
from placefeed.service.tables import Organisation, Person, Post

EMAIL = re.compile(r"[^@\s\"(),:;<>\\\[\]]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,186}[a-z0-9])?")


def address(text: str) -> str:
    """An e-mail address as it is kept: without blanks at its ends, in small letters. Raises Invalid."""
    found = text.strip().lower()
    if not EMAIL.fullmatch(found) or "." not in found.rpartition("@")[2] or ".." in found:
        raise Invalid(
            "Enter an email address in the correct format, like name@example.com.", errors=[{"pointer": "/email"}]
        )
    return found


def called_by(text: str) -> str:
    """A name as it is kept: on one line. Raises Invalid."""
    found = " ".join(text.split())
    if not found or len(found) > 200 or not found.isprintable():
        raise Invalid("Enter a name of at most 200 characters.", errors=[{"pointer": "/name"}])
    return found


def create_person(session: Session, *, email: str, name: str, now: datetime) -> Person:
    """Make an account, without a way to sign in yet. Raises Invalid or Conflict."""
    kept = address(email)
    called = called_by(name)
    if find(session, kept) is not None:
        raise Conflict("There is an account with this email address already.", errors=[{"pointer": "/email"}])
    person = Person(id=secrets.token_hex(8), email=kept, name=called, created_at=now)
    session.add(person)
    session.flush()
    return person


def rename(session: Session, person_id: str, name: str) -> None:
    """Change somebody's name. Raises NotFound or Invalid."""
    person = get(session, person_id)
    person.name = called_by(name)
    session.add(person)
    session.flush()
    tell(session, "access")


def as_caller(person: Person) -> Caller:
    """A person in the audit, where they act for themselves and no organisation."""
    return Caller(key_id=None, organisation_id=None, role=PUBLIC, name=person.name, person_id=person.id)


def list_people(session: Session) -> list[tuple[Person, list[tuple[str, str]]]]:
    """Every account, by name, with its posts: (organisation, level)."""
    posts: dict[str, list[tuple[str, str]]] = {}
    for post in session.exec(select(Post).order_by(Post.organisation_id)):
        posts.setdefault(post.person_id, []).append((post.organisation_id, post.level))
    everyone = session.exec(select(Person).order_by(sa.func.lower(Person.name), col(Person.id)))
    return [(person, posts.get(person.id, [])) for person in everyone]


def find(session: Session, email: str) -> Person | None:
    """The account of an address, if there is one."""
    return session.exec(select(Person).where(Person.email == email.strip().lower())).first()


def get(session: Session, person_id: str) -> Person:
    """An account. Raises NotFound."""
    person = session.get(Person, person_id)
    if person is None:
        raise NotFound("There is no such person.")
    return person


def renew_hash(session: Session, person: Person, *, was: str, hashed: str) -> None:
    """Keep the same password by today's parameters, unless it was changed meanwhile."""
    if person.password == was:
        person.password = hashed
        session.add(person)
        session.flush()


def colleagues(session: Session, organisation_id: str) -> list[tuple[Person, Post]]:
    """Everybody with a post in an organisation, by name."""
    rows = session.execute(
        sa.select(Person, Post)
        .join(Post, col(Post.person_id) == col(Person.id))
        .where(col(Post.organisation_id) == organisation_id)
        .order_by(sa.func.lower(Person.name), col(Person.id))
    )
    return [(person, post) for person, post in rows]


def give_post(session: Session, person_id: str, organisation_id: str, *, level: str, now: datetime) -> Post:
    """Let somebody work in an organisation, or change their level there. Raises NotFound, Invalid, or Conflict for its last manager."""
    if level not in LEVELS:
        raise Invalid(f"A level is one of {', '.join(LEVELS)}.", errors=[{"pointer": "/level"}])
    if session.get(Organisation, organisation_id) is None:
        raise NotFound(f"There is no organisation “{organisation_id}”.")
    get(session, person_id)
    post = session.get(Post, (person_id, organisation_id))
    if post is None:
        post = Post(person_id=person_id, organisation_id=organisation_id, level=level, created_at=now)
    elif level != "manager":
        _not_the_last(session, post)
    post.level = level
    session.add(post)
    session.flush()
    tell(session, "access")
    return post


def end_post(session: Session, person_id: str, organisation_id: str) -> None:
    """They no longer work there: what they made there (subscriptions) ends with it. Raises NotFound, or Conflict for the last manager."""
    post = session.get(Post, (person_id, organisation_id))
    if post is None:
        raise NotFound("They do not work there.")
    _not_the_last(session, post)
    session.delete(post)
    session.flush()
    tell(session, "access")


def _not_the_last(session: Session, post: Post) -> None:
    """An organisation keeps somebody who can invite others."""
    session.execute(
        sa.select(Organisation.id).where(col(Organisation.id) == post.organisation_id).with_for_update()  # type: ignore[call-overload]
    )
    managers = [row for row in colleagues(session, post.organisation_id) if row[1].level == "manager"]
    if post.level == "manager" and len(managers) == 1:
        raise Conflict("They are the only manager of this organisation. Make somebody else a manager first.")


def disable(session: Session, person_id: str, *, now: datetime) -> None:
    """Close an account at once, everywhere; `enable` opens it again."""
    person = get(session, person_id)
    person.disabled_at = person.disabled_at or now
    session.add(person)
    session.flush()
    sign_ins.end_all(session, person_id)


def enable(session: Session, person_id: str) -> None:
    """Open a closed account again; its sessions stay ended."""
    person = get(session, person_id)
    person.disabled_at = None
    session.add(person)
    session.flush()


def entitled(session: Session, holder: str, *, organisation_id: str, role: str, scope: str) -> bool:
    """Whether a person (`Caller.holder`) may still do this in the role of this organisation: what they set going goes on with it."""
    found = session.execute(
        sa.select(Organisation.kind, Post.level)  # type: ignore[call-overload]
        .join(Post, col(Post.organisation_id) == col(Organisation.id))
        .join(Person, col(Person.id) == col(Post.person_id))
        .where(
            col(Post.person_id) == holder.removeprefix(PERSON),
            col(Organisation.id) == organisation_id,
            col(Person.disabled_at).is_(None),
        )
    ).first()
    return found is not None and ROLE_OF_KIND[found.kind] == role and scope in scopes_of(role, found.level)
