"""When an attempt that failed is made again, and when no more. Pure, but for the jitter."""

from datetime import timedelta
from secrets import SystemRandom
from typing import Final

from placefeed.service.channels.subscriptions.outcomes import HANDSHAKE, Outcome

SCHEDULE: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
"""How long after a failure each attempt comes, the first one at once."""
OF_HANDSHAKES: Final = 3
"""Attempts of a handshake: whoever registers an address should have it running."""
LONGEST: Final = timedelta(hours=24)
"""The most that a receiver can make us wait."""
JITTER: Final = 0.1  # of the time, either way: those that failed together don't come back together

_RANDOM = SystemRandom()


def after(failures: int, kind: str, outcome: Outcome) -> timedelta | None:
    """How long to wait after so many failures in a row; None: no more attempts."""
    attempts = OF_HANDSHAKES if kind == HANDSHAKE else len(SCHEDULE)
    if failures >= attempts:
        return None
    wait = SCHEDULE[failures] * (1 + JITTER * _RANDOM.uniform(-1, 1))
    if outcome.retry_after is not None:
        wait = max(wait, min(timedelta(seconds=outcome.retry_after), LONGEST))
    return wait
