"""When an e-mail goes out: at once, at each full hour, or once a day by the clock on the wall in England. Pure."""

from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from placefeed.service.clock import LONDON, london_day

AT: Final = "07:30"  # unless told
HOUR: Final = timedelta(hours=1)


def due_at(document: dict[str, Any], now: datetime) -> datetime:
    """The first moment, not before now, at which what happened goes out to this subscription; in UTC.

    A daily time that the clocks skip in spring comes an hour later by the clock on that day, and one that comes twice in autumn
    is the first of the two, as RFC 5545 (3.3.5) has it: so each day has exactly one.
    """
    schedule = document.get("schedule") or {"every": "instant"}
    now = now.astimezone(UTC)
    if schedule["every"] == "hourly":
        begun = now.replace(
            minute=0, second=0, microsecond=0
        )  # an hour begins at the same moment in UTC and in England
        return begun if begun == now else begun + HOUR
    if schedule["every"] == "daily":
        at = time.fromisoformat(schedule.get("at", AT))
        day = london_day(now)
        today = _on(day.toordinal(), at)
        return today if today >= now else _on(day.toordinal() + 1, at)
    return now


def _on(ordinal: int, at: time) -> datetime:
    # fold=0 is what RFC 5545 asks: of two the first, and of a time that is skipped the offset before it.
    return datetime.combine(datetime.fromordinal(ordinal), at, tzinfo=LONDON).astimezone(UTC)
