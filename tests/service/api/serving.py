"""The exchange on a port of this machine, and behind a proxy that puts a prefix before it: as other programs reach it."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import uvicorn

HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}


def a_port() -> socket.socket:
    """A free port of this machine, held: its number can be told before anything listens."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held


def base_of(held: socket.socket) -> str:
    """The address of what will listen there."""
    return f"http://127.0.0.1:{held.getsockname()[1]}"


@contextmanager
def serving(app: Any, held: socket.socket) -> Iterator[None]:
    """An application behind a real server at a port held by `a_port`."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [held]})
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def prefixed(held: socket.socket, prefix: str) -> Iterator[str]:
    """A proxy before that port, which takes a path prefix off; gives its address, with the prefix."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            connection = http.client.HTTPConnection(*held.getsockname(), timeout=30)
            connection.request("GET", self.path.removeprefix(prefix), headers=dict(self.headers))
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            self.send_response(answer.status if self.path.startswith(f"{prefix}/") else 404)
            for name, value in answer.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            """Nothing is logged."""

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{proxy.server_address[1]}{prefix}"
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
