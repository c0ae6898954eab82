"""Three people of the demo, who can sign in to its pages: a commissioner, the manager of a small provider, the operator."""

import secrets
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.access import people
from placefeed.service.access.passwords import Passwords
from placefeed.service.demo.keys import Keys
from placefeed.service.simulate.names import MARK
from placefeed.service.simulate.owners import JSON, NDJSON, Owner
from placefeed.service.tables import ConsortiumMember, Organisation

SMALL = range(2, 5)  # homes of a small provider
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def settle_accounts(session: Session, owners: Sequence[Owner], *, keys: Keys, now: datetime) -> None:
    """Make the accounts, and put their addresses and passwords into `keys`."""
    hasher = Passwords()
    wanted = [
        ("commissioner", "A commissioner", _council(session, keys)),
        ("provider", "A provider's manager", _provider(owners, keys)),
        ("operator", "The operator", "operator"),
    ]
    for who, name, organisation in wanted:
        if organisation is None:
            continue
        password = "-".join("".join(secrets.choice(LETTERS) for _ in range(5)) for _ in range(3))
        person = people.create_person(session, email=f"{who}@demo.example", name=f"{name} {MARK}", now=now)
        person.password = hasher.hash(password)
        session.add(person)
        people.give_post(session, person.id, organisation, level="manager", now=now)
        works = session.get(Organisation, organisation)
        keys.people[who] = {
            "email": person.email,
            "password": password,
            "organisation": works.name if works else organisation,
        }


def _council(session: Session, keys: Keys) -> str | None:
    """The one in the most consortia."""
    row = session.execute(
        sa.select(ConsortiumMember.organisation_id)  # type: ignore[call-overload]
        .where(col(ConsortiumMember.organisation_id).in_(list(keys.members)))
        .group_by(col(ConsortiumMember.organisation_id))
        .order_by(sa.func.count().desc(), col(ConsortiumMember.organisation_id))
    ).first()
    return row[0] if row else next(iter(keys.members), None)


def _provider(owners: Sequence[Owner], keys: Keys) -> str | None:
    """A small one whose system says something new every now and then."""
    known = [owner for owner in owners if owner.id in keys.providers]
    small = [owner for owner in known if len(owner.rows) in SMALL]
    chosen = next((owner for owner in small if owner.form in (JSON, NDJSON)), None) or next(iter(small or known), None)
    return chosen.id if chosen else None
