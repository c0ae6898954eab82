"""Which settings a member may know of: those with a listing in its sight, and no others."""

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.publishing.sight import View
from placefeed.service.tables import Listing


def in_sight(session: Session, view: View, *, urn: str | None = None) -> set[str]:
    """The settings (or the one setting, if it is) with a listing that this view sees now."""
    query = sa.select(col(Listing.urn), col(Listing.audiences)).where(col(Listing.state) == "updated")
    if urn is not None:
        query = query.where(col(Listing.urn) == urn)
    return {row.urn for row in session.execute(query) if view.sees(row.audiences)}
