"""Makes the demo, or takes up the one in the folder, and runs it until it is told to end."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn
from sqlmodel import Session, func, select

from placefeed.service import logs
from placefeed.service.app import create_app
from placefeed.service.clock import Clock, system_clock
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.demo import keys as kept
from placefeed.service.demo.accounts import settle_accounts
from placefeed.service.demo.keys import Keys
from placefeed.service.demo.people import CONSORTIA, EVERYONE, folder_of, settle
from placefeed.service.demo.providers import Crowd
from placefeed.service.migrations import upgrade
from placefeed.service.register import postcodes
from placefeed.service.register.load import load, read_file
from placefeed.service.simulate import places
from placefeed.service.simulate.england import SETTINGS, england
from placefeed.service.simulate.forms import sendings
from placefeed.service.simulate.owners import owners_of
from placefeed.service.simulate.register import ofsted_csv, registered
from placefeed.service.simulate.world import World, last_march
from placefeed.service.tables import Organisation

GRACE = 2  # seconds that requests under way are given at the end
BUYERS = (("placefeed", EVERYONE),)
"""Some providers offer this consortium a lower rate, so that there is something that not everybody sees."""


class Demo:
    """One start of the demo. `say` prints a line for people."""

    def __init__(
        self,
        settings: Settings,
        *,
        port: int,
        seed: int,
        size: int | None,
        ofsted: Path | None,
        say: Callable[[str], None],
        clock: Clock = system_clock,
    ) -> None:
        self._settings, self._port, self._clock, self._say = settings, port, clock, say
        self._seed, self._size, self._ofsted = seed, size, ofsted
        self._begun = time.monotonic()

    def run(self) -> None:
        """Make what is not there, serve, and return when ended by SIGINT or SIGTERM. Raises ValueError for a folder that is no demo."""
        logs.configure(self._settings)
        logging.getLogger().setLevel(logging.WARNING)  # what the demo says itself is what is to be read
        keys, known = self._prepare()
        crowd = self._crowd(keys, known=known)
        server = _Server(
            uvicorn.Config(
                create_app(self._settings, clock=self._clock), host="127.0.0.1", port=self._port, log_config=None, access_log=False,
                server_header=False, timeout_graceful_shutdown=GRACE,
            ),
            ending=crowd.stop,
        )  # fmt: skip
        # uvicorn raises the signal again when it has ended; by then it is done with.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        crowd.start()
        try:
            server.run()
        finally:
            crowd.stop()
            crowd.join(1.0)
        self._say("The demo has ended. Start it again on the same folder to go on.")

    # -- before ----------------------------------------------------------------------------------------------------

    def _prepare(self) -> tuple[Keys, bool]:
        data = self._settings.data
        data.mkdir(parents=True, exist_ok=True)
        database = Database(self._settings)
        try:
            upgrade(database.writer)
            keys = kept.read(data)
            with database.read() as session:
                settled = session.exec(select(func.count()).select_from(Organisation)).one() > 0
            if settled and keys is None:
                raise ValueError(
                    f"{data} holds an exchange that is not a demo (it has no {kept.FILE}). Name another folder with --data."
                )
            if keys is None or not settled:
                return self._make(database), False
            if (keys.seed, keys.size, keys.ofsted) != self._asked():
                self._say(
                    f"{data} holds a demo already, of another England; it is used as it is. Remove the folder to make it anew."
                )
            if not keys.people:
                self._open_accounts(database, keys)
            return keys, True
        finally:
            database.close()

    def _asked(self) -> tuple[int, int | None, str | None]:
        return self._seed, self._size, None if self._ofsted is None else self._ofsted.name

    def _make(self, database: Database) -> Keys:
        now, data = self._clock(), self._settings.data
        seed, size, ofsted = self._asked()
        keys = Keys(seed, size, ofsted)
        if self._ofsted is None:
            self._say(f"Making an invented England of {self._size or SETTINGS:,} settings in {data} ...")
        else:
            self._say(f"Reading {self._ofsted.name} into {data} ...")
        reading = read_file(self._register(), name=ofsted or "")
        with database.write() as session:
            load(session, reading, complete=self._ofsted is None, simulated=self._ofsted is None, now=now)
            postcodes.store(session, postcodes.invented(places.sectors()), now=now)
            self._settle(session, keys)
            keys.write(data)  # before the commit: keys of nobody do no harm, people without keys would
        return keys

    def _open_accounts(self, database: Database, keys: Keys) -> None:
        """People for the folder of a demo from before there were pages."""
        with database.write() as session:
            settle_accounts(session, owners_of(registered(session)), keys=keys, now=self._clock())
            keys.write(self._settings.data)

    def _register(self) -> bytes:
        if self._ofsted is not None:
            return self._ofsted.read_bytes()
        march = last_march(self._clock())
        return ofsted_csv(england(seed=self._seed, as_at=march, settings=self._size or SETTINGS), as_at=march)

    def _settle(self, session: Session, keys: Keys) -> None:
        owners = owners_of(registered(session))
        settle(
            session, owners, keys=keys, data=self._settings.data, secret=secret_of(self._settings), now=self._clock()
        )
        settle_accounts(session, owners, keys=keys, now=self._clock())

    def _world(self, keys: Keys) -> World:
        """The providers, from the register as it is; made while the server starts already."""
        database = Database(self._settings)
        try:
            with database.read() as session:
                rows = registered(session)
        finally:
            database.close()
        world = World.begin(rows, seed=keys.seed, now=self._clock(), buyers=BUYERS)
        self._drop(world, keys)
        return world

    def _drop(self, world: World, keys: Keys) -> None:
        """Put the return of the provider that has a watched folder into it."""
        owner = next((one for one in world.owners if one.id == keys.folder_of), None)
        if owner is not None:
            folder = folder_of(owner.id, self._settings.data)
            folder.mkdir(parents=True, exist_ok=True)
            for sending in sendings(owner, world.records(owner), now=self._clock()):
                (folder / sending.name).write_bytes(sending.content)

    # -- while it runs ---------------------------------------------------------------------------------------------

    def _crowd(self, keys: Keys, *, known: bool) -> Crowd:
        pushing = {owner: key for owner, key in keys.providers.items() if owner != keys.folder_of}
        member, key = next(iter(keys.members.items()))
        return Crowd(
            lambda: self._world(keys),
            url=self._settings.base_url,
            provider_keys=pushing,
            member_key=key,
            known=known,
            clock=self._clock,
            ready=lambda url: self._tell(url, member, key, keys.people),
            done=lambda sent: self._say(
                f"All {len(pushing):,} simulated providers have sent what they have ({sent:,} sendings). News comes a few times a minute."
            ),
        )

    def _tell(self, url: str, member: str, key: str, people: dict[str, dict[str, str]]) -> None:
        base, data = self._settings.base_url, self._settings.data
        accounts = "".join(
            f"  {each['email']:<26}{each['password']}   {each['organisation']}\n" for each in people.values()
        )
        self._say(
            f"Ready after {time.monotonic() - self._begun:.0f} s. Everything in it is simulated.\n"
            f"\nOpen {base}/sign-in in your browser and sign in as one of these people:\n\n{accounts}"
            f"\n  For developers  {base}/docs\n"
            f"  Keys            {data / kept.FILE} (one each for the operator, members and providers; the passwords above)\n"
            f"  Consortia       {', '.join(CONSORTIA)}; the key below is {member}'s\n"
            f"\nThe live vacancy list, as a member reads it:\n"
            f'\ncurl -H "Authorization: Bearer {key}" "{url}"\n'
            f"\nCtrl-C ends the demo."
        )


class _Server(uvicorn.Server):
    """Uvicorn, that tells the providers to stop as soon as it is told itself."""

    def __init__(self, config: uvicorn.Config, *, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending
        self._told_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The signal has come; a second one right after it is the same one (a terminal tells the whole group, `make` tells again)."""
        if self._told_at is None:
            self._told_at = time.monotonic()
            logging.getLogger("uvicorn.error").setLevel(
                logging.CRITICAL
            )  # that our own providers are cut off is no error
            # not from within a signal handler: whoever holds the event's lock may be the very thread that was interrupted
            threading.Thread(target=self._ending, daemon=True).start()
        elif time.monotonic() - self._told_at < GRACE:
            return
        super().handle_exit(sig, frame)
