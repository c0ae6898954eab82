"""Which rates a vacancy has today, and how a rate is shown to those it is offered to."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from placefeed.schema.prices import annual_equivalent, weekly_equivalent
from placefeed.service.publishing.inputs import Speaker, Word
from placefeed.service.publishing.moment import Moment, Turns

LEFT_OUT = {"id", "asOf", "offeredTo", "sharing", "extensions"}


def rates_for(
    word: Word, rates: Iterable[Word], speakers: Mapping[str, Speaker], moment: Moment, turns: Turns
) -> list[dict[str, Any]]:
    """The rates of a vacancy that are valid today: those it names, of its own source first; all of them if it names none."""
    named = word.document.get("rates")
    chosen: dict[str, Word] = {}
    ranked = sorted(
        (rate for rate in rates if not rate.withdrawn),
        key=lambda rate: (rate.source_id != word.source_id, speakers[rate.source_id].precedence, rate.source_id),
    )
    for rate in ranked:
        if named is None and rate.source_id != word.source_id:
            continue
        if named is None or rate.item in named:
            chosen.setdefault(rate.item, rate)
    valid = []
    for rate in chosen.values():
        starts = date.fromisoformat(rate.document["validFrom"])
        ends = date.fromisoformat(rate.document["validUntil"]) if "validUntil" in rate.document else None
        if starts > moment.today:
            turns.on(starts)
        elif ends is None or ends >= moment.today:
            turns.on(ends + timedelta(days=1) if ends else None)
            valid.append(rate.document)
    return valid


def shown_rate(rate: Mapping[str, Any]) -> dict[str, Any]:
    """A rate as members read it: without the provider's own id and without whom else it is offered to.

    That it is offered to any stands in it where it may be passed on: without the word it is for its reader alone.
    """
    shown = {name: value for name, value in rate.items() if name not in LEFT_OUT}
    if rate["offeredTo"] == "any" and rate.get("sharing") != "buyers-only":
        shown["offeredTo"] = "any"
    weekly, annual = weekly_equivalent(rate), annual_equivalent(rate)
    if weekly is not None:
        shown["weeklyEquivalentPence"] = weekly
    if annual is not None:
        shown["annualEquivalentPence"] = annual
    return shown
