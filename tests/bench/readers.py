"""A crowd of stream readers in one process, as cheap as can be: each only looks whether an event is in what came.

`python -m tests.bench.readers PORT` reads from standard input, as JSON a line: first `{"requests": [text, ...], "begun": marker}`;
opens a connection for each and says `{"open": n}` when `marker` has come on every one. Then, for each line `{"events": n}`, says
`{"armed": true}`, waits until every connection has had n events, and says when: nanoseconds of the machine's monotonic clock.
`{"read": seconds}` says how many bytes all have read until nothing came for so long.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import uvloop

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
EVENT = b"data: {"
OPENING = 100  # connections opened at a time
PATIENCE = 120.0  # seconds


class Crowd:
    """Readers in a process of their own. `request` texts as they go on the wire; `begun`: what says that a stream stands."""

    def __init__(self, port: int, requests: Sequence[str], *, begun: bytes) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(port)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.size = len(requests)
        self._say({"requests": list(requests), "begun": begun.decode()})
        self._hear()

    def arm(self, events: int = 1) -> None:
        """From now on wait for so many events each."""
        self._say({"events": events})
        self._hear()

    def arrived(self) -> list[int]:
        """When each had its last, in the order in which they had it."""
        found: list[int] = self._hear()["arrived"]
        return found

    def read(self, seconds: float) -> int:
        """How many bytes came, until none did for so long."""
        self._say({"read": seconds})
        return int(self._hear()["bytes"])

    def close(self) -> None:
        """Close all connections."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:  # it waits for events that will not come
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _say(self, what: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps(what) + b"\n")
        self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The readers' process ended.")
        said: dict[str, Any] = orjson.loads(line)
        if "error" in said:
            raise RuntimeError(said["error"])
        return said


class _Readers:
    """What all connections share: how many events each waits for, and when each had them."""

    def __init__(self, begun: bytes) -> None:
        self.begun = begun
        self.wanted = 0
        self.left = 0
        self.bytes = 0
        self.arrived: list[int] = []
        self.done = asyncio.Event()
        self.all: list[_Reader] = []

    def arm(self, events: int) -> None:
        self.wanted, self.arrived = events, []
        self.left = len(self.all)
        self.done.clear()
        for reader in self.all:
            reader.had = 0


class _Reader(asyncio.Protocol):
    def __init__(self, shared: _Readers, request: bytes, opened: "asyncio.Future[None]") -> None:
        self.shared, self.had = shared, 0
        self._request, self._opened, self._first = request, opened, b""

    def connection_made(self, transport: Any) -> None:
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        shared = self.shared
        shared.bytes += len(data)
        if not self._opened.done():
            self._first = (self._first + data)[-8192:]
            if b"HTTP/1.1 200" not in data[:12] and len(self._first) == len(data):
                self._opened.set_exception(RuntimeError(data[:300].decode("latin-1")))
            elif shared.begun in self._first:
                self._opened.set_result(None)
        elif shared.wanted and EVENT in data:
            self.had += data.count(EVENT)
            if self.had == shared.wanted:
                shared.arrived.append(time.monotonic_ns())
                shared.left -= 1
                if not shared.left:
                    shared.done.set()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._opened.done():
            self._opened.set_exception(RuntimeError("A connection was closed before its stream stood."))


async def _main(port: int) -> None:
    loop = asyncio.get_running_loop()

    async def hear() -> dict[str, Any]:
        line = await loop.run_in_executor(None, sys.stdin.buffer.readline)
        return orjson.loads(line) if line else {}

    def say(what: dict[str, Any]) -> None:
        sys.stdout.buffer.write(orjson.dumps(what) + b"\n")
        sys.stdout.buffer.flush()

    asked = await hear()
    shared = _Readers(asked["begun"].encode())
    texts = [text.encode() for text in asked["requests"]]
    for start in range(0, len(texts), OPENING):
        opened = []
        for text in texts[start : start + OPENING]:
            future = loop.create_future()
            _transport, reader = await loop.create_connection(
                lambda text=text, future=future: _Reader(shared, text, future), HOST, port
            )
            shared.all.append(reader)
            opened.append(future)
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*opened)
        except (RuntimeError, TimeoutError) as error:
            say({"error": f"{type(error).__name__} {error}"})
            return
    say({"open": len(shared.all)})
    while asked := await hear():
        if "read" in asked:
            while True:
                before = shared.bytes
                await asyncio.sleep(asked["read"])
                if shared.bytes == before:
                    break
            say({"bytes": shared.bytes})
            continue
        shared.arm(asked["events"])
        say({"armed": True})
        try:
            async with asyncio.timeout(PATIENCE):
                await shared.done.wait()
            say({"arrived": shared.arrived})
        except TimeoutError:
            say({"error": f"{shared.left} of {len(shared.all)} readers did not get their events."})


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1])))
