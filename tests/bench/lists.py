"""The rows of the list: cached and unchanged answers, filtered pages, serialising and compressing."""

import gzip
import sqlite3
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import orjson
from pydantic import TypeAdapter

from placefeed.schema.outputs import Listing
from placefeed.service.channels import forms
from placefeed.service.channels.index import State
from placefeed.service.channels.lists import list_document
from placefeed.service.channels.pages import Plan
from placefeed.service.channels.snapshot import Snapshot
from placefeed.service.clock import system_clock
from placefeed.service.config import Settings
from placefeed.service.publishing.sight import OPERATOR_VIEW
from tests.bench import sample
from tests.bench.exchange import SECRET, Exchange, an_hour_ago
from tests.bench.load import HOST, fetch, load, request
from tests.bench.report import Aim, Contender, Row, milliseconds
from tests.bench.servers import ROOT, server

LISTINGS = 2_000
DATASETTE = ROOT / ".venv" / "bench" / "bin" / "datasette"
CONNECTIONS = 16
FIELDS = (
    "urn",
    "la",
    "region",
    "provisionType",
    "provider",
    "places",
    "from",
    "freshness",
    "availability",
    "response",
    "name",
    "text",
)


@dataclass(slots=True)
class Place:
    """A folder with an exchange of 2,000 listings in it, and a member's key."""

    folder: Path
    settings: Settings
    key: str
    exchange: Exchange

    def authorized(self, path: str, **headers: str) -> str:
        """A member's GET."""
        return request(path, Authorization=f"Bearer {self.key}", Accept="application/json", **headers)


@contextmanager
def _place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="placefeed-bench-") as name:
        folder = Path(name)
        settings = Settings(data=folder, secret=SECRET, worker=False)
        exchange = Exchange(settings, held=LISTINGS)
        try:
            exchange.take_in(sample.feed(range(LISTINGS), at=an_hour_ago()))
            exchange.publish()
            yield Place(folder, settings, exchange.key(), exchange)
        finally:
            exchange.close()


def _ours(place: Place) -> tuple[str | Path, ...]:
    return (sys.executable, "-m", "tests.bench.peers.ours", "PORT", place.folder)


def _peer(name: str, place: Place) -> tuple[str | Path, ...]:
    return (sys.executable, "-m", "tests.bench.peers.web", name, "PORT", place.folder)


def rows(*, quick: bool, rounds: int) -> list[Row]:
    """The list that everybody asks for: as ready bytes, and as 304."""
    seconds = 1.5 if quick else 4.0
    found: list[Row] = []
    with _place() as place:
        for name, path, encoding, what in (
            ("list", "/v1/listings?limit=25", "identity", "a page of 25 listings"),
            ("list-whole", f"/v1/listings?limit={LISTINGS}", "zstd", f"all {LISTINGS:,} listings, zstd"),
        ):
            found += _ready(place, name, path, encoding, what, seconds=seconds, rounds=rounds, unchanged=name == "list")
    return found


def _ready(
    place: Place, name: str, path: str, encoding: str, what: str, *, seconds: float, rounds: int, unchanged: bool
) -> list[Row]:
    asked = place.authorized(path, Accept_Encoding=encoding)
    with server(*_ours(place)) as port:
        status, headers, body = fetch(port, asked)
        if status != 200:
            raise RuntimeError(f"The server answered {status}: {body[:500]!r}")
    (place.folder / "answer.json").write_bytes(orjson.dumps(headers))
    (place.folder / "answer.bin").write_bytes(body)
    with ExitStack() as stack:
        ports = {peer: stack.enter_context(server(*_peer(peer, place))) for peer in ("raw", "starlette", "fastapi")}
        ports["ours"] = stack.enter_context(server(*_ours(place)))
        busy: list[float] = []

        def rate_of(peer: str, text: str, status: int) -> Callable[[], float]:
            def run() -> float:
                counted = load(ports[peer], [text], seconds=seconds, connections=CONNECTIONS, status=status)
                busy.append(counted.busy)
                return counted.per_second

            return run

        def contenders(text: str, status: int) -> list[Contender]:
            return [
                Contender(
                    "the exchange: key, view, audit, metrics, log, ready bytes", "ours", rate_of("ours", text, status)
                ),
                Contender("raw ASGI", "limit", rate_of("raw", text, status)),
                Contender("Starlette", "picked", rate_of("starlette", text, status)),
                Contender("FastAPI with ready bytes", "obvious", rate_of("fastapi", text, status)),
            ]

        aims = [Aim(least=0.6, beside="Starlette")]
        found = [
            Row(
                name,
                f"{what}, {len(body) / 1024:.0f} KiB, {CONNECTIONS} connections, one process",
                "answers/s",
                contenders(asked, 200),
                aims,
            ).measure(rounds)
        ]
        found[-1].notes.append(f"The load generator used up to {max(busy) * 100:.0f} % of its core.")
        if unchanged:
            busy.clear()
            text = place.authorized(path, Accept_Encoding=encoding, If_None_Match=headers["etag"])
            found.append(
                Row(
                    "unchanged",
                    f"the same with If-None-Match: 304, {CONNECTIONS} connections, one process",
                    "answers/s",
                    contenders(text, 304),
                    aims,
                ).measure(rounds)
            )
            found[-1].notes.append(f"The load generator used up to {max(busy) * 100:.0f} % of its core.")
    return found


# -- filtered -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """One filter: no two are equal."""

    age: int
    gender: str
    pence: int


def _wanted(count: int) -> list[Wanted]:
    return [Wanted(12 + number % 3, sample.GENDERS[number % 2], 500_000 + number * 17) for number in range(count)]


def filtered(*, quick: bool, rounds: int) -> list[Row]:
    """Pages of 50 rows with ever different filters."""
    seconds = 2.0 if quick else 5.0
    wanted = _wanted(8_000)  # one process's rounds must not come round to the first again while it is cached
    with _place() as place, ExitStack() as stack:
        matching = _write_listings(place)
        (place.folder / "answer.json").write_bytes(b"{}")
        ours = stack.enter_context(server(*_ours(place)))
        modelled = stack.enter_context(server(*_peer("modelled", place)))
        asked = {
            "ours": [
                place.authorized(
                    f"/v1/listings?limit=50&age={one.age}&gender={one.gender}&weeklyAtMostPence={one.pence}"
                )
                for one in wanted
            ],
            "modelled": [
                request(f"/v1/listings?limit=50&age={one.age}&gender={one.gender}&weekly={one.pence}") for one in wanted
            ],
        }
        contenders = []
        starts: dict[str, int] = {}

        def contender(name: str, role: str, port: int, texts: list[str]) -> Contender:
            def run() -> float:
                start = starts[name] = starts.get(name, 0) + len(texts) // 7  # each round begins elsewhere
                return load(
                    port,
                    [*texts[start % len(texts) :], *texts[: start % len(texts)]],
                    seconds=seconds,
                    connections=CONNECTIONS,
                ).per_second

            return Contender(name, role, run)  # type: ignore[arg-type]

        contenders.append(contender("the exchange", "ours", ours, asked["ours"]))
        contenders.append(
            contender("FastAPI: a def route with response_model, SQLite", "picked", modelled, asked["modelled"])
        )
        aims = []
        notes = [f"The filters take {min(matching)} to {max(matching)} of {LISTINGS:,} listings."]
        if DATASETTE.exists():
            # Its dearer habits are off: facets it would suggest, and the count of all matches.
            datasette = stack.enter_context(
                server(
                    DATASETTE,
                    "serve",
                    place.folder / "listings.db",
                    "-h",
                    HOST,
                    "-p",
                    "PORT",
                    "--setting",
                    "suggest_facets",
                    "off",
                    "--setting",
                    "default_cache_ttl",
                    "0",
                )
            )
            query = (
                "age_from__lte={a}&age_to__gte={a}&gender__in={g}&weekly__lte={w}&_size=50&_nocount=1&_shape=objects"
            )
            texts = [
                request(
                    "/listings/listing.json?"
                    + query.format(a=one.age, g=quote(f"{one.gender},any-gender"), w=one.pence)
                )
                for one in wanted
            ]
            contenders.append(contender("Datasette", "obvious", datasette, texts))
            aims.append(Aim(least=5, beside="Datasette"))
        else:
            notes.append("Datasette is missing: `make .venv/installed-bench`.")
        _check_same(ours, asked["ours"][0], modelled, asked["modelled"][0])
        return [
            Row(
                "filter",
                f"50 of {LISTINGS:,} rows by a filter that was never asked before, {CONNECTIONS} connections, one process",
                "answers/s",
                contenders,
                aims,
                notes=notes,
            ).measure(rounds)
        ]


def _check_same(ours: int, asked: str, peer: int, asked_of_peer: str) -> None:
    counts = []
    for port, text in ((ours, asked), (peer, asked_of_peer)):
        status, _headers, body = fetch(port, text)
        if status != 200:
            raise RuntimeError(f"A server answered {status}: {body[:500]!r}")
        counts.append(len(orjson.loads(body)["items"]))
    if counts != [50, 50]:
        raise RuntimeError(f"The contenders do not answer with 50 rows each: {counts}")


def _write_listings(place: Place) -> list[int]:
    """The same listings as a flat table with indexes, for those who filter in SQL; returns how many rows some filters take."""
    state = _state(place)
    with sqlite3.connect(place.folder / "listings.db") as connection:
        columns = ", ".join(f'"{name}" TEXT' for name in FIELDS)
        connection.execute(
            f"CREATE TABLE listing (id TEXT PRIMARY KEY, age_from INT, age_to INT, gender TEXT, weekly INT, {columns}, body TEXT)"
        )
        for block in state.blocks:
            for row in block.rows_in(block.used):
                facts = row.facts
                weekly = min((one["weekly"] for one in facts["rates"] if one["weekly"] is not None), default=None)
                values = [
                    row.id,
                    facts["ages"][0],
                    facts["ages"][1],
                    facts["genders"][0],
                    weekly,
                    *(facts[name] for name in FIELDS),
                    row.body.decode(),
                ]
                connection.execute(f"INSERT INTO listing VALUES ({', '.join('?' * len(values))})", values)
        connection.execute("CREATE INDEX by_weekly ON listing (weekly)")
        connection.execute("CREATE INDEX by_gender ON listing (gender, age_from, age_to)")
        found = [
            connection.execute(
                "SELECT count(*) FROM listing WHERE age_from <= ? AND age_to >= ? AND gender IN (?, 'any-gender') AND weekly <= ?",
                (one.age, one.age, one.gender, one.pence),
            ).fetchone()[0]
            for one in _wanted(8_000)[::500]
        ]
    connection.close()
    return found


def _state(place: Place) -> State:
    return Snapshot(place.exchange.database).refresh()


# -- bytes --------------------------------------------------------------------------------------------------------------


def bytes_rows(*, quick: bool, rounds: int) -> list[Row]:
    """What it costs to write and to compress a list of 2,000."""
    times = 3 if quick else 10
    with _place() as place:
        state = _state(place)
        selection = state.select(Plan.parse({}).filter, OPERATOR_VIEW, system_clock())
        rows = [row for _key, row, _overdue in selection.items]
        body = list_document(state, selection, (row.body for row in rows))
        values = [orjson.loads(row.body) for row in rows]
        adapter = TypeAdapter(list[Listing])
        models = adapter.validate_python(values)
    serialise = Row(
        "serialise",
        f"{len(rows):,} listings, {len(body) / 1024 / 1024:.1f} MiB, to JSON",
        "ms",
        [
            Contender(
                "stored fragments, joined",
                "ours",
                lambda: milliseconds(lambda: list_document(state, selection, (row.body for row in rows)), times * 5),
            ),
            Contender("orjson", "limit", lambda: milliseconds(lambda: orjson.dumps(values), times)),
            Contender(
                "pydantic dump_json",
                "obvious",
                lambda: milliseconds(lambda: adapter.dump_json(models, by_alias=True, exclude_unset=True), times),
            ),
        ],
        higher_is_better=False,
    ).measure(rounds)
    packed = {
        "zstd": len(forms.compress(body, "zstd")),
        "gzip-1": len(forms.compress(body, "gzip")),
        "gzip-6": len(gzip.compress(body, 6)),
    }
    compress = Row(
        "compress",
        "the same, compressed",
        "ms",
        [
            Contender("zstd-1", "ours", lambda: milliseconds(lambda: forms.compress(body, "zstd"), times)),
            Contender("gzip-1", "picked", lambda: milliseconds(lambda: zlib.compress(body, 1, 31), times)),
            Contender("gzip-6", "obvious", lambda: milliseconds(lambda: gzip.compress(body, 6), times)),
        ],
        higher_is_better=False,
        notes=[", ".join(f"{name}: {len(body) / size:.1f} times smaller" for name, size in packed.items())],
    ).measure(rounds)
    return [serialise, compress]
