"""The rows of the pages: how long the server takes for one, with all England listed, beside the same bytes ready."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from placefeed.service.access import people, sign_ins
from placefeed.service.access.parties import create_organisation
from placefeed.service.clock import system_clock
from placefeed.service.config import Settings
from placefeed.service.running.origin import cookie_name
from tests.bench import sample
from tests.bench.exchange import MEMBER, PROVIDER, SECRET, Exchange, an_hour_ago
from tests.bench.load import fetch, load, request
from tests.bench.report import Aim, Contender, Row
from tests.bench.servers import server

LIMIT = 50.0  # milliseconds of the server for a page
OPERATOR = "operator"
PAGES = (
    ("page-list", MEMBER, "/list", "the list's first page"),
    ("page-filtered", MEMBER, "/list?age=12&gender=female&price=5000&sort=price", "the list by age, gender and price"),
    ("page-setting", MEMBER, f"/settings/{sample.urn(7)}", "one setting, with the median of all like it"),
    ("page-update", PROVIDER, f"/homes/{sample.urn(7)}/update", "the form of the update in thirty seconds"),
    ("page-control", OPERATOR, "/control", "the control room"),
)


@dataclass(slots=True)
class Place:
    """A folder with all England in it, and the cookies of who visits."""

    folder: Path
    cookies: dict[str, str]

    def asked(self, who: str, path: str) -> str:
        """Somebody's GET."""
        return request(path, Cookie=self.cookies[who], Accept="text/html", Accept_Encoding="identity")


@contextmanager
def _place(held: int) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="placefeed-bench-") as name:
        folder = Path(name)
        settings = Settings(data=folder, secret=SECRET, worker=False)
        exchange = Exchange(settings, held=held)
        try:
            exchange.take_in(sample.feed(range(held), at=an_hour_ago()))
            exchange.publish()
            yield Place(folder, {who: _signed_in(exchange, who) for who in (MEMBER, PROVIDER, OPERATOR)})
        finally:
            exchange.close()


def _signed_in(exchange: Exchange, organisation: str) -> str:
    now = system_clock()
    with exchange.database.write() as session:
        if organisation == OPERATOR:
            create_organisation(session, OPERATOR, kind="operator", name="Operator", now=now)
        person = people.create_person(session, email=f"{organisation}@example.org", name="Somebody", now=now)
        people.give_post(session, person.id, organisation, level="manager", now=now)
        cookie = sign_ins.begin(session, person.id, how="bench", browser="", settings=exchange.settings, now=now)
    return f"{cookie_name(exchange.settings)}={cookie}"


def rows(*, quick: bool, rounds: int) -> list[Row]:
    """One page after the other on one connection: the server's time for each."""
    held = 500 if quick else sample.ENGLAND
    seconds = 1.0 if quick else 3.0
    found: list[Row] = []
    with _place(held) as place:
        for name, who, path, what in PAGES:
            found.append(_page(place, name, place.asked(who, path), f"{what}, {held:,} listings", seconds, rounds))
    return found


def _page(place: Place, name: str, asked: str, what: str, seconds: float, rounds: int) -> Row:
    module = (sys.executable, "-m")
    ours = (*module, "tests.bench.peers.ours", "PORT", place.folder)
    with server(*ours) as port:
        status, headers, body = fetch(port, asked)
    if status != 200:
        raise RuntimeError(f"The server answered {status}: {body[:500]!r}")
    (place.folder / "answer.json").write_bytes(orjson.dumps(headers))
    (place.folder / "answer.bin").write_bytes(body)
    with ExitStack() as stack:
        ports = {
            "ours": stack.enter_context(server(*ours)),
            "raw": stack.enter_context(server(*module, "tests.bench.peers.web", "raw", "PORT", place.folder)),
        }

        def time_of(peer: str) -> Callable[[], float]:
            return lambda: 1000 / load(ports[peer], [asked], seconds=seconds, connections=1).per_second

        return Row(
            name,
            f"{what}, {len(body) / 1024:.0f} KiB, one request after the other",
            "ms",
            [
                Contender("the page: sign-in, rights, audit, drawn anew", "ours", time_of("ours")),
                Contender("raw ASGI with the same bytes", "limit", time_of("raw")),
            ],
            [Aim(most=LIMIT)],
            higher_is_better=False,
        ).measure(rounds)
