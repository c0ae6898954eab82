"""The sender: a thread with a loop of its own that claims what is due, sends much at a time, and records what came of it.

```
bell, or poll ──> turn (one transaction: record what has ended, claim what is due) ──> attempts, each a task
                   ^──────────────────── a few milliseconds after the first that ends ─────────┘
```
Any number of senders share the work on one PostgreSQL. One that is killed is succeeded when its leases end; one that was frozen
and thaws can only repeat a message, under the same id.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import structlog
from structlog.contextvars import bind_contextvars

from placefeed.service.channels.subscriptions import digest, webhooks
from placefeed.service.channels.subscriptions.claiming import Claims
from placefeed.service.channels.subscriptions.lanes import SLOW, Lanes, lane_of
from placefeed.service.channels.subscriptions.outbound import Forms, guard_of, opened
from placefeed.service.channels.subscriptions.outcomes import Job, Outcome, Outside
from placefeed.service.channels.subscriptions.recording import Result, record, release
from placefeed.service.channels.subscriptions.wishes import WEBHOOK
from placefeed.service.clock import Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.intake.quiet import quiet_collector, sweep

log = structlog.get_logger(__name__)

GATHER = 0.01  # seconds that the first result waits for others, to be recorded with them
ENOUGH = 150  # results that don't wait any longer
LOOK_AGAIN = 0.5  # seconds: covers a bell that was not heard, and what is due by time alone
PAUSE_AFTER_ERROR = 1.0
MUCH = 16  # attempts under way above which Python's collector is kept quiet
SWEEP = 16  # turns between two sweeps of it
NAMES = 32  # threads that look up names and put e-mails together: a slow name server holds up one each


class Attempted(Protocol):
    """Told of each attempt, for the metrics; `status` is None where no answer came."""

    def __call__(self, channel: str, /, *, ok: bool, status: int | None, seconds: float) -> None: ...


class Sender:
    """Sends for one process: `start()`, and `stop()` once."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        *,
        look_again: float = LOOK_AGAIN,
        attempted: Attempted | None = None,
    ) -> None:
        self._database, self._settings, self._clock = database, settings, clock
        self._attempted = attempted
        self._look_again = look_again
        self._guard = guard_of(settings)
        self._form = Forms(self._guard)
        self._claims = Claims(settings, secret_of(settings))
        self._lanes = Lanes(settings.deliver_at_once)
        self._flying: dict[asyncio.Task[Result], Job] = {}
        self._results: list[Result] = []
        self._stopping = False
        self._deadline = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._gathering = False
        self._quiet: contextlib.ExitStack | None = None
        self._turns_taken = 0
        self._thread = threading.Thread(target=self._run, name="placefeed-sender", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Claim nothing more; let what is under way end within the time, and give back what does not."""
        self._deadline = time.monotonic() + timeout
        self._stopping = True
        self._rouse()
        self._thread.join(timeout + 5.0)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(self._main())

    def _heard(self, what: str) -> None:
        if what == "subscription":
            self._rouse()

    def _rouse(self) -> None:
        loop, wake = self._loop, self._wake
        if loop is not None and wake is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                loop.call_soon_threadsafe(wake.set)

    async def _main(self) -> None:
        loop = self._loop = asyncio.get_running_loop()
        wake = self._wake = asyncio.Event()
        names = ThreadPoolExecutor(NAMES, thread_name_prefix="placefeed-outside")
        loop.set_default_executor(names)
        unhook = self._database.bell.hook(self._heard)
        turns = ThreadPoolExecutor(1, thread_name_prefix="placefeed-turns")
        try:
            async with opened(self._settings, self._guard) as http:
                outside = Outside(self._settings, self._database, self._clock, http)
                while not await self._ended(loop, turns):
                    wake.clear()
                    jobs = await self._turn(loop, turns)
                    for job in jobs or ():
                        self._begin(job, outside)
                    self._keep_quiet()
                    if jobs and 2 * len(self._flying) < self._settings.deliver_at_once:
                        continue  # there may be more
                    await _rest(wake, self._look_again if jobs is not None else PAUSE_AFTER_ERROR)
        finally:
            if self._quiet is not None:
                self._quiet.close()
            unhook()
            turns.shutdown()

    async def _turn(self, loop: asyncio.AbstractEventLoop, turns: ThreadPoolExecutor) -> list[Job] | None:
        """One transaction's work, in the thread for it; None where it failed: the results are kept for the next."""
        results, self._results = self._results, []
        room = 0 if self._stopping else self._settings.deliver_at_once - len(self._flying)
        try:
            return await loop.run_in_executor(turns, self._transact, results, room, self._lanes.copy())
        except Exception:  # the loop must outlive a lost database; what is not recorded is sent again at worst
            log.exception("deliveries could not be recorded or claimed; trying again")
            self._results = results + self._results
            return None

    def _keep_quiet(self) -> None:
        """While much is under way Python's collector runs when told to: by counts it took a third of the time, for hardly a cycle.

        Now and then it has a turn of its own, for what lasted longer.
        """
        self._turns_taken += 1
        busy = len(self._flying) >= MUCH and self._turns_taken % (SWEEP * SWEEP)
        if busy and self._quiet is None:
            self._quiet = contextlib.ExitStack()
            self._quiet.enter_context(quiet_collector())
        elif not busy and self._quiet is not None:
            self._quiet.close()
            self._quiet = None
        elif self._quiet is not None and self._turns_taken % SWEEP == 0:
            sweep()

    def _transact(self, results: list[Result], room: int, lanes: Lanes) -> list[Job]:
        now = self._clock()
        if not results:
            if not room:
                return []
            with self._database.read() as session:
                if not self._claims.due(session, now):
                    return []
        with self._database.write() as session:
            if results:
                record(session, results, now)
            return self._claims.claim(session, now, room, lanes) if room else []

    def _begin(self, job: Job, outside: Outside) -> None:
        self._lanes.take(lane_of(job.subscription))
        task = asyncio.create_task(self._attempt(job, outside))
        self._flying[task] = job
        task.add_done_callback(self._done)

    async def _attempt(self, job: Job, outside: Outside) -> Result:
        began = time.perf_counter()
        row, telemetry = job.subscription, self._database.telemetry
        bind_contextvars(subscription=row.id)  # of this task alone
        with telemetry.span("delivery", subscription=row.id, channel=row.channel, attempt=job.attempt):
            try:
                if row.channel == WEBHOOK:
                    outcome = await webhooks.send(job, outside, self._form)
                else:
                    outcome = await digest.send(job, outside)
            except Exception as error:  # whatever it was, nobody waits for the lease, and the loop goes on
                log.exception("an attempt failed in a way that nobody foresaw")
                outcome = Outcome(ok=False, error=f"The exchange failed to send it ({type(error).__name__}).")
            telemetry.note(ok=outcome.ok, status=outcome.status or 0)
        seconds = time.perf_counter() - began
        if self._attempted is not None:
            self._attempted(row.channel, ok=outcome.ok, status=outcome.status, seconds=seconds)
        if not outcome.ok:
            log.info("an attempt failed", attempt=job.attempt, status=outcome.status, ms=round(seconds * 1000))
        return Result(job, outcome, round(seconds * 1000))

    def _done(self, task: "asyncio.Task[Result]") -> None:
        job = self._flying.pop(task)
        result = None if task.cancelled() else task.result()
        if result is not None:
            self._results.append(result)
        quick = result is None or (result.outcome.status is not None and result.ms < SLOW * 1000)
        self._lanes.leave(lane_of(job.subscription), quick=quick)
        if len(self._results) >= ENOUGH or not self._flying:
            self._gathered()
        elif not self._gathering and self._loop is not None:
            self._gathering = True
            self._loop.call_later(GATHER, self._gathered)

    def _gathered(self) -> None:
        self._gathering = False
        if self._wake is not None:
            self._wake.set()

    async def _ended(self, loop: asyncio.AbstractEventLoop, turns: ThreadPoolExecutor) -> bool:
        """Whether this is the end: asked to stop, and everything under way has ended or was given back."""
        if not self._stopping:
            return False
        left = self._deadline - time.monotonic()
        if self._flying and left > 0:
            await asyncio.wait(self._flying, timeout=left)
        broken_off = list(self._flying.values())
        for task in list(self._flying):
            task.cancel()
        if self._flying:
            await asyncio.wait(self._flying)
        await self._turn(loop, turns)
        if broken_off:
            await loop.run_in_executor(turns, self._give_back, broken_off)
        return True

    def _give_back(self, jobs: list[Job]) -> None:
        with self._database.write() as session:
            release(session, jobs)


async def _rest(wake: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not on every platform
        return None
    factory: Any = uvloop.new_event_loop
    return factory  # type: ignore[no-any-return]  # it ships no precise type
