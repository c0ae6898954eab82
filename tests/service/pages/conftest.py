"""The exchange of the routes' tests, visited by people; once on each database."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from httpx2 import Response

from placefeed.service.running.origin import cookie_name
from tests.service.api.conftest import bare, make_app, world
from tests.service.api.exchange import World, peopled
from tests.service.people import somebody

__all__ = ["bare", "make_app", "world"]

ORGANISATIONS = {"provider": "example-homes", "rival": "other-homes", "member": "lewisham", "operator": "exchange"}


@dataclass
class Browser:
    """Somebody's browser, as far as HTTP goes: a cookie, what it accepts, and where it says that it comes from."""

    world: World
    cookie: str | None = None
    person_id: str | None = None

    def get(self, path: str, **options: Any) -> Response:
        """Open a page; redirects are not followed."""
        return self.ask("GET", path, **options)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> Response:
        """Send a form from our own page."""
        return self.ask("POST", path, data=data or {}, headers={"Sec-Fetch-Site": "same-origin"}, **options)

    def ask(self, method: str, path: str, **options: Any) -> Response:
        """One request."""
        headers = {"Accept": "text/html", **options.pop("headers", {})}
        if self.cookie:
            headers["Cookie"] = f"{cookie_name(self.world.settings)}={self.cookie}"
        self.world.client.cookies.clear()
        if method == "POST" and not options.get("data") and "files" not in options:
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")  # an empty form is a form
        return self.world.client.request(method, path, headers=headers, follow_redirects=False, **options)


Open = Callable[..., Browser]


def opener(world: World) -> Open:
    """`open("member")`, `open("provider", level="reader")`, `open()`: a browser, with somebody of that role signed in or nobody."""

    def open_browser(role: str | None = None, *, level: str = "manager", **options: Any) -> Browser:
        if role is None:
            return Browser(world)
        person_id, cookie = somebody(
            world.database, world.settings, ORGANISATIONS[role], level=level, now=world.clock(), **options
        )
        return Browser(world, cookie, person_id)

    return open_browser


@pytest.fixture
def visit(world: World) -> Open:
    """Browsers on the exchange of the routes' tests: see `opener`."""
    return opener(world)


@pytest.fixture
def visit_of() -> Callable[[World], tuple[World, Open]]:
    """The same on an exchange with settings of one's own: put everybody in, and open browsers."""

    def people_it(bare: World) -> tuple[World, Open]:
        return peopled(bare), opener(bare)

    return people_it
