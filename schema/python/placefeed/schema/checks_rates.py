"""Rules over prices: that their lines and shares sum, and that they are what they seem."""

from itertools import pairwise

from placefeed.schema.prices import weekly_equivalent
from placefeed.schema.ruleset import NOTHING, Found, Now, Part, reversed_days, rule
from placefeed.schema.texts import holds_postcode

LEAST_A_WEEK = 10_000
MOST_A_WEEK = 10_000_000
"""Pence: a week for less than £100 or more than £100,000 is more likely a slip than a price."""


def _pounds(pence: int) -> str:
    return f"£{pence // 100:,}.{pence % 100:02}"


@rule("hours-needed", "rate", needs="price")
def _hours_needed(part: Part, _record: Part, _now: Now) -> Found:
    return [("/price", "")] if part["price"]["per"] == "hour" and "hoursPerWeek" not in part else NOTHING


@rule("lines-do-not-sum", "rate", needs="lines")
def _lines_do_not_sum(part: Part, _record: Part, _now: Now) -> Found:
    included = [line["pence"] for line in part["lines"] if line.get("included", True)]
    total, price = sum(included), part["price"]["pence"]
    if total == price or not included:
        return NOTHING
    return [("/lines", f"The included lines come to {_pounds(total)}, the price is {_pounds(price)}.")]


@rule("funding-does-not-sum", "rate", needs="funding")
def _funding_does_not_sum(part: Part, _record: Part, _now: Now) -> Found:
    funding = part["funding"]
    total, price = sum(funding.values()), part["price"]["pence"]
    if total == price or (total < price and len(funding) < 3):  # a share that is not said is unknown, not nought
        return NOTHING
    return [("/funding", f"The shares come to {_pounds(total)}, the price is {_pounds(price)}.")]


@rule("price-improbable", "rate", needs="price")
def _price_improbable(part: Part, _record: Part, _now: Now) -> Found:
    weekly = weekly_equivalent(part)
    if weekly is None or LEAST_A_WEEK <= weekly <= MOST_A_WEEK or part["price"].get("unit") == "block":
        return NOTHING
    return [("/price/pence", f"The price comes to {_pounds(weekly)} a week.")]


@rule("tiers-out-of-order", "rate", needs="tiers")
def _tiers_out_of_order(part: Part, _record: Part, _now: Now) -> Found:
    steps = [tier["fromPlaces"] for tier in part["tiers"]]
    return [("/tiers", "")] if any(later <= earlier for earlier, later in pairwise(steps)) else NOTHING


@rule("offered-to-nobody", "rate", needs="offeredTo")
def _offered_to_nobody(part: Part, _record: Part, _now: Now) -> Found:
    offered = part["offeredTo"]
    nobody = offered != "any" and not offered.get("buyers") and not offered.get("agreements")
    return [("/offeredTo", "")] if nobody else NOTHING


@rule("dates-reversed", "rate", needs="validUntil")
def _rate_reversed(part: Part, _record: Part, _now: Now) -> Found:
    return reversed_days("/validUntil", part["validFrom"], part["validUntil"])


@rule("address-in-text", "rate", needs="title")
def _address_in_title(part: Part, _record: Part, _now: Now) -> Found:
    return [("/title", "")] if holds_postcode(part["title"]) else NOTHING


@rule("address-in-text", "rate", needs="lines")
def _address_in_lines(part: Part, _record: Part, _now: Now) -> Found:
    titles = [(index, line["title"]) for index, line in enumerate(part["lines"]) if "title" in line]
    return [(f"/lines/{index}/title", "") for index, title in titles if holds_postcode(title)]


@rule("address-in-text", "rate", needs="terms")
def _address_in_terms(part: Part, _record: Part, _now: Now) -> Found:
    texts = [(name, text) for name, text in part["terms"].items() if isinstance(text, str)]
    return [(f"/terms/{name}", "") for name, text in texts if holds_postcode(text)]
