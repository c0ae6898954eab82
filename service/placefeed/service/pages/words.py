"""How pages say things: days, times, money, codes and counts, in plain English and in London's time."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from placefeed.schema.codelists import codelist
from placefeed.service.clock import LONDON


def instant(value: datetime | str) -> datetime:
    """An instant, also from its text in a document."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def day(value: date | datetime | str | None) -> str:
    """“1 July 2026”; an instant's day in London."""
    if value is None:
        return ""
    if isinstance(value, str):
        value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    if isinstance(value, datetime):
        value = value.astimezone(LONDON).date()
    return f"{value.day} {value:%B %Y}"


def time_of_day(value: datetime | str) -> str:
    """“2:05pm”, “midday”, “midnight”."""
    here = instant(value).astimezone(LONDON)
    if here.minute == 0 and here.hour in (0, 12):
        return "midday" if here.hour else "midnight"
    minutes = f":{here.minute:02}" if here.minute else ""
    return f"{here.hour % 12 or 12}{minutes}{'pm' if here.hour >= 12 else 'am'}"


def moment(value: datetime | str | None) -> str:
    """“2:05pm on 1 July 2026”."""
    return "" if value is None else f"{time_of_day(value)} on {day(instant(value))}"


def ago(value: datetime | str, now: datetime) -> str:
    """How long ago, in the largest unit that says enough: “5 minutes ago”."""
    seconds = (now - instant(value)).total_seconds()
    if seconds < 60:
        return "just now"
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{counted(int(seconds // size), unit)} ago"
    return "just now"


def counted(number: int, one: str, many: str | None = None) -> str:
    """“1 place”, “3 places”."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def lasting(value: timedelta) -> str:
    """A length of time in the largest unit that says it whole: “6 years”, “30 days”, “12 hours”."""
    seconds = int(value.total_seconds())
    for size, unit in ((365 * 86400, "year"), (86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            return counted(seconds // size, unit)
    return counted(seconds, "second")


def money(pence: int | None, *, whole: bool = False) -> str:
    """“£5,125”, “£5,125.50”; pence are left out where there are none, or rounded away."""
    if pence is None:
        return ""
    sign = "-" if pence < 0 else ""
    pounds, rest = divmod(abs(pence), 100)
    if whole:
        pounds, rest = pounds + (rest >= 50), 0
    return f"{sign}£{pounds:,}" + (f".{rest:02}" if rest else "")


@lru_cache(maxsize=4096)
def title_of(code: str | None, codelist_name: str) -> str:
    """A code in words; a code that the list does not have says itself."""
    if code is None:
        return ""
    for row in codelist(codelist_name).rows:
        if row["code"] == code:
            return str(row["title"])
    return code.replace("-", " ")


def ages(value: dict[str, Any] | None) -> str:
    """“11 to 16”, “11 and over”, “up to 16”."""
    if not value:
        return "not stated"
    young, old = value.get("from"), value.get("to")
    if young is not None and old is not None:
        return f"{young} to {old}" if young != old else str(young)
    if young is not None:
        return f"{young} and over"
    return f"up to {old}" if old is not None else "not stated"


FILTERS = {
    "day": day,
    "moment": moment,
    "time_of_day": time_of_day,
    "ago": ago,
    "lasting": lasting,
    "money": money,
    "title_of": title_of,
    "counted": counted,
    "ages": ages,
}
