"""The cookie of a sign-in, and whether a request comes from our own pages: what keeps other sites from acting for somebody.

Fetch Metadata first (`Sec-Fetch-Site`), the `Origin` header for browsers without it, and `SameSite=Lax` beside both (OWASP's
cheat sheet on cross-site request forgery; Go's net/http does the same).
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.config import Settings

READS: Final = frozenset({"GET", "HEAD"})
KNOWN_BROWSER: Final = "known"
"""The cookie by which a browser is known in which somebody has signed in before: strangers can't lock its owner out."""


def cookie_name(settings: Settings, name: str = "session") -> str:
    """The cookie's name: over https only this very host can set it (`__Host-`)."""
    return f"__Host-placefeed-{name}" if settings.https else f"placefeed-{name}"


def cookie_of(request: Request, settings: Settings, name: str = "session") -> str | None:
    """The cookie that a request carries, if any."""
    return request.cookies.get(cookie_name(settings, name)) or None


def set_cookie(response: Response, settings: Settings, text: str, *, seconds: int, name: str = "session") -> None:
    """Give a browser a cookie that no script and no other site can use."""
    response.set_cookie(
        cookie_name(settings, name),
        text,
        max_age=seconds,
        path="/",
        secure=settings.https,
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response, settings: Settings, name: str = "session") -> None:
    """Take it away."""
    response.delete_cookie(cookie_name(settings, name), path="/", secure=settings.https, httponly=True, samesite="lax")


def is_from_elsewhere(request: Request, settings: Settings) -> bool:
    """Whether another site's page made a browser send this request. Without any sign of it (a script, an old browser): no."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return False
    ours = {urlsplit(settings.base_url).netloc, request.headers.get("host", "")}
    return urlsplit(origin).netloc not in ours
