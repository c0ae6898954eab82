"""The one-use link of a reminder, and the switch of reminders. A link that is only opened changes nothing: scanners of mail open links."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.channels.reminders import answers, wishes
from placefeed.service.db import secret_of
from placefeed.service.errors import NotFound
from placefeed.service.pages.forms import Form
from placefeed.service.pages.render import page, see
from placefeed.service.pages.visitors import Anybody, SignedIn
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)


@router.get("/unchanged/{token}")
def unchanged(request: Request, token: str, _visitor: Anybody) -> Response:
    """Which homes, and the button."""
    exchange = exchange_of(request)
    try:
        with exchange.database.read() as session:
            asked = answers.look(session, token, now=exchange.clock())
    except NotFound:
        return _over(request)
    return page(request, "sending/unchanged.html", asked=asked, token=token)


@router.post("/unchanged/{token}")
def confirm(request: Request, token: str, _visitor: Anybody) -> Response:
    """Nothing has changed at any of them. The link is used up, so the answer is here and nowhere else."""
    exchange = exchange_of(request)
    try:
        with exchange.database.write() as session:
            found = answers.confirm(session, token, now=exchange.clock())
    except NotFound:
        return _over(request)
    return page(
        request,
        "sending/confirmed.html",
        renewed=[each for each in found if each.attested],
        left=[each for each in found if not each.attested],
        partly=[each for each in found if each.attested and each.why],
    )


@router.get("/reminders")
def reminders(request: Request, visitor: SignedIn) -> Response:
    """For which organisations reminders come."""
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        found = wishes.wishes_of(session, visitor.person_id)
    return page(
        request, "sending/reminders.html", wishes=found, done=request.query_params.get("done"), email=visitor.email
    )


@router.post("/reminders")
def switch(request: Request, visitor: SignedIn, form: Form) -> Response:
    """Begin or stop them for one."""
    exchange = exchange_of(request)
    wanted = form.text("wanted") == "yes"
    with exchange.database.write() as session:
        wishes.want(session, visitor.person_id, form.text("organisation"), wanted=wanted, now=exchange.clock())
    return see(request, f"/reminders?done={'on' if wanted else 'off'}")


@router.get("/reminders/stop/{token}")
def ask_to_stop(request: Request, token: str, _visitor: Anybody) -> Response:
    """The link in an e-mail's footer: a page with a button."""
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        wish = wishes.read_stop_token(session, token, secret=secret_of(exchange.settings))
    return page(request, "sending/stop.html", wish=wish, token=token)


@router.post("/reminders/stop/{token}")
def stop(request: Request, token: str, _visitor: Anybody) -> Response:
    """Stop them; mail programs send this by themselves when somebody presses their “unsubscribe” (RFC 8058)."""
    exchange = exchange_of(request)
    with exchange.database.write() as session:
        wish = wishes.read_stop_token(session, token, secret=secret_of(exchange.settings))
        wishes.want(session, wish.person_id, wish.organisation_id, wanted=False, now=exchange.clock())
    return page(request, "sending/stopped.html", wish=wish)


def _over(request: Request) -> Response:
    return page(request, "sending/over.html", status=404)
