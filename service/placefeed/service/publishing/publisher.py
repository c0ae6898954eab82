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
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.bulk import Bulk, as_stored, document_of, instant_of
from placefeed.service.clock import Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database, lock_publishing, tell
from placefeed.service.intake.quiet import quiet_collector
from placefeed.service.publishing import memberships
from placefeed.service.publishing.derive import Derived, derive
from placefeed.service.publishing.draw import Drawn
from placefeed.service.publishing.events import difference, setting_events
from placefeed.service.publishing.inputs import Loaded, about, load, rows_of
from placefeed.service.publishing.log import Writer
from placefeed.service.publishing.moment import Moment, OfferKey
from placefeed.service.tables import Listing, Pending, SettingState, ShownSetting


class Held(NamedTuple):
    """A listing as it stood before. `facts` are as they are stored: they only go into the history."""

    id: str
    urn: str
    source_id: str
    item: str
    offer: int
    organisation_id: str
    position: int
    state: str
    changes_at: datetime | None
    audiences: list[str]
    facts: Any
    body: bytes
    restricted: list[dict[str, Any]]
    hash: bytes
    published_at: datetime
    modified_at: datetime


def _held(row: Any) -> Held:
    return Held._make(row)._replace(
        changes_at=instant_of(row.changes_at),
        audiences=document_of(row.audiences),
        restricted=document_of(row.restricted),
        published_at=instant_of(row.published_at),
        modified_at=instant_of(row.modified_at),
    )


_HELD = about(Listing, *as_stored(Listing, *Held._fields))
_SHOWN = about(ShownSetting, *as_stored(ShownSetting, "urn", "position", "state", "audiences", "body"))
_KNOWN = about(SettingState, *as_stored(SettingState, "urn", "ofsted", "counts"))
_STATES = Bulk(SettingState, "urn", "changes_at", "explanation", "ofsted", "counts", "published_at", key=("urn",))


@dataclass(frozen=True, slots=True)
class Published:
    """What one publishing transaction did. `more`: there is more to do at once."""

    settings: int
    positions: int
    more: bool
    position: int = 0  # the log's highest now
    waited: tuple[tuple[str, datetime], ...] = ()  # of what was taken: small, bulk or due, and since when it waited
    submissions: tuple[str, ...] = ()  # that touched it


def publish_once(session: Session, *, settings: Settings, now: datetime) -> Published:
    """Publish at most `settings.publish_batch` settings, small updates first, in the caller's write transaction."""
    lock_publishing(session)
    with quiet_collector():  # collecting by counts took a third of the time
        writer = Writer(session, now)
        memberships.end(session, writer, now)
        memberships.stop_acting(session, writer)
        taken = take(session, settings.publish_batch, now)
        if taken.urns:
            publish_settings(session, writer, taken.urns, settings=settings, now=now)
        memberships.begin(session, writer, now)
        memberships.look_again(session, writer, now)
        positions = writer.close()
    if positions or taken.urns:
        tell(session, "published")
    return Published(
        len(taken.urns), positions, taken.more, writer.position, tuple(taken.waited), tuple(taken.submissions)
    )


def publish_all(database: Database, settings: Settings, clock: Clock) -> Published:
    """Publish until nothing is pending or due, a transaction a batch."""
    done = positions = 0
    while True:
        with database.write() as session:
            step = publish_once(session, settings=settings, now=clock())
        done, positions = done + step.settings, positions + step.positions
        if not step.more:
            return Published(done, positions, more=False)


@dataclass(slots=True)
class Taken:
    """What a publishing transaction begins with; for the rest see Published."""

    urns: list[str]
    more: bool
    waited: list[tuple[str, datetime]]
    submissions: list[str]


def take(session: Session, batch: int, now: datetime) -> Taken:
    """The settings to publish next: pending small updates, else pending bulk, and then those due by time alone.

    Deletes the pending rows of what it takes; must come before anything that is known of them is read.
    """
    rows = session.execute(
        sa.select(Pending.urn, Pending.bulk, Pending.at, Pending.submission_id)  # type: ignore[call-overload]
        .order_by(col(Pending.bulk), col(Pending.id))
        .limit(batch * 2)
    ).all()
    small = [row.urn for row in rows if not row.bulk]
    # A few small updates are not made to wait for a full batch of bulk behind them.
    urns = list(dict.fromkeys(small or [row.urn for row in rows]))[:batch]
    if urns:
        session.execute(sa.delete(Pending).where(col(Pending.urn).in_(urns)))
    chosen = set(urns)
    pending = [row for row in rows if row.urn in chosen]
    waited = [("bulk" if row.bulk else "small", row.at) for row in pending]
    submissions = list(dict.fromkeys(row.submission_id for row in pending if row.submission_id is not None))
    more = len(rows) > len(urns) or len(rows) == batch * 2
    room = batch - len(urns)
    if room and not small:
        due = session.exec(
            select(SettingState.urn, SettingState.changes_at)
            .where(col(SettingState.changes_at) <= now)
            .order_by(col(SettingState.changes_at))
            .limit(room)
        ).all()
        more = more or len(due) == room
        waited += [("due", since) for _urn, since in due if since is not None]
        urns = list(dict.fromkeys([*urns, *(urn for urn, _since in due)]))
    return Taken(urns, more or bool(small), waited, submissions)


def publish_settings(
    session: Session, writer: Writer, urns: Sequence[str], *, settings: Settings, now: datetime
) -> None:
    """Derive these settings and write what changed."""
    loaded = load(session, urns)
    standing: dict[str, list[Held]] = {urn: [] for urn in urns}
    for row in rows_of(session, _HELD, urns):
        standing[row.urn].append(_held(row))
    known = {row.urn: row for row in rows_of(session, _KNOWN, urns)}
    shown = {row.urn: row for row in rows_of(session, _SHOWN, urns)}
    written: list[tuple[Any, ...]] = []
    for urn in urns:
        before: dict[OfferKey, Held] = {(row.source_id, row.item, row.offer): row for row in standing[urn]}
        derived = _derive(loaded, urn, before, settings, now)
        for key in sorted({*before, *(drawn.key for drawn in derived.listings)}):
            drawn = next((drawn for drawn in derived.listings if drawn.key == key), None)
            write_listing(writer, loaded, urn, before.get(key), drawn)
        write_shown(writer, urn, shown.get(urn), derived)
        provider = loaded.settings[urn].provider
        written.append(
            write_state(session, writer, urn, known.get(urn), standing[urn], derived, provider.id if provider else None)
        )
    _STATES.write(session, written)


def _derive(loaded: Loaded, urn: str, before: dict[OfferKey, Held], settings: Settings, now: datetime) -> Derived:
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


def write_listing(writer: Writer, loaded: Loaded, urn: str, before: Held | None, drawn: Drawn | None) -> None:
    """Write one listing's step, if it takes one: a change of content or clocks, of sight alone, or its end."""
    if drawn is None:
        if before is not None and before.state == "updated":
            _end(writer, before)
        return
    audiences = sorted(drawn.audiences)
    body = orjson.dumps(drawn.body)
    hashed = content_hash(drawn)
    alive = before if before is not None and before.state == "updated" else None
    if alive is not None and alive.body == body and alive.restricted == drawn.restricted:
        if (
            sorted(alive.audiences) != audiences
            or alive.changes_at != drawn.changes_at
            or document_of(alive.facts).get("at") != drawn.facts["at"]
        ):
            _change_sight(writer, alive, audiences, drawn)
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
    held = alive.audiences if alive is not None else []
    what = None if alive is None else difference(alive.body, alive.restricted, drawn.body, drawn.restricted)
    writer.change(
        position=position,
        urn=urn,
        listing_id=drawn.id,
        events=["vacancy.published"] if what is None else what.events,
        before=alive and alive.facts,
        after=drawn.facts,
        audiences_before=held,
        audiences_after=audiences,
        changed=None if what is None else what.changed,
        offered_to=None if what is None else what.offered_to,
        organisation_id=provider.id if provider else None,
    )
    _note_sight(writer, drawn.id, position, held, audiences)


def _end(writer: Writer, before: Held) -> None:
    position = writer.next()
    ended = before._replace(position=position, state="deleted", changes_at=None, modified_at=writer.now)
    writer.listing(**ended._asdict())
    writer.change(
        position=position,
        urn=before.urn,
        listing_id=before.id,
        events=["vacancy.withdrawn"],
        before=before.facts,
        after=None,
        audiences_before=before.audiences,
        audiences_after=[],
        organisation_id=before.organisation_id or None,
    )


def _change_sight(writer: Writer, before: Held, audiences: list[str], drawn: Drawn) -> None:
    """The listing says what it said; only who sees it, when it will change, or where its postcode sector lies is another."""
    facts = {**document_of(before.facts), "at": drawn.facts["at"]}
    writer.listing(**before._replace(audiences=audiences, changes_at=drawn.changes_at, facts=facts)._asdict())
    position = writer.next()
    writer.change(
        position=position,
        urn=before.urn,
        listing_id=before.id,
        events=[],
        before=before.facts,
        after=facts,
        audiences_before=before.audiences,
        audiences_after=audiences,
        organisation_id=before.organisation_id or None,
    )
    _note_sight(writer, before.id, position, before.audiences, audiences)


def write_shown(writer: Writer, urn: str, before: Any, derived: Derived) -> None:
    """What seldom changes of a setting: its step, if it takes one. Its readers are those of its listings."""
    alive = before is not None and before.state == "updated"
    held = document_of(before.audiences) if alive else []
    audiences = sorted(derived.audiences)
    if derived.shown is None:
        if alive:
            writer.setting(
                urn, position=writer.next(), state="deleted", audiences=held, body=before.body, at=writer.now
            )
        return
    body = orjson.dumps(derived.shown)
    same = alive and before.body == body
    if same and held == audiences:
        return
    position = writer.next()
    kept = before.position if same else position
    writer.setting(urn, position=kept, state="updated", audiences=audiences, body=body, at=writer.now)
    _note_sight(writer, urn, position, held, audiences)


def _note_sight(writer: Writer, listing_id: str, position: int, before: Iterable[str], after: Iterable[str]) -> None:
    lost, gained = set(before) - set(after), set(after) - set(before)
    for audience in sorted(gained):
        writer.sight(listing_id, f"c:{audience}", position, visible=True)
    for audience in sorted(lost):
        writer.sight(listing_id, f"c:{audience}", position, visible=False)


def write_state(
    session: Session,
    writer: Writer,
    urn: str,
    known: Any,
    standing: Sequence[Held],
    derived: Derived,
    organisation_id: str | None,
) -> tuple[Any, ...]:
    """The setting's own row, as `_STATES` writes it. What changed of it (a grade, its status, counts) is an event of the setting."""
    before, ofsted = (None if known is None else document_of(known.ofsted)), derived.ofsted_document
    counts = hashlib.blake2b(orjson.dumps(derived.counts, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
    events = setting_events(session, urn, before, derived.ofsted, ofsted, writer.now)
    if known is not None and known.counts is not None and known.counts != counts:
        events.append("capacity.changed")
    if events:
        was = [
            {"audiences": row.audiences, "facts": document_of(row.facts)} for row in standing if row.state == "updated"
        ]
        now = [{"audiences": sorted(drawn.audiences), "facts": drawn.facts} for drawn in derived.listings]
        for event in events:
            writer.change(
                position=writer.next(),
                urn=urn,
                listing_id=None,
                events=[event],
                before={"listings": was},
                after={"listings": now},
                organisation_id=organisation_id,
            )
    return urn, derived.changes_at, derived.explanation, ofsted, counts, writer.now
