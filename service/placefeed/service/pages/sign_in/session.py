"""What the pages of this room share: where a browser is, what it is, its cookies, and where it goes on to."""

from urllib.parse import quote

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access import sign_ins
from placefeed.service.access.entering import HALF_WAY_FOR, Entered
from placefeed.service.access.lockout import KNOWN_FOR, remember
from placefeed.service.access.passwords import Passwords
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.db import secret_of
from placefeed.service.pages.render import ours, see
from placefeed.service.running.origin import KNOWN_BROWSER, cookie_of, drop_cookie, set_cookie
from placefeed.service.running.parts import Exchange, exchange_of
from placefeed.service.tables import Person

HALF_WAY = "half-way"
"""The cookie of a sign-in that waits for its second factor."""

BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "a Chromebook"),
    ("Mac OS X", "a Mac"),
    ("Linux", "Linux"),
)


def passwords_of(exchange: Exchange) -> Passwords:
    """The hasher of this application."""
    return exchange.keep(Passwords, Passwords)


def secret(exchange: Exchange) -> bytes:
    """What cookies and notes are signed with."""
    return secret_of(exchange.settings)


def place_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


def browser_of(request: Request) -> str:
    """The browser in words that its owner recognises: “Firefox on Windows”."""
    said = request.headers.get("user-agent", "")
    browser = next((name for mark, name in BROWSERS if mark in said), "A browser")
    system = next((name for mark, name in SYSTEMS if mark in said), None)
    return f"{browser} on {system}" if system else browser


def go_on(request: Request, session: Session, entered: Entered, person: Person, to: str) -> Response:
    """The answer to a right password, or another sign-in: the cookie, and the page to go on to."""
    exchange = exchange_of(request)
    if entered.half_way:
        response = see(request, f"/sign-in/code?next={quote(to, safe='')}" if to != "/" else "/sign-in/code")
        set_cookie(
            response, exchange.settings, entered.cookie, seconds=int(HALF_WAY_FOR.total_seconds()), name=HALF_WAY
        )
        return response
    visitor = sign_ins.visitor_of(session, entered.cookie, settings=exchange.settings, now=exchange.clock())
    response = see(request, onward(visitor, to))
    set_cookie(response, exchange.settings, entered.cookie, seconds=int(exchange.settings.sign_in_for.total_seconds()))
    drop_cookie(response, exchange.settings, HALF_WAY)
    know(request, response, person.email)
    return response


def know(request: Request, response: Response, email: str) -> None:
    """From now on this browser is known to the account: strangers cannot lock its owner out here."""
    exchange = exchange_of(request)
    text = remember(
        cookie_of(request, exchange.settings, KNOWN_BROWSER), email=email, secret=secret(exchange), now=exchange.clock()
    )
    set_cookie(response, exchange.settings, text, seconds=int(KNOWN_FOR.total_seconds()), name=KNOWN_BROWSER)


def onward(visitor: Visitor | None, to: str | None) -> str:
    """Where somebody goes who has signed in: what they wanted, after what they must do first."""
    path = ours(to)
    if visitor is not None and visitor.must_enrol:
        return "/account/second-factor"
    if visitor is not None and visitor.place is None and (visitor.places or path == "/"):
        return "/organisations" if path == "/" else f"/organisations?next={quote(path, safe='')}"
    return path
