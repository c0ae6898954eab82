"""The types that the models of the documents are made of, built from the schema's own shared definitions.

Codes, patterns and limits stand once, in `1.0/common.schema.json`; here they become types that pydantic checks the
same way JSON Schema does: "1" is not an integer and 1.0 is, 0 is not a date, null is not absent.
"""

import re
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic.functional_validators import AfterValidator
from pydantic_core import CoreSchema, core_schema

from placefeed.schema.files import schema


@cache
def shared(name: str) -> dict[str, Any]:
    """A definition of `common`, such as `gender`."""
    found: dict[str, Any] = schema("common")["$defs"][name]
    return found


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(shared(name)["pattern"])


class Shared:
    """Marks a string as one of the schema's shared definitions: `Annotated[str, Shared("gender")]`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        rule = shared(self.name)
        if "enum" in rule:
            return core_schema.literal_schema(rule["enum"])
        return core_schema.str_schema(
            strict=True, min_length=rule.get("minLength"), max_length=rule.get("maxLength"), pattern=rule.get("pattern")
        )


def _whole(value: Any) -> Any:
    """JSON Schema's integer: 4 and 4.0 are the same number; true and "4" are none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    return value


def _boolean(value: Any) -> Any:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _instant(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _pattern("instant").fullmatch(value):
        raise ValueError("must be an instant with its offset, such as 2026-11-21T18:04:00Z")
    return datetime.fromisoformat(value)


def _date(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _pattern("date").fullmatch(value):
        raise ValueError("must be a date, year first, such as 2026-11-21")
    return date.fromisoformat(value)


def _distinct(values: list[Any]) -> list[Any]:
    if any(value in values[:index] for index, value in enumerate(values)):
        raise ValueError("must not name anything twice")
    return values


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Whole = BeforeValidator(_whole)
Distinct = AfterValidator(_distinct)

Natural = Annotated[int, Whole, Field(ge=0)]
Number = Annotated[float, BeforeValidator(_number)]
Boolean = Annotated[bool, BeforeValidator(_boolean)]
Text = Annotated[str, Field(strict=True)]
Instant = Annotated[AwareDatetime, BeforeValidator(_instant), AfterValidator(_utc)]
Date = Annotated[date, BeforeValidator(_date)]

Pence = Annotated[int, Whole, Field(ge=0, le=1_000_000_000)]
Count = Annotated[int, Whole, Field(ge=0, le=10_000)]
AtLeastOne = Annotated[int, Whole, Field(ge=1, le=10_000)]
Age = Annotated[int, Whole, Field(ge=0, le=25)]
Weeks = Annotated[int, Whole, Field(ge=1, le=52)]

Urn = Annotated[str, Shared("urn")]
EducationUrn = Annotated[str, Shared("educationUrn")]
Gss = Annotated[str, Shared("gss")]
Region = Annotated[str, Shared("region")]
PostcodeSector = Annotated[str, Shared("postcodeSector")]
OrgId = Annotated[str, Shared("orgId")]
Id = Annotated[str, Shared("id")]
RegistrationScheme = Annotated[str, Shared("registrationScheme")]
OrganisationScheme = Annotated[str, Shared("organisationScheme")]
SchemeId = Annotated[str, Shared("schemeId")]
Code = Annotated[str, Shared("code")]
EventType = Annotated[str, Shared("eventType")]
Name = Annotated[str, Shared("name")]
ShortText = Annotated[str, Shared("shortText")]
Telephone = Annotated[str, Shared("telephone")]
Email = Annotated[str, Shared("email")]
WebAddress = Annotated[str, Shared("webAddress")]
JudgementCode = Annotated[str, Shared("judgementCode")]

ProvisionType = Annotated[str, Shared("provisionType")]
RegistrationStatus = Annotated[str, Shared("registrationStatus")]
Gender = Annotated[str, Shared("gender")]
Need = Annotated[str, Shared("need")]
SupportNeed = Annotated[str, Shared("supportNeed")]
Risk = Annotated[str, Shared("risk")]
PlacementType = Annotated[str, Shared("placementType")]
ResponseBand = Annotated[str, Shared("responseBand")]
CaredFor = Annotated[str, Shared("caredFor")]
Communication = Annotated[str, Shared("communication")]
Adaptation = Annotated[str, Shared("adaptation")]
UnavailableReason = Annotated[str, Shared("unavailableReason")]
NotAcceptingReason = Annotated[str, Shared("notAcceptingReason")]
Package = Annotated[str, Shared("package")]
PricePeriod = Annotated[str, Shared("pricePeriod")]
PriceUnit = Annotated[str, Shared("priceUnit")]
Vat = Annotated[str, Shared("vat")]
ContractType = Annotated[str, Shared("contractType")]
ServiceKind = Annotated[str, Shared("serviceKind")]
UnitKind = Annotated[str, Shared("unitKind")]
UnitCategory = Annotated[str, Shared("unitCategory")]
Framework = Annotated[str, Shared("framework")]
InspectionKind = Annotated[str, Shared("inspectionKind")]
Aspect = Annotated[str, Shared("aspect")]
RestrictionKind = Annotated[str, Shared("restrictionKind")]
Sector = Annotated[str, Shared("sector")]
Role = Annotated[str, Shared("role")]
PartName = Annotated[str, Shared("part")]
Weekday = Annotated[str, Shared("weekday")]
Version = Annotated[str, Shared("version")]
StandardName = Annotated[str, Shared("standardName")]

Item = TypeVar("Item")
Codes = Annotated[list[Item], Distinct, Field(max_length=50)]
"""A list of at most fifty codes, none of them twice."""

_ExtensionKey = Annotated[str, Field(strict=True, max_length=200, pattern="^https?://[!-~]+$")]
Extensions = Annotated[dict[_ExtensionKey, Any], Field(max_length=20)]


def camel(name: str) -> str:
    """`as_of` -> `asOf`; `from_` -> `from`."""
    head, *tail = name.rstrip("_").split("_")
    return head + "".join(word.capitalize() for word in tail)


class Document(BaseModel):
    """A JSON object of the standard. A property that is not known is left out, never null."""

    model_config = ConfigDict(
        alias_generator=camel, validate_by_name=True, validate_by_alias=True, frozen=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_absent(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for name, field in cls.model_fields.items():
                for key in (name, field.alias):
                    if key in data and data[key] is None:
                        raise ValueError(f"{field.alias} is null; leave out what is not known")
        return data

    def to_json(self) -> dict[str, Any]:
        """The document as JSON values: only what was given, under its camelCase names."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class Input(Document):
    """An object that others send to an exchange: closed, an unknown property is an error."""

    model_config = ConfigDict(extra="forbid")


class Output(Document):
    """An object that an exchange sends: open, a reader keeps what it does not know."""

    model_config = ConfigDict(extra="allow")
