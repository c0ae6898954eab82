"""The parameters of a list, in one table: the parser, OpenAPI, `/v1/feeds.json` and the README all read it."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from placefeed.schema.codelists import codelist
from placefeed.service.channels.near import FARTHEST

Kind = Literal[
    "any",
    "every",
    "suits",
    "gender",
    "age",
    "judgement",
    "rate",
    "pence",
    "flag",
    "count",
    "day",
    "text",
    "place",
    "point",
    "miles",
]

POINT = re.compile(r"(-?[0-9]{1,3}(?:\.[0-9]{1,5})?), ?(-?[0-9]{1,3}(?:\.[0-9]{1,5})?)")
"""How a place is written."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: what it asks (`kind`) of which fact, in the codes of which codelist."""

    name: str
    kind: Kind
    fact: str
    description: str
    codelist: str | None = None
    example: str = ""

    @property
    def repeatable(self) -> bool:
        """Whether it may be given more than once (or as codes with commas)."""
        return self.kind in ("any", "every", "suits", "gender", "judgement", "rate", "place")

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes it takes; empty where any text goes."""
        return codelist(self.codelist).codes if self.codelist else ()

    @property
    def checked(self) -> bool:
        """Whether a code that is not in the codelist is refused: open codelists may hold others' codes."""
        return self.codelist is not None and not codelist(self.codelist).open


FILTERS: tuple[Parameter, ...] = (
    Parameter(
        "la",
        "place",
        "la",
        "In any of these local authorities: GSS code or name. An abolished one stands for its successors too.",
        example="E06000023",
    ),
    Parameter("region", "place", "region", "In any of these regions: code or name.", example="E12000009"),
    Parameter(
        "near",
        "point",
        "",
        "A place, as latitude,longitude in degrees (WGS84, at most 5 decimals), to measure from: see withinMiles, and sort=distance.",
        example="51.46,-0.01",
    ),
    Parameter(
        "withinMiles",
        "miles",
        "",
        "At most this many miles (1 to 300) from near, as the crow flies, to the middle of the home's postcode sector; no home that gives none.",
        example="20",
    ),
    Parameter(
        "provisionType", "any", "provisionType", "Any of these provision types.", "provision-types", "children-home"
    ),
    Parameter("urn", "any", "urn", "Any of these settings, by URN.", example="SC000001"),
    Parameter(
        "provider",
        "any",
        "provider",
        "Of any of these providers, by their id on this exchange.",
        example="example-homes",
    ),
    Parameter(
        "age", "age", "ages", "The child's age in years: within the ages stated, or none are stated.", example="14"
    ),
    Parameter("gender", "gender", "genders", "Suits any of these genders, or none is stated.", "genders", "female"),
    Parameter(
        "need",
        "suits",
        "needs",
        "Excludes none of these needs. With needsStated=true: accepts every one of them.",
        "support-needs",
    ),
    Parameter(
        "needsStated",
        "flag",
        "",
        "true: a need that is not mentioned counts as not accepted. Default false.",
        example="true",
    ),
    Parameter(
        "risk",
        "suits",
        "risks",
        "Excludes none of these risks. With risksStated=true: accepts every one of them.",
        "risks",
        "going-missing",
    ),
    Parameter(
        "risksStated",
        "flag",
        "",
        "true: a risk that is not mentioned counts as not accepted. Default false.",
        example="true",
    ),
    Parameter(
        "communication",
        "every",
        "communication",
        "Staff can use every one of these ways of communicating.",
        "communication",
    ),
    Parameter("adaptation", "every", "adaptations", "Has every one of these adaptations.", "adaptations"),
    Parameter(
        "caredFor", "any", "cared", "Offers any of these ways of living with other children.", "cared-for", "solo"
    ),
    Parameter(
        "placementType",
        "any",
        "placementTypes",
        "Offered for any of these kinds of placement.",
        "placement-types",
        "emergency",
    ),
    Parameter("response", "any", "response", "A child can come within any of these times.", "response-bands", "today"),
    Parameter("availableBy", "day", "from", "Free on or before this day (YYYY-MM-DD).", example="2026-12-01"),
    Parameter("placesAtLeast", "count", "places", "At least this many places in one vacancy.", example="2"),
    Parameter(
        "judgement",
        "judgement",
        "judgements",
        "Has any of these judgements: framework:code for the overall one, framework/aspect:code for another. Never compares frameworks.",
        example="sccif-2017:good",
    ),
    Parameter(
        "notJudgement",
        "judgement",
        "judgements",
        "Has none of these judgements, written as for judgement.",
        example="sccif-2017:requires-improvement",
    ),
    Parameter(
        "showHidden",
        "flag",
        "",
        "true: also list settings whose overall grade is hidden by default (totals.hidden counts them). Default false.",
        example="true",
    ),
    Parameter(
        "weeklyAtMostPence",
        "pence",
        "rates",
        "A rate offered to you comes to at most this many pence a week.",
        example="550000",
    ),
    Parameter(
        "contractType",
        "rate",
        "rates",
        "A rate offered to you has any of these contract types.",
        "contract-types",
        "framework",
    ),
    Parameter(
        "package", "rate", "rates", "A rate offered to you is for any of these packages.", "packages", "with-education"
    ),
    Parameter("modelOfCare", "any", "modelsOfCare", "Follows any of these models of care.", "models-of-care"),
    Parameter("service", "every", "services", "Brings every one of these services.", "services"),
    Parameter(
        "shortBreaksOnly",
        "flag",
        "shortBreaksOnly",
        "true: only homes that give short breaks only; false: none of them.",
        example="false",
    ),
    Parameter("freshness", "any", "freshness", "How old the provider's word is: any of these.", "freshness", "fresh"),
    Parameter(
        "availability",
        "any",
        "availability",
        "Known to be available, or to be confirmed by phone.",
        "availability",
        "available",
    ),
    Parameter(
        "q",
        "text",
        "text",
        "Every one of these words begins a word of the name, provider, local authority, URN or notes.",
        example="willow bristol",
    ),
    Parameter("simulated", "flag", "simulated", "true: only simulated listings; false: none of them.", example="false"),
)

PAGING: tuple[Parameter, ...] = (
    Parameter(
        "limit",
        "count",
        "",
        "Listings a page: 100 unless said, at most 2000. NDJSON, CSV and XLSX have all unless said.",
        example="100",
    ),
    Parameter("cursor", "text", "", "Where the next page begins: taken from `next`, never made up."),
    Parameter(
        "sort",
        "text",
        "",
        "default (available first, soonest response, newest word), price, newest, or distance (needs near).",
        example="price",
    ),
    Parameter("format", "text", "", "json, ndjson, csv or xlsx; instead of the Accept header.", example="csv"),
)

BY_NAME = {parameter.name: parameter for parameter in FILTERS}


def openapi(parameters: tuple[Parameter, ...] = FILTERS + PAGING) -> list[dict[str, Any]]:
    """The parameters as OpenAPI parameter objects."""
    return [_openapi(parameter) for parameter in parameters]


def _openapi(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if parameter.kind in ("age", "count", "pence"):
        schema = {"type": "integer", "minimum": 0}
    elif parameter.kind == "flag":
        schema = {"type": "boolean"}
    elif parameter.kind == "miles":
        schema = {"type": "integer", "minimum": 1, "maximum": FARTHEST}
    elif parameter.kind == "point":
        schema = {"type": "string", "pattern": f"^{POINT.pattern}$"}
    elif parameter.kind == "day":
        schema = {"type": "string", "format": "date"}
    elif parameter.checked:
        schema = {"type": "string", "enum": list(parameter.codes)}
    if parameter.repeatable:
        schema = {"type": "array", "items": schema}
    described: dict[str, Any] = {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "required": False,
        "schema": schema,
    }
    if parameter.repeatable:
        described |= {"style": "form", "explode": True}
    return described


def feeds() -> list[dict[str, Any]]:
    """The filters for `/v1/feeds.json`: name, description, codelist, whether repeatable."""
    return [
        {
            "name": parameter.name,
            "description": parameter.description,
            "repeatable": parameter.repeatable,
            **({"codelist": parameter.codelist} if parameter.codelist else {}),
        }
        for parameter in FILTERS
    ]
