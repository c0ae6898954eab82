"""How old what we know is, and when that answer will change by time alone.

```
fresh ──24 h──> ageing ──72 h──> stale (availability unknown: confirm by phone) ──14 days──> gone from the list
```
"""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

State = Literal["fresh", "ageing", "stale", "gone"]
Ages = tuple[timedelta, timedelta, timedelta]


class Freshness(NamedTuple):
    """The state at a moment. `changes_at` is None once gone; the two instants say since and until when it is unknown."""

    state: State
    changes_at: datetime | None
    unknown_from: datetime
    leaves_at: datetime


def freshness(as_of: datetime, now: datetime, ages: Ages) -> Freshness:
    """The freshness at `now` of a word given at `as_of`. Each limit belongs to the older state (24 h exactly is ageing)."""
    ageing_at, unknown_from, leaves_at = as_of + ages[0], as_of + ages[1], as_of + ages[2]
    if now < ageing_at:
        return Freshness("fresh", ageing_at, unknown_from, leaves_at)
    if now < unknown_from:
        return Freshness("ageing", unknown_from, unknown_from, leaves_at)
    if now < leaves_at:
        return Freshness("stale", leaves_at, unknown_from, leaves_at)
    return Freshness("gone", None, unknown_from, leaves_at)
