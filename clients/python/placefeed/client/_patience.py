"""How a follower bears failures: it waits as it is asked to, or longer and longer, and says so; it never loses its place."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from placefeed.client.errors import PlacefeedError

Troubled = Callable[[PlacefeedError, float], None]
"""Told of each failure that is borne, and the seconds until the next attempt."""

NONSENSE_AT_MOST = 5
AT_FIRST = 120.0


@dataclass
class Patience:
    """Counts failures in a row. `give_up_after`: seconds of waiting after which a failure is raised; None: never.

    Before it ever worked, never is two minutes: an address may be misspelt. Answers that make no sense (a sign-in page,
    a body cut short) are raised after a few whatever is given, or at once before it ever worked: waiting seldom mends them.
    """

    first: float
    longest: float
    give_up_after: float | None = None
    troubled: Troubled | None = None
    jitter: Callable[[], float] = random.random
    worked: bool = False
    failures: int = 0
    nonsense: int = 0
    waited: float = 0.0

    def wait(self, error: PlacefeedError) -> float:
        """Seconds before the next attempt; raises the error where it is not to be borne any longer."""
        self.failures += 1
        most = min(self.first * 2.0 ** min(self.failures - 1, 20), self.longest)
        asked = error.retry_after
        seconds = max(asked, 1.0) if asked is not None else most / 2 + most / 2 * self.jitter()
        self.waited += seconds
        limit = self.give_up_after
        if limit is None and not self.worked:
            limit = AT_FIRST
        if error.status is not None and error.status < 400:
            self.nonsense += 1
            if not self.worked or self.nonsense >= NONSENSE_AT_MOST:
                raise error
        if limit is not None and self.waited > limit:
            raise error
        if self.troubled is not None:
            self.troubled(error, seconds)
        return seconds

    def recovered(self) -> None:
        """It works, or works again."""
        self.worked = True
        self.failures, self.waited = 0, 0.0

    def progressed(self) -> None:
        """It got further than where it last made no sense."""
        self.nonsense = 0
