"""Whom members ring about a place: one property of the setting's own document, of which all else stays as it was said."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from placefeed.service.config import Settings
from placefeed.service.errors import Conflict, Stale
from placefeed.service.homes.home import home_of
from placefeed.service.intake import by_hand
from placefeed.service.intake.updates import Result


def save_contact(
    session: Session,
    organisation_id: str,
    urn: str,
    contact: dict[str, Any],
    *,
    mark: str,
    settings: Settings,
    now: datetime,
) -> Result:
    """Save the referral contact; `{}` takes it out. Raises Stale, Invalid, and Conflict where another organisation describes the home:
    a document typed here would take the place of theirs, and say nothing of ages or needs."""
    home = home_of(session, organisation_id, urn, settings=settings, now=now)
    said = home.setting
    if (said.mark if said else "") != mark:
        raise Stale("Somebody has changed this since you opened the page. Check it, and save it again.")
    if said is not None and not said.ours:
        raise Conflict(f"{said.organisation} describes this home. Ask them to change the contact.")
    if said is not None and not said.open:
        raise Conflict(f"“{said.source}” describes this home and is closed. Ask the operator to open it again.")
    document = {name: value for name, value in (said.document if said else {}).items() if name != "referralContact"}
    if "provisionType" not in document:
        if not home.profile.get("provisionType"):
            raise Conflict("Nobody has said yet what kind of home this is. Ask the operator.")
        document["provisionType"] = home.profile["provisionType"]
    if contact:
        document["referralContact"] = contact
    return by_hand.put(session, organisation_id, urn=urn, part="setting", document=document, mark=mark, now=now)
