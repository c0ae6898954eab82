"""The life of a subscription: made, proved, changed, paused, resumed, stopped, deleted. What it is told is another matter.

```
create ──> requested ──handshake, or the code──> active <──pause / resume──> paused
               │                                    │
               └────────────── fail ────────> error ┘  only `resume` leaves it, by way of a new handshake
```

Every operation is for the organisation that it belongs to, in the role in which it was made; to anybody else there is none.
"""

import secrets
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.access import audit
from placefeed.service.access.who import Caller
from placefeed.service.channels.subscriptions import confirming, mail, owners, webhook_secrets
from placefeed.service.channels.subscriptions.notices import beginning
from placefeed.service.channels.subscriptions.outcomes import HANDSHAKE, TEST
from placefeed.service.channels.subscriptions.timetable import due_at
from placefeed.service.channels.subscriptions.wishes import EMAIL, WEBHOOK
from placefeed.service.config import Settings
from placefeed.service.db import tell
from placefeed.service.errors import Conflict, Invalid, NotFound
from placefeed.service.publishing.log import head
from placefeed.service.tables import Alert, Notice, Organisation, Subscription

UNCONFIRMED: Final = 3
"""So many subscriptions of an organisation may wait for the code of one address: an inbox is not flooded."""
_TIMES: Final = ("schedule", "heartbeat")
STOPPED: Final = "subscription-stopped"
"""The kind of the alert."""


def create(
    session: Session, caller: Caller, document: dict[str, Any], *, settings: Settings, secret: bytes, now: datetime
) -> tuple[Subscription, str | None]:
    """Make a subscription of a document that was accepted, and the secret of a webhook, which is shown this once.

    Raises Conflict where the organisation has as many as it may, Invalid where the channel is not offered.
    """
    organisation = caller.organisation_id or ""
    # Counted under a lock, or two requests at once would both be the last.
    session.execute(sa.select(Organisation.id).where(col(Organisation.id) == organisation).with_for_update())  # type: ignore[call-overload]
    rows = session.exec(select(Subscription).where(Subscription.organisation_id == organisation)).all()
    if len(rows) >= settings.subscriptions_per_organisation:
        raise Conflict(
            f"Your organisation has {len(rows)} subscriptions, and may have {settings.subscriptions_per_organisation}. "
            "Delete one, or ask the operator.",
            errors=[{"rule": "subscription-quota"}],
        )
    _check_offered(document, rows, settings)
    position = beginning(session)
    row = Subscription(
        id=secrets.token_hex(10),
        organisation_id=organisation,
        role=caller.role,
        key_id=caller.holder,
        channel=document["channel"],
        document=document,
        state="requested",
        created_at=now,
        changed_at=now,
        epoch=position.epoch,
        start=position.position,
    )
    shown = None
    if row.channel == WEBHOOK:
        shown = webhook_secrets.new_secret()
        webhook_secrets.keep(row, [webhook_secrets.Secret(shown)], secret=secret)
    session.add(row)
    session.flush()
    _handshake(session, row, secret=secret, now=now)
    _note(session, caller, "create", row, now, **_said(document))
    return row, shown


def own(session: Session, caller: Caller, subscription_id: str, *, lock: bool = False) -> Subscription:
    """The caller's subscription. Raises NotFound alike where there is none and where it is another's.

    `lock`: keep others from changing it until this transaction ends; what is read is then the newest.
    """
    query = select(Subscription).where(
        Subscription.id == subscription_id,
        Subscription.organisation_id == caller.organisation_id,
        Subscription.role == caller.role,
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.exec(query).first()
    if found is None:
        raise NotFound("You have no such subscription.")
    return found


def mine(session: Session, caller: Caller) -> list[Subscription]:
    """The caller's subscriptions, the oldest first."""
    return list(
        session.exec(
            select(Subscription)
            .where(Subscription.organisation_id == caller.organisation_id, Subscription.role == caller.role)
            .order_by(col(Subscription.created_at), col(Subscription.id))
        )
    )


def change(
    session: Session,
    caller: Caller,
    row: Subscription,
    document: dict[str, Any],
    *,
    settings: Settings,
    secret: bytes,
    now: datetime,
) -> None:
    """Give a subscription (read under its lock) another accepted document. Another address has to prove itself again.

    Raises Invalid for another channel.
    """
    if document["channel"] != row.channel:
        raise Invalid(
            "A subscription keeps its channel. Make a new one, and delete this.", errors=[{"pointer": "/channel"}]
        )
    before, row.document = row.document, document
    row.version += 1
    row.changed_at = now
    row.key_id = caller.holder or row.key_id
    if _address(before) != _address(document):
        others = [each for each in mine(session, caller) if each.id != row.id]
        _check_offered(document, others, settings)
        row.state, row.reason = "requested", None
        _handshake(session, row, secret=secret, now=now)
        _settle(session, row, now)
    elif row.state == "active" and not row.attempt and any(before.get(name) != document.get(name) for name in _TIMES):
        row.next_attempt_at = _next(session, row, now)
    session.add(row)
    session.flush()
    tell(session, "subscription")
    _note(session, caller, "change", row, now, **_said(document))


def pause(session: Session, caller: Caller, subscription_id: str, *, now: datetime) -> Subscription:
    """Send nothing until it is resumed; what happens meanwhile is numbered and kept. Again changes nothing. Raises NotFound or Conflict."""
    row = own(session, caller, subscription_id, lock=True)
    if row.state == "paused":
        return row
    if row.state != "active":
        raise Conflict(f"Only an active subscription can be paused; this one is in the state {row.state}.")
    row.state, row.changed_at, row.next_attempt_at = "paused", now, None
    session.add(row)
    session.flush()
    tell(session, "subscription")
    _note(session, caller, "pause", row, now)
    return row


def resume(
    session: Session, caller: Caller, subscription_id: str, *, settings: Settings, secret: bytes, now: datetime
) -> Subscription:
    """Go on: after a pause at once; after an error, or where it was never proved, by way of a new handshake (or code).

    What waits is kept and sent. What the log no longer has is a gap: it stands as an expired number in status and events.
    Again changes nothing. Raises NotFound or Conflict.
    """
    row = own(session, caller, subscription_id, lock=True)
    if row.state == "active":
        return row
    row.key_id = caller.holder or row.key_id  # the key that made it may be gone
    row.attempt, row.failing_since, row.claim, row.lease_until = 0, None, None, None
    _check_epoch(session, row)
    proved = row.state == "paused" or (row.channel == EMAIL and row.state == "error" and row.code is None)
    if proved:
        row.state = "active"
        row.next_attempt_at = _next(session, row, now)
    else:
        if row.channel == EMAIL and not confirming.may_ask_again(row, now):
            raise Conflict("A code was sent a moment ago. Wait five minutes before you ask for another.")
        _check_offered(row.document, (), settings)
        row.state = "requested"
        _handshake(session, row, secret=secret, now=now)
    row.reason, row.changed_at = None, now
    session.add(row)
    _settle(session, row, now)
    session.flush()
    tell(session, "subscription")
    _note(session, caller, "resume", row, now)
    return row


def rotate(
    session: Session, caller: Caller, subscription_id: str, *, secret: bytes, now: datetime
) -> tuple[Subscription, str]:
    """Give a webhook a new secret, shown this once; the old one signs along for a day. Raises NotFound or Conflict."""
    row = own(session, caller, subscription_id, lock=True)
    if row.channel != WEBHOOK:
        raise Conflict("Only a webhook has a secret.")
    shown = webhook_secrets.new_secret()
    webhook_secrets.keep(
        row,
        webhook_secrets.replaced(webhook_secrets.secrets_of(row, secret=secret, now=now), shown, now),
        secret=secret,
    )
    row.changed_at = now
    session.add(row)
    session.flush()
    tell(session, "subscription")
    _note(session, caller, "rotate", row, now)
    return row, shown


def test(session: Session, caller: Caller, subscription_id: str, *, now: datetime) -> Notice:
    """Have a test sent, before anything that waits. Raises NotFound, or Conflict unless it is active and no test waits."""
    row = own(session, caller, subscription_id, lock=True)
    if row.state != "active":
        raise Conflict(f"Only an active subscription sends tests; this one is in the state {row.state}.")
    waiting = session.exec(
        select(Notice).where(Notice.subscription_id == row.id, Notice.kind == TEST, Notice.state == "waiting")
    ).first()
    if waiting is not None:
        raise Conflict("A test is still waiting to be sent.")
    notice = Notice(subscription_id=row.id, kind=TEST, message=_message(), at=now)
    session.add(notice)
    row.next_attempt_at = now
    session.add(row)
    session.flush()
    tell(session, "subscription")
    _note(session, caller, "test", row, now)
    return notice


def confirm(
    session: Session, caller: Caller, subscription_id: str, code: str, *, secret: bytes, now: datetime
) -> tuple[Subscription, confirming.Verdict]:
    """Take the code that an e-mail carried. Commit whatever the verdict: wrong ones are counted. Raises NotFound or Conflict."""
    row = own(session, caller, subscription_id, lock=True)
    if row.channel != EMAIL or row.state != "requested":
        raise Conflict("This subscription waits for no code.")
    verdict = confirming.answer(row, code, secret=secret, now=now)
    if verdict == "confirmed":
        row.state, row.changed_at, row.attempt, row.failing_since = "active", now, 0, None
        row.next_attempt_at = _next(session, row, now)
        tell(session, "subscription")
    session.add(row)
    session.flush()
    _note(session, caller, "confirm", row, now, verdict=verdict)
    return row, verdict


def delete(session: Session, caller: Caller, subscription_id: str, *, now: datetime) -> None:
    """Forget it, with all that it was told; at once. Raises NotFound."""
    row = own(session, caller, subscription_id, lock=True)
    _settle(session, row, now)
    session.execute(sa.delete(Subscription).where(col(Subscription.id) == row.id))
    session.expunge(row)
    tell(session, "subscription")
    _note(session, caller, "delete", row, now)


def fail(session: Session, subscription: Subscription, reason: str, now: datetime) -> None:
    """Stop a subscription until its owner resumes it, raise an alert, and have the owner told by e-mail. What waits is kept."""
    subscription.state, subscription.reason, subscription.changed_at = "error", reason[:2000], now
    subscription.next_attempt_at = subscription.claim = subscription.lease_until = None
    session.add(subscription)
    session.add(
        Alert(
            at=now,
            kind=STOPPED,
            severity="warning",
            message=f"The {subscription.channel} subscription {subscription.id} has stopped: {reason}",
            organisation_id=subscription.organisation_id,
        )
    )
    owners.queue(session, subscription.id, now=now)
    audit.record(session, caller=None, action="subscription.error", subject=subscription.id, at=now)
    session.flush()
    tell(session, "subscription")


def etag(row: Subscription) -> str:
    """The version of what its owner wrote, and the state that it is in."""
    return f'"{row.version}-{row.state}"'


def _check_offered(document: dict[str, Any], others: Any, settings: Settings) -> None:
    if document["channel"] != EMAIL:
        return
    if not mail.configured(settings):
        raise Invalid(
            mail.NOT_SET_UP,
            errors=[{"pointer": "/channel", "rule": "channel-unsupported", "detail": mail.NOT_SET_UP}],
        )
    address = document["email"].casefold()
    unproved = sum(
        each.state == "requested" and each.channel == EMAIL and each.document["email"].casefold() == address
        for each in others
    )
    if unproved >= UNCONFIRMED:
        raise Conflict(
            f"{unproved} subscriptions wait already for this address to be confirmed. Confirm or delete them."
        )


def _handshake(session: Session, row: Subscription, *, secret: bytes, now: datetime) -> None:
    """Ask the address to prove itself, in place of any earlier asking; what is under way to the old one no longer counts."""
    session.execute(
        sa.update(Notice)
        .where(
            col(Notice.subscription_id) == row.id,
            col(Notice.kind).in_([HANDSHAKE, TEST]),
            col(Notice.state) == "waiting",
        )
        .values(state="expired")
    )
    message = _message()
    session.add(Notice(subscription_id=row.id, kind=HANDSHAKE, message=message, at=now))
    if row.channel == EMAIL:
        confirming.ask(row, message, secret=secret, now=now)
    row.attempt, row.failing_since, row.claim, row.lease_until = 0, None, None, None
    row.next_attempt_at = now
    session.add(row)
    session.flush()
    tell(session, "subscription")


def _check_epoch(session: Session, row: Subscription) -> None:
    """After a backup was put back the matcher first ends what was told before, and leaves the number of the gap."""
    if row.epoch != head(session).epoch:
        raise Conflict(
            "The exchange was put back to an earlier state a moment ago. Try again in a moment.",
            headers={"Retry-After": "5"},
        )


def _waiting(session: Session, row: Subscription) -> bool:
    return (
        session.exec(
            select(Notice.id).where(Notice.subscription_id == row.id, Notice.state == "waiting").limit(1)
        ).first()
        is not None
    )


def _next(session: Session, row: Subscription, now: datetime) -> datetime | None:
    """When what waits goes out; a webhook with a heartbeat is looked at in any case."""
    if not _waiting(session, row) and not row.document.get("heartbeat"):
        return None
    return due_at(row.document, now)


def _settle(session: Session, row: Subscription, now: datetime) -> None:
    """Its alert has been looked after."""
    session.execute(
        sa.update(Alert)
        .where(
            col(Alert.kind) == STOPPED,
            col(Alert.organisation_id) == row.organisation_id,
            col(Alert.message).contains(f" {row.id} "),
            col(Alert.resolved_at).is_(None),
        )
        .values(resolved_at=now)
    )


def _address(document: dict[str, Any]) -> str:
    return str(document.get("url") or document.get("email"))


def _said(document: dict[str, Any]) -> dict[str, Any]:
    """What of a document goes into the audit: never a path or a query, which may hold a password, nor an e-mail address."""
    host = urlsplit(document["url"]).hostname if "url" in document else None
    return {
        "channel": document["channel"],
        "content": document.get("content", "ids"),
        **({"host": host} if host else {}),
    }


def _message() -> str:
    return f"msg_{secrets.token_hex(12)}"


def _note(session: Session, caller: Caller, what: str, row: Subscription, now: datetime, **detail: Any) -> None:
    audit.record(session, caller=caller, action=f"subscription.{what}", subject=row.id, detail=detail or None, at=now)
