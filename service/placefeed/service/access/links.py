"""Links that work once: an invitation, a new password, “nothing has changed”. Only a hash of a link's token is kept.

```
make ──> good ──(consume)──> used
           └──(expires_at)──> expired
```

Opening one shows a page and changes nothing (`look`): scanners of mail follow links too. Its form uses it up (`consume`).
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.errors import NotFound
from placefeed.service.tables import OneUse

INVITATION, RESET, UNCHANGED, HALF_WAY = "invitation", "reset", "unchanged", "half-way"
LONGEST = 100  # characters of a token that we look at
REFUSAL = "This link has been used already, has expired, or is not complete. Ask for a new one."
"""The same words whatever is wrong: nothing can be learnt by guessing."""


def make(
    session: Session,
    *,
    kind: str,
    person_id: str | None = None,
    organisation_id: str | None = None,
    detail: Mapping[str, Any] | None = None,
    lasts: timedelta,
    now: datetime,
) -> str:
    """Make a link and return its token, which is nowhere kept."""
    token = secrets.token_urlsafe(32)
    session.add(
        OneUse(
            digest=digest_of(token),
            kind=kind,
            person_id=person_id,
            organisation_id=organisation_id,
            detail=dict(detail or {}),
            created_at=now,
            expires_at=now + lasts,
        )
    )
    session.flush()
    return token


def digest_of(token: str) -> bytes:
    """What is kept of a token. It is random and long: a plain hash is enough."""
    return hashlib.sha256(token[:LONGEST].encode("utf-8", "replace")).digest()


def look(session: Session, token: str, *, kind: str, now: datetime) -> OneUse:
    """What a link is for. Changes nothing. Raises NotFound, in the same words for unknown, used and expired."""
    row = session.get(OneUse, digest_of(token))
    if row is None or row.kind != kind or row.used_at is not None or row.expires_at <= now:
        raise NotFound(REFUSAL)
    return row


def consume(session: Session, token: str, *, kind: str, now: datetime) -> OneUse:
    """Use a link up; of two at once one succeeds. Raises NotFound as `look` does."""
    digest = digest_of(token)
    taken: Any = session.execute(
        sa.update(OneUse)
        .where(
            col(OneUse.digest) == digest,
            col(OneUse.kind) == kind,
            col(OneUse.used_at).is_(None),
            col(OneUse.expires_at) > now,
        )
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount != 1:
        raise NotFound(REFUSAL)
    row = session.get(OneUse, digest, populate_existing=True)
    assert row is not None  # it was updated just now, in this transaction
    return row


def void(session: Session, *, kind: str, person_id: str, organisation_id: str | None = None, now: datetime) -> int:
    """Make a person's links of a kind useless (for one organisation, if given); returns how many there were."""
    query = sa.update(OneUse).where(
        col(OneUse.kind) == kind, col(OneUse.person_id) == person_id, col(OneUse.used_at).is_(None)
    )
    if organisation_id is not None:
        query = query.where(col(OneUse.organisation_id) == organisation_id)
    done: Any = session.execute(query.values(used_at=now))
    return int(done.rowcount)


def made_since(session: Session, *, kind: str, person_id: str, since: datetime) -> int:
    """How many links of a kind were made for somebody since then."""
    query = (
        sa.select(sa.func.count())
        .select_from(OneUse)
        .where(col(OneUse.kind) == kind, col(OneUse.person_id) == person_id, col(OneUse.created_at) > since)
    )
    return int(session.execute(query).scalar_one())
