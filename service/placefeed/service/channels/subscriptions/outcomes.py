"""What passes between the sender and the channels it sends by: one job to be done outside, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from placefeed.service.clock import Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.tables import Notice, Subscription

if TYPE_CHECKING:
    import aiohttp

EVENTS, HANDSHAKE, TEST, HEARTBEAT = "events", "handshake", "test", "heartbeat"
"""The kinds of notice. Only events have numbers."""


@dataclass(frozen=True, slots=True)
class Job:
    """One message to one subscription, claimed by us until its lease ends.

    `subscription` and `notices` are detached rows as of the claim: read them, never write them. A webhook's `body` is frozen,
    the same bytes over all attempts; an e-mail has none and is composed of its notices (`channels/notices.py` reads their
    events) when it is sent.
    """

    claim: str
    subscription: Subscription
    notices: tuple[Notice, ...]
    kind: str
    message: str  # webhook-id or Message-ID: the receiver's idempotency key
    attempt: int  # 1 for the first
    now: datetime
    body: bytes = b""
    secrets: tuple[str, ...] = ()  # a webhook's that are good now, the newest first

    @property
    def first(self) -> int | None:
        """The number of the first notice it carries."""
        return self.notices[0].number if self.notices else None

    @property
    def last(self) -> int | None:
        """The number of the last notice it carries."""
        return self.notices[-1].number if self.notices else None


@dataclass(frozen=True, slots=True)
class Outside:
    """What sending needs: made once by the sender. Reading the database belongs in `asyncio.to_thread`."""

    settings: Settings
    database: Database
    clock: Clock
    http: "aiohttp.ClientSession"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt. `answer` is the start of what the other side said; never what we sent.

    `status` is HTTP's or SMTP's, None where no answer came. `retry_after`: seconds that the other side asked us to wait.
    `gone`: it will never take anything again (HTTP 410, an address that does not exist): the subscription ends at once.
    """

    ok: bool
    status: int | None = None
    error: str | None = None
    answer: str | None = None
    retry_after: float | None = None
    gone: bool = False
