"""Who and what a setting is, for the top of its page: from the list, else from its provider's words and Ofsted's register."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from placefeed.schema.codelists import local_authority, region_of
from placefeed.service.channels.settings import Whole
from placefeed.service.pages.words import ages, title_of

Json = Mapping[str, Any]


def of(whole: Whole) -> dict[str, Any]:
    """Name, kind, place, provider and contact. A name that nobody may give is “Home of” its provider."""
    register, said = whole.known.get("register", {}), profile(whole)
    provider = whole.known.get("provider", {}).get("name") or _name(said.get("provider")) or register.get("owner")
    kind = title_of(said.get("provisionType") or register.get("provisionType"), "provision-types")
    alone = "Home" if kind in ("Children's home", "") else kind
    name = (
        said.get("name") or register.get("name") or (f"{alone} of {provider}" if provider else f"Setting {whole.urn}")
    )
    place, region = _where(said, register)
    contact = said.get("referralContact")
    return {
        "name": name,
        "kind": kind or "Kind not known",
        "provider": provider,
        "place": place,
        "region": region,
        "sector": title_of(register.get("sector"), "sectors"),
        "contact": _contact(contact, name, whole.urn) if contact else None,
        "simulated": any(listing["provenance"].get("simulated") for listing in whole.listings)
        or any(source.get("simulated") for source in whole.sources),
        "facts": [(what, text) for what, text in _facts(said, register) if text],
        "units": [
            {
                "id": unit["id"],
                "kind": title_of(unit.get("kind"), "unit-kinds"),
                "place": _authority(unit.get("localAuthority")),
                "sector": unit.get("postcodeSector", ""),
                "category": title_of(unit.get("category"), "unit-categories"),
                "places": unit.get("places"),
            }
            for unit in said.get("units", ())
        ],
    }


def profile(whole: Whole) -> dict[str, Any]:
    """What the setting is said to be: as listed, under what its most preferred source says where the visitor reads that."""
    said: dict[str, Any] = dict((whole.shown or {}).get("setting", {}))
    if not said and whole.listings:
        said = dict(whole.listings[0]["setting"])
    rank = {source.get("id"): number for number, source in enumerate(whole.sources)}
    words = [word for word in whole.known.get("words", ()) if word["part"] == "setting"]
    if words:
        said |= min(words, key=lambda word: rank.get(word["source"], len(rank)))["document"]
    return said


def _facts(said: Json, register: Json) -> Iterable[tuple[str, str]]:
    needs = said.get("registeredNeeds") or register.get("registeredNeeds") or ()
    yield "Registered for ages", ages(said["ages"]) if said.get("ages") else ""
    yield "Registered for", ", ".join(title_of(code, "genders") for code in said.get("genders", ()))
    yield "Registered needs", ", ".join(title_of(str(code), "needs") for code in needs)
    yield "Short breaks only", "yes" if said.get("shortBreaksOnly") or register.get("shortBreaksOnly") else ""
    yield "Models of care", ", ".join(title_of(code, "models-of-care") for code in said.get("modelsOfCare", ()))
    yield "Brings", "; ".join(_service(service) for service in said.get("services", ()))
    yield "Registered places (Ofsted)", str(register.get("places") or "")
    yield "Registration (Ofsted)", title_of(register.get("status"), "registration-statuses")


def _service(service: Json) -> str:
    included = service.get("included")
    paid = "" if included is None else ", in the price" if included else ", at a price of its own"
    words = f": {service['title']}" if service.get("title") else ""
    return f"{title_of(service['kind'], 'services')}{words}{paid}"


def _where(said: Json, register: Json) -> tuple[str, str]:
    place = said.get("localAuthority") or register.get("localAuthority")
    if isinstance(place, Mapping):
        code, name = place.get("code", ""), place.get("name", "")
    else:
        code, name = place or "", _authority(place)
    region = _name(said.get("region")) or (region_of(code) and region_of(code).name) or register.get("region")  # type: ignore[union-attr]
    return name or code, str(region or "")


def _authority(code: str | None) -> str:
    place = local_authority(code) if code else None
    return place.name if place else code or ""


def _name(party: Any) -> str:
    return str(party.get("name", "")) if isinstance(party, Mapping) else str(party or "")


def _contact(contact: Json, name: str, urn: str) -> dict[str, Any]:
    email, after = contact.get("email"), contact.get("outOfHours", {})
    subject = quote(f"A place at {name} ({urn})", safe="")
    return {
        "role": title_of(contact.get("role"), "roles"),
        "telephone": contact.get("telephone"),
        "tel": dial(contact.get("telephone")),
        "email": email,
        "mailto": f"mailto:{quote(email, safe='@')}?subject={subject}" if email else None,
        "hours": contact.get("hours"),
        "after": {
            "telephone": after.get("telephone"),
            "tel": dial(after.get("telephone")),
            "hours": after.get("hours"),
        },
    }


def dial(telephone: str | None) -> str:
    """A number as a link dials it; an extension is left to the person."""
    number = (telephone or "").lower().partition("ext")[0].partition("x")[0]
    return "tel:" + "".join(sign for sign in number if sign.isdigit() or sign == "+")
