"""The live list and its listings: plain ASGI routes, because a framework's costs more than the list itself.

```
GET /v1/listings        the list, a page or all, in the form asked for
GET /v1/listings/{id}   one, with cost lines and Ofsted history
```
"""

from typing import Any

import orjson
from anyio.to_thread import run_sync
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from placefeed.service.access.who import MEMBER, OPERATOR
from placefeed.service.api.conditional import is_current
from placefeed.service.api.deps import Allow, etag_of
from placefeed.service.api.openapi import TEXT, standard
from placefeed.service.api.plain import PlainRoute, describe, in_path, paths
from placefeed.service.channels import parameters
from placefeed.service.channels.cache import Ready
from placefeed.service.channels.forms import FORMS, JSON, encoding_for
from placefeed.service.channels.lists import Streamed
from placefeed.service.channels.one import one_listing
from placefeed.service.running.parts import exchange_of, lists_of, note_read, view_for

ALLOWED = Allow(MEMBER, OPERATOR, scope="list")


class ListingsEndpoint:
    """`GET /v1/listings`. A class, so that the router hands it the bare ASGI call."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        exchange = exchange_of(request)
        caller = await ALLOWED(request)
        lists = lists_of(exchange)
        view = await view_for(exchange, caller)
        headers = request.headers
        plan = lists.plan(scope["query_string"], headers.get("accept", ""))
        encoding = encoding_for(headers.get("accept-encoding", "")) if plan.form.compressible else ""
        note_read(exchange, caller, "list.read", f"{plan.form.name} {plan.filter.said}".strip())
        answer: Ready | Streamed | None = lists.held(view, plan, encoding)
        if answer is None:
            answer = await lists.answer(view, plan, encoding)
        await _send(scope, send, answer, headers.get("if-none-match"))


async def _send(scope: Scope, send: Send, answer: Ready | Streamed, if_none_match: str | None) -> None:
    if isinstance(answer, Ready):
        if if_none_match is not None and is_current(if_none_match, answer.etag.decode()):
            await send({"type": "http.response.start", "status": 304, "headers": list(answer.unchanged)})
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.start", "status": 200, "headers": list(answer.headers)})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})
        return
    await send({"type": "http.response.start", "status": 200, "headers": list(answer.headers)})
    if scope["method"] != "HEAD":
        async for chunk in iterate_in_threadpool(answer.chunks):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def one(request: Request) -> Response:
    """`GET /v1/listings/{id}`."""
    exchange = exchange_of(request)
    caller = await ALLOWED(request)
    lists = lists_of(exchange)
    view = await view_for(exchange, caller)
    listing_id = request.path_params["id"]

    def read() -> dict[str, Any]:
        return one_listing(
            exchange.database, lists.snapshot, listing_id, view=view, role=caller.role, clock=exchange.clock
        )

    body = orjson.dumps(await run_sync(read))
    note_read(exchange, caller, "listing.read", listing_id)
    etag = etag_of(body)
    headers = {"ETag": etag, "Vary": "Authorization, Accept", "Cache-Control": "private, no-cache"}
    if is_current(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    headers["Link"] = '<https://w3id.org/placefeed/1.0/listing>; rel="describedby"'
    return Response(body, media_type="application/json", headers=headers)


def routes() -> list[PlainRoute]:
    """The routes, to stand beside the framework's."""
    content: dict[str, Any] = {form.media_type: {"schema": TEXT} for form in FORMS.values()} | {
        JSON.media_type: {"schema": standard("list")}
    }
    listing = {JSON.media_type: {"schema": standard("listing")}}
    return [
        PlainRoute(
            "/v1/listings",
            ListingsEndpoint(),
            allow=ALLOWED,
            description=describe(
                ALLOWED,
                "list_listings",
                "The consolidated live list: a page, or all, in the form asked for",
                tag="listings",
                parameters=parameters.openapi(),
                content=content,
                refuses=("bad-request", "not-acceptable", "gone"),
            ),
        ),
        PlainRoute(
            "/v1/listings/{id}",
            one,
            allow=ALLOWED,
            description=describe(
                ALLOWED,
                "read_listing",
                "One listing, with cost lines and Ofsted history",
                tag="listings",
                parameters=[in_path("id", "The listing's id.")],
                content=listing,
                refuses=("not-found",),
            ),
        ),
    ]


def openapi() -> dict[str, Any]:
    """The OpenAPI paths of these routes."""
    return paths(routes())
