"""What the chaos test plays with: real processes that can be killed and frozen, and a database connection that can be cut."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import orjson

from placefeed.client import verify_webhook

SOCKET = ".s.PGSQL.5432"


def eventually(condition: Callable[[], Any], what: str, *, seconds: float = 60.0) -> Any:
    """Wait until a condition holds; its last value. Fails with `what`."""
    ends = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < ends, f"after {seconds:g} seconds: {what}"
        time.sleep(0.1)


class Cable:
    """A connection to PostgreSQL's socket that can be cut: every session at once, in whatever it was doing."""

    def __init__(self, folder: Path, real: str) -> None:
        self.folder, self._real = folder, real
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(folder / SOCKET))
        self._door.listen(256)
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """Cut every session that is open."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._close(pair)

    def close(self) -> None:
        """Take no more, and cut what is open."""
        self._door.close()
        self.cut()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:  # closed
                return
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(self._real)
            except OSError:
                near.close()
                continue
            pair = (near, far)
            with self._lock:
                self._pairs.add(pair)
            threading.Thread(target=self._pump, args=(near, far, pair), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, pair), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, pair: tuple[socket.socket, socket.socket]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        self._close(pair)

    def _close(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with self._lock:
            self._pairs.discard(pair)
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@dataclass
class Process:
    """One of the exchange's processes: `placefeed` with these arguments."""

    arguments: list[str]
    environment: Mapping[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                [sys.executable, "-m", "placefeed.client.cli", *self.arguments],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """As the plug that is pulled."""
        assert self.running is not None
        self.running.kill()
        self.running.wait()

    def freeze(self, seconds: float) -> None:
        """Stop it in whatever it is doing, and let it go on."""
        assert self.running is not None
        self.running.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.running.send_signal(signal.SIGCONT)


@dataclass
class Receiver:
    """A webhook's receiver that fails at random: before it has looked, or after it has taken a message."""

    secret: str
    seed: int
    unruly: bool = True
    numbers: list[int] = field(default_factory=list)  # of what came first, in the order in which it came
    seen: set[str] = field(default_factory=set)
    held: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)  # addresses of what did not fit
    read: Callable[[str], list[Any]] | None = None

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._failed: set[str] = set()
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                status = receiver.take(self.rfile.read(int(self.headers["content-length"])), dict(self.headers.items()))
                if status is None:  # as if the network broke after it was taken
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quietly."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def take(self, body: bytes, headers: dict[str, str]) -> int | None:
        """What is answered to one message; None: nothing at all."""
        with self._lock:
            message = {name.lower(): value for name, value in headers.items()}["webhook-id"]
            chance = self._chance.random()
            if self.unruly and message not in self._failed and chance < 0.3:
                self._failed.add(message)
                if chance < 0.15:
                    return 500
                self._keep(body, headers, message)
                return None
            self._keep(body, headers, message)
            return 204

    def _keep(self, body: bytes, headers: dict[str, str], message: str) -> None:
        if self.secret:
            verify_webhook(body, headers, self.secret)
        document = orjson.loads(body)
        data = document["data"]
        if document["type"] != "subscription.events" or message in self.seen:
            return
        self.seen.add(message)
        last = self.numbers[-1] if self.numbers else 0
        if data["through"] <= last:
            return
        if data["number"] > last + 1:
            self.wrong.append(f"number {data['number']} came after {last}")
        self.numbers += range(last + 1, data["through"] + 1)
        if not data["complete"]:
            assert self.read is not None
            data["events"] = self.read(data["href"])
        for event in data["events"]:
            if "listing" in event:
                self.held[event["listingId"]] = event["listing"]
            elif event["type"] in ("vacancy.withdrawn", "withheld") and "listingId" in event:
                self.held.pop(event["listingId"], None)


def ready(port: int) -> bool:
    """Whether an API process answers."""
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/healthz", timeout=2.0).status_code == 200
    except httpx2.HTTPError:
        return False


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
