"""What readers asked to be told of, what they were told, and each attempt to tell them.

```
requested ──handshake──> active <──> paused
    │                      │  410, or the schedule of retries is used up
    └──────> error <───────┘      only its owner makes it active again: there may be a gap
```
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from placefeed.service.tables.columns import BIG, JSON, one_of


class Subscription(SQLModel, table=True):
    """A reader's wish to be told: of which events, of which listings, how. `document` is what the reader may write.

    `number` counts notices and never skips one; it goes on rising while delivery fails or is paused.
    """

    __table_args__ = (
        one_of("state", "requested", "active", "paused", "error"),
        one_of("channel", "webhook", "email"),
        sa.Index("ix_subscription_due", "next_attempt_at"),
    )

    id: str = Field(primary_key=True, max_length=40)  # opaque, random
    organisation_id: str = Field(foreign_key="organisation.id", index=True, max_length=80)
    role: str = Field(max_length=20)
    key_id: str = Field(max_length=40)  # the key that made it, or `person:` and who: when that right ends, so does it
    channel: str = Field(max_length=20)
    document: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    version: int = Field(default=1)  # of the document: the ETag
    secrets: bytes | None = None  # a webhook's, sealed: JSON [{secret, until}], the newest first
    code: bytes | None = None  # the hash of an e-mail's confirmation code, while it is asked for
    state: str = Field(max_length=20)
    reason: str | None = Field(default=None, sa_type=sa.Text)  # why it is in error
    created_at: datetime
    changed_at: datetime
    epoch: int = Field(default=1)
    start: int = Field(sa_type=sa.BigInteger)  # events above this position are its own
    number: int = Field(default=0, sa_type=sa.BigInteger)  # of the newest notice
    events: int = Field(default=0, sa_type=sa.BigInteger)  # told or to be told since it began
    delivered: int = Field(default=0, sa_type=sa.BigInteger)  # every notice up to this number has arrived
    attempt: int = Field(default=0)  # failures in a row
    failing_since: datetime | None = None
    next_attempt_at: datetime | None = None  # None: nothing is to be sent
    heard_at: datetime | None = None  # when anything last arrived, for heartbeats
    claim: str | None = Field(default=None, max_length=40)  # whose attempt is under way
    lease_until: datetime | None = None


class Notice(SQLModel, table=True):
    """One thing to tell a subscription. `events` ones are numbered: what the log had between two positions, for this reader.

    `body` is frozen at the first attempt. `state`: waiting, sent, or expired where the log no longer has it.
    """

    __table_args__ = (
        one_of("kind", "events", "handshake", "test", "heartbeat"),
        one_of("state", "waiting", "sent", "expired"),
        sa.UniqueConstraint("subscription_id", "number"),
        sa.Index("ix_notice_waiting", "subscription_id", "state", "id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    subscription_id: str = Field(foreign_key="subscription.id", ondelete="CASCADE", max_length=40)
    kind: str = Field(max_length=20)
    number: int | None = Field(default=None, sa_type=sa.BigInteger)
    after: int = Field(default=0, sa_type=sa.BigInteger)  # the log's positions: above this ...
    upto: int = Field(default=0, sa_type=sa.BigInteger)  # ... and up to this
    message: str = Field(max_length=80)  # webhook-id: the same over all attempts
    at: datetime = Field(index=True)
    state: str = Field(default="waiting", max_length=20)
    body: bytes | None = None
    sent_at: datetime | None = None


class Delivery(SQLModel, table=True):
    """One attempt: when, how long, what came back. `answer` is the start of the response, never what we sent."""

    __table_args__ = (sa.Index("ix_delivery_subscription_id_id", "subscription_id", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    subscription_id: str = Field(foreign_key="subscription.id", ondelete="CASCADE", max_length=40)
    kind: str = Field(max_length=20)
    message: str = Field(max_length=80)
    first: int | None = Field(default=None, sa_type=sa.BigInteger)  # the notices it carried, by number
    last: int | None = Field(default=None, sa_type=sa.BigInteger)
    at: datetime = Field(index=True)
    ms: int
    attempt: int
    ok: bool
    status: int | None = None  # HTTP or SMTP; None where no answer came
    error: str | None = Field(default=None, max_length=500)
    answer: str | None = Field(default=None, max_length=500)


class ChannelCursor(SQLModel, table=True):
    """How far a channel's one reader of the log has come: `subscriptions` is the matcher's."""

    __tablename__ = "channel_cursor"

    name: str = Field(primary_key=True, max_length=40)
    position: int = Field(sa_type=sa.BigInteger)
    epoch: int = Field(default=1)


class OpenCell(SQLModel, table=True):
    """One row of the open change feed: an area of the weekly summary, with generalised counts."""

    __tablename__ = "open_cell"
    __table_args__ = (one_of("state", "updated", "deleted"),)

    id: str = Field(primary_key=True, max_length=80)
    position: int = Field(sa_type=sa.BigInteger, unique=True)
    state: str = Field(max_length=20)
    document: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    modified_at: datetime
