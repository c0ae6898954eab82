"""What members see of a provider's homes now: the published listings, as one of them, or a consortium's members, have them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.channels.rows import row_of
from placefeed.service.clock import london_day
from placefeed.service.errors import NotFound
from placefeed.service.publishing.sight import EXCHANGE_SCHEME, View, view_of
from placefeed.service.tables import (
    Consortium,
    ConsortiumMember,
    ConsortiumProvider,
    Listing,
    Organisation,
    Pending,
    Source,
    SpeaksFor,
)

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Buyer:
    """Somebody who may see a provider's homes: `c:id` a consortium that takes it, `m:id` one of its members."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A listing in a few facts. `until`: when it changes by time alone."""

    urn: str
    places: int
    availability: str
    freshness: str
    seen: bool
    until: datetime | None


def shown_of(session: Session, urns: Sequence[str], *, now: datetime) -> dict[str, list[Shown]]:
    """The listings of these homes that stand, whoever sees them; what time has overtaken is unknown, as members have it."""
    found: dict[str, list[Shown]] = {}
    for start in range(0, len(urns), CHUNK):
        rows = session.execute(
            sa.select(col(Listing.urn), col(Listing.facts), col(Listing.audiences), col(Listing.changes_at))
            .where(col(Listing.urn).in_(urns[start : start + CHUNK]), col(Listing.state) == "updated")
            .order_by(col(Listing.id))
        )
        for urn, facts, audiences, changes_at in rows:
            late = changes_at is not None and changes_at <= now
            found.setdefault(urn, []).append(
                Shown(
                    urn,
                    facts["places"],
                    "unknown" if late else facts["availability"],
                    "unknown" if late else facts["freshness"],
                    bool(audiences),
                    changes_at,
                )
            )
    return found


def being_published(session: Session, urns: Sequence[str]) -> bool:
    """Whether something that was said of these homes is still on its way to members."""
    return bool(session.execute(sa.select(sa.exists().where(col(Pending.urn).in_(urns)))).scalar_one())


def buyers_of(session: Session, provider_id: str, *, now: datetime) -> list[Buyer]:
    """The consortia that take a provider today, each before its members; a member in several comes once, by name."""
    today = london_day(now)
    consortia = session.exec(
        select(Consortium)
        .join(ConsortiumProvider, col(ConsortiumProvider.consortium_id) == col(Consortium.id))
        .where(ConsortiumProvider.organisation_id == provider_id, *_on(ConsortiumProvider, today))
        .order_by(col(Consortium.name), col(Consortium.id))
        .distinct()
    ).all()
    members = session.exec(
        select(Organisation)
        .join(ConsortiumMember, col(ConsortiumMember.organisation_id) == col(Organisation.id))
        .where(col(ConsortiumMember.consortium_id).in_([each.id for each in consortia]), *_on(ConsortiumMember, today))
        .order_by(col(Organisation.name), col(Organisation.id))
        .distinct()
    ).all()
    return [
        *(Buyer(f"c:{each.id}", each.name) for each in consortia),
        *(Buyer(f"m:{each.id}", each.name) for each in members),
    ]


def provider_of(session: Session, urn: str) -> str:
    """The organisation whose home it is. Raises NotFound where nobody speaks for it."""
    found = session.exec(
        select(SpeaksFor.organisation_id)
        .where(SpeaksFor.urn == urn, SpeaksFor.state == "confirmed")
        .order_by(col(SpeaksFor.organisation_id))
    ).first()
    if found is None:
        raise NotFound("You have no such home.")
    return found


def listings_for(session: Session, organisation_id: str, urn: str, who: str, *, now: datetime) -> list[dict[str, Any]]:
    """The `listing` documents of a home as `who` has them: a key of `buyers_of`, or '' for any member. Raises NotFound.

    Whatever is chosen, only this home's listings are read; a delegate gets those of its own sources, since prices to named
    buyers are between the provider and them.
    """
    provider = provider_of(session, urn)
    buyers = buyers_of(session, provider, now=now)
    if who and who not in {each.key for each in buyers}:
        raise NotFound("Nobody of that name takes you.")
    kind, _, id = who.partition(":")
    if kind == "m":
        view = view_of(session, id, now)
    else:
        consortia = [each.key[2:] for each in buyers if each.key.startswith("c:") and who in ("", each.key)]
        view = View(
            everything=False,
            audiences=frozenset(consortia),
            buyers=frozenset({f"{EXCHANGE_SCHEME}:{id}"} if kind == "c" else ()),
        )
    query = select(Listing).where(Listing.urn == urn, Listing.state == "updated").order_by(col(Listing.id))
    if organisation_id != provider:
        query = query.join(Source, col(Source.id) == col(Listing.source_id)).where(
            Source.organisation_id == organisation_id
        )
    rows = session.exec(query)
    found = []
    for listing in rows:
        if view.sees(listing.audiences):
            row = row_of(
                id=listing.id,
                urn=listing.urn,
                moved=listing.position,
                changes_at=listing.changes_at,
                audiences=listing.audiences,
                facts=listing.facts,
                body=listing.body,
                restricted=listing.restricted,
            )
            found.append(orjson.loads(row.fragment(view, overdue=row.overdue(now))))
    return found


def _on(table: Any, day: Any) -> tuple[Any, Any]:
    return col(table.valid_from) <= day, sa.or_(col(table.valid_until).is_(None), col(table.valid_until) >= day)
