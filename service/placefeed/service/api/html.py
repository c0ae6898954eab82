"""The few pages that the API itself shows: one template folder, one style sheet inside the page, no script, nothing from outside."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("placefeed.service.api", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style() -> tuple[str, str]:
    """The style sheet, and the hash by which the page's policy allows it and nothing else."""
    text = files("placefeed.service.api").joinpath("templates", "style.css").read_text(encoding="utf-8")
    return text, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def page(template: str, **context: Any) -> HTMLResponse:
    """A page from a template of this folder."""
    style, digest = _style()
    body = _environment().get_template(template).render(style=style, **context)
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    return HTMLResponse(body, headers={"Content-Security-Policy": policy, "Cache-Control": "public, max-age=300"})
