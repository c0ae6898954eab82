"""A body while it arrives, and the submission that it becomes: in memory while small, beyond that in an encrypted file.

```
add, add, ... ──small──────────────────────────────> submit: worked at once        (201, 200 or 422)
   └──large──> put_down, add, put_down, ... ──end──> submit: a worker does the rest (202)
whatever goes wrong: discard, and nothing is left behind
```
"""

import hashlib
from datetime import datetime
from typing import Any

from sqlmodel import Session

from placefeed.service.access.audit import record as audit
from placefeed.service.access.sources import FEDERATION, by_hand_id, list_sources, own_source
from placefeed.service.access.who import Caller
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.intake.spool import Spool, Writer
from placefeed.service.intake.submit import Taken, take, take_large
from placefeed.service.tables import Source, Submission

AT_ONCE = 1024 * 1024  # bytes gathered before they are handed to the thread that encrypts them


class Arriving:
    """Bytes as they come. Nothing readable of them is ever on a disk: nobody has screened them for personal data yet.

    `in_memory`: kept there whatever their size; who reads them sets the limit.
    """

    def __init__(self, settings: Settings, *, in_memory: bool = False) -> None:
        self.size = 0
        self._spool = Spool(settings)
        self._most = None if in_memory else settings.small_body
        self._waiting = bytearray()
        self._writer: Writer | None = None

    @property
    def large(self) -> bool:
        """Whether it lies in the spool."""
        return self._writer is not None

    @property
    def sha256(self) -> str:
        """Of all that came, in hexadecimal; ask at the end."""
        return hashlib.sha256(self._waiting).hexdigest() if self._writer is None else self._writer.sha256

    @property
    def head(self) -> bytes:
        """Its first bytes, while it is in memory."""
        return bytes(self._waiting[:1024])

    def add(self, chunk: bytes) -> bool:
        """Take more, in memory. True where `put_down` is due, which takes its time: call it on a thread."""
        self.size += len(chunk)
        self._waiting += chunk
        if self._most is None:
            return False
        return self.size > self._most if self._writer is None else len(self._waiting) >= AT_ONCE

    def put_down(self) -> None:
        """Write what waits to the encrypted file."""
        if self._writer is None:
            self._writer = self._spool.writer()
        self._writer.write(bytes(self._waiting))
        self._waiting.clear()

    def end(self) -> None:
        """All has come: what lies in the spool is durable when this returns."""
        if self._writer is not None:
            self.put_down()
            self._writer.close()

    def read(self) -> bytes:
        """All of it, after `end`."""
        if self._writer is None:
            return bytes(self._waiting)
        with self._spool.reader(self._writer.name) as stream:
            return stream.read()

    @property
    def spooled(self) -> str:
        """The name of the encrypted file of what is large."""
        assert self._writer is not None  # asked only of what is large
        return self._writer.name

    def keep(self) -> None:
        """The file belongs to its submission from here on: `discard` leaves it alone."""
        self._writer = None

    def discard(self) -> None:
        """Leave nothing behind, in memory or on the disk."""
        self._waiting.clear()
        if self._writer is not None:
            self._writer.abort()
            self._writer = None


def submit(
    database: Database,
    body: Arriving,
    *,
    organisation_id: str,
    source_id: str | None,
    transport: str = "push",
    content_type: str,
    name: str = "",
    complete: bool = False,
    idempotency_key: str | None = None,
    reserved: bool = False,
    by: Caller | None = None,
    settings: Settings,
    now: datetime,
) -> tuple[Taken, str]:
    """Make a submission of what has arrived, in a transaction of its own; also says as which source.

    What is large belongs to it when this returns; where the key was answered before, it is not needed: `discard` always.
    `complete`: a sheet, which cannot say so itself, names all homes. `by`: a person sent it, whom the audit names. Raises as `own_source`, `take` and `take_large` do.
    """
    with database.telemetry.span("intake"), database.write() as session:
        source = own_source(session, organisation_id, source_id=source_id, transport=transport, now=now)
        options: dict[str, Any] = {
            "source": source,
            "content_type": content_type,
            "name": name,
            "complete": complete,
            "idempotency_key": idempotency_key,
            "reserved": reserved,
            "settings": settings,
            "now": now,
        }
        if body.large:
            taken = take_large(session, spool_name=body.spooled, size=body.size, sha256=body.sha256, **options)
            row = session.get(Submission, taken.submission_id)
            ours = row is not None and row.spool == body.spooled
        else:
            taken, ours = take(session, body=body.read(), **options), False
        if by is not None:
            detail = {"source": source.id, "status": taken.status}
            audit(session, caller=by, action="submission.upload", subject=taken.submission_id, detail=detail, at=now)
        database.telemetry.note(submission=taken.submission_id, source=source.id, status=taken.status)
    if ours:
        body.keep()
    return taken, source.id


def speaking_as(session: Session, organisation_id: str) -> list[Source]:
    """The sources that a file from a person may speak as, those for uploads first; never what people type by hand, which a
    complete file would withdraw."""
    rows = [
        row
        for row in list_sources(session, organisation_id)
        if row.transport != FEDERATION and row.id != by_hand_id(organisation_id)
    ]
    return sorted(rows, key=lambda row: (row.transport != "upload", row.transport != "push", row.name, row.id))
