"""Counts of places now, and over the last ninety days: for a setting's own provider and the operator, never for members."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from placefeed.service.channels.counts import OverTime
from placefeed.service.pages.charts import Chart, steps
from placefeed.service.pages.words import counted, day, title_of
from placefeed.service.publishing.pools import available_places

Json = Mapping[str, Any]

LONG = timedelta(days=90)


def now_of(words: Iterable[Json], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each count that stands, as a row."""
    return [_row(word, names) for word in words if word["part"] == "capacity"]


def _row(word: Json, names: Mapping[str, str]) -> dict[str, Any]:
    document = word["document"]
    closed = document.get("unavailable")
    accepting = document.get("acceptingReferrals")
    reason = title_of(document.get("notAcceptingReason"), "not-accepting-reasons").lower()
    return {
        "unit": word.get("item") or "All of it",
        "registered": _number(document.get("registered")),
        "occupied": _number(document.get("occupied")),
        "reserved": _number(document.get("reserved")),
        "unavailable": "not stated" if closed is None else str(sum(each["places"] for each in closed)),
        "reasons": [
            f"{each['places']}: {title_of(each['reason'], 'unavailable-reasons').lower()}"
            + (f", until {day(each['until'])}" if each.get("until") else "")
            for each in closed or ()
        ],
        "available": _number(available_places(document)),
        "accepting": "not stated"
        if accepting is None
        else "yes"
        if accepting
        else f"no{f' ({reason})' if reason else ''}",
        "expected": [
            f"{counted(each['places'], 'place')} from {day(each['from'])}"
            + (f" to {day(each['until'])}" if each.get("until") else "")
            for each in document.get("expected", ())
        ],
        "as_of": word["asOf"],
        "source": names.get(word["source"], word["source"]),
    }


def _number(value: int | None) -> str:
    return "not stated" if value is None else f"{value:,}"


def over_time(counts: OverTime | None, words: Iterable[Json], now: datetime) -> list[Chart]:
    """Occupied and available places of the last ninety days, as steps."""
    if counts is None:
        return []
    registered = [
        word["document"].get("registered") for word in words if word["part"] == "capacity" and not word.get("item")
    ]
    limit = (registered[0], "Registered") if len(registered) == 1 and registered[0] else None
    return [
        steps(
            f"{name}-over-time",
            f"{name.capitalize()} places, last 90 days",
            series,
            since=now - LONG,
            until=now,
            limit=limit,
        )
        for name, series in (("available", counts.available), ("occupied", counts.occupied))
    ]
