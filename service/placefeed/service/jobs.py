"""What each job of the schedule does, in a few lines each: call the room that knows how, and say what came of it."""

import hashlib
from functools import partial

import structlog
from apscheduler.triggers.cron import CronTrigger
from sqlmodel import col, select

from placefeed.adapters.base import AdapterError
from placefeed.service import purge as keeping
from placefeed.service.access.sources import POLLED
from placefeed.service.channels import editions as edition_files
from placefeed.service.channels import open_feed, summary
from placefeed.service.channels.reminders import sending as reminding
from placefeed.service.channels.subscriptions import owners
from placefeed.service.clock import LONDON, Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.intake import sources, submit
from placefeed.service.leader import run_slot
from placefeed.service.publishing.publisher import publish_all
from placefeed.service.register.load import load, read_file
from placefeed.service.tables import RegisterFile, Source

log = structlog.get_logger(__name__)


def publish(database: Database, settings: Settings, clock: Clock) -> str:
    """Publish what is pending or due. The worker's loop does so at once; this covers a loop that stands still."""
    done = publish_all(database, settings, clock)
    return f"{done.settings} settings, {done.positions} positions"


def poll_sources(database: Database, settings: Settings, clock: Clock) -> str:
    """Fetch every active feed whose time has come since it was last heard, and look into every watched folder."""
    now = clock()
    with database.read() as session:
        rows = session.exec(select(Source).where(Source.state == "active", col(Source.transport).in_(POLLED))).all()
    polled = []
    for source in rows:
        trigger = CronTrigger.from_crontab(source.cron or "* * * * *", timezone=LONDON)
        due = trigger.get_next_fire_time(None, (source.last_heard_at or source.created_at).astimezone(LONDON))
        if due is None or due > now:
            continue
        slot = now.replace(second=0, microsecond=0)
        outcome = run_slot(
            database,
            f"poll:{source.id}",
            slot,
            partial(sources.poll, database, source.id, settings=settings, clock=clock),
            lease=settings.poll_lease,
            clock=clock,
        )
        if outcome is not None:
            polled.append(f"{source.id}: {outcome}")
    return "; ".join(polled) or "nothing due"


def late_sources(database: Database, settings: Settings, clock: Clock) -> str:
    """Mark sources that have been silent for longer than expected, and alert the operator once."""
    return f"{sources.mark_late(database, now=clock())} newly late"


def tell_owners(database: Database, settings: Settings, clock: Clock) -> str:
    """Write to the owners of subscriptions that have stopped."""
    return f"{owners.tell_owners(database, settings, clock)} told"


def remind(database: Database, settings: Settings, clock: Clock) -> str:
    """Write to the people of providers whose word grows old, once a day each."""
    return reminding.remind(database, settings, clock)


def send_reminders(database: Database, settings: Settings, clock: Clock) -> str:
    """Try again what the mail server did not take."""
    return f"{reminding.send_waiting(database, settings, clock)} sent"


def refresh_ofsted(database: Database, settings: Settings, clock: Clock) -> str:
    """Import the files of Ofsted's that lie in the folder and have not been imported yet. Ofsted offers no interface to ask.

    A file whose name holds `complete` is taken as a complete list; anything else never makes a setting disappear.
    """
    folder = settings.ofsted_folder or settings.data / "ofsted"
    if not folder.is_dir():
        return "no ofsted folder"
    results = []
    for path in sorted(
        path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in {".csv", ".ods", ".xlsx"}
    ):
        content = path.read_bytes()
        with database.read() as session:
            known = session.exec(
                select(RegisterFile.id).where(RegisterFile.sha256 == hashlib.sha256(content).hexdigest())
            ).first()
        if known is not None:
            continue
        try:
            reading = read_file(content, name=path.name)  # takes seconds, so before the write transaction
            with database.write() as session:
                result = load(session, reading, complete="complete" in path.name.lower(), now=clock())
            results.append(f"{path.name}: {result.to_dict()['settings']} settings")
        except AdapterError as error:
            results.append(f"{path.name}: not imported: {error}")
    return "; ".join(results) or "nothing new"


def editions(database: Database, settings: Settings, clock: Clock) -> str:
    """Make the consolidated files, one edition for each distinct view."""
    return f"{edition_files.make_editions(database, settings, clock)} editions"


def public_summary(database: Database, settings: Settings, clock: Clock) -> str:
    """Make this week's open summary when it is switched on."""
    if not settings.public:
        return "switched off"
    summary.make_summary(database, settings, clock)
    open_feed.renew(database, settings, clock)
    return "made"


def purge(database: Database, settings: Settings, clock: Clock) -> str:
    """Remove what is past its keeping time (see purge.keepings), and uploads that broke off before they were submitted."""
    deleted = keeping.purge(database, settings, now=clock())
    deleted["broken uploads"] = submit.sweep_spool(database, settings)
    return ", ".join(f"{count} {what}" for what, count in deleted.items() if count) or "nothing"
