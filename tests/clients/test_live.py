"""Following, listening and subscribing against the real exchange under a real server, which goes away and comes back."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import uvicorn

from placefeed.client import (
    AsyncMember,
    Change,
    Event,
    Member,
    NotAllowed,
    NotFound,
    Operator,
    PlacefeedError,
    Provider,
    mirror,
)
from placefeed.service.app import create_app
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.migrations import upgrade
from placefeed.service.running.parts import hub_of
from tests.clients.test_receiver import recipe
from tests.clients.world import OURS, OURS_TOO, THEIRS, feed_of, people

PATIENCE = 30.0


@dataclass
class Running:
    """The exchange on a port of this machine, with its worker; it can be stopped and started again."""

    settings: Settings
    port: int
    keys: dict[str, str] = field(default_factory=dict)
    opened: list[Any] = field(default_factory=list)

    def start(self) -> None:
        app = create_app(self.settings)
        config = uvicorn.Config(
            app, host="127.0.0.1", port=self.port, log_level="error", timeout_graceful_shutdown=5, log_config=None
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        until(lambda: self._server.started or not self._thread.is_alive())
        assert self._server.started
        self.database: Database = app.state.exchange.database
        self._hub = hub_of(app.state.exchange)

    def stop(self) -> None:
        """As a signal would: streams are told before connections are waited for."""
        self._hub._loop.call_soon_threadsafe(self._hub.part)
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    @property
    def url(self) -> str:
        return self.settings.base_url

    def as_(self, role: str, **options: Any) -> Any:
        kind = {"operator": Operator, "provider": Provider, "rival": Provider}.get(role, Member)
        self.opened.append(kind(self.url, self.keys[role], **options))
        return self.opened[-1]


def until(done: Callable[[], Any]) -> Any:
    """Wait for something of the server's."""
    deadline = time.monotonic() + PATIENCE
    while not (found := done()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data = tmp_path_factory.mktemp("live")
    port = free_port()
    settings = Settings(data=data, secret="s" * 40, base_url=f"http://127.0.0.1:{port}", allow_loopback=True)
    engine = sa.create_engine(f"sqlite:///{data / 'placefeed.db'}")
    upgrade(engine)
    engine.dispose()
    running = Running(settings, port)
    running.start()
    people(running)
    yield running
    for client in running.opened:
        client.close()
    running.stop()


class Listener:
    """An AsyncMember that listens in a thread of its own, until it is left."""

    def __init__(self, exchange: Running, role: str = "member", **options: Any) -> None:
        self.taken: list[Event] = []
        self.told: list[str] = []
        self.failed: Exception | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen(exchange, role, options)))
        self._thread.start()
        self.until(lambda event: event.type == "ready")

    async def _listen(self, exchange: Running, role: str, options: dict[str, Any]) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()

        async def soon(seconds: float) -> None:
            await asyncio.sleep(min(seconds, 0.05))

        def troubled(error: PlacefeedError, seconds: float) -> None:
            self.told.append(str(error))

        async with AsyncMember(exchange.url, exchange.keys[role], sleep=soon) as member:
            try:
                async for event in member.stream(troubled=troubled, **options):
                    self.taken.append(event)
            except asyncio.CancelledError:
                return
            except Exception as error:  # noqa: BLE001  told in the thread of the test
                self.failed = error

    def until(self, done: Callable[[Event], bool]) -> Event:
        """The first event that is so."""
        found = until(lambda: self.failed or next((event for event in self.taken if done(event)), None))
        assert isinstance(found, Event), found
        return found

    def leave(self) -> None:
        """As a program does that is told to stop, in the middle of waiting."""
        assert self._task is not None
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


def of(urn: str, type: str = "vacancy.") -> Callable[[Event], bool]:
    return lambda event: event.urn == urn and event.type.startswith(type)


def held_by(member: Any, **options: Any) -> dict[str, dict[str, Any]]:
    held: dict[str, dict[str, Any]] = {}
    for change in member.follow(until_current=True, **options):
        mirror(held, change)
    return held


def places(held: dict[str, dict[str, Any]]) -> dict[str, int]:
    return {item["urn"]: item["vacancy"]["places"] for item in held.values()}


# -- follow --------------------------------------------------------------------------------------------------------


def test_a_follower_has_what_the_list_has(exchange: Running) -> None:
    exchange.as_("provider").push(feed_of(OURS, OURS_TOO, places=2))
    member = exchange.as_("member")

    held = held_by(member)
    settings: dict[str, dict[str, Any]] = {}
    for change in member.follow("settings", until_current=True):
        mirror(settings, change)

    listed = list(member.iterate())
    assert sorted(held) == sorted(item["id"] for item in listed)
    assert settings[OURS]["setting"] == next(item["setting"] for item in listed if item["urn"] == OURS)


def test_a_follower_goes_on_where_it_stopped(exchange: Running, tmp_path: Path) -> None:
    provider, member = exchange.as_("provider"), exchange.as_("member")
    provider.push(feed_of(OURS, OURS_TOO, places=2))
    held = held_by(member, cursor=tmp_path / "cursor")
    provider.push(feed_of(OURS, places=3))
    provider.withdraw_vacancy(OURS_TOO, "v1")
    until(lambda: OURS_TOO not in {item["urn"] for item in member.iterate()})

    changes = list(member.follow(cursor=tmp_path / "cursor", until_current=True))
    for change in changes:
        mirror(held, change)

    assert {change.state for change in changes} == {"updated", "deleted"}
    assert len(changes) == 2
    assert held == held_by(member)
    assert list(member.follow(cursor=tmp_path / "cursor", until_current=True)) == []


def test_what_a_provider_may_not_read_it_cannot_follow(exchange: Running) -> None:
    with Member(exchange.url, exchange.keys["provider"]) as provider, pytest.raises(NotAllowed):
        next(provider.follow())


def test_the_async_follower_has_the_same(exchange: Running, tmp_path: Path) -> None:
    async def follow() -> list[Change]:
        async with AsyncMember(exchange.url, exchange.keys["member"]) as member:
            return [change async for change in member.follow(cursor=tmp_path / "cursor", until_current=True)]

    assert asyncio.run(follow()) == list(exchange.as_("member").follow(until_current=True))


# -- stream --------------------------------------------------------------------------------------------------------


def test_a_listener_hears_what_happens_and_has_what_the_list_has(exchange: Running) -> None:
    provider, rival, member = exchange.as_("provider"), exchange.as_("rival"), exchange.as_("member")
    provider.push(feed_of(OURS, places=1))
    rival.push(feed_of(THEIRS, places=1))
    listener = Listener(exchange, snapshot=True)

    provider.push(feed_of(OURS, places=4))
    heard = listener.until(of(OURS))
    rival.withdraw_vacancy(THEIRS, "v1")
    listener.until(of(THEIRS, "vacancy.withdrawn"))
    listener.leave()

    held: dict[str, dict[str, Any]] = {}
    for event in listener.taken:
        mirror(held, event)
    assert heard.listing is not None
    assert heard.listing["vacancy"]["places"] == 4
    assert places(held) == {item["urn"]: item["vacancy"]["places"] for item in member.iterate()}


def test_an_exchange_that_goes_away_and_comes_back_loses_a_listener_nothing(exchange: Running) -> None:
    provider = exchange.as_("provider")
    provider.push(feed_of(OURS, places=1))
    listener = Listener(exchange, urn=OURS)

    exchange.stop()
    exchange.start()
    provider.push(feed_of(OURS, places=3))
    provider.push(feed_of(OURS, places=2))
    listener.until(lambda event: event.listing is not None and event.listing["vacancy"]["places"] == 2)
    listener.leave()

    positions = [event.position for event in listener.taken if event.type != "ready"]
    assert positions == sorted(set(positions))
    assert "going down" in listener.told[0]


def test_whoever_kept_the_last_id_misses_nothing(exchange: Running) -> None:
    provider, member = exchange.as_("provider"), exchange.as_("member")
    events = member.stream()
    first = next(events)
    events.close()
    provider.push(feed_of(OURS, places=1))
    provider.push(feed_of(OURS, places=3))

    events = member.stream(last_event_id=first.id, urn=OURS)
    event = next(events)
    events.close()

    assert event.urn == OURS
    assert event.position > first.position


def test_a_listener_whose_key_is_revoked_is_told(exchange: Running) -> None:
    operator = exchange.as_("operator")
    made = operator.add_key({"organisation": "lewisham", "role": "member"})
    exchange.keys["brief"] = made["key"]
    listener = Listener(exchange, "brief")

    operator.revoke_key(made["id"])

    assert isinstance(until(lambda: listener.failed), NotAllowed)


def test_a_connection_that_is_silent_is_made_again() -> None:
    """A server whose machine lost its power sends nothing, not even an end."""
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for number in range(2):
                connection, _ = server.accept()
                connections.append(connection)
                connection.recv(65_536)
                frame = b'retry: 10\nid: c%d\nevent: ready\ndata: {"position": %d}\n\n' % (number, number)
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"%x\r\n%s\r\n" % (len(frame), frame)
                )

        thread = threading.Thread(target=serve)
        thread.start()
        told: list[str] = []
        with Member(f"http://127.0.0.1:{server.getsockname()[1]}", "pf_key") as member:
            events = member.stream(silence=0.2, troubled=lambda error, seconds: told.append(str(error)))
            assert [event.position for event in islice(events, 2)] == [0, 1]
            events.close()
        thread.join()
        for connection in connections:
            connection.close()
    assert told == ["127.0.0.1 did not answer in time."]


# -- subscriptions ---------------------------------------------------------------------------------------------------


def test_the_life_of_a_subscription(exchange: Running) -> None:
    member = exchange.as_("member")
    made = member.add_subscription(
        {"channel": "webhook", "url": "http://127.0.0.1:9/placefeed", "filter": {"la": ["E09000023"], "age": 14}}
    )
    one = member.subscription(made["id"])

    changed = member.change_subscription(made["id"], {**one.document, "title": "Ours"}, if_match=one.etag)

    assert made["secret"].startswith("whsec_")
    assert "secret" not in one.document
    assert changed.document["title"] == "Ours"
    assert [item["id"] for item in member.subscriptions()] == [made["id"]]
    assert member.subscription_status(made["id"])["number"] == 0
    assert member.subscription_events(made["id"], from_=1) == []
    assert "items" in member.subscription_deliveries(made["id"])
    assert member.rotate_subscription_secret(made["id"])["secret"] != made["secret"]
    with pytest.raises(NotFound):
        exchange.as_("provider").subscription(made["id"])
    member.delete_subscription(made["id"])
    assert member.subscriptions() == []


@contextmanager
def served(app: Any, port: int) -> Iterator[None]:
    """An application on a port of this machine."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        yield
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


def test_the_recipe_of_a_receiver_hears_everything_once_also_what_it_slept_through(
    exchange: Running, tmp_path: Path
) -> None:
    provider, member = exchange.as_("provider"), exchange.as_("member")
    provider.push(feed_of(OURS, places=1))
    port, dealt = free_port(), []
    made = member.add_subscription(
        {
            "channel": "webhook",
            "url": f"http://127.0.0.1:{port}/placefeed",
            "filter": {"urn": [OURS]},
            "content": "full",
        }
    )

    def receiver(deal_with: Callable[[dict[str, Any]], None]) -> Any:
        client = AsyncMember(exchange.url, exchange.keys["member"])
        return recipe().create_app(
            member=client, secrets=[made["secret"]], path=str(tmp_path / "book.db"), deal_with=deal_with
        )

    with served(receiver(dealt.append), port):
        member.resume_subscription(made["id"])
        until(lambda: member.subscription(made["id"]).document["state"] == "active")
        member.test_subscription(made["id"])
        provider.push(feed_of(OURS, places=2))
        until(lambda: dealt)
    member.pause_subscription(made["id"])
    provider.push(feed_of(OURS, places=3))
    provider.push(feed_of(OURS, places=4))
    until(lambda: member.subscription_status(made["id"])["number"] >= 2)
    with served(receiver(dealt.append), port):
        member.resume_subscription(made["id"])
        until(lambda: dealt[-1].get("listing", {}).get("vacancy", {}).get("places") == 4)
        until(lambda: member.subscription_status(made["id"])["waiting"] == 0)
        before = len(dealt)
        assert member.resend_subscription(made["id"], from_=1)["missing"] == 0
        until(lambda: member.subscription_status(made["id"])["waiting"] == 0)

    assert len(dealt) == before, "what is sent again is passed over"
    assert [event["number"] for event in dealt] == sorted(event["number"] for event in dealt)
    assert {event["type"] for event in dealt} == {"vacancy.changed"}
    attempts = member.subscription_deliveries(made["id"])["items"]
    assert {"handshake", "test", "events"} <= {attempt["kind"] for attempt in attempts}
    told = [item["number"] for item in member.subscription_events(made["id"], from_=1)]
    assert told == list(range(1, len(told) + 1))
    member.delete_subscription(made["id"])
