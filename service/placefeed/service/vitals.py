"""How the exchange is just now: what waits, how late it is, how far the log has come."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from placefeed.service.tables import Alert, Head, Pending, SettingState, Submission


@dataclass(frozen=True, slots=True)
class Vitals:
    """Counts and ages; an age is zero where nothing waits."""

    position: int
    epoch: int
    pending_small: int
    pending_bulk: int
    pending_age: timedelta
    due: int
    due_age: timedelta
    working: int
    alerts: int

    def behind(self, after: timedelta) -> bool:
        """Whether the publisher is later than it may be: stale places could still stand as free."""
        return self.pending_age > after or self.due_age > after


def vitals(session: Session, now: datetime) -> Vitals:
    """Look at the tables that tell, in one read."""
    head = session.get(Head, 1)
    waiting = dict(session.exec(select(Pending.bulk, func.count()).group_by(col(Pending.bulk))).all())
    oldest = session.exec(select(func.min(Pending.at))).one()
    due, first_due = session.exec(
        select(func.count(), func.min(SettingState.changes_at)).where(col(SettingState.changes_at) <= now)
    ).one()
    return Vitals(
        position=head.position if head else 0,
        epoch=head.epoch if head else 1,
        pending_small=waiting.get(False, 0),
        pending_bulk=waiting.get(True, 0),
        pending_age=_age(oldest, now),
        due=due,
        due_age=_age(first_due, now),
        working=session.exec(select(func.count()).where(Submission.state == "working")).one(),
        alerts=session.exec(select(func.count()).where(col(Alert.resolved_at).is_(None))).one(),
    )


def _age(since: datetime | None, now: datetime) -> timedelta:
    return max(now - since, timedelta(0)) if since is not None else timedelta(0)
