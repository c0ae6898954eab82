"""The scheduled files: the whole list of one moment for each distinct sight, with a manifest of hashes and counts.

Members who see the same share the files. An edition is a pointer of one view (`id` = files.view) to a row that has the files.
"""

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.channels import exports, forms
from placefeed.service.channels.index import Sight, State
from placefeed.service.channels.lists import fragments, list_document
from placefeed.service.channels.query import Filter
from placefeed.service.channels.snapshot import Snapshot
from placefeed.service.clock import Clock, iso
from placefeed.service.config import Settings
from placefeed.service.db import Database, insert
from placefeed.service.errors import NotFound
from placefeed.service.publishing.sight import OPERATOR_VIEW, View, view_of
from placefeed.service.tables import Edition, EditionFile, Organisation

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class File:
    """One file of an edition, whole."""

    name: str
    media_type: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()


@cache
def everything() -> Filter:
    """An edition leaves nothing out: its readers filter for themselves, and the grade stands in each row."""
    return Filter.parse({"showHidden": ["true"]})


def make_editions(database: Database, settings: Settings, clock: Clock, *, slot: datetime | None = None) -> int:
    """Make the files for every view whose list has moved on since its last edition; returns how many new editions.

    Once a slot has had its edition, running it again makes none. Holds no transaction while the files are made.
    """
    now = clock()
    at = slot or now
    snapshot = Snapshot(database)
    state = snapshot.refresh()
    wanted: dict[Sight, list[View]] = {}
    with database.read() as session:
        latest = _latest(session)
        for view in _views(session, now):
            before = latest.get(view.key)
            if before is None or (before.at < at and (before.epoch, before.position) != (state.epoch, state.position)):
                wanted.setdefault(state.sight(view), []).append(view)
    for sight, views in wanted.items():
        _make(database, state, sight, views, at=at, now=now)
    with database.write() as session:
        purge_editions(session, settings=settings, now=now)
    return sum(map(len, wanted.values()))


def _views(session: Session, now: datetime) -> list[View]:
    members = session.exec(select(Organisation.id).where(Organisation.kind == "member").order_by(col(Organisation.id)))
    return [OPERATOR_VIEW, *(view_of(session, member, now) for member in members)]


def _latest(session: Session) -> dict[str, Edition]:
    newest = (
        sa.select(col(Edition.view), sa.func.max(col(Edition.at)).label("at")).group_by(col(Edition.view)).subquery()
    )
    rows = session.exec(
        select(Edition).join(newest, sa.and_(col(Edition.view) == newest.c.view, col(Edition.at) == newest.c.at))
    )
    return {row.view: row for row in rows}


def _make(
    database: Database, state: State, sight: Sight, views: Iterable[View], *, at: datetime, now: datetime
) -> None:
    name = f"{sight.key}|{state.epoch}|{state.position}"
    base = hashlib.blake2b(name.encode(), digest_size=10).hexdigest()
    with database.read() as session:
        known = session.get(Edition, base)
    files, items = ([], known.items) if known else _files(state, sight, at=at, now=now)
    moment: dict[str, Any] = {"at": at, "position": state.position, "epoch": state.epoch, "items": items}
    pointers = [{"id": f"{base}.{view.key}"[:40], "view": view.key, **moment} for view in views]
    with database.write() as session:
        rows = [{"id": base, "view": f"files:{base}", **moment}, *pointers]
        session.execute(insert(session, Edition).on_conflict_do_nothing(index_elements=["id"]), rows)
        if files:
            session.execute(
                insert(session, EditionFile).on_conflict_do_nothing(index_elements=["edition_id", "name"]),
                [
                    {
                        "edition_id": base,
                        "name": file.name,
                        "media_type": file.media_type,
                        "sha256": file.sha256,
                        "size": len(file.content),
                        "content": file.content,
                    }
                    for file in files
                ],
            )


def _files(state: State, sight: Sight, *, at: datetime, now: datetime) -> tuple[list[File], int]:
    selection = state.select(everything(), sight.view, now)
    book = io.BytesIO()
    exports.xlsx(fragments(selection.items, sight.view), book)
    files = [
        File(
            "listings.json",
            forms.JSON.media_type,
            list_document(state, selection, fragments(selection.items, sight.view)),
        ),
        File(
            "listings.ndjson", forms.NDJSON.media_type, b"".join(exports.ndjson(fragments(selection.items, sight.view)))
        ),
        File("listings.csv", forms.CSV.media_type, b"".join(exports.csv_text(fragments(selection.items, sight.view)))),
        File("listings.xlsx", forms.XLSX.media_type, book.getvalue()),
    ]
    until = state.moment(now).until
    manifest = {
        "standard": "placefeed",
        "version": "1.0",
        "at": iso(at),
        "madeAt": iso(now),
        "position": state.position,
        "epoch": state.epoch,
        # From then on time alone has changed some row: ask the live list before relying on it.
        **({"goodUntil": iso(until)} if until else {}),
        "counts": {"listings": len(selection.items), "available": selection.available, "unknown": selection.unknown},
        "files": [
            {"name": file.name, "mediaType": file.media_type, "size": len(file.content), "sha256": file.sha256}
            for file in files
        ],
    }
    return [*files, File(MANIFEST, forms.JSON.media_type, orjson.dumps(manifest))], len(selection.items)


def manifest_of(session: Session, view: View, edition_id: str | None, *, base_url: str) -> dict[str, Any]:
    """The manifest of an edition of this view (None: the latest), with the addresses of its files. Raises NotFound."""
    edition = _edition(session, view, edition_id)
    file = _file(session, edition, MANIFEST)
    manifest: dict[str, Any] = orjson.loads(file.content)
    home = f"{base_url.rstrip('/')}/v1/editions/{edition.id}"
    for entry in manifest["files"]:
        entry["url"] = f"{home}/{entry['name']}"
    return {"id": edition.id, "url": f"{home}/{MANIFEST}", **manifest}


def file_of(session: Session, view: View, edition_id: str, name: str) -> EditionFile:
    """One file of an edition of this view; raises NotFound, also for another view's."""
    return _file(session, _edition(session, view, edition_id), name)


def _edition(session: Session, view: View, edition_id: str | None) -> Edition:
    query = select(Edition).where(Edition.view == view.key)
    if edition_id is not None:
        query = query.where(Edition.id == edition_id)
    edition = session.exec(query.order_by(col(Edition.at).desc()).limit(1)).first()
    if edition is None:
        raise NotFound(
            "There is no such edition for you. The next is made on schedule; the live list is at /v1/listings."
        )
    return edition


def _file(session: Session, edition: Edition, name: str) -> EditionFile:
    file = session.get(EditionFile, (edition.id.partition(".")[0], name))
    if file is None:
        raise NotFound("The edition has no such file. Its manifest names those that it has.")
    return file


def purge_editions(session: Session, *, settings: Settings, now: datetime) -> int:
    """Remove editions past their keeping time, but for the latest of each view, and files that no edition points to."""
    newest = (
        sa.select(col(Edition.view), sa.func.max(col(Edition.at)).label("at")).group_by(col(Edition.view)).subquery()
    )
    latest = sa.select(col(Edition.id)).join(
        newest, sa.and_(col(Edition.view) == newest.c.view, col(Edition.at) == newest.c.at)
    )
    pointer = col(Edition.view).not_like("files:%")
    old = session.exec(
        select(Edition.id).where(
            pointer, col(Edition.at) < now - settings.keep_editions, col(Edition.id).not_in(latest)
        )
    ).all()
    if old:
        session.execute(sa.delete(Edition).where(col(Edition.id).in_(old)))
    needed = {pointer_id.partition(".")[0] for pointer_id in session.exec(select(Edition.id).where(pointer))}
    bases = session.exec(select(Edition.id).where(~pointer, col(Edition.id).not_in(needed))).all()
    if bases:
        session.execute(sa.delete(EditionFile).where(col(EditionFile.edition_id).in_(bases)))
        session.execute(sa.delete(Edition).where(col(Edition.id).in_(bases)))
    return len(old)
