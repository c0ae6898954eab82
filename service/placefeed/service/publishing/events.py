"""What a step of the log is called, in the standard's event types; and what of it a person should look at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlmodel import Session

from placefeed.service.register.reconcile import Reconciled
from placefeed.service.tables import Alert

Offered = Mapping[str, Any]
"""A rate that is not offered to any: {offeredTo, rate}."""

OF_VACANCY = ("availability", "availabilityReason", "setting", "unit", "vacancy", "provenance")


@dataclass(frozen=True, slots=True)
class Difference:
    """What became different in a listing: event types, JSON Pointers, and whose rates changed (buyers, or "any")."""

    events: list[str]
    changed: list[str]
    offered_to: list[str]


def difference(
    before: bytes, restricted: Iterable[Offered], after: Mapping[str, Any], now_restricted: Iterable[Offered]
) -> Difference:
    """The difference between a listing's old body and restricted rates and its new ones."""
    old = orjson.loads(before)
    changed = [
        pointer
        for name in sorted({*old, *after} - {"rates"})
        if old.get(name) != after.get(name)
        for pointer in _pointers(name, old.get(name), after.get(name))
    ]
    if old.get("rates") != after.get("rates"):
        offered_to = ["any"]
    else:
        was, now = (
            {orjson.dumps(offer, option=orjson.OPT_SORT_KEYS) for offer in offers}
            for offers in (restricted, now_restricted)
        )
        buyers = {buyer for offer in was ^ now for buyer in orjson.loads(offer)["offeredTo"]}
        offered_to = sorted(buyers)
    events = []
    if any(old.get(name) != after.get(name) for name in OF_VACANCY):
        events.append("vacancy.changed")
    if old.get("ofsted") != after.get("ofsted"):
        events.append("ofsted.changed")
    if offered_to:
        events.append("rate.changed")
    return Difference(events, changed, offered_to)


def _pointers(name: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        return [f"/{name}/{part}" for part in sorted({*old, *new}) if old.get(part) != new.get(part)]
    return [f"/{name}"]


def setting_events(
    session: Session,
    urn: str,
    before: Mapping[str, Any] | None,
    after: Reconciled | None,
    document: Mapping[str, Any] | None,
    now: datetime,
) -> list[str]:
    """Events of the setting itself (`document` is `after` as listings show it): a changed grade or status, a suspension. Alerts the operator where it must act."""
    if before is None or after is None or before == document:
        return []
    events = ["ofsted.changed"]
    if after.status != before.get("status") and after.status == "not-on-register":
        session.add(
            Alert(
                at=now,
                kind="not-on-register",
                severity="urgent",
                urn=urn,
                message=f"{urn} is missing from a newer complete list of Ofsted's; its vacancies are no longer listed. Find out whether it has closed.",
            )
        )
    if "suspended" in after.reasons and before.get("registrationStatus") != after.registration_status:
        events.append("setting.suspended")
        session.add(
            Alert(
                at=now,
                kind="setting-suspended",
                severity="urgent",
                urn=urn,
                message=f"{urn} is suspended; its vacancies are no longer listed.",
            )
        )
    return events
