"""Who read, held, changed or was sent what: rows are only ever added; nothing here changes or removes one."""

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from placefeed.service.access.who import Caller
from placefeed.service.db import Database
from placefeed.service.tables import Audit

log = structlog.get_logger(__name__)

FLUSH_EVERY = 1.0  # seconds
FLUSH_AT = 500  # rows
MOST_WAITING = 50_000  # rows kept while the database is away; then readers are refused rather than unrecorded
LONGEST_SUBJECT = 300  # characters, as the column


def record(
    session: Session,
    *,
    caller: Caller | None,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
    at: datetime,
) -> None:
    """Add a row in the caller's own transaction: what is done and that it was done commit together.

    `caller` is None for what the exchange does by itself.
    """
    session.execute(
        sa.insert(Audit), [_row(caller, action, subject, dict(detail) if detail is not None else None, at, 1)]
    )


def _row(
    caller: Caller | None, action: str, subject: str, detail: dict[str, Any] | None, at: datetime, times: int
) -> dict[str, Any]:
    return {
        "at": at,
        "key_id": caller.key_id if caller else None,
        "person_id": caller.person_id if caller else None,
        "organisation_id": caller.organisation_id if caller else None,
        "role": caller.role if caller else "exchange",
        "action": action,
        "subject": subject[:LONGEST_SUBJECT],
        "detail": detail,
        "times": times,
    }


class ReadAudit:
    """Collects reads in memory and writes them in batches: a transaction a read would make readers wait for writers.

    Flushed every second, at 500 rows, and by `close()`. Equal reads within a batch become one row with `times`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[tuple[str | None, str, str], tuple[Caller | None, datetime, int]] = {}
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def record(self, *, caller: Caller | None, action: str, subject: str, at: datetime) -> bool:
        """Note a read; cheap, safe from any thread. False when no more can be kept: then refuse the read."""
        key = (caller.holder if caller else None, action, subject)
        with self._lock:
            _, first, times = self._waiting.get(key, (caller, at, 0))
            if times == 0 and len(self._waiting) >= MOST_WAITING:
                return False
            self._waiting[key] = (caller, first, times + 1)
            full = len(self._waiting) >= FLUSH_AT
        if full:
            self._wake.set()
        return True

    def flush(self) -> int:
        """Write what is waiting; returns how many rows. What could not be written waits on."""
        with self._flushing:
            with self._lock:
                taken, self._waiting = self._waiting, {}
            if not taken:
                return 0
            rows = [
                _row(caller, action, subject, None, at, times)
                for (_, action, subject), (caller, at, times) in taken.items()
            ]
            try:
                with self._database.write() as session:
                    session.execute(sa.insert(Audit), rows)
            except SQLAlchemyError:
                with self._lock:
                    for key, (caller, at, times) in taken.items():
                        _, _, more = self._waiting.get(key, (caller, at, 0))
                        self._waiting[key] = (caller, at, times + more)
                raise
            return len(rows)

    def start(self) -> None:
        """Begin to flush by itself, on a thread; `close()` ends it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="placefeed-audit", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Write the last rows and end the thread."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
            self._thread = None
        self.flush()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(FLUSH_EVERY)
            self._wake.clear()
            try:
                self.flush()
            except SQLAlchemyError as error:
                log.warning("the audit of reads could not be written; it waits", error=type(error).__name__)
