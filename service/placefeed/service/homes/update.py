"""The update in thirty seconds: the counts of a home or unit, and the vacancies that must agree with them, in one step."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import orjson
from sqlmodel import Session

from placefeed.service.clock import london_day
from placefeed.service.config import Settings
from placefeed.service.errors import Invalid, NotFound, Stale
from placefeed.service.homes.home import Home, Said, home_of, last_offer
from placefeed.service.intake import by_hand
from placefeed.service.tables import Standing

Then = Literal["", "keep", "withdraw", "offer"]
NOT_KEPT = {
    "asOf", "unit", "registered", "occupied", "reserved", "unavailable", "available", "acceptingReferrals", "notAcceptingReason",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Closed:
    """Some places that cannot be offered, and why."""

    places: int
    reason: str
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What somebody typed. How many live there is worked out where the registered places are known."""

    available: int
    reserved: int
    closed: tuple[Closed, ...] = ()
    registered: int | None = None
    accepting: bool | None = None
    reason: str | None = None

    @property
    def occupied(self) -> int | None:
        """What is left of the registered places; below nought where the counts do not fit."""
        if self.registered is None:
            return None
        return self.registered - self.available - self.reserved - sum(each.places for each in self.closed)


@dataclass(slots=True)
class Saved:
    """What was done. `asks`: nothing was done yet, because no place is free and these vacancies are still offered."""

    submissions: list[str] = field(default_factory=list)
    withdrawn: int = 0
    offered: int = 0
    asks: list[Said] = field(default_factory=list)


def save(
    session: Session,
    organisation_id: str,
    urn: str,
    counts: Counts,
    *,
    unit: str = "",
    mark: str,
    then: Then = "",
    settings: Settings,
    now: datetime,
) -> Saved:
    """Save the counts, and with `then` withdraw what is offered, or offer what is free.

    Raises Stale where another word counts than the one that was seen (`mark`), Invalid where they do not add up, and
    Conflict where a source is closed.
    """
    home = home_of(session, organisation_id, urn, settings=settings, now=now)
    if unit not in home.forms:
        raise NotFound("The home has no such unit (any more).")
    seen = home.counts.get(unit)
    if (seen.mark if seen else "") != mark:
        raise Stale("Somebody has changed the counts since you opened the page.")
    occupied = counts.occupied
    if occupied is not None and occupied < 0:
        total = (counts.registered or 0) - occupied
        raise Invalid(
            "The places do not add up.",
            errors=[
                {
                    "pointer": "/available",
                    "rule": "counts-do-not-add-up",
                    "detail": f"The places come to {total}, but {counts.registered} are registered.",
                    "advice": "Lower one of the numbers.",
                }
            ],
        )
    today = london_day(now).isoformat()
    offered = [each for each in home.offered(unit, on=today) if each.changeable]
    if counts.available == 0 and offered and then not in ("keep", "withdraw"):
        return Saved(asks=offered)
    target = home.target(unit)
    result = by_hand.put(
        session,
        organisation_id,
        urn=urn,
        part="capacity",
        item=unit,
        document=_document(counts, unit, target),
        mark=target.mark if target else "",
        now=now,
    )
    saved = Saved([result.submission_id])
    if then == "withdraw":
        for each in offered:
            done = by_hand.withdraw(
                session, organisation_id, urn=urn, part="vacancy", item=each.item, mark=each.mark, now=now
            )
            saved.submissions.append(done.submission_id)
            saved.withdrawn += 1
    elif then == "offer" and counts.available > 0 and len(offered) < 2:
        saved.submissions.append(offer(session, organisation_id, home, counts.available, unit=unit, now=now))
        saved.offered = counts.available
    return saved


def offer(session: Session, organisation_id: str, home: Home, places: int, *, unit: str = "", now: datetime) -> str:
    """Offer so many places from today: by the one vacancy that is offered, else one like the last, else a plain one.

    Returns the submission. Raises Conflict where its source is closed.
    """
    today = london_day(now).isoformat()
    offered = [each for each in home.offered(unit, on=today) if each.changeable]
    last = None if offered else last_offer(session, organisation_id, home.urn, unit)
    if offered:
        document, item, mark = dict(offered[0].document), offered[0].item, offered[0].mark
    elif last is not None:
        document, item, mark = again(last, today), last.item, f"@{last.source_id}"
    else:
        source, _version = by_hand.speaker(session, organisation_id, "", now=now)
        item, mark = by_hand.unused(session, source.id, home.urn, "vacancy", "place"), ""
        document = {"id": item, "from": today, **({"unit": unit} if unit else {})}
    done = by_hand.put(
        session, organisation_id, urn=home.urn, part="vacancy", item=item, document={**document, "places": places}, mark=mark, now=now,
    )  # fmt: skip
    return done.submission_id


def again(last: Standing, today: str) -> dict[str, Any]:
    """A vacancy like one that was withdrawn, from today: without a last day that has passed."""
    document: dict[str, Any] = {**orjson.loads(last.document), "from": today}
    if document.get("until", today) < today:
        del document["until"]
    return document


def _document(counts: Counts, unit: str, target: Said | None) -> dict[str, Any]:
    """The `capacity` document: what the page does not ask stays as it was said."""
    kept = {name: value for name, value in (target.document if target else {}).items() if name not in NOT_KEPT}
    document: dict[str, Any] = {
        **kept,
        "available": counts.available,
        "reserved": counts.reserved,
        "unavailable": [
            {"reason": each.reason, "places": each.places, **({"until": each.until} if each.until else {})}
            for each in counts.closed
            if each.places
        ],
    }
    if unit:
        document["unit"] = unit
    if counts.registered is not None:
        document |= {"registered": counts.registered, "occupied": counts.occupied}
    if counts.accepting is not None:
        document["acceptingReferrals"] = counts.accepting
        if not counts.accepting and counts.reason:
            document["notAcceptingReason"] = counts.reason
    return document
