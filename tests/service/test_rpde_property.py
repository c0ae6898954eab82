"""Whatever the interleaving of writers, publishers and readers: who only follows `next` ends with exactly what stands, and is told of nothing that it never had."""

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as tried
from hypothesis import strategies as st
from sqlmodel import col, select

from placefeed.service.access.parties import update_organisation
from placefeed.service.channels import rpde
from placefeed.service.channels.rpde import FEEDS, Cursor, Feed, page_of
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.pending import touch
from placefeed.service.publishing.log import head
from placefeed.service.publishing.publisher import publish_all, publish_once
from placefeed.service.publishing.sight import view_of
from placefeed.service.publishing.since import LISTINGS
from placefeed.service.tables import ConsortiumMember, ConsortiumProvider, Listing, ShownSetting
from tests.service.conftest import MovableClock
from tests.service.test_log import MEMBERS, Game
from tests.service.world import World

START = "https://exchange.example/v1/feeds"


@dataclass
class PageReader:
    """Follows a change feed by the words of its `next` alone."""

    member: str
    feed: Feed
    next: bytes = b""
    held: dict[str, Any] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    positions: list[int] = field(default_factory=list)

    def read(self, database: Database, now: datetime, *, pages: int = 100_000) -> bool:
        """Read some pages; returns whether it came to the last."""
        for _page in range(pages):
            with database.read() as session:
                view = view_of(session, self.member, now)
                here = head(session)
                cursor = Cursor.parse(self.next).begun(here, start=START)
                page = page_of(session, self.feed, cursor, here, view=view, member=self.member, now=now)
            for item in page.items:
                self.positions.append(item["modified"])
                self.told.add(item["id"])
                if item["state"] == "updated":
                    self.held[item["id"]] = item["data"]
                else:
                    self.gone.add(item["id"])
                    self.held.pop(item["id"], None)
            if page.next is None:
                assert page.items == []
                return True
            asked, self.next = self.next, page.next.query().encode()
            assert self.next != asked
        return False

    def check(self, database: Database, now: datetime) -> None:
        """It holds what somebody who begins now is given, and its numbers only ever rose."""
        assert self.read(database, now)
        fresh = PageReader(self.member, self.feed)
        assert fresh.read(database, now)
        assert self.held == fresh.held
        assert self.positions == sorted(set(self.positions))


class PagedGame(Game):
    """The game of the log, played by followers of the feeds' pages."""

    def __init__(self, database: Database, exchange: Settings) -> None:
        super().__init__(database, exchange)
        self.readers, self.pushed = [], []
        self.followers = [PageReader(member, feed) for member in MEMBERS for feed in FEEDS.values()]

    def step(self, choice: random.Random) -> None:
        """One random thing happens, and some read on."""
        super().step(choice)
        for follower in self.followers:
            if choice.random() < 0.4:
                follower.read(self.database, self.now, pages=choice.randint(1, 3))

    def check(self) -> None:
        self.publish()
        for follower in self.followers:
            follower.check(self.database, self.now)
            table = Listing if follower.feed.table is LISTINGS else ShownSetting
            assert follower.held.keys() == self.visible(follower.member, table).keys()
            assert follower.told <= self.once_seen[follower.member]


@pytest.fixture(autouse=True)
def small_pages() -> Iterator[None]:
    """Pages of two items, so that every reading has many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rpde, "PAGE", 2)
        yield


@tried(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink])
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 30))
def test_every_follower_ends_with_exactly_what_it_may_see(sqlite_template, tmp_path_factory, seed, steps) -> None:
    folder = tmp_path_factory.mktemp("game")
    (folder / "placefeed.db").write_bytes(sqlite_template.read_bytes())
    exchange = Settings(data=folder, secret="s" * 40)
    database = Database(exchange)
    try:
        play(PagedGame(database, exchange), random.Random(seed), steps)
    finally:
        database.close()


def test_the_same_on_both_databases(database: Database, settings: Settings) -> None:
    play(PagedGame(database, settings), random.Random(7), 50)


def play(game: PagedGame, choice: random.Random, steps: int) -> None:
    for _step in range(steps):
        game.step(choice)
    game.check()


# -- all at once ---------------------------------------------------------------------------------------------------------

TURNS = 12
PROVIDERS = {"acorn": ("SC000001", "SC000002"), "birch": ("SC000003",), "cedar": ("SC000004",)}
OWNERS = {urn: provider for provider, urns in PROVIDERS.items() for urn in urns}


def set_up(database: Database, now: datetime) -> None:
    """`leeds` and `york` see acorn and birch now and then, a trust acts for one or the other; `kent` only ever sees cedar."""
    with database.write() as session:
        world = World(session, now)
        for provider, urns in PROVIDERS.items():
            world.provider(provider, *urns)
        world.consortium("north", "acorn")
        world.consortium("west", "birch")
        world.consortium("south", "cedar")
        for name, consortium in (("leeds", "north"), ("york", "west"), ("kent", "south")):
            world.member(name, consortium)
        world.member("trust")


def speak(database: Database, now: datetime, urn: str, choice: random.Random) -> None:
    """One of the providers says something of its home."""
    with database.write() as session:
        world = World(session, now, dict(OWNERS))
        match choice.choice(["offer", "offer", "withdraw", "full", "price", "special"]):
            case "offer":
                world.vacancy(urn, choice.choice(["v1", "v2", "v3"]), places=choice.randint(1, 3))
            case "withdraw":
                world.say(urn, "vacancy", {}, item=choice.choice(["v1", "v2"]), withdrawn=True)
            case "full":
                world.capacity(urn, available=choice.choice([0, 4, 4]))
            case "price":
                world.rate(urn, pounds=choice.randint(3000, 3009))
            case "special":
                buyer = choice.choice(["leeds", "york", "north", "trust"])
                world.rate(urn, "special", pounds=2000, offeredTo={"buyers": [{"scheme": "placefeed", "id": buyer}]})


def share(database: Database, now: datetime, choice: random.Random) -> None:
    """The operator changes who sees what; never that kent sees anybody's but cedar's, or others cedar's."""
    with database.write() as session:
        world = World(session, now, dict(OWNERS))
        provider, consortium = choice.choice(["acorn", "birch"]), choice.choice(["north", "west"])
        match choice.choice(["take", "drop", "join", "leave", "act"]):
            case "take":
                world.take(consortium, provider)
                touch(session, PROVIDERS[provider], at=now, bulk=True)
            case "drop":
                session.execute(
                    sa.delete(ConsortiumProvider).where(col(ConsortiumProvider.organisation_id) == provider)
                )
                touch(session, PROVIDERS[provider], at=now, bulk=True)
            case "join":
                world.join(choice.choice(["leeds", "york"]), consortium)
            case "leave":
                for row in session.exec(
                    select(ConsortiumMember).where(
                        ConsortiumMember.organisation_id == choice.choice(["leeds", "york"]),
                        col(ConsortiumMember.valid_until).is_(None),
                    )
                ):
                    row.valid_until = date(2026, 6, 30)
                    session.add(row)
            case "act":
                update_organisation(session, "trust", now=now, acts_for=choice.sample(["leeds", "york"], 1))


@pytest.mark.parametrize("seed", range(2))
def test_all_at_once(database: Database, settings: Settings, clock: MovableClock, seed: int) -> None:
    set_up(database, clock())
    quick = settings.model_copy(update={"publish_batch": 2})
    done, failures = threading.Event(), []
    followers = [PageReader(member, feed) for member in ("leeds", "york", "kent", "trust") for feed in FEEDS.values()]

    def guarded(call: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                call()
            except BaseException as error:  # told below, in the test's own thread
                failures.append(error)
                raise

        return threading.Thread(target=run)

    def write(urn: str) -> None:
        choice = random.Random(f"{seed} {urn}")
        for _turn in range(TURNS):
            speak(database, clock(), urn, choice)

    def manage() -> None:
        choice = random.Random(seed)
        for _turn in range(TURNS):
            share(database, clock(), choice)

    def publish() -> None:
        while not done.is_set():
            with database.write() as session:
                publish_once(session, settings=quick, now=clock())

    def follow(some: list[PageReader]) -> None:
        while not done.is_set():
            for follower in some:
                follower.read(database, clock(), pages=2)

    writers = [*(guarded(lambda urn=urn: write(urn)) for urn in OWNERS), guarded(manage)]
    others = [
        *(guarded(publish) for _ in range(2)),
        *(guarded(lambda half=half: follow(followers[half::2])) for half in range(2)),
    ]
    for thread in [*writers, *others]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in others:
        thread.join()
    assert failures == []
    publish_all(database, settings, clock)

    with database.read() as session:
        urns = dict(session.execute(sa.select(Listing.id, Listing.urn)).all()) | {urn: urn for urn in OWNERS}
    for follower in followers:
        follower.check(database, clock())
        theirs = {urns[id] for id in follower.told}
        assert theirs <= ({"SC000004"} if follower.member == "kent" else {"SC000001", "SC000002", "SC000003"})
