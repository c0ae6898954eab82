"""One listing read alone: as in the list, with its Ofsted history and what changed in the register."""

from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.access.who import MEMBER
from placefeed.service.channels.snapshot import Snapshot
from placefeed.service.clock import Clock
from placefeed.service.db import Database
from placefeed.service.errors import NotFound
from placefeed.service.publishing.sight import View
from placefeed.service.tables import RegisterFile, RegisterHistory, RegisterInspection

_KEPT_BACK = {"restricted"}  # bookkeeping of the register, no fact about the setting


def one_listing(
    database: Database, snapshot: Snapshot, listing_id: str, *, view: View, role: str, clock: Clock
) -> dict[str, Any]:
    """The `listing` document, for a view that may see it; raises NotFound alike for one it may not and for none at all."""
    state = snapshot.state
    row = snapshot.find(listing_id, state)
    if row is None or not view.sees(row.audiences):
        raise NotFound(
            "There is no such listing, or it is not offered to you. It may have been withdrawn: look at the list."
        )
    document: dict[str, Any] = orjson.loads(row.fragment(view, overdue=row.overdue(clock())))
    with database.read(at_least=state) as session:
        ofsted = document.setdefault("ofsted", {})
        ofsted["history"] = inspections(session, row.urn)
        changes = register_changes(session, row.urn, role=role)
    if changes:
        ofsted["registerChanges"] = changes
    return document


def inspections(session: Session, urn: str) -> list[dict[str, Any]]:
    """Every inspection that the register has of a setting, the newest first."""
    rows = session.exec(
        select(RegisterInspection)
        .where(RegisterInspection.urn == urn)
        .order_by(col(RegisterInspection.inspected_on).desc(), col(RegisterInspection.id).desc())
    )
    return [
        {
            "framework": row.framework,
            "kind": row.kind,
            "inspectedOn": row.inspected_on.isoformat(),
            **({"publishedOn": row.published_on.isoformat()} if row.published_on else {}),
            "judgements": [
                {"framework": row.framework, "aspect": aspect, "code": code}
                for aspect, code in sorted(row.judgements.items())
            ],
        }
        for row in rows
    ]


def register_changes(session: Session, urn: str, *, role: str) -> list[dict[str, Any]]:
    """What changed between Ofsted's files, the newest first. What an LA-only file said is for local authorities alone."""
    query = (
        sa.select(RegisterHistory.as_at, RegisterHistory.what, RegisterHistory.changed)  # type: ignore[call-overload]
        .join(RegisterFile, col(RegisterFile.id) == col(RegisterHistory.file_id))
        .where(col(RegisterHistory.urn) == urn)
        .order_by(col(RegisterHistory.as_at).desc(), col(RegisterHistory.id).desc())
    )
    if role != MEMBER:
        query = query.where(col(RegisterFile.restricted).is_(False))
    return [
        {
            "asAt": row.as_at.isoformat(),
            "what": row.what,
            # On joining everything is new: that is the listing itself, not a change.
            "changed": {}
            if row.what == "joined"
            else {name: pair for name, pair in row.changed.items() if name not in _KEPT_BACK},
        }
        for row in session.execute(query)
    ]
