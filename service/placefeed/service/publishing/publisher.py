"""The one writer of what members see: takes what is pending or due, derives it again, and writes what changed.

```
lock ─> end memberships ─> delete pending rows ─> read what is known ─> derive ─> write ─> begin memberships ─> commit
```
The pending rows are deleted before the observations are read: an intake that commits in between leaves its own row behind.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.clock import Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database, insert, lock_publishing, tell
from placefeed.service.publishing import memberships
from placefeed.service.publishing.derive import Derived, derive
from placefeed.service.publishing.draw import Drawn
from placefeed.service.publishing.events import events_between, setting_events
from placefeed.service.publishing.inputs import Loaded, load, rows_of
from placefeed.service.publishing.log import Writer
from placefeed.service.publishing.moment import Moment, OfferKey
from placefeed.service.publishing.ofsted import ofsted_document
from placefeed.service.tables import Listing, Pending, SettingState


@dataclass(frozen=True, slots=True)
class Published:
    """What one publishing transaction did. `more`: there is more to do at once."""

    settings: int
    positions: int
    more: bool


def publish_once(session: Session, *, settings: Settings, now: datetime) -> Published:
    """Publish at most `settings.publish_batch` settings, small updates first, in the caller's write transaction."""
    lock_publishing(session)
    writer = Writer(session, now)
    memberships.end(session, writer, now)
    urns, more = take(session, settings.publish_batch, now)
    if urns:
        publish_settings(session, writer, urns, settings=settings, now=now)
    memberships.begin(session, writer, now)
    positions = writer.close()
    if positions or urns:
        tell(session, "published")
    return Published(len(urns), positions, more)


def publish_all(database: Database, settings: Settings, clock: Clock) -> Published:
    """Publish until nothing is pending or due, a transaction a batch."""
    done = positions = 0
    while True:
        with database.write() as session:
            step = publish_once(session, settings=settings, now=clock())
        done, positions = done + step.settings, positions + step.positions
        if not step.more:
            return Published(done, positions, more=False)


def take(session: Session, batch: int, now: datetime) -> tuple[list[str], bool]:
    """The settings to publish next: pending small updates, else pending bulk, and then those due by time alone.

    Deletes the pending rows of what it takes; must come before anything that is known of them is read.
    """
    rows = session.execute(
        sa.select(Pending.urn, Pending.bulk).order_by(col(Pending.bulk), col(Pending.id)).limit(batch * 2)  # type: ignore[call-overload]
    ).all()
    small = [urn for urn, bulk in rows if not bulk]
    # A few small updates are not made to wait for a full batch of bulk behind them.
    urns = list(dict.fromkeys(small or [urn for urn, _bulk in rows]))[:batch]
    if urns:
        session.execute(sa.delete(Pending).where(col(Pending.urn).in_(urns)))
    more = len(rows) > len(urns) or len(rows) == batch * 2
    room = batch - len(urns)
    if room and not small:
        due = session.exec(
            select(SettingState.urn)
            .where(col(SettingState.changes_at) <= now)
            .order_by(col(SettingState.changes_at))
            .limit(room)
        ).all()
        more = more or len(due) == room
        urns = list(dict.fromkeys([*urns, *due]))
    return urns, more or bool(small)


def publish_settings(
    session: Session, writer: Writer, urns: Sequence[str], *, settings: Settings, now: datetime
) -> None:
    """Derive these settings and write what changed."""
    loaded = load(session, urns)
    standing: dict[str, list[Any]] = {urn: [] for urn in urns}
    for row in rows_of(session, Listing, urns):
        standing[row.urn].append(row)
    states = {row.urn: row for row in rows_of(session, SettingState, urns)}
    written: list[dict[str, Any]] = []
    for urn in urns:
        before = {(row.source_id, row.item, row.offer): row for row in standing[urn]}
        derived = _derive(loaded, urn, before, settings, now)
        for key in sorted({*before, *(drawn.key for drawn in derived.listings)}):
            drawn = next((drawn for drawn in derived.listings if drawn.key == key), None)
            write_listing(writer, loaded, urn, before.get(key), drawn)
        written.append(write_state(session, writer, urn, states.get(urn), derived, now))
    statement = insert(session, SettingState.__table__)  # type: ignore[attr-defined]
    columns = ("changes_at", "explanation", "ofsted", "published_at")
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["urn"], set_={name: statement.excluded[name] for name in columns}
        ),
        written,
    )


def _derive(loaded: Loaded, urn: str, before: dict[OfferKey, Any], settings: Settings, now: datetime) -> Derived:
    ids: dict[OfferKey, str] = {key: row.id for key, row in before.items()}
    first = {row.id: row.published_at for row in before.values()}

    def id_of(key: OfferKey) -> str:
        return ids.setdefault(key, new_id())

    return derive(loaded.settings[urn], loaded.speakers, Moment.at(now, settings.ages, id_of, first))


def new_id() -> str:
    """An opaque id: random, so that it tells neither the order nor the number of offers."""
    return secrets.token_urlsafe(12).replace("-", "a").replace("_", "b")


def content_hash(drawn: Drawn) -> bytes:
    """A hash of what a listing says, its clocks and their reading left out: an attestation moves those and nothing else."""
    said = {name: value for name, value in drawn.body.items() if name not in {"clocks", "freshness"}}
    return hashlib.blake2b(orjson.dumps([said, drawn.restricted], option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def write_listing(writer: Writer, loaded: Loaded, urn: str, before: Any, drawn: Drawn | None) -> None:
    """Write one listing's step, if it takes one: a change of content or clocks, of sight alone, or its end."""
    if drawn is None:
        if before is not None and before.state == "updated":
            _end(writer, before)
        return
    audiences = sorted(drawn.audiences)
    body = orjson.dumps(drawn.body)
    hashed = content_hash(drawn)
    alive = before is not None and before.state == "updated"
    if alive and before.body == body and before.restricted == drawn.restricted:
        if sorted(before.audiences) != audiences or before.changes_at != drawn.changes_at:
            _change_sight(writer, before, audiences, drawn)
        return
    position = writer.next()
    provider = loaded.settings[urn].provider
    writer.listing(
        id=drawn.id,
        urn=urn,
        source_id=drawn.key[0],
        item=drawn.key[1],
        offer=drawn.key[2],
        organisation_id=provider.id if provider else "",
        position=position,
        state="updated",
        changes_at=drawn.changes_at,
        audiences=audiences,
        facts=drawn.facts,
        body=body,
        restricted=drawn.restricted,
        hash=hashed,
        published_at=before.published_at if before is not None else writer.now,
        modified_at=writer.now,
    )
    held = before.audiences if alive else []
    writer.change(
        position=position,
        urn=urn,
        listing_id=drawn.id,
        events=[] if alive and before.hash == hashed else events_between(before.body if alive else None, drawn.body),
        before=before.facts if alive else None,
        after=drawn.facts,
        audiences_before=held,
        audiences_after=audiences,
    )
    _note_sight(writer, drawn.id, position, held, audiences)


def _end(writer: Writer, before: Any) -> None:
    position = writer.next()
    writer.listing(
        **{**before._mapping, "position": position, "state": "deleted", "changes_at": None, "modified_at": writer.now}
    )
    writer.change(
        position=position,
        urn=before.urn,
        listing_id=before.id,
        events=["vacancy.withdrawn"],
        before=before.facts,
        after=None,
        audiences_before=before.audiences,
        audiences_after=[],
    )


def _change_sight(writer: Writer, before: Any, audiences: list[str], drawn: Drawn) -> None:
    """The listing says what it said; only who sees it, or when it will change, is another."""
    row = {**before._mapping, "audiences": audiences, "changes_at": drawn.changes_at}
    writer.listing(**row)
    position = writer.next()
    writer.change(
        position=position,
        urn=before.urn,
        listing_id=before.id,
        events=[],
        before=before.facts,
        after=before.facts,
        audiences_before=before.audiences,
        audiences_after=audiences,
    )
    _note_sight(writer, before.id, position, before.audiences, audiences)


def _note_sight(writer: Writer, listing_id: str, position: int, before: Iterable[str], after: Iterable[str]) -> None:
    lost, gained = set(before) - set(after), set(after) - set(before)
    for audience in sorted(gained):
        writer.sight(listing_id, f"c:{audience}", position, visible=True)
    for audience in sorted(lost):
        writer.sight(listing_id, f"c:{audience}", position, visible=False)


def write_state(
    session: Session, writer: Writer, urn: str, before: Any, derived: Derived, now: datetime
) -> dict[str, Any]:
    """The setting's own row; a changed grade or status is an event of the setting and, where grave, an alert."""
    ofsted = ofsted_document(derived.ofsted) if derived.ofsted else None
    for event in setting_events(session, urn, before.ofsted if before else None, derived.ofsted, now):
        position = writer.next()
        writer.change(
            position=position,
            urn=urn,
            listing_id=None,
            events=[event],
            before=before.ofsted if before else None,
            after=ofsted,
        )
    return {
        "urn": urn,
        "changes_at": derived.changes_at,
        "explanation": derived.explanation,
        "ofsted": ofsted,
        "published_at": now,
    }
