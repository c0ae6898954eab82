"""What a price comes to a week and a year: the standard's stated rule, in one place.

week: as it stands. night: times seven. hour: times `hoursPerWeek`. year: divided by `weeksPerYear` if given, else
times 7/365. once: none. Halves of a penny are rounded up.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

WEEKS_IN_YEAR = Decimal(365) / 7


def weekly_equivalent(rate: Mapping[str, Any]) -> int | None:
    """Pence for a week in which the place is used, or None where the price has no such meaning."""
    price = rate["price"]
    pence = price["pence"]
    match price["per"]:
        case "week":
            return int(pence)
        case "night":
            return int(pence * 7)
        case "hour":
            hours = rate.get("hoursPerWeek")
            return None if hours is None else _whole(Decimal(pence) * Decimal(str(hours)))
        case "year":
            weeks = rate.get("weeksPerYear")
            return _whole(Decimal(pence) / (Decimal(str(weeks)) if weeks else WEEKS_IN_YEAR))
        case _:
            return None


def annual_equivalent(rate: Mapping[str, Any]) -> int | None:
    """Pence for a year: the weekly equivalent over the weeks that the place runs (365/7 when not said)."""
    if rate["price"]["per"] == "year":
        return int(rate["price"]["pence"])
    weekly = weekly_equivalent(rate)
    if weekly is None:
        return None
    weeks = rate.get("weeksPerYear")
    return _whole(Decimal(weekly) * (Decimal(str(weeks)) if weeks else WEEKS_IN_YEAR))


def _whole(pence: Decimal) -> int:
    return int(pence.quantize(Decimal(1), rounding=ROUND_HALF_UP))
