"""Everybody's subscriptions: how each stands, every attempt, and what the operator may do for its owner."""

from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service import oversight
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.channels.subscriptions import operating
from placefeed.service.db import secret_of
from placefeed.service.errors import NotFound, PlacefeedError
from placefeed.service.pages.forms import Form, of_refusal
from placefeed.service.pages.operator.common import Asked, Filled, room, sent
from placefeed.service.pages.render import see
from placefeed.service.pages.visitors import Operator, OperatorReader
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

ON_A_PAGE = 50
STATES = ("requested", "active", "paused", "error")
HIGHEST = 999_999_999


@router.get("/control/subscriptions")
def subscriptions(request: Request, _visitor: OperatorReader) -> Response:
    """Those in error first."""
    exchange, asked = exchange_of(request), Asked(request)
    with exchange.database.read() as session:
        rows = oversight.subscription_rows(
            session,
            organisation_id=asked.text("organisation") or None,
            state=asked.one_of("state", STATES) or None,
            skip=(asked.page - 1) * ON_A_PAGE,
            limit=ON_A_PAGE + 1,
        )
    return room(
        request,
        "subscriptions",
        asked=asked,
        form=Filled({name: asked.text(name) for name in ("organisation", "state")}),
        rows=rows[:ON_A_PAGE],
        more=len(rows) > ON_A_PAGE,
        states=STATES,
    )


@router.get("/control/subscriptions/{subscription_id}")
def subscription(request: Request, visitor: OperatorReader, subscription_id: str) -> Response:
    """One of them, with its attempts."""
    return _show(request, visitor, subscription_id, Filled())


@router.post("/control/subscriptions/{subscription_id}/replay")
def replay(request: Request, visitor: Operator, subscription_id: str, fields: Form) -> Response:
    """Have a range of numbers sent again, or all from a number on."""
    exchange = exchange_of(request)
    first = fields.whole("from", least=1, most=HIGHEST, what="The first number")
    until = fields.whole("until", least=1, most=HIGHEST, what="The last number")
    if first is None:
        fields.wrong("from", "Enter the first number to send again.")
    waiting = expired = 0
    if not fields.errors and first is not None:
        try:
            with exchange.database.write() as session:
                waiting, expired = operating.resend(
                    session, visitor.acting, subscription_id, first, until, now=exchange.clock()
                )
        except NotFound:
            raise
        except PlacefeedError as error:
            fields.errors |= of_refusal(error, ["from", "until"])
    if fields.errors:
        return _show(request, visitor, subscription_id, sent(fields))
    return see(request, f"/control/subscriptions/{subscription_id}?done=replay&waiting={waiting}&expired={expired}")


@router.post("/control/subscriptions/{subscription_id}/{what}")
def act(request: Request, visitor: Operator, subscription_id: str, what: str) -> Response:
    """Pause it, resume it, or have a test sent."""
    exchange, caller = exchange_of(request), visitor.acting
    if what not in ("pause", "resume", "test"):
        raise NotFound("There is no such action.")
    try:
        with exchange.database.write() as session:
            now = exchange.clock()
            if what == "pause":
                operating.pause(session, caller, subscription_id, now=now)
            elif what == "test":
                operating.test(session, caller, subscription_id, now=now)
            else:
                secret = secret_of(exchange.settings)
                operating.resume(session, caller, subscription_id, settings=exchange.settings, secret=secret, now=now)
    except NotFound:
        raise
    except PlacefeedError as error:
        return _show(request, visitor, subscription_id, Filled({}, of_refusal(error, ["actions"])))
    return see(request, f"/control/subscriptions/{subscription_id}?done={what}")


def shown_host(url: str | None) -> str:
    """Where a webhook goes, without its path and query: they may hold its owner's password."""
    parts = urlsplit(url or "")
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"


def _show(request: Request, visitor: Visitor, subscription_id: str, form: Filled) -> Response:
    exchange, asked, caller = exchange_of(request), Asked(request), visitor.acting
    with exchange.database.read() as session:
        status = operating.status(session, caller, subscription_id)
        rows = operating.deliveries(
            session, caller, subscription_id, before=asked.number("before"), limit=ON_A_PAGE + 1
        )
        names = oversight.names_of_organisations(session, [status.row.organisation_id])
    return room(
        request,
        "subscription",
        form=form,
        asked=asked,
        stands=status,
        row=status.row,
        shown_host=shown_host,
        organisation=names.get(status.row.organisation_id, status.row.organisation_id),
        deliveries=rows[:ON_A_PAGE],
        older=asked.to(before=rows[ON_A_PAGE - 1].id) if len(rows) > ON_A_PAGE else None,
        back={"href": "/control/subscriptions", "text": "Subscriptions"},
    )
