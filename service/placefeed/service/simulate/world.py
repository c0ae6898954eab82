"""All simulated providers together: who there is, how each setting stands, and what each would send now."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from random import Random
from typing import Any

from placefeed.adapters.ofsted import OfstedRow
from placefeed.service.clock import london_day
from placefeed.service.simulate.forms import Sending, ndjson, sendings
from placefeed.service.simulate.life import Life, life_of
from placefeed.service.simulate.mess import SHARE, messed
from placefeed.service.simulate.names import marked
from placefeed.service.simulate.owners import Owner, owners_of

VENDOR = "simulated-vendor"
"""Who sends everything in one feed, where one is asked for."""


def last_march(now: datetime) -> date:
    """The newest day as at which Ofsted would have published its yearly list."""
    today = london_day(now)
    day = date(today.year, 3, 31)
    return day if day < today else date(today.year - 1, 3, 31)


@dataclass(slots=True)
class World:
    """Simulated providers over settings. The same rows, seed and moment make the same world."""

    owners: list[Owner]
    lives: dict[str, Life]
    seed: int
    messy: bool
    rng: Random
    changed: dict[str, int] = field(default_factory=dict)  # what happened in the last step, by word

    @classmethod
    def begin(
        cls,
        rows: Iterable[OfstedRow],
        *,
        seed: int,
        now: datetime,
        messy: bool = False,
        buyers: tuple[tuple[str, str], ...] = (),
    ) -> "World":
        """Everyone's first state at a moment. `buyers`: (scheme, id) of those to whom some offer a lower rate."""
        owners = owners_of(rows)
        with _without_collecting():
            lives = {row.urn: life_of(row, seed=seed, now=now, buyers=buyers) for owner in owners for row in owner.rows}
        return cls(owners, lives, seed, messy, Random(f"world {seed}"))  # noqa: S311 - nothing here is secret

    def records(self, owner: Owner) -> list[dict[str, Any]]:
        """What an owner says of its settings now."""
        return [self.lives[row.urn].record() for row in owner.rows]

    def sendings(self, owners: Iterable[Owner] | None = None, *, now: datetime) -> Iterator[Sending]:
        """What owners (all, unless said) send now, each in its form; a share of it messy if this world is."""
        for owner in self.owners if owners is None else owners:
            for sending in sendings(owner, self.records(owner), now=now):
                yield self._maybe_messed(sending)

    def one_feed(self, *, now: datetime) -> Sending:
        """Everything in one NDJSON feed, as a vendor would send it for all that delegate to it."""
        rows = tuple(row for owner in self.owners for row in owner.rows)
        vendor = Owner(VENDOR, marked("Vendor"), "Vendor", "ndjson", rows)
        records = [record for owner in self.owners for record in self.records(owner)]
        sending = Sending(
            vendor.id,
            f"{vendor.id}.ndjson",
            "application/x-ndjson",
            ndjson(vendor, records, now=now, complete=False),
            len(records),
        )
        return messed(sending, self.rng) if self.messy else sending

    def step(self, now: datetime, *, share: float = 0.05) -> list[Owner]:
        """Let time pass for a share of the settings; returns the owners that have something to say."""
        told: dict[str, int] = {}
        speaking: list[Owner] = []
        for owner in self.owners:
            stepped = [self.lives[row.urn].step(now) for row in owner.rows if self.rng.random() < share]
            for what in stepped:
                told[what] = told.get(what, 0) + 1
            if stepped:
                speaking.append(owner)
        self.changed = told
        return speaking

    def _maybe_messed(self, sending: Sending) -> Sending:
        # by the file, not by a common series of draws: who is messy stays so
        rng = Random(f"{self.seed} {sending.name}")  # noqa: S311
        return messed(sending, rng) if self.messy and rng.random() < SHARE else sending


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Hundreds of thousands of small objects that all stay: looking for garbage among them takes half the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
