"""Which part or item of a record a fault lies in: that one is refused, and the rest of the record goes on."""

from typing import Any

from placefeed.adapters.base import SourceRecord
from placefeed.schema.issues import Place
from placefeed.service.intake import parts

Spot = tuple[str, int | None]
"""A property of the record, and the position in it where it is an array."""


def item_at(document: dict[str, Any], pointer: str) -> Spot | None:
    """The part or item that a pointer leads into: (property, position or None); None where it is the record itself."""
    steps = pointer.split("/")[1:]
    if not steps or steps[0] not in document:
        return None
    name = steps[0]
    if name in parts.SINGLE:
        return name, None
    if name in parts.MANY:
        if (
            len(steps) > 1
            and steps[1].isdigit()
            and isinstance(document[name], list)
            and int(steps[1]) < len(document[name])
        ):
            return name, int(steps[1])
        return name, None
    return None


def spots_of_cell(record: SourceRecord, document: dict[str, Any], place: Place) -> set[Spot]:
    """The parts and items of which a value stands in the same row: one unreadable cell makes what the row says unsure."""
    if place.pointer:
        spot = item_at(document, place.pointer)
        return {spot} if spot else set()
    row = _row_of(place)
    if row is None:
        return set()
    spots = {
        item_at(document, pointer)
        for pointer, found in record.places.items()
        if found.sheet == place.sheet and _row_of(found) == row
    }
    return {spot for spot in spots if spot is not None}


def _row_of(place: Place) -> str | None:
    return None if place.cell is None else place.cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ$")
