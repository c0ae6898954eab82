"""The whole exchange in figures: vitals, and how subscribers, sources and the schedule are. For metrics and `placefeed doctor`.

Each query costs what is open, late or waiting, not what was ever kept; what is asked often is remembered for a moment.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from placefeed.service.clock import Clock
from placefeed.service.db import Database
from placefeed.service.tables import ChannelCursor, JobRun, Notice, Source, Submission, Subscription
from placefeed.service.vitals import Vitals, vitals

KEPT_FOR = 5.0  # seconds: several scrapers, or a curious one, cost the database one look
MATCHER = "subscriptions"  # the name of the matcher's cursor
EVERY_MINUTE = "publish"  # a job that runs each minute: its newest slot tells whether anybody runs the schedule
NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Spread:
    """How far some are behind, in positions."""

    median: int
    p99: int
    most: int


@dataclass(frozen=True, slots=True)
class Told:
    """The subscriptions of one channel in one state."""

    channel: str
    state: str
    count: int
    failing: int  # whose last attempt failed
    waiting: int  # notices that have not arrived
    oldest: timedelta  # the age of the first of them
    behind: Spread


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts and ages; an age is zero where there is nothing."""

    vitals: Vitals
    matcher_behind: int  # positions of the log that no subscription has been matched with yet
    told: tuple[Told, ...]
    sources: dict[str, int]  # by state
    late: int
    oldest_word: (
        timedelta  # of the active sources that are expected: since the good word of the one that was silent longest
    )
    working_age: timedelta  # of the large submission that waits longest
    slots_open: int
    slots_abandoned: int  # whose worker died
    schedule_age: timedelta | None  # since the newest slot of a job that runs each minute; None: none ran yet


def figures(session: Session, now: datetime) -> Figures:
    """Look at everything, in one read."""
    seen = vitals(session, now)
    matcher = _matcher_behind(session, seen)
    slots = session.exec(
        select(func.count(), func.coalesce(func.sum(sa.case((col(JobRun.lease_until) < now, 1), else_=0)), 0)).where(
            col(JobRun.finished_at).is_(None)
        )
    ).one()
    newest = session.exec(
        select(JobRun.slot).where(JobRun.job == EVERY_MINUTE).order_by(col(JobRun.slot).desc()).limit(1)
    ).first()
    states = session.exec(select(Source.state, func.count(), func.count(col(Source.late_since))).group_by(Source.state))
    sources = {state: (count, late) for state, count, late in states}
    silent = session.exec(
        select(func.min(func.coalesce(Source.last_good_at, Source.created_at))).where(
            Source.state == "active", col(Source.expected_every).is_not(None)
        )
    ).one()
    working = session.exec(select(func.min(Submission.received_at)).where(Submission.state == "working")).one()
    return Figures(
        vitals=seen,
        matcher_behind=matcher,
        told=tuple(_told(session, seen, matcher, now)),
        sources={state: count for state, (count, _late) in sources.items()},
        late=sum(late for _count, late in sources.values()),
        oldest_word=_age(silent, now),
        working_age=_age(working, now),
        slots_open=slots[0],
        slots_abandoned=int(slots[1]),
        schedule_age=None if newest is None else _age(newest, now),
    )


def _matcher_behind(session: Session, seen: Vitals) -> int:
    cursor = session.get(ChannelCursor, MATCHER)
    if cursor is None or cursor.epoch != seen.epoch:
        return 0
    return max(0, seen.position - cursor.position)


def _told(session: Session, seen: Vitals, matcher: int, now: datetime) -> list[Told]:
    group = (col(Subscription.channel), col(Subscription.state))
    waiting = func.coalesce(func.sum(col(Subscription.number) - col(Subscription.delivered)), 0)
    counts = sa.select(*group, func.count(), func.count(col(Subscription.failing_since)), waiting).group_by(*group)
    rows = session.execute(counts).all()
    if not rows:
        return []
    # Only those that have something waiting, each by the index of what waits.
    first = sa.and_(
        col(Notice.subscription_id) == col(Subscription.id),
        col(Notice.state) == "waiting",
        col(Notice.kind) == "events",
    )
    after = sa.select(func.min(col(Notice.after))).where(first).correlate(Subscription).scalar_subquery()
    oldest = sa.select(func.min(col(Notice.at))).where(first).correlate(Subscription).scalar_subquery()
    late: dict[tuple[str, str], list[tuple[int, datetime]]] = {}
    query = sa.select(*group, after, oldest).where(col(Subscription.number) > col(Subscription.delivered))
    for channel, state, position, at in session.execute(query):
        if position is not None:
            late.setdefault((channel, state), []).append((max(0, seen.position - position), at))
    told = []
    for channel, state, count, failing, unsent in rows:
        behind = late.get((channel, state), [])
        distances = [matcher] * (count - len(behind)) + [distance for distance, _at in behind]
        age = _age(min((at for _distance, at in behind), default=None), now)
        told.append(Told(channel, state, count, failing, int(unsent), age, spread(distances)))
    return told


def spread(distances: Sequence[int]) -> Spread:
    """Median, 99th percentile and most of some distances; zeros where there are none."""
    ordered = sorted(distances) or [0]
    last = len(ordered) - 1
    return Spread(ordered[last // 2], ordered[last * 99 // 100], ordered[-1])


def _age(since: datetime | None, now: datetime) -> timedelta:
    return max(now - since, NOTHING) if since is not None else NOTHING


def watched(database: Database, clock: Clock) -> Callable[[], Figures]:
    """A look at the figures that asks the database once in `KEPT_FOR`, whoever asks how often."""
    lock = threading.Lock()
    kept: list[tuple[float, Figures]] = []

    def look() -> Figures:
        with lock:
            if not kept or time.monotonic() - kept[0][0] > KEPT_FOR:
                with database.read() as session:
                    kept[:] = [(time.monotonic(), figures(session, clock()))]
            return kept[0][1]

    return look
