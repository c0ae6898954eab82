"""The background of the exchange: one publisher loop, one loop for large submissions, and the schedule while it leads.

Runs inside the server by default, and as `placefeed worker` beside it; any number of them may run on one PostgreSQL.
"""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from placefeed.service.clock import Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.intake import submit
from placefeed.service.leader import lock_for
from placefeed.service.publishing.publisher import publish_once
from placefeed.service.schedule import Schedule

log = structlog.get_logger(__name__)

LOOK_AGAIN = 1.0  # seconds: covers a lost wake-up, and what is due by time alone
HEARTBEAT = 3.0  # seconds between two proofs of leadership
PAUSE_AFTER_ERROR = timedelta(seconds=1)


Noted = Callable[[int, float], None]
"""Told after each publication: how many settings, and the seconds it took (for the metrics)."""


class Worker:
    """Starts the loops in threads; `stop()` ends them after the transaction they are in."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        *,
        schedule: bool = True,
        published: Noted | None = None,
    ) -> None:
        self._database, self._settings, self._clock = database, settings, clock
        self._published = published
        self._stopping = threading.Event()
        self._schedule = Schedule(database, settings, clock)
        loops: list[tuple[str, Callable[[], None]]] = [("publisher", self._publish), ("submissions", self._submissions)]
        if schedule:
            loops.append(("leader", self._lead))
        self._threads = [threading.Thread(target=loop, name=f"placefeed-{name}", daemon=True) for name, loop in loops]

    def start(self) -> None:
        """Start the loops."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Ask the loops to end and wait for them."""
        self._stopping.set()
        for what in ("pending", "submission"):
            self._database.bell.ring(what)
        for thread in self._threads:
            thread.join(timeout)

    @property
    def leads(self) -> bool:
        """Whether this worker runs the schedule."""
        return self._schedule.running

    def _publish(self) -> None:
        self._loop("pending", self._publish_step)

    def _publish_step(self) -> bool:
        started = time.perf_counter()
        with self._database.write() as session:
            step = publish_once(session, settings=self._settings, now=self._clock())
        if step.settings and self._published is not None:
            self._published(step.settings, time.perf_counter() - started)
        return step.more

    def _submissions(self) -> None:
        self._loop(
            "submission",
            lambda: submit.work(self._database, settings=self._settings, clock=self._clock, stop=self._stopping),
        )

    def _loop(self, bell: str, step: Callable[[], bool]) -> None:
        """Call `step` until it has nothing more to do, then wait for the bell; a failure is logged and tried again."""
        failures = 0
        while not self._stopping.is_set():
            heard = self._database.bell.count(bell)
            try:
                more = step()
                failures = 0
            except Exception:  # the loop must outlive a lost database; what failed is still pending
                failures += 1
                log.exception("background step failed; trying again", loop=bell, failures=failures)
                self._stopping.wait(min(30.0, PAUSE_AFTER_ERROR.total_seconds() * 2 ** min(failures, 5)))
                continue
            if not more:
                self._database.bell.wait(bell, heard, LOOK_AGAIN)

    def _lead(self) -> None:
        lock = lock_for(self._database)
        try:
            while not self._stopping.is_set():
                held = lock.hold()
                if held and not self._schedule.running:
                    self._schedule.start()
                elif not held and self._schedule.running:
                    log.warning("leadership lost; another process runs the schedule")
                    self._schedule.stop(wait=False)
                self._stopping.wait(HEARTBEAT)
        finally:
            self._schedule.stop(wait=True)
            lock.release()
