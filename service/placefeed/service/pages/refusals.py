"""Every refusal as a page, from the one table in `errors`: what was wrong, where, and what to do."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.errors import NotAuthenticated, PlacefeedError
from placefeed.service.pages.render import page, see
from placefeed.service.pages.visitors import NoPlaceChosen, SecondFactorMissing
from placefeed.service.running.origin import READS

MACHINES = ("/v1", "/static", "/healthz", "/readyz", "/metrics")
"""Addresses where machines ask: their refusals are problem documents whatever they accept."""


def is_for_people(request: Request) -> bool:
    """Whether a browser asks for a page, rather than a program for data."""
    path = request.scope["path"]
    machine = any(path == start or path.startswith(f"{start}/") for start in MACHINES)
    return not machine and "text/html" in request.headers.get("accept", "")


def refusal(request: Request, error: PlacefeedError) -> Response:
    """The page; who must sign in first is led there, and back."""
    if isinstance(error, NotAuthenticated):
        back = request.scope["path"] + (
            f"?{request.scope['query_string'].decode('latin-1')}" if request.scope["query_string"] else ""
        )
        return see(request, f"/sign-in?next={quote(back, safe='')}" if request.method in READS else "/sign-in")
    if isinstance(error, NoPlaceChosen):
        return see(request, "/organisations")
    if isinstance(error, SecondFactorMissing):
        return see(request, "/account/second-factor")
    return page(
        request,
        "refusal.html",
        status=error.status,
        headers=error.headers,
        error=error,
        request_id=request.scope.get("request_id"),
    )
