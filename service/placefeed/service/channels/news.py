"""What a step of the log is to one reader: of which types, and the event document that says it. The same on every push channel."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from placefeed.service.access.who import MEMBER, OPERATOR, PROVIDER
from placefeed.service.channels.criteria import Facts
from placefeed.service.channels.query import Filter
from placefeed.service.clock import iso
from placefeed.service.publishing.sight import View
from placefeed.service.publishing.steps import Step

PUBLISHED, WITHDRAWN, CHANGED, CONFIRMED = (
    "vacancy.published",
    "vacancy.withdrawn",
    "vacancy.changed",
    "vacancy.confirmed",
)
OF_LISTINGS = (PUBLISHED, WITHDRAWN, CHANGED, CONFIRMED, "rate.changed", "ofsted.changed")
OF_SETTINGS = ("ofsted.changed", "setting.suspended", "setting.left-register")
OF_PROVIDERS = ("capacity.changed", "source.late", "source.recovered")

TOPICS: Mapping[str, tuple[str, ...]] = {
    # Not capacity.changed: counts that move, followed over time, are a record of children's moves (see access/README.md).
    MEMBER: tuple(dict.fromkeys((*OF_LISTINGS, *OF_SETTINGS))),
    PROVIDER: (*OF_SETTINGS, *OF_PROVIDERS),
    OPERATOR: tuple(dict.fromkeys((*OF_LISTINGS, *OF_SETTINGS, *OF_PROVIDERS))),
}
"""The types of event that each role can be told of."""

CONTENTS = ("empty", "ids", "full")


@dataclass(frozen=True, slots=True)
class Reader:
    """Who is told: what it may see now, and what it could see (`was`) where the stretch of the log began that it is told of."""

    role: str
    organisation_id: str
    view: View
    was: View


@dataclass(frozen=True, slots=True)
class News:
    """One step as a reader is told it: its types, the main one first. `has`: the reader can read the listing now."""

    step: Step
    types: tuple[str, ...]
    has: bool


def news(step: Step, reader: Reader, filter: Filter, *, attestations: bool = False) -> News | None:
    """What this step is to this reader; None where it is nothing. Pure.

    `attestations`: also tell that something was confirmed, or only became older.
    """
    if step.listing_id is None:
        return _of_setting(step, reader, filter)
    if reader.role == PROVIDER:
        return None
    had = _sees(reader.was, step.audiences_before, step.before, filter)
    has = _sees(reader.view, step.audiences_after, step.after, filter)
    if had != has:
        return News(step, (PUBLISHED,) if has else (WITHDRAWN,), has)
    if not has:
        return None
    types = [type for type in step.events if type not in (PUBLISHED, WITHDRAWN)]
    if len(types) < len(step.events):
        types = [CHANGED, *(type for type in types if type != CHANGED)]  # it went and came again in between
    if "rate.changed" in types and not ("any" in step.offered_to or reader.view.may_have_rate(step.offered_to)):
        types.remove("rate.changed")
    if reader.view.buyers != reader.was.buyers and "rate.changed" not in types and _other_rates(step, reader):
        types.append("rate.changed")
    if not types and attestations and step.changed:
        types = [CONFIRMED if _as_of(step.before) != _as_of(step.after) else CHANGED]
    return News(step, tuple(types), has) if types else None


def _other_rates(step: Step, reader: Reader) -> bool:
    """Whether the reader may have other rates of what stands than it could before, by who it is now."""
    return any(
        reader.was.may_have_rate(rate["offeredTo"]) != reader.view.may_have_rate(rate["offeredTo"])
        for rate in (step.after or {}).get("rates", ())
    )


def _of_setting(step: Step, reader: Reader, filter: Filter) -> News | None:
    """An event of a setting: for its provider, and for who sees one of its listings that the filter takes; of a source: its provider."""
    types = tuple(type for type in step.events if type in TOPICS[reader.role])
    if not types:
        return None
    everything = reader.role == OPERATOR and not filter.criteria  # also of settings that have no listing
    if everything or (reader.role == PROVIDER and reader.organisation_id == step.organisation_id):
        return News(step, types, has=False)
    sees = any(
        _sees(reader.view, listing["audiences"], listing["facts"], filter)
        for side in (step.before, step.after)
        for listing in (side or {}).get("listings", ())
    )
    return News(step, types, has=False) if sees else None


def _sees(view: View, audiences: Iterable[str], facts: Facts | None, filter: Filter) -> bool:
    return facts is not None and view.sees(list(audiences)) and filter.matches(facts, view)


def _as_of(facts: Facts | None) -> Any:
    return facts and facts.get("asOf")


def event_document(news: News, *, epoch: int, types: Iterable[str] | None = None) -> dict[str, Any]:
    """The standard's `event`, without the listing itself. `types`: those that the reader asked for, where not all."""
    step = news.step
    wanted = tuple(type for type in news.types if types is None or type in types)
    document: dict[str, Any] = {
        "id": f"{epoch}-{step.position}",
        "type": wanted[0],
        "types": list(wanted),
        "timestamp": iso(step.at),
        "position": step.position,
        "epoch": epoch,
    }
    if step.urn:
        document["urn"] = step.urn
    if step.listing_id is not None:
        document["listingId"] = step.listing_id
        if news.has and wanted[0] != PUBLISHED and step.changed:
            document["changed"] = list(step.changed)
    elif not step.urn:
        document["data"] = step.after or {}
    return document
