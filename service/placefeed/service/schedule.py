"""The table of jobs: what runs when, in Europe/London. Each is also a command: `placefeed run <job>`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from placefeed.service import jobs
from placefeed.service.clock import LONDON, Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.leader import abandoned, run_slot

log = structlog.get_logger(__name__)

Call = Callable[[Database, Settings, Clock], str]


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the table. `lease`: how long a run may take before another worker may try the slot again."""

    name: str
    cron: str  # minute hour day month weekday, Europe/London
    call: Call
    lease: timedelta
    what: str


def table(settings: Settings) -> list[Job]:
    """Every job of the exchange."""
    minute, quarter, hour = timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1)
    return [
        Job(
            "publish",
            "* * * * *",
            jobs.publish,
            minute,
            "publish what is pending, and what time alone has changed: freshness, first and last days",
        ),
        Job(
            "poll-sources",
            "* * * * *",
            jobs.poll_sources,
            quarter,
            "fetch the feeds whose time has come, and look into watched folders",
        ),
        Job("late-sources", "*/5 * * * *", jobs.late_sources, minute, "tell the operator which sources are late"),
        Job(
            "tell-owners",
            "* * * * *",
            jobs.tell_owners,
            quarter,
            "write to the owners of subscriptions that have stopped",
        ),
        Job(
            "remind",
            "30 9,16 * * *",
            jobs.remind,
            hour,
            "remind the people of providers, at most once a day, of homes whose word grows old",
        ),
        Job("send-reminders", "*/5 * * * *", jobs.send_reminders, quarter, "try again reminders that were not taken"),
        Job(
            "refresh-ofsted",
            "20 * * * *",
            jobs.refresh_ofsted,
            hour,
            "import Ofsted's files that were put into the ofsted folder",
        ),
        Job("editions", settings.editions_cron, jobs.editions, hour, "make the consolidated files for every view"),
        Job(
            "public-summary",
            "0 5 * * 1",
            jobs.public_summary,
            hour,
            "make the weekly open summary, when it is switched on",
        ),
        Job("purge", "15 3 * * *", jobs.purge, hour, "remove what is past its keeping time"),
    ]


def job(settings: Settings, name: str) -> Job:
    """One job by name; KeyError where there is none."""
    return {row.name: row for row in table(settings)}[name]


class Schedule:
    """APScheduler on this process while it leads. Every run is claimed by slot first (see leader)."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database, self._settings, self._clock = database, settings, clock
        self._scheduler: BackgroundScheduler | None = None

    @property
    def running(self) -> bool:
        """Whether this process runs the schedule now."""
        return self._scheduler is not None

    def start(self) -> None:
        """Start triggering; call when leadership is won."""
        scheduler = BackgroundScheduler(
            timezone=LONDON, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 50}
        )
        for row in table(self._settings):
            scheduler.add_job(self._run, CronTrigger.from_crontab(row.cron, timezone=LONDON), args=[row], id=row.name)
        scheduler.add_job(self._recover, CronTrigger(second=30, timezone=UTC), id="recover")
        scheduler.start()
        self._scheduler = scheduler
        log.info("this process runs the schedule", jobs=[row.name for row in table(self._settings)])

    def stop(self, *, wait: bool) -> None:
        """Stop triggering. Runs under way go on, claimed; `wait` waits for them."""
        if self._scheduler is not None:
            scheduler, self._scheduler = self._scheduler, None
            scheduler.shutdown(wait=wait)

    def _run(self, row: Job) -> None:
        slot = self._clock().replace(second=0, microsecond=0)
        self._run_slot(row, slot)

    def _run_slot(self, row: Job, slot: datetime) -> None:
        run_slot(
            self._database,
            row.name,
            slot,
            lambda: row.call(self._database, self._settings, self._clock),
            lease=row.lease,
            clock=self._clock,
        )

    def _recover(self) -> None:
        """Run again the slots whose worker died, newest of each job only: an old slot has nothing that a newer lacks."""
        known = {row.name: row for row in table(self._settings)}
        newest: dict[str, datetime] = {}
        for name, slot in abandoned(self._database, self._clock()):
            newest[name] = max(slot, newest.get(name, slot))
        for name, slot in newest.items():
            if name in known:
                self._run_slot(known[name], slot)
