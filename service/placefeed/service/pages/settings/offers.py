"""What each vacancy offers, in words: of listings as a member reads them, and of a provider's own as it said them."""

from collections.abc import Container, Iterable, Mapping
from typing import Any

from placefeed.schema.codelists import codelist
from placefeed.service.pages.words import ages, counted, day, title_of
from placefeed.service.publishing.derive import WHY_NOT

Json = Mapping[str, Any]
Facts = list[tuple[str, str]]
"""Rows of a summary list: what, and what it is."""

UNKNOWN = {
    "stale": "Nobody has confirmed it for some time.",
    "absence-unconfirmed": "The provider’s newest feed leaves it out; nobody has said yet whether that was meant.",
    "guarded": "The provider’s newest feed leaves much out; nobody has said yet whether that was meant.",
    "being-checked": "Time has changed it, and it is being checked now.",
}


def listed(listings: Iterable[Json]) -> list[dict[str, Any]]:
    """Every listing as an offer with a number of this page's own: its id on the exchange is shown nowhere."""
    found = list(listings)
    numbers = {listing["id"]: number for number, listing in enumerate(found, 1)}
    return [
        {
            **offer(listing["vacancy"], listing.get("setting", {})),
            "number": numbers[listing["id"]],
            "available": listing["availability"] == "available",
            "why": UNKNOWN.get(listing.get("availabilityReason", ""), "It is not known whether it still stands."),
            "freshness": listing["freshness"],
            "clocks": listing["clocks"],
            "provenance": listing["provenance"],
            "unit": unit(listing.get("unit", {})),
            "shares": sorted(
                numbers[other] for other in listing["vacancy"].get("sharesPlacesWith", ()) if other in numbers
            ),
            "shares_places": bool(listing["vacancy"].get("sharesPlacesWith")),
        }
        for listing in found
    ]


def own(
    words: Iterable[Json], explanation: Iterable[Json], doubtful: Container[tuple[str, str]] = ()
) -> list[dict[str, Any]]:
    """A provider's vacancies as its sources said them, with their ids and whether they are listed, and as free or not known."""
    reasons = {(each["source"], each["vacancy"]): each for each in explanation}
    found = []
    for number, word in enumerate((word for word in words if word["part"] == "vacancy"), 1):
        told = reasons.get((word["source"], word.get("item", "")))
        found.append(
            {
                **offer(word["document"]),
                "number": number,
                "item": word.get("item", ""),
                "available": bool(told and told["listed"]),
                "doubtful": (word["source"], word.get("item", "")) in doubtful,
                "why_not": why_not(told["why"]) if told else ["It has not been published yet."],
                "clocks": {"asOf": word["statedAt"], "attestedAt": word["asOf"]},
                "unit": Facts() if not word["document"].get("unit") else [("Unit", word["document"]["unit"])],
            }
        )
    return found


def why_not(codes: Iterable[str]) -> list[str]:
    """Why a vacancy is not listed, in sentences."""
    return [WHY_NOT.get(code, code.replace("-", " ")) for code in codes]


def offer(vacancy: Json, setting: Json | None = None) -> dict[str, Any]:
    """What a vacancy offers; what it leaves out and its setting says is taken from there."""
    whom = setting or {}
    until = f" to {day(vacancy['until'])}" if vacancy.get("until") else ""
    facts: Facts = [
        ("When", f"From {day(vacancy['from'])}{until}"),
        ("Ages", ages(vacancy.get("ages") or whom.get("ages"))),
        ("Genders", _titles(vacancy.get("genders") or whom.get("genders"), "genders")),
        ("Lives with", title_of(vacancy.get("cared"), "cared-for") or "not stated"),
        ("Kinds of stay", _titles(vacancy.get("placementTypes"), "placement-types")),
        ("Answer to a referral", title_of(vacancy.get("response"), "response-bands") or "not stated"),
    ]
    facts += [(name, text) for name, text in _seldom(vacancy) if text]
    return {
        "places": vacancy["places"],
        "facts": facts,
        "suits": [
            _three("Needs", vacancy.get("needs", {}), "support-needs"),
            _three("Risks", vacancy.get("risks", {}), "risks"),
        ],
        "notes": vacancy.get("notes"),
    }


def unit(document: Json) -> Facts:
    """What a reader is told of the unit: where and what it is, never its provider's id for it."""
    place = document.get("localAuthority", {})
    found = [
        ("Kind of unit", title_of(document.get("kind"), "unit-kinds")),
        ("Local authority of the unit", place.get("name") or place.get("code") or ""),
        ("Category", title_of(document.get("category"), "unit-categories")),
        ("About where", document.get("postcodeSector") or ""),
    ]
    return [(name, text) for name, text in found if text]


def _three(title: str, said: Json, name: str) -> dict[str, Any]:
    """Accepted, excluded and not stated are three different things."""
    accepted, excluded = said.get("accepted", []), said.get("excluded", [])
    silent = [code for code in codelist(name).codes if code not in accepted and code not in excluded]
    return {
        "title": title,
        "accepted": [title_of(code, name) for code in accepted],
        "excluded": [title_of(code, name) for code in excluded],
        "silent": [title_of(code, name) for code in silent],
    }


def _seldom(vacancy: Json) -> Facts:
    family, nights, staff = vacancy.get("family", {}), vacancy.get("nights", {}), vacancy.get("staffingRatio")
    return [
        ("Brothers and sisters", f"up to {vacancy['siblings']['max']} together" if vacancy.get("siblings") else ""),
        ("Parent and child", "yes" if vacancy.get("parentAndChild") else ""),
        ("Family", _family(family)),
        ("Nights", _nights(nights)),
        ("Weeks a year", str(vacancy.get("weeksPerYear") or "")),
        ("Staffing by day", ratio(staff)),
        ("Ways of communicating", _titles(vacancy.get("communication"), "communication", "")),
        ("Adaptations", _titles(vacancy.get("adaptations"), "adaptations", "")),
    ]


def ratio(staff: Json | None) -> str:
    """“2 staff to 1 child”."""
    if not staff:
        return ""
    return f"{staff['staff']:g} staff to {counted(staff['children'], 'child', 'children')}"


def _family(family: Json) -> str:
    parts = [
        f"up to {counted(family['parents'], 'parent')}" if "parents" in family else "",
        f"up to {counted(family['children'], 'child', 'children')}" if "children" in family else "",
        f"parents aged {ages(family['parentAges'])}" if family.get("parentAges") else "",
    ]
    return ", ".join(part for part in parts if part)


def _nights(nights: Json) -> str:
    parts = [
        _titles(nights.get("days"), "weekdays", ""),
        f"at least {counted(nights['min'], 'night')}" if "min" in nights else "",
        f"at most {counted(nights['max'], 'night')}" if "max" in nights else "",
    ]
    return "; ".join(part for part in parts if part)


def _titles(codes: Iterable[str] | None, name: str, otherwise: str = "not stated") -> str:
    return ", ".join(title_of(code, name) for code in codes or ()) or otherwise
