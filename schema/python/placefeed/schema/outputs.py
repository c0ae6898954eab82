"""Typed models of what an exchange sends: list, listing, report (and, in `changes`, page and event). They are open: what a reader does not know, it keeps."""

from typing import Annotated, Literal

from pydantic import Field

from placefeed.schema import scalars as s
from placefeed.schema.scalars import Output

Texts = list[s.Text]


class AgeRange(Output):
    """An age range in completed years, both ends included."""

    from_: s.Natural | None = None
    to: s.Natural | None = None


class Ratio(Output):
    """Staff to children by day."""

    staff: s.Natural | None = None
    children: s.Natural | None = None


class Area(Output):
    """A local authority or region."""

    code: s.Text
    name: s.Text | None = None


class ListedService(Output):
    """A service that a setting brings."""

    kind: s.Text
    title: s.Text | None = None
    included: s.Boolean | None = None


class ListedHours(Output):
    """Whom to ring at other times."""

    telephone: s.Text | None = None
    hours: s.Text | None = None


class ListedContact(Output):
    """Whom to ask: a role, never a person."""

    role: s.Text | None = None
    telephone: s.Text | None = None
    email: s.Text | None = None
    hours: s.Text | None = None
    out_of_hours: ListedHours | None = None


class ListedProvider(Output):
    """The organisation that owns a setting."""

    id: s.Text | None = None
    name: s.Text
    sector: s.Text | None = None


class ListedSetting(Output):
    """Who offers the places."""

    name: s.Text | None = None
    provision_type: s.Text
    provider: ListedProvider | None = None
    local_authority: Area | None = None
    region: Area | None = None
    short_breaks_only: s.Boolean | None = None
    models_of_care: Texts | None = None
    services: list[ListedService] | None = None
    registered_needs: Texts | None = None
    referral_contact: ListedContact | None = None


class ListedUnit(Output):
    """The unit that has the places, without its identifier."""

    kind: s.Text | None = None
    local_authority: Area | None = None
    region: Area | None = None
    postcode_sector: s.Text | None = None
    category: s.Text | None = None


class Acceptance(Output):
    """What is accepted and what is excluded; what is in neither is not said."""

    accepted: Texts | None = None
    excluded: Texts | None = None


class ListedSiblings(Output):
    """Whether brothers and sisters can come together."""

    max: s.Natural | None = None


class ListedFamily(Output):
    """Whom an offer to a parent and child takes."""

    parents: s.Natural | None = None
    children: s.Natural | None = None
    parent_ages: AgeRange | None = None


class ListedNights(Output):
    """For short breaks: which nights, and how many at a time."""

    days: Texts | None = None
    min: s.Natural | None = None
    max: s.Natural | None = None


class ListedVacancy(Output):
    """What is offered."""

    places: s.Natural
    from_: s.Date
    until: s.Date | None = None
    ages: AgeRange | None = None
    genders: Texts | None = None
    needs: Acceptance | None = None
    risks: Acceptance | None = None
    communication: Texts | None = None
    adaptations: Texts | None = None
    cared: s.Text | None = None
    siblings: ListedSiblings | None = None
    parent_and_child: s.Boolean | None = None
    family: ListedFamily | None = None
    placement_types: Texts | None = None
    response: s.Text | None = None
    nights: ListedNights | None = None
    weeks_per_year: s.Natural | None = None
    staffing_ratio: Ratio | None = None
    shares_places_with: Texts | None = None
    notes: s.Text | None = None


class ListedPrice(Output):
    """How much, for how long, for what."""

    pence: s.Natural
    per: s.Text
    unit: s.Text | None = None


class ListedLine(Output):
    """One line of the breakdown of a price."""

    code: s.Text
    title: s.Text | None = None
    pence: s.Natural
    included: s.Boolean | None = None


class ListedFunding(Output):
    """Who is expected to pay which share."""

    care_pence: s.Natural | None = None
    health_pence: s.Natural | None = None
    education_pence: s.Natural | None = None


class ListedTier(Output):
    """The price from a number of places on."""

    from_places: s.Natural
    pence: s.Natural


class ListedTerms(Output):
    """What else a contract says about a price."""

    retainer: s.Text | None = None
    void: s.Text | None = None
    notice_days: s.Natural | None = None
    uplift: s.Text | None = None


class ListedContract(Output):
    """Under which contract a rate applies."""

    type: s.Text | None = None
    framework: s.Text | None = None


class ListedRate(Output):
    """A rate as far as the reader may see it, with its weekly equivalent."""

    id: s.Text | None = None
    title: s.Text | None = None
    as_of: s.Instant | None = None
    package: s.Text | None = None
    staffing_ratio: Ratio | None = None
    price: ListedPrice
    weekly_equivalent_pence: s.Natural | None = None
    annual_equivalent_pence: s.Natural | None = None
    hours_per_week: s.Number | None = None
    weeks_per_year: s.Natural | None = None
    vat: s.Text | None = None
    lines: list[ListedLine] | None = None
    funding: ListedFunding | None = None
    includes: Texts | None = None
    tiers: list[ListedTier] | None = None
    terms: ListedTerms | None = None
    contract: ListedContract | None = None
    valid_from: s.Date | None = None
    valid_until: s.Date | None = None
    offered_to: s.Text | None = None


class ListedJudgement(Output):
    """One aspect and its judgement, tied to its framework, and whose word it is."""

    framework: s.Text
    aspect: s.Text
    code: s.Text
    kind: s.Text | None = None
    inspected_on: s.Date | None = None
    published_on: s.Date | None = None
    origin: Literal["register", "declared"] | None = None


class ListedInspection(Output):
    """One earlier inspection."""

    framework: s.Text | None = None
    kind: s.Text | None = None
    inspected_on: s.Date | None = None
    published_on: s.Date | None = None
    judgements: list[ListedJudgement] | None = None


class ListedRestriction(Output):
    """One restriction in force."""

    kind: s.Text
    from_: s.Date | None = None
    until: s.Date | None = None


class ListedOfsted(Output):
    """What the register and the provider say, reconciled."""

    status: s.Text
    registration_status: s.Text | None = None
    judgements: list[ListedJudgement] | None = None
    declared: list[ListedJudgement] | None = None
    restrictions: list[ListedRestriction] | None = None
    register_as_at: s.Date | None = None
    history: list[ListedInspection] | None = None


class Clocks(Output):
    """When what is known was true, and when that changes."""

    as_of: s.Instant
    attested_at: s.Instant | None = None
    published_at: s.Instant
    unknown_since: s.Instant | None = None
    leaves_at: s.Instant | None = None


class Provenance(Output):
    """Whose word it is."""

    source: s.Text | None = None
    publisher: s.Text | None = None
    simulated: s.Boolean | None = None
    via: s.Text | None = None


class Listing(Output):
    """One vacancy as a member receives it."""

    id: s.Text
    urn: s.Text
    url: s.Text | None = None
    availability: Literal["available", "unknown"]
    availability_reason: s.Text | None = None
    freshness: Literal["fresh", "ageing", "stale", "unknown"]
    setting: ListedSetting
    unit: ListedUnit | None = None
    vacancy: ListedVacancy
    rates: list[ListedRate]
    ofsted: ListedOfsted
    clocks: Clocks
    provenance: Provenance


class Totals(Output):
    """How many listings match, on all pages."""

    available: s.Natural | None = None
    unknown: s.Natural | None = None


class VacancyList(Output):
    """The consolidated vacancy list (the document `list`), a page at a time."""

    standard: s.StandardName
    version: Annotated[str, Field(strict=True, pattern=r"^1\.[0-9]+$")]
    last_updated: s.Instant
    ttl: s.Natural
    position: s.Natural
    epoch: s.Natural
    items: list[Listing]
    next: s.Text | None = None
    totals: Totals | None = None


class Engine(Output):
    """What checked a submission."""

    name: s.Text
    version: s.Text


class ReportedPlace(Output):
    """Where: a pointer, a line, or a sheet and cell."""

    pointer: s.Text | None = None
    line: Annotated[s.Natural, Field(ge=1)] | None = None
    sheet: s.Text | None = None
    cell: s.Text | None = None
    urn: s.Text | None = None


class ReportedIssue(Output):
    """One cause: what is wrong, how often, where, and what to do."""

    rule: s.Text
    severity: Literal["error", "warning", "advice"]
    message: s.Text
    advice: s.Text | None = None
    count: s.Natural
    places: list[ReportedPlace] | None = None


class ReportedRecord(Output):
    """One record and what became of it."""

    index: s.Natural | None = None
    urn: s.Text | None = None
    part: s.Text | None = None
    id: s.Text | None = None
    outcome: Literal["accepted", "unchanged", "attested", "held", "superseded", "rejected", "withdrawn"]


class Publication(Output):
    """Whether members see it yet."""

    status: Literal["published", "pending"]
    published_at: s.Instant | None = None


class Report(Output):
    """The answer to a submission."""

    submission: s.Text | None = None
    engine: Engine
    schema_version: s.Text
    verdict: Literal["accepted", "partly-accepted", "rejected", "unchanged", "working"]
    counts: dict[str, s.Natural]
    records: list[ReportedRecord] | None = None
    issues: list[ReportedIssue]
    publication: Publication | None = None
