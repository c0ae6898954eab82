"""What a step of the log is called, in the standard's event types; and what of it a person should look at."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlmodel import Session

from placefeed.service.register.reconcile import Reconciled
from placefeed.service.tables import Alert

OF_VACANCY = ("availability", "availabilityReason", "setting", "unit", "vacancy", "provenance")


def events_between(before: bytes | None, after: Mapping[str, Any]) -> list[str]:
    """Event types of a listing's step from its old body (None: it was not listed) to the new one."""
    if before is None:
        return ["vacancy.published"]
    old = orjson.loads(before)
    events = []
    if any(old.get(name) != after.get(name) for name in OF_VACANCY):
        events.append("vacancy.changed")
    if old.get("ofsted") != after.get("ofsted"):
        events.append("ofsted.changed")
    if old.get("rates") != after.get("rates") or not events:
        events.append("rate.changed")  # also when only a rate that is not offered to any has changed
    return events


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
