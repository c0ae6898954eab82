"""The demo's providers, on a thread of their own: everybody's first feed, then something new every few seconds."""

import threading
from collections.abc import Callable, Iterator
from random import Random

import structlog

from placefeed.client import Member, Retry
from placefeed.client.errors import PlacefeedError
from placefeed.service.clock import Clock
from placefeed.service.simulate.forms import Sending, sendings
from placefeed.service.simulate.owners import JSON, NDJSON
from placefeed.service.simulate.pushing import Providers, say
from placefeed.service.simulate.world import World

log = structlog.get_logger(__name__)

EVERY = (6.0, 18.0)  # seconds between two pieces of news: a few a minute
AGAIN_PER_SECOND = 25  # owners whose feed is pushed again in a second, when the demo starts on a known folder
LISTED = "/v1/listings?provisionType=children-home&limit=20"
LOOK_EVERY = 0.25
ONCE = Retry(attempts=1)  # the server is our own: when it does not answer, it has ended


class Crowd:
    """Runs until `stop()`. `make` is called on its thread; `ready(url)` is called once, when a member's list has rows."""

    def __init__(
        self,
        make: Callable[[], World],
        *,
        url: str,
        provider_keys: dict[str, str],
        member_key: str,
        known: bool,
        clock: Clock,
        ready: Callable[[str], None],
        done: Callable[[int], None],
    ) -> None:
        self._make, self._url, self._clock = make, url, clock
        self._keys, self._member_key = provider_keys, member_key
        self._known, self._ready, self._done = known, ready, done
        self._stopping = threading.Event()
        self._rng = Random()  # noqa: S311 - what happens when is not secret, and need not be the same twice
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for name, target in (("placefeed-crowd", self._speak), ("placefeed-look", self._look))
        ]

    def start(self) -> None:
        """Begin; the server must be there or on its way."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask them to end; returns at once."""
        self._stopping.set()

    def join(self, timeout: float) -> None:
        """Wait for them to end."""
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout)

    # -- a member looks ------------------------------------------------------------------------------------------

    def _look(self) -> None:
        with Member(self._url, self._member_key, retry=ONCE) as member:
            while not self._stopping.wait(LOOK_EVERY):
                try:
                    found = member.listings(provisionType="children-home", limit=1).items
                except PlacefeedError:
                    continue  # the server is not up yet
                if found:
                    self._ready(self._url + LISTED)
                    return

    # -- providers speak -----------------------------------------------------------------------------------------

    def _speak(self) -> None:
        world = self._make()
        providers = Providers(self._url, self._keys, retry=ONCE)
        try:
            self._wait_for_server(providers)
            try:
                outcome = providers.push(self._all(world), stop=self._stopping.is_set)
            except PlacefeedError as error:
                if not self._stopping.is_set():
                    log.warning("a simulated provider could not push", error=str(error))
            else:
                if outcome.failed:
                    log.warning(
                        "the exchange refused simulated feeds", refused=outcome.failed, first=outcome.failures[0]
                    )
                if not self._stopping.is_set():
                    self._done(outcome.sent)
            self._go_on(world, providers)
        finally:
            providers.close()

    def _wait_for_server(self, providers: Providers) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            if providers.answers():
                return

    def _all(self, world: World) -> Iterator[Sending]:
        for owner in world.owners:
            if owner.id in self._keys:
                yield from sendings(owner, world.records(owner), now=self._clock())
                if self._known:
                    self._stopping.wait(1 / AGAIN_PER_SECOND)

    def _go_on(self, world: World, providers: Providers) -> None:
        """A few settings a minute have news: a child came, a child left, or all is as it was."""
        speaking = [owner for owner in world.owners if owner.id in self._keys and owner.form in (JSON, NDJSON)]
        lives = [world.lives[row.urn] for owner in speaking for row in owner.rows]
        owner_of = {row.urn: owner.id for owner in speaking for row in owner.rows}
        while lives and not self._stopping.wait(self._rng.uniform(*EVERY)):
            life = self._rng.choice(lives)
            provider = providers.of(owner_of[life.urn])
            before = {offer.id: offer.places for offer in life.offers}
            what = life.step(self._clock())
            if provider is None:
                continue
            try:
                say(provider, life, what, before)
            except PlacefeedError as error:
                if not self._stopping.is_set():
                    log.warning("a simulated provider could not say its news", what=what, error=str(error))
