"""The link of a reminder: “nothing has changed at any of these”, once, for exactly those homes, in the name of who got it."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.access import links, people
from placefeed.service.access.audit import record
from placefeed.service.access.who import PROVIDER
from placefeed.service.channels.reminders.wishes import caller_of
from placefeed.service.errors import NotFound
from placefeed.service.intake.homes import Confirmed, attest_all, names_of
from placefeed.service.tables import Observation, OneUse, Organisation, Person, Post

SINCE = "Somebody has told us about it since this e-mail was sent. We left it as it is."
NOT_YOURS = "Your organisation no longer speaks for this home."


@dataclass(frozen=True, slots=True)
class Asked:
    """What a link would do."""

    person: str
    organisation: str
    homes: list[tuple[str, str]]  # URN and name
    expires_at: datetime


def look(session: Session, token: str, *, now: datetime) -> Asked:
    """What a link is about; changes nothing. Raises NotFound where it can't be used (any more)."""
    row = links.look(session, token, kind=links.UNCHANGED, now=now)
    person, _post, organisation = _still(session, row)
    urns = _urns(row)
    names = names_of(session, urns)
    return Asked(person.name, organisation.name, [(urn, names[urn]) for urn in urns], row.expires_at)


def confirm(session: Session, token: str, *, now: datetime) -> list[Confirmed]:
    """Use the link: attest its homes as of now, but those of which somebody has said something since it was made.

    Raises NotFound where it can't be used (any more); of two at once one succeeds.
    """
    row = links.consume(session, token, kind=links.UNCHANGED, now=now)
    _person, post, organisation = _still(session, row)
    urns = _urns(row)
    newer = _told_since(session, urns, row.created_at)
    done = {
        each.urn: each for each in attest_all(session, organisation.id, [u for u in urns if u not in newer], now=now)
    }
    names = names_of(session, urns)
    found = [done.get(urn) or Confirmed(urn, names[urn], False, SINCE if urn in newer else NOT_YOURS) for urn in urns]
    record(
        session,
        caller=caller_of(session, post),
        action="reminder.confirm",
        subject=organisation.id,
        detail={"attested": [each.urn for each in found if each.attested], "left": len(found) - len(done)},
        at=now,
    )
    return found


def _still(session: Session, row: OneUse) -> tuple[Person, Post, Organisation]:
    """Who the link was sent to, while they may still update these homes. Raises NotFound."""
    person = session.get(Person, row.person_id)
    organisation = session.get(Organisation, row.organisation_id)
    post = session.get(Post, (row.person_id, row.organisation_id))
    if person is None or organisation is None or post is None:
        raise NotFound(links.REFUSAL)
    if not people.entitled(session, person.id, organisation_id=organisation.id, role=PROVIDER, scope="submit"):
        raise NotFound(links.REFUSAL)
    return person, post, organisation


def _urns(row: OneUse) -> list[str]:
    return [str(urn) for urn in row.detail["urns"]]


def _told_since(session: Session, urns: list[str], moment: datetime) -> set[str]:
    """Those of these homes of which anybody has said anything new since."""
    return set(
        session.scalars(
            sa.select(col(Observation.urn))
            .where(col(Observation.urn).in_(urns), col(Observation.received_at) > moment)
            .distinct()
        )
    )
