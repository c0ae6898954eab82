"""Servers that give ready bytes, to stand beside ours under the same uvicorn: `python -m tests.bench.peers.web NAME PORT FOLDER`.

FOLDER has `answer.json` (headers and status of our own answer), `answer.bin` (its body) and `listings.db`.
"""

import sqlite3
import sys
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI
from fastapi.responses import Response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response as PlainResponse
from starlette.routing import Route

from placefeed.schema.outputs import Listing, VacancyList

LEFT_OUT = {"content-length", "date", "server", "connection"}


class Answer:
    """Our own answer, to be given by another."""

    def __init__(self, folder: Path) -> None:
        headers: dict[str, str] = orjson.loads((folder / "answer.json").read_bytes())
        self.headers = {name: value for name, value in headers.items() if name not in LEFT_OUT}
        self.body = (folder / "answer.bin").read_bytes()
        self.etag = self.headers.get("etag", '""')  # a page has none
        self.media_type = self.headers.pop("content-type")


def raw(folder: Path) -> Any:
    """Nothing but the protocol."""
    answer = Answer(folder)
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            (b"content-type", answer.media_type.encode()),
            (b"content-length", str(len(answer.body)).encode()),
            *((name.encode(), value.encode()) for name, value in answer.headers.items()),
        ],
    }
    unchanged = {"type": "http.response.start", "status": 304, "headers": [(b"etag", answer.etag.encode())]}
    body, nothing = {"type": "http.response.body", "body": answer.body}, {"type": "http.response.body", "body": b""}
    etag = answer.etag.encode()

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        same = any(name == b"if-none-match" and value == etag for name, value in scope["headers"])
        await send(unchanged if same else start)
        await send(nothing if same else body)

    return app


def starlette(folder: Path) -> Any:
    """A plain route of Starlette's."""
    answer = Answer(folder)

    async def listings(request: Request) -> PlainResponse:
        if request.headers.get("if-none-match") == answer.etag:
            return PlainResponse(status_code=304, headers={"etag": answer.etag})
        return PlainResponse(answer.body, media_type=answer.media_type, headers=answer.headers)

    return Starlette(routes=[Route("/v1/listings", listings)])


def fastapi(folder: Path) -> Any:
    """A route of FastAPI's that gives ready bytes."""
    answer = Answer(folder)
    app = FastAPI()

    @app.get("/v1/listings")
    async def listings(request: Request) -> Response:
        if request.headers.get("if-none-match") == answer.etag:
            return Response(status_code=304, headers={"etag": answer.etag})
        return Response(answer.body, media_type=answer.media_type, headers=answer.headers)

    return app


def modelled(folder: Path) -> Any:
    """The route that one writes first: `def`, a query, models, `response_model`."""
    app = FastAPI()

    @app.get("/v1/listings", response_model=VacancyList, response_model_exclude_unset=True)
    def listings(age: int, gender: str, weekly: int, limit: int = 50) -> VacancyList:
        with sqlite3.connect(folder / "listings.db") as connection:
            rows = connection.execute(
                "SELECT body FROM listing WHERE age_from <= ? AND age_to >= ? AND gender IN (?, 'any-gender') AND weekly <= ? ORDER BY id LIMIT ?",
                (age, age, gender, weekly, limit),
            ).fetchall()
        connection.close()
        return VacancyList.model_validate(
            {
                "standard": "placefeed", "version": "1.0", "lastUpdated": "2026-07-01T14:00:00Z", "ttl": 30, "position": 1, "epoch": 1,
                "items": [Listing.model_validate_json(body) for (body,) in rows],
            }
        )  # fmt: skip

    return app


APPS = {"raw": raw, "starlette": starlette, "fastapi": fastapi, "modelled": modelled}
SERVER: dict[str, Any] = {
    "loop": "uvloop",
    "http": "httptools",
    "log_level": "warning",
    "access_log": False,
    "lifespan": "auto",
}
"""How every contender's uvicorn is set."""

if __name__ == "__main__":
    uvicorn.run(APPS[sys.argv[1]](Path(sys.argv[3])), host="127.0.0.1", port=int(sys.argv[2]), **SERVER)
