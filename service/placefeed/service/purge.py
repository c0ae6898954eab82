"""How long what is kept, as one table: the purge job deletes by it and the data-protection page will print it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.access.sources import FEDERATION
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.tables import (
    Alert,
    Audit,
    Change,
    Delivery,
    Edition,
    EditionFile,
    FailedSignIn,
    Head,
    Idempotency,
    Identity,
    JobRun,
    Listing,
    Notice,
    Observation,
    OneUse,
    Person,
    Post,
    Quarantine,
    ShownSetting,
    SightChange,
    SignIn,
    Source,
    Standing,
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
    horizon: str | None = None  # the column of `head` that says how far back this part of the log reaches


def keepings(settings: Settings) -> list[Keeping]:
    """What is kept and for how long."""
    tombstones = max(settings.keep_changes, TOMBSTONES_LIVE)
    raw = sa.select(Submission.id)  # type: ignore[call-overload]
    latest = sa.select(sa.func.max(Edition.at)).group_by(Edition.view)
    old_editions = sa.select(Edition.id)  # type: ignore[call-overload]
    exchanges = sa.select(Source.id).where(col(Source.transport) == FEDERATION)  # type: ignore[call-overload]
    return [
        Keeping(
            "history of the log", settings.keep_changes, Change, lambda limit: col(Change.at) < limit, "history_after"
        ),
        Keeping(
            "listings that are gone",
            tombstones,
            Listing,
            lambda limit: sa.and_(col(Listing.state) == "deleted", col(Listing.modified_at) < limit),
            "tombstones_after",
        ),
        Keeping(
            "settings that are no longer shown",
            tombstones,
            ShownSetting,
            lambda limit: sa.and_(col(ShownSetting.state) == "deleted", col(ShownSetting.modified_at) < limit),
            "tombstones_after",
        ),
        Keeping(  # after both of them: once what was seen is gone, nobody can ask who saw it
            "who saw what is gone",
            tombstones,
            SightChange,
            lambda _limit: sa.and_(
                col(SightChange.listing_id).not_in(sa.select(Listing.id)),  # type: ignore[call-overload]
                col(SightChange.listing_id).not_in(sa.select(ShownSetting.urn)),  # type: ignore[call-overload]
            ),
        ),
        Keeping(  # after the listings that they were: each offer there has an id of its own, so these only grow in number
            "what other exchanges no longer list",
            tombstones + timedelta(days=1),
            Standing,
            lambda limit: sa.and_(
                col(Standing.withdrawn).is_(True), col(Standing.as_of) < limit, col(Standing.source_id).in_(exchanges)
            ),
        ),
        Keeping("notices", settings.keep_changes, Notice, lambda limit: col(Notice.at) < limit),
        Keeping("deliveries", settings.keep_changes, Delivery, lambda limit: col(Delivery.at) < limit),
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
        Keeping("sign-ins that are over", timedelta(days=30), SignIn, lambda limit: col(SignIn.expires_at) < limit),
        Keeping("links that work once", timedelta(days=30), OneUse, lambda limit: col(OneUse.expires_at) < limit),
        Keeping(
            "accounts that nobody took up",
            timedelta(days=30),
            Person,
            lambda limit: sa.and_(
                col(Person.password).is_(None),
                col(Person.created_at) < limit,
                col(Person.id).not_in(sa.select(Post.person_id)),  # type: ignore[call-overload]
                col(Person.id).not_in(sa.select(Identity.person_id)),  # type: ignore[call-overload]
                ~sa.exists().where(col(OneUse.person_id) == col(Person.id), col(OneUse.expires_at) > limit),
            ),
        ),
        Keeping("failed sign-ins", timedelta(days=7), FailedSignIn, lambda limit: col(FailedSignIn.at) < limit),
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
                if rows and keeping.horizon is not None:
                    _note_horizon(session, keeping, key, rows)
                if rows:
                    session.execute(sa.delete(keeping.table).where(sa.tuple_(*key).in_([tuple(row) for row in rows])))
            deleted[keeping.what] = deleted.get(keeping.what, 0) + len(rows)
            if len(rows) < BATCH:
                break
    return {what: count for what, count in deleted.items() if count}


def _note_horizon(session: Session, keeping: Keeping, key: list[Any], rows: Sequence[Any]) -> None:
    """A reader whose cursor is older than what is deleted now would miss it: the head says so, in the same transaction."""
    newest = session.execute(
        sa.select(sa.func.max(keeping.table.position)).where(sa.tuple_(*key).in_([tuple(row) for row in rows]))
    ).scalar_one()
    column = getattr(Head, str(keeping.horizon))
    session.execute(sa.update(Head).where(column < newest).values({str(keeping.horizon): newest}))
