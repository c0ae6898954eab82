"""The background of the exchange: loops that publish, work large submissions and match subscriptions, a sender of webhooks and
e-mails, and the schedule while it leads.

Runs inside the server by default, and as `placefeed worker` beside it; any number of them may run on one PostgreSQL.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from placefeed.service.channels.subscriptions.matching import Matcher
from placefeed.service.channels.subscriptions.sending import Sender
from placefeed.service.clock import Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.intake import submit
from placefeed.service.leader import Lock, lock_for
from placefeed.service.publishing.publisher import publish_once
from placefeed.service.running.metrics import Metrics
from placefeed.service.schedule import Schedule
from placefeed.service.vitals import vitals

log = structlog.get_logger(__name__)

LOOK_AGAIN = 1.0  # seconds: covers a lost wake-up, and what is due by time alone
HEARTBEAT = 3.0  # seconds between two proofs of leadership
PAUSE_AFTER_ERROR = timedelta(seconds=1)
SHOWN = 10  # submissions that a line of the log names, of those that a publication was for


class Worker:
    """Starts the loops in threads; `stop()` ends them after the transaction they are in."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        *,
        schedule: bool = True,
        metrics: Metrics | None = None,
    ) -> None:
        self._database, self._settings, self._clock = database, settings, clock
        self._metrics = metrics or Metrics()
        self._stopping = threading.Event()
        self._schedule = Schedule(database, settings, clock)
        self._matcher = Matcher(database, clock)
        self._sender = Sender(database, settings, clock, attempted=self._metrics.delivered)
        loops: list[tuple[str, Callable[[], None]]] = [
            ("publisher", self._publish),
            ("submissions", self._submissions),
            ("matcher", self._match),
        ]
        if schedule:
            loops.append(("leader", self._lead))
        self._threads = [threading.Thread(target=loop, name=f"placefeed-{name}", daemon=True) for name, loop in loops]

    def start(self) -> None:
        """Start the loops."""
        for thread in self._threads:
            thread.start()
        self._sender.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Ask the loops to end and wait for them."""
        self._stopping.set()
        for what in ("pending", "submission", "published"):
            self._database.bell.ring(what)
        self._sender.stop(min(timeout, 3.0))  # what is broken off is sent again
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
        telemetry = self._database.telemetry
        with telemetry.span("publish") if telemetry.on and self._waits() else contextlib.nullcontext():
            with self._database.write() as session:
                step = publish_once(session, settings=self._settings, now=self._clock())
            submissions = step.submissions[:SHOWN]
            telemetry.note(settings=step.settings, position=step.position, submissions=",".join(submissions))
        seconds = time.perf_counter() - started
        if step.settings or step.positions:
            now = self._clock()
            delays = [(kind, (now - since).total_seconds()) for kind, since in step.waited]
            self._metrics.published(step.settings, seconds, positions=step.positions, delays=delays)
            log.info(
                "published", settings=step.settings, positions=step.positions, position=step.position,
                submissions=list(submissions), ms=round(seconds * 1000, 1),
            )  # fmt: skip
        return step.more

    def _waits(self) -> bool:
        """Whether there is something to publish: a look at nothing is no trace."""
        with self._database.read() as session:
            seen = vitals(session, self._clock())
        return seen.pending_small + seen.pending_bulk + seen.due > 0

    def _match(self) -> None:
        self._loop("published", self._matcher.step)

    def _submissions(self) -> None:
        self._loop(
            "submission",
            lambda: submit.work(
                self._database,
                settings=self._settings,
                clock=self._clock,
                stop=self._stopping,
                worked=lambda seconds: self._metrics.took_in("worked", seconds),
            ),
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
                self._metrics.failed(bell)
                log.exception("background step failed; trying again", loop=bell, failures=failures)
                self._stopping.wait(min(30.0, PAUSE_AFTER_ERROR.total_seconds() * 2 ** min(failures, 5)))
                continue
            if not more:
                self._database.bell.wait(bell, heard, LOOK_AGAIN)

    def _lead(self) -> None:
        lock = lock_for(self._database)
        try:
            while not self._stopping.is_set():
                try:
                    self._keep_leading(lock)
                except Exception:  # a full disk, a lock file that cannot be opened: the next heartbeat tries again
                    self._metrics.failed("leader")
                    log.exception("the election failed; trying again")
                self._stopping.wait(HEARTBEAT)
        finally:
            self._schedule.stop(wait=True)
            lock.release()

    def _keep_leading(self, lock: Lock) -> None:
        held = lock.hold()
        if held and not self._schedule.running:
            self._schedule.start()
        elif not held and self._schedule.running:
            log.warning("leadership lost; another process runs the schedule")
            self._schedule.stop(wait=False)
