"""Passwords: kept as argon2id, checked against the commonest, and few hashed at a time: each takes 64 MiB and 150 ms."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlmodel import Session

from placefeed.service.access import audit, links, people, sign_ins
from placefeed.service.errors import Invalid, Unavailable
from placefeed.service.tables import Person

LEAST, MOST = 12, 200  # characters; NCSC and NIST: length, not a zoo of character classes
AT_ONCE = 2  # hashes under way in a process: more would only make each slower, and take 64 MiB each
WAITING = (
    8  # that may wait for their turn; the rest is told to come again, or sign-ins would take every thread there is
)
VARIETY = 5  # different characters at least
# What is left of the commonest passwords of at least twelve characters, when digits and signs are taken away.
_WORDS = (
    "password passwordpassword passw0rd welcome welcomehome letmein letmeinplease qwerty qwertyuiop qwertyuiopasdfghjkl "
    "qwertyuiopas qazwsxedcrfv qazwsx zxcvbnm asdfghjkl abc abcdef abcdefgh abcdefghijkl abcdefghijklmnop iloveyou "
    "iloveyousomuch changeme changemenow changethis secret administrator admin adminadmin monkey dragon football baseball "
    "liverpool arsenal chelsea sunshine princess superman batman trustno correcthorsebatterystaple placement placements "
    "placesplaces childrenshome childrenshomes mypassword newpassword yourpassword thisismypassword nopassword summer winter "
    "spring autumn january february march april june july august september october november december"
)
COMMONEST = frozenset(_WORDS.split())


class Passwords:
    """Hashes and verifies, `at_once` at a time in this process. `hasher`: another one, say a cheap one for tests."""

    def __init__(self, hasher: PasswordHasher | None = None, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = threading.BoundedSemaphore(at_once)
        self._room = threading.BoundedSemaphore(at_once + waiting)
        self._dummy: str | None = None

    def hash(self, text: str) -> str:
        """What is kept of a password. Raises Unavailable where too many are under way."""
        with self._turn():
            return self._hasher.hash(text)

    def verify(self, kept: str | None, text: str) -> bool:
        """Whether this is the password. Without one (nobody has this address) it takes as long. Raises Unavailable."""
        with self._turn():
            if kept is None or len(text) > MOST:
                self._is(self._nobodys(), text[:MOST])
                return False
            return self._is(kept, text)

    def is_stale(self, kept: str) -> bool:
        """Whether it was hashed with other parameters than today's: then it is hashed again at the next sign-in."""
        return self._hasher.check_needs_rehash(kept)

    def _is(self, kept: str, text: str) -> bool:
        try:
            return self._hasher.verify(kept, text)
        except (VerificationError, InvalidHashError):
            return False

    def _nobodys(self) -> str:
        if self._dummy is None:
            self._dummy = self._hasher.hash("the password of nobody")
        return self._dummy

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._room.acquire(blocking=False):
            raise Unavailable(
                "Many people are signing in at this moment. Try again in a few seconds.", headers={"Retry-After": "5"}
            )
        try:
            with self._turns:
                yield
        finally:
            self._room.release()


def check(text: str, *, email: str, name: str) -> None:
    """Whether a password may be chosen. Raises Invalid with what to do."""
    why = _wrong(text, email, name)
    if why is not None:
        raise Invalid(why, errors=[{"pointer": "/password", "detail": why}])


def _wrong(text: str, email: str, name: str) -> str | None:
    if len(text) < LEAST:
        return f"Password must be {LEAST} characters or more. Three words that do not belong together make a good one."
    if len(text) > MOST:
        return f"Password must be {MOST} characters or fewer."
    small = text.lower()
    local = email.partition("@")[0]
    own = {email, *((local,) if len(local) >= 4 else ()), name.lower(), re.sub(r"\W", "", name.lower())} - {""}
    if "placefeed" in small or any(len(each) >= 4 and each in small for each in own):
        return "Password must not contain your name, your email address or the word “placefeed”."
    letters = re.sub(r"[^a-z]", "", small)
    if len(set(small)) < VARIETY or small in COMMONEST or letters in COMMONEST or small.isdigit():
        return "Password is one of those that are tried first. Choose another, such as three words that do not belong together."
    return None


def change(session: Session, person: Person, hashed: str, *, keep: str | None, now: datetime) -> None:
    """Give somebody this password: every session of theirs ends but `keep`, and links to choose another are void."""
    person.password = hashed
    session.add(person)
    session.flush()
    links.void(session, kind=links.RESET, person_id=person.id, now=now)
    links.void(session, kind=links.HALF_WAY, person_id=person.id, now=now)
    sign_ins.end_all(session, person.id, but=keep)
    audit.record(session, caller=people.as_caller(person), action="password.changed", subject=person.id, at=now)
