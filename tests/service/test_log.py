"""Whatever happens in whatever order, a reader who goes on from where it stopped ends with exactly what it may see."""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from placefeed.service.access.parties import update_organisation
from placefeed.service.access.who import MEMBER
from placefeed.service.channels.news import Reader, news
from placefeed.service.channels.query import Filter
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.pending import touch
from placefeed.service.publishing.log import head
from placefeed.service.publishing.publisher import publish_once
from placefeed.service.publishing.sight import View, view_at, view_of
from placefeed.service.publishing.since import LISTINGS, SETTINGS, since
from placefeed.service.publishing.steps import seen_alone, steps
from placefeed.service.register.postcodes import Middle, Middles, store
from placefeed.service.tables import ConsortiumMember, ConsortiumProvider, Listing, ShownSetting, metadata
from tests.service.world import World

HOMES = {"SC000001": "acorn", "SC000002": "acorn", "SC000003": "birch"}
MEMBERS = ("leeds", "york", "kent", "trust")  # the trust acts for others, now these, now those
CONSORTIA = ("north", "south")
NEARBY = {"near": ["51,-1"], "withinMiles": ["20"]}


@dataclass
class Follower:
    """Follows the log as an RPDE reader would: keeps what it was told, in pages of two."""

    member: str
    table: sa.Table = LISTINGS
    after: int = 0
    held: dict[str, bytes] = field(default_factory=dict)
    positions: list[int] = field(default_factory=list)
    strange: list[str] = field(
        default_factory=list
    )  # ids it was told to drop though this member never had them in sight

    def read(self, database: Database, now: datetime, once_seen: set[str], *, pages: int) -> None:
        for _page in range(pages):
            with database.read() as session:
                view = view_of(session, self.member, now)
                entries, after = since(session, view, self.after, member=self.member, limit=2, table=self.table)
            if after == self.after:
                return
            self.after = after
            for entry in entries:
                self.positions.append(entry.position)
                if entry.visible:
                    self.held[entry.id] = as_seen(entry.row, view)
                else:
                    if entry.id not in once_seen:
                        self.strange.append(entry.id)
                    self.held.pop(entry.id, None)


def as_seen(row, view: View) -> bytes:
    """A listing (or what is shown of a setting) with the rates that this view may have."""
    rates = [offer for offer in getattr(row, "restricted", ()) if view.may_have_rate(offer["offeredTo"])]
    return bytes(row.body) + orjson.dumps(rates)


@dataclass
class Pushed:
    """Is told as a push channel tells: takes the news since it was last told, and keeps what it is told of."""

    member: str
    filter: Filter
    after: int = 0
    held: dict[str, bytes] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)

    def read(self, database: Database, now: datetime, once_seen: set[str]) -> None:
        with database.read() as session:
            reader = Reader(
                MEMBER,
                self.member,
                view=view_of(session, self.member, now),
                was=view_at(session, self.member, self.after),
            )
            upto = head(session).position
            happened = steps(session, self.after, upto)
            alone = seen_alone(session, self.member, self.after, upto, known=happened)
            told = [
                found
                for step in (*happened, *alone)
                if (found := news(step, reader, self.filter, attestations=True)) is not None
            ]
            ids = [found.step.listing_id for found in told if found.step.listing_id]
            rows = {row.id: row for row in session.exec(select(Listing).where(col(Listing.id).in_(ids)))}
        self.after = upto
        for found in told:
            listing_id = found.step.listing_id
            if listing_id is None:
                continue
            if found.has:
                self.held[listing_id] = as_seen(rows[listing_id], reader.view)
            else:
                self.held.pop(listing_id, None)
            if listing_id not in once_seen:
                self.strange.append(listing_id)


class Game:
    """Random steps in the world, with readers that read when they like."""

    def __init__(self, database: Database, exchange: Settings) -> None:
        self.database, self.settings = database, exchange
        self.now = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
        self.readers = [Follower(member, table) for member in MEMBERS for table in (LISTINGS, SETTINGS)]
        self.pushed = [
            Pushed(member, Filter.parse(asked))
            for member in MEMBERS
            for asked in ({}, {"placesAtLeast": ["2"]}, NEARBY)
        ]
        self.once_seen: dict[str, set[str]] = {member: set() for member in MEMBERS}
        self.offers: dict[str, int] = {}
        with database.write() as session:
            world = World(session, self.now)
            world.provider("acorn", "SC000001", "SC000002")
            world.provider("birch", "SC000003")
            for consortium in CONSORTIA:
                world.consortium(consortium)
            for member in MEMBERS:
                world.member(member)
            update_organisation(session, "trust", now=self.now, acts_for=["leeds"])

    def step(self, choice: random.Random) -> None:
        """One random thing happens."""
        self.now += timedelta(minutes=choice.choice([1, 1, 1, 600]))
        home = choice.choice(list(HOMES))
        with self.database.write() as session:
            world = World(session, self.now, dict(HOMES))
            match choice.choice(
                [
                    "offer",
                    "offer",
                    "withdraw",
                    "full",
                    "take",
                    "drop",
                    "join",
                    "leave",
                    "price",
                    "offer to",
                    "act",
                    "sectors",
                    "place",
                ]
            ):
                case "offer":
                    self.offers[home] = self.offers.get(home, 0) + choice.choice([0, 1])
                    document = {"id": "v1", "places": choice.randint(1, 3), "from": "2026-07-01"}
                    world.say(home, "vacancy", document, offer=max(1, self.offers[home]))
                case "withdraw":
                    world.say(home, "vacancy", {}, item="v1", withdrawn=True, offer=max(1, self.offers.get(home, 1)))
                case "full":
                    world.capacity(home, available=choice.choice([0, 4]))
                case "price":
                    world.rate(home, pounds=choice.randint(3000, 3003))
                case "offer to":
                    buyers = [{"scheme": "placefeed", "id": choice.choice([*CONSORTIA, *MEMBERS])}]
                    world.rate(home, "special", pounds=choice.randint(2000, 2002), offeredTo={"buyers": buyers})
                case "act":
                    others = choice.sample(MEMBERS[:3], choice.randint(0, 2))
                    update_organisation(session, "trust", now=self.now, acts_for=others)
                case "sectors":
                    middles = {f"ZZ1 {digit}": Middle(choice.choice([51.0, 51.1, 53.0]), -1.0, 9) for digit in range(3)}
                    middles.pop(f"ZZ1 {choice.randint(0, 9)}", None)
                    store(session, Middles(middles, 9, 9, 0, 0), now=self.now)
                case "place":
                    unit = {"id": "main", "kind": "building", "postcodeSector": f"ZZ1 {choice.randint(0, 2)}"}
                    world.say(home, "setting", {"units": [unit]})
                case "take":
                    world.take(choice.choice(CONSORTIA), HOMES[home], valid_from=date(2026, 7, 1))
                    touch(session, list(HOMES), at=self.now, bulk=True)
                case "drop":
                    session.execute(
                        sa.delete(ConsortiumProvider).where(col(ConsortiumProvider.organisation_id) == HOMES[home])
                    )
                    touch(session, list(HOMES), at=self.now, bulk=True)
                case "join":
                    world.join(choice.choice(MEMBERS), choice.choice(CONSORTIA), valid_from=date(2026, 7, 1))
                case "leave":
                    rows = session.exec(
                        select(ConsortiumMember).where(col(ConsortiumMember.valid_until).is_(None))
                    ).all()
                    if rows:
                        row = choice.choice(rows)
                        row.valid_until = date(2026, 6, 30)
                        session.add(row)
        if choice.random() < 0.7:
            self.publish()
        for reader in self.readers:
            if choice.random() < 0.4:
                reader.read(self.database, self.now, self.once_seen[reader.member], pages=choice.randint(1, 2))
        for pushed in self.pushed:
            if choice.random() < 0.4:
                pushed.read(self.database, self.now, self.once_seen[pushed.member])

    def visible(self, member: str, table: type[Any] = Listing, filter: Filter | None = None) -> dict[str, bytes]:
        with self.database.read() as session:
            view = view_of(session, member, self.now)
            rows = session.exec(select(table).where(table.state == "updated")).all()
            return {
                row.id if table is Listing else row.urn: as_seen(row, view)
                for row in rows
                if view.sees(row.audiences) and (filter is None or filter.matches(row.facts, view))
            }

    def publish(self) -> None:
        """Publish all, looking after each transaction: what a member could see for a moment counts as seen."""
        more = True
        while more:
            with self.database.write() as session:
                more = publish_once(session, settings=self.settings, now=self.now).more
            for member in MEMBERS:
                self.once_seen[member] |= self.visible(member).keys() | self.visible(member, ShownSetting).keys()

    def check(self) -> None:
        self.publish()
        for reader in self.readers:
            reader.read(self.database, self.now, self.once_seen[reader.member], pages=10_000)
            table = Listing if reader.table is LISTINGS else ShownSetting
            assert reader.held == self.visible(reader.member, table)
            assert reader.positions == sorted(set(reader.positions))
            assert reader.strange == []
        for pushed in self.pushed:
            pushed.read(self.database, self.now, self.once_seen[pushed.member])
            assert pushed.held == self.visible(pushed.member, filter=pushed.filter)
            assert pushed.strange == []


@settings(
    max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink]
)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 40))
def test_every_reader_ends_with_exactly_what_it_may_see(sqlite_template, tmp_path_factory, seed, steps) -> None:
    folder = tmp_path_factory.mktemp("game")
    (folder / "placefeed.db").write_bytes(sqlite_template.read_bytes())
    exchange = Settings(data=folder, secret="s" * 40)
    database = Database(exchange)
    try:
        game = Game(database, exchange)
        choice = random.Random(seed)
        for _step in range(steps):
            game.step(choice)
        game.check()
    finally:
        database.close()


@pytest.mark.parametrize("seed", range(4))
def test_the_same_on_both_databases(database: Database, settings: Settings, seed: int) -> None:
    game = Game(database, settings)
    choice = random.Random(seed)
    for _step in range(60):
        game.step(choice)
    game.check()


def test_the_tables_that_are_tested_are_the_ones_that_exist(database: Database) -> None:
    with database.read() as session:
        existing = set(sa.inspect(session.connection()).get_table_names()) - {"alembic_version"}
    assert existing == set(metadata.tables)
