"""Typed models of every document of the standard: a convenience that tests prove to agree with the schemas.

`read("vacancy", data)` gives a model or raises `pydantic.ValidationError`; `model.to_json()` gives the JSON back.
For words that a care-home manager understands use `validate`; these models are for code that builds or takes apart.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from placefeed.schema import scalars as s
from placefeed.schema.changes import Event, FeedPage
from placefeed.schema.outputs import Listing, Report, VacancyList
from placefeed.schema.parts import (
    Ages,
    Capacity,
    Ofsted,
    Organisation,
    Rate,
    Registration,
    Setting,
    Tier,
    UnitCapacity,
    Vacancy,
)
from placefeed.schema.scalars import Distinct, Document, Input, Whole


class _Keyed(Input):
    urn: s.Urn | None = None
    registration: Registration | None = None

    @model_validator(mode="after")
    def _exactly_one_key(self) -> "_Keyed":
        if (self.urn is None) == (self.registration is None):
            raise ValueError("give either urn or registration")
        return self

    @property
    def key(self) -> str:
        """How code and tables name the setting: its URN, or `scheme:id` for one registered elsewhere."""
        if self.registration is not None:
            return f"{self.registration.scheme}:{self.registration.id}"
        return str(self.urn)


class SettingRecord(_Keyed):
    """What one feed says of one setting."""

    setting: Setting | None = None
    capacity: Capacity | None = None
    capacities: Annotated[list[UnitCapacity], Field(max_length=2000)] | None = None
    vacancies: Annotated[list[Vacancy], Field(max_length=2000)] | None = None
    rates: Annotated[list[Rate], Field(max_length=2000)] | None = None
    ofsted: Ofsted | None = None
    extensions: s.Extensions | None = None


class Withdrawal(_Keyed):
    """One part, or one vacancy or rate, that no longer stands."""

    part: s.PartName
    id: s.Id | None = None


class Publisher(Input):
    """Who sends a feed."""

    id: s.OrgId
    name: s.Name


class Header(Input):
    """Who sends a feed, and when."""

    standard: s.StandardName
    version: s.Version
    publisher: Publisher
    published_at: s.Instant
    ttl: Annotated[int, Whole, Field(ge=0, le=31_536_000)] | None = None
    complete: s.Boolean | None = None
    simulated: s.Boolean | None = None
    extensions: s.Extensions | None = None


class Feed(Header):
    """What a provider sends."""

    settings: list[SettingRecord]
    withdrawn: list[Withdrawal] | None = None


class HeaderLine(Header):
    """The first line of an NDJSON feed."""

    line: Literal["header"]


class SettingLine(SettingRecord):
    """A line of an NDJSON feed that holds one setting."""

    line: Literal["setting"]


class WithdrawnLine(Withdrawal):
    """A line of an NDJSON feed that withdraws something."""

    line: Literal["withdrawn"]


class TrailerLine(Input):
    """The last line of an NDJSON feed."""

    line: Literal["trailer"]
    count: Annotated[int, Whole, Field(ge=0, le=1_000_000_000)]


def _filter_value(value: Any) -> Any:
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, str | int | float):
            raise ValueError("must be text, a number, true or false, or a list of them")
        if isinstance(one, str) and len(one) > 200:
            raise ValueError("must have at most 200 characters")
    if isinstance(value, list) and len(value) > 500:
        raise ValueError("must have at most 500 values")
    return value


FilterValue = Annotated[Any, BeforeValidator(_filter_value)]
"""One value of a filter, or a list of them."""


class Filter(Input):
    """Which listings are wanted, in the words of the list's own parameters; every one that is given must match."""

    la: FilterValue | None = None
    region: FilterValue | None = None
    near: FilterValue | None = None
    within_miles: FilterValue | None = None
    provision_type: FilterValue | None = None
    urn: FilterValue | None = None
    provider: FilterValue | None = None
    age: FilterValue | None = None
    gender: FilterValue | None = None
    need: FilterValue | None = None
    needs_stated: FilterValue | None = None
    risk: FilterValue | None = None
    risks_stated: FilterValue | None = None
    communication: FilterValue | None = None
    adaptation: FilterValue | None = None
    cared_for: FilterValue | None = None
    placement_type: FilterValue | None = None
    response: FilterValue | None = None
    available_by: FilterValue | None = None
    places_at_least: FilterValue | None = None
    judgement: FilterValue | None = None
    not_judgement: FilterValue | None = None
    show_hidden: FilterValue | None = None
    weekly_at_most_pence: FilterValue | None = None
    contract_type: FilterValue | None = None
    package: FilterValue | None = None
    model_of_care: FilterValue | None = None
    service: FilterValue | None = None
    short_breaks_only: FilterValue | None = None
    freshness: FilterValue | None = None
    availability: FilterValue | None = None
    q: FilterValue | None = None
    simulated: FilterValue | None = None


class WantedPlace(Input):
    """What a member looks for (the document `need`), with nothing that identifies a child."""

    id: s.Id | None = None
    as_of: s.Instant
    reference: s.Id | None = None
    provision_types: s.Codes[s.ProvisionType] | None = None
    local_authorities: Annotated[list[s.Gss], Distinct, Field(max_length=200)] | None = None
    regions: Annotated[list[s.Region], Distinct, Field(max_length=20)] | None = None
    ages: Ages | None = None
    gender: s.Gender | None = None
    needs: s.Codes[s.SupportNeed] | None = None
    risks: s.Codes[s.Risk] | None = None
    communication: s.Codes[s.Communication] | None = None
    adaptations: s.Codes[s.Adaptation] | None = None
    cared: s.CaredFor | None = None
    siblings: Annotated[int, Whole, Field(ge=1, le=20)] | None = None
    parent_and_child: s.Boolean | None = None
    placement_types: s.Codes[s.PlacementType] | None = None
    response: s.ResponseBand | None = None
    places: s.AtLeastOne
    from_: s.Date | None = None
    until: s.Date | None = None
    weekly_equivalent_pence_at_most: s.Pence | None = None
    state: Literal["open", "matched", "closed", "expired"] | None = None
    expires_at: s.Instant | None = None
    extensions: s.Extensions | None = None


class Hold(Input):
    """A member's claim on places of a listing."""

    id: s.Id | None = None
    listing: s.Id
    places: s.AtLeastOne
    need: s.Id | None = None
    buyer: Organisation | None = None
    rate: s.Id | None = None
    state: Literal["open", "accepted", "declined", "released", "expired", "placed"] | None = None
    made_at: s.Instant | None = None
    expires_at: s.Instant | None = None
    extensions: s.Extensions | None = None


class FirstRefusal(Input):
    """The time in which only the buyer sees a new vacancy."""

    hours: Annotated[int, Whole, Field(ge=1, le=8784)]
    days_of_week: s.Codes[s.Weekday] | None = None


class Agreement(Input):
    """A contract between a buyer and a provider, with its first refusal."""

    id: s.Id | None = None
    title: s.ShortText | None = None
    type: s.ContractType
    buyer: Organisation
    provider: Organisation
    framework: s.ShortText | None = None
    from_: s.Date
    until: s.Date | None = None
    rolling_months: Annotated[int, Whole, Field(ge=1, le=120)] | None = None
    notice_days: Annotated[int, Whole, Field(ge=0, le=1000)] | None = None
    settings: Annotated[list[s.Urn], Distinct, Field(max_length=2000)] | None = None
    places: s.Count | None = None
    first_refusal: FirstRefusal | None = None
    rates: Annotated[list[s.Id], Distinct, Field(max_length=500)] | None = None
    tiers: Annotated[list[Tier], Field(max_length=50)] | None = None
    extensions: s.Extensions | None = None


class Timetable(Input):
    """How often an e-mail is sent."""

    every: Literal["instant", "hourly", "daily"]
    at: Annotated[str, Field(strict=True, max_length=5, pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = None


class Subscription(Input):
    """What a reader wants to be told of, and how."""

    id: s.Id | None = None
    title: s.ShortText | None = None
    channel: Literal["webhook", "email"]
    url: s.WebAddress | None = None
    email: s.Email | None = None
    events: s.Codes[s.EventType] | None = None
    filter: Filter | None = None
    content: Literal["empty", "ids", "full"] | None = None
    include_attestations: s.Boolean | None = None
    heartbeat: Annotated[int, Whole, Field(ge=60, le=86_400)] | None = None
    schedule: Timetable | None = None
    owner_email: s.Email | None = None
    state: Literal["requested", "active", "paused", "error"] | None = None
    created_at: s.Instant | None = None
    error: Annotated[str, Field(strict=True, max_length=2000)] | None = None
    secret: Annotated[str, Field(strict=True, max_length=120, pattern="^whsec_[A-Za-z0-9+/]+=*$")] | None = None
    extensions: s.Extensions | None = None

    @model_validator(mode="after")
    def _has_an_address(self) -> "Subscription":
        if (self.url if self.channel == "webhook" else self.email) is None:
            raise ValueError("a webhook needs its url, an e-mail its email")
        return self


MODELS: dict[str, type[Document]] = {
    "feed": Feed,
    "setting": Setting,
    "capacity": Capacity,
    "vacancy": Vacancy,
    "rate": Rate,
    "ofsted": Ofsted,
    "need": WantedPlace,
    "hold": Hold,
    "agreement": Agreement,
    "subscription": Subscription,
    "list": VacancyList,
    "listing": Listing,
    "page": FeedPage,
    "event": Event,
    "report": Report,
    "settingRecord": SettingRecord,
    "withdrawnRecord": Withdrawal,
    "headerLine": HeaderLine,
    "settingLine": SettingLine,
    "withdrawnLine": WithdrawnLine,
    "trailerLine": TrailerLine,
}
"""The model of each document and line form, by its name in the standard."""


def read(name: str, data: Any) -> Document:
    """The model of a parsed document. Raises `pydantic.ValidationError`; KeyError for a name the standard lacks."""
    return MODELS[name].model_validate(data, by_alias=True, by_name=False)
