"""Guessing passwords is slowed down, and nobody can lock somebody else out by it.

Each try is noted before the password is looked at, so that many at once are not taken for one; a try that goes well takes
its notes away. A browser in which an account has signed in before carries a signed cookie and is counted by itself: however
much strangers guess, its owner comes in. What is noted are keyed hashes, and no account need exist for it: a refusal says nothing.
"""

import hashlib
import hmac
import ipaddress
import secrets
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.access.sealing import derived_key
from placefeed.service.errors import TooManyRequests
from placefeed.service.tables import FailedSignIn

WINDOW: Final = timedelta(minutes=15)
HERE: Final = 10  # tries at an account from one network (or one known browser): more than honest mistyping needs
EVERYWHERE: Final = 50  # at an account from all unknown browsers: 200 an hour, against guessers with many networks
PLACE: Final = 100  # from one network over all accounts: a council's people may all come from one address
LETTERS: Final = 20  # times that one network asks for links by e-mail
CODES: Final = 5  # tries at a second factor's code before the password is asked for again
CODES_A_DAY: Final = 50  # by who knows the password, from all unknown browsers: one in seven thousand guesses right
DAY: Final = timedelta(days=1)
KNOWN_FOR: Final = timedelta(days=180)
ACCOUNTS: Final = 5  # that a shared browser remembers

REFUSAL = "There were too many tries to sign in. Wait 15 minutes, or choose a new password by the link “I have forgotten my password”."


class Attempt(NamedTuple):
    """A try at signing in, as it is noted."""

    row: int
    account: bytes
    place: bytes
    known: bool


def begin(session: Session, *, email: str, place: str, cookie: str | None, secret: bytes, now: datetime) -> Attempt:
    """Note a try before it is judged. `place`: the client's address; `cookie`: its known-browser cookie. Raises TooManyRequests."""
    key = derived_key(secret, "failed-sign-ins")
    browser = known_browser(cookie, email=email, secret=secret, now=now)
    account = _hash(key, f"browser:{browser}:{email}" if browser else f"account:{email}")
    where = _hash(key, f"place:{network_of(place)}")
    mine = col(FailedSignIn.account) == account
    there = col(FailedSignIn.place) == where
    limits = [(HERE, mine)] if browser else [(HERE, sa.and_(mine, there)), (EVERYWHERE, mine), (PLACE, there)]
    for most, which in limits:
        _at_most(session, most, which, now=now)
    return Attempt(_note(session, account, where, now), account, where, browser is not None)


def went_well(session: Session, attempt: Attempt) -> None:
    """Forget what was mistyped before."""
    query = sa.delete(FailedSignIn).where(col(FailedSignIn.account) == attempt.account)
    session.execute(query if attempt.known else query.where(col(FailedSignIn.place) == attempt.place))


def try_code(
    session: Session,
    *,
    digest: bytes,
    person_id: str,
    email: str,
    cookie: str | None,
    secret: bytes,
    now: datetime,
) -> Attempt:
    """Note a try at the code of a sign-in that is half way (`digest`). Raises TooManyRequests: then it begins again with the password."""
    key = derived_key(secret, "failed-sign-ins")
    browser = known_browser(cookie, email=email, secret=secret, now=now)
    account, where = _hash(key, f"code:{digest.hex()}"), _hash(key, f"codes:{person_id}:{browser or ''}")
    _at_most(session, CODES, col(FailedSignIn.account) == account, now=now)
    _at_most(session, CODES_A_DAY, col(FailedSignIn.place) == where, now=now, within=DAY)
    return Attempt(_note(session, account, where, now), account, where, browser is not None)


def ask_letter(session: Session, *, place: str, secret: bytes, now: datetime) -> None:
    """Note that somebody asks for a link by e-mail. Raises TooManyRequests."""
    where = _hash(derived_key(secret, "failed-sign-ins"), f"letters:{network_of(place)}")
    _at_most(session, LETTERS, col(FailedSignIn.place) == where, now=now)
    _note(session, where, where, now)


def _at_most(
    session: Session, most: int, which: sa.ColumnElement[bool], *, now: datetime, within: timedelta = WINDOW
) -> None:
    query = sa.select(sa.func.count()).select_from(FailedSignIn).where(which, col(FailedSignIn.at) > now - within)
    if session.execute(query).scalar_one() >= most:
        raise TooManyRequests(REFUSAL, headers={"Retry-After": str(int(within.total_seconds()))})


def _note(session: Session, account: bytes, place: bytes, now: datetime) -> int:
    row = FailedSignIn(account=account, place=place, at=now)
    session.add(row)
    session.flush()
    return row.id or 0


def _hash(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode("utf-8", "replace"), hashlib.sha256)


def network_of(place: str) -> str:
    """The network of an address: who has one address of it has them all (/24, or /64 of IPv6)."""
    try:
        found = ipaddress.ip_address(place)
    except ValueError:
        return place
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 64), strict=False))


# -- known browsers -----------------------------------------------------------------------------------------------------


def known_browser(cookie: str | None, *, email: str, secret: bytes, now: datetime) -> str | None:
    """The name of the browser, if this account has signed in there before."""
    for entry in (cookie or "").split("~")[:ACCOUNTS]:
        name, _, rest = entry.partition(".")
        until, _, mac = rest.partition(".")
        signed = hmac.compare_digest(mac.encode(), _mac(name, until, email, secret).encode())
        if name and signed and until.isdigit() and now.timestamp() < int(until):
            return name
    return None


def remember(cookie: str | None, *, email: str, secret: bytes, now: datetime) -> str:
    """The cookie by which this browser is known to the account from now on; other accounts in it stay known."""
    name, until = secrets.token_urlsafe(12), str(int((now + KNOWN_FOR).timestamp()))
    others = [
        entry
        for entry in (cookie or "").split("~")
        if entry and known_browser(entry, email=email, secret=secret, now=now) is None
    ]
    return "~".join([f"{name}.{until}.{_mac(name, until, email, secret)}", *others][:ACCOUNTS])


def _mac(name: str, until: str, email: str, secret: bytes) -> str:
    return _hash(derived_key(secret, "known-browsers"), f"{name}.{until}.{email}").hex()
