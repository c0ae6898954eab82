"""One listing: the document that members read, and the flat facts that filters ask."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from placefeed.adapters.federation import origin_of
from placefeed.schema.codelists import local_authority, region_of
from placefeed.schema.prices import weekly_equivalent
from placefeed.service.clock import iso
from placefeed.service.publishing.federation import provenance, stated_at
from placefeed.service.publishing.freshness import Freshness
from placefeed.service.publishing.inputs import Known, Speaker, Word
from placefeed.service.publishing.moment import Moment, OfferKey
from placefeed.service.publishing.pools import Pools, available_places
from placefeed.service.publishing.rates import shown_rate
from placefeed.service.publishing.sight import flat_offer
from placefeed.service.register.reconcile import Reconciled

LEFT_OUT_OF_VACANCIES = {"id", "asOf", "unit", "rates", "uses", "extensions", "places"}
SHOWN_OF_SETTINGS = (
    "name",
    "shortBreaksOnly",
    "ages",
    "genders",
    "modelsOfCare",
    "services",
    "registeredNeeds",
    "referralContact",
)


@dataclass(slots=True)
class Drawn:
    """One listing as it should stand now. `body` has no restricted rates; `restricted` has them with `offeredTo`."""

    key: OfferKey
    id: str
    body: dict[str, Any]
    restricted: list[dict[str, Any]]
    facts: dict[str, Any]
    audiences: frozenset[str]
    changes_at: datetime | None


def draw(
    known: Known,
    word: Word,
    age: Freshness,
    speaker: Speaker,
    profile: Mapping[str, Any],
    ofsted: Reconciled,
    ofsted_shown: dict[str, Any],
    rates: list[dict[str, Any]],
    pools: Pools,
    moment: Moment,
    audiences: frozenset[str],
) -> Drawn:
    """The listing document of one vacancy, and the facts that filters ask."""
    key = (word.source_id, word.item, word.offer)
    listing_id = moment.id_of(key)
    origin = origin_of(word.document) if speaker.exchange is not None else {}
    unit = origin.get("unit") or pools.in_unit(word)
    reason = "stale" if age.state == "stale" else "absence-unconfirmed" if word.source_id in known.waiting else origin.get("unknown")  # fmt: skip
    since = stated_at(word, speaker)

    setting = setting_document(known, profile, (unit or {}).get("localAuthority"))
    vacancy = {name: value for name, value in word.document.items() if name not in LEFT_OUT_OF_VACANCIES}
    vacancy["places"] = pools.places(word, moment.today)
    open_rates: list[dict[str, Any]] = []
    restricted: list[dict[str, Any]] = []
    for rate in rates:
        offered, shown = flat_offer(rate["offeredTo"]), shown_rate(rate)
        if offered == "any":
            open_rates.append(shown)
        else:
            restricted.append({"offeredTo": offered, "rate": shown})
    clocks: dict[str, Any] = {
        "asOf": iso(since),
        "publishedAt": iso(moment.first_published.get(listing_id, moment.now)),
        "leavesAt": iso(age.leaves_at),
    }
    if word.as_of != since:
        clocks["attestedAt"] = iso(word.as_of)
    if reason == "stale":
        clocks["unknownSince"] = iso(age.unknown_from)

    body: dict[str, Any] = {
        "id": listing_id,
        "urn": known.urn,
        "url": f"/v1/listings/{listing_id}",
        "availability": "unknown" if reason else "available",
        "freshness": age.state,
        "setting": setting,
        "vacancy": vacancy,
        "rates": open_rates,
        "ofsted": ofsted_shown,
        "clocks": clocks,
        "provenance": provenance(word, speaker),
    }
    if reason:
        body["availabilityReason"] = reason
    if unit is not None:
        body["unit"] = {
            name: unit[name] for name in ("kind", "postcodeSector", "category") if unit.get(name) is not None
        }
        if "localAuthority" in setting:
            body["unit"]["localAuthority"] = setting["localAuthority"]
    at = known.sectors.get((unit or {}).get("postcodeSector", ""))
    return Drawn(key, listing_id, body, restricted, facts_of(body, rates, ofsted, word, at), audiences, None)


def setting_document(known: Known, profile: Mapping[str, Any], authority: str | None = None) -> dict[str, Any]:
    """What readers see of a setting itself. `authority`: a unit's own, where it stands elsewhere."""
    setting: dict[str, Any] = {name: profile[name] for name in SHOWN_OF_SETTINGS if profile.get(name) is not None}
    setting["provisionType"] = profile.get("provisionType")
    if known.provider is not None:
        setting["provider"] = {"id": known.provider.id, "name": known.provider.name}
    elif profile.get("provider"):  # another exchange's: its number there means nothing here
        setting["provider"] = {"name": profile["provider"]["name"]}
    place = local_authority(authority or profile.get("localAuthority") or "")
    region = (place and region_of(place.code)) or profile.get("region")
    if place is not None:
        setting["localAuthority"] = {"code": place.code, "name": place.name}
    if region is not None:
        setting["region"] = (
            {"code": region.code, "name": region.name} if hasattr(region, "code") else {"name": str(region)}
        )
    return setting


def facts_of(
    body: Mapping[str, Any],
    rates: Iterable[Mapping[str, Any]],
    ofsted: Reconciled,
    word: Word,
    at: list[float] | None = None,
) -> dict[str, Any]:
    """What filters may ask of a listing, flat; the same on every channel (see channels/query). `at`: the middle of its postcode sector."""
    setting, vacancy = body["setting"], body["vacancy"]
    ages = vacancy.get("ages") or setting.get("ages") or {}
    needs, risks = vacancy.get("needs", {}), vacancy.get("risks", {})
    text = " ".join(
        str(part)
        for part in (
            body["urn"],
            setting.get("name", ""),
            setting.get("provider", {}).get("name", ""),
            setting.get("localAuthority", {}).get("name", ""),
            vacancy.get("notes", ""),
        )
    )
    return {
        "urn": body["urn"],
        "la": setting.get("localAuthority", {}).get("code"),
        "region": setting.get("region", {}).get("code"),
        "provisionType": setting.get("provisionType"),
        "provider": setting.get("provider", {}).get("id"),
        "providerName": setting.get("provider", {}).get("name"),
        "name": setting.get("name"),
        "ages": [ages.get("from"), ages.get("to")],
        "genders": vacancy.get("genders") or setting.get("genders") or [],
        "needsAccepted": needs.get("accepted", []),
        "needsExcluded": needs.get("excluded", []),
        "risksAccepted": risks.get("accepted", []),
        "risksExcluded": risks.get("excluded", []),
        "communication": vacancy.get("communication", []),
        "adaptations": vacancy.get("adaptations", []),
        "cared": vacancy.get("cared"),
        "placementTypes": vacancy.get("placementTypes", []),
        "response": vacancy.get("response"),
        "places": vacancy["places"],
        "from": vacancy["from"],
        "until": vacancy.get("until"),
        "judgements": [[judgement.framework, judgement.aspect, judgement.code] for judgement in ofsted.effective],
        "ofstedStatus": ofsted.status,
        "freshness": body["freshness"],
        "availability": body["availability"],
        "shortBreaksOnly": bool(setting.get("shortBreaksOnly")),
        "modelsOfCare": setting.get("modelsOfCare", []),
        "services": [service["kind"] for service in setting.get("services", [])],
        "packages": sorted({rate["package"] for rate in body["rates"] if "package" in rate}),
        "rates": [
            {
                "weekly": weekly_equivalent(rate),
                **({"for": unit} if (unit := rate.get("price", {}).get("unit", "place")) != "place" else {}),
                "contract": rate.get("contract", {}).get("type"),
                "package": rate.get("package"),
                "offeredTo": flat_offer(rate["offeredTo"]),
            }
            for rate in rates
        ],
        "text": text.lower(),
        "asOf": iso(word.as_of),
        "simulated": bool(body["provenance"].get("simulated")),
        "via": body["provenance"].get("via"),
        "at": at,
    }


def note_shared_places(drawn: list[tuple[Drawn, Word]], pools: Pools) -> None:
    """Offers of which one may take the other's place say so: they name one pool, or together exceed what is available."""
    sharing: dict[str, list[tuple[Drawn, Word]]] = {}
    for listing, word in drawn:
        sharing.setdefault(pools.name_of(word), []).append((listing, word))
    for name, offers in sharing.items():
        counts = pools.counts(offers[0][1])
        available = available_places(counts.document) if counts else None
        offered = sum(listing.body["vacancy"]["places"] for listing, _word in offers)
        if len(offers) < 2 or (name.startswith("unit:") and (available is None or offered <= available)):
            continue
        for listing, _word in offers:
            listing.body["vacancy"]["sharesPlacesWith"] = sorted(
                other.id for other, _ in offers if other is not listing
            )
