"""Held feeds: which settings a complete feed lacked, what they offer now, and what would remain without them."""

from dataclasses import dataclass
from datetime import datetime

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.errors import NotFound
from placefeed.service.intake.guards import waiting_of
from placefeed.service.intake.parts import CAPACITY, RATE, SETTING, VACANCY
from placefeed.service.oversight.feeds import Feed, feed
from placefeed.service.tables import Absence, Organisation, RegisterSetting, Source, Standing, Submission


@dataclass(frozen=True, slots=True)
class HeldFeed:
    """A submission that waits for a decision: of which source and provider, since when, and about how many settings."""

    submission: Submission
    source: str
    provider: str
    settings: int


@dataclass(slots=True)
class HeldSetting:
    """What a source offers of one setting now: vacancies and their places, prices, free places, and since when."""

    urn: str
    name: str | None = None
    vacancies: int = 0
    places: int = 0
    prices: int = 0
    available: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class HeldDiff:
    """A held feed: the settings that it lacked, and those of its source that would remain."""

    submission: Submission
    feed: Feed
    lacked: list[HeldSetting]
    remaining: list[HeldSetting]


def held_feeds(session: Session) -> list[HeldFeed]:
    """All submissions of which something waits, the oldest first."""
    rows = session.execute(
        sa.select(Submission, col(Source.name), col(Organisation.name), sa.func.count())
        .join(Absence, col(Absence.submission_id) == col(Submission.id))
        .join(Source, col(Source.id) == col(Submission.source_id))
        .join(Organisation, col(Organisation.id) == col(Source.organisation_id))
        .where(col(Absence.state) == "waiting")
        .group_by(col(Submission.id), col(Source.name), col(Organisation.name))
        .order_by(col(Submission.received_at), col(Submission.id))
    )
    return [HeldFeed(*row) for row in rows]


def held_feed(session: Session, submission_id: str) -> HeldDiff:
    """One of them, setting by setting. Raises NotFound where nothing of it waits (any more)."""
    submission = session.get(Submission, submission_id)
    rows = waiting_of(session, submission) if submission is not None else []
    if submission is None or not rows:
        raise NotFound(
            "Nothing of this submission waits for a decision. Somebody may have decided, or a newer feed has."
        )
    lacked = {row.urn for row in rows}
    offered = _offered(session, submission.source_id)
    return HeldDiff(
        submission,
        feed(session, submission.source_id),
        [offered.get(urn) or HeldSetting(urn) for urn in sorted(lacked)],
        [found for urn, found in offered.items() if urn not in lacked],
    )


def _offered(session: Session, source_id: str) -> dict[str, HeldSetting]:
    """What a source says of each setting, by URN."""
    found: dict[str, HeldSetting] = {}
    rows = session.execute(
        sa.select(col(Standing.urn), col(Standing.part), col(Standing.stated_at), col(Standing.document))
        .where(col(Standing.source_id) == source_id, col(Standing.withdrawn).is_(False))
        .order_by(col(Standing.urn), col(Standing.part), col(Standing.item))
    )
    for urn, part, stated_at, document in rows:
        setting = found.setdefault(urn, HeldSetting(urn))
        said = orjson.loads(document)
        if part == SETTING:
            setting.name = said.get("name")
        elif part == VACANCY:
            setting.vacancies += 1
            setting.places += said.get("places", 0)
            setting.since = min(setting.since or stated_at, stated_at)
        elif part == RATE:
            setting.prices += 1
        elif part == CAPACITY and said.get("available") is not None:
            setting.available = (setting.available or 0) + said["available"]
    _name(session, found)
    return found


def _name(session: Session, settings: dict[str, HeldSetting]) -> None:
    """The register's name where the source gives none; Ofsted withholds most."""
    nameless = [urn for urn, setting in settings.items() if setting.name is None]
    for start in range(0, len(nameless), 500):
        query = sa.select(col(RegisterSetting.urn), col(RegisterSetting.name)).where(
            col(RegisterSetting.urn).in_(nameless[start : start + 500])
        )
        for urn, name in session.execute(query):
            settings[urn].name = name
