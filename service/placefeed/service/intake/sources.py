"""Registered feeds: fetch what is new, take it in, keep the cursor with it; and notice those that have fallen silent.

```
fetch (no transaction open) ─> small: take + cursor, one transaction ─> done | failed told to the folder
                            └> large: spool, then row + cursor, one transaction ─> a worker does the rest
unreachable: tried again next time    changed shape, refused: the source stops, with an alert
```
"""

from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col, select
from structlog.contextvars import bound_contextvars

from placefeed.adapters.addresses import Guard
from placefeed.adapters.base import Adapter, AdapterError, Batch, ChangedShape, Refused, TooLarge, Unreachable
from placefeed.adapters.drops import WORKING, Acknowledged
from placefeed.adapters.federation import exchange_name
from placefeed.adapters.registry import open_source
from placefeed.service.access.sources import FEDERATION, credential_of, get_source
from placefeed.service.clock import Clock, iso
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.errors import Conflict
from placefeed.service.intake import federated
from placefeed.service.intake.ending import stop_source
from placefeed.service.intake.observe import lock_source
from placefeed.service.intake.opening import clean_name
from placefeed.service.intake.spool import Spool
from placefeed.service.intake.submit import Taken, report_of, take, take_large, work
from placefeed.service.tables import Alert, Source

log = structlog.get_logger(__name__)

PATIENCE = 600.0  # seconds that a watched folder waits for a large file to be worked
PERSONAL = ("personal-nhs-number", "personal-date-of-birth")


def poll(database: Database, source_id: str, *, settings: Settings, clock: Clock) -> str:
    """Fetch a source's news and take it in; says in a few words what came of it. Raises NotFound for an unknown source."""
    with bound_contextvars(source=source_id), database.telemetry.span("poll", source=source_id):
        return _poll(database, source_id, settings=settings, clock=clock)


def _poll(database: Database, source_id: str, *, settings: Settings, clock: Clock) -> str:
    with database.read() as session:
        source = get_source(session, source_id)
        session.expunge(source)
    if source.state != "active":
        return source.state
    said: list[str] = []
    try:
        with ExitStack() as stack:
            adapter = _adapter(source, database, settings, clock)
            if hasattr(adapter, "close"):
                stack.callback(adapter.close)
            for batch in adapter.fetch(source.cursor):
                if batch.content:
                    said.append(_take(database, source, adapter, batch, settings=settings, clock=clock))
                else:
                    _keep_cursor(database, source, batch)
                source.cursor = batch.cursor
    except Unreachable as error:
        _note(database, source_id, str(error), clock=clock, stop=False)
        return f"unreachable: {error}"
    except (ChangedShape, Refused, TooLarge) as error:
        _note(database, source_id, str(error), clock=clock, stop=True)
        return f"stopped: {error}"
    except Conflict as error:  # paused or changed in the meantime, or polled by another process
        return f"failed: {error}"
    except (AdapterError, ValueError) as error:  # a broken plug-in, a credential that cannot be opened
        _note(database, source_id, str(error), clock=clock, stop=False)
        return f"failed: {error}"
    if not said:
        _note(database, source_id, None, clock=clock, stop=False)
        return "nothing new"
    return ", ".join(what if count == 1 else f"{count} {what}" for what, count in Counter(said).items())


def mark_late(database: Database, *, now: datetime) -> int:
    """Mark the sources that have given no good word for longer than expected, and alert the operator once; returns how many."""
    with database.write() as session:
        late = [source for source in _expected(session) if _is_late(source, now)]
        for source in late:
            source.late_since = now
            session.add(source)
            heard = iso(source.last_good_at) if source.last_good_at else "never"
            session.add(
                Alert(
                    at=now,
                    kind="source-late",
                    severity="warning",
                    message=f"The source “{source.id}” is late: its last good word was {heard}."
                    + (f" The last error: {source.last_error}" if source.last_error else ""),
                    organisation_id=source.organisation_id,
                    source_id=source.id,
                )
            )
    return len(late)


def _expected(session: Session) -> list[Source]:
    query = select(Source).where(
        col(Source.expected_every).is_not(None), col(Source.late_since).is_(None), Source.state != "paused"
    )
    return list(session.exec(query.order_by(col(Source.id))))


def _is_late(source: Source, now: datetime) -> bool:
    return now - (source.last_good_at or source.created_at) > timedelta(seconds=source.expected_every or 0)


def _adapter(source: Source, database: Database, settings: Settings, clock: Clock) -> Adapter:
    return open_source(
        source.transport,
        source.address or "",
        content_type=source.format,
        authorization=credential_of(source, secret=secret_of(settings)),
        guard=Guard(allow=settings.allow_hosts, allow_loopback=settings.allow_loopback),
        timeout=settings.fetch_timeout,
        max_bytes=settings.max_body,
        # for those that follow another exchange:
        exchange=exchange_name(settings.base_url),
        held=federated.held(database, source.id),
        piece_records=settings.small_records,
        clock=clock,
    )


def _own_turn(session: Session, source: Source) -> Source:
    """The source's row, of another exchange only if nobody else read on in the meantime: its words count in their order."""
    if source.transport == FEDERATION:
        lock_source(session, source.id)
    row = get_source(session, source.id)
    if source.transport == FEDERATION and row.cursor != source.cursor:
        raise Conflict(f"The source “{source.id}” was changed, or read by another process, while it was being read.")
    return row


def _keep_cursor(database: Database, source: Source, batch: Batch) -> None:
    """Note how far a source was read that had nothing for us."""
    with database.write() as session:
        row = _own_turn(session, source)
        if row.state == "active":
            row.cursor = batch.cursor
            session.add(row)


def _take(
    database: Database, source: Source, adapter: Adapter, batch: Batch, *, settings: Settings, clock: Clock
) -> str:
    """Take one document in, with its cursor in the same transaction; then tell the folder what became of it."""
    spool = Spool(settings)
    # What another exchange says has an order, so a piece of it is never left to a worker: its adapter keeps them small.
    large = len(batch.content) > settings.small_body and source.transport != FEDERATION
    name = ""
    if large:
        writer = spool.writer()
        writer.write(batch.content)
        writer.close()
        name, size, digest = writer.name, writer.size, writer.sha256
    with database.write() as session:
        row = _own_turn(session, source)
        now = clock()
        if large:
            taken = take_large(
                session,
                source=row,
                spool_name=name,
                size=size,
                sha256=digest,
                content_type=batch.content_type,
                name=clean_name(batch.name),
                settings=settings,
                now=now,
            )
        else:
            taken = take(
                session,
                source=row,
                body=batch.content,
                content_type=batch.content_type,
                name=clean_name(batch.name),
                settings=settings,
                now=now,
            )
        if row.state == "active":  # a source that stopped is read whole again once it is mended
            row.cursor = batch.cursor
        row.last_heard_at = now
        session.add(row)
    log.info("feed taken", submission=taken.submission_id, status=taken.status)
    if isinstance(adapter, Acknowledged):
        report = _final(database, taken, settings=settings, clock=clock)
        if report["verdict"] == "working":
            return "working"  # not put away: it is read again next time, and the same bytes change nothing
        _put_away(source, adapter, batch, report)
        return str(report["verdict"])
    return str(taken.report["verdict"])


def _final(database: Database, taken: Taken, *, settings: Settings, clock: Clock) -> dict[str, Any]:
    """The report once the submission is worked: a file is put away with what became of it."""
    ends = monotonic() + PATIENCE
    while True:
        heard = database.bell.count("submission")
        with database.read() as session:
            report = report_of(session, taken.submission_id)
        if report["verdict"] != "working" or monotonic() > ends:
            return report
        if not work(database, settings=settings, clock=clock):
            database.bell.wait("submission", heard, 1.0)  # another worker has it


def _put_away(source: Source, adapter: Acknowledged, batch: Batch, report: dict[str, Any]) -> None:
    """Tell a folder what became of a file. A file that held what looks like data about a child is emptied first."""
    found = {issue["rule"] for issue in report.get("issues", ())}
    if source.transport == "folder" and not found.isdisjoint(PERSONAL):
        working = Path(source.address or "") / WORKING / batch.name
        if working.is_file() and not working.is_symlink():
            empty = working.with_name(
                ".empty"
            )  # in its place: the file itself may be another account's, who dropped it
            empty.write_bytes(b"")
            empty.replace(working)
    if report["verdict"] == "rejected":
        adapter.failed(batch, report)
    else:
        adapter.done(batch, report)


def _note(database: Database, source_id: str, error: str | None, *, clock: Clock, stop: bool) -> None:
    """Write down how a poll ended that brought nothing."""
    now = clock()
    with database.write() as session:
        source = get_source(session, source_id)
        source.last_error = error
        if error is None:
            source.last_heard_at = source.last_good_at = now
            source.late_since = None
            session.execute(
                sa.update(Alert)
                .where(
                    col(Alert.source_id) == source_id,
                    col(Alert.kind) == "source-late",
                    col(Alert.resolved_at).is_(None),
                )
                .values(resolved_at=now)
                .execution_options(synchronize_session=False)
            )
        session.add(source)
        if stop and error is not None:
            stop_source(session, source, error, now=now)
    if error is not None:
        log.warning("a source could not be read", source=source_id, stopped=stop)
