"""What people type: the small updates, said through a source of their own organisation, and never over what they have not seen."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.schema.validation import PartName
from placefeed.service.access.sources import by_hand_source, own_source
from placefeed.service.clock import iso
from placefeed.service.errors import NotAllowed, NotFound, Stale
from placefeed.service.intake import updates
from placefeed.service.intake.observe import lock_source
from placefeed.service.intake.standing import newest
from placefeed.service.tables import Source, Standing

TICK = timedelta(milliseconds=1)


def put(
    session: Session,
    organisation_id: str,
    *,
    urn: str,
    part: PartName,
    item: str = "",
    document: dict[str, Any],
    mark: str = "",
    now: datetime,
) -> updates.Result:
    """State a part as of now. `mark` (`version@source`) is the word that was seen and is changed; '' where there was none.

    It is said through the source of the mark, so that it stays one voice, or else through the one for what is typed.
    Raises Stale where that source has said something else since, and as updates.put does; another's home is NotFound.
    """
    source, version = speaker(session, organisation_id, mark, now=now)
    lock_source(session, source.id)
    known = newest(session, source.id, urn, part, item)
    stands = known is not None and not known.withdrawn
    if (version != "" and (known is None or not stands or str(known.version) != version)) or (version == "" and stands):
        raise Stale("Somebody has changed this since you opened the page.")
    # Who types has seen what stands: a feed whose clock is a little ahead must not make that older than itself.
    as_of = now if known is None else max(now, known.as_of + TICK)
    try:
        return updates.put(
            session, source=source, urn=urn, part=part, item=item, document={**document, "asOf": iso(as_of)}, now=now
        )
    except NotAllowed as error:
        raise NotFound("You have no such home.") from error


def withdraw(
    session: Session, organisation_id: str, *, urn: str, part: PartName, item: str, mark: str, now: datetime
) -> updates.Result:
    """Withdraw a part through the source that stated it. Raises NotFound, Stale, Conflict (the source is closed)."""
    source, version = speaker(session, organisation_id, mark, now=now)
    try:
        return updates.withdraw(session, source=source, urn=urn, part=part, item=item, if_match=f'"{version}"', now=now)
    except NotAllowed as error:
        raise NotFound("You have no such home.") from error


def speaker(session: Session, organisation_id: str, mark: str, *, now: datetime) -> tuple[Source, str]:
    """The source to speak as, and the version that was seen. Raises NotFound for another organisation's source."""
    version, at, source_id = mark.partition("@")
    if not at:
        return by_hand_source(session, organisation_id, now=now), ""
    return own_source(session, organisation_id, source_id=source_id, now=now), version


def unused(session: Session, source_id: str, urn: str, part: PartName, stem: str) -> str:
    """An id that the source has never used for this part: `stem-1`, `stem-2`, and so on."""
    used = set(
        session.scalars(
            sa.select(col(Standing.item)).where(
                col(Standing.source_id) == source_id, col(Standing.urn) == urn, col(Standing.part) == part
            )
        )
    )
    number = 1
    while f"{stem}-{number}" in used:
        number += 1
    return f"{stem}-{number}"
