"""What a notice tells its subscription: read from the log each time, under what its reader may see at that moment.

A notice is a number and a stretch of the log. Which events it holds was decided by what the reader could see then; what of
them it may no longer see when it is told (again) stands there as `withheld`, so that the numbers stay whole.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.access.who import OPERATOR, PROVIDER
from placefeed.service.channels.many_rows import OfIds
from placefeed.service.channels.many_views import ManyViews, views_of
from placefeed.service.channels.news import WITHDRAWN, News, Reader, event_document, news
from placefeed.service.channels.query import Filter
from placefeed.service.channels.rows import row_of
from placefeed.service.channels.subscriptions.wishes import attestations_of, content_of, filter_of, types_of
from placefeed.service.db import insert, is_postgres
from placefeed.service.publishing import log
from placefeed.service.publishing.sight import View
from placefeed.service.publishing.steps import Step, seen_alone, steps
from placefeed.service.tables import ChannelCursor, Listing, Notice

EVENTS = "events"
MATCHER = "subscriptions"
"""The name of the matcher's cursor."""
MOST_STEPS = 20_000  # steps of the log that a memory keeps
MOST_ORGANISATIONS = 2_000  # whose views it keeps
PAGE = 100  # notices read at a time
_AUDIENCES = OfIds(lambda among: sa.select(Listing.id, Listing.audiences).where(among(col(Listing.id))))  # type: ignore[call-overload]
_NOTICE = Notice.__table__  # type: ignore[attr-defined]  # SQLModel adds it


class Subscribed(Protocol):
    """What is asked of a subscription here: a row of the table, or a tuple with these columns."""

    @property
    def id(self) -> str: ...
    @property
    def organisation_id(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def document(self) -> dict[str, Any]: ...
    @property
    def version(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What a subscription asks for, read once from its document."""

    role: str
    organisation_id: str
    filter: Filter
    types: frozenset[str]
    attestations: bool
    content: str

    @staticmethod
    def by(subscription: Subscribed) -> "Asked":
        """What this one asks. Raises BadRequest where its filter is no longer understood (a code was taken away)."""
        document, role = subscription.document, subscription.role
        return Asked(
            role,
            subscription.organisation_id,
            _filter(orjson.dumps(document.get("filter") or {}, option=orjson.OPT_SORT_KEYS)),
            frozenset(types_of(document, role)),
            attestations_of(document),
            content_of(document),
        )

    def news(self, step: Step, reader: Reader) -> tuple[News, tuple[str, ...]] | None:
        """What a step is to this subscription, and its types that were asked for; None where it is nothing."""
        found = news(step, reader, self.filter, attestations=self.attestations)
        if found is None:
            return None
        types = tuple(type for type in found.types if type in self.types)
        return (found, types) if types else None


@lru_cache(maxsize=4096)
def _filter(asked: bytes) -> Filter:
    """Filters are shared: ten thousand subscriptions ask a few hundred different things."""
    return filter_of({"filter": orjson.loads(asked)})


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a notice as its reader may be told it now; without `news` it is withheld."""

    position: int
    at: datetime
    news: News | None = None
    types: tuple[str, ...] = ()

    def document(self, number: int, epoch: int) -> dict[str, Any]:
        """The standard's event (or that one is withheld), with the number of its notice."""
        if self.news is None:
            return {"type": "withheld", "position": self.position, "number": number}
        return {**event_document(self.news, epoch=epoch, types=self.types), "number": number}

    @property
    def listing_id(self) -> str | None:
        """The listing that the reader can read now, if there is one."""
        return self.news.step.listing_id if self.news is not None and self.news.has else None


@dataclass(slots=True)
class Memory:
    """What one process remembers from one session to the next. The log's past doesn't change. For one thread at a time."""

    steps: OrderedDict[tuple[int, int, int], list[Step]] = field(default_factory=OrderedDict)
    held: int = 0
    asked: dict[str, tuple[int, Asked]] = field(default_factory=dict)
    views: ManyViews | None = None
    organisations: set[str] = field(default_factory=set)

    def keep(self, key: tuple[int, int, int], found: list[Step]) -> None:
        """Remember the steps of a stretch, and forget the oldest when there are too many."""
        self.steps[key] = found
        self.held += len(found) + 1
        while self.held > MOST_STEPS and len(self.steps) > 1:
            _, gone = self.steps.popitem(last=False)
            self.held -= len(gone) + 1


class Reading:
    """One session's reading of notices, at one moment. `prepare` once for all subscriptions whose notices will be read."""

    def __init__(self, session: Session, now: datetime, memory: Memory | None = None) -> None:
        self.session = session
        self.now = now
        self.head = log.head(session)
        self._memory = memory or Memory()
        self._views: ManyViews | None = None
        self._audiences: dict[str, list[str] | None] = {}  # of listings, as they stand now or stood at their end
        self._fragments: dict[tuple[str, View], bytes | None] = {}
        self._alone: dict[tuple[str, int, int], list[Step]] = {}
        self._told: dict[Any, list[Told]] = {}
        self._pieces: dict[Any, bytes] = {}

    def prepare(self, organisations: Iterable[str]) -> None:
        """Read who these are and what they may see; others that were asked of before come along, so that little is made anew."""
        known = self._memory.organisations
        known = {*organisations, *(known if len(known) < MOST_ORGANISATIONS else ())}
        self._memory.organisations = known
        self._views = self._memory.views = views_of(self.session, known, known=self._memory.views)

    def asked(self, subscription: Subscribed) -> Asked:
        """What a subscription asks. Raises BadRequest."""
        known = self._memory.asked.get(subscription.id)
        if known is None or known[0] != subscription.version:
            known = self._memory.asked[subscription.id] = (subscription.version, Asked.by(subscription))
            if len(self._memory.asked) > MOST_STEPS:
                self._memory.asked.pop(next(iter(self._memory.asked)))
        return known[1]

    def expired(self, notice: Any) -> bool:
        """Whether the log no longer has all that a notice would tell."""
        return bool(notice.state == "expired" or (notice.kind == EVENTS and notice.after < self.head.history_after))

    def told(self, asked: Asked, after: int, upto: int) -> list[Told]:
        """The events of a stretch of the log, by position, as this subscription may be told them now."""
        # Many ask the same of the same stretch: one event, and a thousand subscriptions.
        key = (asked.role, asked.organisation_id, asked.filter.key, asked.types, asked.attestations, after, upto)
        found = self._told.get(key)
        if found is None:
            found = self._told[key] = self._read(asked, after, upto)
        return found

    def piece(self, asked: Asked, told: Told, number: int) -> bytes:
        """One event as JSON, as it stands in a body; with its listing where that was asked for."""
        # Of one position, stretches that begin elsewhere may have another step.
        key = (told.position, told.types, told.news and (told.news.has, told.news.step.changed))
        piece = self._pieces.get(key)
        if piece is None:
            piece = self._pieces[key] = orjson.dumps(told.document(0, self.head.epoch))[:-2]  # all but the number
        listing = self.listing(asked, told) if asked.content == "full" else None
        return b"%b%d}" % (piece, number) if listing is None else b'%b%d,"listing":%b}' % (piece, number, listing)

    def _read(self, asked: Asked, after: int, upto: int) -> list[Told]:
        views = self._of(asked.organisation_id)
        reader = views.reader(asked.role, asked.organisation_id, after, upto)
        known = self._steps(after, upto)
        alone = self._seen_alone(asked.organisation_id, after, upto, known) if reader.was != reader.view else []
        found = [(step, heard) for step in (*known, *alone) if (heard := asked.news(step, reader)) is not None]
        if not found:
            return []
        if alone:
            found.sort(key=lambda each: each[0].position)
        if asked.role in (OPERATOR, PROVIDER):
            return [Told(step.position, step.at, news, types) for step, (news, types) in found]
        may = views.now(asked.organisation_id, self.now)
        if may != reader.view:
            reader = Reader(asked.role, asked.organisation_id, may, may)
        self._look_up(step.listing_id for step, _ in found if step.listing_id is not None)
        return [self._judged(asked, step, heard, types, reader) for step, (heard, types) in found]

    def listing(self, asked: Asked, told: Told) -> bytes | None:
        """The listing of an event as its reader may have it now, as JSON; None where there is none."""
        if told.listing_id is None:
            return None
        view = self._of(asked.organisation_id).may_see(asked.role, asked.organisation_id, self.now)
        key = (told.listing_id, view)
        if key not in self._fragments:
            self._fragments[key] = self._fragment(told.listing_id, view)
        return self._fragments[key]

    def _judged(self, asked: Asked, step: Step, heard: News, types: tuple[str, ...], now: Reader) -> Told:
        """What may be told of one event now. A withdrawal carries only the id that the reader once saw: it always may."""
        if step.listing_id is None:
            stays = asked.news(step, now) is not None
        elif types == (WITHDRAWN,):
            stays = True
        else:
            audiences = self._audiences.get(step.listing_id)
            if audiences is None:  # the listing is no more, not even its tombstone
                audiences = list(step.audiences_after or step.audiences_before)
            stays = now.view.sees(audiences)
            if "rate.changed" in types and step.offered_to and not _may_have(now.view, step):
                types = tuple(type for type in types if type != "rate.changed")
        return Told(step.position, step.at, heard, types) if stays and types else Told(step.position, step.at)

    def _of(self, organisation_id: str) -> ManyViews:
        if self._views is None:
            self.prepare([organisation_id])
        return self._views  # type: ignore[return-value]  # prepare has set it

    def _steps(self, after: int, upto: int) -> list[Step]:
        key = (self.head.epoch, after, upto)
        found = self._memory.steps.get(key)
        if found is None:
            found = steps(self.session, after, upto)
            self._memory.keep(key, found)
        return found

    def _seen_alone(self, organisation_id: str, after: int, upto: int, known: Sequence[Step]) -> list[Step]:
        key = (organisation_id, after, upto)
        if key not in self._alone:
            self._alone[key] = seen_alone(self.session, organisation_id, after, upto, known=known)
        return self._alone[key]

    def _look_up(self, ids: Iterable[str]) -> None:
        missing = sorted(set(ids) - self._audiences.keys())
        self._audiences.update(dict.fromkeys(missing))
        self._audiences.update({row.id: row.audiences for row in _AUDIENCES.rows(self.session, missing)})

    def _fragment(self, listing_id: str, view: View) -> bytes | None:
        columns = (
            Listing.id, Listing.urn, Listing.position, Listing.changes_at, Listing.audiences, Listing.facts, Listing.body, Listing.restricted,
        )  # fmt: skip
        query = sa.select(*columns).where(col(Listing.id) == listing_id, col(Listing.state) == "updated")  # type: ignore[call-overload]
        found = self.session.execute(query).first()
        if found is None or not view.sees(found.audiences):
            return None
        row = row_of(
            id=found.id, urn=found.urn, moved=found.position, changes_at=found.changes_at, audiences=found.audiences,
            facts=found.facts, body=found.body, restricted=found.restricted,
        )  # fmt: skip
        return row.fragment(view, overdue=row.overdue(self.now))


def _may_have(view: View, step: Step) -> bool:
    return "any" in step.offered_to or view.may_have_rate(step.offered_to)


@dataclass(frozen=True, slots=True)
class Numbered:
    """One number of a subscription with its events; `expired` where the log no longer has them."""

    number: int
    at: datetime
    state: str  # of the notice: waiting, sent or expired
    expired: bool
    events: list[dict[str, Any]]


def numbered(
    session: Session, subscription: Subscribed, first: int, last: int, *, now: datetime, memory: Memory | None = None
) -> Iterator[Numbered]:
    """The notices from number `first` up to `last`, both included, with what the subscription may be told of them now.

    With content `full` each event has its listing, as a piece of JSON for orjson. One notice is in memory at a time.
    """
    reading = Reading(session, now, memory)
    reading.prepare([subscription.organisation_id])
    asked = reading.asked(subscription)
    while first <= last:
        query = (
            sa.select(_NOTICE.c.number, _NOTICE.c.kind, _NOTICE.c.after, _NOTICE.c.upto, _NOTICE.c.at, _NOTICE.c.state)
            .where(_NOTICE.c.subscription_id == subscription.id, _NOTICE.c.number >= first, _NOTICE.c.number <= last)
            .order_by(_NOTICE.c.number)
            .limit(PAGE)
        )
        page = session.execute(query).all()
        for notice in page:
            expired = reading.expired(notice)
            events = [] if expired else documents(reading, asked, notice)
            yield Numbered(notice.number, notice.at, notice.state, expired, events)
        if len(page) < PAGE:
            return
        first = page[-1].number + 1


def documents(reading: Reading, asked: Asked, notice: Any) -> list[dict[str, Any]]:
    """The events of one notice as they stand in bodies and answers."""
    return [_document(reading, asked, told, notice.number) for told in reading.told(asked, notice.after, notice.upto)]


def _document(reading: Reading, asked: Asked, told: Told, number: int) -> dict[str, Any]:
    document = told.document(number, reading.head.epoch)
    if asked.content == "full":
        listing = reading.listing(asked, told)
        if listing is not None:
            document["listing"] = orjson.Fragment(listing)
    return document


def beginning(session: Session) -> log.Position:
    """Where a new subscription begins: call it in the transaction that creates the row, and keep position and epoch in it.

    The matcher waits until that transaction ends, so it never moves past what a subscription that it cannot see yet is owed.
    """
    if is_postgres(session):
        row = {"name": MATCHER, "position": 0, "epoch": 1}
        session.execute(insert(session, ChannelCursor).values(row).on_conflict_do_nothing())
        session.execute(
            sa.select(ChannelCursor.name).where(col(ChannelCursor.name) == MATCHER).with_for_update(read=True)  # type: ignore[call-overload]
        )
    return log.head(session)
