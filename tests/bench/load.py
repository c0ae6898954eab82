"""A load generator of our own, for loopback only: several connections in one process, raw sockets, nothing parsed twice.

`python -m tests.bench.load PORT SECONDS CONNECTIONS` reads the requests from standard input, a JSON array of texts, sends
them in turn on every connection, each after the answer to the one before, and prints what it counted. It knows an answer's
end by its Content-Length or, for one in chunks, by the last chunk.
"""

import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
ROOM = 1024 * 1024


@dataclass(slots=True)
class Counted:
    """What a load came to. `busy` is the generator's own share of a core: near 1, it and not the server was the limit."""

    per_second: float
    bytes_per_answer: float
    busy: float


def load(port: int, requests: Sequence[str], *, seconds: float, connections: int, status: int = 200) -> Counted:
    """Send these requests from another process; raises RuntimeError for any answer of another status."""
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(port), str(seconds), str(connections), str(status)],
        cwd=ROOT,
        input=orjson.dumps(list(requests)),
        stdout=subprocess.PIPE,
        check=True,
    )
    return Counted(**orjson.loads(done.stdout))


def request(path: str, **headers: str) -> str:
    """A GET as it goes on the wire."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {HOST}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines) + "\r\n\r\n"


def fetch(port: int, text: str) -> tuple[int, dict[str, str], bytes]:
    """One answer: status, headers in small letters, body (of an answer with Content-Length)."""
    with socket.create_connection((HOST, port), timeout=60) as connection:
        connection.sendall(text.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").encode())
        raw = b""
        while piece := connection.recv(ROOM):
            raw += piece
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    return (
        int(first.split()[1]),
        {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)},
        body,
    )


class Connection:
    """One connection: sends the next request when the last answer is whole."""

    def __init__(self, port: int, requests: list[bytes], at: int, status: bytes) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests, self._next, self._status = requests, at, status
        self._buffer = bytearray(ROOM)
        self._length = self._have = 0  # bytes of the answer that is coming: all, and so far; 0 while not known
        self._tail = b""
        self.bytes = 0
        self.answers = 0

    def send(self) -> None:
        """Send the next request."""
        self._length = self._have = 0
        self._tail = b""
        self.socket.sendall(self._requests[self._next])
        self._next = (self._next + 1) % len(self._requests)

    def read(self) -> None:
        """Take what has come."""
        count = self.socket.recv_into(self._buffer)
        if count == 0:
            raise RuntimeError("The server closed a connection.")
        if self._have == 0:
            head = bytes(self._buffer[:count])
            if head[9:12] != self._status:
                raise RuntimeError(f"The server answered {head[:2000].decode('latin-1')}")
            self._length = _length(head)
        self._have += count
        if self._length < 0:
            self._tail = (self._tail + bytes(self._buffer[:count]))[-5:]
            whole = self._tail == b"0\r\n\r\n"
        else:
            whole = self._have >= self._length
        if whole:
            self.answers += 1
            self.bytes += self._have
            self.send()


def _length(head: bytes) -> int:
    """Bytes of the whole answer, or -1 where it comes in chunks."""
    end = head.find(b"\r\n\r\n")
    if end < 0:
        raise RuntimeError("The head of an answer came in pieces.")
    small = head[:end].lower()
    found = small.find(b"\r\ncontent-length:")
    if found < 0:
        return -1 if b"\r\ntransfer-encoding: chunked" in small else end + 4
    return end + 4 + int(small[found + 17 :].partition(b"\r\n")[0])


def main(port: int, seconds: float, connections: int, status: int) -> dict[str, Any]:
    """Run the load."""
    requests = [text.encode() for text in orjson.loads(sys.stdin.buffer.read())]
    opened = [
        Connection(port, requests, number * len(requests) // connections, str(status).encode())
        for number in range(connections)
    ]
    with selectors.DefaultSelector() as selector:
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection.read)
            connection.send()
        started = counted_from = time.perf_counter()
        busy_from = time.process_time()
        warm = False
        while (now := time.perf_counter()) < started + seconds:
            if not warm and now > started + seconds * 0.2:  # the first fifth only warms up
                warm, counted_from, busy_from = True, now, time.process_time()
                for connection in opened:
                    connection.answers = connection.bytes = 0
            for key, _events in selector.select(1.0):
                key.data()
    took = time.perf_counter() - counted_from
    answers = sum(connection.answers for connection in opened)
    size = sum(connection.bytes for connection in opened)
    return {
        "per_second": answers / took,
        "bytes_per_answer": size / max(1, answers),
        "busy": (time.process_time() - busy_from) / took,
    }


if __name__ == "__main__":
    sys.stdout.buffer.write(
        orjson.dumps(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
    )
