"""A manager's page of colleagues: invite, change a level, end somebody's access."""

from typing import Any

from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access import audit, invitations, people
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.channels.subscriptions import mail
from placefeed.service.errors import Conflict, Invalid, NotFound
from placefeed.service.pages.forms import Form, of_refusal, summary
from placefeed.service.pages.render import page, see
from placefeed.service.pages.sign_in import letters
from placefeed.service.pages.visitors import Manager
from placefeed.service.running.parts import exchange_of
from placefeed.service.tables import Person, Post

router = APIRouter(include_in_schema=False, default_response_class=Response)

FIELDS = ("email", "name", "level")
DONE = {
    "level": "Their level is changed.",
    "ended": "Their access is ended.",
    "withdrawn": "The invitation is withdrawn.",
}
BACK = {"href": "/people", "text": "Back to colleagues"}


def here_of(visitor: Visitor) -> str:
    """The organisation that is managed."""
    return visitor.acting.organisation_id or ""


@router.get("/people")
def colleagues(request: Request, visitor: Manager, done: str = "") -> Response:
    """Everybody who works here, and who is invited."""
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        return page(
            request, "sign_in/people.html", colleagues=people.colleagues(session, here_of(visitor)),
            waiting=invitations.waiting(session, here_of(visitor), now=exchange.clock()), done=DONE.get(done),
        )  # fmt: skip


@router.get("/people/invite")
def ask(request: Request, visitor: Manager) -> Response:
    """Whom to invite."""
    return _ask(request, {"email": "", "name": "", "level": "reader"}, {})


@router.post("/people/invite")
def invite(request: Request, visitor: Manager, form: Form) -> Response:
    """Make the link, send it where there is a mail server, and show it this once."""
    exchange = exchange_of(request)
    settings = exchange.settings
    sent = {name: form.text(name) for name in FIELDS}
    try:
        with exchange.database.write() as session:
            token, person = invitations.invite(
                session, organisation_id=here_of(visitor), **sent, by=visitor.acting, settings=settings,
                now=exchange.clock(),
            )  # fmt: skip
    except (Invalid, Conflict) as error:
        return _ask(request, sent, of_refusal(error, FIELDS), status=422)
    link = f"{settings.base_url}/invitations/{token}"
    mails = mail.configured(settings)
    response = page(
        request,
        "sign_in/invited.html",
        person=person,
        link=link,
        mails=mails,
        days=settings.invitation_for.days,
        back=BACK,
    )
    if mails:
        written = letters.letter(
            "invitation.txt", to=person.email, name=person.name, by=visitor.name, organisation=visitor.acting.name,
            link=link, days=settings.invitation_for.days,
        )  # fmt: skip
        response.background = BackgroundTask(letters.send, exchange, written)
    return response


@router.get("/people/{id}")
def show(request: Request, id: str, visitor: Manager) -> Response:
    """One colleague."""
    return _show(request, visitor, id, {})


@router.post("/people/{id}/level")
def change_level(request: Request, id: str, visitor: Manager, form: Form) -> Response:
    """Give them another level. The last manager stays one."""
    exchange = exchange_of(request)
    level = form.text("level")
    try:
        with exchange.database.write() as session:
            _colleague(session, visitor, id)
            people.give_post(session, id, here_of(visitor), level=level, now=exchange.clock())
            audit.record(
                session, caller=visitor.acting, action="person.level-changed", subject=id,
                detail={"organisation": here_of(visitor), "level": level}, at=exchange.clock(),
            )  # fmt: skip
    except Invalid:
        return _show(request, visitor, id, {"level": "Choose a level."}, status=422)
    except Conflict as error:
        return _show(request, visitor, id, {"level": str(error)}, status=422)
    return see(request, "/people?done=level")


@router.post("/people/{id}/end")
def end(request: Request, id: str, visitor: Manager) -> Response:
    """They work here no more, at once. The last manager stays."""
    exchange = exchange_of(request)
    try:
        with exchange.database.write() as session:
            _colleague(session, visitor, id)
            people.end_post(session, id, here_of(visitor))
            audit.record(
                session, caller=visitor.acting, action="person.post-ended", subject=id,
                detail={"organisation": here_of(visitor)}, at=exchange.clock(),
            )  # fmt: skip
    except Conflict as error:
        return _show(request, visitor, id, {"end": str(error)}, status=422)
    return see(request, "/organisations" if id == visitor.person_id else "/people?done=ended")


@router.post("/people/{id}/withdraw")
def withdraw(request: Request, id: str, visitor: Manager) -> Response:
    """Make an invitation's link useless."""
    exchange = exchange_of(request)
    with exchange.database.write() as session:
        invitations.withdraw(session, here_of(visitor), id, by=visitor.acting, now=exchange.clock())
    return see(request, "/people?done=withdrawn")


def _colleague(session: Any, visitor: Visitor, person_id: str) -> tuple[Person, Post]:
    for person, post in people.colleagues(session, here_of(visitor)):
        if person.id == person_id:
            return person, post
    raise NotFound("Nobody like this works here.")


def _ask(request: Request, sent: dict[str, str], wrong: dict[str, str], *, status: int = 200) -> Response:
    return page(
        request, "sign_in/invite.html", status=status, sent=sent, wrong=wrong, errors=summary(wrong), back=BACK,
        mails=mail.configured(exchange_of(request).settings),
    )  # fmt: skip


def _show(request: Request, visitor: Visitor, person_id: str, wrong: dict[str, str], *, status: int = 200) -> Response:
    with exchange_of(request).database.read() as session:
        person, post = _colleague(session, visitor, person_id)
    return page(
        request, "sign_in/colleague.html", status=status, person=person, post=post, wrong=wrong, errors=summary(wrong),
        back=BACK,
    )  # fmt: skip
