"""What was said of a setting, each word in a sentence: for its own provider and the operator."""

from collections.abc import Iterable, Mapping
from typing import Any

from placefeed.service.pages.settings.prices import PER
from placefeed.service.pages.words import counted, day, money, title_of

Json = Mapping[str, Any]

_PARTS = {
    "setting": "who and what it is",
    "capacity": "counts of places",
    "vacancy": "vacancy",
    "rate": "price",
    "ofsted": "Ofsted status",
}


def told(items: Iterable[Json], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Observations as rows: when it was so, what was said, by whom, when it came. `names`: of the sources by id."""
    return [
        {
            "id": item["id"],
            "as_of": item["asOf"],
            "received": item["receivedAt"],
            "source": names.get(item["source"], item["source"]),
            "submission": item.get("submission"),
            "text": sentence(item),
        }
        for item in items
    ]


def sentence(item: Json) -> str:
    """One observation in plain words."""
    part = _PARTS.get(item["part"]) or str(item["part"])
    what = f"{part.capitalize()} “{item['item']}”" if item.get("item") else part.capitalize()
    if item["kind"] == "withdrawn":
        return f"{what}: withdrawn."
    if item["kind"] == "attested":
        return f"{what}: confirmed, nothing changed."
    late = " This came after newer words, and did not replace them." if item["kind"] == "superseded" else ""
    return f"{what}: {_said(item['part'], item.get('document') or {})}.{late}"


def _said(part: str, document: Json) -> str:
    if part == "capacity":
        return counts(document)
    if part == "vacancy":
        until = f" to {day(document['until'])}" if document.get("until") else ""
        return f"{counted(document.get('places', 0), 'place')} offered from {day(document.get('from'))}{until}"
    if part == "rate":
        price = document.get("price", {})
        title = f"“{document['title']}” " if document.get("title") else ""
        return f"{title}{money(price.get('pence'))} {PER.get(price.get('per'), '')}".strip()
    if part == "ofsted":
        status = title_of(document.get("registrationStatus"), "registration-statuses").lower()
        held = counted(len(document.get("inspections", ())), "inspection")
        return ", ".join(text for text in (status, f"{held} declared") if text)
    return document.get("name") or "stated"


def counts(document: Json) -> str:
    """“3 occupied, 0 reserved, 1 available, 4 registered; accepting referrals”; what was not said is left out."""
    parts = [
        f"{document[name]} {name}" for name in ("occupied", "reserved", "available", "registered") if name in document
    ]
    closed = sum(each["places"] for each in document.get("unavailable", ()))
    if closed:
        parts.insert(min(2, len(parts)), f"{closed} unavailable")
    accepting = document.get("acceptingReferrals")
    told = ", ".join(parts) or "no number stated"
    return told if accepting is None else f"{told}; {'accepting' if accepting else 'not accepting'} referrals"
