"""A receiver of webhooks that does as little as HTTP allows, in a process of its own: `with sink() as port`.

`python -m tests.bench.sink` prints its port and answers every request with 204 until it is ended.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

ROOT = Path(__file__).parents[2]
HOSTS = 4  # addresses of loopback: to a sender, as many receivers
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Sink(asyncio.Protocol):
    """Counts off requests by their Content-Length; what they say is of no matter."""

    def __init__(self) -> None:
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by name

    def data_received(self, data: bytes) -> None:
        held = self._held + data if self._held else data
        while (end := held.find(b"\r\n\r\n")) >= 0:
            at = held.lower().find(b"content-length: ", 0, end)
            size = int(held[at + 16 : held.index(b"\r\n", at)])
            if len(held) < end + 4 + size:
                break
            self._transport.write(ANSWER)
            held = held[end + 4 + size :]
        self._held = held


@contextmanager
def sink() -> Iterator[int]:
    """A running one; its port."""
    process = subprocess.Popen([sys.executable, "-m", __name__], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


async def _main() -> None:
    loop, port = asyncio.get_running_loop(), 0
    for host in range(1, HOSTS + 1):
        server = await loop.create_server(Sink, f"127.0.0.{host}", port, backlog=1024)
        port = server.sockets[0].getsockname()[1]
    print(port, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.run(_main())
    except ImportError:
        asyncio.run(_main())
