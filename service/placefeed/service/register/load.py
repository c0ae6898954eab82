"""Takes one of Ofsted's files into the register: newer facts replace older ones, older files become history.

```
file ──> same bytes as before? ──> nothing
     ──> each URN: newer than known ──> its facts, inspections and history change, and it is published again
                   older than known ──> a line in its history
     ──> told that the list is complete: who is not in it is absent since that day
```
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, select

from placefeed.adapters.ofsted import OfstedFile, read_ofsted
from placefeed.service.access import organisations
from placefeed.service.clock import london_day
from placefeed.service.db import is_postgres
from placefeed.service.errors import Conflict, Invalid
from placefeed.service.register.loading import Loading
from placefeed.service.register.result import ImportResult
from placefeed.service.tables import RegisterFile

REGISTER_LOCK = 0x504C5247  # "PLRG": one import at a time


@dataclass(frozen=True, slots=True)
class Reading:
    """A file as read, before the database is asked: parsing a workbook takes seconds and must hold no lock."""

    sha256: str
    file: OfstedFile


def read_file(data: bytes, *, name: str = "", as_at: date | None = None) -> Reading:
    """Read a file. Raises the adapters' ChangedShape or TooLarge where it is none of Ofsted's lists."""
    return Reading(hashlib.sha256(data).hexdigest(), read_ofsted(data, name_hint=name or None, as_at=as_at))


def import_file(
    session: Session,
    data: bytes,
    *,
    name: str = "",
    as_at: date | None = None,
    complete: bool = False,
    simulated: bool = False,
    now: datetime,
) -> ImportResult:
    """Read a file and load it. The same bytes, or the same records in other bytes, change nothing.

    `as_at` counts before the file's own date. `complete`: the list names every setting, so those that it lacks have left.
    Raises Invalid (no date, a date to come, a list of inspections called complete), Conflict (read before under another date).
    """
    return load(session, read_file(data, name=name, as_at=as_at), complete=complete, simulated=simulated, now=now)


def load(
    session: Session, reading: Reading, *, complete: bool = False, simulated: bool = False, now: datetime
) -> ImportResult:
    """Load what was read, in the caller's transaction."""
    if is_postgres(session):
        session.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": REGISTER_LOCK})
    file = reading.file
    before = session.exec(select(RegisterFile).where(RegisterFile.sha256 == reading.sha256)).first()
    day = _dated(file, before, complete=complete, now=now)
    if before is not None and (before.complete or not complete):
        return _repeated(before)
    row = before or RegisterFile(
        sha256=reading.sha256,
        kind=file.kind,
        title=file.title[:500],
        as_at=day,
        restricted=file.restricted,
        imported_at=now,
    )
    row.complete = complete
    session.add(row)
    session.flush()
    assert row.id is not None
    loading = Loading(session, file, day, row.id, complete=complete, simulated=simulated, now=now)
    loading.run()
    loading.result.proposed = organisations.propose(session, now=now)
    row.result = loading.result.to_dict()
    session.flush()
    return loading.result


def rehearse(session: Session, reading: Reading, *, complete: bool = False, now: datetime) -> ImportResult:
    """What `load` would do, without doing it: it is done and undone. Raises as `load` does."""
    with session.begin_nested() as point:
        result = load(session, reading, complete=complete, now=now)
        point.rollback()
    session.expunge_all()
    return result


def _dated(file: OfstedFile, before: RegisterFile | None, *, complete: bool, now: datetime) -> date:
    if file.kind == "movements":
        raise Invalid(
            "This is a list of settings that joined and left, not of settings. Import the provider-level list of the same date."
        )
    if complete and file.kind in ("in-year", "premises"):
        raise Invalid(
            "This list names inspections or premises, not every setting, so it can't be complete. Import it without “complete”."
        )
    if file.as_at is None:
        if before is not None:
            return before.as_at
        raise Invalid(
            "This file does not say on which day it was true. Give the date as at which it was made, for example 2025-03-31.",
            errors=[{"parameter": "asAt", "detail": "A date is needed."}],
        )
    if file.as_at > london_day(now):
        raise Invalid(f"The file's date, {file.as_at:%d/%m/%Y}, is still to come. Check it, or give the right one.")
    if before is not None and before.as_at != file.as_at:
        raise Conflict(
            f"This file was imported before, as at {before.as_at:%d/%m/%Y}. It can't be imported under another date."
        )
    return file.as_at


def _repeated(before: RegisterFile) -> ImportResult:
    counted = before.result
    return ImportResult(
        file_id=before.id or 0,
        as_at=before.as_at,
        kind=before.kind,
        title=before.title,
        complete=before.complete,
        complete_hint=counted.get("completeHint", False),
        repeated=True,
        rows=counted.get("rows", 0),
        settings=counted.get("settings", 0),
        childrens_homes=counted.get("childrensHomes", 0),
        places=counted.get("places", 0),
        unchanged=sum(counted.get(name, 0) for name in ("added", "changed", "unchanged")),
        rejected=counted.get("rejected", 0),
        warnings=counted.get("warnings", 0),
        missing=counted.get("missing", 0),
        scope=counted.get("scope"),
        issues=counted.get("issues", []),
    )
