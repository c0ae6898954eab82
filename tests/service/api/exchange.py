"""What the tests of routes lean on: a running exchange with a provider, its rival, a member and the operator, each with a key; once on each database."""

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from placefeed.service.access import keys, organisations
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.publishing.publisher import publish_all
from placefeed.service.register.load import import_file
from placefeed.service.running.parts import lists_of

BASE = "http://exchange.example"
OURS, OURS_TOO, THEIRS = "SC000001", "SC000002", "SC000003"


@dataclass
class World:
    """The exchange and who is in it. `call(role, method, path)` speaks with that role's key, `nobody` with none."""

    client: TestClient
    app: FastAPI
    settings: Settings
    clock: Any
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        """The application's own database."""
        database: Database = self.app.state.exchange.database
        return database

    def call(self, role: str, method: str, path: str, **options: Any) -> Response:
        """One request; a `json` body is sent as it is."""
        headers = dict(options.pop("headers", {}))
        if role in self.keys:
            headers["Authorization"] = f"Bearer {self.keys[role]}"
        return self.client.request(method, path, headers=headers, follow_redirects=False, **options)

    def push(self, role: str, feed: dict[str, Any], **options: Any) -> Response:
        """Send a feed as JSON."""
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        return self.call(role, "POST", "/v1/submissions", content=orjson.dumps(feed), headers=headers, **options)

    def publish(self) -> None:
        """Do what the publisher does, and let the list hear of it now rather than a moment later."""
        publish_all(self.database, self.settings, self.clock)
        lists_of(self.app.state.exchange).snapshot.refresh()


def ofsted_list(*rows: tuple[str, str]) -> bytes:
    """An invented provider-level list of 2026: (URN, owner) a home."""
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


def feed_of(*urns: str, places: int = 1, as_of: str = "2026-07-01T13:50:00Z", **more: Any) -> dict[str, Any]:
    """A feed with one vacancy and a count for each setting."""
    return {
        "standard": "placefeed",
        "version": "1.0",
        "publisher": {"id": "GB-COH-00000001", "name": "Example Homes Ltd"},
        "publishedAt": as_of,
        "settings": [
            {
                "urn": urn,
                "capacity": {
                    "asOf": as_of,
                    "registered": 4,
                    "occupied": 4 - places,
                    "reserved": 0,
                    "available": places,
                    "acceptingReferrals": True,
                },
                "vacancies": [
                    {"id": "v1", "asOf": as_of, "places": places, "from": "2026-07-01", "ages": {"from": 11, "to": 16}}
                ],
            }
            for urn in urns
        ],
        **more,
    }


def peopled(world: World) -> World:
    """Put everybody in."""
    now = world.clock()
    with world.database.write() as session:
        organisations.create_organisation(session, "exchange", kind="operator", name="The Exchange", now=now)
        organisations.create_organisation(session, "example-homes", kind="provider", name="Example Homes Ltd", now=now)
        organisations.create_organisation(session, "other-homes", kind="provider", name="Other Homes Ltd", now=now)
        organisations.create_organisation(
            session, "lewisham", kind="member", name="Lewisham", la_code="E09000023", now=now
        )
        import_file(
            session,
            ofsted_list((OURS, "Example Homes Ltd"), (OURS_TOO, "EXAMPLE HOMES LIMITED"), (THEIRS, "Other Homes Ltd")),
            now=now,
        )
        organisations.confirm(session, "example-homes", urns=[OURS, OURS_TOO], by="exchange", now=now)
        organisations.confirm(session, "other-homes", urns=[THEIRS], by="exchange", now=now)
        organisations.create_consortium(session, "south", name="South", now=now)
        organisations.add_member(session, "south", organisation_id="lewisham", valid_from=now.date())
        for provider in ("example-homes", "other-homes"):
            organisations.add_provider(session, "south", organisation_id=provider, valid_from=now.date(), now=now)
        secret = secret_of(world.settings)
        for role, organisation, kind in (
            ("operator", "exchange", "operator"),
            ("provider", "example-homes", "provider"),
            ("rival", "other-homes", "provider"),
            ("member", "lewisham", "member"),
        ):
            world.keys[role], _ = keys.issue(session, organisation_id=organisation, role=kind, secret=secret, now=now)
    world.publish()
    return world


def sqlite_settings(folder: Path, template: Path) -> Settings:
    """Settings of a fresh exchange on SQLite, for tests that have nothing to do with the database."""
    (folder / "placefeed.db").write_bytes(template.read_bytes())
    return Settings(data=folder, secret="s" * 40, worker=False)
