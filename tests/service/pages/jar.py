"""A browser with a cookie jar of its own, as far as signing in goes: what the tests of cookies and sessions need."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from http.cookies import Morsel, SimpleCookie
from typing import Any

from argon2 import PasswordHasher
from httpx2 import Response
from starlette.testclient import TestClient

from placefeed.service.access import links, people
from placefeed.service.access.passwords import Passwords
from placefeed.service.running.origin import cookie_name
from tests.service.api.exchange import World

PASSWORD = "violet kettle umbrella"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass
class Jar:
    """Keeps the cookies that it is given. `host`: the address it comes from."""

    world: World
    host: str = "203.0.113.9"
    cookies: dict[str, str] = field(default_factory=dict)
    last: list[Morsel[str]] = field(default_factory=list)  # cookies that the last answer set
    client: TestClient | None = None

    def get(self, path: str, **options: Any) -> Response:
        """Open a page."""
        return self.ask("GET", path, **options)

    def post(self, path: str, data: dict[str, str] | None = None, **options: Any) -> Response:
        """Send a form from our own page."""
        return self.ask("POST", path, content=_form(data or {}), **options)

    def ask(self, method: str, path: str, **options: Any) -> Response:
        """One request; redirects are not followed."""
        if self.client is None:
            self.client = TestClient(
                self.world.app, base_url="http://exchange.example", raise_server_exceptions=False, client=(self.host, 1)
            )
        headers = {"Accept": "text/html", "User-Agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/150.0"}
        if method == "POST":
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.client.cookies.clear()
        answer = self.client.request(method, path, headers=headers, follow_redirects=False, **options)
        self.last = []
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.last.append(morsel)
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return answer

    @property
    def session(self) -> str | None:
        """The cookie of the sign-in."""
        return self.cookies.get(cookie_name(self.world.settings))

    def sign_in(self, email: str, password: str = PASSWORD, **more: str) -> Response:
        """With address and password."""
        return self.post("/sign-in", {"email": email, "password": password, **more})

    def is_in(self) -> bool:
        """Whether the exchange knows who this is."""
        return self.get("/account").status_code == 200


def _form(data: dict[str, str]) -> str:
    from urllib.parse import urlencode

    return urlencode(data)


def account(
    world: World,
    email: str,
    organisation: str | None = None,
    *,
    level: str = "manager",
    password: str | None = PASSWORD,
) -> str:
    """An account with a password, cheaply hashed; its id."""
    world.app.state.exchange.kept[Passwords] = Passwords(CHEAP)
    with world.database.write() as session:
        person = people.create_person(session, email=email, name="Sam Carter", now=world.clock())
        person.password = CHEAP.hash(password) if password else None
        session.add(person)
        if organisation is not None:
            people.give_post(session, person.id, organisation, level=level, now=world.clock())
        return person.id


def reset_token(world: World, person: str) -> str:
    """A link to choose a new password."""
    with world.database.write() as session:
        return links.make(session, kind=links.RESET, person_id=person, lasts=timedelta(hours=1), now=world.clock())


def text_of(answer: Response) -> str:
    """The words of a page."""
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())
