"""A listing as a row of the page shows it: its document in words, for this reader, with what a commissioner asks first."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from placefeed.schema.codelists import codelist
from placefeed.service.channels import near
from placefeed.service.channels.index import Selected
from placefeed.service.channels.rows import Row
from placefeed.service.pages.words import ages, counted, money, title_of
from placefeed.service.publishing.sight import View

REASONS = {
    "stale": "Nobody has confirmed it lately.",
    "absence-unconfirmed": "It was missing from the provider’s last feed.",
    "guarded": "Much was missing from the provider’s last feed.",
    "being-checked": "Time has changed it; it is being checked again.",
}
CONFIRMATIONS = {
    "confirmed": "Ofsted’s register confirms it",
    "disputed": "Disputed: the provider says otherwise, the register’s grade is shown",
    "newer-than-register": "Newer than the register: the provider’s word",
    "not-on-register": "Not on Ofsted’s newest register",
    "unverified": "Not checked: no register of Ofsted’s has it yet",
}
PLUS_VAT = ("standard", "reduced")


@dataclass(frozen=True, slots=True)
class Reading:
    """For whom rows are drawn: what they may see, what their policy hides, where they look from, and which rates they ask for."""

    view: View
    hidden: frozenset[str] = frozenset()
    point: near.Point | None = None
    packages: Collection[str] = ()
    contracts: Collection[str] = ()


def shown(items: Iterable[Selected], reading: Reading) -> list[dict[str, Any]]:
    """Rows of a page. Only these are read from their stored bytes."""
    return [one(row, reading, overdue=overdue) for _key, row, overdue in items]


def one(row: Row, reading: Reading, *, overdue: bool) -> dict[str, Any]:
    """One row."""
    document = orjson.loads(row.fragment(reading.view, overdue=overdue))
    setting, vacancy, clocks = document["setting"], document["vacancy"], document["clocks"]
    miles = near.miles(row.facts, reading.point) if reading.point else None
    contact = setting.get("referralContact", {})
    return {
        "id": document["id"],
        "urn": document["urn"],
        "name": setting.get("name") or f"{title_of(setting['provisionType'], 'provision-types')} {document['urn']}",
        "kind": title_of(setting["provisionType"], "provision-types"),
        "provider": setting.get("provider", {}).get("name"),
        "where": where(document),
        "miles": None if miles is None else "less than a mile" if miles < 1 else counted(round(miles), "mile"),
        "simulated": bool(document["provenance"].get("simulated")),
        "available": document["availability"] == "available",
        "why": REASONS.get(document.get("availabilityReason", ""), "Nobody has confirmed it lately."),
        "since": clocks.get("unknownSince"),
        "ages": ages(vacancy.get("ages") or setting.get("ages")),
        "genders": genders(vacancy.get("genders") or setting.get("genders")),
        "accepted": titles(vacancy, "accepted"),
        "excluded": titles(vacancy, "excluded"),
        "cared": title_of(vacancy.get("cared"), "cared-for"),
        "types": [title_of(code, "placement-types") for code in vacancy.get("placementTypes", ())],
        "response": title_of(vacancy.get("response"), "response-bands"),
        "places": vacancy["places"],
        "from": vacancy["from"],
        "until": vacancy.get("until"),
        "shares": len(vacancy.get("sharesPlacesWith", ())),
        "short_breaks": bool(setting.get("shortBreaksOnly")),
        "notes": vacancy.get("notes"),
        "price": price(document["rates"], reading),
        "grades": grades(document["ofsted"], reading.hidden),
        "warned": is_hidden(document["ofsted"], reading.hidden),
        "confirmation": _confirmation(document["ofsted"]),
        "register_as_at": document["ofsted"].get("registerAsAt"),
        "restrictions": [
            title_of(each["kind"], "restriction-kinds") for each in document["ofsted"].get("restrictions", ())
        ],
        "said_at": clocks.get("attestedAt") or clocks["asOf"],
        "freshness": title_of(document["freshness"], "freshness"),
        "publisher": document["provenance"]["publisher"],
        "source": document["provenance"]["source"],
        "via": document["provenance"].get("via"),
        "contact": contact,
        "out_of_hours": contact.get("outOfHours", {}),
        "document": document,
    }


def _confirmation(ofsted: Mapping[str, Any]) -> str:
    """Whether Ofsted's register says so too; where there is no grade, there is nothing to confirm."""
    if ofsted["status"] == "confirmed" and not ofsted.get("judgements"):
        return "None on Ofsted’s register"
    return CONFIRMATIONS.get(ofsted["status"], str(ofsted["status"]))


def where(document: Mapping[str, Any]) -> str:
    """The local authority and the region."""
    setting = document["setting"]
    names = [setting.get(part, {}).get("name") for part in ("localAuthority", "region")]
    return ", ".join(dict.fromkeys(name for name in names if name)) or "Place not stated"


def genders(codes: Iterable[str] | None) -> str:
    """Whom it suits."""
    return ", ".join(title_of(code, "genders") for code in codes or ()) or "gender not stated"


def titles(vacancy: Mapping[str, Any], which: str) -> list[str]:
    """Needs and risks that are accepted or excluded, in words."""
    return [
        *(title_of(code, "support-needs") for code in vacancy.get("needs", {}).get(which, ())),
        *(title_of(code, "risks") for code in vacancy.get("risks", {}).get(which, ())),
    ]


def price(rates: Iterable[Mapping[str, Any]], reading: Reading) -> dict[str, Any] | None:
    """The lowest weekly price that this reader may have (of the packages and contracts asked for); None: on request."""
    fitting = [rate for rate in rates if _fits(rate, reading)]
    weekly = [rate for rate in fitting if rate.get("weeklyEquivalentPence") is not None]
    if weekly:
        rate = min(weekly, key=lambda each: int(each["weeklyEquivalentPence"]))
        amount = f"{money(rate['weeklyEquivalentPence'])} a week"
    elif fitting:
        rate = fitting[0]
        amount = f"{money(rate['price']['pence'])} {title_of(rate['price']['per'], 'price-periods').lower()}"
    else:
        return None
    return {
        "rate": rate,
        "amount": amount,
        "package": title_of(rate.get("package"), "packages"),
        "contract": title_of(rate.get("contract", {}).get("type"), "contract-types"),
        "vat": rate.get("vat") in PLUS_VAT,
        "yours": rate.get("offeredTo") != "any",
        "others": len(fitting) - 1,
    }


def _fits(rate: Mapping[str, Any], reading: Reading) -> bool:
    package, contract = rate.get("package"), rate.get("contract", {}).get("type")
    return (not reading.packages or package in reading.packages) and (
        not reading.contracts or contract in reading.contracts
    )


def grades(ofsted: Mapping[str, Any], hidden: frozenset[str]) -> list[dict[str, Any]]:
    """The overall grades in words, with their date, the newest first; and of the other aspects those that the policy hides."""
    return [
        {
            "title": title_of_judgement(judgement["framework"], judgement["code"]),
            "aspect": "" if judgement["aspect"] == "overall" else title_of(judgement["aspect"], "aspects"),
            "on": judgement["inspectedOn"],
            "hidden": name_of(judgement) in hidden,
        }
        for judgement in sorted(ofsted["judgements"], key=lambda each: str(each["inspectedOn"]), reverse=True)
        if judgement["aspect"] == "overall" or name_of(judgement) in hidden
    ]


def is_hidden(ofsted: Mapping[str, Any], hidden: frozenset[str]) -> bool:
    """Whether the reader's organisation hides a grade like one of these."""
    return any(name_of(judgement) in hidden for judgement in ofsted["judgements"])


def name_of(judgement: Mapping[str, Any]) -> str:
    """A judgement as the API writes it."""
    aspect = "" if judgement["aspect"] == "overall" else f"/{judgement['aspect']}"
    return f"{judgement['framework']}{aspect}:{judgement['code']}"


def title_of_judgement(framework: str, code: str) -> str:
    """A grade in words."""
    for row in codelist("judgements").rows:
        if (row["framework"], row["code"]) == (framework, code):
            return row["title"]
    return code
