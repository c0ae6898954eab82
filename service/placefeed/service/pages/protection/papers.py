"""`/data-protection/dpia` and `/data-protection/sharing-agreement`: templates to read and to download, each from one text."""

from datetime import timedelta
from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.config import Settings
from placefeed.service.errors import NotFound
from placefeed.service.pages.prose import prose, title_of
from placefeed.service.pages.render import page, prefix_of
from placefeed.service.pages.visitors import Anybody
from placefeed.service.pages.words import lasting
from placefeed.service.protection import retention
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

PAPERS = ("dpia", "sharing-agreement")
KINDS = {"md": "text/markdown; charset=utf-8", "txt": "text/plain; charset=utf-8"}


@router.get("/data-protection/{name}.{kind}")
def download(request: Request, name: str, kind: str, _visitor: Anybody) -> Response:
    """A template as a file: Markdown, which reads as plain text too."""
    if kind not in KINDS:
        raise NotFound("A template is to be had as .md or .txt.")
    text = paper(name, exchange_of(request).settings)
    headers = {"Content-Disposition": f'attachment; filename="placefeed-{name}.{kind}"', "Cache-Control": "no-cache"}
    return Response(text, media_type=KINDS[kind], headers=headers)


@router.get("/data-protection/{name}")
def read(request: Request, name: str, _visitor: Anybody) -> Response:
    """A template as a page."""
    settings = exchange_of(request).settings
    text = paper(name, settings)
    return page(
        request,
        "protection/paper.html",
        name=name,
        heading=title_of(text),
        prose=prose(text, prefix=prefix_of(settings)),
    )


def paper(name: str, settings: Settings) -> str:
    """A template's text, with this exchange's address and keeping times in it. Raises NotFound."""
    if name not in PAPERS:
        raise NotFound("There is no such paper.")
    return _text(name).replace("{{ base_url }}", settings.base_url).replace("{{ retention }}", _retention(settings))


@cache
def _text(name: str) -> str:
    return files("placefeed.service.pages.protection").joinpath("texts", f"{name}.md").read_text(encoding="utf-8")


def _retention(settings: Settings) -> str:
    """The keeping times as a table of Markdown."""
    timed: dict[str, timedelta] = {
        kept.what: kept.after for rows in retention(settings).values() for kept in rows if kept.after is not None
    }
    rows = [f"| {what} | {lasting(after)} |" for what, after in sorted(timed.items())]
    return "\n".join(
        ["| what | goes after |", "|---|---|", *rows, "| accounts and what people save | until they are erased |"]
    )
