"""Sign in with address and password, the second factor's page, and sign out."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access import audit, entering, lockout, people, sign_ins
from placefeed.service.access.sign_ins import OWN_WAY
from placefeed.service.errors import NotFound, TooManyRequests
from placefeed.service.pages.forms import Fields, Form, summary
from placefeed.service.pages.render import ours, page, see
from placefeed.service.pages.sign_in.session import (
    HALF_WAY,
    browser_of,
    go_on,
    onward,
    passwords_of,
    place_of,
    secret,
)
from placefeed.service.pages.visitors import Anybody
from placefeed.service.running.origin import KNOWN_BROWSER, cookie_of, drop_cookie
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

WRONG = "The email address or the password is not right. Check both and try again."
"""The same words whether or not there is such an account."""
DONE = {"password": "Your password is changed. Sign in with the new one.", "out": "You are signed out."}

Next = Annotated[str, Query(alias="next", max_length=2000)]


@router.get("/sign-in")
def ask(request: Request, visitor: Anybody, to: Next = "", done: str = "") -> Response:
    """The form, and the other sign-ins."""
    if visitor is not None:
        return see(request, onward(visitor, to))
    return page(request, "sign_in/sign_in.html", next=ours(to), email="", done=DONE.get(done), wrong={})


@router.post("/sign-in")
def sign_in(request: Request, visitor: Anybody, form: Form) -> Response:
    """A right password begins a session, or leads to the second factor."""
    exchange = exchange_of(request)
    now, key = exchange.clock(), secret(exchange)
    email, given = form.text("email").lower()[:254], form.raw("password")
    if not email:
        form.wrong("email", "Enter your email address.")
    if not given:
        form.wrong("password", "Enter your password.")
    if form.errors:
        return _again(request, form, 422)
    passwords = passwords_of(exchange)
    try:
        with exchange.database.write() as session:
            attempt = lockout.begin(
                session, email=email, place=place_of(request), now=now, secret=key,
                cookie=cookie_of(request, exchange.settings, KNOWN_BROWSER),
            )  # fmt: skip
    except TooManyRequests as error:
        form.wrong("email", str(error))
        return _again(request, form, error.status, error.headers)
    with exchange.database.read() as session:
        person = people.find(session, email)
    # Nobody's password is verified too: an address without an account takes as long.
    right = passwords.verify(person.password if person else None, given)
    if person is None or person.password is None or not right or person.disabled_at is not None:
        form.wrong("email", WRONG)
        return _again(request, form, 422)
    hashed = passwords.hash(given) if passwords.is_stale(person.password) else None
    with exchange.database.write() as session:
        lockout.went_well(session, attempt)
        found = people.get(session, person.id)
        if hashed is not None:
            people.renew_hash(session, found, was=person.password, hashed=hashed)
        entered = entering.enter(
            session, found, how=OWN_WAY, old=cookie_of(request, exchange.settings),
            browser=browser_of(request), settings=exchange.settings, now=now,
        )  # fmt: skip
        return go_on(request, session, entered, found, ours(form.text("next")))


def _again(request: Request, form: Fields, status: int, headers: dict[str, str] | None = None) -> Response:
    return page(
        request, "sign_in/sign_in.html", status=status, headers=headers, next=ours(form.text("next")),
        email=form.text("email"), done=None, wrong=form.errors, errors=summary(form.errors),
    )  # fmt: skip


# -- the second factor --------------------------------------------------------------------------------------------------


@router.get("/sign-in/code")
def ask_code(request: Request, visitor: Anybody, to: Next = "") -> Response:
    """The second page, for who gave a right password just now."""
    exchange = exchange_of(request)
    if cookie_of(request, exchange.settings, HALF_WAY) is None:
        return see(request, "/sign-in")
    return page(request, "sign_in/code.html", next=ours(to), wrong={}, back={"href": "/sign-in", "text": "Back"})


@router.post("/sign-in/code")
def enter_code(request: Request, visitor: Anybody, form: Form) -> Response:
    """A right code begins the session."""
    exchange = exchange_of(request)
    now, key = exchange.clock(), secret(exchange)
    token = cookie_of(request, exchange.settings, HALF_WAY)
    try:
        with exchange.database.write() as session:
            known = cookie_of(request, exchange.settings, KNOWN_BROWSER)
            attempt = entering.try_code(session, token, cookie=known, secret=key, now=now)
        with exchange.database.write() as session:
            made = entering.enter_by_code(
                session, token or "", form.text("code"), old=cookie_of(request, exchange.settings), secret=key,
                browser=browser_of(request), settings=exchange.settings, now=now,
            )  # fmt: skip
            if made is not None:
                person, cookie = made
                lockout.went_well(session, attempt)
                return go_on(
                    request, session, entering.Entered(cookie, half_way=False), person, ours(form.text("next"))
                )
    except (NotFound, TooManyRequests) as error:
        late = isinstance(error, NotFound)
        form.wrong(
            "email", "That took too long. Sign in again." if late else "There were too many tries. Sign in again."
        )
        response = _again(request, form, 422 if late else error.status, error.headers)
        drop_cookie(response, exchange.settings, HALF_WAY)
        return response
    form.wrong("code", "Enter the six figures that your app shows now, or one of your recovery codes. Each works once.")
    return page(
        request, "sign_in/code.html", status=422, next=ours(form.text("next")), wrong=form.errors,
        errors=summary(form.errors), back={"href": "/sign-in", "text": "Back"},
    )  # fmt: skip


@router.post("/sign-out")
def sign_out(request: Request, visitor: Anybody) -> Response:
    """The session ends here and in the exchange."""
    exchange = exchange_of(request)
    if visitor is not None:
        with exchange.database.write() as session:
            sign_ins.end(session, visitor.person_id, visitor.sign_in_id)
            audit.record(
                session, caller=visitor.acting,
                action="person.signed-out", subject=visitor.person_id, at=exchange.clock(),
            )  # fmt: skip
    response = see(request, "/sign-in?done=out")
    drop_cookie(response, exchange.settings)
    drop_cookie(response, exchange.settings, HALF_WAY)
    return response
