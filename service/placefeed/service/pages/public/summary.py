"""`/summary`: the weekly open counts by local authority and region, as tables and as a map of tiles."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.channels.summary import newest, next_edition
from placefeed.service.errors import NotFound
from placefeed.service.pages.public import tiles
from placefeed.service.pages.render import page
from placefeed.service.pages.visitors import Anybody
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)


@dataclass(frozen=True, slots=True)
class Area:
    """A row of the table: a local authority, its region, and its count; None is kept back."""

    code: str
    name: str
    region: str
    region_code: str
    places: int | None


ORDERS: dict[str, tuple[str, Callable[[Area], Any]]] = {
    "name": ("Local authority", lambda area: area.name),
    "region": ("Region", lambda area: (area.region, area.name)),
    "places": ("Places", lambda area: (area.places is None, -(area.places or 0), area.name)),
}
"""What the table can be sorted by, and how."""


@router.get("/summary")
def summary(request: Request, _visitor: Anybody, region: str | None = None, sort: str = "name") -> Response:
    """The newest edition, where the operator publishes one. Unknown parameters' values are as if they were left out."""
    exchange = exchange_of(request)
    if not exchange.settings.public:
        raise NotFound("No open summary is published here.")
    with exchange.database.read() as session:
        row = newest(session)
        document, made_at = (row.document, row.made_at) if row else (None, None)
    if document is None:
        return page(request, "public/summary_waiting.html", next=next_edition(exchange.clock()))
    areas = areas_of(document)
    chosen = next((found for found in document["regions"] if found["code"] == region), None) if region else None
    order = sort if sort in ORDERS else "name"
    shown = sorted((area for area in areas if not chosen or area.region_code == chosen["code"]), key=ORDERS[order][1])
    return page(
        request,
        "public/summary.html",
        document=document,
        made_at=made_at,
        next=next_edition(exchange.clock()),
        areas=shown,
        chosen=chosen,
        order=order,
        orders=ORDERS,
        map=tiles.england(),
        places={area.code: area.places for area in areas},
        step_of=tiles.step_of,
        steps=tiles.STEPS,
        size=tiles.SIZE,
    )


def areas_of(document: dict[str, Any]) -> list[Area]:
    """Every local authority of an edition; what is outside England's and Wales's list says “Not stated”."""
    return [
        Area(part["code"] or "", part["name"], found["name"], found["code"] or "", part["places"])
        for found in document["regions"]
        for part in found["localAuthorities"]
    ]
