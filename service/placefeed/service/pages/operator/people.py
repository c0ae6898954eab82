"""People: those of one organisation (invite, level, end), and anybody's account (search, close, open)."""

from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service import oversight
from placefeed.service.access import invitations, organisations, people
from placefeed.service.access.who import LEVELS
from placefeed.service.channels.subscriptions import mail
from placefeed.service.errors import Conflict, PlacefeedError
from placefeed.service.pages.forms import Form, of_refusal
from placefeed.service.pages.operator.common import Asked, Filled, note, room, sent
from placefeed.service.pages.render import see
from placefeed.service.pages.sign_in import letters
from placefeed.service.pages.visitors import Operator, OperatorReader
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

ON_A_PAGE = 50
FIELDS = ("email", "name", "level")


@router.get("/control/organisations/{organisation_id}/people")
def of_organisation(request: Request, _visitor: OperatorReader, organisation_id: str) -> Response:
    """Who works there, and who is invited."""
    return _of(request, organisation_id, Filled({"level": "reader"}))


@router.post("/control/organisations/{organisation_id}/people")
def invite(request: Request, visitor: Operator, organisation_id: str, fields: Form) -> Response:
    """Invite somebody: by e-mail where there is a mail server; the link is on the answer's page, and nowhere again."""
    exchange = exchange_of(request)
    settings = exchange.settings
    with exchange.database.read() as session:
        row = organisations.get_organisation(session, organisation_id)
    try:
        with exchange.database.write() as session:
            token, person = invitations.invite(
                session,
                organisation_id=organisation_id,
                email=fields.text("email"),
                name=fields.text("name"),
                level=fields.text("level"),
                by=visitor.acting,
                settings=settings,
                now=exchange.clock(),
            )
    except PlacefeedError as error:
        return _of(request, organisation_id, sent(fields, of_refusal(error, FIELDS)))
    link, mails = f"{settings.base_url}/invitations/{token}", mail.configured(settings)
    back = {"href": f"/control/organisations/{organisation_id}/people", "text": "People"}
    days = settings.invitation_for.days
    response = room(request, "invited", row=row, person=person, link=link, mails=mails, days=days, back=back)
    if mails:
        written = letters.letter(
            "invitation.txt", to=person.email, name=person.name, by=visitor.name, organisation=row.name,
            link=link, days=days,
        )  # fmt: skip
        response.background = BackgroundTask(letters.send, exchange, written)
    return response


@router.post("/control/organisations/{organisation_id}/people/{person_id}/level")
def change_level(request: Request, visitor: Operator, organisation_id: str, person_id: str, fields: Form) -> Response:
    """Give them another level; the last manager stays one."""
    exchange, level = exchange_of(request), fields.text("level")
    try:
        with exchange.database.write() as session:
            oversight.post_of(session, organisation_id, person_id)
            people.give_post(session, person_id, organisation_id, level=level, now=exchange.clock())
            detail = {"organisation": organisation_id, "level": level}
            note(request, session, visitor, "person.level-changed", person_id, detail)
    except Conflict as error:
        return _of(request, organisation_id, Filled({"level": "reader"}, {"people": str(error)}))
    return see(request, f"/control/organisations/{organisation_id}/people?done=level")


@router.post("/control/organisations/{organisation_id}/people/{person_id}/end")
def end(request: Request, visitor: Operator, organisation_id: str, person_id: str) -> Response:
    """They work there no more, at once; the last manager stays."""
    exchange = exchange_of(request)
    try:
        with exchange.database.write() as session:
            people.end_post(session, person_id, organisation_id)
            note(request, session, visitor, "person.post-ended", person_id, {"organisation": organisation_id})
    except Conflict as error:
        return _of(request, organisation_id, Filled({"level": "reader"}, {"people": str(error)}))
    return see(request, f"/control/organisations/{organisation_id}/people?done=ended")


@router.post("/control/organisations/{organisation_id}/people/{person_id}/withdraw")
def withdraw(request: Request, visitor: Operator, organisation_id: str, person_id: str) -> Response:
    """Make an invitation's link useless."""
    exchange = exchange_of(request)
    with exchange.database.write() as session:
        invitations.withdraw(session, organisation_id, person_id, by=visitor.acting, now=exchange.clock())
    return see(request, f"/control/organisations/{organisation_id}/people?done=withdrawn")


@router.get("/control/people")
def search(request: Request, _visitor: OperatorReader) -> Response:
    """Accounts by name or address."""
    asked = Asked(request)
    with exchange_of(request).database.read() as session:
        rows = oversight.person_rows(
            session, asked.text("name"), skip=(asked.page - 1) * ON_A_PAGE, limit=ON_A_PAGE + 1
        )
    return room(
        request,
        "people",
        asked=asked,
        form=Filled({"name": asked.text("name")}),
        rows=rows[:ON_A_PAGE],
        more=len(rows) > ON_A_PAGE,
    )


@router.get("/control/people/{person_id}")
def person(request: Request, visitor: OperatorReader, person_id: str) -> Response:
    """One account: where they work, and whether it is open."""
    with exchange_of(request).database.read() as session:
        found = people.get(session, person_id)
        posts = oversight.posts_of(session, [person_id]).get(person_id, [])
    return room(
        request,
        "person",
        asked=Asked(request),
        person=found,
        posts=posts,
        oneself=visitor.person_id == person_id,
        back={"href": "/control/people", "text": "People"},
    )


@router.post("/control/people/{person_id}/disable")
def disable(request: Request, visitor: Operator, person_id: str) -> Response:
    """Close the account at once, everywhere."""
    exchange = exchange_of(request)
    if person_id == visitor.person_id:
        raise Conflict("You cannot close your own account. Ask another operator.")
    with exchange.database.write() as session:
        people.disable(session, person_id, now=exchange.clock())
        note(request, session, visitor, "person.disable", person_id)
    return see(request, f"/control/people/{person_id}?done=disabled")


@router.post("/control/people/{person_id}/enable")
def enable(request: Request, visitor: Operator, person_id: str) -> Response:
    """Open it again; its sessions stay ended."""
    with exchange_of(request).database.write() as session:
        people.enable(session, person_id)
        note(request, session, visitor, "person.enable", person_id)
    return see(request, f"/control/people/{person_id}?done=enabled")


def _of(request: Request, organisation_id: str, form: Filled) -> Response:
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        row = organisations.get_organisation(session, organisation_id)
        return room(
            request,
            "people_of",
            form=form,
            asked=Asked(request),
            row=row,
            rows=people.colleagues(session, organisation_id),
            waiting=invitations.waiting(session, organisation_id, now=exchange.clock()),
            levels=LEVELS,
            mails=mail.configured(exchange.settings),
            back={"href": f"/control/organisations/{organisation_id}", "text": row.name},
        )
