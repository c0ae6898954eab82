"""Append what sources say, keep the newest of each, and say which settings were touched; all in the caller's transaction.

```
newer asOf, other value   stated       the standing word changes
newer asOf, equal value   attested     only the clock moves
same or older, equal      (nothing)    unchanged
same asOf, other value    stated       a correction: the later word
older asOf, other value   superseded   history only
```
A withdrawal is a word too: what was withdrawn at or after a statement's asOf stays withdrawn; a newer statement is a new offer.

Another exchange's words have the order of its log instead: what it showed, hid and shows again has the clock that it had.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Session

from placefeed.service.access.sources import FEDERATION
from placefeed.service.bulk import instant_of
from placefeed.service.db import is_postgres
from placefeed.service.intake.parts import CheckedRecord, PartDocument
from placefeed.service.intake.standing import CHUNK, Key, renewed, standing_of, write
from placefeed.service.pending import touch
from placefeed.service.tables import Observation, Source

STATED, ATTESTED, WITHDRAWN, SUPERSEDED = "stated", "attested", "withdrawn", "superseded"

_SOURCE_LOCK = 0x504C5352  # "PLSR": with the source's number, serialises what one source says


@dataclass(slots=True)
class PartOutcome:
    """What became of one part of a record: accepted, attested, superseded, or rejected (said twice, differently)."""

    record: CheckedRecord
    part: str
    item: str
    outcome: str
    known_as_of: datetime | None = None


@dataclass(slots=True)
class Outcomes:
    """What became of the records, in their order; `parts` are only those that were not plain accepted or unchanged."""

    records: list[str] = field(default_factory=list)
    parts: list[PartOutcome] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    withdrawn: int = 0
    live: list[Key] = field(default_factory=list)  # what stood, not withdrawn, before; asked for by `live=True`
    versions: dict[Key, int] = field(default_factory=dict)  # of what changed
    stood: dict[str, tuple[int, int, int]] = field(
        default_factory=dict
    )  # words, those not withdrawn, sum of versions, before


def lock_source(session: Session, source_id: str) -> None:
    """Let one transaction at a time speak for a source. SQLite's one writer is that already."""
    if is_postgres(session):
        number = zlib.crc32(source_id.encode()) - 2**31
        session.execute(
            sa.text("SELECT pg_advisory_xact_lock(:space, :source)"), {"space": _SOURCE_LOCK, "source": number}
        )


def observe(
    session: Session,
    *,
    source: Source,
    records: Sequence[CheckedRecord],
    received_at: datetime,
    submission_id: str | None,
    bulk: bool,
    now: datetime | None = None,
    live: bool = False,
    stood: bool = False,
) -> Outcomes:
    """Append observations, bring `standing` up to date and touch the settings that changed. At most 1,000 records a call.

    `now` where it differs from when the records were received: the publisher counts the waiting from then.
    """
    outcomes = Outcomes()
    if not records:
        return outcomes
    lock_source(session, source.id)
    standing = standing_of(session, source.id, {record.urn for record in records})
    if live:
        outcomes.live = [key for key, row in standing.items() if not row[2]]
    if stood:
        for (urn, _, _), (_, _, gone, _, version) in standing.items():
            words, alive, versions = outcomes.stood.get(urn, (0, 0, 0))
            outcomes.stood[urn] = (words + 1, alive + (not gone), versions + version)
    told: list[dict[str, Any]] = []
    stated: dict[Key, dict[str, Any]] = {}
    attested: dict[Key, dict[str, Any]] = {}
    older: list[tuple[CheckedRecord, PartDocument]] = []
    source_id = source.id
    by_clock = source.transport != FEDERATION
    said: set[Key] = set()

    for record in records:
        urn = record.urn
        outcome = "unchanged"
        for document in record.parts:
            part, item, as_of, value, digest = document
            key = (urn, part, item)
            known = standing.get(key)
            if known is None:
                offer = version = 1
                said.add(key)
            else:
                known_as_of, known_hash, withdrawn, offer, version = known
                if known_as_of.__class__ is not datetime:
                    known_as_of = instant_of(known_as_of)
                twice = key in said
                said.add(key)
                if digest == known_hash and not withdrawn:
                    if (as_of <= known_as_of if by_clock else as_of == known_as_of) or "asOf" not in value:
                        continue  # a part without a clock of its own attests nothing by being sent again
                    version += 1
                    standing[key] = (as_of, digest, 0, offer, version)
                    body = orjson.dumps(value)
                    told.append(_observation(source_id, key, ATTESTED, as_of, received_at, submission_id, digest, None))
                    if key in stated:
                        stated[key].update(as_of=as_of, document=body, version=version)
                    else:
                        attested[key] = renewed(source_id, key, as_of, body, version)
                    if outcome != "accepted":
                        outcome = ATTESTED
                    continue
                if by_clock and (as_of < known_as_of or (withdrawn and as_of == known_as_of)):
                    older.append((record, document))
                    outcomes.parts.append(PartOutcome(record, part, item, SUPERSEDED, known_as_of))
                    if outcome == "unchanged":
                        outcome = SUPERSEDED
                    continue
                if twice and as_of == known_as_of:  # said twice in one feed, differently: the first stands, each time
                    outcomes.parts.append(PartOutcome(record, part, item, "rejected", known_as_of))
                    continue
                offer += 1 if withdrawn else 0
                version += 1
            standing[key] = (as_of, digest, 0, offer, version)
            body = orjson.dumps(value)
            told.append(_observation(source_id, key, STATED, as_of, received_at, submission_id, digest, body))
            attested.pop(key, None)
            stated[key] = {
                "source_id": source_id,
                "urn": urn,
                "part": part,
                "item": item,
                "as_of": as_of,
                "stated_at": as_of,
                "offer": offer,
                "withdrawn": False,
                "hash": digest,
                "document": body,
                "version": version,
            }
            outcome = "accepted"
        if outcome in ("accepted", ATTESTED):
            outcomes.touched.add(urn)
        outcomes.records.append(outcome)

    told += _history(session, source_id, older, received_at, submission_id)
    write(session, told, stated=list(stated.values()), attested=list(attested.values()))
    for key in (*stated, *attested):
        outcomes.versions[key] = standing[key][4]
    touch(session, sorted(outcomes.touched), at=now or received_at, bulk=bulk, submission_id=submission_id)
    return outcomes


def withdraw(
    session: Session,
    *,
    source: Source,
    keys: Iterable[Key],
    at: datetime,
    inclusive: bool,
    received_at: datetime,
    submission_id: str | None,
    bulk: bool,
    now: datetime | None = None,
) -> Outcomes:
    """Withdraw these words of a source as of `at`, where they stand and are older (`inclusive`: or of the same instant).

    An outright withdrawal is inclusive; absence from a complete feed is not. At most 1,000 settings a call.
    """
    wanted = set(keys)
    outcomes = Outcomes()
    if not wanted:
        return outcomes
    lock_source(session, source.id)
    by_clock = source.transport != FEDERATION
    standing = standing_of(session, source.id, {urn for urn, _, _ in wanted})
    told: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for key in sorted(wanted & standing.keys()):
        as_of, _, withdrawn, _, version = standing[key]
        as_of = instant_of(as_of)
        if withdrawn or (by_clock and (as_of > at or (as_of == at and not inclusive))):
            continue
        told.append(_observation(source.id, key, WITHDRAWN, at, received_at, submission_id, b"", None))
        changed.append(
            {
                "source_id": source.id,
                "urn": key[0],
                "part": key[1],
                "item": key[2],
                "as_of": at,
                "withdrawn": True,
                "version": version + 1,
            }
        )
        outcomes.touched.add(key[0])
        outcomes.versions[key] = version + 1
    outcomes.withdrawn = len(changed)
    if changed:
        write(session, told, withdrawn=changed)
        touch(session, sorted(outcomes.touched), at=now or received_at, bulk=bulk, submission_id=submission_id)
    return outcomes


def _history(
    session: Session,
    source_id: str,
    older: list[tuple[CheckedRecord, PartDocument]],
    received_at: datetime,
    submission_id: str | None,
) -> list[dict[str, Any]]:
    """Rows for words that came too late; those that are in the history already are not written again."""
    if not older:
        return []
    columns = Observation.__table__.c  # type: ignore[attr-defined]
    urns = sorted({record.urn for record, _ in older})
    oldest, newest = min(document.as_of for _, document in older), max(document.as_of for _, document in older)
    known: set[tuple[str, str, str, datetime, bytes]] = set()
    for start in range(0, len(urns), CHUNK):
        known.update(
            tuple(row)
            for row in session.execute(
                sa.select(columns.urn, columns.part, columns.item, columns.as_of, columns.hash).where(
                    columns.source_id == source_id,
                    columns.urn.in_(urns[start : start + CHUNK]),
                    columns.as_of.between(oldest, newest),
                )
            )
        )
    rows: list[dict[str, Any]] = []
    for record, document in older:
        part, item, as_of, value, digest = document
        mark = (record.urn, part, item, as_of, digest)
        if mark not in known:
            known.add(mark)
            key = (record.urn, part, item)
            rows.append(
                _observation(source_id, key, SUPERSEDED, as_of, received_at, submission_id, digest, orjson.dumps(value))
            )
    return rows


def _observation(
    source_id: str,
    key: Key,
    kind: str,
    as_of: datetime,
    received_at: datetime,
    submission_id: str | None,
    digest: bytes,
    body: bytes | None,
) -> dict[str, Any]:
    return {
        "source_id": source_id,
        "urn": key[0],
        "part": key[1],
        "item": key[2],
        "kind": kind,
        "as_of": as_of,
        "received_at": received_at,
        "submission_id": submission_id,
        "hash": digest,
        "document": body,
    }
