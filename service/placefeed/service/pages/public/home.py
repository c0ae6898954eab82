"""The first page: what this is for who is not signed in, and the right beginning for who is."""

from functools import cache
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.schema.files import find
from placefeed.service.pages.navigation import BY_ROLE
from placefeed.service.pages.render import page, see
from placefeed.service.pages.visitors import Anybody

router = APIRouter(include_in_schema=False, default_response_class=Response)

SAMPLE = "listing-home-of-four.json"


@router.get("/")
def home(request: Request, visitor: Anybody) -> Response:
    """Who is signed in comes to where they work."""
    if visitor is not None:
        return see(request, BY_ROLE[visitor.role][0][0] if visitor.role else "/organisations")
    return page(request, "public/home.html", sample=sample(), sample_name=SAMPLE)


@cache
def sample() -> dict[str, Any]:
    """A listing as members read it: an example of the standard, whose home is invented."""
    document: dict[str, Any] = orjson.loads(find("examples", "valid", SAMPLE).read_bytes())
    return document
