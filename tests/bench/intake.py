"""The rows of intake: checking, storing, whole feeds, a million settings, small updates meanwhile, and growth."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from placefeed.adapters.base import SourceRecord
from placefeed.schema.issues import Place
from placefeed.schema.validation import check_record
from placefeed.service.intake.records import Judge
from tests.bench import sample
from tests.bench.exchange import POSTGRES, Exchange, an_hour_ago, forget_what_was_clean, sqlite_exchange
from tests.bench.peers import storing, validating
from tests.bench.report import Aim, Contender, Row, rate

Opened = Callable[[int], AbstractContextManager[Exchange]]


def validate(*, quick: bool, rounds: int) -> list[Row]:
    """A record from bytes to a verdict."""
    at = an_hour_ago()
    records = [orjson.dumps(sample.record(number, at=at)) for number in range(500 if quick else 2000)]
    few = records[: len(records) // 10]
    now = datetime.now(UTC)

    def ours(raw: bytes) -> bool:
        return not check_record(orjson.loads(raw), now=now)

    def judged() -> float:
        judge = Judge(now=now, published_at=at, secret=b"s" * 40)

        def work() -> None:
            for index, raw in enumerate(records):
                if judge.judge(SourceRecord(index, orjson.loads(raw), Place())).checked is None:
                    raise RuntimeError("The sample is not good.")

        return rate(len(records), work)

    return [
        Row(
            "validate",
            f"a record of {len(records[0])} bytes and {sample.leaves(orjson.loads(records[0]))} leaves, from bytes to a verdict",
            "records/s",
            [
                Contender("schema and every rule", "ours", validating.figure(ours, records)),
                Contender("schema, rules, the screen for personal data, hashes of parts", "also", judged),
                Contender(
                    "orjson and jsonschema-rs, formats on", "limit", validating.figure(validating.limit(), records)
                ),
                Contender("pydantic model_validate_json", "picked", validating.figure(validating.pydantic(), records)),
                Contender("jsonschema, reused, formats on", "obvious", validating.figure(validating.jsonschema(), few)),
            ],
            notes=["The second line is what intake does with a record that it has not judged today."],
        ).measure(rounds)
    ]


@contextmanager
def _sqlite_store() -> Iterator[storing.Store]:
    with tempfile.TemporaryDirectory(prefix="placefeed-bench-") as folder:
        store = storing.Store(None, Path(folder))
        yield store
        store.close()


@contextmanager
def _postgres_store() -> Iterator[storing.Store]:
    with POSTGRES.database() as url:
        store = storing.Store(url, Path())
        yield store
        store.close()


class Feeds:
    """A provider's feeds of all England, each in the state that a row asks for."""

    def __init__(self, exchange: Exchange, held: int) -> None:
        self.exchange, self.held = exchange, held
        self.at, self.turn, self.published = an_hour_ago(), 0, timedelta()
        self.exchange.take_in(self._feed())
        self.exchange.publish()

    def _feed(self) -> bytes:
        self.published += timedelta(seconds=1)
        return sample.feed(range(self.held), at=self.at, turn=self.turn, published_at=self.at + self.published)

    def changed(self, *, publish: bool = True) -> float:
        """Settings a second when every one of them has another count and another vacancy."""
        self.at, self.turn = self.at + timedelta(seconds=30), self.turn + 1
        body = self._feed()

        def work() -> None:
            self.exchange.take_in(body)
            if publish:
                self.exchange.publish()

        reached = rate(self.held, work)
        if not publish:
            self.exchange.publish()
        return reached

    def unchanged(self, *, cold: bool = False) -> float:
        """Settings a second when the feed says again what it said; `cold`: for the first time in this process."""
        body = self._feed()
        if cold:
            forget_what_was_clean()

        def work() -> None:
            self.exchange.take_in(body)
            self.exchange.publish()

        return rate(self.held, work)

    def renewed(self) -> float:
        """Settings a second when every count and vacancy says the same with a newer clock."""
        self.at += timedelta(seconds=30)
        body = self._feed()

        def work() -> None:
            self.exchange.take_in(body)
            self.exchange.publish()

        return rate(self.held, work)


def feed(*, quick: bool, rounds: int) -> list[Row]:
    """Whole feeds of all England, on both databases, beside ways to store records that do nothing else."""
    held = 1_000 if quick else sample.ENGLAND
    at = an_hour_ago()
    states = [
        [orjson.dumps(sample.record(number, at=at + timedelta(seconds=turn), turn=turn)) for number in range(held)]
        for turn in range(2)
    ]
    few = [state[: max(100, held // 10)] for state in states]
    rows: list[Row] = []
    with (
        sqlite_exchange(held) as first,
        POSTGRES.exchange(held) as second,
        _sqlite_store() as here,
        _postgres_store() as there,
    ):
        sqlite, postgres = Feeds(first, held), Feeds(second, held)

        def peers(store: storing.Store) -> list[Contender]:
            return [
                Contender(
                    "upsert of ready rows in one transaction", "limit", storing.figure(store, store.limit, states)
                ),
                Contender("orjson, jsonschema-rs, hash, upsert", "picked", storing.figure(store, store.picked, states)),
                Contender(
                    "json, jsonschema, pydantic, session.merge", "obvious", storing.figure(store, store.obvious, few)
                ),
            ]

        rows.append(
            Row(
                "feed-changed",
                f"a feed of {held:,} settings, all changed, from bytes to the list; SQLite",
                "settings/s",
                [
                    Contender("intake and publication", "ours", sqlite.changed),
                    Contender("intake alone", "also", lambda: sqlite.changed(publish=False)),
                    *peers(here),
                ],
                [Aim(least=10_000)],
            ).measure(rounds)
        )
        rows.append(
            Row(
                "feed-unchanged",
                "the same feed again, unchanged; SQLite",
                "settings/s",
                [
                    Contender("polled again", "ours", sqlite.unchanged),
                    Contender(
                        "polled again, the first time after a restart", "also", lambda: sqlite.unchanged(cold=True)
                    ),
                    Contender("orjson, jsonschema-rs, hash, nothing to store", "picked", _again(here, states[0])),
                ],
                [Aim(least=40_000)],
            ).measure(rounds)
        )
        rows.append(
            Row(
                "feed-renewed",
                "the same feed again with newer clocks, all attested and published; SQLite",
                "settings/s",
                [Contender("intake and publication", "ours", sqlite.renewed)],
            ).measure(rounds)
        )
        rows += [
            _in_seconds("feed-changed-seconds", rows[0], held, 1.0),
            _in_seconds("feed-unchanged-seconds", rows[1], held, 0.3),
        ]
        rows.append(
            Row(
                "feed-postgresql",
                f"a feed of {held:,} settings, all changed, from bytes to the list; PostgreSQL",
                "settings/s",
                [
                    Contender("intake and publication", "ours", postgres.changed),
                    Contender("ours on SQLite", "also", sqlite.changed),
                    *peers(there),
                ],
                [Aim(least=0.3, beside="ours on SQLite")],
            ).measure(rounds)
        )
        rows.append(
            Row(
                "feed-postgresql-unchanged",
                "the same feed again, unchanged; PostgreSQL",
                "settings/s",
                [
                    Contender("polled again", "ours", postgres.unchanged),
                    Contender("ours on SQLite", "also", sqlite.unchanged),
                ],
                [Aim(least=0.3, beside="ours on SQLite")],
            ).measure(rounds)
        )
    return rows


def _again(store: storing.Store, records: list[bytes]) -> Callable[[], float]:
    def run() -> float:
        store.limit(records)
        store.picked(records)
        return rate(len(records), lambda: store.picked(records))

    return run


def _in_seconds(name: str, row: Row, held: int, most: float) -> Row:
    """All England in seconds, from the same rounds."""
    each = Contender("all England", "ours", lambda: 0.0, [sample.ENGLAND / figure for figure in row.ours.rounds])
    title = f"{row.title}, for {sample.ENGLAND:,} settings" if held != sample.ENGLAND else row.title
    return Row(name, title, "s", [each], [Aim(most=most)], higher_is_better=False, load=row.load)


def growth(*, quick: bool, rounds: int) -> list[Row]:
    """What a change costs when few and when many settings are held."""
    few, many = (500, 3_000) if quick else (1_000, 20_000)
    rows: list[Row] = []
    openers: list[tuple[str, Opened]] = [("SQLite", sqlite_exchange), ("PostgreSQL", POSTGRES.exchange)]
    for name, opened in openers:
        with opened(few) as small, opened(many) as large:

            def cost(exchange: Exchange, held: int) -> Callable[[], float]:
                at = an_hour_ago()
                for start in range(0, held, 5_000):
                    exchange.take_in(
                        orjson.dumps(
                            {
                                **sample.header(at, complete=False),
                                "settings": [
                                    sample.record(number, at=at) for number in range(start, min(start + 5_000, held))
                                ],
                            }
                        )
                    )
                exchange.publish()
                turn = 0

                def run() -> float:
                    nonlocal turn
                    turn += 1
                    moment = at + timedelta(seconds=turn)
                    # 500 settings from all over, as changes come.
                    numbers = range(turn % 2, held, held // 500)[:500]
                    body = orjson.dumps(
                        {
                            **sample.header(moment, complete=False),
                            "settings": [sample.record(number, at=moment, turn=turn) for number in numbers],
                        }
                    )

                    def work() -> None:
                        exchange.take_in(body)
                        exchange.publish()

                    return 1_000_000 / rate(len(numbers), work)

                return run

            rows.append(
                Row(
                    f"growth-{name.lower()}",
                    f"a change, taken in and published, when {many:,} settings are held; {name}",
                    "us",
                    [
                        Contender(f"{many:,} held", "ours", cost(large, many)),
                        Contender(f"{few:,} held", "also", cost(small, few)),
                    ],
                    [Aim(least=0.8, beside=f"{few:,} held")],
                    higher_is_better=False,
                ).measure(max(rounds, 5))
            )
    return rows
