"""The rows of push: webhooks a second beside bare aiohttp, and one event matched to ten thousand subscriptions."""

import asyncio
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any

import aiohttp
import orjson
import sqlalchemy as sa
import uvloop
from sqlmodel import Session

from placefeed.schema.codelists import codelist
from placefeed.service.access.keys import issue
from placefeed.service.access.who import MEMBER as MEMBER_ROLE
from placefeed.service.channels.news import TOPICS, Reader
from placefeed.service.channels.query import Filter
from placefeed.service.channels.subscriptions import notices, webhook_secrets
from placefeed.service.channels.subscriptions import webhooks as bodies
from placefeed.service.channels.subscriptions.interests import Interests, Who
from placefeed.service.channels.subscriptions.matching import Matcher
from placefeed.service.channels.subscriptions.notices import Asked, beginning
from placefeed.service.channels.subscriptions.sending import Sender
from placefeed.service.clock import system_clock
from placefeed.service.db import secret_of
from placefeed.service.publishing.sight import View
from placefeed.service.publishing.steps import Step
from placefeed.service.tables import ConsortiumMember, Delivery, Organisation, Subscription
from tests.bench import sample
from tests.bench.exchange import CONSORTIUM, POSTGRES, Exchange, an_hour_ago, sqlite_exchange
from tests.bench.report import Aim, Contender, Row
from tests.bench.sink import HOSTS, sink
from tests.service.factories import NOW, listing_row, rate

MATCHED = 10_000
AT_ONCE = 256  # as PLACEFEED_DELIVER_AT_ONCE is unless told
AUTHORITIES = [row["code"] for row in codelist("local-authorities").rows if not row["to"]][:150]
CONSORTIA = [f"consortium-{number}" for number in range(12)]


# -- webhooks ------------------------------------------------------------------------------------------------------------------


def webhooks(*, quick: bool, rounds: int) -> list[Row]:
    """One event to many subscriptions, from the claim to the record, on both databases; and the same bytes posted barely."""
    wanted = 500 if quick else 5_000
    found: list[Row] = []
    opened: list[tuple[str, AbstractContextManager[Exchange]]] = [
        ("SQLite", sqlite_exchange(1)),
        ("PostgreSQL", POSTGRES.exchange(1)),
    ]
    with sink() as port:
        for name, opening in opened:
            with opening as exchange:
                ours = _Ours(exchange, port, wanted)
                row = Row(
                    f"webhooks-{name.lower()}",
                    f"one event to {wanted:,} subscriptions: claimed, signed, sent, logged; one process; {name}",
                    "a second",
                    [
                        Contender("logged and retried", "ours", ours.run),
                        Contender("bare aiohttp", "limit", partial(_bare, port, wanted, ours.body)),
                    ],
                    [Aim(least=0.5, beside="bare aiohttp")],
                )
                found.append(row.measure(rounds))
                ours.close()
    return found


class _Ours:
    """An exchange with so many active subscriptions of as many members as there are LAs; each run has one more event for all."""

    def __init__(self, exchange: Exchange, port: int, wanted: int) -> None:
        self._exchange, self._wanted = exchange, wanted
        self._settings = exchange.settings.model_copy(update={"allow_loopback": True})
        self._at, self._turn = an_hour_ago(), 0
        self._held_back = timedelta(hours=1)
        members = [f"la-{number}" for number in range(len(AUTHORITIES))]
        with exchange.database.write() as session:
            for member in members:
                session.add(Organisation(id=member, kind=MEMBER_ROLE, name=member, created_at=system_clock()))
            session.flush()
            for member in members:
                session.add(
                    ConsortiumMember(consortium_id=CONSORTIUM, organisation_id=member, valid_from=sample.LONG_AGO)
                )
        self._happen()
        with exchange.database.write() as session:
            session.execute(sa.insert(Subscription), list(self._rows(session, port, members)))
        self._matcher = Matcher(exchange.database, system_clock)
        self._sender = Sender(exchange.database, self._settings, lambda: system_clock() - self._held_back)
        self._sender.start()
        self.run()
        with exchange.database.read() as session:  # what such a message says
            row = session.get_one(Subscription, "sub-00000")
            [numbered] = notices.numbered(session, row, 1, 1, now=system_clock())
        bundle = bodies.Bundle(row.id, content="ids", events_since_start=1, base=self._settings.base_url)
        bundle.add(1, system_clock(), [orjson.dumps(event) for event in numbered.events])
        self.body = bundle.body()

    def run(self) -> float:
        """Deliveries a second, from the claim to the record."""
        self._held_back = timedelta(hours=1)
        self._happen()
        while self._matcher.step():
            pass
        wanted = self._delivered() + self._wanted
        started = time.perf_counter()
        self._held_back = timedelta(0)
        self._exchange.database.bell.ring("subscription")
        while self._delivered() < wanted:
            if time.perf_counter() > started + 120:
                raise RuntimeError("Some webhooks were not delivered.")
            time.sleep(0.02)
        return self._wanted / (time.perf_counter() - started)

    def close(self) -> None:
        """Stop sending."""
        self._sender.stop()

    def _rows(self, session: Session, port: int, members: Sequence[str]) -> Iterator[dict[str, Any]]:
        now, begins, secret = system_clock(), beginning(session), secret_of(self._settings)
        keys = {
            member: issue(session, organisation_id=member, role=MEMBER_ROLE, secret=secret, now=now)[1].id
            for member in members
        }
        for number in range(self._wanted):
            member = members[number % len(members)]
            row = Subscription(id=f"sub-{number:05}")
            webhook_secrets.keep(row, [webhook_secrets.Secret(webhook_secrets.new_secret())], secret=secret)
            url = f"http://127.0.0.{1 + number % HOSTS}:{port}/hooks/{number}"
            asked = {"age": 10 + number % 3} if number % 2 else {}
            yield {
                "id": row.id, "organisation_id": member, "role": MEMBER_ROLE, "key_id": keys[member], "channel": "webhook",
                "document": {"channel": "webhook", "url": url, "filter": asked}, "version": 1, "secrets": row.secrets,
                "state": "active", "created_at": now, "changed_at": now, "epoch": begins.epoch, "start": begins.position,
                "number": 0, "events": 0, "delivered": 0, "attempt": 0,
            }  # fmt: skip

    def _happen(self) -> None:
        self._turn += 1
        at = self._at + timedelta(seconds=self._turn)
        self._exchange.take_in(sample.feed(range(1), at=at, turn=self._turn))
        self._exchange.publish()

    def _delivered(self) -> int:
        with self._exchange.database.read() as session:
            return session.execute(sa.select(sa.func.max(Delivery.id))).scalar_one() or 0


def _bare(port: int, wanted: int, body: bytes) -> float:
    """Posts a second of aiohttp alone: the same bytes to the same receivers, as many at once."""

    async def main() -> float:
        numbers = iter(range(wanted))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

            async def some() -> None:
                for number in numbers:
                    url = f"http://127.0.0.{1 + number % HOSTS}:{port}/hooks/{number}"
                    async with http.post(url, data=body) as response:
                        await response.read()

            started = time.perf_counter()
            await asyncio.gather(*(some() for _ in range(AT_ONCE)))
            return wanted / (time.perf_counter() - started)

    return uvloop.run(main())


# -- matching ------------------------------------------------------------------------------------------------------------------


def matching(*, quick: bool, rounds: int) -> list[Row]:
    """One event to ten thousand subscriptions with as many different wishes, in memory, with and without the index."""
    chance = random.Random(7)
    held = 1_000 if quick else MATCHED
    interests, asked, readers = _interests(chance, held)
    some = [_step(chance) for _ in range(60 if quick else 300)]

    def ours() -> float:
        times = []
        for step in some:
            started = time.perf_counter()
            names = [name for _, slot in interests.each(interests.concerned(step)) for name in slot.subscriptions]
            times.append((time.perf_counter() - started) * 1000)
            assert names is not None
        return statistics.median(times)

    def one_by_one() -> float:
        started = time.perf_counter()
        for each in asked:
            each.news(some[0], readers[Who(each.role, each.organisation_id)])
        return (time.perf_counter() - started) * 1000

    row = Row(
        "matching",
        f"one event matched to {held:,} subscriptions of {len(readers)} members, median of {len(some)} events",
        "ms",
        [Contender("by masks", "ours", ours), Contender("each asked in turn", "obvious", one_by_one)],
        [Aim(most=5.0)],
        higher_is_better=False,
    )
    return [row.measure(rounds)]


def _interests(chance: random.Random, held: int) -> tuple[Interests, list[Asked], dict[Who, Reader]]:
    readers: dict[Who, Reader] = {}
    for number, authority in enumerate(AUTHORITIES):
        audiences = frozenset(chance.sample(CONSORTIA, k=chance.choice([1, 1, 2])))
        buyers = {f"placefeed:la-{number}", f"gss:{authority}", *(f"placefeed:{each}" for each in audiences)}
        view = View(everything=False, audiences=audiences, buyers=frozenset(buyers))
        readers[Who(MEMBER_ROLE, f"la-{number}")] = Reader(MEMBER_ROLE, f"la-{number}", view, view)
    interests, asked = Interests(), []
    everyone, types = list(readers), TOPICS[MEMBER_ROLE]
    for number in range(held):
        wanted = types if chance.random() < 0.5 else chance.sample(types, k=3)
        each = Asked(
            *everyone[number % len(everyone)], _filter(chance), frozenset(wanted), chance.random() < 0.1, "ids"
        )
        interests.put(f"sub-{number}", 0, each)
        asked.append(each)
    interests.look(readers)
    return interests, asked, readers


def _filter(chance: random.Random) -> Filter:
    """What a placement officer might ask for."""
    params: dict[str, list[str]] = {}
    if chance.random() < 0.7:
        params["la"] = chance.sample(AUTHORITIES, k=chance.randint(1, 6))
    if chance.random() < 0.6:
        params["age"] = [str(chance.randint(5, 17))]
    if chance.random() < 0.5:
        params["gender"] = [chance.choice(["male", "female"])]
    if chance.random() < 0.3:
        params["need"] = [chance.choice(codelist("support-needs").codes[:8])]
    if chance.random() < 0.3:
        params["placementType"] = [chance.choice(["planned", "emergency"])]
    if chance.random() < 0.3:
        params["weeklyAtMostPence"] = [str(chance.randint(300_000, 900_000))]
    if chance.random() < 0.1:
        params["q"] = [chance.choice(["willow", "oak lodge", "bristol", "example homes"])]
    if chance.random() < 0.2:
        params["judgement"] = ["sccif-2017:good,sccif-2017:outstanding"]
    if chance.random() < 0.2:
        params["availableBy"] = [f"2026-07-{chance.randint(1, 28):02}"]
    return Filter.parse(params)


def _step(chance: random.Random) -> Step:
    facts: dict[str, Any] = listing_row(
        la=chance.choice(AUTHORITIES), rates=[rate(chance.randint(300_000, 800_000)) for _ in range(2)]
    )["facts"]
    audiences = frozenset(chance.sample(CONSORTIA, k=4))
    kind = chance.choice(["vacancy.published", "vacancy.withdrawn", "vacancy.changed"])
    if kind == "vacancy.published":
        return Step(7, NOW, "SC000001", "listing-1", (kind,), None, facts, frozenset(), audiences)
    if kind == "vacancy.withdrawn":
        return Step(7, NOW, "SC000001", "listing-1", (kind,), facts, None, audiences, frozenset())
    return Step(
        7, NOW, "SC000001", "listing-1", (kind, "rate.changed"), facts, {**facts, "places": 3}, audiences, audiences,
        changed=("/vacancy/places", "/rates"), offered_to=frozenset(["any"]),
    )  # fmt: skip
