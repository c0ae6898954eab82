"""How long what is kept, as one table: the purge job deletes by it and the data-protection page will print it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.tables import (
    Alert,
    Audit,
    Change,
    Edition,
    EditionFile,
    Idempotency,
    JobRun,
    Listing,
    Observation,
    Quarantine,
    SightChange,
    Submission,
    SubmissionRaw,
)

BATCH = 2000  # rows a transaction deletes at most, so that a small update never waits long
TOMBSTONES_LIVE = timedelta(days=7)  # RPDE 1.0: a deleted item stays visible at least so long


@dataclass(frozen=True, slots=True)
class Keeping:
    """One row of the table: what, how long, and which rows are past it at a limit."""

    what: str
    keep: timedelta
    table: Any
    past: Callable[[datetime], Any]


def keepings(settings: Settings) -> list[Keeping]:
    """What is kept and for how long."""
    tombstones = max(settings.keep_changes, TOMBSTONES_LIVE)
    raw = sa.select(Submission.id)  # type: ignore[call-overload]
    latest = sa.select(sa.func.max(Edition.at)).group_by(Edition.view)
    old_editions = sa.select(Edition.id)  # type: ignore[call-overload]
    gone = sa.select(Listing.id)  # type: ignore[call-overload]
    return [
        Keeping("history of the log", settings.keep_changes, Change, lambda limit: col(Change.at) < limit),
        Keeping(
            "who saw a listing that is gone",
            tombstones,
            SightChange,
            lambda limit: col(SightChange.listing_id).in_(
                gone.where(col(Listing.state) == "deleted", col(Listing.modified_at) < limit)
            ),
        ),
        Keeping(
            "listings that are gone",
            tombstones,
            Listing,
            lambda limit: sa.and_(col(Listing.state) == "deleted", col(Listing.modified_at) < limit),
        ),
        Keeping(
            "raw records of submissions",
            settings.keep_raw,
            SubmissionRaw,
            lambda limit: col(SubmissionRaw.submission_id).in_(raw.where(col(Submission.finished_at) < limit)),
        ),
        Keeping(
            "refused records",
            settings.keep_quarantine,
            Quarantine,
            lambda limit: col(Quarantine.submission_id).in_(raw.where(col(Submission.finished_at) < limit)),
        ),
        Keeping(
            "observations that are no longer the newest",
            settings.keep_observations,
            Observation,
            lambda limit: col(Observation.received_at) < limit,
        ),
        Keeping(
            "scheduled files",
            settings.keep_editions,
            EditionFile,
            lambda limit: col(EditionFile.edition_id).in_(
                old_editions.where(col(Edition.at) < limit, col(Edition.at).not_in(latest))
            ),
        ),
        Keeping(
            "editions",
            settings.keep_editions,
            Edition,
            lambda limit: sa.and_(col(Edition.at) < limit, col(Edition.at).not_in(latest)),
        ),
        Keeping(
            "idempotency keys", settings.idempotency_for, Idempotency, lambda limit: col(Idempotency.created_at) < limit
        ),
        Keeping("job runs", timedelta(days=30), JobRun, lambda limit: col(JobRun.slot) < limit),
        Keeping("settled alerts", timedelta(days=90), Alert, lambda limit: col(Alert.resolved_at) < limit),
        Keeping("audit", settings.keep_audit, Audit, lambda limit: col(Audit.at) < limit),
    ]


def purge(database: Database, settings: Settings, *, now: datetime) -> dict[str, int]:
    """Delete what is past its keeping time, in small transactions; returns rows by what."""
    deleted: dict[str, int] = {}
    for keeping in keepings(settings):
        key = list(keeping.table.__table__.primary_key.columns)
        past = keeping.past(now - keeping.keep)
        while True:
            with database.write() as session:
                rows = session.execute(sa.select(*key).where(past).limit(BATCH)).all()
                if rows:
                    session.execute(sa.delete(keeping.table).where(sa.tuple_(*key).in_([tuple(row) for row in rows])))
            deleted[keeping.what] = deleted.get(keeping.what, 0) + len(rows)
            if len(rows) < BATCH:
                break
    return {what: count for what, count in deleted.items() if count}
