"""The newest word of each source on each part: how it is read for a whole chunk at once, and how it is written."""

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, select

from placefeed.service.bulk import Bulk
from placefeed.service.tables import Observation, Standing

CHUNK = 500  # settings a statement looks up at once

Key = tuple[str, str, str]
"""(urn, part, item) of one source."""

_TABLE: sa.Table = Standing.__table__  # type: ignore[attr-defined]
Known = tuple[Any, bytes, int, int, int]
"""(as_of, hash, withdrawn, offer, version) of what stands. SQLite keeps instants as text: it is read where it is compared."""

# Read as they are stored: converting five values in each of 28,000 rows would cost more than all comparisons.
_COLUMNS = (
    _TABLE.c.urn,
    _TABLE.c.part,
    _TABLE.c.item,
    sa.type_coerce(_TABLE.c.as_of, sa.String()),
    _TABLE.c.hash,
    sa.type_coerce(_TABLE.c.withdrawn, sa.Integer()),
    _TABLE.c.offer,
    _TABLE.c.version,
)
_STANDING = sa.select(*_COLUMNS).where(
    _TABLE.c.source_id == sa.bindparam("source"), _TABLE.c.urn.in_(sa.bindparam("urns", expanding=True))
)


def standing_of(session: Session, source_id: str, urns: set[str]) -> dict[Key, Known]:
    """What stands of these settings, in one statement for each 500 of them."""
    found: dict[Key, Known] = {}
    ordered = sorted(urns)
    connection = session.connection()
    for start in range(0, len(ordered), CHUNK):
        rows = connection.execute(_STANDING, {"source": source_id, "urns": ordered[start : start + CHUNK]}).all()
        found.update({(row[0], row[1], row[2]): tuple(row[3:]) for row in rows})
    return found


def newest(session: Session, source_id: str, urn: str, part: str, item: str) -> Standing | None:
    """A source's newest word on one part, withdrawn or not, as the database has it now."""
    return session.exec(
        select(Standing)
        .where(Standing.source_id == source_id, Standing.urn == urn, Standing.part == part, Standing.item == item)
        .execution_options(populate_existing=True)
    ).first()


_SUMS = (
    sa.select(_TABLE.c.urn, sa.func.count(), sa.func.sum(_TABLE.c.version))
    .where(_TABLE.c.source_id == sa.bindparam("source"), _TABLE.c.urn.in_(sa.bindparam("urns", expanding=True)))
    .group_by(_TABLE.c.urn)
)


def standing_sums(session: Session, source_id: str, urns: list[str]) -> dict[str, tuple[int, int]]:
    """How many words of each setting stand and the sum of their versions: neither ever falls, so equal sums mean no change."""
    rows = session.connection().execute(_SUMS, {"source": source_id, "urns": urns}).all()
    return {urn: (count, int(total)) for urn, count, total in rows}


def renewed(source_id: str, key: Key, as_of: datetime, body: bytes, version: int) -> dict[str, Any]:
    """A row of `write`'s `attested`: the value stays, its clock is newer."""
    return {
        "source_id": source_id,
        "urn": key[0],
        "part": key[1],
        "item": key[2],
        "as_of": as_of,
        "document": body,
        "version": version,
    }


_KEYS = ("source_id", "urn", "part", "item")
_TOLD = (*_KEYS, "kind", "as_of", "received_at", "submission_id", "hash", "document")
_STATED = (*_KEYS, "as_of", "stated_at", "offer", "withdrawn", "hash", "document", "version")
_ATTESTED = (*_KEYS, "as_of", "document", "version")
_WITHDRAWN = (*_KEYS, "as_of", "withdrawn", "version")

_OBSERVE = Bulk(Observation, *_TOLD)
_STATE = Bulk(Standing, *_STATED, key=_KEYS)
_ATTEST = Bulk(Standing, *_ATTESTED, key=_KEYS, update=True)
_WITHDRAW = Bulk(Standing, *_WITHDRAWN, key=_KEYS, update=True)

Row = dict[str, Any]


def write(
    session: Session,
    told: list[Row],
    *,
    stated: Sequence[Row] = (),
    attested: Sequence[Row] = (),
    withdrawn: Sequence[Row] = (),
) -> None:
    """Append observations, and bring what stands up to date."""
    _OBSERVE.write(session, list(map(itemgetter(*_TOLD), told)))
    _ATTEST.write(session, list(map(itemgetter(*_ATTESTED), attested)))
    _STATE.write(session, list(map(itemgetter(*_STATED), stated)))
    _WITHDRAW.write(session, list(map(itemgetter(*_WITHDRAWN), withdrawn)))
