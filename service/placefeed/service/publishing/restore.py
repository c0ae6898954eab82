"""After a backup is put back: positions go past any that were ever issued, under a new epoch, and all is published again."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.db import lock_publishing, tell
from placefeed.service.pending import touch
from placefeed.service.publishing.log import head
from placefeed.service.tables import Change, Head, Listing, RegisterSetting, ShownSetting, Standing

BEYOND = 1 << 32
"""More positions than were ever issued between a backup and its loss: at 1,000 a second, seven weeks of them."""


def after_restore(session: Session, *, now: datetime) -> int:
    """Give every listing a new position in a new epoch and mark all settings as pending; returns how many listings.

    A reader's cursor carries the epoch it was given in; one from before is answered with 410 and starts again.
    """
    lock_publishing(session)
    old = head(session)
    position = old.position + BEYOND
    table = Listing.__table__  # type: ignore[attr-defined]  # SQLModel adds it
    rows = session.execute(
        sa.select(table.c.id, table.c.urn, table.c.facts, table.c.audiences, table.c.state).order_by(table.c.position)
    ).all()
    for row in rows:
        position += 1
        session.execute(sa.update(Listing).where(col(Listing.id) == row.id).values(position=position))
        session.add(
            Change(
                position=position,
                at=now,
                urn=row.urn,
                listing_id=row.id,
                events=[],
                before=row.facts,
                after=row.facts if row.state == "updated" else None,
                audiences_before=row.audiences,
                audiences_after=row.audiences,
            )
        )
    for urn in session.exec(select(ShownSetting.urn).order_by(col(ShownSetting.position))).all():
        position += 1
        session.execute(sa.update(ShownSetting).where(col(ShownSetting.urn) == urn).values(position=position))
    session.flush()
    beginning = old.position + BEYOND
    session.merge(
        Head(
            id=1,
            position=position,
            epoch=old.epoch + 1,
            written_at=now,
            history_after=beginning,
            tombstones_after=beginning,
        )
    )
    urns = {*session.exec(select(Standing.urn).distinct()), *session.exec(select(RegisterSetting.urn))}
    touch(session, sorted(urns), at=now, bulk=True)
    tell(session, "published")
    return len(rows)
