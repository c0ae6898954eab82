"""`/accessibility` and `/privacy`: how well the pages can be used, and what is kept about whom."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access.entering import HALF_WAY_FOR
from placefeed.service.access.links import HALF_WAY
from placefeed.service.access.lockout import KNOWN_FOR
from placefeed.service.config import Settings
from placefeed.service.pages.render import page
from placefeed.service.pages.sign_in.elsewhere import AWAY_FOR
from placefeed.service.pages.visitors import Anybody
from placefeed.service.pages.words import lasting
from placefeed.service.running.origin import KNOWN_BROWSER, cookie_name
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

TESTED_ON = "2026-11-28"
"""When the pages were last gone through as the accessibility statement says."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """A row of the table of cookies."""

    name: str
    what: str
    kept: str


def cookies(settings: Settings) -> list[Cookie]:
    """Every cookie that the pages set; all are strictly necessary."""
    told = [
        Cookie(
            cookie_name(settings), "That you are signed in", f"{lasting(settings.sign_in_for)}, or until you sign out"
        ),
        Cookie(
            cookie_name(settings, HALF_WAY),
            "That your password was right, while you are asked for your second factor",
            lasting(HALF_WAY_FOR),
        ),
        Cookie(
            cookie_name(settings, KNOWN_BROWSER),
            "That you have signed in with this browser before, so that a stranger’s guesses cannot lock you out",
            lasting(KNOWN_FOR),
        ),
    ]
    if settings.oidc:
        told.append(
            Cookie(
                f"{'__Secure-' if settings.https else ''}placefeed-elsewhere",
                "What must be remembered while you sign in at your employer’s page",
                lasting(AWAY_FOR),
            )
        )
    return told


@router.get("/accessibility")
def accessibility(request: Request, _visitor: Anybody) -> Response:
    """The accessibility statement, in the form of the public sector's model."""
    return page(request, "public/accessibility.html", tested=TESTED_ON)


@router.get("/privacy")
def privacy(request: Request, _visitor: Anybody) -> Response:
    """The privacy notice, with every cookie."""
    return page(request, "public/privacy.html", cookies=cookies(exchange_of(request).settings))
