"""Vacancies and prices of a home by hand: a new one through the source of what is typed, one that stands through its own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from placefeed.schema.validation import PartName
from placefeed.service.errors import Conflict, Stale
from placefeed.service.homes.home import Said
from placefeed.service.intake import by_hand


def add(
    session: Session,
    organisation_id: str,
    urn: str,
    part: PartName,
    document: Mapping[str, Any],
    *,
    stem: str,
    now: datetime,
) -> str:
    """State a new vacancy or price and return its id, which we choose. Raises Invalid, NotFound, and Conflict (source closed)."""
    source, _version = by_hand.speaker(session, organisation_id, "", now=now)
    item = by_hand.unused(session, source.id, urn, part, stem)
    by_hand.put(
        session, organisation_id, urn=urn, part=part, item=item, document={"id": item, **document}, mark="", now=now
    )
    return item


def change(
    session: Session,
    organisation_id: str,
    urn: str,
    said: Said,
    document: Mapping[str, Any],
    *,
    mark: str,
    now: datetime,
) -> None:
    """Change one that stands. Raises Stale where it is another than was seen (`mark`), Invalid, and Conflict: see `_ours`."""
    _ours(said, mark)
    by_hand.put(
        session,
        organisation_id,
        urn=urn,
        part=_part(said),
        item=said.item,
        document={**document, "id": said.item},
        mark=mark,
        now=now,
    )


def take_back(session: Session, organisation_id: str, urn: str, said: Said, *, mark: str, now: datetime) -> None:
    """Withdraw one that stands. Raises Stale, and Conflict: see `_ours`."""
    _ours(said, mark)
    by_hand.withdraw(session, organisation_id, urn=urn, part=_part(said), item=said.item, mark=mark, now=now)


def _ours(said: Said, mark: str) -> None:
    if not said.ours:
        raise Conflict(f"{said.organisation} told us this. Ask them to change it.")
    if not said.open:
        raise Conflict(f"“{said.source}”, which told us this, is closed. Ask the operator to open it again.")
    if mark != said.mark:
        raise Stale("It was changed since you opened the page. Check it, and try again if you still mean it.")


def _part(said: Said) -> PartName:
    return "rate" if said.part == "rate" else "vacancy"
