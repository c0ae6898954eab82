"""The code that an e-mail address sends back: nobody is written to who has not agreed.

```
asked ──(right code)──> confirmed
  ├──(10 wrong ones)──> used up ──┐
  └──(24 hours)───────> expired ──┴──(resume)──> asked anew
```

The code is made from the exchange's secret and the message that carries it, so that it stands in no table: the row has a keyed
hash of it, the tries left, and until when it is good.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import orjson

from placefeed.service.access.sealing import derived_key
from placefeed.service.clock import iso
from placefeed.service.tables import Subscription

GOOD_FOR: Final = timedelta(hours=24)
TRIES: Final = 10
APART: Final = timedelta(minutes=5)  # between two codes to one address: an inbox is not flooded
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: none looks like another
_LENGTH: Final = 8  # 40 bits; ten tries of a million million
_READ_AS: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})

Verdict = Literal["confirmed", "wrong", "used-up", "expired"]


def code_of(message: str, *, secret: bytes) -> str:
    """The code that a message carries, as it is written: `ABCD-EFGH`."""
    number = int.from_bytes(hmac.digest(derived_key(secret, "confirmation"), message.encode(), hashlib.sha256)[:5])
    code = "".join(_LETTERS[number >> 5 * place & 31] for place in range(_LENGTH))
    return f"{code[:4]}-{code[4:]}"


def ask(row: Subscription, message: str, *, secret: bytes, now: datetime) -> None:
    """Wait for the code of this message, and for no earlier one."""
    row.code = _kept(
        hash=_hash(row, code_of(message, secret=secret), secret), until=iso(now + GOOD_FOR), asked=iso(now), left=TRIES
    )


def answer(row: Subscription, code: str, *, secret: bytes, now: datetime) -> Verdict:
    """Judge a code. A wrong one is counted in the row; a right one ends the asking. Commit either way."""
    asked = _asked(row)
    if asked is None or asked["until"] <= now:
        return "expired"
    if asked["left"] <= 0:
        return "used-up"
    if hmac.compare_digest(_hash(row, code, secret), asked["hash"]):
        row.code = None
        return "confirmed"
    row.code = _kept(
        hash=asked["hash"], until=iso(asked["until"]), asked=iso(asked["asked"]), left=int(asked["left"]) - 1
    )
    return "wrong" if asked["left"] > 1 else "used-up"


def may_ask_again(row: Subscription, now: datetime) -> bool:
    """Whether a new code may be sent: not within five minutes of the last."""
    asked = _asked(row)
    return asked is None or asked["asked"] + APART <= now


def _hash(row: Subscription, code: str, secret: bytes) -> str:
    said = code.upper().translate(_READ_AS)
    return hmac.digest(derived_key(secret, "confirmation-kept"), f"{row.id}/{said}".encode(), hashlib.sha256).hex()


def _kept(**values: Any) -> bytes:
    return orjson.dumps(values)


def _asked(row: Subscription) -> dict[str, Any] | None:
    if row.code is None:
        return None
    asked: dict[str, Any] = orjson.loads(row.code)
    return {**asked, "until": datetime.fromisoformat(asked["until"]), "asked": datetime.fromisoformat(asked["asked"])}
