"""The row of small updates while all England is being taken in: how long until one is answered, and until it is published."""

import statistics
import threading
import time
from contextlib import AbstractContextManager
from datetime import timedelta

import sqlalchemy as sa

from placefeed.service.clock import system_clock
from placefeed.service.intake import updates
from placefeed.service.tables import Listing, Source
from placefeed.service.worker import Worker
from tests.bench import sample
from tests.bench.exchange import POSTGRES, SOURCE, Exchange, an_hour_ago, sqlite_exchange
from tests.bench.report import Aim, Contender, Row

PAUSE = 0.05  # seconds between two updates
READY = 15  # bulk feeds made before the first update
LONGEST = 30.0  # seconds after which an update counts as lost


def rows(*, quick: bool, rounds: int) -> list[Row]:
    """On both databases; the bulk feed is sent anew until there are enough updates."""
    held, wanted = (1_500, 20) if quick else (sample.ENGLAND, 60)
    found: list[Row] = []
    opened: list[tuple[str, AbstractContextManager[Exchange]]] = [
        ("SQLite", sqlite_exchange(held)),
        ("PostgreSQL", POSTGRES.exchange(held)),
    ]
    for name, opening in opened:
        with opening as exchange:
            answered, published = _updates(exchange, held, wanted * rounds)
        for what, times, aim in (("answered", answered, None), ("published", published, Aim(most=1000.0))):
            cuts = statistics.quantiles(times, n=100, method="inclusive")
            found.append(
                Row(
                    f"meanwhile-{what}-{name.lower()}",
                    f"one vacancy put, until it is {what}, while {held:,} changed settings are taken in and published; {name}",
                    "ms",
                    [
                        Contender("p99", "ours", lambda: 0.0, [cuts[98]]),
                        Contender("p50", "also", lambda: 0.0, [cuts[49]]),
                    ],
                    [aim] if aim else [],
                    higher_is_better=False,
                    notes=[f"{len(times)} updates."],
                )
            )
    return found


def _updates(exchange: Exchange, held: int, wanted: int) -> tuple[list[float], list[float]]:
    """Milliseconds until each update was answered and until it was published, one after the other."""
    at = an_hour_ago()
    exchange.take_in(sample.feed(range(held), at=at))
    exchange.publish()
    worker = Worker(exchange.database, exchange.settings, system_clock, schedule=False)
    exchange.database.listen()
    stop = threading.Event()

    def body_of(turn: int) -> bytes:
        return sample.feed(range(1, held), at=at + timedelta(seconds=turn), turn=turn)

    ready = [body_of(turn) for turn in range(1, 1 + READY)]  # made beforehand: making them here takes the others' time

    def bulk() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            body = ready.pop(0) if ready else body_of(turn)
            name = exchange.hand_over([body])
            while not stop.is_set() and _waits(exchange, name):
                time.sleep(0.02)

    sender = threading.Thread(target=bulk)
    worker.start()
    sender.start()
    answered: list[float] = []
    published: list[float] = []
    try:
        for turn in range(1, wanted + 1):
            time.sleep(PAUSE)
            moment = at + timedelta(seconds=turn)
            vacancy = sample.record(0, at=moment, turn=turn)["vacancies"][0]
            started = time.perf_counter()
            with exchange.database.write() as session:
                updates.put(
                    session,
                    source=session.get_one(Source, SOURCE),
                    urn=sample.urn(0),
                    part="vacancy",
                    item=vacancy["id"],
                    document=vacancy,
                    now=system_clock(),
                )
            answered.append((time.perf_counter() - started) * 1000)
            _until_published(exchange, vacancy["asOf"], started + LONGEST)
            published.append((time.perf_counter() - started) * 1000)
    finally:
        stop.set()
        sender.join()
        worker.stop(60)
    return answered, published


def _waits(exchange: Exchange, name: str) -> bool:
    with exchange.database.read() as session:
        return (
            session.execute(sa.text("SELECT state FROM submission WHERE id = :id"), {"id": name}).scalar_one()
            == "working"
        )


def _until_published(exchange: Exchange, as_of: str, deadline: float) -> None:
    while True:
        heard = exchange.database.bell.count("published")
        with exchange.database.read() as session:
            facts = session.execute(sa.select(Listing.facts).where(Listing.urn == sample.urn(0))).scalar_one()
        if facts["asOf"] == as_of:
            return
        if time.perf_counter() > deadline:
            raise RuntimeError("A small update was not published.")
        exchange.database.bell.wait("published", heard, 0.05)
