"""An invitation's page: opening it changes nothing, its form takes it up."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access import entering, invitations, links, passwords, people
from placefeed.service.access.invitations import Invited
from placefeed.service.access.sign_ins import OWN_WAY
from placefeed.service.errors import Invalid, NotFound
from placefeed.service.pages.forms import Fields, Form, of_refusal, summary
from placefeed.service.pages.render import page, see
from placefeed.service.pages.sign_in.session import browser_of, go_on, passwords_of
from placefeed.service.pages.visitors import Anybody
from placefeed.service.running.origin import cookie_of
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

FIELDS = ("name", "password")


@router.get("/invitations/{token}")
def show(request: Request, token: str, visitor: Anybody) -> Response:
    """Who invites to what; a name and a password to choose, for who has no account yet."""
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        invited = invitations.look(session, token, now=exchange.clock())
    return _page(request, invited, invited.person.name, {})


@router.post("/invitations/{token}")
def accept(request: Request, token: str, visitor: Anybody, form: Form) -> Response:
    """Take it up. Who has none yet is signed in by this; who has an account must be signed in to it.

    An account may have been begun by somebody who was handed another link to this address: a link alone gives it nothing more.
    """
    exchange = exchange_of(request)
    now = exchange.clock()
    with exchange.database.read() as session:
        invited = invitations.look(session, token, now=now)
    if invited.known:
        if visitor is None or visitor.person_id != invited.person.id:
            return see(request, f"/sign-in?next={quote(f'/invitations/{token}', safe='')}")
        with exchange.database.write() as session:
            invitations.accept(session, token, now=now)
        return see(request, "/organisations")
    name, password = form.text("name"), form.raw("password")
    try:
        called = people.called_by(name)
        passwords.check(password, email=invited.person.email, name=called)
    except Invalid as error:
        return _again(request, form, invited, of_refusal(error, FIELDS))
    hashed = passwords_of(exchange).hash(password)
    with exchange.database.write() as session:
        taken = invitations.accept(session, token, now=now)
        if taken.known:  # of two invitations at once the other was quicker: nothing of this one is kept
            raise NotFound(links.REFUSAL)
        people.rename(session, taken.person.id, called)
        passwords.change(session, taken.person, hashed, keep=None, now=now)
        entered = entering.enter(
            session, taken.person, how=OWN_WAY, old=cookie_of(request, exchange.settings),
            browser=browser_of(request), settings=exchange.settings, now=now,
        )  # fmt: skip
        return go_on(request, session, entered, taken.person, "/")


def _again(request: Request, form: Fields, invited: Invited, wrong: dict[str, str]) -> Response:
    return _page(request, invited, form.text("name"), wrong, status=422)


def _page(request: Request, invited: Invited, name: str, wrong: dict[str, str], **more: Any) -> Response:
    return page(
        request, "sign_in/invitation.html", invited=invited, name=name, wrong=wrong, errors=summary(wrong), **more
    )
