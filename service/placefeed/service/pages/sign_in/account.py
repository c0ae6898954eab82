"""One's own account: name, password, second factor, and where one is signed in."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access import audit, lockout, oidc, passwords, people, sign_ins
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.errors import Invalid, TooManyRequests
from placefeed.service.pages.forms import Form, of_refusal, summary
from placefeed.service.pages.render import page, see
from placefeed.service.pages.sign_in import letters
from placefeed.service.pages.sign_in.session import know, passwords_of, place_of, secret
from placefeed.service.pages.visitors import SignedIn
from placefeed.service.running.origin import KNOWN_BROWSER, cookie_of
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

DONE = {
    "name": "Your name is changed.",
    "password": "Your password is changed. You are signed out everywhere else.",
    "second-factor": "Your second factor is off.",
    "sessions": "You are signed out there.",
}


@router.get("/account")
def account(request: Request, visitor: SignedIn, done: str = "") -> Response:
    """All of it on one page."""
    return _page(request, visitor, done=DONE.get(done))


@router.post("/account/name")
def rename(request: Request, visitor: SignedIn, form: Form) -> Response:
    """Change one's name."""
    exchange = exchange_of(request)
    try:
        with exchange.database.write() as session:
            people.rename(session, visitor.person_id, form.text("name"))
            audit.record(
                session, caller=visitor.acting, action="person.renamed", subject=visitor.person_id, at=exchange.clock()
            )
    except Invalid as error:
        return _page(request, visitor, wrong=of_refusal(error, ["name"]), name=form.text("name"), status=422)
    return see(request, "/account?done=name")


@router.post("/account/password")
def change_password(request: Request, visitor: SignedIn, form: Form) -> Response:
    """The present password, and a new one; every other session ends."""
    exchange = exchange_of(request)
    now, hasher = exchange.clock(), passwords_of(exchange)
    with exchange.database.read() as session:
        person = people.get(session, visitor.person_id)
    try:
        with (
            exchange.database.write() as session
        ):  # who has found an open browser may not guess here without end either
            attempt = lockout.begin(
                session, email=person.email, place=place_of(request), now=now, secret=secret(exchange),
                cookie=cookie_of(request, exchange.settings, KNOWN_BROWSER),
            )  # fmt: skip
    except TooManyRequests as error:
        return _page(request, visitor, wrong={"current": str(error)}, status=429)
    if not hasher.verify(person.password, form.raw("current")):
        return _page(request, visitor, wrong={"current": "This is not your present password."}, status=422)
    chosen = form.raw("password")
    try:
        passwords.check(chosen, email=person.email, name=person.name)
    except Invalid as error:
        return _page(request, visitor, wrong=of_refusal(error, ["password"]), status=422)
    hashed = hasher.hash(chosen)
    with exchange.database.write() as session:
        lockout.went_well(session, attempt)
        passwords.change(session, people.get(session, person.id), hashed, keep=visitor.sign_in_id, now=now)
    response = see(request, "/account?done=password")
    know(request, response, person.email)
    letters.tell_of_new_password(exchange, response, person)
    return response


@router.post("/account/sign-ins/end-others")
def end_others(request: Request, visitor: SignedIn) -> Response:
    """Sign out everywhere else."""
    exchange = exchange_of(request)
    with exchange.database.write() as session:
        sign_ins.end_all(session, visitor.person_id, but=visitor.sign_in_id)
        _noted(session, visitor, "others", exchange.clock())
    return see(request, "/account?done=sessions")


@router.post("/account/sign-ins/{id}/end")
def end_one(request: Request, id: str, visitor: SignedIn) -> Response:
    """Sign out there; again changes nothing."""
    exchange = exchange_of(request)
    with exchange.database.write() as session:
        sign_ins.end(session, visitor.person_id, id)
        _noted(session, visitor, id, exchange.clock())
    return see(request, "/account?done=sessions")


def _noted(session: Any, visitor: Visitor, which: str, now: Any) -> None:
    audit.record(
        session,
        caller=visitor.acting,
        action="sign-in.ended",
        subject=visitor.person_id,
        detail={"which": which},
        at=now,
    )


def _page(
    request: Request,
    visitor: Visitor,
    *,
    done: str | None = None,
    wrong: dict[str, str] | None = None,
    name: str | None = None,
    status: int = 200,
) -> Response:
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        person = people.get(session, visitor.person_id)
        others = sign_ins.list_sign_ins(session, person.id, settings=exchange.settings, now=exchange.clock())
        identities = oidc.identities_of(session, person.id)
    titles = {provider.issuer: provider.title for provider in exchange.settings.oidc.values()}
    return page(
        request,
        "sign_in/account.html",
        status=status,
        person=person,
        name=person.name if name is None else name,
        sessions=others,
        ways={name: provider.title for name, provider in exchange.settings.oidc.items()},
        identities=[titles.get(each.issuer, each.issuer) for each in identities],
        done=done,
        wrong=wrong or {},
        errors=summary(wrong or {}),
    )
