"""The change feeds of members: plain ASGI routes around `channels/rpde`.

```
GET /v1/feeds/vacancies    what moves: places, rates, clocks
GET /v1/feeds/settings     what seldom does: who offers them, and Ofsted's judgement
```
`next` is `base_url` and the path as it was asked for: a proxy that puts a prefix before the exchange takes it off again, and
`base_url` has it. No header of a request has a say in it, so nobody can lead another reader away.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access.who import MEMBER, OPERATOR, Caller
from placefeed.service.api.conditional import is_current
from placefeed.service.api.deps import Allow, etag_of
from placefeed.service.api.openapi import standard
from placefeed.service.api.plain import PlainRoute, describe, paths
from placefeed.service.channels import forms
from placefeed.service.channels.rpde import FEEDS, PARAMETERS, Cursor, Feed, Page, page_of, version_of
from placefeed.service.config import Settings
from placefeed.service.db import PRIMARY, Where
from placefeed.service.errors import NotAcceptable
from placefeed.service.publishing.log import Position, head
from placefeed.service.publishing.sight import OPERATOR_VIEW, view_of
from placefeed.service.running.parts import Exchange, exchange_of, note_read

ALLOWED = Allow(MEMBER, OPERATOR, scope="list")

JSON, RPDE = "application/json", "application/vnd.openactive.rpde+json"
CONTENT_TYPES = {JSON: JSON, RPDE: f"{RPDE}; version=1"}
PRIVATE = "private, max-age=0, must-revalidate"


def terms_of(settings: Settings) -> str:
    """Where the terms stand under which members get the data."""
    return settings.data_terms_url or f"{settings.base_url.rstrip('/')}/terms"


class Asked:
    """A request for a page: its own address, where its reader stopped, and the form it wants. Raises what is wrong with it."""

    def __init__(self, request: Request, settings: Settings) -> None:
        path = request.scope.get("raw_path", b"").decode("ascii", "replace") or request.scope["path"]
        query: bytes = request.scope["query_string"]
        self.cursor = Cursor.parse(query)
        self.start = settings.base_url.rstrip("/") + path
        self.address = self.start + (f"?{query.decode('ascii')}" if query else "")
        self.known = request.headers.get("if-none-match")
        media = forms.best_of(request.headers.get("accept", ""), CONTENT_TYPES)
        if media is None:
            raise NotAcceptable(f"A change feed can be had as {' or '.join(CONTENT_TYPES)}.")
        self.content_type = CONTENT_TYPES[media]
        self.encoding = forms.encoding_for(request.headers.get("accept-encoding", ""))

    @property
    def reached(self) -> Position | Where | None:
        """How far a database must have come to answer: as far as the reader; for a made-up number, the one that writes."""
        if self.cursor.epoch is None:
            return None if self.cursor.after == 0 else PRIMARY
        return Position(self.cursor.position, self.cursor.epoch)

    def etag(self, version: str) -> str:
        """The ETag of what has this version, at this address and in this form."""
        return etag_of("\n".join((version, self.address, self.content_type, self.encoding)).encode())

    def next(self, page: Page) -> str:
        """The address of the next page; the last page is its own next, byte for byte."""
        return self.address if page.next is None else f"{self.start}?{page.next.query()}"

    def answer(self, page: Page, *, licence: str, headers: Mapping[str, str]) -> Response:
        """The page as it goes out."""
        body = orjson.dumps({"next": self.next(page), "items": page.items, "license": licence})
        sent = {"Link": '<https://w3id.org/placefeed/1.0/page>; rel="describedby"', **headers}
        if self.encoding and len(body) >= forms.LEAST_COMPRESSED:
            body = forms.compress(body, self.encoding)
            sent["Content-Encoding"] = self.encoding
        return Response(body, headers={"Content-Type": self.content_type, **sent})

    def unchanged(self, headers: Mapping[str, str]) -> Response:
        """304: the reader has it."""
        return Response(status_code=304, headers=dict(headers))


async def feed_page(request: Request, feed: Feed) -> Response:
    """A page of one feed."""
    exchange = exchange_of(request)
    caller = await ALLOWED(request)
    asked = Asked(request, exchange.settings)
    note_read(exchange, caller, "feed.read", f"{feed.name} after {asked.cursor.after}")
    return await run_sync(_read, exchange, caller, feed, asked)


def _read(exchange: Exchange, caller: Caller, feed: Feed, asked: Asked) -> Response:
    """View, position and rows in one session: a page of two instants would lose what changed between them."""
    now, cursor = exchange.clock(), asked.cursor
    with exchange.database.read(at_least=asked.reached) as session:
        member = None if caller.role == OPERATOR else caller.organisation_id or ""
        view = OPERATOR_VIEW if member is None else view_of(session, member, now)
        here = head(session)
        cursor = cursor.begun(here, start=asked.start)
        etag = asked.etag(version_of(session, feed, cursor, here, view=view, member=member, now=now))
        headers = {"ETag": etag, "Cache-Control": PRIVATE, "Vary": "Authorization, Accept, Accept-Encoding"}
        if is_current(asked.known, etag):
            return asked.unchanged(headers)
        page = page_of(session, feed, cursor, here, view=view, member=member, now=now)
    return asked.answer(page, licence=terms_of(exchange.settings), headers=headers)


TOLD = {
    "afterChangeNumber": "What comes after this number: taken from `next`, never made up. Absent: from the beginning.",
    "epoch": "From `next`: tells a cursor from before a backup was put back.",
    "began": "From `next`: where the log stood when this reading began.",
}
QUERY: list[dict[str, Any]] = [
    {
        "name": name,
        "in": "query",
        "description": TOLD[name],
        "schema": {"type": "integer", "minimum": 0, "format": "int64"},
    }
    for name in PARAMETERS
]
CONTENT = {media: {"schema": standard("page")} for media in CONTENT_TYPES.values()}
SUMMARIES = {
    "vacancies": "Every vacancy in the order in which they change (RPDE 1.0)",
    "settings": "Every setting that offers one, with its Ofsted status, in the order in which they change (RPDE 1.0)",
}


def routes() -> list[PlainRoute]:
    """The routes, to stand beside the framework's."""
    return [
        PlainRoute(
            f"/v1/feeds/{feed.name}",
            partial(feed_page, feed=feed),
            allow=ALLOWED,
            description=describe(
                ALLOWED,
                f"follow_{feed.name}",
                SUMMARIES[feed.name],
                tag="changes",
                parameters=QUERY,
                content=CONTENT,
                refuses=("bad-request", "not-acceptable", "gone"),
            ),
        )
        for feed in FEEDS.values()
    ]


def openapi() -> dict[str, Any]:
    """The OpenAPI paths of these routes."""
    return paths(routes())
