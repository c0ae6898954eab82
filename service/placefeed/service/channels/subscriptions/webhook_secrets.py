"""What a webhook's messages are signed with: 32 random bytes, sealed in the row, two at a time while one replaces the other."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson

from placefeed.service.access.sealing import seal, unseal
from placefeed.service.clock import iso
from placefeed.service.tables import Subscription

GRACE: Final = timedelta(hours=24)  # a replaced secret signs along for so long
MOST: Final = 3  # that sign at a time: headers have an end


@dataclass(frozen=True, slots=True)
class Secret:
    """`whsec_` and base64, as Standard Webhooks wants it. `until`: a replaced one is good until then."""

    text: str
    until: datetime | None = None


def new_secret() -> str:
    """Another one."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def keep(row: Subscription, kept: Sequence[Secret], *, secret: bytes) -> None:
    """Seal them into the row, the newest first."""
    document = [{"secret": each.text, **({"until": iso(each.until)} if each.until else {})} for each in kept]
    row.secrets = seal(secret, orjson.dumps(document).decode(), about=_about(row))


def secrets_of(row: Subscription, *, secret: bytes, now: datetime) -> list[Secret]:
    """Those that sign now, the newest first. Raises ValueError where the exchange's secret has changed."""
    if row.secrets is None:
        return []
    known = [
        Secret(each["secret"], datetime.fromisoformat(each["until"]) if "until" in each else None)
        for each in orjson.loads(unseal(secret, row.secrets, about=_about(row)))
    ]
    return [each for each in known if each.until is None or each.until > now]


def replaced(known: Sequence[Secret], text: str, now: datetime) -> list[Secret]:
    """A new one before those known, which are good for a day more at most."""
    ends = now + GRACE
    old = [Secret(each.text, ends if each.until is None else min(each.until, ends)) for each in known]
    return [Secret(text), *old][:MOST]


def _about(row: Subscription) -> str:
    return f"subscription/{row.id}"
