"""The matcher: reads each stretch of the log once, finds whom it concerns, and gives each of those its next number.

```
head ──> a stretch of the log ──> whom it concerns (interests.py) ──┐  one transaction: cursor, notices, numbers
cursor taken, one matcher at a time over all processes ─────────────┴─> committed together, or not at all
```
A number is never skipped and never given twice, whatever crashes. What a notice holds is not written: it is read again from the
log whenever it is told (`notices.py`).
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col, select

from placefeed.service.channels.many_rows import ManyRows, OfIds
from placefeed.service.channels.many_views import ManyViews, views_of
from placefeed.service.channels.subscriptions import life
from placefeed.service.channels.subscriptions.interests import Interests
from placefeed.service.channels.subscriptions.notices import EVENTS, MATCHER, Asked
from placefeed.service.channels.subscriptions.timetable import due_at
from placefeed.service.channels.subscriptions.wishes import EMAIL
from placefeed.service.clock import Clock
from placefeed.service.db import Database, insert, is_postgres, tell
from placefeed.service.errors import BadRequest
from placefeed.service.publishing import log
from placefeed.service.publishing.steps import Step, seen_alone, steps, window
from placefeed.service.tables import ChannelCursor, Notice, Subscription

logger = structlog.get_logger(__name__)

MOST: Final = 500  # changes of the log in one stretch
NOT_NOW: Final = 0.02  # seconds until another try, where another matcher is at it or a subscription is just being made
BEYOND: Final = 1 << 20
"""More numbers than a subscription was ever given between a backup and its loss."""
RESTORED: Final = (
    "The exchange was restored from a backup. What you were told since may be told again or differently, and something may be "
    "missing: read the list anew, then resume."
)
_SUBSCRIPTION = Subscription.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_NOTICES = ManyRows(Notice, "subscription_id", "kind", "number", "after", "upto", "message", "at", "state")
_LOCKED = OfIds(
    lambda among: (
        sa.select(
            *(
                _SUBSCRIPTION.c[name]
                for name in ("id", "number", "events", "state", "channel", "attempt", "next_attempt_at", "start")
            )
        )
        .where(among(_SUBSCRIPTION.c.id))
        .order_by(_SUBSCRIPTION.c.id)
        .with_for_update()
    )
)
_RAISED = ManyRows(Subscription, "id", "number", "events", "next_attempt_at", key="id")


@dataclass(frozen=True, slots=True)
class _Version:
    """The subscriptions as far as matching depends on them: equal while none came, went or was changed."""

    count: int
    versions: int
    newest: Any
    least: str | None
    greatest: str | None
    start: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Found:
    """What one stretch of the log is to all subscriptions: how many events to each that it concerns."""

    cursor: tuple[int, int] | None  # where it stood
    version: _Version
    epoch: int
    after: int
    upto: int
    counts: Mapping[str, int]
    broken: Mapping[str, str]  # subscriptions that can no longer be matched, and why
    lost: bool  # the log no longer has this stretch
    more: bool


class Matcher:
    """Matches for one process; any number of them take turns."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._interests = Interests()
        # Of each subscription the version of its document, and its start, as the index has them.
        self._known: dict[str, tuple[int, int]] = {}
        self._version: _Version | None = None
        self._broken: dict[str, str] = {}
        self._young: dict[str, int] = {}  # subscriptions that may begin within the next stretch, and where
        self._views: ManyViews | None = None

    def step(self) -> bool:
        """Match one stretch of the log; True if there is more to do at once."""
        if self._database.dialect == "postgresql":
            with self._database.read() as session:
                if not _behind(session):
                    return False
            with self._database.write() as session:
                if _take(session):
                    found = self._find(session)
                    return found is not None and self._write(session, found)
            time.sleep(NOT_NOW)
            return True
        with self._database.read() as reading:
            # SQLite's one writer must not wait while we think: what was found is written only if it still stands.
            found = self._find(reading)
        if found is None:
            return False
        with self._database.write() as session:
            return self._write(session, found)

    # -- reading ----------------------------------------------------------------------------------------------------------

    def _find(self, session: Session) -> Found | None:
        """The next stretch and whom it concerns; None where there is nothing to do."""
        head = log.head(session)
        cursor = _cursor(session)
        version = _version(session)
        if version is None:
            return None
        if version.epoch != head.epoch:  # a backup was put back: nothing that was counted counts
            return Found(cursor, version, head.epoch, 0, head.position, {}, {}, lost=False, more=True)
        after = max(version.start, cursor[0] if cursor is not None and cursor[1] == head.epoch else 0)
        if after >= head.position:
            return None
        self._refresh(session, version)
        if after < head.history_after:
            return Found(cursor, version, head.epoch, after, head.history_after, dict.fromkeys(self._known, 0), self._broken, lost=True, more=True)  # fmt: skip
        upto = window(session, after, head.position, most=MOST)
        counts = self._counts(session, after, upto)
        return Found(
            cursor, version, head.epoch, after, upto, counts, self._broken, lost=False, more=upto < head.position
        )

    def _counts(self, session: Session, after: int, upto: int) -> dict[str, int]:
        """How many events the stretch has for each subscription that it concerns."""
        interests = self._interests
        self._views = views_of(session, {who.organisation_id for who in interests.who}, known=self._views)
        moved = interests.look({who: self._views.reader(*who, after, upto) for who in interests.who})
        known = steps(session, after, upto)
        masks = [interests.concerned(step, moved) for step in known]
        for who in [who for who in interests.who if interests.bits(who) & moved]:
            alone = seen_alone(session, who.organisation_id, after, upto, known=known)
            bits = interests.bits(who)
            masks += [interests.concerned(step, bits) & bits for step in alone]
        self._young = {each: start for each, start in self._young.items() if start > after}
        counts: dict[str, int] = {}
        for mask in masks:
            for _, slot in interests.each(mask):
                for subscription_id, start in slot.subscriptions.items():
                    if start <= after:
                        counts[subscription_id] = counts.get(subscription_id, 0) + 1
        late: dict[int, list[str]] = {}
        for subscription_id, start in self._young.items():
            if start < upto:
                late.setdefault(start, []).append(subscription_id)
        for start, ids in late.items():
            counts |= self._late(session, self._views, start, upto, ids)
        return counts

    def _late(self, session: Session, views: ManyViews, start: int, upto: int, ids: Iterable[str]) -> dict[str, int]:
        """The same for those that begin within it: for them the stretch begins there, which may make other steps of it."""
        known = steps(session, start, upto)
        counts = {}
        for subscription_id in ids:
            slot = self._interests.slot_of(subscription_id)
            reader = views.reader(*slot.who, start, upto)
            own: Sequence[Step] = known
            if reader.was != reader.view:
                own = [*known, *seen_alone(session, slot.who.organisation_id, start, upto, known=known)]
            count = sum(slot.asked.news(step, reader) is not None for step in own)
            if count:
                counts[subscription_id] = count
        return counts

    def _refresh(self, session: Session, version: _Version) -> None:
        """Bring the index up to date with the subscriptions as this session has them."""
        if version == self._version:
            return
        columns = (_SUBSCRIPTION.c.id, _SUBSCRIPTION.c.version, _SUBSCRIPTION.c.start)
        now = {row.id: (row.version, row.start) for row in session.execute(sa.select(*columns))}
        for gone in self._known.keys() - now.keys():
            self._interests.drop(gone)
            self._broken.pop(gone, None)
            self._young.pop(gone, None)
        changed = [each for each, known in now.items() if self._known.get(each) != known]
        for some in _pieces(changed):
            for row in session.execute(
                sa.select(
                    *(
                        _SUBSCRIPTION.c[name]
                        for name in ("id", "organisation_id", "role", "document", "version", "start")
                    )
                ).where(_SUBSCRIPTION.c.id.in_(some))
            ):
                try:
                    self._interests.put(row.id, row.start, Asked.by(row))
                    self._young[row.id] = row.start
                    self._broken.pop(row.id, None)
                except BadRequest as error:
                    self._interests.drop(row.id)
                    self._young.pop(row.id, None)
                    self._broken[row.id] = f"Its filter is no longer understood: {error}"
        self._known, self._version = now, version

    # -- writing ----------------------------------------------------------------------------------------------------------

    def _write(self, session: Session, found: Found) -> bool:
        """Write what was found, if it still stands; True if there is more to do at once."""
        if not is_postgres(session) and (_cursor(session) != found.cursor or _version(session) != found.version):
            return True
        now = self._clock()
        if found.version.epoch != found.epoch:
            _restored(session, found.epoch, now)
        else:
            self._stop_broken(session, found, now)
            self._number(session, found, now)
        row = {"name": MATCHER, "position": found.upto, "epoch": found.epoch}
        session.execute(
            insert(session, ChannelCursor)
            .values(row)
            .on_conflict_do_update(index_elements=["name"], set_={"position": found.upto, "epoch": found.epoch})
        )
        if found.counts:
            tell(session, "subscription")
        return found.more

    def _number(self, session: Session, found: Found, now: datetime) -> None:
        """Give each subscription that is concerned its next number."""
        if found.lost:
            logger.error("the log no longer has what was not matched yet", after=found.after, upto=found.upto)
        for some in _pieces(sorted(found.counts)):
            rows = _LOCKED.rows(session, some)
            emails = [row.id for row in rows if row.channel == EMAIL and row.state == "active"]
            documents = _documents(session, emails)
            notices, raised = [], []
            for row in rows:
                if row.start >= found.upto:  # it began anew meanwhile
                    continue
                number = row.number + 1
                message = f"msg_{row.id}_{found.epoch}_{number}"
                state = "expired" if found.lost else "waiting"
                notices.append((row.id, EVENTS, number, max(found.after, row.start), found.upto, message, now, state))
                due = row.next_attempt_at
                if row.state == "active" and not row.attempt and not found.lost:
                    due = _earlier(due, due_at(documents.get(row.id, {}), now))
                raised.append((row.id, number, row.events + found.counts[row.id], due))
            _NOTICES.write(session, notices)
            _RAISED.write(session, raised)

    def _stop_broken(self, session: Session, found: Found, now: datetime) -> None:
        for subscription_id, reason in found.broken.items():
            row = session.get(Subscription, subscription_id, with_for_update=True)
            if row is not None and row.state != "error":
                life.fail(session, row, reason, now)


def _pieces(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many as one statement names."""
    return (ids[start : start + 500] for start in range(0, len(ids), 500))


def _earlier(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)


def _documents(session: Session, ids: Sequence[str]) -> dict[str, Any]:
    query = sa.select(_SUBSCRIPTION.c.id, _SUBSCRIPTION.c.document).where(_SUBSCRIPTION.c.id.in_(ids))
    return {row.id: row.document for row in session.execute(query)} if ids else {}


def _restored(session: Session, epoch: int, now: datetime) -> None:
    """Stop every subscription of an earlier epoch until its owner resumes it; its numbers go past any that were ever given."""
    position = log.head(session).position
    rows = session.exec(
        select(Subscription).where(Subscription.epoch != epoch).order_by(col(Subscription.id)).with_for_update()
    ).all()
    for row in rows:
        row.number += BEYOND
        row.epoch, row.start = epoch, position
        row.claim = row.lease_until = None
        session.execute(
            sa.update(Notice)
            .where(col(Notice.subscription_id) == row.id, col(Notice.kind) == EVENTS, col(Notice.state) == "waiting")
            .values(state="expired")
        )
        session.add(
            Notice(
                subscription_id=row.id, kind=EVENTS, number=row.number, after=position, upto=position,
                message=f"msg_{row.id}_{epoch}_{row.number}", at=now, state="expired",
            )
        )  # fmt: skip
        if row.state != "error":
            life.fail(session, row, RESTORED, now)
        session.add(row)
    session.flush()
    tell(session, "subscription")


def _take(session: Session) -> bool:
    """Take the cursor for this transaction; False where another has it, or a subscription is just being made."""
    row = {"name": MATCHER, "position": 0, "epoch": 1}
    query = sa.select(ChannelCursor.name).where(col(ChannelCursor.name) == MATCHER)  # type: ignore[call-overload]
    if session.execute(query).first() is None:
        session.execute(insert(session, ChannelCursor).values(row).on_conflict_do_nothing())
    return session.execute(query.with_for_update(skip_locked=True)).first() is not None


def _cursor(session: Session) -> tuple[int, int] | None:
    query = sa.select(ChannelCursor.position, ChannelCursor.epoch).where(col(ChannelCursor.name) == MATCHER)  # type: ignore[call-overload]
    row = session.execute(query).first()
    return None if row is None else (row.position, row.epoch)


def _behind(session: Session) -> bool:
    """Whether there is anything to match, or anybody to match it for; without a write."""
    head = log.head(session)
    return _cursor(session) != (head.position, head.epoch) and (
        session.execute(sa.select(sa.literal(1)).select_from(_SUBSCRIPTION).limit(1)).first() is not None
    )


def _version(session: Session) -> _Version | None:
    columns = _SUBSCRIPTION.c
    functions = sa.func
    row = session.execute(
        sa.select(
            functions.count(), functions.sum(columns.version), functions.max(columns.created_at), functions.min(columns.id),
            functions.max(columns.id), functions.min(columns.start), functions.min(columns.epoch),
        )
    ).one()  # fmt: skip
    return _Version(row[0], int(row[1]), *row[2:]) if row[0] else None
