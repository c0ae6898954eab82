"""Typed models of the parts of a setting's record: setting, capacity, vacancy, rate, ofsted."""

from typing import Annotated, Literal

from pydantic import Field

from placefeed.schema import scalars as s
from placefeed.schema.scalars import Distinct, Input, Whole


class Ages(Input):
    """An age range in completed years, both ends included."""

    from_: s.Age
    to: s.Age


class Registration(Input):
    """A setting's number in a register."""

    scheme: s.RegistrationScheme
    id: s.SchemeId


class Organisation(Input):
    """An organisation's identifier in a scheme."""

    scheme: s.OrganisationScheme
    id: s.SchemeId


class StaffingRatio(Input):
    """How many staff for how many children by day."""

    staff: Annotated[int, Whole, Field(ge=1, le=20)]
    children: Annotated[int, Whole, Field(ge=1, le=20)]


class DatedRegistration(Registration):
    """A registration and its dates."""

    from_: s.Date | None = None
    to: s.Date | None = None


class Provider(Input):
    """The organisation that owns a setting."""

    identifiers: Annotated[list[Organisation], Field(max_length=20)] | None = None
    name: s.Name
    sector: s.Sector | None = None


class Service(Input):
    """A health, education, therapy or justice service that a setting brings."""

    kind: s.ServiceKind
    title: s.ShortText | None = None
    included: s.Boolean | None = None


class OutOfHours(Input):
    """Whom to ring at other times."""

    telephone: s.Telephone | None = None
    hours: s.ShortText | None = None


class ReferralContact(Input):
    """Whom to ask about a place: a role, never a person."""

    role: s.Role
    telephone: s.Telephone | None = None
    email: s.Email | None = None
    hours: s.ShortText | None = None
    out_of_hours: OutOfHours | None = None


class Unit(Input):
    """A building, premises, team or group of a setting; no address."""

    id: s.Id
    kind: s.UnitKind
    local_authority: s.Gss | None = None
    postcode_sector: s.PostcodeSector | None = None
    category: s.UnitCategory | None = None
    places: s.Count | None = None


class Setting(Input):
    """Who a setting is."""

    as_of: s.Instant | None = None
    name: s.Name | None = None
    registrations: Annotated[list[DatedRegistration], Field(max_length=20)] | None = None
    replaces: Annotated[list[Registration], Field(max_length=20)] | None = None
    provision_type: s.ProvisionType
    provider: Provider | None = None
    local_authority: s.Gss | None = None
    ages: Ages | None = None
    genders: s.Codes[s.Gender] | None = None
    registered_needs: s.Codes[s.Need] | None = None
    models_of_care: s.Codes[s.Code] | None = None
    services: Annotated[list[Service], Field(max_length=50)] | None = None
    short_breaks_only: s.Boolean | None = None
    education_urn: s.EducationUrn | None = None
    referral_contact: ReferralContact | None = None
    units: Annotated[list[Unit], Field(max_length=2000)] | None = None
    website: s.WebAddress | None = None
    extensions: s.Extensions | None = None


class Unavailable(Input):
    """Registered places that can't be offered, and why."""

    reason: s.UnavailableReason
    places: s.AtLeastOne
    until: s.Date | None = None


class Expected(Input):
    """Places that are likely to become free: a forecast."""

    from_: s.Date
    until: s.Date | None = None
    places: s.AtLeastOne


class Capacity(Input):
    """Counts of places at one moment. What is absent is unknown, never zero."""

    as_of: s.Instant
    unit: s.Id | None = None
    registered: s.Count | None = None
    occupied: s.Count | None = None
    reserved: s.Count | None = None
    unavailable: Annotated[list[Unavailable], Field(max_length=50)] | None = None
    available: s.Count | None = None
    accepting_referrals: s.Boolean | None = None
    not_accepting_reason: s.NotAcceptingReason | None = None
    expected: Annotated[list[Expected], Field(max_length=50)] | None = None
    counts_exchange_holds: s.Boolean | None = None
    extensions: s.Extensions | None = None


class UnitCapacity(Capacity):
    """The counts of one unit among several."""

    unit: s.Id


class Needs(Input):
    """Needs accepted or excluded; what is in neither is not said."""

    accepted: s.Codes[s.SupportNeed] | None = None
    excluded: s.Codes[s.SupportNeed] | None = None


class Risks(Input):
    """Risks accepted or excluded; what is in neither is not said."""

    accepted: s.Codes[s.Risk] | None = None
    excluded: s.Codes[s.Risk] | None = None


class Siblings(Input):
    """Whether brothers and sisters can come together."""

    max: Annotated[int, Whole, Field(ge=1, le=20)]


class ParentAges(Input):
    """The ages of parents."""

    from_: Annotated[int, Whole, Field(ge=10, le=99)] | None = None
    to: Annotated[int, Whole, Field(ge=10, le=99)] | None = None


class Family(Input):
    """Whom an offer to a parent and child takes."""

    parents: Annotated[int, Whole, Field(ge=1, le=4)] | None = None
    children: Annotated[int, Whole, Field(ge=1, le=10)] | None = None
    parent_ages: ParentAges | None = None


class Nights(Input):
    """For short breaks: which nights, and how many at a time."""

    days: s.Codes[s.Weekday] | None = None
    min: Annotated[int, Whole, Field(ge=1, le=366)] | None = None
    max: Annotated[int, Whole, Field(ge=1, le=366)] | None = None


class Uses(Input):
    """Which places an offer draws on, where offers overlap."""

    pool: s.Id | None = None
    places: s.AtLeastOne | None = None


class Vacancy(Input):
    """One or more places that a provider offers."""

    id: s.Id
    as_of: s.Instant
    unit: s.Id | None = None
    places: s.AtLeastOne
    from_: s.Date
    until: s.Date | None = None
    ages: Ages | None = None
    genders: s.Codes[s.Gender] | None = None
    needs: Needs | None = None
    risks: Risks | None = None
    communication: s.Codes[s.Communication] | None = None
    adaptations: s.Codes[s.Adaptation] | None = None
    cared: s.CaredFor | None = None
    siblings: Siblings | None = None
    parent_and_child: s.Boolean | None = None
    family: Family | None = None
    placement_types: s.Codes[s.PlacementType] | None = None
    response: s.ResponseBand | None = None
    nights: Nights | None = None
    weeks_per_year: s.Weeks | None = None
    rates: s.Codes[s.Id] | None = None
    uses: Uses | None = None
    staffing_ratio: StaffingRatio | None = None
    notes: (
        Annotated[
            str,
            Field(
                strict=True,
                min_length=1,
                max_length=500,
                pattern=r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]+$",
            ),
        ]
        | None
    ) = None
    extensions: s.Extensions | None = None


class Price(Input):
    """How much, for how long, for what."""

    pence: s.Pence
    per: s.PricePeriod
    unit: s.PriceUnit | None = None


class CostLine(Input):
    """One line of the breakdown of a price."""

    code: s.Code
    title: s.ShortText | None = None
    pence: s.Pence
    included: s.Boolean | None = None


class Funding(Input):
    """Who is expected to pay which share."""

    care_pence: s.Pence | None = None
    health_pence: s.Pence | None = None
    education_pence: s.Pence | None = None


class Tier(Input):
    """The price from a number of places on."""

    from_places: s.AtLeastOne
    pence: s.Pence


class Terms(Input):
    """What else a contract says about a price."""

    retainer: s.ShortText | None = None
    void: s.ShortText | None = None
    notice_days: Annotated[int, Whole, Field(ge=0, le=366)] | None = None
    uplift: s.ShortText | None = None


class Contract(Input):
    """Under which contract a rate applies."""

    type: s.ContractType
    framework: s.ShortText | None = None


class OfferedTo(Input):
    """The buyers and agreements to which alone a rate is offered."""

    buyers: Annotated[list[Organisation], Field(max_length=500)] | None = None
    agreements: Annotated[list[s.Id], Distinct, Field(max_length=500)] | None = None


class Rate(Input):
    """A price with its breakdown and terms."""

    id: s.Id
    as_of: s.Instant
    title: s.ShortText | None = None
    package: s.Package | None = None
    staffing_ratio: StaffingRatio | None = None
    price: Price
    hours_per_week: Annotated[s.Number, Field(gt=0, le=168)] | None = None
    weeks_per_year: s.Weeks | None = None
    vat: s.Vat | None = None
    lines: Annotated[list[CostLine], Field(max_length=100)] | None = None
    funding: Funding | None = None
    includes: s.Codes[s.Code] | None = None
    tiers: Annotated[list[Tier], Field(max_length=50)] | None = None
    terms: Terms | None = None
    contract: Contract | None = None
    offered_to: Literal["any"] | OfferedTo
    sharing: Literal["members", "buyers-only"] | None = None
    valid_from: s.Date
    valid_until: s.Date | None = None
    extensions: s.Extensions | None = None


class Judgement(Input):
    """One aspect and how it was judged."""

    aspect: s.Aspect
    code: s.JudgementCode


class Inspection(Input):
    """One inspection or visit."""

    id: Annotated[s.SchemeId, Field(max_length=40)] | None = None
    framework: s.Framework
    kind: s.InspectionKind
    inspected_on: s.Date
    published_on: s.Date | None = None
    judgements: Annotated[list[Judgement], Field(max_length=20)] | None = None


class Restriction(Input):
    """One suspension, restriction, condition or notice."""

    kind: s.RestrictionKind
    from_: s.Date
    until: s.Date | None = None
    detail: s.ShortText | None = None


class Ofsted(Input):
    """Registration status, inspections and restrictions as a provider says them."""

    as_of: s.Instant
    registration_status: s.RegistrationStatus | None = None
    inspections: Annotated[list[Inspection], Field(max_length=100)] | None = None
    restrictions: Annotated[list[Restriction], Field(max_length=50)] | None = None
    extensions: s.Extensions | None = None
