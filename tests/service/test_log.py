"""Whatever happens in whatever order, a reader who goes on from where it stopped ends with exactly what it may see."""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.pending import touch
from placefeed.service.publishing.log import since
from placefeed.service.publishing.publisher import publish_once
from placefeed.service.publishing.sight import view_of
from placefeed.service.tables import ConsortiumMember, ConsortiumProvider, Listing, metadata
from tests.service.world import World

HOMES = {"SC000001": "acorn", "SC000002": "acorn", "SC000003": "birch"}
MEMBERS = ("leeds", "york", "kent")
CONSORTIA = ("north", "south")


@dataclass
class Reader:
    """Follows the log as an RPDE reader would: keeps what it was told, in pages of two."""

    member: str
    after: int = 0
    held: dict[str, bytes] = field(default_factory=dict)
    positions: list[int] = field(default_factory=list)
    strange: list[str] = field(
        default_factory=list
    )  # ids it was told to drop though this member never had them in sight

    def read(self, database: Database, now: datetime, once_seen: set[str], *, pages: int) -> None:
        for _page in range(pages):
            with database.read() as session:
                entries, after = since(
                    session, view_of(session, self.member, now), self.after, member=self.member, limit=2
                )
            if after == self.after:
                return
            self.after = after
            for entry in entries:
                self.positions.append(entry.position)
                if entry.visible:
                    self.held[entry.listing_id] = entry.body
                else:
                    if entry.listing_id not in once_seen:
                        self.strange.append(entry.listing_id)
                    self.held.pop(entry.listing_id, None)


class Game:
    """Random steps in the world, with readers that read when they like."""

    def __init__(self, database: Database, exchange: Settings) -> None:
        self.database, self.settings = database, exchange
        self.now = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
        self.readers = [Reader(member) for member in MEMBERS]
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

    def step(self, choice: random.Random) -> None:
        """One random thing happens."""
        self.now += timedelta(minutes=choice.choice([1, 1, 1, 600]))
        home = choice.choice(list(HOMES))
        with self.database.write() as session:
            world = World(session, self.now, dict(HOMES))
            match choice.choice(["offer", "offer", "withdraw", "full", "take", "drop", "join", "leave", "price"]):
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

    def visible(self, member: str) -> dict[str, bytes]:
        with self.database.read() as session:
            view = view_of(session, member, self.now)
            rows = session.exec(select(Listing).where(Listing.state == "updated")).all()
            return {row.id: row.body for row in rows if view.sees(row.audiences)}

    def publish(self) -> None:
        """Publish all, looking after each transaction: what a member could see for a moment counts as seen."""
        more = True
        while more:
            with self.database.write() as session:
                more = publish_once(session, settings=self.settings, now=self.now).more
            for member in MEMBERS:
                self.once_seen[member] |= self.visible(member).keys()

    def check(self) -> None:
        self.publish()
        for reader in self.readers:
            reader.read(self.database, self.now, self.once_seen[reader.member], pages=10_000)
            assert reader.held == self.visible(reader.member)
            assert reader.positions == sorted(set(reader.positions))
            assert reader.strange == []


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
