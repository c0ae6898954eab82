"""The exchange at a port, for browsers: the people and homes of the routes' tests (tests/service/api/exchange.py)."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext
from starlette.testclient import TestClient

from placefeed.service.app import create_app
from placefeed.service.config import Settings
from placefeed.service.running.origin import cookie_name
from tests.service.api.exchange import World, peopled
from tests.service.api.serving import a_port, base_of, serving
from tests.service.people import somebody

ORGANISATIONS = {"provider": "example-homes", "rival": "other-homes", "member": "lewisham", "operator": "exchange"}


@dataclass
class Clock:
    """The real time from a working afternoon on: a browser's own clock goes on too."""

    ahead: timedelta = field(default_factory=lambda: datetime(2026, 7, 1, 14, 0, tzinfo=UTC) - datetime.now(UTC))

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def move(self, **delta: float) -> None:
        """Let time pass."""
        self.ahead += timedelta(**delta)


@dataclass
class Site:
    """A running exchange and its address. `world` speaks with it as the routes' tests do."""

    address: str
    world: World
    cookies: dict[tuple[str, str], str] = field(default_factory=dict)

    def sign_in(self, context: BrowserContext, role: str, *, level: str = "manager") -> None:
        """Give a browser the cookie of somebody of this role."""
        if (role, level) not in self.cookies:
            _person, self.cookies[role, level] = somebody(
                self.world.database, self.world.settings, ORGANISATIONS[role], level=level, now=self.world.clock()
            )
        context.add_cookies(
            [
                {
                    "name": cookie_name(self.world.settings),
                    "value": self.cookies[role, level],
                    "url": self.address,
                    "httpOnly": True,
                    "sameSite": "Lax",
                }
            ]
        )


@contextmanager
def opened(folder: Path, template: Path, **changes: Any) -> Iterator[Site]:
    """Start it, with the worker inside; `changes` to its settings."""
    shutil.copy(template, folder / "placefeed.db")
    held = a_port()
    address = base_of(held)
    settings = Settings(
        data=folder, secret="s" * 40, worker=True, base_url=address, rate_per_minute=0, public=True, **changes
    )
    clock = Clock()
    app = create_app(settings, clock=clock)
    with TestClient(app, base_url=address, raise_server_exceptions=False) as client, serving(app, held):
        yield Site(address, peopled(World(client, app, settings, clock)))
