"""Sources: which need a person, how each is doing, what it sent day by day and what was wrong with it.

Whatever the number of sources, a page of them costs a few statements: one for the page, one for the counts, one each for the
days and the causes of those on the page.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.clock import london_day, london_midnight
from placefeed.service.errors import NotFound
from placefeed.service.oversight.searching import containing
from placefeed.service.tables import Absence, Organisation, Source, Submission

STATES: Final = ("attention", "stopped", "held", "late", "failing", "paused", "all")
DAYS: Final = 14
CAUSES_OVER: Final = timedelta(days=7)
MOST_REPORTS: Final = 2000  # the newest reports of a page's sources that are looked through for causes


@dataclass(frozen=True, slots=True)
class Feed:
    """A source with its provider's name and how many of its settings wait for a decision."""

    source: Source
    provider: str
    held: int

    @property
    def troubles(self) -> list[str]:
        """What of STATES it is in, the worst first."""
        source = self.source
        found = {
            "stopped": source.state == "stopped",
            "held": self.held > 0,
            "late": source.late_since is not None and source.state != "paused",
            "failing": source.last_error is not None and source.state == "active",
            "paused": source.state == "paused",
        }
        return [name for name, is_so in found.items() if is_so]


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Some of the sources, and how many there are in each of STATES by the same name."""

    rows: list[Feed]
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Day:
    """Records that came on a day (in London): taken, and refused."""

    day: date
    accepted: int
    rejected: int


def feeds(session: Session, *, state: str, name: str = "", skip: int = 0, limit: int = 25) -> FeedPage:
    """Sources in one of STATES whose name, id or provider has this text: those that stopped first, then by provider."""
    held = _held()
    number = sa.func.coalesce(held.c.number, 0)
    conditions = _conditions(number)
    matching = [containing(name, Source.name, Source.id, Organisation.name)] if name else []
    joined = (
        sa.join(Source, Organisation, col(Organisation.id) == col(Source.organisation_id))
        .outerjoin(held, held.c.source_id == col(Source.id))
    )  # fmt: skip
    counting = [sa.func.coalesce(sa.func.sum(sa.case((conditions[each], 1), else_=0)), 0) for each in STATES]
    counts = session.execute(sa.select(*counting).select_from(joined).where(*matching)).one()
    worst = sa.case((conditions["stopped"], 0), (number > 0, 1), (conditions["late"], 2), else_=3)
    rows = session.execute(
        sa.select(Source, col(Organisation.name), number)
        .select_from(joined)
        .where(conditions[state], *matching)
        .order_by(worst, sa.func.lower(Organisation.name), col(Source.id))
        .offset(skip)
        .limit(limit)
    )
    return FeedPage([Feed(*row) for row in rows], dict(zip(STATES, map(int, counts), strict=True)))


def feed(session: Session, source_id: str) -> Feed:
    """One source. Raises NotFound."""
    held = _held()
    row = session.execute(
        sa.select(Source, col(Organisation.name), sa.func.coalesce(held.c.number, 0))
        .join(Organisation, col(Organisation.id) == col(Source.organisation_id))
        .outerjoin(held, held.c.source_id == col(Source.id))
        .where(col(Source.id) == source_id)
    ).first()
    if row is None:
        raise NotFound(f"There is no source “{source_id}”.")
    return Feed(*row)


def _held() -> sa.Subquery:
    return (
        sa.select(col(Absence.source_id), sa.func.count().label("number"))
        .where(col(Absence.state) == "waiting")
        .group_by(col(Absence.source_id))
        .subquery()
    )


def _conditions(held: sa.ColumnElement[int]) -> dict[str, sa.ColumnElement[bool]]:
    found = {
        "stopped": col(Source.state) == "stopped",
        "held": held > 0,
        "late": sa.and_(col(Source.late_since).is_not(None), col(Source.state) != "paused"),
        "failing": sa.and_(col(Source.last_error).is_not(None), col(Source.state) == "active"),
    }
    return {
        **found,
        "attention": sa.or_(*found.values()),
        "paused": col(Source.state) == "paused",
        "all": sa.true(),
    }


def days_of(session: Session, source_ids: Collection[str], now: datetime) -> dict[str, list[Day]]:
    """For each source its last fourteen days, oldest first."""
    today = london_day(now)
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    accepted: Counter[tuple[str, date]] = Counter()
    rejected: Counter[tuple[str, date]] = Counter()
    counts = col(Submission.report)["counts"]
    query = sa.select(col(Submission.source_id), col(Submission.received_at), counts).where(
        col(Submission.source_id).in_(source_ids), col(Submission.received_at) >= london_midnight(days[0])
    )
    for source_id, received_at, counted in session.execute(query):
        key, found = (source_id, london_day(received_at)), counted or {}
        accepted[key] += found.get("records", 0) - found.get("rejected", 0)
        rejected[key] += found.get("rejected", 0)
    return {each: [Day(day, max(0, accepted[each, day]), rejected[each, day]) for day in days] for each in source_ids}


def causes_of(session: Session, source_ids: Collection[str], now: datetime) -> dict[str, list[tuple[str, str, int]]]:
    """For each source what was wrong in its last seven days: (rule, message, how often), the most frequent first."""
    query = (
        sa.select(col(Submission.source_id), col(Submission.report)["issues"])
        .where(col(Submission.source_id).in_(source_ids), col(Submission.received_at) >= now - CAUSES_OVER)
        .order_by(col(Submission.received_at).desc())
        .limit(MOST_REPORTS)
    )
    counted: dict[str, Counter[str]] = {each: Counter() for each in source_ids}
    messages: dict[str, str] = {}
    for source_id, issues in session.execute(query):
        for issue in _errors(issues):
            counted[source_id][issue["rule"]] += issue["count"]
            messages.setdefault(issue["rule"], issue["message"])
    return {
        each: [(rule, messages[rule], count) for rule, count in causes.most_common()]
        for each, causes in counted.items()
    }


def _errors(issues: Any) -> list[dict[str, Any]]:
    return [issue for issue in issues or () if issue["severity"] == "error"]
