"""What a subscription's document asks, and whether its role can be told that at all. Pure: no database, no network.

What can't be served is refused here, when it is asked: a subscription that is taken and never tells anything is the worst
kind of failure.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from placefeed.schema.checking import check_record
from placefeed.schema.personal import screen
from placefeed.service.access.who import MEMBER, PROVIDER
from placefeed.service.channels.news import CONFIRMED, TOPICS
from placefeed.service.channels.query import Filter
from placefeed.service.errors import BadRequest, Invalid

Document = Mapping[str, Any]

WEBHOOK: Final = "webhook"
EMAIL: Final = "email"
READ_ONLY: Final = frozenset({"id", "state", "createdAt", "error", "secret"})
"""What the exchange says of a subscription; a reader who sends back what it read is not corrected for it."""

_ONLY: Final[dict[str, tuple[str, ...]]] = {WEBHOOK: ("url", "heartbeat"), EMAIL: ("email", "schedule")}
_WHY: Final[dict[tuple[str, str], str]] = {
    (MEMBER, "capacity.changed"): "Counts of a setting, followed over time, would show children's moves: members are not told of them.",
    (MEMBER, "source.late"): "Feeds that are late concern their provider and the operator.",
    (MEMBER, "source.recovered"): "Feeds that are late concern their provider and the operator.",
}  # fmt: skip


def writable(document: Document) -> dict[str, Any]:
    """The document without what only the exchange says."""
    return {name: value for name, value in document.items() if name not in READ_ONLY}


def accept(document: Any, role: str, *, now: datetime) -> dict[str, Any]:
    """What a reader of this role may ask for, of a body as it was sent: without personal data, as the standard has it, and servable.

    Raises Invalid that says each fault with its place.
    """
    found = [hit.to_issue() for hit in screen(document) if hit.severity == "error"]
    if not found:
        found = [each for each in check_record(document, now=now, kind="subscription") if each.severity == "error"]
    if found:
        raise Invalid(
            "The subscription has errors; nothing was changed.",
            errors=[
                {"pointer": each.place.pointer or "", "rule": each.rule, "detail": each.message, "advice": each.advice}
                for each in found
            ],
        )
    asked = writable(document)
    check(asked, role)
    return asked


def filter_of(document: Document) -> Filter:
    """The filter that a subscription asks with. Raises BadRequest that names the parameter."""
    return Filter.parse(parameters_of(document.get("filter") or {}))


def parameters_of(asked: Mapping[str, Any]) -> dict[str, list[str]]:
    """A filter of JSON values as the words of a request: 14 and "14" are the same, and so are one value and a list of it."""
    return {
        name: [_word(each) for each in (value if isinstance(value, list) else [value])] for name, value in asked.items()
    }


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def types_of(document: Document, role: str) -> tuple[str, ...]:
    """The types of event that a subscription is told of: those that it names, or all of its role."""
    asked = document.get("events")
    return TOPICS[role] if asked is None else tuple(type for type in asked if type in TOPICS[role])


def content_of(document: Document) -> str:
    """`empty`, `ids` or `full`."""
    return str(document.get("content", "ids"))


def attestations_of(document: Document) -> bool:
    """Whether it is told that nothing changed but the provider's clock."""
    return bool(document.get("includeAttestations", False))


def check(document: Document, role: str) -> None:
    """Refuse what a subscription of this role can't be told, or its channel can't carry; each with its place and reason. Raises Invalid."""
    found = [*_of_channel(document), *_of_events(document, role), *_of_filter(document)]
    if role == PROVIDER:
        found += _of_provider(document)
    if found:
        raise Invalid("This subscription cannot be served; nothing was changed.", errors=found)


def _fault(pointer: str, rule: str, detail: str) -> dict[str, Any]:
    return {"pointer": pointer, "rule": rule, "detail": detail}


def _of_channel(document: Document) -> list[dict[str, Any]]:
    channel = document["channel"]
    other = EMAIL if channel == WEBHOOK else WEBHOOK
    found = [
        _fault(f"/{name}", "channel-unsupported", f"`{name}` belongs to the channel {other}. Leave it out.")
        for name in _ONLY[other]
        if name in document
    ]
    schedule = document.get("schedule", {})
    if "at" in schedule and schedule["every"] != "daily":
        found.append(
            _fault("/schedule/at", "channel-unsupported", "Only a daily e-mail has a time of day. Leave it out.")
        )
    return found


def _of_events(document: Document, role: str) -> list[dict[str, Any]]:
    allowed = TOPICS[role]
    found = []
    asked = document.get("events", ())
    if "events" in document and not asked:
        found.append(
            _fault("/events", "topic-unsupported", "With no events it would never tell anything. Leave it out for all.")
        )
    for index, type in enumerate(asked):
        if type not in allowed:
            why = _WHY.get((role, type), "This is not among what your role can be told of.")
            found.append(
                _fault(f"/events/{index}", "topic-unsupported", f"{why} You can be told of: {', '.join(allowed)}.")
            )
        elif type == CONFIRMED and not attestations_of(document):
            found.append(
                _fault(f"/events/{index}", "topic-unsupported", f"{CONFIRMED} comes only with `includeAttestations`: true.")
            )  # fmt: skip
    return found


def _of_filter(document: Document) -> list[dict[str, Any]]:
    try:
        filter_of(document)
    except BadRequest as error:
        named = [each for each in error.errors if "parameter" in each]
        if not named:
            return [_fault("/filter", "filter-unsupported", str(error))]
        return [_fault(f"/filter/{each['parameter']}", "filter-unsupported", f"It {each['detail']}") for each in named]
    return []


def _of_provider(document: Document) -> list[dict[str, Any]]:
    """A provider is told of its own settings, never of listings: what asks of listings would be taken in vain."""
    found = []
    if document.get("filter"):
        found.append(
            _fault("/filter", "filter-unsupported", "A provider is told of all its own settings. Leave the filter out.")
        )
    if content_of(document) == "full":
        found.append(
            _fault("/content", "content-unsupported", "Listings are for members. A provider's content is empty or ids.")
        )
    if attestations_of(document):
        found.append(
            _fault("/includeAttestations", "content-unsupported", "You attest yourself; members can be told of it.")
        )
    return found
