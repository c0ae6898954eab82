"""Servers that stream, to stand beside each other: `python -m tests.bench.peers.streams NAME PORT FOLDER`.

`ours` is the whole exchange with its worker, and two addresses for the bench: when the last publication was committed, and memory.
The others take `POST /publish` and write `frame.bin` of the folder to all who read `GET /stream`.
"""

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import uvicorn
import uvloop

ROOT = Path(__file__).parents[3]
SERVER: dict[str, Any] = {"loop": "uvloop", "http": "httptools", "log_level": "warning", "access_log": False}


def ours(folder: Path) -> Any:
    """The exchange. Readers may come in any number and often."""
    from fastapi import FastAPI
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from placefeed.service.app import create_app
    from placefeed.service.cli.running import settle
    from placefeed.service.config import Settings
    from placefeed.service.logs import configure
    from tests.bench.exchange import SECRET

    settings = Settings(
        data=folder, secret=SECRET, rate_per_minute=0, log_json=True, streams=20_000, streams_per_key=20_000
    )
    configure(settings)
    settle()
    app: FastAPI = create_app(settings)
    published: list[int] = []

    async def last(_request: Any) -> JSONResponse:
        database = app.state.exchange.database
        if not published:
            published.append(0)
            database.bell.hook(lambda what: published.append(time.monotonic_ns()) if what == "published" else None)
        return JSONResponse(published[-1])

    async def memory(_request: Any) -> JSONResponse:
        lines = Path("/proc/self/status").read_text().splitlines()
        found = {
            name: int(value.split()[0])
            for name, _, value in (line.partition(":\t") for line in lines)
            if name.startswith("Vm")
        }
        return JSONResponse(found)

    app.router.routes += [Route("/bench/published", last), Route("/bench/memory", memory)]
    return app


def sse_starlette(folder: Path) -> Any:
    """The library's way: a generator a reader, and a queue that it waits on."""
    sys.path.append(next(str(path) for path in (ROOT / ".venv/bench/lib").glob("python*/site-packages")))
    from sse_starlette.sse import EventSourceResponse  # type: ignore[import-not-found]  # of the bench's own environment
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    frame = (folder / "frame.bin").read_bytes()
    event, data = (line.partition(": ")[2] for line in frame.decode().split("\n")[1:3])
    queues: set[asyncio.Queue[str]] = set()

    async def events() -> AsyncIterator[dict[str, str]]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        queues.add(queue)
        try:
            yield {"event": "ready", "data": "begun"}
            while True:
                yield {"event": event, "data": await queue.get()}
        finally:
            queues.discard(queue)

    async def stream(_request: Any) -> Any:
        return EventSourceResponse(events())

    async def publish(_request: Any) -> Response:
        for queue in queues:
            queue.put_nowait(data)
        return Response()

    return Starlette(routes=[Route("/stream", stream), Route("/publish", publish, methods=["POST"])])


class Bare(asyncio.Protocol):
    """Nothing but sockets: what any server on one Python loop must cost."""

    frame: ClassVar[bytes] = b""
    readers: ClassVar[set[asyncio.Transport]] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"POST"):
            chunk = b"%x\r\n%s\r\n" % (len(self.frame), self.frame)
            for reader in self.readers:
                reader.write(chunk)
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.transport.close()
        else:
            self.readers.add(self.transport)
            hello = b"event: ready\ndata: begun\n\n"
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n"
                % (len(hello), hello)
            )

    def connection_lost(self, _error: Exception | None) -> None:
        self.readers.discard(self.transport)


async def bare(port: int, folder: Path) -> None:
    """Serve until it is ended."""
    Bare.frame = (folder / "frame.bin").read_bytes()
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def nchan_module() -> Path | None:
    """Where nginx's module is, if it is installed."""
    found = shutil.which("nginx") and next(Path("/").glob("usr/*/nginx/modules/ngx_nchan_module.so"), None)
    return found or None


def configure_nchan(port: int, folder: Path) -> None:
    """Write the configuration of nginx with nchan."""
    (folder / "nginx.conf").write_text(
        f"""
load_module {nchan_module()};
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error; worker_rlimit_nofile 20000;
events {{ worker_connections 16384; }}
http {{
  access_log off; client_body_temp_path {folder}/nginx-body; proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi; uwsgi_temp_path {folder}/nginx-uwsgi; scgi_temp_path {folder}/nginx-scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /publish {{ nchan_publisher; nchan_channel_id listings; nchan_message_buffer_length 1; }}
    location = /stream {{ nchan_subscriber eventsource; nchan_channel_id listings; nchan_subscriber_first_message newest;
      nchan_eventsource_event vacancy.changed; }}
  }}
}}
"""
    )


if __name__ == "__main__":
    name, port, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    if name == "bare":
        uvloop.run(bare(port, folder))
    else:
        app = {"ours": ours, "sse-starlette": sse_starlette}[name](folder)
        uvicorn.run(app, host="127.0.0.1", port=port, backlog=4096, **SERVER)
