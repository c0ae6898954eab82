"""Invented settings of about 1.5 KB and 60 leaves, the size of a real record; the same for every contender."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import orjson

from placefeed.service.clock import iso

ENGLAND = 5_600  # settings on Ofsted's list of 2025
AUTHORITIES = ("E08000035", "E06000010", "E06000023", "E08000025", "E10000014", "E09000007", "E06000052", "E08000003")
GENDERS = ("female", "male", "any-gender")
RESPONSES = ("today", "under-5-days", "over-5-days")
NEEDS = ("autism", "adhd", "learning-disability", "trauma", "attachment")


def urn(number: int) -> str:
    """An invented URN, counted from 0; a million and more."""
    return f"{1_000_000 + number}"


def record(number: int, *, at: datetime, turn: int = 0) -> dict[str, Any]:
    """A setting's record as of `at`. With another `turn` its counts, its vacancy and the vacancy's clock are others."""
    authority = AUTHORITIES[number % len(AUTHORITIES)]
    occupied = 2 + (number + turn) % 2
    youngest = 8 + number % 5
    pence = 350_000 + (number * 7_919) % 300_000
    known = iso(at - timedelta(days=20))
    said = iso(at)
    day = at.date()
    return {
        "urn": urn(number),
        "setting": {
            "asOf": known,
            "name": f"Example House {number}",
            "provisionType": "children-home",
            "provider": {"name": "Example Homes Ltd"},
            "localAuthority": authority,
            "ages": {"from": youngest, "to": youngest + 6},
            "genders": [GENDERS[number % 3]],
            "referralContact": {"role": "referrals-team", "telephone": "0121 496 0001", "hours": "Monday to Friday 9 to 5"},
        },
        "capacity": {
            "asOf": said,
            "registered": 4,
            "occupied": occupied,
            "reserved": 0,
            "unavailable": [],
            "available": 4 - occupied,
            "acceptingReferrals": True,
        },
        "vacancies": [
            {
                "id": "solo",
                "asOf": said,
                "places": 1,
                "from": (day + timedelta(days=turn % 7)).isoformat(),
                "ages": {"from": youngest, "to": youngest + 4 + turn % 2},
                "genders": [GENDERS[number % 3]],
                "risks": {"accepted": ["going-missing", "self-harm"], "excluded": ["fire-setting"]},
                "cared": "any",
                "placementTypes": ["planned", "emergency"],
                "response": RESPONSES[number % 3],
                "rates": ["core"],
                "staffingRatio": {"staff": 2, "children": 3},
                "notes": "Quiet house near a town, with a garden.",
            }
        ],
        "rates": [
            {
                "id": "core",
                "asOf": known,
                "title": "Core placement",
                "package": "standard",
                "price": {"pence": pence, "per": "week"},
                "lines": [
                    {"code": "care-staff", "pence": pence - 150_000},
                    {"code": "accommodation", "pence": 100_000},
                    {"code": "food", "pence": 50_000},
                ],
                "contract": {"type": "spot"},
                "offeredTo": "any",
                "validFrom": "2026-04-01",
            }
        ],
        "ofsted": {
            "asOf": known,
            "registrationStatus": "active",
            "inspections": [
                {
                    "framework": "sccif-2017",
                    "kind": "full",
                    "inspectedOn": "2025-11-03",
                    "publishedOn": "2025-12-01",
                    "judgements": [{"aspect": "overall", "code": "good"}, {"aspect": "helped-and-protected", "code": "good"}],
                }
            ],
        },
    }  # fmt: skip


def header(at: datetime, **more: Any) -> dict[str, Any]:
    """A feed's header."""
    return {
        "standard": "placefeed",
        "version": "1.0",
        "publisher": {"id": "GB-COH-00000001", "name": "Example Homes Ltd"},
        "publishedAt": iso(at),
        "complete": True,
        "simulated": True,
        **more,
    }


def feed(numbers: Iterable[int], *, at: datetime, published_at: datetime | None = None, turn: int = 0) -> bytes:
    """A JSON feed of these settings, as bytes."""
    return orjson.dumps(
        {**header(published_at or at), "settings": [record(number, at=at, turn=turn) for number in numbers]}
    )


def lines(count: int, *, at: datetime) -> Iterator[bytes]:
    """An NDJSON feed of so many settings, made line by line."""
    yield orjson.dumps({"line": "header", **header(at)}) + b"\n"
    for number in range(count):
        yield orjson.dumps({"line": "setting", **record(number, at=at)}) + b"\n"
    yield orjson.dumps({"line": "trailer", "count": count}) + b"\n"


def leaves(value: Any) -> int:
    """How many values a document has that are no object and no array."""
    if isinstance(value, dict):
        return sum(leaves(each) for each in value.values())
    if isinstance(value, list):
        return sum(leaves(each) for each in value)
    return 1


LONG_AGO = date(2020, 1, 1)
