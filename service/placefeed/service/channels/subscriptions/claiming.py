"""What is to be sent now: subscriptions that are due are claimed for a time, and what each is told is frozen, in one transaction.

```
due ──claim, until the lease ends──> under way ──recorded──> due again, or at rest
                                        └──the worker died: past its lease another claims it, with the same message
```
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col, select

from placefeed.service.access import people
from placefeed.service.access.keys import is_good
from placefeed.service.access.who import PERSON, ROLE_SCOPES
from placefeed.service.channels.many_rows import ManyRows, OfIds
from placefeed.service.channels.subscriptions import life, webhook_secrets, webhooks
from placefeed.service.channels.subscriptions.lanes import Lanes, lane_of
from placefeed.service.channels.subscriptions.notices import Asked, Memory, Reading
from placefeed.service.channels.subscriptions.outcomes import EVENTS, HANDSHAKE, HEARTBEAT, TEST, Job
from placefeed.service.channels.subscriptions.wishes import EMAIL, WEBHOOK
from placefeed.service.config import Settings
from placefeed.service.errors import Conflict, PlacefeedError
from placefeed.service.tables import ApiKey, Notice, Subscription

log = structlog.get_logger(__name__)

AT_ONCE: Final = 200  # subscriptions claimed in one transaction
MANY: Final = 2 * webhooks.MOST_NUMBERS  # waiting notices above which only the first are read
LATER: Final = timedelta(minutes=5)
MOST_IN_MAIL: Final = 5000  # notices in one e-mail
SCOPE: Final = "subscribe"
NO_KEY: Final = "The key that this subscription was made with is no longer good (revoked, expired, or without the right to subscribe). Resume it with another."
NO_PERSON: Final = (
    "Whoever made this subscription no longer works there, or may no longer be told. A colleague can resume it."
)

_SUBSCRIPTION = Subscription.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_NOTICE = Notice.__table__  # type: ignore[attr-defined]  # as above
_COLUMNS = [
    _SUBSCRIPTION.c[name]
    for name in (
        "id", "organisation_id", "role", "key_id", "channel", "document", "version", "secrets", "state", "number", "events",
        "delivered", "attempt",
    )
]  # fmt: skip
_WAITING = [
    _NOTICE.c[name] for name in ("id", "subscription_id", "kind", "number", "after", "upto", "message", "at", "state", "body")
]  # fmt: skip
_ALL_WAITING = sa.select(*_WAITING).where(_NOTICE.c.state == "waiting")
_WAITING_OF = OfIds(
    lambda among: _ALL_WAITING.where(among(_NOTICE.c.subscription_id)).order_by(_NOTICE.c.subscription_id, _NOTICE.c.id)
)
_KEYS = OfIds(lambda among: select(ApiKey).where(among(col(ApiKey.id))))
_CLAIMS = ManyRows(Subscription, "id", "claim", "lease_until", key="id")
_RESTS = ManyRows(Subscription, "id", "next_attempt_at", key="id")
_BODIES = ManyRows(Notice, "id", "body", key="id", binary=True)


@dataclass(slots=True)
class _Plan:
    """What a transaction will write."""

    jobs: list[Job] = field(default_factory=list)
    rests: list[tuple[str, datetime | None]] = field(default_factory=list)
    bodies: list[tuple[int, bytes]] = field(default_factory=list)
    expired: list[int] = field(default_factory=list)


class Claims:
    """Claims for one sender. Remembers what doesn't change; for one thread."""

    def __init__(self, settings: Settings, secret: bytes) -> None:
        self._settings = settings
        self._secret = secret
        self._memory = Memory()
        self._unsealed: dict[str, tuple[bytes, Any]] = {}
        # An e-mail may take three times the time-out, a webhook twice.
        self._lease = timedelta(seconds=3 * settings.deliver_timeout + 30)

    def due(self, session: Session, now: datetime) -> bool:
        """Whether anything may be to send; asked before a writing transaction is begun."""
        return session.execute(sa.select(sa.literal(1)).where(*_due(now)).limit(1)).first() is not None

    def claim(self, session: Session, now: datetime, room: int, lanes: Lanes) -> list[Job]:
        """Claim what is due, at most `room`, and freeze what it says."""
        query = (
            sa.select(*_COLUMNS)
            .where(*_due(now), *lanes.open())
            .order_by(_SUBSCRIPTION.c.next_attempt_at)
            .limit(min(room, AT_ONCE))
            .with_for_update(skip_locked=True)
        )
        rows = session.execute(query).all()
        if not rows:
            return []
        rows = self._entitled(session, rows, now)
        waiting = _waiting(session, rows)
        reading = Reading(session, now, self._memory)
        reading.prepare({row.organisation_id for row in rows})
        plan = _Plan()
        claim = secrets.token_hex(10)
        for row in rows:
            try:
                if lanes.take(lane_of(row)):  # else it stays due
                    self._plan(plan, row, waiting.get(row.id, []), reading, claim)
            except PlacefeedError as error:
                _fail(session, row.id, f"It can no longer be served: {error}", now)
            except (LookupError, TypeError, ValueError):  # a row that nobody foresaw must not hold up all the others
                log.exception("a subscription could not be read; looking again later", subscription=row.id)
                plan.rests.append((row.id, now + LATER))
        until = now + self._lease
        _CLAIMS.write(session, [(job.subscription.id, claim, until) for job in plan.jobs])
        _RESTS.write(session, plan.rests)
        _BODIES.write(session, plan.bodies)
        for start in range(0, len(plan.expired), 500):
            some = plan.expired[start : start + 500]
            session.execute(sa.update(Notice).where(col(Notice.id).in_(some)).values(state="expired", body=None))
        return _with_rows(session, plan.jobs)

    def _plan(self, plan: _Plan, row: Any, waiting: Sequence[Any], reading: Reading, claim: str) -> None:
        """One subscription: a handshake or a test first, then events while it is active, then a heartbeat; else it rests."""
        now = reading.now
        plain = next((notice for notice in waiting if notice.kind in (HANDSHAKE, TEST)), None)
        if plain is not None:
            body = b""
            if row.channel == WEBHOOK:
                body = plain.body or webhooks.plain_body(
                    plain.kind, row.id, row.number, plain.at, message=plain.message
                )
            if plain.body is None and body:
                plan.bodies.append((plain.id, body))
            attempt = 1 if plain.kind == TEST else row.attempt + 1
            plan.jobs.append(self._job(row, (plain,), plain.kind, plain.message, claim, now, body, attempt))
            return
        if row.state != "active":
            plan.rests.append((row.id, None))
            return
        events = [notice for notice in waiting if notice.kind == EVENTS]
        gone = [notice.id for notice in events if reading.expired(notice)]
        if gone:
            plan.expired += gone
            events = [notice for notice in events if not reading.expired(notice)]
        if events and row.channel == EMAIL:
            plan.jobs.append(self._job(row, tuple(events), EVENTS, events[0].message, claim, now))
        elif events:
            carried, body = self._body(row, events, reading)
            if body != events[0].body:
                plan.bodies.append((events[0].id, body))
            plan.jobs.append(self._job(row, tuple(carried), EVENTS, events[0].message, claim, now, body))
        else:
            self._beat(plan, row, reading, claim)

    def _beat(self, plan: _Plan, row: Any, reading: Reading, claim: str) -> None:
        """Nothing waits: a heartbeat, if it has asked for them and nothing was heard for so long."""
        now = reading.now
        every = row.document.get("heartbeat") if row.channel == WEBHOOK else None
        if not every:
            plan.rests.append((row.id, None))
            return
        columns = (Subscription.heard_at, Subscription.created_at)
        heard = reading.session.execute(sa.select(*columns).where(col(Subscription.id) == row.id)).one()  # type: ignore[call-overload]
        due = (heard.heard_at or heard.created_at) + timedelta(seconds=every)
        if due > now:
            plan.rests.append((row.id, due))
            return
        message = f"msg_{secrets.token_hex(12)}"
        body = webhooks.plain_body(HEARTBEAT, row.id, row.number, now, message=message)
        plan.jobs.append(self._job(row, (), HEARTBEAT, message, claim, now, body))

    def _body(self, row: Any, events: Sequence[Any], reading: Reading) -> tuple[list[Any], bytes]:
        """The message's notices and bytes: those frozen at an earlier attempt, unless the receiver may no longer see what they say."""
        asked = reading.asked(row)
        frozen: bytes | None = events[0].body
        if frozen is None:
            return self._bundle(row, asked, _together(events), reading)
        last = webhooks.through(frozen)
        carried = [notice for notice in events if notice.number <= last]
        if len(carried) != last - events[0].number + 1:  # some of them were told meanwhile
            return self._bundle(row, asked, carried, reading)
        numbers, fresh = self._bundle(row, asked, carried, reading)
        same = len(numbers) == len(carried) and webhooks.withholds(frozen) == webhooks.withholds(fresh)
        # A listing is as it stands and as it may be read at each attempt: prices may have been taken back.
        return (carried, frozen) if same and asked.content != "full" else (numbers, fresh)

    def _bundle(self, row: Any, asked: Asked, events: Sequence[Any], reading: Reading) -> tuple[list[Any], bytes]:
        bundle = webhooks.Bundle(
            row.id, content=asked.content, events_since_start=row.events, base=self._settings.base_url
        )
        carried = []
        for notice in events:
            told = reading.told(asked, notice.after, notice.upto)
            at = told[-1].at if told else notice.at
            if not bundle.add(notice.number, at, [reading.piece(asked, each, notice.number) for each in told]):
                break
            carried.append(notice)
        return carried, bundle.body()

    def _job(
        self, row: Any, notices: tuple[Any, ...], kind: str, message: str, claim: str, now: datetime, body: bytes = b"", attempt: int | None = None
    ) -> Job:  # fmt: skip
        return Job(
            claim=claim,
            subscription=row,  # a tuple of the columns; e-mails get whole rows below
            notices=notices,
            kind=kind,
            message=message,
            attempt=row.attempt + 1 if attempt is None else attempt,
            now=now,
            body=body,
            secrets=self._secrets(row, now) if row.channel == WEBHOOK else (),
        )

    def _secrets(self, row: Any, now: datetime) -> tuple[str, ...]:
        """Those that sign now. Raises Conflict where the exchange's own secret has changed."""
        known = self._unsealed.get(row.id)
        if known is None or known[0] != row.secrets:
            try:
                found = webhook_secrets.secrets_of(row, secret=self._secret, now=now)
            except ValueError as error:
                raise Conflict("its secret cannot be opened. Rotate it, then resume.") from error
            if len(self._unsealed) >= 20_000:
                self._unsealed.clear()
            known = self._unsealed[row.id] = (row.secrets, found)
        return tuple(each.text for each in known[1] if each.until is None or each.until > now)

    def _entitled(self, session: Session, rows: Sequence[Any], now: datetime) -> list[Any]:
        """Those whose key or person may still be told; the others are stopped. A key that replaced another stands for it."""
        keys = _keys(session, {row.key_id for row in rows if not row.key_id.startswith(PERSON)})
        judged: dict[tuple[str, str, str], str | None] = {}
        kept = []
        for row in rows:
            who = (row.key_id, row.organisation_id, row.role)
            if who not in judged:
                judged[who] = _by_right_of(session, keys, *who, now)
            holder = judged[who]
            if holder is None:
                _fail(session, row.id, NO_PERSON if row.key_id.startswith(PERSON) else NO_KEY, now)
                continue
            if holder != row.key_id:
                own = sa.update(Subscription).where(col(Subscription.id) == row.id)
                session.execute(own.values(key_id=holder).execution_options(synchronize_session=False))
            kept.append(row)
        return kept


def _due(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    columns = _SUBSCRIPTION.c
    return columns.next_attempt_at <= now, sa.or_(columns.lease_until.is_(None), columns.lease_until < now)


def _waiting(session: Session, rows: Sequence[Any]) -> dict[str, list[Any]]:
    """What waits for each, in order. Of a long queue the beginning, unless it all goes into one e-mail."""
    long = [row for row in rows if row.number - row.delivered > MANY]
    ids = [row.id for row in rows if row.number - row.delivered <= MANY]
    found = _WAITING_OF.rows(session, ids)
    for row in long:
        own = _ALL_WAITING.where(_NOTICE.c.subscription_id == row.id).order_by(_NOTICE.c.id)
        found += session.execute(own.where(_NOTICE.c.kind != EVENTS).limit(1)).all()
        most = MOST_IN_MAIL if row.channel == EMAIL else MANY
        found += session.execute(own.where(_NOTICE.c.kind == EVENTS).limit(most)).all()
    waiting: dict[str, list[Any]] = {}
    for notice in found:
        waiting.setdefault(notice.subscription_id, []).append(notice)
    return waiting


def _together(events: Sequence[Any]) -> list[Any]:
    """The first and those that follow it without a gap, up to one whose message was frozen already."""
    found = [events[0]]
    for notice in events[1 : webhooks.MOST_NUMBERS]:
        if notice.number != found[-1].number + 1 or notice.body is not None:
            break
        found.append(notice)
    return found


def _keys(session: Session, ids: Iterable[str]) -> dict[str, ApiKey]:
    """These keys and those that replaced them."""
    keys: dict[str, ApiKey] = {}
    wanted = set(ids)
    while wanted:
        found = [row[0] for row in _KEYS.rows(session, sorted(wanted))]
        keys |= {key.id: key for key in found}
        wanted = {key.replaced_by for key in found if key.replaced_by is not None} - keys.keys()
    return keys


def _by_right_of(
    session: Session, keys: dict[str, ApiKey], holder: str, organisation_id: str, role: str, now: datetime
) -> str | None:
    """By whose right this is told on: the person who wished it, or a key; None where neither may any more."""
    if holder.startswith(PERSON):
        may = people.entitled(session, holder, organisation_id=organisation_id, role=role, scope=SCOPE)
        return holder if may else None
    key = _entitling(keys, holder, organisation_id, role, now)
    return key.id if key is not None else None


def _entitling(keys: dict[str, ApiKey], key_id: str, organisation_id: str, role: str, now: datetime) -> ApiKey | None:
    """The key by which this organisation may be told in this role: its own or, where that was replaced, its successor."""
    seen: set[str] = set()
    key = keys.get(key_id)
    while key is not None and not is_good(key, now) and key.id not in seen:
        seen.add(key.id)
        key = keys.get(key.replaced_by or "")
    if key is None or not is_good(key, now) or (key.organisation_id, key.role) != (organisation_id, role):
        return None
    return key if SCOPE in key.scopes and SCOPE in ROLE_SCOPES.get(role, ()) else None


def _with_rows(session: Session, jobs: list[Job]) -> list[Job]:
    """The jobs, those of e-mails with whole rows, which composing one may ask anything of."""
    ids = [job.subscription.id for job in jobs if job.subscription.channel == EMAIL]
    if not ids:
        return jobs
    session.flush()
    rows = {row.id: row for row in session.exec(select(Subscription).where(col(Subscription.id).in_(ids)))}
    numbers = [notice.id for job in jobs if job.subscription.id in rows for notice in job.notices]
    notices: dict[int | None, Notice] = {}
    for start in range(0, len(numbers), 500):
        some = session.exec(select(Notice).where(col(Notice.id).in_(numbers[start : start + 500]))).all()
        notices |= {notice.id: notice for notice in some}
    whole = []
    for job in jobs:
        row = rows.get(job.subscription.id)
        whole.append(
            job if row is None else replace(job, subscription=row, notices=tuple(notices[each.id] for each in job.notices))
        )  # fmt: skip
    for each in (*rows.values(), *notices.values()):
        session.expunge(each)
    return whole


def _fail(session: Session, subscription_id: str, reason: str, now: datetime) -> None:
    life.fail(session, session.get_one(Subscription, subscription_id), reason, now)
