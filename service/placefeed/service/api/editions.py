"""The scheduled files of the caller's own view.

```
GET /v1/editions/latest/manifest.json   hashes, counts and addresses of the newest
GET /v1/editions/{id}/{file}            one file
```
"""

import contextlib
from typing import Any

import orjson
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access.who import MEMBER, OPERATOR
from placefeed.service.api.conditional import is_current
from placefeed.service.api.deps import Allow, etag_of
from placefeed.service.api.openapi import OBJECT, TEXT
from placefeed.service.api.plain import PlainRoute, describe, in_path, paths
from placefeed.service.channels.editions import MANIFEST, file_of, manifest_of
from placefeed.service.channels.forms import FORMS, JSON
from placefeed.service.db import PRIMARY, Where
from placefeed.service.errors import NotFound
from placefeed.service.running.parts import exchange_of, note_read, view_for

ALLOWED = Allow(MEMBER, OPERATOR, scope="editions")
LATEST = "latest"


async def edition_file(request: Request) -> Response:
    """One file of an edition; `latest` has its manifest only, since a file's address should mean one content."""
    exchange = exchange_of(request)
    caller = await ALLOWED(request)
    view = await view_for(exchange, caller)
    edition_id, name = request.path_params["id"], request.path_params["file"]

    def read() -> tuple[bytes, str, str]:
        # A file never changes once it is there; what the replica does not have yet, the primary may. Which edition is the
        # latest only the primary knows.
        if edition_id != LATEST and exchange.database.replica is not None:
            with contextlib.suppress(NotFound):
                return look(None)
        return look(PRIMARY)

    def look(at_least: Where | None) -> tuple[bytes, str, str]:
        with exchange.database.read(at_least=at_least) as session:
            if name == MANIFEST or edition_id == LATEST:
                wanted = None if edition_id == LATEST else edition_id
                manifest = manifest_of(session, view, wanted, base_url=exchange.settings.base_url)
                if name != MANIFEST:
                    file = file_of(session, view, manifest["id"], name)
                    return file.content, file.media_type, f'"{file.sha256}"'
                body = orjson.dumps(manifest)
                return body, "application/json", etag_of(body)
            file = file_of(session, view, edition_id, name)
            return file.content, file.media_type, f'"{file.sha256}"'

    content, media_type, etag = await run_sync(read)
    note_read(exchange, caller, "edition.read", f"{edition_id}/{name}")
    headers = {"ETag": etag, "Vary": "Authorization", "Cache-Control": "private, no-cache"}
    if is_current(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    if name != MANIFEST:
        headers["Content-Disposition"] = f'attachment; filename="placefeed-{name}"'
    return Response(content, media_type=media_type, headers=headers)


def routes() -> list[PlainRoute]:
    """The routes, to stand beside the framework's."""
    return [
        PlainRoute(
            "/v1/editions/{id}/{file}",
            edition_file,
            allow=ALLOWED,
            description=describe(
                ALLOWED,
                "read_edition",
                "The scheduled consolidated files, and the manifest with their hashes",
                tag="editions",
                parameters=[
                    in_path("id", "`latest`, or an edition's id from a manifest."),
                    in_path("file", "manifest.json, or a file that it names."),
                ],
                content={form.media_type: {"schema": TEXT} for form in FORMS.values()}
                | {JSON.media_type: {"schema": OBJECT}},
                refuses=("not-found",),
            ),
        )
    ]


def openapi() -> dict[str, Any]:
    """The OpenAPI paths of these routes."""
    return paths(routes())
