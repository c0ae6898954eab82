"""Processes are killed, frozen and cut off from the database while everybody writes and reads; at the end nothing was lost, repeated or reordered.

Two API processes and two workers on one PostgreSQL; providers that update homes, followers of the change feed, readers of
the stream, and webhooks' receivers that fail at random.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from placefeed.client import Member, Provider, mirror
from placefeed.client.errors import PlacefeedError
from placefeed.service.access import keys
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.tables import JobRun, Notice, Observation
from tests.service.chaos import Cable, Process, Receiver, eventually, free_port, ready
from tests.service.world import World

FAULTS_FOR = float(os.environ.get("PLACEFEED_CHAOS_SECONDS", "15"))
SEED = int(os.environ.get("PLACEFEED_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
PROVIDERS = ("acorn", "birch", "cedar")
HOMES = {f"SC00{n}0{m}1": provider for n, provider in enumerate(PROVIDERS, 1) for m in range(4)}


class Over(Exception):
    """The test is over; whoever waits goes home."""


class Town:
    """Everybody at once, against the processes; `problems` collects what must not happen."""

    def __init__(self, exchange: Settings, folder: Path) -> None:
        self.choice = random.Random(SEED)
        self.exchange = exchange
        self.database = Database(exchange)
        self.ports = [free_port(), free_port()]
        self.problems: list[str] = []
        self.calm = threading.Event()  # from now on nothing is broken any more
        self.over = threading.Event()
        self.acknowledged: list[tuple[str, datetime]] = []
        self.followed: list[dict[str, Any]] = []
        self.streamed: list[dict[str, Any]] = []
        self.threads: list[threading.Thread] = []
        now = datetime.now(UTC)
        secret = secret_of(exchange)
        self.keys: dict[str, str] = {}
        with self.database.write() as session:
            world = World(session, now)
            for provider in PROVIDERS:
                world.provider(provider, *(urn for urn, owner in HOMES.items() if owner == provider))
            world.consortium("north", "acorn", "birch")
            world.consortium("south", "cedar")
            world.member("leeds", "north", la_code="E08000035")
            world.member("york", "north", "south")
            for name in (*PROVIDERS, "leeds", "york"):
                role = "provider" if name in PROVIDERS else "member"
                self.keys[name], _ = keys.issue(session, organisation_id=name, role=role, secret=secret, now=now)
        real = str(Path(sa.make_url(exchange.url).query["host"]) / ".s.PGSQL.5432")
        socket = folder / "cable"
        socket.mkdir()
        self.cable = Cable(socket, real)
        url = sa.make_url(exchange.url).update_query_dict({"host": str(socket)}).render_as_string(hide_password=False)
        environment = {
            "PLACEFEED_DATABASE_URL": url,
            "PLACEFEED_DATA": str(folder),
            "PLACEFEED_SECRET": "s" * 40,
            "PLACEFEED_ALLOW_LOOPBACK": "true",
            "PLACEFEED_RATE_PER_MINUTE": "0",
            "PLACEFEED_EDITIONS_CRON": "* * * * *",
            "PLACEFEED_DELIVER_TIMEOUT": "2",
        }
        self.processes = [
            *(
                Process(["serve", "--no-worker", "--port", str(port)], environment, folder / f"api{port}.log")
                for port in self.ports
            ),
            *(Process(["worker"], environment, folder / f"worker{number}.log") for number in range(2)),
        ]
        for process in self.processes:
            process.start()
        for port in self.ports:
            eventually(lambda port=port: ready(port), f"the API on port {port} answers")

    def client(self, kind: type[Any], who: str, port: int) -> Any:
        """A client of one of the APIs, that does not wait as long as it would elsewhere, and gives up when all is over."""

        def sleep(seconds: float) -> None:
            if self.over.is_set():
                raise Over
            time.sleep(min(seconds, 0.2))

        return kind(f"http://127.0.0.1:{port}", self.keys[who], timeout=5.0, sleep=sleep)

    def run(self, call: Callable[..., None], *arguments: Any) -> None:
        """Let somebody go about it in a thread of its own."""

        def running() -> None:
            try:
                call(*arguments)
            except Over:
                return
            except Exception as error:  # noqa: BLE001 - said at the end, with who it was
                self.problems.append(f"{call.__name__}{arguments[:2]}: {type(error).__name__}: {error}")

        thread = threading.Thread(target=running, name=f"chaos-{call.__name__}", daemon=True)
        thread.start()
        self.threads.append(thread)

    # -- who takes part ---------------------------------------------------------------------------------------------

    def provide(self, name: str, seed: int) -> None:
        """A provider that keeps changing its homes, and notes what was acknowledged; at the end all are offered once more."""
        choice = random.Random(seed)
        homes = [urn for urn, owner in HOMES.items() if owner == name]
        while not self.calm.is_set():
            self._change(name, choice.choice(homes), choice, withdraw=choice.random() < 0.25)
            time.sleep(choice.uniform(0.02, 0.2))
        for urn in homes:
            while not self._change(name, urn, choice, withdraw=False):
                time.sleep(0.2)

    def _change(self, name: str, urn: str, choice: random.Random, *, withdraw: bool) -> bool:
        port = choice.choice(self.ports)
        with self.client(Provider, name, port) as provider:
            try:
                if withdraw:
                    provider.withdraw_vacancy(urn, "v1")
                    return True
                now = datetime.now(UTC)
                as_of = now.isoformat().replace("+00:00", "Z")
                document = {"id": "v1", "asOf": as_of, "places": choice.randint(1, 4), "from": f"{now.date()}"}
                provider.put_vacancy(urn, "v1", document)
            except PlacefeedError:  # refused, cut off or too late: not acknowledged
                return False
        self.acknowledged.append((urn, now))
        return True

    def follow(self, member: str, port: int, held: dict[str, Any]) -> None:
        """A follower that only follows `next`, and begins with nothing after each failure that its client doesn't bear."""
        with self.client(Member, member, port) as client:
            for change in client.follow(start_again=True, give_up_after=1e9):
                mirror(held, change)
                if self.over.is_set():
                    return

    def listen(self, member: str, port: int, held: dict[str, Any]) -> None:
        """A reader of the stream."""
        with self.client(Member, member, port) as client:
            for event in client.stream(snapshot=True, start_again=True, give_up_after=1e9):
                mirror(held, event)
                if self.over.is_set():
                    return

    def subscribe(self, member: str, seed: int) -> tuple[str, Receiver]:
        """A webhook for everything the member may see."""
        receiver = Receiver("", seed, unruly=False)
        with self.client(Member, member, self.ports[0]) as client:
            made = client.add_subscription({"channel": "webhook", "url": receiver.url, "content": "full"})
            receiver.secret, subscription = made["secret"], made["id"]
            eventually(lambda: client.subscription(subscription).document["state"] == "active", "the handshake is done")

        def read(address: str) -> list[Any]:
            query = dict(part.split("=") for part in address.partition("?")[2].split("&"))
            with self.client(Member, member, self.ports[1]) as client:
                items = client.subscription_events(subscription, from_=int(query["from"]), until=int(query["until"]))
                return [event for item in items for event in item["events"]]

        receiver.read = read
        receiver.unruly = True
        return subscription, receiver

    def disturb(self) -> None:
        """Break something, again and again."""
        ends = time.monotonic() + FAULTS_FOR
        while time.monotonic() < ends:
            process = self.choice.choice(self.processes)
            match self.choice.choice(["kill", "kill", "freeze", "cut"]):
                case "kill":
                    process.kill()
                    time.sleep(self.choice.uniform(0.0, 0.5))
                    process.start()
                case "freeze":
                    process.freeze(self.choice.uniform(0.2, 2.5))
                case "cut":
                    self.cable.cut()
            time.sleep(self.choice.uniform(0.2, 1.0))
        self.calm.set()

    # -- what must hold ---------------------------------------------------------------------------------------------

    def listed(self, member: str) -> dict[str, Any]:
        """The member's list now, without what push channels leave out."""
        with self.client(Member, member, self.ports[0]) as client:
            return essences({listing["id"]: listing for listing in client.iterate()})

    def settles(self, condition: Callable[[], Any], what: str) -> None:
        """Wait until it holds; whoever gave up in the meantime is the likelier reason."""

        def holds() -> Any:
            assert self.problems == [], f"seed {SEED}"
            return condition()

        eventually(holds, f"{what} (seed {SEED})")

    def close(self) -> None:
        """End everything."""
        self.over.set()
        for process in self.processes:
            process.kill()
        for thread in self.threads:
            thread.join(timeout=20)
        self.cable.close()
        self.database.close()


def essences(held: dict[str, Any]) -> dict[str, Any]:
    """What is said of each listing, without clocks, which push channels leave out, and what the change feed has apart."""
    return {id: (item["urn"], item["availability"], item["vacancy"]) for id, item in list(held.items())}


@pytest.fixture
def exchange(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """PostgreSQL only: SQLite has one process."""
    from tests.service.conftest import fresh_postgres

    yield from fresh_postgres(request.getfixturevalue("postgres"), tmp_path)


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.timeout(280)
def test_nothing_is_lost_repeated_or_reordered_whatever_breaks(exchange: Settings, tmp_path: Path) -> None:
    with ExitStack() as stack:
        town = Town(exchange, tmp_path)
        stack.callback(town.close)
        hooks = {member: town.subscribe(member, seed) for seed, member in enumerate(("leeds", "york"))}
        for _subscription, receiver in hooks.values():
            stack.callback(receiver.close)
        readers: list[tuple[str, str, dict[str, Any]]] = []
        for member, port in (("leeds", town.ports[0]), ("york", town.ports[1])):
            followed: dict[str, Any] = {}
            streamed: dict[str, Any] = {}
            town.run(town.follow, member, port, followed)
            town.run(town.listen, member, port, streamed)
            readers += [("follower", member, followed), ("stream", member, streamed)]
        writers = len(town.threads)
        for seed, provider in enumerate(PROVIDERS):
            town.run(town.provide, provider, SEED + seed)

        town.disturb()

        for thread in town.threads[writers:]:
            thread.join(timeout=60)
            assert not thread.is_alive(), f"a provider could not say its last word (seed {SEED})"
        for member in ("leeds", "york"):
            homes = {urn for urn, owner in HOMES.items() if member == "york" or owner != "cedar"}
            town.settles(
                lambda m=member, h=homes: {said[0] for said in town.listed(m).values()} == h,
                f"the list of {member} has all homes",
            )
            wanted = town.listed(member)
            for what, who, held in readers:
                if who == member:
                    town.settles(lambda held=held, wanted=wanted: essences(held) == wanted, f"the {what} of {member}")
            subscription, receiver = hooks[member]
            with town.client(Member, member, town.ports[0]) as client:

                def told(client: Any = client, subscription: str = subscription) -> bool:
                    status = client.subscription_status(subscription)
                    if status["waiting"] and status.get("failingSince"):
                        client.resume_subscription(subscription)  # its owner does not wait five minutes here
                    return not status["waiting"] and not status["behind"]

                town.settles(told, f"the webhook of {member} has told everything")
                status = client.subscription_status(subscription)
            assert receiver.wrong == []
            assert receiver.numbers == list(range(1, status["number"] + 1)), "each number came, and in order"
            assert essences(receiver.held) == wanted
        assert town.problems == []
        with town.database.read() as session:
            observed = set(session.execute(sa.select(Observation.urn, Observation.as_of)).all())
            lost = [said for said in town.acknowledged if said not in {(urn, as_of) for urn, as_of in observed}]
            assert lost == [], f"acknowledged and not there (seed {SEED})"
            runs = session.execute(sa.select(JobRun.job, JobRun.slot, JobRun.attempt, JobRun.finished_at)).all()
            assert len({(run.job, run.slot) for run in runs}) == len(runs)
            numbers = session.execute(
                sa.select(Notice.subscription_id, Notice.number).where(Notice.number.is_not(None))
            ).all()
            assert len(set(numbers)) == len(numbers)
