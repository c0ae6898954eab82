"""Takes the postcode lookup in: the middle of each sector, and no postcode.

```
lookup ──> running means a sector ──> new, moved, gone ──> settings that name one of those are published again
```
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.adapters.postcodes import EXPECTED, Postcode, PostcodeFile
from placefeed.service.bulk import Bulk
from placefeed.service.db import is_postgres
from placefeed.service.errors import Invalid
from placefeed.service.pending import touch
from placefeed.service.tables import PostcodeSector, Standing

POSTCODES_LOCK = 0x504C5043  # "PLPC": one import at a time
DECIMALS = 4  # of degrees: 11 metres, where a sector is a kilometre wide and more
_WHOLE = 1000  # sectors that show that a whole lookup is known here; the United Kingdom has 11,000
_SECTORS = Bulk(PostcodeSector, "sector", "latitude", "longitude", "postcodes", key=("sector",))
_NAME = b'"postcodeSector"'
_NAMED = re.compile(_NAME + rb': ?"([A-Z0-9 ]{4,6})"')


class Middle(NamedTuple):
    """Where a sector lies, and of how many postcodes that is the mean."""

    latitude: float
    longitude: float
    postcodes: int


@dataclass(frozen=True, slots=True)
class Middles:
    """The middle of every sector of a lookup, worked out before the database is asked."""

    sectors: Mapping[str, Middle]
    rows: int
    live: int
    ended: int
    nowhere: int


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: rows read, postcodes by what they are, sectors by what became of them, settings to publish again."""

    rows: int
    live: int
    ended: int
    nowhere: int
    sectors: int
    new: int
    moved: int
    gone: int
    unchanged: int
    settings: int

    def to_dict(self) -> dict[str, int]:
        """The counts, for machines."""
        return asdict(self)


def middles_of(file: PostcodeFile) -> Middles:
    """Read a lookup to its end. Raises Invalid where it has no live postcode, ChangedShape or TooLarge for another file."""
    sectors = means(file)
    if not sectors:
        raise Invalid(f"This file has no live postcode with a place. {EXPECTED}")
    return Middles(sectors, file.rows, sum(middle.postcodes for middle in sectors.values()), file.ended, file.nowhere)


def invented(sectors: Iterable[tuple[str, float, float, int]]) -> Middles:
    """Sectors that were made up, as a lookup would have them."""
    made = {sector: Middle(latitude, longitude, count) for sector, latitude, longitude, count in sectors}
    count = sum(middle.postcodes for middle in made.values())
    return Middles(made, rows=count, live=count, ended=0, nowhere=0)


def means(postcodes: Iterable[Postcode]) -> dict[str, Middle]:
    """The mean place of the postcodes of each sector; only sums are kept. A sector of one postcode lies where that lies."""
    sums: dict[str, list[float]] = {}
    for postcode, latitude, longitude in postcodes:
        sector = postcode[:-2]
        held = sums.get(sector)
        if held is None:
            sums[sector] = [latitude, longitude, 1]
        else:
            held[0] += latitude
            held[1] += longitude
            held[2] += 1
    return {
        sector: Middle(round(north / count, DECIMALS), round(east / count, DECIMALS), int(count))
        for sector, (north, east, count) in sums.items()
    }


def store(session: Session, middles: Middles, *, now: datetime) -> Imported:
    """Let the table hold these sectors and no others, in the caller's transaction; what they move is published again.

    Raises Invalid for a lookup of less than half of the sectors that are known: a part of one.
    """
    if is_postgres(session):
        session.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": POSTCODES_LOCK})
    known: Iterable[Any] = session.connection().execute(sa.select(PostcodeSector))
    before = {row.sector: Middle(row.latitude, row.longitude, row.postcodes) for row in known}
    after = middles.sectors
    if len(before) >= _WHOLE and len(after) * 2 < len(before):
        raise Invalid(
            f"This file has {len(after):,} postcode sectors where {len(before):,} are known: it is only a part of the lookup. {EXPECTED}"
        )
    gone = before.keys() - after.keys()
    new = after.keys() - before.keys()
    moved = {sector for sector in before.keys() & after.keys() if before[sector][:2] != after[sector][:2]}
    recounted = {sector for sector in before.keys() & after.keys() if before[sector][2] != after[sector][2]}
    _SECTORS.write(session, [(sector, *after[sector]) for sector in sorted(new | moved | recounted)])
    _forget(session, gone)
    settings = touch(session, naming(session, gone | new | moved), at=now, bulk=True)
    return Imported(
        rows=middles.rows,
        live=middles.live,
        ended=middles.ended,
        nowhere=middles.nowhere,
        sectors=len(after),
        new=len(new),
        moved=len(moved),
        gone=len(gone),
        unchanged=len(after) - len(new) - len(moved),
        settings=settings,
    )


def _forget(session: Session, sectors: Iterable[str]) -> None:
    ordered = sorted(sectors)
    for start in range(0, len(ordered), 500):
        session.execute(sa.delete(PostcodeSector).where(col(PostcodeSector.sector).in_(ordered[start : start + 500])))


def naming(session: Session, sectors: set[str]) -> list[str]:
    """The settings of which some word names one of these sectors: a provider's of its units, another exchange's of a vacancy."""
    if not sectors:
        return []
    found: dict[str, None] = {}
    rows: Iterable[Any] = session.connection().execute(
        sa.select(col(Standing.urn), col(Standing.document))
        .where(col(Standing.part).in_(("setting", "vacancy")))
        .order_by(col(Standing.urn))
        .execution_options(yield_per=1000)
    )
    for urn, document in rows:  # searched as they are: parsing them would take longer
        if _NAME in document and any(name.decode() in sectors for name in _NAMED.findall(document)):
            found[urn] = None
    return list(found)
