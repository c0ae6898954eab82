"""Exactly what members see of a home, as one of them has it."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.homes.home import home_of
from placefeed.service.homes.seen import buyers_of, listings_for, provider_of
from placefeed.service.pages.provider.telling import WHY, caller_of
from placefeed.service.pages.render import page
from placefeed.service.pages.visitors import ProviderReader
from placefeed.service.running.parts import exchange_of, note_read

router = APIRouter(include_in_schema=False, default_response_class=Response)


@router.get("/homes/{urn}/as-members-see")
def as_members_see(
    request: Request, urn: str, visitor: ProviderReader, who: Annotated[str, Query(max_length=90)] = ""
) -> Response:
    """The listings of this home as the chosen member or consortium has them, and why the rest is not listed."""
    exchange = exchange_of(request)
    caller, organisation = caller_of(visitor)
    with exchange.database.read() as session:
        now = exchange.clock()
        home = home_of(session, organisation, urn, settings=exchange.settings, now=now)
        listings = listings_for(session, organisation, urn, who, now=now)
        buyers = buyers_of(session, provider_of(session, urn), now=now)
    note_read(exchange, caller, "setting.read", urn)
    return page(
        request,
        "provider/seen.html",
        home=home,
        listings=listings,
        buyers=buyers,
        who=who,
        chosen=next((each.name for each in buyers if each.key == who), None),
        why=WHY,
        back={"href": f"/homes/{urn}", "text": home.name},
    )
