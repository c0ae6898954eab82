"""Listings as the publisher writes them, so that a test of the channels mentions only what it is about."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from sqlmodel import Session

from placefeed.schema.codelists import local_authority, region_of
from placefeed.service.clock import iso
from placefeed.service.db import tell
from placefeed.service.publishing.log import Writer
from placefeed.service.tables import Consortium, ConsortiumMember, Organisation

NOW = datetime(2026, 7, 1, 14, 0, tzinfo=UTC)


def rate(
    pence: int | None = 500_000,
    *,
    offered_to: Any = "any",
    contract: str | None = None,
    package: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A rate of so many pence a week, offered to any or to a flat list of buyers."""
    shown: dict[str, Any] = {
        "title": "Core",
        "price": {"pence": pence or 1, "per": "week" if pence else "once"},
        **more,
    }
    if pence is not None:
        shown |= {"weeklyEquivalentPence": pence, "annualEquivalentPence": pence * 52}
    if contract:
        shown["contract"] = {"type": contract}
    if package:
        shown["package"] = package
    return {"shown": shown, "weekly": pence, "contract": contract, "package": package, "offeredTo": offered_to}


def listing_row(id: str = "listing-1", **about: Any) -> dict[str, Any]:
    """The columns of a listing, position and state left to `publish`. `about` names facts, in the words of `facts_of`,
    and `rates`, `audiences`, `changes_at`, `lines`."""
    rates = about.pop("rates", [rate()])
    audiences = about.pop("audiences", ["north"])
    changes_at = about.pop("changes_at", NOW + timedelta(hours=24))
    authority = local_authority(about.pop("la", "E06000023") or "")
    region = about.pop("region", None) or (
        region_of(authority.code).code if authority and region_of(authority.code) else None
    )
    facts: dict[str, Any] = {
        "urn": "SC000001",
        "la": authority.code if authority else None,
        "region": region,
        "provisionType": "children-home",
        "provider": "example",
        "providerName": "Example Homes Ltd",
        "name": "Willow House",
        "ages": [11, 16],
        "genders": ["female"],
        "needsAccepted": [],
        "needsExcluded": [],
        "risksAccepted": [],
        "risksExcluded": [],
        "communication": [],
        "adaptations": [],
        "cared": "solo",
        "placementTypes": ["planned"],
        "response": "today",
        "places": 1,
        "from": "2026-06-01",
        "until": None,
        "judgements": [["sccif-2017", "overall", "good"]],
        "ofstedStatus": "confirmed",
        "freshness": "fresh",
        "availability": "available",
        "shortBreaksOnly": False,
        "modelsOfCare": [],
        "services": [],
        "packages": [],
        "rates": [
            {name: one[name] for name in ("weekly", "for", "contract", "package", "offeredTo") if name in one}
            for one in rates
        ],
        "text": "sc000001 willow house example homes ltd bristol",
        "asOf": iso(NOW - timedelta(hours=1)),
        "simulated": False,
        "at": None,
    }
    notes = about.pop("notes", None)
    shares = about.pop("shares", [])
    assert about.keys() <= facts.keys(), about.keys() - facts.keys()
    facts |= about
    body: dict[str, Any] = {
        "id": id,
        "urn": facts["urn"],
        "url": f"/v1/listings/{id}",
        "availability": facts["availability"],
        "freshness": facts["freshness"],
        "setting": {
            "name": facts["name"],
            "provisionType": facts["provisionType"],
            "provider": {"id": facts["provider"], "name": facts["providerName"]},
            **({"localAuthority": {"code": authority.code, "name": authority.name}} if authority else {}),
        },
        "vacancy": {
            "places": facts["places"],
            "from": facts["from"],
            "ages": {"from": facts["ages"][0], "to": facts["ages"][1]},
            "genders": facts["genders"],
            **({"notes": notes} if notes else {}),
            **({"sharesPlacesWith": shares} if shares else {}),
        },
        "rates": [one["shown"] for one in rates if one["offeredTo"] == "any"],
        "ofsted": {
            "status": facts["ofstedStatus"],
            "judgements": [
                {"framework": framework, "aspect": aspect, "code": code, "inspectedOn": "2026-02-10"}
                for framework, aspect, code in facts["judgements"]
            ],
        },
        "clocks": {"asOf": facts["asOf"], "publishedAt": iso(NOW)},
        "provenance": {"source": "example-push", "publisher": facts["providerName"]},
    }
    return {
        "id": id,
        "urn": facts["urn"],
        "source_id": "example-push",
        "item": id[:64],
        "offer": 1,
        "organisation_id": facts["provider"],
        "changes_at": changes_at,
        "audiences": sorted(audiences),
        "facts": facts,
        "body": orjson.dumps(body),
        "restricted": [
            {"offeredTo": one["offeredTo"], "rate": one["shown"]} for one in rates if one["offeredTo"] != "any"
        ],
        "hash": b"",
        "published_at": NOW,
        "modified_at": NOW,
    }


def publish(session: Session, *rows: dict[str, Any], gone: Iterable[dict[str, Any]] = (), now: datetime = NOW) -> int:
    """Write these listings, and the end of those, as one publication; returns the position."""
    writer = Writer(session, now)
    for state, some in (("updated", rows), ("deleted", tuple(gone))):
        for row in some:
            position = writer.next()
            writer.listing(**row, position=position, state=state)
            writer.change(
                position=position,
                urn=row["urn"],
                listing_id=row["id"],
                events=[],
                before=None,
                after=row["facts"] if state == "updated" else None,
                audiences_before=[],
                audiences_after=row["audiences"],
            )
    writer.close()
    tell(session, "published")
    return writer.position


def member(session: Session, name: str, *consortia: str, role: str = "member") -> None:
    """An organisation, in these consortia, as the publisher has let it take effect."""
    session.add(Organisation(id=name, kind=role, name=name.title(), created_at=NOW))
    session.flush()
    for consortium in consortia:
        if session.get(Consortium, consortium) is None:
            session.add(Consortium(id=consortium, name=consortium.title(), created_at=NOW))
            session.flush()
        session.add(
            ConsortiumMember(
                consortium_id=consortium, organisation_id=name, valid_from=date(2020, 1, 1), applied_from=0
            )
        )
    session.flush()
