"""People and where they work, for the operator."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.errors import NotFound
from placefeed.service.oversight.searching import containing
from placefeed.service.tables import Organisation, Person, Post


@dataclass(frozen=True, slots=True)
class PersonRow:
    """An account and its posts: (organisation, post)."""

    person: Person
    posts: list[tuple[Organisation, Post]]


def person_rows(session: Session, text: str, *, skip: int = 0, limit: int = 50) -> list[PersonRow]:
    """Accounts whose name or address has this text (all, without one), by name."""
    query = sa.select(Person).order_by(sa.func.lower(Person.name), col(Person.id)).offset(skip).limit(limit)
    if text:
        query = query.where(containing(text, Person.name, Person.email))
    found = list(session.scalars(query))
    posts = posts_of(session, [person.id for person in found])
    return [PersonRow(person, posts.get(person.id, [])) for person in found]


def posts_of(session: Session, person_ids: Collection[str]) -> dict[str, list[tuple[Organisation, Post]]]:
    """Where each of these people works, by the organisation's name."""
    rows = session.execute(
        sa.select(Organisation, Post)
        .join(Post, col(Post.organisation_id) == col(Organisation.id))
        .where(col(Post.person_id).in_(person_ids))
        .order_by(sa.func.lower(Organisation.name), col(Organisation.id))
    )
    found: dict[str, list[tuple[Organisation, Post]]] = {}
    for organisation, post in rows:
        found.setdefault(post.person_id, []).append((organisation, post))
    return found


def names_of_people(session: Session, ids: Collection[str | None]) -> dict[str, str]:
    """Names by id; who is unknown (any more) is left out."""
    wanted = {each for each in ids if each}
    if not wanted:
        return {}
    return {
        row[0]: row[1]
        for row in session.execute(sa.select(col(Person.id), col(Person.name)).where(col(Person.id).in_(wanted)))
    }


def people_at(session: Session, organisation_id: str) -> int:
    """How many people work in an organisation."""
    return session.exec(select(sa.func.count()).select_from(Post).where(Post.organisation_id == organisation_id)).one()


def post_of(session: Session, organisation_id: str, person_id: str) -> Post:
    """Somebody's post. Raises NotFound where they do not work there."""
    found = session.get(Post, (person_id, organisation_id))
    if found is None:
        raise NotFound("They do not work there.")
    return found
