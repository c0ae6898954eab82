"""A forgotten password: a link by e-mail, and the page that it leads to. The answer says nothing about who has an account."""

from functools import partial

from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access import entering, links, lockout, oidc, passwords, people
from placefeed.service.channels.subscriptions import mail
from placefeed.service.errors import Invalid
from placefeed.service.pages.forms import Form, of_refusal, summary
from placefeed.service.pages.render import page, see
from placefeed.service.pages.sign_in import letters
from placefeed.service.pages.sign_in.session import know, passwords_of, place_of, secret
from placefeed.service.pages.visitors import Anybody
from placefeed.service.running.parts import Exchange, exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)


@router.get("/new-password")
def ask(request: Request, visitor: Anybody, sent: str = "") -> Response:
    """Ask for a link; without a mail server, whom to ask instead."""
    return page(
        request, "sign_in/new_password.html", sent=bool(sent), mails=mail.configured(exchange_of(request).settings),
        email="", wrong={}, back={"href": "/sign-in", "text": "Back to sign in"},
    )  # fmt: skip


@router.post("/new-password")
def send(request: Request, visitor: Anybody, form: Form) -> Response:
    """The same answer for every address; whatever depends on it is done after the answer."""
    exchange = exchange_of(request)
    try:
        email = people.address(form.text("email"))
    except Invalid as error:
        wrong = of_refusal(error, ["email"])
        return page(
            request, "sign_in/new_password.html", status=422, sent=False, mails=mail.configured(exchange.settings),
            email=form.text("email"), wrong=wrong, errors=summary(wrong), back={"href": "/sign-in", "text": "Back to sign in"},
        )  # fmt: skip
    with exchange.database.write() as session:
        lockout.ask_letter(session, place=place_of(request), secret=secret(exchange), now=exchange.clock())
    response = see(request, "/new-password?sent=yes")
    if mail.configured(exchange.settings):
        response.background = BackgroundTask(_send, exchange, email)
    return response


async def _send(exchange: Exchange, email: str) -> None:
    written = await run_sync(partial(_write, exchange, email))
    if written is not None:
        await letters.send(exchange, written)


def _write(exchange: Exchange, email: str) -> mail.Letter | None:
    settings = exchange.settings
    with exchange.database.write() as session:
        made = entering.reset_link(session, email, settings=settings, now=exchange.clock())
        if made is None:
            return None
        person, token = made
        if person.password is None and oidc.identities_of(session, person.id):
            links.void(session, kind=links.RESET, person_id=person.id, now=exchange.clock())
            return letters.letter("other-sign-in.txt", to=person.email, name=person.name, base=settings.base_url)
    return letters.letter(
        "new-password.txt",
        to=person.email,
        name=person.name,
        link=f"{settings.base_url}/new-password/{token}",
        minutes=int(settings.reset_for.total_seconds() // 60),
    )


@router.get("/new-password/{token}")
def show(request: Request, token: str, visitor: Anybody) -> Response:
    """The form for the new password. Opening it changes nothing."""
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        row = links.look(session, token, kind=links.RESET, now=exchange.clock())
        person = people.get(session, row.person_id or "")
    return page(request, "sign_in/choose_password.html", email=person.email, wrong={})


@router.post("/new-password/{token}")
def choose(request: Request, token: str, visitor: Anybody, form: Form) -> Response:
    """The new password counts; every session ends, and the second factor is still asked for at the next one."""
    exchange = exchange_of(request)
    now, chosen = exchange.clock(), form.raw("password")
    with exchange.database.read() as session:
        row = links.look(session, token, kind=links.RESET, now=now)
        person = people.get(session, row.person_id or "")
    try:
        passwords.check(chosen, email=person.email, name=person.name)
    except Invalid as error:
        wrong = of_refusal(error, ["password"])
        return page(
            request, "sign_in/choose_password.html", status=422, email=person.email, wrong=wrong, errors=summary(wrong)
        )
    hashed = passwords_of(exchange).hash(chosen)
    with exchange.database.write() as session:
        taken = links.consume(session, token, kind=links.RESET, now=now)
        passwords.change(session, people.get(session, taken.person_id or ""), hashed, keep=None, now=now)
    response = see(request, "/sign-in?done=password")
    know(request, response, person.email)
    letters.tell_of_new_password(exchange, response, person)
    return response
