"""The ways in which a provider speaks: a push, an uploaded sheet, a polled feed, a watched folder; registered by the operator."""

import secrets
from datetime import datetime
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from apscheduler.triggers.cron import CronTrigger
from sqlmodel import Session, col, select

from placefeed.service.access.parties import get_organisation
from placefeed.service.access.sealing import seal, unseal
from placefeed.service.db import tell
from placefeed.service.errors import Conflict, Invalid, NotFound
from placefeed.service.pending import touch
from placefeed.service.tables import Alert, Source, Standing

TRANSPORTS = ("push", "upload", "http", "folder")
POLLED = ("http", "folder")
STATES = ("active", "paused", "stopped")
CHANGEABLE = {
    "name",
    "format",
    "mapping",
    "address",
    "credential",
    "cron",
    "expected_every",
    "precedence",
    "state",
    "simulated",
}
LONDON = ZoneInfo("Europe/London")


def create_source(
    session: Session,
    organisation_id: str,
    *,
    name: str,
    transport: str,
    source_id: str | None = None,
    format: str | None = None,
    mapping: str | None = None,
    address: str | None = None,
    credential: str | None = None,
    cron: str | None = None,
    expected_every: int | None = None,
    precedence: int = 100,
    simulated: bool = False,
    secret: bytes,
    now: datetime,
) -> Source:
    """Register a source. `credential` is the Authorization header of a polled feed and is kept encrypted.

    `expected_every` in seconds; `cron` five fields in Europe/London. Raises NotFound, Invalid or Conflict.
    """
    get_organisation(session, organisation_id)
    if transport not in TRANSPORTS:
        raise Invalid(f"The transport is one of {', '.join(TRANSPORTS)}.", errors=[{"pointer": "/transport"}])
    chosen = source_id or f"{organisation_id}-{transport}-{secrets.token_hex(3)}"
    if session.get(Source, chosen) is not None:
        raise Conflict(f"There is a source “{chosen}” already.")
    source = Source(id=chosen, organisation_id=organisation_id, name="", transport=transport, created_at=now)
    values = {
        "name": name,
        "format": format,
        "mapping": mapping,
        "address": address,
        "cron": cron,
        "expected_every": expected_every,
        "precedence": precedence,
        "simulated": simulated,
    }
    _apply(source, {**values, "credential": credential}, secret=secret)
    session.add(source)
    session.flush()
    tell(session, "access")
    return source


def get_source(session: Session, source_id: str) -> Source:
    """One source. Raises NotFound."""
    source = session.get(Source, source_id)
    if source is None:
        raise NotFound(f"There is no source “{source_id}”.")
    return source


def list_sources(session: Session, organisation_id: str | None = None) -> list[Source]:
    """The sources of one organisation, or all, by id."""
    query = select(Source).order_by(col(Source.id))
    return list(
        session.exec(query if organisation_id is None else query.where(Source.organisation_id == organisation_id))
    )


def own_source(
    session: Session, organisation_id: str, *, source_id: str | None, transport: str = "push", now: datetime
) -> Source:
    """The source that a caller of this organisation speaks as: the key's, else its only or first of the transport, else a new one.

    Raises NotFound where the key's source is another organisation's.
    """
    if source_id is not None:
        source = get_source(session, source_id)
        if source.organisation_id != organisation_id:
            raise NotFound(f"There is no source “{source_id}”.")
        return source
    found = session.exec(
        select(Source)
        .where(Source.organisation_id == organisation_id, Source.transport == transport)
        .order_by(col(Source.created_at), col(Source.id))
    ).first()
    if found is not None:
        return found
    organisation = get_organisation(session, organisation_id)
    source = Source(
        id=f"{organisation_id}-{transport}", organisation_id=organisation_id, name=organisation.name, transport=transport,
        simulated=organisation.simulated, created_at=now,
    )  # fmt: skip
    session.add(source)
    session.flush()
    return source


def update_source(session: Session, source_id: str, *, secret: bytes, now: datetime, **changes: Any) -> Source:
    """Change a source. Setting a stopped one `active` forgets why it stopped and reads it whole again. Raises NotFound or Invalid."""
    source = get_source(session, source_id)
    before = (source.name, source.precedence, source.simulated)
    if "state" in changes and changes["state"] == "active" and source.state != "active":
        source.stopped_why = source.last_error = None
        source.cursor = None
        session.execute(
            sa.update(Alert)
            .where(
                col(Alert.source_id) == source_id, col(Alert.kind) == "source-stopped", col(Alert.resolved_at).is_(None)
            )
            .values(resolved_at=now)
        )
    if {"address", "format", "mapping", "credential"} & changes.keys():
        source.cursor = None  # what another address or mapping answers is not "nothing new"
    _apply(source, changes, secret=secret)
    session.add(source)
    session.flush()
    if (source.name, source.precedence, source.simulated) != before:
        urns = session.scalars(
            sa.select(col(Standing.urn)).where(col(Standing.source_id) == source_id).distinct()
        ).all()
        touch(session, sorted(urns), at=now, bulk=True)
    tell(session, "access")
    return source


def credential_of(source: Source, *, secret: bytes) -> str | None:
    """The Authorization header of a polled feed. Raises ValueError where the exchange's secret has changed."""
    return None if source.credential is None else unseal(secret, source.credential, about=f"source/{source.id}")


def _apply(source: Source, changes: dict[str, Any], *, secret: bytes) -> None:
    unknown = sorted(changes.keys() - CHANGEABLE)
    if unknown:
        raise Invalid(f"“{unknown[0]}” of a source cannot be changed.", errors=[{"pointer": f"/{unknown[0]}"}])
    for field, value in changes.items():
        if field == "credential":
            source.credential = None if value is None else seal(secret, str(value), about=f"source/{source.id}")
        else:
            setattr(source, field, value)
    problem = _wrong(source)
    if problem is not None:
        pointer, message = problem
        raise Invalid(message, errors=[{"pointer": pointer}])


def _wrong(source: Source) -> tuple[str, str] | None:
    """The first thing that is wrong with a source: where, and what to do."""
    if not source.name or len(source.name) > 300:
        return "/name", "A source needs a name of at most 300 characters."
    if source.state not in STATES:
        return "/state", f"The state is one of {', '.join(STATES)}."
    if source.transport == "http" and (
        urlsplit(source.address or "").scheme not in ("http", "https") or not urlsplit(source.address or "").hostname
    ):
        return "/address", "A polled feed needs the address (URL) of the file, beginning with https://."
    if source.transport == "http" and "@" in urlsplit(source.address or "").netloc:
        return "/address", "Give the password as the credential, not in the address: addresses are shown and logged."
    if source.transport == "folder" and not PurePath(source.address or "").is_absolute():
        return "/address", "A watched folder needs its full path."
    if source.transport not in POLLED and (source.address or source.cron):
        return "/transport", "Only a polled feed or a watched folder has an address and a timetable."
    if source.expected_every is not None and not 60 <= source.expected_every <= 366 * 86400:
        return "/expectedEvery", "The time after which a source counts as late is in seconds, at least 60."
    if source.cron is not None:
        try:
            CronTrigger.from_crontab(source.cron, timezone=LONDON)
        except ValueError:
            return "/cron", "The timetable has five fields, such as “*/15 * * * *” for every quarter of an hour."
    return None
