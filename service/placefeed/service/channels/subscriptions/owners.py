"""The owner of a subscription that has stopped is told by another channel: an e-mail, put down with the stop and sent by a job.

What is put down is a slot of a job that nobody has run yet, so that it is claimed, tried again and finished like any other.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session

from placefeed.service.channels.subscriptions import mail
from placefeed.service.clock import Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.leader import put_down, run_put_down
from placefeed.service.tables import Subscription

JOB: Final = "tell-owner:"
AGAIN_AFTER: Final = timedelta(minutes=15)
ATTEMPTS: Final = 48  # half a day; the alert stands all the same
TOLD: Final = "told"


def queue(session: Session, subscription_id: str, *, now: datetime) -> None:
    """Put down that the owner is to be told, in the transaction that stops the subscription."""
    put_down(session, f"{JOB}{subscription_id}", now, after=now)


def tell_owners(database: Database, settings: Settings, clock: Clock) -> int:
    """Write to the owners of subscriptions that have stopped; returns how many e-mails were taken."""

    def tell(job: str, _slot: datetime, now: datetime) -> str | None:
        return _tell(database, settings, job.removeprefix(JOB), now)

    return run_put_down(database, JOB, tell, again_after=AGAIN_AFTER, attempts=ATTEMPTS, clock=clock)[TOLD]


def _tell(database: Database, settings: Settings, subscription_id: str, now: datetime) -> str | None:
    """What came of it; None where it is worth another attempt."""
    with database.read() as session:
        row = session.get(Subscription, subscription_id)
    if row is None or row.state != "error":
        return "no longer stopped"
    to = row.document.get("ownerEmail") or settings.operator_email
    if to is None or not mail.configured(settings):
        return "nobody to tell by e-mail"
    outcome = asyncio.run(mail.send(_letter(row, to, settings), settings=settings, now=now))
    if outcome.ok:
        return TOLD
    return f"the address was refused: {outcome.status}" if outcome.gone else None


def _letter(row: Subscription, to: str, settings: Settings) -> mail.Letter:
    address = f"{settings.base_url.rstrip('/')}/v1/subscriptions/{row.id}"
    name = f"“{row.document['title']}” ({row.id})" if "title" in row.document else row.id
    text = (
        f"The {row.channel} subscription {name} of {row.organisation_id} has stopped.\n\n"
        f"Why: {row.reason}\n\n"
        "Nothing is lost: what happens goes on being numbered and is kept for a time. Mend what is wrong, then resume it:\n\n"
        f"  POST {address}/resume\n\n"
        f"How it stands:      {address}/status\n"
        f"Each attempt:       {address}/deliveries\n"
        f"What it missed:     {address}/events\n\n"
        "Each of these needs a key of the organisation. This message was written by the exchange; nobody reads answers to it.\n"
    )
    return mail.Letter(
        to=to,
        subject="A subscription has stopped",
        text=text,
        message=f"stopped_{row.id}_{int(row.changed_at.timestamp())}",
    )
