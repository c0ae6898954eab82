"""An exchange that the operator's own client has peopled: two providers, three homes, a member."""

import csv
import io
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Protocol

from placefeed.service.access import keys, organisations
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of

BASE = "https://exchange.example"
NOW = datetime.now(UTC).replace(microsecond=0)
OURS, OURS_TOO, THEIRS = "SC000001", "SC000002", "SC000003"


class World(Protocol):
    """A running exchange, and clients of it by role."""

    database: Database
    settings: Settings
    keys: dict[str, str]

    def as_(self, role: str) -> Any: ...


def people(world: World) -> None:
    """The first key is made on the machine itself; all else goes by the operator's client."""
    with world.database.write() as session:
        organisations.create_organisation(session, "exchange", kind="operator", name="The Exchange", now=NOW)
        world.keys["operator"], _ = keys.issue(
            session, organisation_id="exchange", role="operator", secret=secret_of(world.settings), now=NOW
        )
    operator = world.as_("operator")
    for organisation, kind, name in (
        ("example-homes", "provider", "Example Homes Ltd"),
        ("other-homes", "provider", "Other Homes Ltd"),
        ("lewisham", "member", "Lewisham"),
    ):
        operator.add_organisation({"id": organisation, "kind": kind, "name": name})
    operator.add_consortium({"id": "south", "name": "South"})
    today = NOW.date().isoformat()
    operator.add_consortium_member("south", {"organisation": "lewisham", "from": today})
    for organisation in ("example-homes", "other-homes"):
        operator.add_consortium_provider("south", {"organisation": organisation, "from": today})
    path = world.settings.data / "Provider_level.csv"
    path.write_bytes(
        ofsted_list((OURS, "Example Homes Ltd"), (OURS_TOO, "EXAMPLE HOMES LIMITED"), (THEIRS, "Other Homes Ltd"))
    )
    assert operator.import_ofsted(path)["settings"] == 3
    assert operator.confirm_settings("example-homes")["confirmed"] == 2
    assert operator.confirm_settings("other-homes", urns=[THEIRS])["confirmed"] == 1
    for role, organisation, kind in (
        ("provider", "example-homes", "provider"),
        ("rival", "other-homes", "provider"),
        ("member", "lewisham", "member"),
    ):
        world.keys[role] = operator.add_key({"organisation": organisation, "role": kind})["key"]


def ofsted_list(*rows: tuple[str, str]) -> bytes:
    """An invented provider-level list: (URN, owner) a home."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["Children's social care data in England 2026 – Provider level as at 31 March 2026"])
    writer.writerow(
        [
            "URN",
            "Provision type",
            "Registration date",
            "Registration status",
            "Local authority",
            "Sector",
            "Places",
            "Organisation which owns the provider",
        ]
    )
    for urn, owner in rows:
        writer.writerow([urn, "Children's home", "25/06/2020", "Active", "Lewisham", "Private", "4", owner])
    return out.getvalue().encode("utf-8-sig")


SECONDS = count(1)


def feed_of(*urns: str, places: int = 1, **more: Any) -> dict[str, Any]:
    """A feed with one vacancy and a count for each setting; each is a second newer than the one before, in any order of tests."""
    as_of = instant(5 - next(SECONDS) / 60)
    capacity = {
        "asOf": as_of,
        "registered": 4,
        "occupied": 4 - places,
        "reserved": 0,
        "available": places,
        "acceptingReferrals": True,
    }
    vacancy = {
        "id": "v1",
        "asOf": as_of,
        "places": places,
        "from": NOW.date().isoformat(),
        "ages": {"from": 11, "to": 16},
    }
    return {
        "standard": "placefeed",
        "version": "1.0",
        "publisher": {"id": "GB-COH-00000001", "name": "Example Homes Ltd"},
        "publishedAt": as_of,
        "settings": [{"urn": urn, "capacity": capacity, "vacancies": [vacancy]} for urn in urns],
        **more,
    }


def instant(minutes_ago: float) -> str:
    return (NOW - timedelta(minutes=minutes_ago)).isoformat().replace("+00:00", "Z")
