"""Which settings a member may know of: those with a listing in its sight, and no others; and everything of one that a caller may see."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.access.who import MEMBER, Caller, sees
from placefeed.service.channels.counts import OverTime, over_time
from placefeed.service.channels.index import State
from placefeed.service.channels.rows import Row
from placefeed.service.intake import known
from placefeed.service.publishing.sight import NOTHING, View
from placefeed.service.tables import Listing, ShownSetting

Json = dict[str, Any]


def in_sight(session: Session, view: View, *, urn: str | None = None) -> set[str]:
    """The settings (or the one setting, if it is) with a listing that this view sees now."""
    query = sa.select(col(Listing.urn), col(Listing.audiences)).where(col(Listing.state) == "updated")
    if urn is not None:
        query = query.where(col(Listing.urn) == urn)
    return {row.urn for row in session.execute(query) if view.sees(row.audiences)}


@dataclass(frozen=True, slots=True)
class Whole:
    """One setting as one caller may see it; what its role may not see is empty.

    `known`, `sources`, `register` and `history` are what `intake/known` answers; `listings` the documents of the list, those
    that are available first; `shown` what listings say of the setting itself; `counts` the preferred source's over time.
    """

    urn: str
    known: Json
    sources: list[Json]
    register: list[Json]
    listings: list[Json] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    shown: Json | None = None
    counts: OverTime | None = None
    history: list[Json] = field(default_factory=list)
    doubtful: frozenset[tuple[str, str]] = frozenset()
    """Vacancies (source and item) that are listed as not known, so that members are asked to ring."""
    more: int | None = None
    """The id before which history goes on; None: that was all."""


def whole_setting(
    session: Session,
    state: State,
    urn: str,
    *,
    caller: Caller,
    view: View = NOTHING,
    now: datetime,
    history: int = 50,
) -> Whole:
    """Everything of one setting. `view`: what the caller sees of the list. Raises NotFound, also for what is not the caller's to see."""
    rows = list(rows_of(state, urn, view)) if sees(caller.role, "listing") else []
    sight: Collection[str] = {urn} if rows and caller.role == MEMBER else ()
    found = known.setting(session, urn=urn, caller=caller, in_sight=sight)
    sources = known.sources(session, urn=urn, caller=caller, in_sight=sight)
    listings = [orjson.loads(row.fragment(view, overdue=row.overdue(now))) for row in rows]
    rank = {row.id: row.key for row in rows}
    listings.sort(key=lambda listing: (listing["availability"] != "available", rank[listing["id"]]))
    told: list[Json] = []
    more: int | None = None
    counts: OverTime | None = None
    if sees(caller.role, "history"):
        told, more = known.history(session, urn=urn, caller=caller, limit=history)
        source = counting(found, sources)
        counts = over_time(session, urn, source, caller=caller) if source is not None else None
    shown = session.get(ShownSetting, urn) if rows else None
    return Whole(
        urn=urn,
        known=found,
        sources=sources,
        register=known.register_history(session, urn=urn, caller=caller, in_sight=sight),
        listings=listings,
        rows=rows,
        shown=orjson.loads(shown.body) if shown is not None and shown.state == "updated" else None,
        counts=counts,
        history=told,
        doubtful=_doubtful(session, urn) if sees(caller.role, "explanation") else frozenset(),
        more=more,
    )


def _doubtful(session: Session, urn: str) -> frozenset[tuple[str, str]]:
    """The vacancies of a setting that are listed without being shown as free."""
    rows = session.execute(
        sa.select(col(Listing.source_id), col(Listing.item), col(Listing.facts)).where(
            col(Listing.urn) == urn, col(Listing.state) == "updated"
        )
    )
    return frozenset((row.source_id, row.item) for row in rows if row.facts["availability"] != "available")


def rows_of(state: State, urn: str, view: View) -> Iterator[Row]:
    """The listings of a setting that this view may see."""
    for block in state.blocks:
        mask = block.having("urn", urn)
        if mask:
            yield from block.rows_in(mask & block.seen_by(view))


def counting(found: Json, sources: list[Json]) -> str | None:
    """The source whose counts are drawn: the most preferred one that counts."""
    counts = {word["source"] for word in found.get("words", ()) if word["part"] == "capacity"}
    return next((str(source["id"]) for source in sources if source.get("id") in counts), None)
