"""Several whole exchanges, each with a database and a port of its own, that can follow each other."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from starlette.testclient import TestClient

from placefeed.service.access import keys, organisations, sources
from placefeed.service.app import create_app
from placefeed.service.clock import iso
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.intake import sources as polling
from placefeed.service.publishing.publisher import publish_all
from placefeed.service.publishing.restore import after_restore
from placefeed.service.register.load import import_file
from placefeed.service.tables import Head, Listing, SettingState, Source, Standing
from tests.service.api.exchange import ofsted_list
from tests.service.api.serving import a_port, base_of, serving
from tests.service.conftest import TEMPLATE, MovableClock, _postgres_run
from tests.service.feeds import rate, vacancy

JSON = {"Content-Type": "application/json"}
EVERYWHERE = tuple(f"SC{number:06d}" for number in range(1, 41))
"""Settings that the register of each exchange has."""


@dataclass
class Exchange:
    """One exchange: an operator, a consortium `all` with a member `council`, a provider `homes` with a key."""

    name: str
    url: str
    client: TestClient
    settings: Settings
    clock: MovableClock
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        app: Any = self.client.app
        database: Database = app.state.exchange.database
        return database

    @property
    def via(self) -> str:
        """By which name the others know it."""
        return self.url.removeprefix("http://")

    def call(self, role: str, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.keys[role]}", **options.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **options)

    def speaks_for(self, *urns: str) -> None:
        """Let this exchange's own provider speak for these."""
        with self.database.write() as session:
            organisations.confirm(session, "homes", urns=urns, by="exchange", now=self.clock())

    def offer(self, *urns: str, item: str = "v1", complete: bool = False, rates: Any = None, **more: Any) -> None:
        """Let its provider offer a place in each, from now, and publish it."""
        now = self.clock()
        told = [rate(now)] if rates is None else rates
        feed = {
            "standard": "placefeed",
            "version": "1.0",
            "publisher": {"id": "GB-COH-00000001", "name": "Example Homes Ltd"},
            "publishedAt": iso(now),
            "complete": complete,
            "settings": [
                {
                    "urn": urn,
                    "setting": {"asOf": iso(now), "provisionType": "children-home", "name": f"House {urn}"},
                    "vacancies": [vacancy(now, item, **{"rates": [one["id"] for one in told], **more})],
                    "rates": told,
                }
                for urn in urns
            ],
        }
        self.push(feed)

    def withdraw(self, urn: str, item: str = "v1") -> None:
        """Let its provider withdraw a vacancy."""
        feed = {
            "standard": "placefeed",
            "version": "1.0",
            "publisher": {"id": "GB-COH-00000001", "name": "Example Homes Ltd"},
            "publishedAt": iso(self.clock()),
            "settings": [],
            "withdrawn": [{"urn": urn, "part": "vacancy", "id": item}],
        }
        self.push(feed)

    def push(self, feed: dict[str, Any]) -> None:
        answer = self.call("provider", "POST", "/v1/submissions", json=feed)
        assert answer.status_code in (200, 201), answer.text
        self.publish()

    def publish(self) -> None:
        publish_all(self.database, self.settings, self.clock)

    def follow(self, other: "Exchange", **more: Any) -> str:
        """Register another exchange as a source, with a key that it gives; returns the source's id."""
        now = self.clock()
        with other.database.write() as session:
            reader = f"{self.name}-reads"
            organisations.create_organisation(session, reader, kind="member", name=f"Exchange {self.name}", now=now)
            organisations.add_member(session, "all", organisation_id=reader, valid_from=date(2020, 1, 1))
            key, _ = keys.issue(
                session, organisation_id=reader, role="member", secret=secret_of(other.settings), now=now
            )
        other.publish()
        with self.database.write() as session:
            organisations.create_organisation(
                session, other.name, kind="vendor", name=f"Exchange {other.name}", now=now
            )
            organisations.add_provider(session, "all", organisation_id=other.name, valid_from=date(2020, 1, 1), now=now)
            made = sources.create_source(
                session, other.name, source_id=f"from-{other.name}", name=f"Exchange {other.name}", transport="rpde",
                address=other.url, credential=f"Bearer {key}", secret=secret_of(self.settings), now=now, **more,
            )  # fmt: skip
            return made.id

    def poll(self, other: "Exchange") -> str:
        """Read what another exchange has, and publish it."""
        said = polling.poll(self.database, f"from-{other.name}", settings=self.settings, clock=self.clock)
        self.publish()
        return said

    def listed(self, role: str = "council") -> dict[str, dict[str, Any]]:
        """What a member reads in the change feed: the vacancies by URN (a home has one here)."""
        answer = self.call(role, "GET", "/v1/feeds/vacancies")
        assert answer.status_code == 200, answer.text
        return {item["data"]["urn"]: item["data"] for item in answer.json()["items"] if item["state"] == "updated"}

    def source(self, other: "Exchange") -> Source:
        with self.database.read() as session:
            return session.get_one(Source, f"from-{other.name}")

    def position(self) -> int:
        with self.database.read() as session:
            return session.get_one(Head, 1).position

    def standing(self, **where: Any) -> list[Standing]:
        with self.database.read() as session:
            query = select(Standing).where(col(Standing.withdrawn).is_(False))
            for name, value in where.items():
                query = query.where(getattr(Standing, name) == value)
            return list(session.exec(query.order_by(col(Standing.urn), col(Standing.part), col(Standing.item))))

    def listings(self) -> list[Listing]:
        with self.database.read() as session:
            return list(session.exec(select(Listing).where(Listing.state == "updated")))

    def why(self, urn: str) -> list[Any]:
        """Why the vacancies of a setting are listed or not."""
        with self.database.read() as session:
            state = session.get(SettingState, urn)
            return [] if state is None else state.explanation

    def restored(self) -> None:
        """As after a backup was put back."""
        with self.database.write() as session:
            after_restore(session, now=self.clock())
        self.publish()


def settle(*exchanges: Exchange, rounds: int = 6) -> None:
    """Let each poll all that it follows, until a whole round changes no position."""
    for _ in range(rounds):
        before = [exchange.position() for exchange in exchanges]
        for exchange in exchanges:
            for other in exchanges:
                if other is not exchange and _follows(exchange, other):
                    exchange.poll(other)
        if [exchange.position() for exchange in exchanges] == before:
            return
    raise AssertionError(f"not quiet after {rounds} rounds")


def _follows(exchange: Exchange, other: Exchange) -> bool:
    with exchange.database.read() as session:
        return session.get(Source, f"from-{other.name}") is not None


BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
"""The params of a fixture around `starting`."""

Start = Callable[..., Exchange]


@contextmanager
def starting(request: pytest.FixtureRequest, folder_of_all: Path, clock: MovableClock) -> Iterator[Start]:
    """Start exchanges by name; each on a database of its own, all on one clock."""
    stack = ExitStack()

    def start(name: str, *own: str, **changes: Any) -> Exchange:
        folder = folder_of_all / name
        folder.mkdir()
        settings = Settings(data=folder, secret=(name * 40)[:40], worker=False, allow_loopback=True, rate_per_minute=0)
        if getattr(request, "param", "sqlite") == "sqlite":
            template: Path = request.getfixturevalue("sqlite_template")
            (folder / "placefeed.db").write_bytes(template.read_bytes())
        else:
            server: sa.URL = request.getfixturevalue("postgres")
            chosen = f"t_{uuid4().hex}"
            _postgres_run(server, f"CREATE DATABASE {chosen} TEMPLATE {TEMPLATE}")
            stack.callback(_postgres_run, server, f"DROP DATABASE {chosen} WITH (FORCE)")
            settings.database_url = server.set(database=chosen).render_as_string(hide_password=False)
        held = a_port()
        settings = settings.model_copy(update={"base_url": base_of(held), **changes})
        app = create_app(settings, clock=clock)
        client = stack.enter_context(TestClient(app, base_url=settings.base_url, raise_server_exceptions=False))
        stack.enter_context(serving(app, held))
        made = Exchange(name, settings.base_url, client, settings, clock)
        _people(made)
        if own:
            made.speaks_for(*own)
        return made

    with stack:
        yield start


def _people(here: Exchange) -> None:
    now = here.clock()
    with here.database.write() as session:
        for organisation, kind in (("exchange", "operator"), ("homes", "provider"), ("council", "member")):
            organisations.create_organisation(
                session, organisation, kind=kind, name=f"{organisation.title()} of {here.name}", now=now
            )
        organisations.create_consortium(session, "all", name="All", now=now)
        organisations.add_member(session, "all", organisation_id="council", valid_from=date(2020, 1, 1))
        organisations.add_provider(session, "all", organisation_id="homes", valid_from=date(2020, 1, 1), now=now)
        import_file(session, ofsted_list(*((urn, f"Owner of {urn}") for urn in EVERYWHERE)), now=now)
        for role, organisation, kind in (
            ("operator", "exchange", "operator"), ("provider", "homes", "provider"), ("council", "council", "member"),
        ):  # fmt: skip
            here.keys[role], _ = keys.issue(
                session, organisation_id=organisation, role=kind, secret=secret_of(here.settings), now=now
            )
    here.publish()
