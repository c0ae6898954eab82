"""API keys: shown once, kept as an HMAC; they expire, rotate with a time of grace, and can be revoked.

```
issued ──> good ──(expires_at)──> expired
            ├──(rotate)──> good until the grace ends, replaced_by the new one
            └──(revoke)──> revoked, at once
```
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from placefeed.service.access.sealing import derived_key
from placefeed.service.access.who import ROLE_SCOPES, Caller
from placefeed.service.db import tell
from placefeed.service.errors import Conflict, Invalid, NotAuthenticated, NotFound
from placefeed.service.tables import ApiKey, Organisation, Source

PREFIX = "pf"
LONGEST = 200  # characters of a key text that we look at
REFUSAL = (
    "This key is unknown, expired or revoked. Send `Authorization: Bearer <key>`, or ask the operator for a new key."
)


def issue(
    session: Session,
    *,
    organisation_id: str,
    role: str,
    scopes: Collection[str] | None = None,
    source_id: str | None = None,
    label: str = "",
    expires_at: datetime | None = None,
    secret: bytes,
    now: datetime,
) -> tuple[str, ApiKey]:
    """Make a key and return its text, which is nowhere kept, with its row. Raises NotFound or Invalid."""
    allowed = ROLE_SCOPES.get(role)
    if not allowed or role not in ("provider", "member", "operator"):
        raise Invalid("The role of a key is provider, member or operator.", errors=[{"pointer": "/role"}])
    if session.get(Organisation, organisation_id) is None:
        raise NotFound(f"There is no organisation “{organisation_id}”. Create it first.")
    chosen = allowed if scopes is None else frozenset(scopes)
    if not chosen or not chosen <= allowed:
        raise Invalid(
            f"A key of the role {role} can have the scopes {', '.join(sorted(allowed))}.",
            errors=[{"pointer": "/scopes"}],
        )
    if source_id is not None:
        source = session.get(Source, source_id)
        if source is None or source.organisation_id != organisation_id:
            raise NotFound(f"The organisation “{organisation_id}” has no source “{source_id}”.")
    if expires_at is not None and expires_at <= now:
        raise Invalid(
            "The key would have expired already. Give a time in the future.", errors=[{"pointer": "/expiresAt"}]
        )
    key_id = secrets.token_hex(6)
    text = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
    row = ApiKey(
        id=key_id,
        organisation_id=organisation_id,
        source_id=source_id,
        role=role,
        scopes=sorted(chosen),
        label=label,
        digest=digest_of(text, secret=secret),
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return text, row


def digest_of(text: str, *, secret: bytes) -> bytes:
    """What is kept of a key: an HMAC under a key of the exchange's secret."""
    return hmac.digest(_pepper(secret), text.encode(), hashlib.sha256)


_peppers: dict[bytes, bytes] = {}


def _pepper(secret: bytes) -> bytes:
    found = _peppers.get(secret)
    if found is None:
        found = _peppers[secret] = derived_key(secret, "api-keys")
    return found


def authenticate(session: Session, key_text: str, *, secret: bytes, now: datetime) -> Caller:
    """Who this key belongs to. Raises NotAuthenticated, in the same words whatever is wrong with it."""
    parts = key_text.split("_", 2) if len(key_text) <= LONGEST else []
    key_id = parts[1] if len(parts) == 3 and parts[0] == PREFIX and parts[1].isascii() else ""
    found = session.exec(
        select(ApiKey, Organisation.name)
        .join(Organisation, col(Organisation.id) == col(ApiKey.organisation_id))
        .where(ApiKey.id == key_id)
    ).first()
    digest = digest_of(key_text[:LONGEST], secret=secret)
    if found is None or not hmac.compare_digest(found[0].digest, digest) or not is_good(found[0], now):
        raise NotAuthenticated(REFUSAL)
    row, name = found
    return Caller(
        key_id=row.id,
        organisation_id=row.organisation_id,
        role=row.role,
        scopes=frozenset(row.scopes),
        name=name,
        source_id=row.source_id,
    )


def is_good(key: ApiKey, now: datetime) -> bool:
    """Whether a key is neither revoked nor expired."""
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def rotate(session: Session, key_id: str, *, grace: timedelta, secret: bytes, now: datetime) -> tuple[str, ApiKey]:
    """Make a key with the same rights; the old one works until the grace ends. Raises NotFound or Conflict."""
    old = _key(session, key_id)
    if not is_good(old, now) or old.replaced_by is not None:
        raise Conflict("This key is no longer in use, or has been replaced already. Issue a new one.")
    text, new = issue(
        session,
        organisation_id=old.organisation_id,
        role=old.role,
        scopes=old.scopes,
        source_id=old.source_id,
        label=old.label,
        expires_at=old.expires_at,
        secret=secret,
        now=now,
    )
    ends = now + max(grace, timedelta())
    old.expires_at = ends if old.expires_at is None else min(old.expires_at, ends)
    old.replaced_by = new.id
    session.add(old)
    session.flush()
    tell(session, "access")
    return text, new


def revoke(session: Session, key_id: str, *, now: datetime) -> ApiKey:
    """Make a key useless at once. Revoking it again changes nothing. Raises NotFound."""
    key = _key(session, key_id)
    if key.revoked_at is None:
        key.revoked_at = now
        session.add(key)
        session.flush()
        tell(session, "access")
    return key


def list_keys(session: Session, organisation_id: str | None = None) -> list[ApiKey]:
    """The keys of one organisation, or of all, newest first; their secrets are not among what is known."""
    query = select(ApiKey).order_by(col(ApiKey.created_at).desc(), col(ApiKey.id))
    if organisation_id is not None:
        query = query.where(ApiKey.organisation_id == organisation_id)
    return list(session.exec(query))


def _key(session: Session, key_id: str) -> ApiKey:
    key = session.get(ApiKey, key_id)
    if key is None:
        raise NotFound(f"There is no key “{key_id}”.")
    return key
