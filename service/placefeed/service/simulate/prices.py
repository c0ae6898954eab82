"""Prices around known ones: a child's place in a home is about £5,500 a week in 2026 (`domain.md`, 6); lines sum to the price."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from placefeed.adapters.ofsted import OfstedRow

FOSTERING, SUPPORTED, FAMILY = "independent-fostering-agency", "supported-accommodation", "residential-family-centre"

_WEEKLY = {  # median in pounds, and how much it varies (sigma of the logarithm)
    "children-home": (5270, 0.22), SUPPORTED: (1080, 0.35), FOSTERING: (985, 0.12), FAMILY: (4650, 0.18),
    "residential-special-school-childrens-home": (6400, 0.2), "residential-special-school": (3600, 0.25),
    "boarding-school": (780, 0.2), "further-education-college": (460, 0.2), "residential-holiday-scheme": (3300, 0.2),
}  # fmt: skip
_BY_PLACES = {1: 1.75, 2: 1.15}  # a child alone has all the staff to itself
_LINES: Mapping[str, dict[str, float]] = {
    "home": {
        "care-staff": 0.47, "management": 0.1, "accommodation": 0.13, "food": 0.03, "activities": 0.02, "transport": 0.03,
        "training": 0.02, "registration-fees": 0.01, "head-office": 0.09, "return": 0.1,
    },
    SUPPORTED: {"care-staff": 0.42, "accommodation": 0.31, "utilities": 0.05, "management": 0.08, "head-office": 0.06, "return": 0.08},
    FOSTERING: {"carer-fee": 0.55, "management": 0.19, "training": 0.05, "therapy": 0.04, "head-office": 0.08, "return": 0.09},
    "school": {"accommodation": 0.28, "care-staff": 0.34, "education-staff": 0.24, "food": 0.05, "head-office": 0.05, "return": 0.04},
}  # fmt: skip
_SCHOOLS = {"residential-special-school", "boarding-school", "further-education-college"}
_EDUCATION, _THERAPY = 1150, 480  # pounds a week


@dataclass(frozen=True, slots=True)
class Price:
    """What a setting asks for a week, in pounds, and how it sells."""

    weekly: int
    packages: tuple[str, ...]
    contract: str
    buyers: tuple[tuple[str, str], ...] = ()  # to whom a lower price is offered besides


def price_of(row: OfstedRow, rng: Random, *, buyers: tuple[tuple[str, str], ...]) -> Price | None:
    """The price of a setting; None for one that sells no places."""
    if row.provision_type not in _WEEKLY:
        return None
    median, spread = _WEEKLY[row.provision_type]
    factor = _BY_PLACES.get(row.places or 0, 0.92) if row.provision_type == "children-home" else 1.0
    weekly = round(median * factor * rng.lognormvariate(0, spread) / 5) * 5
    packages = ["standard"]
    if row.provision_type == "children-home" and rng.random() < 0.3:
        packages.append(rng.choice(("with-education", "with-therapy", "with-both")))
    contract = rng.choices(("spot", "framework", "cost-and-volume", "block"), weights=(45, 45, 6, 4))[0]
    return Price(weekly, tuple(packages), contract, buyers if buyers and rng.random() < 0.15 else ())


def rates_of(row: OfstedRow, price: Price, *, on: date, said_at: str, rng: Random) -> list[dict[str, Any]]:
    """The rates of a setting, in pence; their included lines sum to the price."""
    year = on.year if (on.month, on.day) >= (4, 1) else on.year - 1
    common: dict[str, Any] = {"asOf": said_at, "validFrom": f"{year}-04-01", "validUntil": f"{year + 1}-03-31"}
    rates = [_rate(row, price, package, rng) | common for package in price.packages]
    if price.buyers:
        lower = {"id": "agreed", "contract": {"type": "framework", "framework": "Invented framework (simulated)"}}
        offered = {
            "offeredTo": {"buyers": [{"scheme": scheme, "id": name} for scheme, name in price.buyers]},
            "sharing": "buyers-only",
        }
        rates.append(_rate(row, price, "standard", rng, share=0.94) | common | lower | offered)
    return rates


def _rate(row: OfstedRow, price: Price, package: str, rng: Random, *, share: float = 1.0) -> dict[str, Any]:
    extra = {
        "education": _EDUCATION * (package in ("with-education", "with-both")),
        "therapy": _THERAPY * (package in ("with-therapy", "with-both")),
    }
    weekly = round(price.weekly * share) + sum(extra.values())
    rate: dict[str, Any] = {
        "id": "core" if package == "standard" else package,
        "package": package,
        "vat": "exempt",
        "offeredTo": "any",
    }
    pence, rate["price"] = _price(row, weekly)
    if rate["price"]["per"] == "year":
        rate["weeksPerYear"] = 38
    rate["lines"] = _lines(row, pence, {name: amount * pence // weekly for name, amount in extra.items() if amount})
    if row.provision_type == "children-home":
        rate["staffingRatio"] = {"staff": 2, "children": rng.choice((1, 2, 3))}
        rate["includes"] = ["food", "pocket-money", "activities", "key-work"]
        rate["terms"] = {"noticeDays": rng.choice((14, 28)), "retainer": "Half price for up to two weeks"}
    rate["contract"] = {"type": price.contract} | (
        {"framework": "Invented framework (simulated)"} if price.contract == "framework" else {}
    )
    if row.provision_type == "children-home" and rng.random() < 0.2:
        health, education = round(pence * 0.12), round(pence * 0.18)
        rate["funding"] = {"carePence": pence - health - education, "healthPence": health, "educationPence": education}
    return rate


def _price(row: OfstedRow, weekly: int) -> tuple[int, dict[str, Any]]:
    """Pence, by the week as a rule; short breaks are sold by the night, schools by the year of 38 weeks."""
    if row.short_breaks_only or row.provision_type == "residential-holiday-scheme":
        pence = round(weekly / 7 / 5) * 500
        return pence, {"pence": pence, "per": "night"}
    if row.provision_type in _SCHOOLS:
        pence = weekly * 38 * 100
        return pence, {"pence": pence, "per": "year"}
    pence = weekly * 100
    return pence, {"pence": pence, "per": "week"} | ({"unit": "placement"} if row.provision_type == FAMILY else {})


def _lines(row: OfstedRow, pence: int, extra: Mapping[str, int]) -> list[dict[str, Any]]:
    shares = (
        _LINES["school"] if row.provision_type in _SCHOOLS else _LINES.get(row.provision_type or "", _LINES["home"])
    )
    left = pence - sum(extra.values())
    lines = {code: round(left * share / 100) * 100 for code, share in shares.items()}
    lines["return"] += left - sum(lines.values())  # what rounding left over
    return [{"code": code, "pence": amount} for code, amount in (*lines.items(), *extra.items())]
