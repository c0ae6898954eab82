"""The rows of the stream: from a provider's push to a reader's eyes, fan-out to thousands beside others, and memory."""

import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from placefeed.service.access.keys import issue
from placefeed.service.clock import system_clock
from placefeed.service.config import MIB, Settings
from placefeed.service.db import secret_of
from placefeed.service.tables import ConsortiumMember, Organisation
from tests.bench import sample
from tests.bench.exchange import CONSORTIUM, PROVIDER, SECRET, SOURCE, Exchange, an_hour_ago
from tests.bench.load import HOST, fetch, request
from tests.bench.peers.streams import configure_nchan, nchan_module
from tests.bench.readers import Crowd
from tests.bench.report import Aim, Contender, Role, Row, progress
from tests.bench.servers import ROOT, server

MEMBERS = 150  # as many as there are local authorities: each has a view of its own
READERS, CROWD = 1_000, 5_000
PAUSE = 0.03  # seconds between two pushes
READY = b"event: ready"
STREAM = "/v1/listings/stream"


@dataclass(slots=True)
class Place:
    """A folder with an exchange in it that holds England, keys of its members, and one of its provider."""

    folder: Path
    members: list[str]
    provider: str
    vacancy: dict[str, object]

    def readers(self, count: int, query: str = "") -> list[str]:
        """Requests for streams, of all members in turn."""
        return [
            request(f"{STREAM}{query}", Authorization=f"Bearer {self.members[number % len(self.members)]}")
            for number in range(count)
        ]


@contextmanager
def _place(held: int) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="placefeed-bench-") as name:
        settings = Settings(data=Path(name), secret=SECRET, worker=False, max_body=4096 * MIB)
        exchange = Exchange(settings, held=held)
        try:
            at = an_hour_ago()
            now, secret = system_clock(), secret_of(settings)
            members = []
            with exchange.database.write() as session:
                for number in range(MEMBERS):
                    id = f"member-{number}"
                    session.add(Organisation(id=id, kind="member", name=id, la_code=f"E9{number:07d}", created_at=now))
                    session.flush()
                    session.add(
                        ConsortiumMember(consortium_id=CONSORTIUM, organisation_id=id, valid_from=sample.LONG_AGO)
                    )
                    members.append(issue(session, organisation_id=id, role="member", secret=secret, now=now)[0])
                provider, _key = issue(
                    session, organisation_id=PROVIDER, role="provider", source_id=SOURCE, secret=secret, now=now
                )
            exchange.take_in(sample.feed(range(held), at=at))
            exchange.publish()
            yield Place(Path(name), members, provider, sample.record(0, at=at)["vacancies"][0])
        finally:
            exchange.close()


class Pusher:
    """A provider that puts one vacancy anew, each time with other places."""

    def __init__(self, place: Place, port: int) -> None:
        self._place, self._port, self._turn = place, port, 0

    def push(self) -> int:
        """Put it; returns when it was sent, by the monotonic clock."""
        self._turn += 1
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        body = orjson.dumps({**self._place.vacancy, "asOf": now, "places": 1 + self._turn % 2})
        head = (
            f"PUT /v1/settings/{sample.urn(0)}/vacancies/solo HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nConnection: close\r\n"
            f"Authorization: Bearer {self._place.provider}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection((HOST, self._port), timeout=60) as connection:
            sent = time.monotonic_ns()
            connection.sendall(head.encode() + body)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        if answer[9:12] not in (b"200", b"201"):
            raise RuntimeError(f"The vacancy was not taken: {answer[-2000:].decode()}")
        return sent


def until(connection: socket.socket, mark: bytes, *, after: bytes = b"") -> bytes:
    """What comes, up to a mark (behind another), and what came with it."""
    got = b""
    while True:
        piece = connection.recv(65536)
        if not piece:
            raise RuntimeError(f"The server closed the connection after {got[-2000:]!r}.")
        got += piece
        if mark in got[max(0, got.find(after)) :] and after in got:
            return got


def _peer(name: str, place: Place) -> tuple[str | Path, ...]:
    return (ROOT / ".venv/bin/python", "-m", "tests.bench.peers.streams", name, "PORT", place.folder)


def _milliseconds(since: int, until: int) -> float:
    return (until - since) / 1e6


# -- from a push to a reader's eyes ---------------------------------------------------------------------------------


def pushed(*, quick: bool, rounds: int) -> list[Row]:
    """An HTTP PUT by a provider, until each of 1,000 readers has the event."""
    readers, pushes = (100, 10) if quick else (READERS, 40)
    with _place(500 if quick else sample.ENGLAND) as place, server(*_peer("ours", place)) as port:
        pusher = Pusher(place, port)
        crowd = Crowd(port, place.readers(readers), begun=READY)
        seen: list[float] = []
        last: list[float] = []
        try:
            for turn in range(pushes * rounds + 3):
                time.sleep(PAUSE)
                crowd.arm()
                sent = pusher.push()
                arrived = crowd.arrived()
                if turn >= 3:  # the first ones only warm up
                    seen += [_milliseconds(sent, at) for at in arrived]
                    last.append(_milliseconds(sent, arrived[-1]))
        finally:
            crowd.close()
    cuts = statistics.quantiles(seen, n=100, method="inclusive")

    def row(name: str, title: str, found: float, aim: Aim | None) -> Row:
        contender = Contender("PUT, checked, stored, published, seen", "ours", lambda: 0.0, [found])
        return Row(name, title, "ms", [contender], [aim] if aim else [], higher_is_better=False)

    what = f"from a provider's push to a reader's eyes, {readers:,} readers with {MEMBERS} views"
    return [
        row("pushed-p50", f"{what}: median", cuts[49], Aim(most=25.0)),
        row("pushed-p99", f"{what}: 99th of 100", cuts[98], Aim(most=100.0)),
        row("pushed-last", f"{what}: the last reader, median", statistics.median(last), None),
    ]


# -- fan-out --------------------------------------------------------------------------------------------------------


def fan_out(*, quick: bool, rounds: int) -> list[Row]:
    """One event to 5,000 readers, from published to the last, beside others who send the same bytes."""
    readers, times = (200, 3) if quick else (CROWD, 15)
    with _place(200) as place, ExitStack() as stack:
        port = stack.enter_context(server(*_peer("ours", place)))
        pusher = Pusher(place, port)
        (place.folder / "frame.bin").write_bytes(_frame(place, port, pusher))
        crowd = Crowd(port, place.readers(readers), begun=READY)
        stack.callback(crowd.close)
        fetch(port, request("/bench/published"))

        def ours() -> float:
            found = []
            for _turn in range(times):
                time.sleep(PAUSE)
                crowd.arm()
                pusher.push()
                arrived = crowd.arrived()
                published = int(fetch(port, request("/bench/published"))[2])
                found.append(_milliseconds(published, arrived[-1]))
            return statistics.median(found)

        contenders = [
            Contender(f"the exchange: {MEMBERS} views, from the commit on", "ours", ours),
            _rival("bare asyncio", "limit", _peer("bare", place), readers, times, stack, place),
            _rival("sse-starlette", "obvious", _peer("sse-starlette", place), readers, times, stack, place),
        ]
        aims, notes = [], []
        if nchan_module() is not None:
            contenders.insert(1, _rival("nginx with nchan", "picked", (), readers, times, stack, place))
            aims = [Aim(least=1 / 1.2, beside="nginx with nchan", words="publish to last <= 1.2x nchan")]
        else:
            notes = ["MISSING: nginx with nchan is not installed, so it does not stand here."]
        size = len((place.folder / "frame.bin").read_bytes())
        return [
            Row(
                "fan-out",
                f"one event of {size:,} bytes to {readers:,} readers, published to last, median of {times}",
                "ms",
                contenders,
                aims,
                higher_is_better=False,
                notes=notes,
            ).measure(rounds)
        ]


def _rival(
    name: str,
    role: Role,
    command: tuple[str | Path, ...],
    readers: int,
    times: int,
    stack: ExitStack,
    place: Place,
) -> Contender:
    """A server that writes the same frame to as many readers."""
    begun = READY
    data = b""
    if not command:
        nginx = ("nginx", "-p", place.folder, "-c", place.folder / "nginx.conf")
        port = stack.enter_context(server(*nginx, prepare=lambda port: configure_nchan(port, place.folder)))
        begun = b"text/event-stream"
        data = next(
            line for line in (place.folder / "frame.bin").read_bytes().split(b"\n") if line.startswith(b"data: ")
        ).removeprefix(b"data: ")
    else:
        port = stack.enter_context(server(*command))
    crowd = Crowd(port, [request("/stream", Accept="text/event-stream")] * readers, begun=begun)
    stack.callback(crowd.close)

    def run() -> float:
        found = []
        for _turn in range(times):
            time.sleep(PAUSE)
            crowd.arm()
            with socket.create_connection((HOST, port), timeout=60) as connection:
                sent = time.monotonic_ns()
                connection.sendall(
                    f"POST /publish HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode()
                    + data
                )
                while connection.recv(65536):
                    pass
            found.append(_milliseconds(sent, crowd.arrived()[-1]))
        return statistics.median(found)

    return Contender(name, role, run)


def _frame(place: Place, port: int, pusher: Pusher) -> bytes:
    """An event as our readers get it."""
    with socket.create_connection((HOST, port), timeout=60) as reader:
        reader.sendall(place.readers(1)[0].encode())
        until(reader, READY)
        pusher.push()
        got = until(reader, b"}\n\n", after=b"event: vacancy")
    return got[got.rindex(b"id: ") : got.rindex(b"}") + 1] + b"\n\n"


# -- memory ---------------------------------------------------------------------------------------------------------


def memory(*, quick: bool, rounds: int) -> list[Row]:
    """What the server's process holds with England loaded and 1,000 streams open, each of which was given the whole list."""
    held, readers = (500, 50) if quick else (sample.ENGLAND, READERS)
    del rounds  # it does not vary
    with _place(held) as place, server(*_peer("ours", place)) as port:

        def used(name: str) -> float:
            found: dict[str, int] = orjson.loads(fetch(port, request("/bench/memory"))[2])
            return found[name] / 1024

        loaded = used("VmRSS")
        crowd = Crowd(port, place.readers(readers), begun=READY)
        live = used("VmRSS")
        crowd.close()
        crowd = Crowd(port, place.readers(readers, "?snapshot=true"), begun=READY)
        whole = used("VmRSS")
        progress(f"memory: peak {used('VmHWM'):.0f} MiB")
        read = crowd.read(0.5)
        peak = used("VmHWM")
        crowd.close()
    title = f"memory of the server, {held:,} listings, {readers:,} streams"
    return [
        Row(
            "stream-memory",
            title,
            "MiB",
            [
                Contender("with all streams open, each given the whole list", "ours", lambda: 0.0, [whole]),
                Contender("at its peak while they were given it", "also", lambda: 0.0, [peak]),
                Contender("with all streams open from now on", "also", lambda: 0.0, [live]),
                Contender("with none", "also", lambda: 0.0, [loaded]),
            ],
            [Aim(most=300.0)],
            higher_is_better=False,
            notes=[f"{(live - loaded) * 1024 / readers:.1f} KiB a stream; {read / 1024 / 1024:,.0f} MiB were read."],
        )
    ]
