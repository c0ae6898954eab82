"""A setting with something of everything, each thing with a mark of its own, so that a test can tell who is shown what."""

from datetime import date, timedelta
from typing import Any

from placefeed.service.clock import iso
from placefeed.service.tables import RegisterFile, RegisterHistory, RegisterInspection, RegisterSetting
from tests.service.api.exchange import OURS, World

EVIL = "<img src=x onerror=alert(1)>"
PUBLISHER = {"id": "GB-COH-00000001", "name": "Example Homes Ltd"}


def feed_with(record: dict[str, Any], published_at: str) -> dict[str, Any]:
    """A feed about one setting."""
    return {
        "standard": "placefeed",
        "version": "1.0",
        "publisher": PUBLISHER,
        "publishedAt": published_at,
        "settings": [record],
    }


def ago(world: World, **delta: float) -> str:
    """An instant before now, as feeds have it."""
    return iso(world.clock() - timedelta(**delta))


def rate(world: World, id: str, **more: Any) -> dict[str, Any]:
    """A weekly price of £5,125 in three lines, with an extra."""
    return {
        "id": id,
        "asOf": ago(world, hours=1),
        "title": "Core care",
        "package": "standard",
        "staffingRatio": {"staff": 2, "children": 1},
        "price": {"pence": 512500, "per": "week"},
        "vat": "exempt",
        "lines": [
            {"code": "care-staff", "pence": 301000},
            {"code": "accommodation", "pence": 160500},
            {"code": "return", "pence": 51000},
            {"code": "therapy", "title": "Play therapy", "pence": 20000, "included": False},
        ],
        "funding": {"carePence": 400000, "healthPence": 112500},
        "includes": ["food", "clothing"],
        "terms": {"retainer": "Half of it", "noticeDays": 28, "uplift": "Each April by CPI"},
        "contract": {"type": "framework", "framework": "South framework"},
        "offeredTo": "any",
        "validFrom": "2026-04-01",
        **more,
    }


def setting_part(world: World, **more: Any) -> dict[str, Any]:
    """Who it is, with two units and a contact."""
    return {
        "asOf": ago(world, days=2),
        "name": "Willow House",
        "provisionType": "children-home",
        "localAuthority": "E09000023",
        "ages": {"from": 10, "to": 17},
        "genders": ["female", "male"],
        "modelsOfCare": ["mockingbird"],
        "services": [{"kind": "therapy", "title": "Psychologist on Tuesdays", "included": True}],
        "referralContact": {
            "role": "referrals-team",
            "telephone": "020 7946 0100",
            "email": "referrals@example.org",
            "hours": "Monday to Friday 9 to 5",
            "outOfHours": {"telephone": "020 7946 0199", "hours": "At night"},
        },
        "units": [
            {"id": "UNIT-MARK-1", "kind": "building", "places": 2},
            {"id": "UNIT-MARK-2", "kind": "building", "localAuthority": "E09000011", "places": 2},
        ],
        **more,
    }


def vacancy(world: World, id: str, **more: Any) -> dict[str, Any]:
    """A place that accepts, excludes and leaves unsaid."""
    return {
        "id": id,
        "asOf": ago(world, hours=1),
        "places": 1,
        "from": "2026-07-01",
        "ages": {"from": 11, "to": 16},
        "genders": ["female"],
        "needs": {"accepted": ["sensory-impairment"], "excluded": ["drug-problems"]},
        "risks": {"accepted": ["going-missing"], "excluded": ["self-harm"]},
        "cared": "with-others",
        "placementTypes": ["planned", "emergency"],
        "response": "today",
        "notes": "Garden and a quiet room.",
        **more,
    }


def record(world: World, urn: str = OURS, **parts: Any) -> dict[str, Any]:
    """All of it as a provider sends it: a fresh offer and a stale one, an open price and one for named buyers."""
    whole = {
        "urn": urn,
        "setting": setting_part(world),
        "capacity": {
            "asOf": ago(world, hours=1),
            "registered": 47,
            "occupied": 31,
            "reserved": 4,
            "unavailable": [{"reason": "staffing", "places": 5}],
            "available": 7,
            "acceptingReferrals": True,
            "expected": [{"from": "2026-07-09", "places": 2}],
        },
        "vacancies": [
            vacancy(world, "VACANCY-MARK-1", unit="UNIT-MARK-2"),
            vacancy(world, "VACANCY-MARK-2", asOf=ago(world, days=4), places=2, cared="solo"),
            vacancy(world, "VACANCY-MARK-3", until="2026-07-01", **{"from": "2026-06-01"}, asOf=ago(world, days=20)),
        ],
        "rates": [
            rate(world, "RATE-MARK-1"),
            rate(
                world,
                "RATE-MARK-2",
                title="Named for Lewisham",
                price={"pence": 487700, "per": "week"},
                lines=[],
                funding={"healthPence": 10000},
                offeredTo={"buyers": [{"scheme": "placefeed", "id": "lewisham"}]},
            ),
            rate(
                world,
                "RATE-MARK-3",
                title="Named for another",
                price={"pence": 433300, "per": "week"},
                lines=[],
                funding={"healthPence": 10000},
                offeredTo={"buyers": [{"scheme": "placefeed", "id": "BUYER-MARK"}]},
            ),
        ],
        "ofsted": {
            "asOf": ago(world, hours=1),
            "registrationStatus": "active",
            "inspections": [
                {
                    "framework": "sccif-2017",
                    "kind": "full",
                    "inspectedOn": "2026-02-10",
                    "judgements": [{"aspect": "overall", "code": "outstanding"}],
                }
            ],
            "restrictions": [{"kind": "compliance-notice", "from": "2026-06-01"}],
        },
        **parts,
    }
    return {name: part for name, part in whole.items() if part is not None}


def fill(world: World, urn: str = OURS, **parts: Any) -> None:
    """Send it, with counts of a month ago before it, and publish."""
    register(world, urn)
    month = {"asOf": ago(world, days=30), "registered": 47, "occupied": 29, "reserved": 0, "available": 18}
    first = world.push("provider", feed_with({"urn": urn, "capacity": month}, ago(world, days=30)))
    assert first.status_code in (200, 201, 202), first.text
    sent = world.push("provider", feed_with(record(world, urn, **parts), ago(world, minutes=30)))
    assert sent.status_code in (200, 201, 202), sent.text
    assert sent.json()["verdict"] == "accepted", sent.text
    world.publish()


def register(world: World, urn: str = OURS) -> None:
    """Ofsted's facts, some of them from a list for LAs alone, two inspections and a change."""
    with world.database.write() as session:
        row = session.get(RegisterSetting, urn)
        assert row is not None
        row.facts = {**row.facts, "registeredNeeds": ["sensory-impairment"], "restricted": ["registeredNeeds"]}
        session.add(row)
        for on, code in ((date(2026, 2, 10), "good"), (date(2024, 11, 5), "requires-improvement")):
            session.add(
                RegisterInspection(
                    urn=urn, framework="sccif-2017", kind="full", inspected_on=on, published_on=on + timedelta(days=40),
                    judgements={"overall": code, "helped-and-protected": "good"}, as_at=date(2026, 3, 31),
                )
            )  # fmt: skip
        file = RegisterFile(sha256="x" * 64, kind="provider-level", as_at=date(2025, 3, 31), imported_at=world.clock())
        session.add(file)
        session.flush()
        session.add(
            RegisterHistory(
                urn=urn, as_at=date(2025, 3, 31), file_id=file.id or 0, what="changed",
                changed={"places": [3, 4], "registeredNeeds": [["mental-disorders"], ["sensory-impairment"]]},
            )
        )  # fmt: skip
