"""The form of a vacancy, to the standard's document and back. What the form does not ask stays as it was said."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from placefeed.schema.codelists import codelist
from placefeed.service.pages.forms import Fields

GROUPS: Final = (("needs", "support-needs", "Needs"), ("risks", "risks", "Risks"))
"""(property, codelist, title) of what a place accepts or not."""
TICKED: Final = (
    ("genders", "genders", "Genders"),
    ("placementTypes", "placement-types", "Placement types"),
    ("communication", "communication", "Ways of communicating"),
    ("adaptations", "adaptations", "Adaptations of the building"),
)
"""(property, codelist, title) of lists of codes."""
ASKED: Final = {
    "id", "asOf", "unit", "places", "from", "until", "ages", "genders", "needs", "risks", "placementTypes", "communication", "adaptations",
    "cared", "siblings", "response", "rates", "notes", "weeksPerYear",
}  # fmt: skip

Values = dict[str, Any]


def values_of(document: Mapping[str, Any]) -> Values:
    """The fields of the form for a document: text by name, and lists of codes."""
    ages = document.get("ages", {})
    values: Values = {
        "places": str(document.get("places", 1)),
        "from": document.get("from", ""),
        "until": document.get("until", ""),
        "age_from": str(ages.get("from", "")),
        "age_to": str(ages.get("to", "")),
        "cared": document.get("cared", ""),
        "siblings": str(document.get("siblings", {}).get("max", "")),
        "response": document.get("response", ""),
        "weeks": str(document.get("weeksPerYear", "")),
        "notes": document.get("notes", ""),
        "unit": document.get("unit", ""),
        "rates": list(document.get("rates", ())),
    }
    for name, _list, _title in TICKED:
        values[name] = list(document.get(name, ()))
    for name, _list, _title in GROUPS:
        said = document.get(name, {})
        values[name] = dict.fromkeys(said.get("accepted", ()), "yes") | dict.fromkeys(said.get("excluded", ()), "no")
    return values


def typed(form: Fields) -> Values:
    """The fields as they were sent."""
    names = ("places", "from", "until", "age_from", "age_to", "cared", "siblings", "response", "weeks", "notes", "unit")
    values: Values = {name: form.text(name) for name in names}
    values["rates"] = form.all("rates")
    for name, _list, _title in TICKED:
        values[name] = form.all(name)
    for name, codes, _title in GROUPS:
        sent = {code: form.text(f"{name}_{code}") for code in codelist(codes)}
        values[name] = {code: word for code, word in sent.items() if word in ("yes", "no")}
    return values


def document_of(form: Fields, before: Mapping[str, Any], *, today: date) -> dict[str, Any] | None:
    """The document that was typed; None where something cannot be read: then the form has the errors."""
    values = typed(form)
    document: dict[str, Any] = {name: value for name, value in before.items() if name not in ASKED}
    places = form.whole("places", least=1, most=10_000, what="Places")
    if places is None:
        form.wrong("places", "Say how many places you offer: at least 1. To offer none, withdraw the vacancy.")
    document["places"] = places
    document["from"] = day_of(form, "from", "The first day") or today.isoformat()
    for name, value in (("until", day_of(form, "until", "The last day")), ("unit", values["unit"]), ("notes", values["notes"]), ("cared", values["cared"]), ("response", values["response"])):  # fmt: skip
        if value:
            document[name] = value.replace("\r\n", "\n") if name == "notes" else value
    young = form.whole("age_from", most=25, what="The youngest age")
    old = form.whole("age_to", most=25, what="The oldest age")
    if (young is None) != (old is None):
        form.wrong("age_from" if young is None else "age_to", "Give both the youngest and the oldest age, or neither.")
    elif young is not None:
        document["ages"] = {"from": young, "to": old}
    for field, name in (("siblings", "siblings"), ("weeks", "weeksPerYear")):
        number = form.whole(field, least=1, most=52 if field == "weeks" else 20, what="This")
        if number is not None:
            document[name] = {"max": number} if name == "siblings" else number
    for name in ("rates", *(each[0] for each in TICKED)):
        if values[name]:
            document[name] = list(dict.fromkeys(values[name]))
    for name, _list, _title in GROUPS:
        said = {
            word: [code for code, answer in values[name].items() if answer == sign]
            for word, sign in (("accepted", "yes"), ("excluded", "no"))
        }
        if any(said.values()):
            document[name] = {word: codes for word, codes in said.items() if codes}
    return None if form.errors else document


def field_of(steps: list[str]) -> str:
    """The field that a pointer into the document means."""
    first = steps[0] if steps else ""
    if first == "ages":
        return "age_to" if steps[1:] == ["to"] else "age_from"
    known = {"weeksPerYear": "weeks", **{name: name for name in ("places", "from", "until", "notes", "unit", "rates", "cared", "response", "siblings", "needs", "risks", "genders")}}  # fmt: skip
    return known.get(first, "places")


def day_of(form: Fields, name: str, what: str) -> str | None:
    """A day typed by a date field (2026-07-01), or by hand as 1/7/2026."""
    text = form.text(name)
    if not text:
        return None
    parts = text.replace(".", "/").split("/")
    if len(parts) == 3:
        text = "-".join(part.zfill(2) for part in reversed(parts))
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        form.wrong(name, f"{what} must be a day, such as 1/7/2026.")
        return None
