"""Typed models of every document of the standard: a convenience that tests prove to agree with the schemas.

`read("vacancy", data)` gives a model or raises `pydantic.ValidationError`; `model.to_json()` gives the JSON back.
For words that a care-home manager understands use `validate`; these models are for code that builds or takes apart.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from placefeed.schema import scalars as s
from placefeed.schema.outputs import Event, Listing, Report, VacancyList
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


class WantedJudgement(Input):
    """A framework and one of its codes."""

    framework: s.Framework
    code: s.JudgementCode


class Filter(Input):
    """Which listings are wanted; every property that is given must match."""

    local_authorities: Annotated[list[s.Gss], Distinct, Field(max_length=200)] | None = None
    regions: Annotated[list[s.Region], Distinct, Field(max_length=20)] | None = None
    provision_types: s.Codes[s.ProvisionType] | None = None
    age: s.Age | None = None
    gender: s.Gender | None = None
    needs: s.Codes[s.SupportNeed] | None = None
    risks: s.Codes[s.Risk] | None = None
    placement_types: s.Codes[s.PlacementType] | None = None
    responses: s.Codes[s.ResponseBand] | None = None
    judgements: Annotated[list[WantedJudgement], Distinct, Field(max_length=50)] | None = None
    weekly_equivalent_pence_at_most: s.Pence | None = None
    contract_types: s.Codes[s.ContractType] | None = None
    available_only: s.Boolean | None = None


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


class Subscription(Input):
    """What a reader wants to be told of, and how."""

    id: s.Id | None = None
    title: s.ShortText | None = None
    channel: Literal["webhook", "email"]
    url: s.WebAddress | None = None
    email: s.Email | None = None
    filter: Filter | None = None
    events: s.Codes[s.EventType] | None = None
    include_attestations: s.Boolean | None = None
    state: Literal["active", "paused", "failing"] | None = None
    extensions: s.Extensions | None = None


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
