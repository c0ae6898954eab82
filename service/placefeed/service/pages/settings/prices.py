"""Every price that this visitor may see, line by line, with what it comes to a week, and beside it what like settings cost."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from placefeed.schema.prices import annual_equivalent, weekly_equivalent
from placefeed.service.channels.prices import LARGEST_SHARE, LEAST_OWNERS, PLACE, Typical
from placefeed.service.pages.charts import Bar, bars
from placefeed.service.pages.settings.offers import ratio
from placefeed.service.pages.words import counted, day, money, title_of

Json = Mapping[str, Any]

PER = {"night": "a night", "week": "a week", "hour": "an hour", "year": "a year", "once": "once"}
PLUS = {"standard": "plus VAT", "reduced": "plus VAT at the reduced rate"}


def of_listings(listings: Iterable[Json]) -> list[tuple[Json, list[int]]]:
    """Each rate of these listings once, with the numbers of the offers that have it."""
    found: dict[bytes, tuple[Json, list[int]]] = {}
    for number, listing in enumerate(listings, 1):
        for rate in listing["rates"]:
            found.setdefault(orjson.dumps(rate, option=orjson.OPT_SORT_KEYS), (rate, []))[1].append(number)
    return list(found.values())


def of_words(words: Iterable[Json]) -> list[tuple[Json, list[int]]]:
    """Each rate of a provider's own words."""
    return [(word["document"], []) for word in words if word["part"] == "rate"]


def shown(
    rates: Iterable[tuple[Json, list[int]]], typical: Mapping[str, Typical] | None = None, *, own: bool = False
) -> list[dict[str, Any]]:
    """The prices as the page shows them. `typical`: the medians, where the visitor may have them. `own`: told to whom it is offered."""
    return [_price(rate, offers, number, typical, own=own) for number, (rate, offers) in enumerate(rates, 1)]


def _price(
    rate: Json, offers: list[int], number: int, typical: Mapping[str, Typical] | None, *, own: bool
) -> dict[str, Any]:
    weekly, price = weekly_equivalent(rate), rate["price"]
    package = rate.get("package")
    title = rate.get("title") or title_of(package, "packages") or f"Price {number}"
    lines = [_line(rate, line) for line in rate.get("lines", ())]
    comparable = package if price.get("unit", PLACE) == PLACE else None
    return {
        "number": number,
        "title": title,
        "offers": offers,
        "amount": f"{money(price['pence'])} {PER.get(price['per'], price['per'])}",
        "weekly": weekly,
        "annual": annual_equivalent(rate),
        "lines": [line for line in lines if line["included"]],
        "extras": [line for line in lines if not line["included"]],
        "chart": _chart(number, title, lines) if lines else None,
        "facts": [(name, text) for name, text in _facts(rate, own=own) if text],
        "package": title_of(package, "packages"),
        "typical": typical.get(comparable) if typical is not None and comparable is not None else None,
        "compared": typical is not None,
    }


def _line(rate: Json, line: Json) -> dict[str, Any]:
    code = title_of(line["code"], "cost-lines")
    pence, whole = int(line["pence"]), int(rate["price"]["pence"])
    return {
        "title": f"{line['title']} ({code.lower()})" if line.get("title") else code,
        "pence": pence,
        "weekly": weekly_equivalent({**rate, "price": {**rate["price"], "pence": pence}}),
        "share": f"{pence / whole:.0%}" if whole else "",
        "included": line.get("included", True),
    }


def _chart(number: int, title: str, lines: list[dict[str, Any]]) -> Any:
    items = []
    for line in lines:
        amount = line["pence"] if line["weekly"] is None else line["weekly"]
        told = money(amount, whole=True) + (f" ({line['share']})" if line["included"] and line["share"] else "")
        items.append(
            Bar(line["title"] if line["included"] else f"Extra: {line['title']}", amount, told, not line["included"])
        )
    weekly = all(line["weekly"] is not None for line in lines)
    return bars(
        f"price-{number}",
        f"What “{title}” is made of{', a week' if weekly else ''}",
        items,
        columns=("Line", "A week (share of the price)" if weekly else "Amount (share of the price)"),
    )


def _facts(rate: Json, *, own: bool) -> Iterable[tuple[str, str]]:
    price, terms, funding, contract = (
        rate["price"],
        rate.get("terms", {}),
        rate.get("funding", {}),
        rate.get("contract", {}),
    )
    unit = price.get("unit", "place")
    yield "For", "" if unit == "place" else title_of(unit, "price-units")
    yield "Package", title_of(rate.get("package"), "packages") or "not stated"
    yield "Staffing by day", ratio(rate.get("staffingRatio"))
    yield "Hours a week", f"{rate['hoursPerWeek']:g}" if "hoursPerWeek" in rate else ""
    yield "Weeks a year", f"{rate['weeksPerYear']:g}" if "weeksPerYear" in rate else ""
    yield "VAT", title_of(rate.get("vat"), "vat")
    yield "Includes", ", ".join(title_of(code, "includes") for code in rate.get("includes", ()))
    yield (
        "Who pays what",
        ", ".join(
            f"{name} {money(funding[key])}"
            for key, name in (("carePence", "social care"), ("healthPence", "health"), ("educationPence", "education"))
            if key in funding
        ),
    )
    yield (
        "For more places",
        "; ".join(
            f"from {counted(tier['fromPlaces'], 'place')} {money(tier['pence'])} each" for tier in rate.get("tiers", ())
        ),
    )
    yield (
        "Contract",
        ", ".join(
            part for part in (title_of(contract.get("type"), "contract-types"), contract.get("framework")) if part
        ),
    )
    until = f" to {day(rate['validUntil'])}" if rate.get("validUntil") else ", no last day"
    yield "Valid", f"From {day(rate.get('validFrom'))}{until}"
    yield "Retainer", terms.get("retainer", "")
    yield "Void", terms.get("void", "")
    yield "Notice", counted(terms["noticeDays"], "day") if "noticeDays" in terms else ""
    yield "Uplift", terms.get("uplift", "")
    yield "Offered to", offered_to(rate, own=own)


def offered_to(rate: Json, *, own: bool) -> str:
    """Whom a rate is offered to: by name only where the visitor says it, or runs the exchange."""
    offered = rate.get("offeredTo")
    if offered == "any":
        return "Any buyer" if rate.get("sharing") != "buyers-only" else "Any buyer, not to be passed on"
    if not own or not isinstance(offered, Mapping):
        return "You: do not pass it on"
    buyers = [f"{buyer['scheme']} {buyer['id']}" for buyer in offered.get("buyers", ())]
    return ", ".join([*buyers, *(f"agreement {agreement}" for agreement in offered.get("agreements", ()))]) or "Nobody"


def rule() -> str:
    """When there is a median at all, in words."""
    return (
        f"There is a figure when at least {LEAST_OWNERS} owners have a price that you may see, "
        f"and none of them has more than {LARGEST_SHARE.numerator} in {LARGEST_SHARE.denominator} of the settings."
    )
