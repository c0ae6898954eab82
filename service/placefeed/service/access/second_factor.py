"""The second factor: codes of an app (TOTP, RFC 6238), and recovery codes for the day on which the phone is gone.

```
none ──(propose: shown, kept nowhere)──(enrol: a code proves that the app has it)──> on ──(switch_off)──> none
```
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote

from sqlmodel import Session, select

from placefeed.service.access import audit, people
from placefeed.service.access.sealing import derived_key, seal, unseal
from placefeed.service.access.who import Caller
from placefeed.service.db import tell
from placefeed.service.errors import Invalid
from placefeed.service.tables import Person

STEP = 30  # seconds a code is good for
DIGITS = 6
DRIFT = 1  # steps that a phone's clock may be off, either way
SECRET = 20  # bytes, as RFC 4226 advises
RECOVERY = 8  # codes
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike
WRONG = "Enter the six figures that your app shows now, or one of your recovery codes. A code works once."


def hotp(key: bytes, counter: int, *, digits: int = DIGITS) -> str:
    """The code of a counter: RFC 4226, section 5.3."""
    mac = hmac.digest(key, counter.to_bytes(8, "big"), hashlib.sha1)
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def step_at(moment: datetime) -> int:
    """The counter of a moment: RFC 6238, section 4.2."""
    return int(moment.timestamp()) // STEP


def matching_step(key: bytes, code: str, *, now: datetime, after: int) -> int | None:
    """The step whose code this is, if it is near enough and none so late was used: no code works twice."""
    here = step_at(now)
    for step in range(here - DRIFT, here + DRIFT + 1):
        if step > after and hmac.compare_digest(hotp(key, step).encode(), code.encode()):
            return step
    return None


# -- switching it on and off --------------------------------------------------------------------------------------------


def propose(person_id: str, *, secret: bytes) -> tuple[str, str]:
    """A new secret: as text for the app, and sealed for the form that brings it back. Nothing is kept yet."""
    text = base64.b32encode(secrets.token_bytes(SECRET)).decode()
    return text, base64.urlsafe_b64encode(seal(secret, text, about=f"proposed second factor of {person_id}")).decode()


def proposed(person_id: str, sealed: str, *, secret: bytes) -> str:
    """The text of a secret that was proposed to this person. Raises Invalid for anything else."""
    try:
        raw = base64.urlsafe_b64decode(sealed.encode("ascii", "replace"))
        return unseal(secret, raw, about=f"proposed second factor of {person_id}")
    except ValueError:
        raise Invalid("This form is not complete. Open the page again.", errors=[{"pointer": "/code"}]) from None


def uri_of(text: str, email: str) -> str:
    """What the QR code says: the key URI that authenticator apps read."""
    return f"otpauth://totp/Placefeed:{quote(email, safe='@')}?secret={text}&issuer=Placefeed"


def enrol(session: Session, person_id: str, sealed: str, code: str, *, secret: bytes, now: datetime) -> list[str]:
    """Switch it on when the code proves that the app has the secret; returns the recovery codes, shown this once. Raises Invalid."""
    text = proposed(person_id, sealed, secret=secret)
    person = _locked(session, person_id)
    if person.totp is not None:
        raise Invalid("Your second factor is on already.", errors=[{"pointer": "/code"}])
    step = matching_step(base64.b32decode(text), _plain(code), now=now, after=0)
    if step is None:
        raise Invalid(
            "Enter the six figures that your app shows now. If they are refused again, check the clock of your phone.",
            errors=[{"pointer": "/code"}],
        )
    codes = ["".join(secrets.choice(LETTERS) for _ in range(10)) for _ in range(RECOVERY)]
    person.totp = seal(secret, text, about=_about(person_id))
    person.totp_step = step
    person.recovery = [_recovery_hash(each, secret) for each in codes]
    _save(session, person)
    audit.record(session, caller=people.as_caller(person), action="second-factor.on", subject=person_id, at=now)
    return [f"{each[:5]}-{each[5:]}" for each in codes]


def verify(session: Session, person_id: str, code: str, *, secret: bytes, now: datetime) -> bool:
    """Whether this is a code of theirs; it is used up. A recovery code counts too, once."""
    person = _locked(session, person_id)
    if person.totp is None:
        return False
    given = _plain(code)
    key = base64.b32decode(unseal(secret, person.totp, about=_about(person_id)))
    step = matching_step(key, given, now=now, after=person.totp_step)
    if step is not None:
        person.totp_step = step
        _save(session, person)
        return True
    hashed = _recovery_hash(given, secret)
    if hashed not in person.recovery:
        return False
    person.recovery = [each for each in person.recovery if each != hashed]
    _save(session, person)
    audit.record(
        session,
        caller=people.as_caller(person),
        action="second-factor.recovery-code-used",
        subject=person_id,
        detail={"left": len(person.recovery)},
        at=now,
    )
    return True


def switch_off(session: Session, person_id: str, *, by: Caller, now: datetime) -> None:
    """Take it away; again changes nothing."""
    person = _locked(session, person_id)
    person.totp, person.totp_step, person.recovery = None, 0, []
    _save(session, person)
    audit.record(session, caller=by, action="second-factor.off", subject=person_id, at=now)


def _locked(session: Session, person_id: str) -> Person:
    """The account, held until the transaction ends: of two that bring the same code at once one succeeds."""
    people.get(session, person_id)
    query = select(Person).where(Person.id == person_id).with_for_update().execution_options(populate_existing=True)
    return session.exec(query).one()


def _save(session: Session, person: Person) -> None:
    session.add(person)
    session.flush()
    tell(session, "access")


def _plain(code: str) -> str:
    return "".join(letter for letter in code.lower() if letter.isalnum())[:20]


def _recovery_hash(code: str, secret: bytes) -> str:
    return hmac.digest(derived_key(secret, "recovery-codes"), code.encode(), hashlib.sha256).hex()


def _about(person_id: str) -> str:
    return f"second factor of {person_id}"
