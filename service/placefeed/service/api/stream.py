"""The live stream: `GET /v1/listings/stream`, server-sent events of what the caller may see, from now on or from where it stopped.

Whatever is refused is refused as a problem document before the stream begins; what ends it later is an event `end` with a reason.
"""

import asyncio
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from placefeed.service.access.who import MEMBER, OPERATOR, Caller
from placefeed.service.api.deps import Allow
from placefeed.service.api.openapi import TEXT
from placefeed.service.api.plain import PlainRoute, describe, paths
from placefeed.service.api.wire import Wire
from placefeed.service.channels import forms, parameters
from placefeed.service.channels.query import params_of
from placefeed.service.channels.stream.batches import Kind
from placefeed.service.channels.stream.frames import ENDS, STREAMED
from placefeed.service.channels.stream.hub import Hub
from placefeed.service.channels.stream.readers import Reader
from placefeed.service.channels.stream.resume import Asked, bring_up, check
from placefeed.service.channels.stream.rights import Party
from placefeed.service.errors import NotAcceptable
from placefeed.service.publishing.sight import View
from placefeed.service.running.parts import Exchange, exchange_of, hub_of, note_read, view_for

ALLOWED = Allow(MEMBER, OPERATOR, scope="list")
EVENTS = "text/event-stream"
HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"private, no-store"),
    (b"vary", b"Authorization, Accept"),
    (b"x-accel-buffering", b"no"),  # a proxy must hand every event on at once
)


class StreamEndpoint:
    """`GET /v1/listings/stream`. A class, so that the router hands it the bare ASGI call."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        exchange = exchange_of(request)
        caller = await ALLOWED(request)
        if forms.best_of(request.headers.get("accept", ""), [EVENTS]) is None:
            raise NotAcceptable(f"The stream can be had as {EVENTS}.")
        asked = Asked.parse(params_of(scope["query_string"]), request.headers.get("last-event-id", ""))
        hub = hub_of(exchange)
        mark = asked.mark
        if mark is not None:
            await run_sync(hub.reading, lambda session: check(session, mark))
        with hub.room(caller.token):
            note_read(exchange, caller, "stream.opened", asked.said)
            await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
                return
            await self._serve(exchange, hub, caller, asked, scope, receive)

    async def _serve(
        self, exchange: Exchange, hub: Hub, caller: Caller, asked: Asked, scope: Scope, receive: Receive
    ) -> None:
        wire = Wire(scope)
        watching = asyncio.ensure_future(_gone(receive))

        def cut() -> None:
            if not wire.abort():  # then the server must see to it, when the answer is left incomplete
                watching.cancel()

        reader = Reader(
            Kind(
                Party(caller.role, caller.organisation_id or ""),
                asked.filter.key,
                asked.filter,
                attestations=asked.attestations,
            ),
            caller.token,
            wire.send,
            limit=exchange.settings.stream_buffer,
            cut=cut,
            write=wire.write if wire.straight else None,
        )
        watching.add_done_callback(lambda _done: reader.leave())

        async def view() -> View:
            return await view_for(exchange, caller)

        hub.come(reader)
        try:
            await bring_up(hub, reader, asked, view)
            await asyncio.wait([watching])
        finally:
            watching.cancel()
            hub.go(reader)
            # No refusal is possible any more; that it was opened is in the audit already.
            exchange.reads.record(
                caller=caller, action="stream.closed", subject=f"{reader.events} events", at=exchange.clock()
            )


async def _gone(receive: Receive) -> None:
    """Wait until the connection is no more, or the answer is complete."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _query() -> list[dict[str, Any]]:
    flag: dict[str, Any] = {"type": "boolean", "default": False}
    return [
        *parameters.openapi(parameters.FILTERS),
        {
            "name": "snapshot",
            "in": "query",
            "description": "true: first all that stands (events `snapshot`), then `ready`, then what is new. Otherwise from now on.",
            "schema": flag,
        },
        {
            "name": "attestations",
            "in": "query",
            "description": "true: also tell when something was only confirmed, or grew older.",
            "schema": flag,
        },
        {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "The id of the last event that was received: the stream goes on exactly there. Counts before `snapshot`.",
            "schema": {"type": "string"},
        },
        {
            "name": "lastEventId",
            "in": "query",
            "description": "The same, for who cannot send the header.",
            "schema": {"type": "string"},
        },
    ]


def routes() -> list[PlainRoute]:
    """The route, to stand before that of a single listing."""
    told = ", ".join(f"`{type}`" for type in STREAMED)
    ends = ", ".join(f"`{reason}`" for reason in ENDS)
    description = describe(
        ALLOWED,
        "stream_listings",
        "What is new, as server-sent events, as it happens",
        tag="listings",
        parameters=_query(),
        content={EVENTS: {"schema": TEXT}},
        refuses=("bad-request", "not-acceptable", "gone"),
    )
    del description["responses"]["304"]  # a stream is never unchanged
    description["description"] = (
        f"Events {told}: `data` is an `event` document with the whole `listing` where it can be read now. Before them `ready`, which says from where "
        f"on. A comment each 15 seconds keeps the connection. The exchange ends a stream with the event `end` and a `reason` ({ends}); connect again "
        "with the last id, and nothing is lost or told twice. Who reads too slowly is not waited for."
    )
    return [PlainRoute("/v1/listings/stream", StreamEndpoint(), allow=ALLOWED, description=description)]


def openapi() -> dict[str, Any]:
    """The OpenAPI path of the route."""
    return paths(routes())
