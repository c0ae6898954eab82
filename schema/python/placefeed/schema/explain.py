"""What is wrong with a document that failed the schema, in words for the people who fill it in.

`jsonschema` finds every error; here they are ranked: of several at one place the plainest stays, a misspelt name takes
the missing one with it, the nearest known name or code is suggested, and no value is repeated unless it is short and
clean.
"""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from placefeed.schema.codelists import codelist
from placefeed.schema.files import explaining_validator
from placefeed.schema.issues import Issue, Place
from placefeed.schema.personal import screen_text
from placefeed.schema.rules import rules

if TYPE_CHECKING:
    # It takes a second to import, and most processes never have to explain anything.
    from jsonschema.exceptions import ValidationError

MOST_ISSUES = 50
"""So many issues of one record are told; who mends them will find the rest."""

# Of several errors at one place the first of these tells most.
_ORDER = (
    "type", "enum", "minLength", "format", "pattern", "maxLength", "minimum", "exclusiveMinimum", "maximum",
    "not", "maxItems", "uniqueItems", "maxProperties", "required", "additionalProperties", "propertyNames",
)  # fmt: skip

_TYPES = {
    "string": "text in quotation marks",
    "integer": "a whole number, without quotation marks",
    "number": "a number, without quotation marks",
    "boolean": "true or false, without quotation marks",
    "array": "a list in [ ]",
    "object": "an object in { }",
    "null": "null",
}

# What people send in place of the standard's own names.
_SYNONYMS = {
    "beds": "places registered", "vacantbeds": "available", "vacancies": "available places", "vacant": "available", "free": "available", "max": "registered",
    "maximum": "registered", "used": "occupied", "filled": "occupied", "la": "localAuthority", "authority": "localAuthority",
    "phone": "telephone", "tel": "telephone", "agerange": "ages", "age": "ages", "gender": "genders", "sex": "genders",
    "cost": "price", "fee": "price", "amount": "pence", "updated": "asOf", "updatedat": "asOf", "timestamp": "asOf",
    "date": "from", "availablefrom": "from", "start": "from", "end": "until", "to": "until", "note": "notes",
    "comments": "notes", "breakdown": "lines", "type": "kind", "grade": "code", "judgement": "code",
}  # fmt: skip

_SHORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.:/'’()-]{0,39}")


def explain(name: str, document: Any, *, pointer: str = "", urn: str | None = None) -> list[Issue]:
    """Every fault of a document (or line form) by its schema; empty if there is none.

    `pointer` is put before the pointers, for a document that stands inside another.
    """
    errors = _ranked(explaining_validator(name).iter_errors(document))
    issues: list[Issue] = []
    for error in errors:
        for issue, where in _told(error):
            place = Place(pointer=pointer + where, urn=urn)
            issues.append(Issue(issue.rule, issue.severity, issue.message, issue.advice, place, issue.cause))
            if len(issues) >= MOST_ISSUES:
                return issues
    return issues


def _ranked(errors: "Iterable[ValidationError]") -> "list[ValidationError]":
    """In the order of the document, one for each value (and one of each kind for each object)."""
    kept: dict[tuple[Any, ...], ValidationError] = {}
    for error in errors:
        kind = _kind(error)
        shape = kind if kind in ("required", "additionalProperties", "propertyNames") else "value"
        key = (shape, *error.absolute_path, *([error.instance] if shape == "propertyNames" else []))
        known = kept.get(key)
        if known is None or _weight(error) < _weight(known):
            kept[key] = error
    return sorted(kept.values(), key=lambda error: [str(step).rjust(6, "0") for step in error.absolute_path])


def _kind(error: "ValidationError") -> str:
    return "propertyNames" if "propertyNames" in error.absolute_schema_path else str(error.validator)


def _weight(error: "ValidationError") -> int:
    kind = _kind(error)
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


def _path(error: "ValidationError") -> str:
    return "".join(f"/{_escape(step)}" for step in error.absolute_path)


def _escape(step: object) -> str:
    text = str(step)
    # A name from outside stands in a pointer only if it is harmless to repeat.
    return text.replace("~", "~0").replace("/", "~1") if isinstance(step, int) or may_repeat(text) else "…"


def may_repeat(text: str) -> bool:
    """Whether a name or code may be said back: short, plain, and nothing that looks personal."""
    return _SHORT.fullmatch(text) is not None and not screen_text(text)


def _subject(error: "ValidationError") -> str:
    """The value's name in the document: `places`, or `genders (one of the list)`."""
    names = [step for step in error.absolute_path if isinstance(step, str)]
    if not names:
        return "This"
    name = names[-1] if may_repeat(names[-1]) else "a value"
    return f"One of {name}" if isinstance(error.absolute_path[-1], int) else name


def _issue(keyword: str, message: str, advice: str, cause: str) -> Issue:
    rule_id = "schema-" + re.sub(r"[A-Z]", lambda letter: "-" + letter.group().lower(), keyword)
    rule = rules().get(rule_id) or rules()["schema-type"]
    rule_id = rule.id
    return Issue(rule_id, rule.severity, message, advice or rule.fix, cause=f"{rule_id}:{cause}")


def _told(error: "ValidationError") -> Iterator[tuple[Issue, str]]:
    kind = _kind(error)
    steps = [str(step) for step in error.absolute_path if isinstance(step, str)]
    cause = ".".join(steps)
    tell = _TELLERS.get(kind)
    if tell is not None:
        yield from tell(error, cause)
        return
    message, advice = _plainly(kind, error)
    yield _issue(kind, message, advice, cause), _path(error)


def _plainly(kind: str, error: "ValidationError") -> tuple[str, str]:
    """What is wrong with one value, and what to do."""
    subject, limit, described = _subject(error), error.validator_value, _described(error)
    match kind:
        case "type":
            return f"{subject} must be {_wanted(error)}.", described
        case "format":
            return f"{subject} is not a {_format(error)} that exists.", described
        case "pattern":
            return f"{subject} is not written as it must be.", described
        case "maxLength":
            return f"{subject} is longer than {limit} characters.", "Shorten it."
        case "minLength":
            return f"{subject} is empty.", "Leave the name out if there is nothing to say."
        case "minimum":
            return f"{subject} must be {limit} or more.", described
        case "exclusiveMinimum":
            return f"{subject} must be more than {limit}.", described
        case "maximum":
            return f"{subject} must be {limit} or less.", described
        case "maxItems":
            return f"{subject} may hold {limit} entries at most.", "Send fewer."
        case "uniqueItems":
            return f"{subject} has the same value twice.", "Send each value once."
        case "maxProperties":
            return f"{subject} may hold {limit} names at most.", "Send fewer."
        case "not":
            return "The record names its setting twice, by urn and by registration.", "Give one of the two."
        case "propertyNames":
            return "The name of an extension is not a web address.", ""
        case _:  # a keyword that no schema of the standard uses today
            return f"{subject} does not fit the standard.", described


def _described(error: "ValidationError") -> str:
    schema = error.schema
    return str(schema.get("description", "")) if isinstance(schema, dict) else ""


def _wanted(error: "ValidationError") -> str:
    wanted = error.validator_value
    return " or ".join(_TYPES[name] for name in ([wanted] if isinstance(wanted, str) else wanted))


def _format(error: "ValidationError") -> str:
    return "day, such as 2026-11-21," if error.validator_value == "date" else "time, such as 2026-11-21T18:04:00Z,"


def _required(error: "ValidationError", cause: str) -> Iterator[tuple[Issue, str]]:
    if not isinstance(error.instance, dict):
        return
    known = _known_names(error)
    strangers = [_nearest(name, known) for name in error.instance if known and name not in known]
    for name in error.validator_value:
        if name in error.instance or name in strangers:  # a misspelt name is told once, as such
            continue
        if name == "urn":
            message, advice = (
                "The record does not say which setting it is about.",
                "Give its urn, or a registration elsewhere.",
            )
        else:
            message, advice = f"{name} is missing{_inside(error)}.", f"Add {name}. {_meaning(error, name)}".strip()
        yield _issue("required", message, advice, f"{cause}.{name}"), _path(error)


def _meaning(error: "ValidationError", name: str) -> str:
    schema = error.schema
    return (
        str(schema["properties"].get(name, {}).get("description", ""))
        if isinstance(schema, dict) and "properties" in schema
        else ""
    )


def _inside(error: "ValidationError") -> str:
    names = [step for step in error.absolute_path if isinstance(step, str)]
    if not names or not may_repeat(names[-1]):
        return ""
    return f" in an entry of {names[-1]}" if isinstance(error.absolute_path[-1], int) else f" in {names[-1]}"


def _known_names(error: "ValidationError") -> list[str]:
    schema = error.schema
    return list(schema.get("properties", ())) if isinstance(schema, dict) else []


def _unknown(error: "ValidationError", cause: str) -> Iterator[tuple[Issue, str]]:
    known = _known_names(error)
    for name in error.instance:
        if name in known:
            continue
        harmless = isinstance(name, str) and may_repeat(name)
        near = _nearest(name, [other for other in known if other not in error.instance])
        said = (
            f"The standard has no name '{name}'{_inside(error)}"
            if harmless
            else f"There is a name that the standard does not know{_inside(error)}"
        )
        advice = (
            f"Did you mean {near}?"
            if near
            else "Take it out, or put it under extensions with a web address of your own."
        )
        where = _path(error) + (f"/{_escape(name)}" if harmless else "")
        yield _issue("unknownProperty", f"{said}.", advice, f"{cause}.{name if harmless else '…'}"), where


def _enum(error: "ValidationError", cause: str) -> Iterator[tuple[Issue, str]]:
    codes = [str(code) for code in error.validator_value]
    where = error.schema.get("x-codelist") if isinstance(error.schema, dict) else None
    value = error.instance
    subject = _subject(error)
    if isinstance(value, str) and may_repeat(value):
        message = f"{subject}: there is no code '{value}'."
        near = _meant(value, codes, where)
    else:
        message, near = f"{subject} is not one of the codes.", None
    if len(codes) == 1:
        listed = f"It must be {codes[0]}."
    elif len(codes) <= 8:
        listed = f"The codes are {', '.join(codes)}{f' (codelist {where})' if where else ''}."
    else:
        listed = f"The codes are in the codelist {where}." if where else "Use one of the listed codes."
    advice = f"Did you mean {near}? {listed}" if near else listed
    yield _issue("enum", message, advice, f"{cause}:{message}"), _path(error)


def _meant(value: str, codes: list[str], where: str | None) -> str | None:
    """The code for a value: by its title or the inspectorate's word in the codelist, else the nearest."""
    if where is not None:
        column = "ofsted" if "ofsted" in codelist(where).rows[0] else None
        found = codelist(where).find(value, column)
        if found in codes:
            return found
    return _nearest(value, codes)


def _flat(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _nearest(name: object, known: Iterable[str]) -> str | None:
    """The known name or code that was most likely meant."""
    if not isinstance(name, str):
        return None
    flat = {_flat(other): other for other in known}
    wanted = _flat(name)
    if wanted in flat:
        return flat[wanted]
    for synonym in _SYNONYMS.get(wanted, "").split():
        if synonym in flat.values():
            return synonym
    near = get_close_matches(wanted, flat, n=1, cutoff=0.72)
    return flat[near[0]] if near else None


_TELLERS = {"required": _required, "additionalProperties": _unknown, "enum": _enum}
