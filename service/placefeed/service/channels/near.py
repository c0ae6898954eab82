"""How far a listing is from a place: sector to sector, as the crow flies.

Homes lie in the middle of their postcode sector (the fact `at`, put in by the publisher), and so does the place that somebody asks
for: `sector_of` cuts a postcode to its sector before it is used, kept or logged.
"""

from collections.abc import Mapping
from functools import lru_cache
from math import asin, cos, floor, radians, sin, sqrt
from typing import Any, NamedTuple

from sqlmodel import Session, col, select

from placefeed.adapters.postcodes import EAST, NORTH, sector_of
from placefeed.service.tables import PostcodeSector

__all__ = [
    "FARTHEST", "Cell", "Found", "Point", "cell_of", "cells_within", "find", "miles", "miles_between", "parameter", "sector_of",
]  # fmt: skip

Point = tuple[float, float]
"""Latitude and longitude in degrees (WGS84)."""

Cell = tuple[int, int]
"""A square of half a degree: what places are indexed by."""

FARTHEST = 300  # miles that `withinMiles` takes at most
_CELLS = 2  # a degree
_SLACK = 1e-6  # miles: more than sums of floats are off by
_DIAMETER = 2 * 3958.7613  # of the earth, in miles


class Found(NamedTuple):
    """A sector (or the whole of an outward code) and its middle."""

    sector: str
    latitude: float
    longitude: float

    @property
    def point(self) -> Point:
        """Where it is."""
        return self.latitude, self.longitude


def find(session: Session, text: str) -> Found | None:
    """The middle of the sector of what somebody typed: a postcode, a sector (`SE13 5`) or an outward code (`SE13`: all its sectors).

    None for what is no postcode, and for a sector that is not known here.
    """
    sector = sector_of(text)
    if sector is None:
        return None
    if " " in sector:
        row = session.get(PostcodeSector, sector)
        return Found(sector, row.latitude, row.longitude) if row is not None else None
    rows = session.exec(select(PostcodeSector).where(col(PostcodeSector.sector).startswith(f"{sector} "))).all()
    weight = sum(row.postcodes for row in rows)
    if not weight:
        return None
    latitude, longitude = (
        sum(getattr(row, name) * row.postcodes for row in rows) / weight for name in ("latitude", "longitude")
    )
    return Found(sector, round(latitude, 4), round(longitude, 4))


def parameter(point: Point) -> str:
    """A place as the parameter `near` has it."""
    return ",".join(f"{degrees:.5f}".rstrip("0").rstrip(".") for degrees in point)


def miles(facts: Mapping[str, Any], near: Point) -> float | None:
    """How far a listing with these facts is from a place; None where nobody knows where it is."""
    at = facts.get("at")
    return None if at is None else miles_between((at[0], at[1]), near)


def miles_between(one: Point, other: Point) -> float:
    """As the crow flies, over a round earth: within 0.5 % of the true distance (haversine)."""
    north, south = radians(one[0]), radians(other[0])
    across, along = sin((north - south) / 2), sin(radians(one[1] - other[1]) / 2)
    return _DIAMETER * asin(sqrt(min(1.0, across * across + cos(north) * cos(south) * along * along)))


# -- squares, by which an index finds what may be near ------------------------------------------------------------------


def cell_of(at: Point) -> Cell:
    """The square that a place is in."""
    return floor(at[0] * _CELLS), floor(at[1] * _CELLS)


@lru_cache(maxsize=1024)
def cells_within(near: Point, within: int) -> tuple[tuple[Cell, bool], ...]:
    """The squares of these isles of which some place may be within so many miles, and whether every place of them surely is."""
    found = []
    for north in range(int(NORTH[0] * _CELLS), int(NORTH[1] * _CELLS) + 1):
        middle = (north + 0.5) / _CELLS
        corner = miles_between((middle, 0.0), (north / _CELLS, 0.5 / _CELLS))  # the southern ones are the farther
        for east in range(int(EAST[0] * _CELLS), int(EAST[1] * _CELLS) + 1):
            away = miles_between(near, (middle, (east + 0.5) / _CELLS))
            if away - corner <= within + _SLACK:
                found.append(((north, east), away + corner <= within - _SLACK))
    return tuple(found)
