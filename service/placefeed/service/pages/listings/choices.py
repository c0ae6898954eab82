"""The form of the list: its fields, by the API's own names, with what can be chosen in each."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from placefeed.schema.codelists import codelist, local_authorities

Kind = Literal["codes", "one", "number", "text", "day", "flag", "places"]
Choice = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its parameter, how people call it, how it is asked, and in which codes."""

    name: str
    label: str
    kind: Kind
    choices: tuple[Choice, ...] = ()
    hint: str = ""
    suffix: str = ""
    prefix: str = ""

    def words(self, value: str) -> str:
        """A value as people say it."""
        for code, text in self.choices:
            if code == value:
                return text
        return f"{self.prefix}{value}{self.suffix}" if self.kind != "flag" else self.label


def _codes(name: str) -> tuple[Choice, ...]:
    return tuple((row["code"], row["title"]) for row in codelist(name).rows if not row.get("deprecated"))


def _regions() -> tuple[Choice, ...]:
    return tuple((row["code"], row["title"]) for row in codelist("regions").rows if row["kind"] != "ofsted")


def _authorities() -> tuple[Choice, ...]:
    live = {each.code: each.name for each in local_authorities() if each.live}
    return tuple(sorted(live.items(), key=lambda pair: pair[1]))


def grades(*frameworks: str) -> tuple[Choice, ...]:
    """The overall grades of these frameworks, each named with the kind of setting that it is for."""
    rows = [row for row in codelist("judgements").rows if row["framework"] in frameworks]
    return tuple(
        (f"{row['framework']}:{row['code']}", f"{row['title']}{_OF.get(row['framework'], '')}") for row in rows
    )


_OF = {
    "supported-accommodation-2024": " (supported accommodation)",
    "ciw": " (Wales)",
    "ofsted-homes-2015": " (before April 2017)",
    "ofsted-interim": " (interim inspection)",
}
_YES_NO: tuple[Choice, ...] = (("true", "Only these"), ("false", "None of these"))


@cache
def front() -> tuple[Field, ...]:
    """What is asked most: age first, because a search begins with a child."""
    return (
        Field("age", "Age of the child", "number", suffix=" years"),
        Field("gender", "Gender", "codes", tuple(pair for pair in _codes("genders") if pair[0] != "any-gender")),
        Field("response", "Needed by when", "codes", _codes("response-bands")),
        Field("placementType", "Kind of placement", "codes", _codes("placement-types")),
        Field("need", "Needs", "codes", _codes("support-needs"), "Leaves out homes that exclude any of these."),
        Field("risk", "Risks", "codes", _codes("risks"), "Leaves out homes that exclude any of these."),
        Field("region", "Region", "codes", _regions()),
        Field("la", "Local authority", "places", _authorities()),
        Field("postcode", "Near postcode", "text", hint="We keep only its first part, such as SE13 5."),
        Field("within", "Within", "number", suffix=" miles"),
        Field("price", "Price at most, a week", "number", prefix="£"),
        Field("judgement", "Overall grade", "codes", grades("sccif-2017", "supported-accommodation-2024")),
    )


@cache
def rest() -> tuple[Field, ...]:
    """Everything else that the list can be asked."""
    return (
        Field("q", "Words in name, provider or notes", "text", hint="Never a child’s name."),
        Field("needsStated", "Only homes that say they accept every need", "flag"),
        Field("risksStated", "Only homes that say they accept every risk", "flag"),
        Field("availableBy", "Free on or before", "day", hint="For example, 2026-12-01."),
        Field("placesAtLeast", "Places at least", "number"),
        Field("caredFor", "Living with other children", "codes", _codes("cared-for")),
        Field("provisionType", "Kind of setting", "codes", _listable()),
        Field("communication", "Staff can communicate in", "codes", _codes("communication")),
        Field("adaptation", "Adaptations", "codes", _codes("adaptations")),
        Field("modelOfCare", "Models of care", "codes", _codes("models-of-care")),
        Field("service", "Services", "codes", _codes("services")),
        Field("package", "Package in the price", "codes", _codes("packages")),
        Field("contractType", "Contract", "codes", _codes("contract-types")),
        Field("shortBreaksOnly", "Homes for short breaks only", "one", _YES_NO),
        Field("freshness", "How fresh the provider’s word is", "codes", _codes("freshness")),
        Field("availability", "Availability", "codes", _codes("availability")),
        Field(
            "notJudgement",
            "Leave out these grades",
            "codes",
            grades("sccif-2017", "supported-accommodation-2024", "ciw"),
        ),
        Field("provider", "Provider, by its id here", "text", hint="More than one with commas."),
        Field("urn", "URN", "text", hint="More than one with commas."),
        Field("simulated", "Simulated places", "one", _YES_NO),
    )


def _listable() -> tuple[Choice, ...]:
    return tuple((row["code"], row["title"]) for row in codelist("provision-types").rows if row["listable"] == "yes")


@cache
def by_name() -> dict[str, Field]:
    """Every field of the form."""
    return {field.name: field for field in (*front(), *rest())}


def chosen(field: Field, values: Iterable[str]) -> list[tuple[str, str, bool]]:
    """The choices of a field with whether each is chosen; what an address asks beside them stands last, so that none is lost."""
    asked = list(values)
    known = {code for code, _text in field.choices}
    return [
        *((code, text, code in asked) for code, text in field.choices),
        *((value, _spelt(value), True) for value in dict.fromkeys(asked) if value not in known),
    ]


def _spelt(value: str) -> str:
    """A code that is not among the choices, in words where it has some: `framework/aspect:code` above all."""
    framework, _, rest = value.partition("/")
    aspect, _, code = rest.partition(":")
    if not rest:
        framework, _, code = value.partition(":")
    for row in codelist("judgements").rows:
        if (row["framework"], row["code"]) == (framework, code):
            about = f", {codelist('aspects').title(aspect).lower()}" if aspect in codelist("aspects").codes else ""
            return f"{row['title']}{about}{_OF.get(framework, '')}"
    return value
