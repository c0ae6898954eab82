"""From a right password, or another sign-in, to a session: by way of the second factor, where there is one.

```
right password / other sign-in ──(no second factor)──────────────> session
                               └─> half way ──(code is right)──> session
```
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session

from placefeed.service.access import audit, links, lockout, people, second_factor, sign_ins
from placefeed.service.config import Settings
from placefeed.service.errors import NotFound
from placefeed.service.tables import Person

HALF_WAY_FOR = timedelta(minutes=10)
LETTERS_AN_HOUR = 3  # links to choose a new password that one account is sent


class Entered(NamedTuple):
    """What the browser gets: the cookie of a session, or of a sign-in that is half way."""

    cookie: str
    half_way: bool


def enter(
    session: Session, person: Person, *, how: str, old: str | None, browser: str, settings: Settings, now: datetime
) -> Entered:
    """Begin a session, or ask for the second factor first. `old`: the cookie that the browser had: it ends."""
    if person.totp is not None:
        token = links.make(
            session, kind=links.HALF_WAY, person_id=person.id, detail={"how": how}, lasts=HALF_WAY_FOR, now=now
        )
        return Entered(token, half_way=True)
    return Entered(_begin(session, person, how, old, browser, settings, now), half_way=False)


def try_code(
    session: Session, token: str | None, *, cookie: str | None, secret: bytes, now: datetime
) -> lockout.Attempt:
    """Note a try at a code before it is judged. `cookie`: the known-browser one. Raises NotFound or TooManyRequests."""
    row = links.look(session, token or "", kind=links.HALF_WAY, now=now)
    person = people.get(session, row.person_id or "")
    return lockout.try_code(
        session, digest=row.digest, person_id=person.id, email=person.email, cookie=cookie, secret=secret, now=now
    )


def enter_by_code(
    session: Session,
    token: str,
    code: str,
    *,
    old: str | None,
    browser: str,
    secret: bytes,
    settings: Settings,
    now: datetime,
) -> tuple[Person, str] | None:
    """Begin the session of who is half way, and return it with its cookie; None where the code is wrong. Raises NotFound."""
    row = links.look(session, token, kind=links.HALF_WAY, now=now)
    person = people.get(session, row.person_id or "")
    if person.disabled_at is not None:
        raise NotFound(links.REFUSAL)
    if not second_factor.verify(session, person.id, code, secret=secret, now=now):
        return None
    links.consume(session, token, kind=links.HALF_WAY, now=now)
    return person, _begin(session, person, row.detail["how"], old, browser, settings, now)


def _begin(
    session: Session, person: Person, how: str, old: str | None, browser: str, settings: Settings, now: datetime
) -> str:
    sign_ins.end_by(session, old)
    cookie = sign_ins.begin(session, person.id, how=how, browser=browser, settings=settings, now=now)
    audit.record(
        session,
        caller=people.as_caller(person),
        action="person.signed-in",
        subject=person.id,
        detail={"how": how},
        at=now,
    )
    return cookie


def reset_link(session: Session, email: str, *, settings: Settings, now: datetime) -> tuple[Person, str] | None:
    """A link to choose a new password, for who has an account with this address and was not sent too many already."""
    person = people.find(session, email)
    if person is None or person.disabled_at is not None:
        return None
    if (
        links.made_since(session, kind=links.RESET, person_id=person.id, since=now - timedelta(hours=1))
        >= LETTERS_AN_HOUR
    ):
        return None
    audit.record(session, caller=None, action="password.reset-asked", subject=person.id, at=now)
    return person, make_reset_link(session, person, settings=settings, now=now)


def make_reset_link(session: Session, person: Person, *, settings: Settings, now: datetime) -> str:
    """A link to choose a new password; returns its token."""
    return links.make(session, kind=links.RESET, person_id=person.id, lasts=settings.reset_for, now=now)
