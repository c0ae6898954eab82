"""`GET /v1/open/feeds/summary`: the weekly open summary as a change feed, for anyone, when both are switched on."""

from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access.who import PUBLIC
from placefeed.service.api.conditional import is_current
from placefeed.service.api.deps import Allow
from placefeed.service.api.feeds import CONTENT, QUERY, Asked
from placefeed.service.api.plain import PlainRoute, describe, paths
from placefeed.service.channels import open_feed
from placefeed.service.running.parts import Exchange, exchange_of

ALLOWED = Allow(PUBLIC, scope="")

FULL = "public, max-age=3600"
# Eight seconds for a cache in between, and a reader asks. Not max-age=8: the official validator, which comes to the last page
# by `next` before it knows that it is the last, takes that for a page that should be kept for an hour, and warns.
LAST = "public, s-maxage=8"


async def open_page(request: Request) -> Response:
    """A page of the open feed; 404 when it is switched off."""
    exchange = exchange_of(request)
    await ALLOWED(request)
    open_feed.offered(exchange.settings)
    return await run_sync(_read, exchange, Asked(request, exchange.settings))


def _read(exchange: Exchange, asked: Asked) -> Response:
    with exchange.database.read() as session:
        here = open_feed.stands_at(session)
        cursor = asked.cursor.begun(here, start=asked.start)
        page = open_feed.page_of(session, cursor, here)
    etag = asked.etag(f"{here.epoch}-{here.position}-{cursor.after}")
    headers = {"ETag": etag, "Cache-Control": LAST if page.next is None else FULL, "Vary": "Accept, Accept-Encoding"}
    if is_current(asked.known, etag):
        return asked.unchanged(headers)
    return asked.answer(page, licence=open_feed.LICENCE, headers=headers)


def routes() -> list[PlainRoute]:
    """The routes, to stand beside the framework's."""
    return [
        PlainRoute(
            "/v1/open/feeds/summary",
            open_page,
            allow=ALLOWED,
            description=describe(
                ALLOWED,
                "follow_open_summary",
                "Places available by local authority and region, weekly and rounded, as a change feed (RPDE 1.0)",
                tag="public",
                parameters=QUERY,
                content=CONTENT,
                refuses=("bad-request", "not-acceptable", "not-found", "gone"),
            ),
        )
    ]


def openapi() -> dict[str, Any]:
    """The OpenAPI paths of these routes."""
    return paths(routes())
