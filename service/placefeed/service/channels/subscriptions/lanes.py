"""How much of what is under way may go to one receiver: one that is dead or slow never takes the room of the others."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from placefeed.service.channels.subscriptions.wishes import EMAIL, WEBHOOK
from placefeed.service.tables import Subscription

SHARE = 2  # a receiver has at most this part of all
SHARE_OF_SLOW = 16  # ... and one that was slow, or did not answer at all, this
SLOW = 2.0  # seconds
MOST_NAMED = 200  # origins that one query leaves out
MAIL = "mail"  # the lane of all e-mails, which go to one server
MOST_MAILS = 8  # connections that a mail server is asked for at a time


def lane_of(subscription: Any) -> str:
    """Where a subscription's messages go: the origin of its URL, or the mail server."""
    return MAIL if subscription.channel == EMAIL else origin_of(subscription.document["url"])


def origin_of(url: str) -> str:
    """`https://host:port` of a URL, as it is written."""
    scheme, _, rest = url.partition("://")
    for end in "/?#":
        rest = rest.partition(end)[0]
    return f"{scheme}://{rest}".lower()


@dataclass(slots=True)
class Lanes:
    """What is under way, by origin. Receivers that were slow share half of the room, however many they are."""

    at_once: int
    flying: Counter[str] = field(default_factory=Counter)
    slow: set[str] = field(default_factory=set)

    def copy(self) -> "Lanes":
        """To plan with, while the loop goes on counting."""
        return Lanes(self.at_once, self.flying.copy(), set(self.slow))

    def take(self, origin: str) -> bool:
        """Take a place for this origin, if there is one."""
        if self.full(origin):
            return False
        self.flying[origin] += 1
        return True

    def leave(self, origin: str, *, quick: bool) -> None:
        """Give a place back. `quick`: it answered soon, whatever it said."""
        self.flying[origin] -= 1
        if not self.flying[origin]:
            del self.flying[origin]
        if quick:
            self.slow.discard(origin)
        else:
            self.slow.add(origin)

    def full(self, origin: str) -> bool:
        """Whether nothing more may go there just now."""
        if origin == MAIL:
            return self.flying[MAIL] >= min(MOST_MAILS, self.at_once)
        if origin not in self.slow:
            return self.flying[origin] >= max(1, self.at_once // SHARE)
        return self.flying[origin] >= max(1, self.at_once // SHARE_OF_SLOW) or self._slow_are_full()

    def open(self) -> list[sa.ColumnElement[bool]]:
        """For the query of what is due: leaves out the subscriptions whose receivers can be sent nothing now."""
        closed = [origin for origin in self.flying if self.full(origin)]
        if self._slow_are_full():
            closed += islice(self.slow.difference(closed), MOST_NAMED)
        wanted = [sa.not_(_at(origin for origin in closed if origin != MAIL))] if set(closed) - {MAIL} else []
        return [*wanted, col(Subscription.channel) != EMAIL] if MAIL in closed else wanted

    def _slow_are_full(self) -> bool:
        return sum(count for origin, count in self.flying.items() if origin in self.slow) >= max(1, self.at_once // 2)


def _at(origins: Iterable[str]) -> sa.ColumnElement[bool]:
    url = sa.func.lower(col(Subscription.document)["url"].as_string())
    return sa.and_(
        col(Subscription.channel) == WEBHOOK,
        sa.or_(*(sa.or_(url == origin, url.startswith(f"{origin}/", autoescape=True)) for origin in origins)),
    )
