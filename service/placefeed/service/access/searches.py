"""Searches that a person keeps: a name and a filter of the list, as it stands in the page's address. Each is its owner's alone."""

import secrets
from datetime import datetime
from urllib.parse import parse_qsl

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.schema.personal import screen
from placefeed.service.access import audit
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.access.who import Caller
from placefeed.service.errors import Conflict, Invalid, NotAllowed, NotFound
from placefeed.service.tables import Person, SavedSearch

MOST = 50  # searches of one person in one organisation
LONGEST_NAME = 100  # characters
LONGEST_QUERY = 4000  # characters


def save(session: Session, visitor: Visitor, *, name: str, query: str, now: datetime) -> SavedSearch:
    """Keep a filter under a name. Raises Invalid, or Conflict for one too many."""
    caller = _caller(visitor)
    called = _name(name)
    if len(query) > LONGEST_QUERY or _personal(query):
        raise Invalid(
            "This search can't be kept: ask for less in it, and for nothing about a person.",
            errors=[{"pointer": "/name"}],
        )
    # Counted under a lock, or two requests at once would both be the last.
    session.execute(sa.select(Person.id).where(col(Person.id) == visitor.person_id).with_for_update())  # type: ignore[call-overload]
    kept = list_searches(session, visitor)
    if len(kept) >= MOST:
        raise Conflict(f"You have {MOST} saved searches. Delete one first.", errors=[{"pointer": "/name"}])
    if any(row.name.casefold() == called.casefold() for row in kept):
        raise Conflict("You have a search of this name already.", errors=[{"pointer": "/name"}])
    row = SavedSearch(
        id=secrets.token_hex(8),
        person_id=visitor.person_id,
        organisation_id=caller.organisation_id or "",
        name=called,
        query=query,
        created_at=now,
    )
    session.add(row)
    session.flush()
    audit.record(session, caller=caller, action="search.save", subject=row.id, at=now)
    return row


def list_searches(session: Session, visitor: Visitor) -> list[SavedSearch]:
    """The person's own, of the organisation that they work in now, by name."""
    query = select(SavedSearch).where(
        SavedSearch.person_id == visitor.person_id,
        SavedSearch.organisation_id == (_caller(visitor).organisation_id or ""),
    )
    return list(session.exec(query.order_by(sa.func.lower(SavedSearch.name), col(SavedSearch.id))))


def own(session: Session, visitor: Visitor, search_id: str, *, lock: bool = False) -> SavedSearch:
    """One of them. Raises NotFound alike where there is none and where it is another's."""
    query = select(SavedSearch).where(
        SavedSearch.id == search_id,
        SavedSearch.person_id == visitor.person_id,
        SavedSearch.organisation_id == (_caller(visitor).organisation_id or ""),
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.exec(query).first()
    if found is None:
        raise NotFound("You have no such saved search.")
    return found


def rename(session: Session, visitor: Visitor, search_id: str, *, name: str, now: datetime) -> SavedSearch:
    """Give it another name. Raises NotFound, Invalid or Conflict."""
    row = own(session, visitor, search_id, lock=True)
    called = _name(name)
    others = [each.name.casefold() for each in list_searches(session, visitor) if each.id != row.id]
    if called.casefold() in others:
        raise Conflict("You have a search of this name already.", errors=[{"pointer": "/name"}])
    row.name = called
    session.add(row)
    session.flush()
    audit.record(session, caller=visitor.caller, action="search.rename", subject=row.id, at=now)
    return row


def delete(session: Session, visitor: Visitor, search_id: str, *, now: datetime) -> None:
    """Forget it. Who has e-mails sent for it stops them first. Raises NotFound."""
    row = own(session, visitor, search_id, lock=True)
    session.delete(row)
    session.flush()
    audit.record(session, caller=visitor.caller, action="search.delete", subject=search_id, at=now)


def _caller(visitor: Visitor) -> Caller:
    if visitor.caller is None:
        raise NotAllowed("Choose the organisation that you work for first.")
    return visitor.caller


def _personal(query: str) -> bool:
    """Whether a word of the filter looks like a number or a date of birth of a person's. Names of homes are often given names."""
    words = [text for _name, text in parse_qsl(query, max_num_fields=2000)]
    return any(hit.severity == "error" for word in words for hit in screen({"notes": word}))


def _name(text: str) -> str:
    """The name of a search: its owner's words, without anything about a child."""
    called = " ".join(text.split())
    if not called:
        raise Invalid("Give the search a name.", errors=[{"pointer": "/name"}])
    if len(called) > LONGEST_NAME:
        raise Invalid(f"The name must have at most {LONGEST_NAME} characters.", errors=[{"pointer": "/name"}])
    if screen({"notes": called}):
        raise Invalid(
            "The name looks as if it says something about a person. Name what is looked for, never a child. It was not kept.",
            errors=[{"pointer": "/name"}],
        )
    return called
