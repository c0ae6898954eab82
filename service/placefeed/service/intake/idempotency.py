"""An `Idempotency-Key` makes a retry harmless: same body, same answer; it commits together with what it made."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.config import Settings
from placefeed.service.db import insert
from placefeed.service.errors import BadRequest, Conflict, Invalid
from placefeed.service.tables import Idempotency

LEASE = timedelta(minutes=10)  # how long a request that is on its way keeps others with its key out
LONGEST = 255


@dataclass(frozen=True, slots=True)
class Answered:
    """What this key was answered before."""

    submission_id: str
    status: int


def begin(
    session: Session, *, organisation_id: str, key: str, sha256: str, reserved: bool, settings: Settings, now: datetime
) -> Answered | None:
    """Take the key for this request, or return what it was answered before.

    `reserved`: this request has reserved it. Raises Conflict while another request with it is under way, Invalid where
    it came with another body. On PostgreSQL a second request waits here for the first one's commit.
    """
    kept = _kept(key)
    row = {
        "organisation_id": organisation_id,
        "key": kept,
        "sha256": sha256,
        "submission_id": None,
        "status": None,
        "lease_until": now + LEASE,
        "created_at": now,
    }
    if session.execute(
        insert(session, Idempotency).values(row).on_conflict_do_nothing().returning(Idempotency.key)
    ).first():
        return None
    where = (col(Idempotency.organisation_id) == organisation_id, col(Idempotency.key) == kept)
    found = session.execute(
        sa.select(
            col(Idempotency.sha256),
            col(Idempotency.submission_id),
            col(Idempotency.status),
            col(Idempotency.lease_until),
            col(Idempotency.created_at),
        )
        .where(*where)
        .with_for_update()
    ).one()
    under_way = found.status is None
    if under_way and not reserved and found.lease_until > now:
        wait = int((found.lease_until - now).total_seconds()) + 1
        raise Conflict(
            "A request with this Idempotency-Key is still under way. Try again in a moment.",
            headers={"Retry-After": str(min(wait, 5))},
        )
    if under_way or found.created_at + settings.idempotency_for <= now:
        session.execute(sa.update(Idempotency).where(*where).values(row))
        return None
    if found.sha256 != sha256:
        raise Invalid(
            "This Idempotency-Key was used with another body. Use a new key for a new request.",
            errors=[{"rule": "idempotency-key-reused"}],
        )
    return Answered(found.submission_id, found.status)


def reserve(session: Session, *, organisation_id: str, key: str, settings: Settings, now: datetime) -> None:
    """Keep others with this key out while a long body arrives; commit at once. Raises Conflict while another has it."""
    kept = _kept(key)
    where = (col(Idempotency.organisation_id) == organisation_id, col(Idempotency.key) == kept)
    row = {"organisation_id": organisation_id, "key": kept, "sha256": "", "lease_until": now + LEASE, "created_at": now}
    if session.execute(
        insert(session, Idempotency).values(row).on_conflict_do_nothing().returning(Idempotency.key)
    ).first():
        return
    found = session.execute(
        sa.select(col(Idempotency.status), col(Idempotency.lease_until)).where(*where).with_for_update()
    ).one()
    if found.status is None:
        if found.lease_until > now:
            raise Conflict(
                "A request with this Idempotency-Key is still under way. Try again in a moment.",
                headers={"Retry-After": "5"},
            )
        session.execute(sa.update(Idempotency).where(*where).values(row))


def finish(session: Session, *, organisation_id: str, key: str, submission_id: str, status: int) -> None:
    """Remember the answer, in the transaction of what was done."""
    session.execute(
        sa.update(Idempotency)
        .where(col(Idempotency.organisation_id) == organisation_id, col(Idempotency.key) == _kept(key))
        .values(submission_id=submission_id, status=status)
    )


def release(session: Session, *, organisation_id: str, key: str) -> None:
    """Let go of a reservation whose body never arrived whole."""
    session.execute(
        sa.delete(Idempotency).where(
            col(Idempotency.organisation_id) == organisation_id,
            col(Idempotency.key) == _kept(key),
            col(Idempotency.status).is_(None),
        )
    )


def _kept(key: str) -> str:
    """A hash of the key: nobody has screened what a sender puts into it."""
    if not 0 < len(key) <= LONGEST:
        raise BadRequest(f"An Idempotency-Key has 1 to {LONGEST} characters.", errors=[{"header": "Idempotency-Key"}])
    return hashlib.sha256(key.encode()).hexdigest()
