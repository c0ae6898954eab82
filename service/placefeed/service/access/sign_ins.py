"""Sessions of people: an opaque cookie, of which a hash is kept; ended by its owner, by time, or with the right behind it.

```
begin ──> good ──(idle, or too old)──> over
            ├──(choose)──> good, working in another of their organisations
            └──(end, end_all, person disabled)──> gone, at once
```
"""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.access.who import OPERATOR, PUBLIC, ROLE_OF_KIND, Caller, scopes_of
from placefeed.service.clock import Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database, tell
from placefeed.service.errors import NotFound
from placefeed.service.remembered import MOST, Remembered
from placefeed.service.tables import Organisation, Person, Post, SignIn

SEEN_EVERY = timedelta(minutes=5)  # how finely it is noted when somebody was last there: not a write for every page
LONGEST = 100  # characters of a cookie that we look at
OWN_WAY = "password"  # how somebody signed in; at another sign-in a second factor is for that one to ask


class Place(NamedTuple):
    """One post: where somebody may work, as what."""

    organisation_id: str
    name: str
    kind: str
    level: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in. `caller` is what the operations ask for; None while they have no post anywhere."""

    sign_in_id: str
    person_id: str
    name: str
    email: str
    places: tuple[Place, ...]
    place: Place | None
    caller: Caller | None
    lifted: str | None  # the reason for which hidden grades are shown
    how: str = ""
    second_factor: bool = False
    must_enrol: bool = False  # an operator without a second factor: until there is one there is no `caller`

    @property
    def role(self) -> str | None:
        """provider, member or operator."""
        return self.caller.role if self.caller else None

    @property
    def acting(self) -> Caller:
        """Who the audit says it was, also while they work for nobody."""
        return self.caller or Caller(
            key_id=None, organisation_id=None, role=PUBLIC, name=self.name, person_id=self.person_id
        )

    @property
    def manages(self) -> bool:
        """Whether they may invite colleagues and set their organisation's policy."""
        return self.place is not None and self.place.level == "manager"


def begin(session: Session, person_id: str, *, how: str, browser: str, settings: Settings, now: datetime) -> str:
    """Begin a session and return the cookie's text, which is nowhere kept. What cookie there was before counts no more."""
    text = secrets.token_urlsafe(32)
    posts = _places(session, person_id)
    session.add(
        SignIn(
            id=secrets.token_hex(8),
            digest=digest_of(text),
            person_id=person_id,
            organisation_id=posts[0].organisation_id if len(posts) == 1 else None,
            how=how,
            browser=browser[:200],
            created_at=now,
            seen_at=now,
            expires_at=now + settings.sign_in_for,
        )
    )
    session.flush()
    return text


def digest_of(text: str) -> bytes:
    """What is kept of a cookie. It is random and long: a plain hash is enough."""
    return hashlib.sha256(text.encode()).digest()


def visitor_of(session: Session, text: str, *, settings: Settings, now: datetime) -> Visitor | None:
    """Who this cookie belongs to; None where it is unknown or over."""
    return _visitor(session, col(SignIn.digest) == digest_of(text[:LONGEST]), settings, now)


def visitor_by_id(session: Session, sign_in_id: str, *, settings: Settings, now: datetime) -> Visitor | None:
    """The visitor of a session as it is now; None where it is over."""
    return _visitor(session, col(SignIn.id) == sign_in_id, settings, now)


def _visitor(session: Session, which: sa.ColumnElement[bool], settings: Settings, now: datetime) -> Visitor | None:
    found = session.execute(
        sa.select(SignIn, Person)
        .join(Person, col(Person.id) == col(SignIn.person_id))
        .where(which, *_good(settings, now))
        .execution_options(populate_existing=True)
    ).first()
    if found is None:
        return None
    row, person = found
    places = _places(session, person.id)
    place = next((one for one in places if one.organisation_id == row.organisation_id), None)
    caller = None
    must_enrol = (
        place is not None
        and ROLE_OF_KIND[place.kind] == OPERATOR
        and settings.second_factor_for_operators
        and person.totp is None
        and row.how == OWN_WAY
    )
    if place is not None and not must_enrol:
        role = ROLE_OF_KIND[place.kind]
        caller = Caller(
            key_id=None,
            organisation_id=place.organisation_id,
            role=role,
            scopes=scopes_of(role, place.level),
            name=place.name,
            person_id=person.id,
            sign_in_id=row.id,
        )
    lifted = row.lifted["reason"] if row.lifted and row.lifted["organisation"] == row.organisation_id else None
    return Visitor(
        row.id,
        person.id,
        person.name,
        person.email,
        places,
        place,
        caller,
        lifted,
        how=row.how,
        second_factor=person.totp is not None,
        must_enrol=must_enrol,
    )


def note_seen(session: Session, sign_in_id: str, *, now: datetime) -> None:
    """Somebody is there: without this a session ends after the idle time."""
    session.execute(
        sa.update(SignIn)
        .where(col(SignIn.id) == sign_in_id, col(SignIn.seen_at) < now - SEEN_EVERY)
        .values(seen_at=now)
    )


def choose(session: Session, visitor: Visitor, organisation_id: str) -> None:
    """Work in this one of one's organisations from now on. Raises NotFound for one where they have no post."""
    if organisation_id not in {place.organisation_id for place in visitor.places}:
        raise NotFound("You do not work for that organisation here.")
    _change(session, visitor.sign_in_id, organisation_id=organisation_id)


def lift(session: Session, visitor: Visitor, reason: str | None, *, now: datetime) -> None:
    """Show the grades that the organisation hides, for this session and for a reason; None hides them again."""
    organisation = visitor.place.organisation_id if visitor.place else None
    lifted = None if reason is None else {"organisation": organisation, "reason": reason, "at": now.isoformat()}
    _change(session, visitor.sign_in_id, lifted=lifted)


def _change(session: Session, sign_in_id: str, **values: object) -> None:
    session.execute(sa.update(SignIn).where(col(SignIn.id) == sign_in_id).values(**values))
    tell(session, "access")


def end(session: Session, person_id: str, sign_in_id: str) -> None:
    """End one of one's own sessions; again changes nothing."""
    session.execute(sa.delete(SignIn).where(col(SignIn.id) == sign_in_id, col(SignIn.person_id) == person_id))
    tell(session, "access")


def end_by(session: Session, text: str | None) -> None:
    """End the session of a cookie, if it is one."""
    if text:
        session.execute(sa.delete(SignIn).where(col(SignIn.digest) == digest_of(text[:LONGEST])))
        tell(session, "access")


def end_all(session: Session, person_id: str, *, but: str | None = None) -> None:
    """End every session of a person, but for one."""
    query = sa.delete(SignIn).where(col(SignIn.person_id) == person_id)
    session.execute(query if but is None else query.where(col(SignIn.id) != but))
    tell(session, "access")


def list_sign_ins(session: Session, person_id: str, *, settings: Settings, now: datetime) -> list[SignIn]:
    """A person's sessions that are good, the last seen first."""
    query = select(SignIn).join(Person, col(Person.id) == col(SignIn.person_id))
    return list(
        session.exec(
            query.where(SignIn.person_id == person_id, *_good(settings, now)).order_by(col(SignIn.seen_at).desc())
        )
    )


def over(session: Session, ids: Collection[str], *, settings: Settings, now: datetime) -> set[str]:
    """Those of these sessions that are over, or whose person works nowhere any more."""
    good = session.scalars(
        sa.select(SignIn.id)  # type: ignore[call-overload]
        .join(Person, col(Person.id) == col(SignIn.person_id))
        .join(
            Post,
            sa.and_(
                col(Post.person_id) == col(SignIn.person_id), col(Post.organisation_id) == col(SignIn.organisation_id)
            ),
        )
        .where(col(SignIn.id).in_(list(ids)), *_good(settings, now))
    )
    return set(ids) - set(good)


def _good(settings: Settings, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        col(SignIn.expires_at) > now,
        col(SignIn.seen_at) > now - settings.sign_in_idle,
        col(Person.disabled_at).is_(None),
    )


def _places(session: Session, person_id: str) -> tuple[Place, ...]:
    rows = session.execute(
        sa.select(Organisation.id, Organisation.name, Organisation.kind, Post.level)  # type: ignore[call-overload]
        .join(Post, col(Post.organisation_id) == col(Organisation.id))
        .where(col(Post.person_id) == person_id)
        .order_by(col(Organisation.name), col(Organisation.id))
    )
    return tuple(Place(*row) for row in rows)


class SignIns:
    """A process's memory of good sessions, so that a page costs no query to know its visitor. Forgets when the bell rings `access`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._known: Remembered[bytes, Visitor | None] = Remembered(database.bell, clock, until=("access",))
        self._seen: dict[str, datetime] = {}

    def remembered(self, text: str) -> Visitor | None:
        """Who this cookie belongs to, if that was asked a moment ago; never touches the database, so it may be called on the loop."""
        return self._known.get(digest_of(text[:LONGEST]))

    def visitor(self, text: str) -> Visitor | None:
        """Who this cookie belongs to, from memory or the database; notes now and then that they are there."""

        def ask(now: datetime) -> Visitor | None:
            with self._database.read() as session:
                visitor = visitor_of(session, text, settings=self._database.settings, now=now)
            if visitor is not None and now - self._seen.get(visitor.sign_in_id, now - SEEN_EVERY) >= SEEN_EVERY:
                with self._database.write() as session:
                    note_seen(session, visitor.sign_in_id, now=now)
                if len(self._seen) >= MOST:
                    self._seen.clear()
                self._seen[visitor.sign_in_id] = now
            return visitor

        return self._known.asked(digest_of(text[:LONGEST]), ask)

    def close(self) -> None:
        """Stop listening to the bell."""
        self._known.close()
