"""Now, passed in: every operation that needs the time is handed a clock, so that tests can move it."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]

LONDON = ZoneInfo("Europe/London")


def system_clock() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(UTC)


def london_day(instant: datetime) -> date:
    """The calendar day in England at an instant: what `from` and `until` are measured in."""
    return instant.astimezone(LONDON).date()


def london_midnight(day: date) -> datetime:
    """The instant, in UTC, at which a day begins in England."""
    return datetime(day.year, day.month, day.day, tzinfo=LONDON).astimezone(UTC)


def iso(instant: datetime) -> str:
    """RFC 3339 in UTC with a Z, to the microsecond only where there is one."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
