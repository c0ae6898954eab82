"""The ways in which a provider speaks: a push, an uploaded sheet, a polled feed, a folder; or another exchange. The operator registers them."""

import secrets
from datetime import datetime
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from apscheduler.triggers.cron import CronTrigger
from sqlmodel import Session, col, select

from placefeed.adapters.base import Refused
from placefeed.service.access.parties import get_organisation
from placefeed.service.access.sealing import seal, unseal
from placefeed.service.db import tell
from placefeed.service.errors import Conflict, Invalid, NotFound
from placefeed.service.pending import touch
from placefeed.service.tables import Alert, Source, Standing

FEDERATION = "rpde"
"""The transport of another exchange's change feeds: it alone speaks for settings that nobody here speaks for."""
TRANSPORTS = ("push", "upload", "http", "folder", "sftp", FEDERATION)
POLLED = ("http", "folder", "sftp", FEDERATION)
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
BY_HAND = "-by-hand"
"""Ends the id of the source of what an organisation's people type into pages; what comes before is the organisation's id."""


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
    """Register a source. `credential` is the Authorization header of a polled feed, or the keys of an SFTP folder (see
    `adapters.sftp_words`); it is kept encrypted.

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

    Raises NotFound where the key's source is another organisation's, Conflict where it is another exchange.
    """
    if source_id is not None:
        source = get_source(session, source_id)
        if source.organisation_id != organisation_id:
            raise NotFound(f"There is no source “{source_id}”.")
        if source.transport == FEDERATION:
            raise Conflict(f"“{source_id}” is another exchange: it is followed, and nobody pushes as it.")
        return source
    found = session.exec(
        select(Source)
        .where(
            Source.organisation_id == organisation_id,
            Source.transport == transport,
            # A complete feed withdraws what it leaves out: it must never speak as the source of what people typed.
            Source.id != by_hand_id(organisation_id),
        )
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


def by_hand_id(organisation_id: str) -> str:
    """The id of the source of what an organisation's people type into pages."""
    return f"{organisation_id}{BY_HAND}"


def by_hand_source(session: Session, organisation_id: str, *, now: datetime) -> Source:
    """The source of what an organisation's people type into pages, made at first use. Raises NotFound for no organisation."""
    chosen = by_hand_id(organisation_id)
    found = session.get(Source, chosen)
    if found is None:
        organisation = get_organisation(session, organisation_id)
        found = Source(
            id=chosen, organisation_id=organisation_id, name="Entered by hand on Placefeed", transport="push",
            simulated=organisation.simulated, created_at=now,
        )  # fmt: skip
        session.add(found)
        session.flush()
    return found


def update_source(session: Session, source_id: str, *, secret: bytes, now: datetime, **changes: Any) -> Source:
    """Change a source. Setting a stopped one `active` forgets why it stopped and reads it whole again. Raises NotFound or Invalid."""
    source = get_source(session, source_id)
    before = _shown(source)
    if "state" in changes and changes["state"] == "active" and source.state != "active":
        source.stopped_why = source.last_error = None
        if source.transport != "sftp":  # which file was taken stays true; read again, old ones would look new
            source.cursor = None
        session.execute(
            sa.update(Alert)
            .where(
                col(Alert.source_id) == source_id, col(Alert.kind) == "source-stopped", col(Alert.resolved_at).is_(None)
            )
            .values(resolved_at=now)
        )
    if {"address", "format", "mapping"} & changes.keys() or ("credential" in changes and source.transport != "sftp"):
        source.cursor = None  # what another address or mapping answers is not "nothing new"
    _apply(source, changes, secret=secret)
    session.add(source)
    session.flush()
    if _shown(source) != before:
        if source.transport == FEDERATION:
            touch_exchanges(session, now=now)
        else:
            urns = sa.select(col(Standing.urn)).where(col(Standing.source_id) == source_id).distinct()
            touch(session, sorted(session.scalars(urns).all()), at=now, bulk=True)
    tell(session, "access")
    return source


def touch_exchanges(session: Session, *, now: datetime) -> None:
    """Have all be published again that other exchanges list: what is taken of one depends on whether another is followed."""
    urns = (
        sa.select(col(Standing.urn))
        .join(Source, col(Source.id) == col(Standing.source_id))
        .where(col(Source.transport) == FEDERATION, col(Standing.withdrawn).is_(False))
        .distinct()
    )
    touch(session, sorted(session.scalars(urns).all()), at=now, bulk=True)


def _shown(source: Source) -> tuple[Any, ...]:
    """What of a source its listings depend on; of an exchange also what it is and whether we follow it."""
    federated = source.transport == FEDERATION
    return (source.name, source.precedence, source.simulated, federated and (source.address, source.state == "paused"))


def credential_of(source: Source, *, secret: bytes) -> str | None:
    """The Authorization header of a polled feed, or the keys of an SFTP folder. Raises ValueError where the exchange's secret has changed."""
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
    problem = _wrong(source) or _unfit_keys(source, changes, secret=secret)
    if problem is not None:
        pointer, message = problem
        raise Invalid(message, errors=[{"pointer": pointer}])


def _wrong(source: Source) -> tuple[str, str] | None:
    """The first thing that is wrong with a source: where, and what to do."""
    if not source.name or len(source.name) > 300:
        return "/name", "A source needs a name of at most 300 characters."
    if source.state not in STATES:
        return "/state", f"The state is one of {', '.join(STATES)}."
    if source.transport in ("http", FEDERATION) and not _is_web_address(source.address or ""):
        what = "of the file" if source.transport == "http" else "of the exchange, without /v1"
        return "/address", f"A polled feed needs the address (URL) {what}, beginning with https://."
    if source.transport == FEDERATION and (urlsplit(source.address or "").query or "#" in (source.address or "")):
        return "/address", "Give the exchange's base URL alone, such as https://exchange.example."
    if source.transport in ("http", FEDERATION) and "@" in urlsplit(source.address or "").netloc:
        return "/address", "Give the password as the credential, not in the address: addresses are shown and logged."
    if source.transport == "folder" and not PurePath(source.address or "").is_absolute():
        return "/address", "A watched folder needs its full path."
    if source.transport not in POLLED and (source.address or source.cron):
        return "/transport", "Only a polled feed, a folder or another exchange has an address and a timetable."
    if source.expected_every is not None and not 60 <= source.expected_every <= 366 * 86400:
        return "/expectedEvery", "The time after which a source counts as late is in seconds, at least 60."
    if source.cron is not None:
        try:
            CronTrigger.from_crontab(source.cron, timezone=LONDON)
        except ValueError:
            return "/cron", "The timetable has five fields, such as “*/15 * * * *” for every quarter of an hour."
    return None


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # half an IPv6 address, a port that is none
        return False


def _unfit_keys(source: Source, changes: dict[str, Any], *, secret: bytes) -> tuple[str, str] | None:
    """What is wrong with the address and the keys of an SFTP folder, which must fit together."""
    if source.transport != "sftp" or not {"address", "credential"} & changes.keys():
        return None
    from placefeed.adapters.sftp_words import folder_of, keys_of  # asyncssh: only where it is needed

    try:
        folder = folder_of(source.address or "")
    except Refused as error:
        return "/address", str(error)
    try:
        keys_of(credential_of(source, secret=secret), folder)
    except (Refused, ValueError) as error:
        return "/credential", str(error)
    return None
