"""The channels behind HTTP: the real routes, keys and problems, on a database that a test fills by `factories`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from placefeed.service.access import keys
from placefeed.service.access.audit import ReadAudit
from placefeed.service.access.keyring import Keyring
from placefeed.service.access.sign_ins import SignIns
from placefeed.service.api import editions, feeds, listings, open_feed, problems, public
from placefeed.service.channels.lists import Lists
from placefeed.service.clock import Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.running.limits import RateLimiter
from placefeed.service.running.metrics import Metrics
from placefeed.service.running.parts import Exchange


class Reader:
    """One organisation with a key; `get` asks as it."""

    def __init__(self, client: TestClient, key: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}

    def get(self, path: str, **headers: str) -> Any:
        """Ask; header names have underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.get(path, headers={**self._headers, **sent})

    def ids(self, path: str = "/v1/listings") -> list[str]:
        """The ids of a JSON list."""
        return [item["id"] for item in self.get(path).json()["items"]]


class Reading:
    """A running exchange, as far as readers need one. `refresh()` is what the bell does."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self.database, self.settings, self.clock = database, settings, clock
        self.exchange = Exchange(
            settings=settings,
            clock=clock,
            database=database,
            keyring=Keyring(database, clock),
            sign_ins=SignIns(database, clock),
            reads=ReadAudit(database),
            limiter=RateLimiter(0),
            metrics=Metrics(),
            started_at=clock(),
        )
        self.lists = self.exchange.keep(Lists, lambda: Lists(database, settings=settings, clock=clock))
        app = FastAPI(openapi_url=None)
        for channel in (listings, feeds, editions, public, open_feed):
            app.router.routes.extend(channel.routes())
        app.state.exchange = self.exchange
        problems.install(app, problems.responder(settings.base_url))
        self.client = TestClient(app)
        self.app = app

    def key(self, organisation: str, role: str = "member") -> str:
        """A new key's text."""
        with self.database.write() as session:
            text, _key = keys.issue(
                session, organisation_id=organisation, role=role, secret=secret_of(self.settings), now=self.clock()
            )
        return text

    def reader(self, organisation: str, role: str = "member") -> Reader:
        """A caller of this organisation."""
        return Reader(self.client, self.key(organisation, role))

    def refresh(self) -> None:
        """Take in what was published."""
        self.lists.snapshot.refresh()


@contextmanager
def reading(database: Database, settings: Settings, clock: Clock) -> Iterator[Reading]:
    """Open and close it."""
    opened = Reading(database, settings, clock)
    try:
        opened.refresh()
        with opened.client:
            yield opened
    finally:
        opened.lists.close()
        opened.exchange.keyring.close()
