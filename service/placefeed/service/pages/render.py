"""A page from a template: the Jinja environment with the GOV.UK components, what every page knows, and its strict headers."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from placefeed.service.access.sign_ins import Visitor
from placefeed.service.config import Settings
from placefeed.service.pages import words
from placefeed.service.pages.navigation import navigation
from placefeed.service.pages.static import version_of_all
from placefeed.service.running.parts import exchange_of

HEADERS: Final = {
    # No inline code, nothing from elsewhere; `form-action` keeps forms here.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "same-origin",
}


@cache
def environment() -> Environment:
    """The templates. Not StrictUndefined: the components' macros ask for what may be missing."""
    made = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("placefeed.service.pages", "templates"),
                PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
            ]
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= words.FILTERS
    return made


def page(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **context: Any
) -> Response:
    """A page. `errors` ([{text, href}]) in the context makes the summary at its top; see templates/base.html."""
    exchange = exchange_of(request)
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    prefix = prefix_of(exchange.settings)
    path = request.scope["path"]
    body = (
        environment()
        .get_template(template)
        .render(
            visitor=visitor,
            settings=exchange.settings,
            now=exchange.clock(),
            path=path,
            href=lambda to: f"{prefix}{to}",
            static=lambda name: f"{prefix}/static/{version_of_all()}/{name}",
            navigation=navigation(visitor, path, prefix, public=exchange.settings.public),
            **context,
        )
    )
    return HTMLResponse(body, status_code=status, headers={**HEADERS, **(headers or {})})


def prefix_of(settings: Settings) -> str:
    """The path that a proxy takes off, if any: it stands in every link."""
    return urlsplit(settings.base_url).path.rstrip("/")


def see(request: Request, to: str) -> Response:
    """Go on to another page of ours after a form was sent (303): loading it again sends nothing twice."""
    prefix = prefix_of(exchange_of(request).settings)
    return RedirectResponse(f"{prefix}{to}", status_code=303, headers={"Cache-Control": "no-store"})


def ours(path: str | None, otherwise: str = "/") -> str:
    """A path of this exchange to go on to, from an address or a form: anything that could lead elsewhere is dropped."""
    if not path or not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
        return otherwise
    parts = urlsplit(path)
    return path if not parts.scheme and not parts.netloc else otherwise
