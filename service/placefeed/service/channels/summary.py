"""The weekly open edition: how many places were available, by local authority and region; rounded, and never live."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlmodel import Session, col, select

from placefeed.schema.codelists import local_authorities, region
from placefeed.service.channels import disclosure
from placefeed.service.channels.disclosure import Count, protect
from placefeed.service.channels.editions import everything
from placefeed.service.channels.rows import Row
from placefeed.service.channels.snapshot import Snapshot
from placefeed.service.clock import Clock, iso, london_day, london_midnight
from placefeed.service.config import Settings
from placefeed.service.db import Database, insert
from placefeed.service.errors import NotFound
from placefeed.service.publishing.sight import OPERATOR_VIEW
from placefeed.service.tables import PublicSummary

MADE_AT = 5  # o'clock on Mondays in London: the row `public-summary` of the schedule
NOTE = (
    "Places that providers said were available when this edition was made, rounded to the nearest 5. Null: fewer than 5, or from "
    "fewer than 3 settings, or kept back so that such a number cannot be worked out."
)


def week_of(instant: datetime) -> datetime:
    """The instant at which the week (from Monday, in England) of an instant began."""
    day = london_day(instant)
    return london_midnight(day - timedelta(days=day.weekday()))


def next_edition(now: datetime) -> datetime:
    """When the next edition will be made: on Mondays at `MADE_AT`, as the schedule has it."""
    hours = timedelta(hours=MADE_AT)
    today = week_of(now) + hours
    return today if now < today else week_of(now + timedelta(days=7)) + hours


def make_summary(database: Database, settings: Settings, clock: Clock, *, slot: datetime | None = None) -> bool:
    """Make this week's edition if it is switched on and not yet made; returns whether it was made."""
    now = clock()
    week = week_of(slot or now)
    if not settings.public:
        return False
    with database.read() as session:
        if session.get(PublicSummary, week) is not None:
            return False
    state = Snapshot(database).refresh()
    items = state.select(everything(), OPERATOR_VIEW, now).items
    today = london_day(now).isoformat()
    rows = [
        row
        for _key, row, overdue in items
        if not overdue
        and row.facts["availability"] == "available"
        and row.facts["from"] <= today
        and not row.facts.get("via")  # another exchange counts its own, and may not wish to
    ]
    document = summary_document(rows, week=week)
    with database.write() as session:
        row = insert(session, PublicSummary).values(week=week, made_at=now, document=document)
        made = session.execute(
            row.on_conflict_do_nothing(index_elements=["week"]).returning(PublicSummary.week)
        ).first()
    return made is not None


def latest_summary(session: Session, *, settings: Settings) -> dict[str, Any]:
    """The newest edition; raises NotFound when it is switched off or none has been made."""
    row = newest(session) if settings.public else None
    if row is None:
        raise NotFound("No open summary is published here.")
    return row.document


def newest(session: Session) -> PublicSummary | None:
    """The edition that was made last."""
    return session.exec(select(PublicSummary).order_by(col(PublicSummary.week).desc()).limit(1)).first()


def summary_document(rows: Iterable[Row], *, week: datetime) -> dict[str, Any]:
    """The published counts of these listings. Every authority is in it, so that its absence says nothing."""
    rows = list(rows)
    tree = count_places(rows)
    protect(tree)
    return {
        "standard": "placefeed",
        "version": "1.0",
        "week": london_day(week).isoformat(),
        "weekBegan": iso(week),
        "roundedTo": disclosure.ROUNDED_TO,
        "note": NOTE,
        **({"simulated": True} if any(row.facts["simulated"] for row in rows) else {}),
        "places": tree.shown,
        "regions": [
            {
                "code": area.code,
                "name": area.name,
                "places": area.shown,
                "localAuthorities": [
                    {"code": part.code, "name": part.name, "places": part.shown} for part in area.parts
                ],
            }
            for area in tree.parts
        ],
    }


def count_places(rows: Iterable[Row]) -> Count:
    """Places and settings by region and local authority. Offers that draw on the same places count once, by the largest."""
    found: dict[tuple[str | None, str | None], Count] = {}
    for authority in local_authorities():
        if authority.live:
            found[authority.region, authority.code] = Count(authority.code, authority.name)
    urns: dict[tuple[str | None, str | None], set[str]] = {}
    for row, places in _without_overlaps(rows):
        where = row.facts["region"], row.facts["la"]
        found.setdefault(where, Count(where[1], "Not stated" if where[1] is None else where[1])).places += places
        urns.setdefault(where, set()).add(row.urn)
    areas: dict[str | None, Count] = {}
    for where in sorted(found, key=lambda where: (where[0] or "~", where[1] or "~")):
        code, count = where[0], found[where]
        known = region(code) if code else None
        area = areas.setdefault(code, Count(code, known.name if known else "Not stated"))
        count.settings = len(urns.get(where, ()))
        area.parts.append(count)
    for code, area in areas.items():
        area.places = sum(part.places for part in area.parts)
        area.settings = len(set().union(*(names for where, names in urns.items() if where[0] == code)))
    whole = Count(None, "All", parts=list(areas.values()))
    whole.places = sum(area.places for area in whole.parts)
    whole.settings = len(set().union(*urns.values()))
    return whole


def _without_overlaps(rows: Iterable[Row]) -> Iterable[tuple[Row, int]]:
    """One row for each group of listings that share places, with the most places that one of them offers."""
    by_id = {row.id: row for row in rows}
    shares = {row.id: orjson.loads(row.body).get("vacancy", {}).get("sharesPlacesWith", ()) for row in by_id.values()}
    done: set[str] = set()
    for start in by_id:
        if start in done:
            continue
        group, ahead = [], [start]
        while ahead:
            here = ahead.pop()
            if here in done or here not in by_id:
                continue
            done.add(here)
            group.append(by_id[here])
            ahead.extend(shares[here])
        largest = max(group, key=lambda row: row.facts["places"])
        yield largest, largest.facts["places"]
