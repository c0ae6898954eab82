"""Whatever happens in whatever order, and wherever the connection is cut, a reader of the stream ends with exactly the list, and is told nothing twice."""

import asyncio
import random
import re
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from placefeed.service.access.keys import issue
from placefeed.service.access.who import MEMBER
from placefeed.service.channels.query import Filter
from placefeed.service.channels.snapshot import Snapshot
from placefeed.service.channels.stream import hub as hub_module
from placefeed.service.channels.stream import resume
from placefeed.service.channels.stream.batches import Kind
from placefeed.service.channels.stream.frames import Mark
from placefeed.service.channels.stream.hub import Hub
from placefeed.service.channels.stream.readers import Reader
from placefeed.service.channels.stream.resume import Asked, bring_up
from placefeed.service.channels.stream.rights import Party
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.publishing.sight import View, view_of
from tests.service.api.streams import PATIENCE, Frame
from tests.service.test_log import MEMBERS, NEARBY, Game


@dataclass
class Client:
    """Reads a stream, is cut off at any byte, and goes on with the last id that it saw."""

    member: str
    filter: Filter
    attestations: bool
    last: str | None = None
    held: dict[str, Any] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)
    reader: Reader | None = None
    task: "asyncio.Task[None] | None" = None

    async def connect(self, game: "Streams") -> None:
        self.raw = bytearray()

        async def send(message: dict[str, Any]) -> None:
            if game.choice.random() < 0.1:
                await asyncio.sleep(0)  # the server waits for a moment now and then
            self.raw += message["body"]

        async def view() -> View:
            with game.database.read() as session:
                return view_of(session, self.member, game.now)

        mark = Mark.parse(self.last) if self.last else None
        if mark is None:
            self.held = {}
        kind = Kind(Party(MEMBER, self.member), self.filter.key, self.filter, attestations=self.attestations)
        self.reader = Reader(kind, game.keys[self.member], send, limit=1 << 30, cut=lambda: None)
        asked = Asked(self.filter, snapshot=True, attestations=self.attestations, mark=mark)
        game.hub.come(self.reader)
        self.task = asyncio.create_task(bring_up(game.hub, self.reader, asked, view))

    async def cut(self, game: "Streams", *, at: int | None = None) -> None:
        """The connection ends after so many bytes, at the most those that were written."""
        assert self.reader is not None
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait([self.task])
        game.hub.go(self.reader)
        self.reader = None
        self.take(bytes(self.raw[:at]), game.once_seen[self.member])

    def take(self, raw: bytes, once_seen: set[str]) -> None:
        for block in raw.split(b"\n\n")[:-1]:
            frame = Frame.parse(block)
            if frame.event == "snapshot":
                self.held |= {item["id"]: item for item in frame.data["items"]}
            elif frame.event not in ("", "ready"):
                self.news(frame, once_seen)
            self.last = frame.id or self.last

    def news(self, frame: Frame, once_seen: set[str]) -> None:
        if frame.data["id"] in self.told:
            self.wrong.append(f"told twice: {frame}")
        self.told.add(frame.data["id"])
        listing_id = frame.data.get("listingId")
        if listing_id is None:
            return
        if listing_id not in once_seen:
            self.wrong.append(f"never in sight: {frame}")
        if frame.event == "vacancy.withdrawn":
            self.held.pop(listing_id, None)
        else:
            self.held[listing_id] = frame.data.get("listing")


class Streams(Game):
    """The game of the log, with readers of a real hub."""

    def __init__(self, database: Database, exchange: Settings, choice: random.Random) -> None:
        super().__init__(database, exchange)
        self.readers, self.pushed = [], []
        self.choice = choice
        self.snapshot = Snapshot(database)
        with database.write() as session:
            self.keys = {
                member: issue(session, organisation_id=member, role=MEMBER, secret=b"s" * 40, now=self.now)[1].id
                for member in MEMBERS
            }
        self.clients = [
            Client(member, Filter.parse(asked), attestations)
            for member in MEMBERS
            for asked in ({}, {"placesAtLeast": ["2"]}, {"weeklyAtMostPence": ["300100"]}, NEARBY)
            for attestations in (False, True)
        ]

    async def play(self, steps: int) -> None:
        self.publish()
        self.snapshot.refresh()
        self.hub = Hub(self.snapshot, self.database, settings=self.settings, clock=lambda: self.now)
        for client in self.clients:
            await client.connect(self)
        for _step in range(steps):
            self.step(self.choice)
            if self.choice.random() < 0.4:
                self.snapshot.refresh()
            for _turn in range(self.choice.randint(0, 6)):
                await asyncio.sleep(0.0005)
            for client in self.clients:
                if client.reader is None:
                    if self.choice.random() < 0.4:
                        await client.connect(self)
                elif self.choice.random() < 0.25:
                    ends = [found.end() for found in re.finditer(rb"\n\n", client.raw)]
                    await client.cut(self, at=self.choice.choice([*ends, self.choice.randint(0, len(client.raw))]))
        for client in self.clients:
            if client.reader is None:
                await client.connect(self)
        self.publish()
        self.snapshot.refresh()
        async with asyncio.timeout(PATIENCE):
            while not self.settled():
                await asyncio.sleep(0.002)
        for client in self.clients:
            await client.cut(self)
        await self.hub.close()

    def settled(self) -> bool:
        """Whether everything that is to be written has been."""
        here = self.snapshot.state.position
        return (
            self.hub.position == here
            and not self.hub.busy
            and all(client.reader is not None and client.reader.idle for client in self.clients)
        )

    def check(self) -> None:
        for client in self.clients:
            with self.database.read() as session:
                view = view_of(session, client.member, self.now)
            listed = {
                row.id: orjson.loads(row.fragment(view, overdue=row.overdue(self.now)))
                for block in self.snapshot.state.blocks
                for row in block.rows_in(block.used)
                if view.sees(row.audiences) and client.filter.matches(row.facts, view)
            }
            assert client.wrong == []
            assert client.held.keys() == listed.keys(), client
            if client.attestations:
                assert client.held == listed


def play(database: Database, exchange: Settings, seed: int, steps: int) -> None:
    game = Streams(database, exchange, random.Random(seed))
    asyncio.run(game.play(steps))
    game.check()


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink])
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 30), stretch=st.sampled_from([2, 7, 500]))
def test_every_reader_ends_with_exactly_the_list(sqlite_template, tmp_path_factory, seed, steps, stretch) -> None:
    folder = tmp_path_factory.mktemp("game")
    (folder / "placefeed.db").write_bytes(sqlite_template.read_bytes())
    exchange = Settings(data=folder, secret="s" * 40)
    database = Database(exchange)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub_module, "STRETCH", stretch)
        patch.setattr(resume, "STRETCH", stretch)
        try:
            play(database, exchange, seed, steps)
        finally:
            database.close()


@pytest.mark.parametrize("seed", range(2))
def test_the_same_on_both_databases(database: Database, settings: Settings, seed: int) -> None:
    play(database, settings, seed, 40)
