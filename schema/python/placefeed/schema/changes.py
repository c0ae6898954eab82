"""Typed models of what an exchange sends of changes: the page of a change feed, and the event of a push channel."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from placefeed.schema import scalars as s
from placefeed.schema.outputs import (
    Clocks,
    ListedOfsted,
    ListedRate,
    ListedSetting,
    ListedUnit,
    ListedVacancy,
    Listing,
    Provenance,
)
from placefeed.schema.scalars import Output


class ItemData(Output):
    """What a change feed says of a thing: a vacancy, a setting, or an area."""

    id: s.Text | None = None
    urn: s.Text | None = None
    url: s.Text | None = None
    availability: Literal["available", "unknown"] | None = None
    availability_reason: s.Text | None = None
    freshness: Literal["fresh", "ageing", "stale", "unknown"] | None = None
    unit: ListedUnit | None = None
    vacancy: ListedVacancy | None = None
    rates: list[ListedRate] | None = None
    clocks: Clocks | None = None
    provenance: Provenance | None = None
    setting: ListedSetting | None = None
    ofsted: ListedOfsted | None = None
    level: s.Text | None = None
    code: s.Text | None = None
    name: s.Text | None = None
    region: s.Text | None = None
    places: s.Natural | None = None
    rounded_to: Annotated[s.Natural, Field(ge=1)] | None = None
    simulated: s.Boolean | None = None


class Item(Output):
    """One thing as it stands now, or that it is gone."""

    state: Literal["updated", "deleted"]
    kind: s.Text
    id: s.Text
    modified: Annotated[s.Natural, Field(ge=1)]
    data: ItemData | None = None

    @model_validator(mode="after")
    def _data_while_it_stands(self) -> "Item":
        if (self.state == "updated") == (self.data is None):
            raise ValueError("what is updated has data, what is deleted has none")
        return self


class FeedPage(Output):
    """A page of a change feed (the document `page`)."""

    next: s.Text
    items: list[Item]
    license: s.Text


class Event(Output):
    """What push channels carry."""

    id: s.Text | None = None
    type: s.Text
    types: list[s.Text] | None = None
    timestamp: s.Instant | None = None
    position: s.Natural
    epoch: Annotated[int, s.Whole, Field(ge=1)] | None = None
    number: Annotated[int, s.Whole, Field(ge=1)] | None = None
    listing: Listing | None = None
    listing_id: s.Text | None = None
    urn: s.Text | None = None
    changed: list[s.Text] | None = None
    data: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _says_what_is_not_withheld(self) -> "Event":
        if self.type != "withheld" and (self.id is None or self.timestamp is None):
            raise ValueError("an event that is not withheld has an id and a timestamp")
        return self
