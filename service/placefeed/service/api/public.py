"""`GET /v1/public/summary`: the weekly open edition, for anyone, when it is switched on."""

from typing import Any

import orjson
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access.who import PUBLIC
from placefeed.service.api.conditional import is_current
from placefeed.service.api.deps import Allow, etag_of
from placefeed.service.api.openapi import OBJECT
from placefeed.service.api.plain import PlainRoute, describe, paths
from placefeed.service.channels.summary import latest_summary
from placefeed.service.running.parts import exchange_of

ALLOWED = Allow(PUBLIC, scope="")


async def public_summary(request: Request) -> Response:
    """The newest weekly edition; 404 when it is switched off."""
    exchange = exchange_of(request)
    await ALLOWED(request)

    def read() -> dict[str, Any]:
        with exchange.database.read() as session:
            return latest_summary(session, settings=exchange.settings)

    body = orjson.dumps(await run_sync(read))
    etag = etag_of(body)
    headers = {"ETag": etag, "Cache-Control": "public, max-age=3600"}
    if is_current(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def routes() -> list[PlainRoute]:
    """The routes, to stand beside the framework's."""
    return [
        PlainRoute(
            "/v1/public/summary",
            public_summary,
            allow=ALLOWED,
            description=describe(
                ALLOWED,
                "read_public_summary",
                "Places available by local authority and region, weekly and rounded",
                tag="public",
                parameters=[],
                content={"application/json": {"schema": OBJECT}},
                refuses=("not-found",),
            ),
        )
    ]


def openapi() -> dict[str, Any]:
    """The OpenAPI paths of these routes."""
    return paths(routes())
