"""What the tests of the stream lean on: the exchange under a real uvicorn on loopback, and readers that see every byte."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import uvicorn
from starlette.testclient import TestClient
from tests.service.api.exchange import World

from placefeed.service.app import create_app
from placefeed.service.channels.stream.hub import Hub
from placefeed.service.config import Settings
from placefeed.service.running.parts import hub_of

PATIENCE = 20.0  # seconds that a loaded machine may need
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Frame:
    """One server-sent event; a comment has only `comment`."""

    event: str = ""
    data: Any = None
    id: str | None = None
    retry: str | None = None
    comment: str | None = None

    @staticmethod
    def parse(block: bytes) -> "Frame":
        found: dict[str, Any] = {}
        for line in block.decode().split("\n"):
            name, _, value = line.partition(":")
            found[name or "comment"] = value.removeprefix(" ")
        if "data" in found:
            found["data"] = orjson.loads(found["data"])
        return Frame(**found)


class Ended(Exception):
    """The body has ended, cleanly or not."""


class Stream:
    """A reader. `next()` waits for the next event, comments left out."""

    def __init__(
        self, port: int, path: str, key: str = "", *, method: str = "GET", buffer: int = 0, **headers: str
    ) -> None:
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((HOST, port))
        sent = {"Host": HOST, "Authorization": f"Bearer {key}", **{n.replace("_", "-"): v for n, v in headers.items()}}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.frames: list[Frame] = []
        self.clean = False  # the body came to its end
        self._raw = self._body = b""
        self._head: tuple[int, dict[str, str]] | None = None

    @property
    def status(self) -> int:
        return self.head()[0]

    @property
    def headers(self) -> dict[str, str]:
        return self.head()[1]

    def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers, in small letters."""
        while self._head is None:
            head, found, rest = self._raw.partition(b"\r\n\r\n")
            if found:
                first, *lines = head.decode("latin-1").split("\r\n")
                self._head = (
                    int(first.split()[1]),
                    {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)},
                )
                self._raw = rest
            else:
                self._receive()
        return self._head

    def problem(self) -> dict[str, Any]:
        """The body of a refusal."""
        length = int(self.headers["content-length"])
        while len(self._raw) < length:
            self._receive()
        document: dict[str, Any] = orjson.loads(self._raw[:length])
        return document

    def next(self) -> Frame:
        """The next event. Raises Ended."""
        while True:
            frame = self.take()
            if frame.comment is None and frame.retry is None:
                self.frames.append(frame)
                return frame

    def take(self) -> Frame:
        """The next block, whatever it is."""
        self.head()
        while b"\n\n" not in self._body:
            self._chunk()
        block, _, self._body = self._body.partition(b"\n\n")
        return Frame.parse(block)

    def until(self, done: Callable[[Frame], bool]) -> list[Frame]:
        """Events up to and with the first that `done` says yes to."""
        found = [self.next()]
        while not done(found[-1]):
            found.append(self.next())
        return found

    def ready(self) -> Frame:
        """Read as far as `ready`."""
        return self.until(lambda frame: frame.event == "ready")[-1]

    def rest(self) -> list[Frame]:
        """All events up to the end of the body."""
        found = []
        try:
            while True:
                found.append(self.next())
        except Ended:
            self.close()
            return found

    def nothing(self, seconds: float = 0.15) -> bool:
        """Whether nothing comes for a moment."""
        self.socket.settimeout(seconds)
        try:
            self.next()
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)
        return False

    def close(self) -> None:
        self.socket.close()

    def _chunk(self) -> None:
        while True:
            size, found, rest = self._raw.partition(b"\r\n")
            if found and len(rest) >= int(size, 16) + 2:
                length = int(size, 16)
                if length == 0:
                    self.clean = True
                    raise Ended
                self._body += rest[:length]
                self._raw = rest[length + 2 :]
                return
            self._receive()

    def _receive(self) -> None:
        try:
            piece = self.socket.recv(256 * 1024)
        except ConnectionResetError:
            raise Ended from None
        if not piece:
            raise Ended
        self._raw += piece


@dataclass
class Live:
    """A running server, with the world behind it."""

    world: World
    server: uvicorn.Server
    thread: threading.Thread
    port: int
    opened: list[Stream] = field(default_factory=list)

    @property
    def hub(self) -> Hub:
        return hub_of(self.world.app.state.exchange)

    def open(self, role: str = "member", query: str = "", **options: Any) -> Stream:
        """Open a stream with that role's key."""
        path = f"/v1/listings/stream{query and '?'}{query}"
        stream = Stream(self.port, path, self.world.keys.get(role, ""), **options)
        self.opened.append(stream)
        return stream

    def until(self, done: Callable[[], bool]) -> None:
        """Wait for something of the server's."""
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.01)

    def stop(self) -> None:
        """End it as a signal would; a second time is nothing."""
        if not self.thread.is_alive():
            return
        for stream in self.opened:
            stream.close()
        loop = self.hub._loop
        loop.call_soon_threadsafe(self.hub.part)
        self.server.should_exit = True
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


@contextmanager
def live(settings: Settings, clock: Any) -> Iterator[Live]:
    """The exchange under a real uvicorn, in a thread."""
    app = create_app(settings, clock=clock)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    running = Live(World(TestClient(app), app, settings, clock), server, thread, port)
    try:
        yield running
    finally:
        running.stop()
