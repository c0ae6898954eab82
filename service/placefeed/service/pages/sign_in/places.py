"""Choose the organisation that one works for now."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access import sign_ins
from placefeed.service.pages.forms import Form, summary
from placefeed.service.pages.render import ours, page, see
from placefeed.service.pages.sign_in.entering import Next
from placefeed.service.pages.sign_in.session import onward
from placefeed.service.pages.visitors import SignedIn
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)


@router.get("/organisations")
def choices(request: Request, visitor: SignedIn, to: Next = "") -> Response:
    """Where one may work; who works nowhere is told whom to ask."""
    if visitor.must_enrol and len(visitor.places) == 1:
        return see(request, "/account/second-factor")
    return page(request, "sign_in/organisations.html", next=ours(to), wrong={})


@router.post("/organisations")
def choose(request: Request, visitor: SignedIn, form: Form) -> Response:
    """Work for this one from now on."""
    exchange = exchange_of(request)
    chosen = form.text("organisation")
    if chosen not in {place.organisation_id for place in visitor.places}:
        form.wrong("organisation", "Choose an organisation.")
        return page(
            request, "sign_in/organisations.html", status=422, next=ours(form.text("next")), wrong=form.errors,
            errors=summary(form.errors),
        )  # fmt: skip
    with exchange.database.write() as session:
        sign_ins.choose(session, visitor, chosen)
        again = sign_ins.visitor_by_id(session, visitor.sign_in_id, settings=exchange.settings, now=exchange.clock())
    return see(request, onward(again, form.text("next")))
