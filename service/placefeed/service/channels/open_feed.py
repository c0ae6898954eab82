"""The open change feed: one item for each area of the weekly open summary, generalised as that is, and never live.

It has positions of its own: the log's would tell how much happens in a week.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.schema.codelists import local_authorities
from placefeed.service.channels.rpde import PAGE, Cursor, Page
from placefeed.service.channels.summary import newest
from placefeed.service.clock import Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database, is_postgres
from placefeed.service.errors import NotFound
from placefeed.service.publishing.log import Position, head
from placefeed.service.tables import OpenCell

KIND = "area"
LICENCE = "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"
LOCK = 0x504C4F46  # "PLOF": numbers of this feed become visible in order
Json = dict[str, Any]


def renew(database: Database, settings: Settings, clock: Clock) -> int:
    """Bring the feed to the newest weekly summary, where it is offered; returns how many items changed."""
    if not (settings.public and settings.open_feed):
        return 0
    with database.write() as session:
        if is_postgres(session):
            session.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        summary = newest(session)
        if summary is None:
            return 0
        now, changed = clock(), 0
        position = _last(session)
        said = dict(areas(summary.document))
        known = {cell.id: cell for cell in session.exec(select(OpenCell))}
        gone = {*known, *(authority.code for authority in local_authorities() if not authority.live)}.difference(said)
        for id in [*said, *sorted(gone)]:  # an authority that was abolished is as gone as one that left the feed
            cell, document = known.get(id), said.get(id)
            if cell is not None and cell.document == document:
                continue
            position, changed = position + 1, changed + 1
            cell = cell or OpenCell(id=id, position=position, state="updated", modified_at=now)
            cell.position, cell.document, cell.modified_at = position, document, now
            cell.state = "deleted" if document is None else "updated"
            session.add(cell)
        return changed


def areas(summary: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    """Every area of a summary as an item's id and data: without the week, or all of them would change each week."""
    alike = {"roundedTo": summary["roundedTo"], **({"simulated": True} if summary.get("simulated") else {})}

    def area(level: str, row: Mapping[str, Any], **more: Any) -> Json:
        code = {"code": row["code"]} if row.get("code") else {}
        places = {} if row["places"] is None else {"places": row["places"]}
        return {"level": level, "name": row["name"], **code, **more, **places, **alike}

    yield "all", area("all", {"name": "All", "places": summary["places"]})
    for region in summary["regions"]:
        above = region["code"] or "not-stated"
        yield above, area("region", region)
        for authority in region["localAuthorities"]:
            within = {"region": region["code"]} if region["code"] else {}
            yield authority["code"] or f"{above}-not-stated", area("local-authority", authority, **within)


def page_of(session: Session, cursor: Cursor, here: Position) -> Page:
    """The page at a cursor that has `begun` here. What has gone stays as deleted for good: there are few areas."""
    cells = session.exec(
        select(OpenCell).where(col(OpenCell.position) > cursor.after).order_by(col(OpenCell.position)).limit(PAGE)
    ).all()
    items = [
        {"state": cell.state, "kind": KIND, "id": cell.id, "modified": cell.position}
        | ({} if cell.document is None else {"data": cell.document})
        for cell in cells
    ]
    return Page(items, Cursor(cells[-1].position, here.epoch) if cells else None)


def offered(settings: Settings) -> None:
    """Raise NotFound where there is no open feed."""
    if not (settings.public and settings.open_feed):
        raise NotFound("No open feed is published here.")


def stands_at(session: Session) -> Position:
    """How far this feed has come, in the epoch of the exchange."""
    return Position(_last(session), head(session).epoch)


def _last(session: Session) -> int:
    return session.exec(select(sa.func.coalesce(sa.func.max(OpenCell.position), 0))).one()
