"""`GET /terms`: what members may do with the data, in plain English; the `license` of the change feeds points here."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from placefeed.service.api.deps import Anyone, Running
from placefeed.service.api.html import page
from placefeed.service.api.openapi import TEXT, answers

router = APIRouter(tags=["about"], default_response_class=Response)


@router.get(
    "/terms",
    summary="The terms under which members get the data",
    responses=answers("The page.", {"text/html": TEXT}) | answers("They stand elsewhere.", status=307),
)
def terms(_caller: Anyone, exchange: Running) -> Response:
    """The page of ours, or the operator's own."""
    if exchange.settings.data_terms_url:
        return RedirectResponse(exchange.settings.data_terms_url)
    return page("terms.html", base=exchange.settings.base_url.rstrip("/"), public=exchange.settings.public)
