"""What is held about one person who signs in: all of it to hand to them, and its erasure when they ask.

`PARTS` names every table that can lead to a person. A test goes through all tables: one that leads to a person and is not
here fails it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, or_, select

from placefeed.service.access import audit, people
from placefeed.service.access.who import PERSON, Caller
from placefeed.service.db import tell
from placefeed.service.errors import Conflict, Invalid
from placefeed.service.tables import (
    Audit,
    Delivery,
    Identity,
    OneUse,
    Organisation,
    Person,
    Policy,
    Post,
    SavedSearch,
    SignIn,
    Subscription,
)

BATCH = 500  # rows read at a time: six years of audit are not held in memory
ERASED = "[erased]"
ERASURE = "person.erase"
LONGEST_REFERENCE = 100  # characters


@dataclass(frozen=True, slots=True)
class Part:
    """A table with something about a person: which rows, which columns are secrets and not handed out, and what erasure does."""

    name: str
    table: Any
    whose: Callable[[Person], sa.ColumnElement[bool]]
    secret: frozenset[str] = frozenset()
    erased: str = "goes"


def _mine(person: Person) -> sa.ColumnElement[bool]:
    """Subscriptions that they made, and those of their organisations that write to their address."""
    written = [sa.func.lower(col(Subscription.document)[key].as_string()) for key in ("email", "ownerEmail")]
    return or_(col(Subscription.key_id) == f"{PERSON}{person.id}", *(address == person.email for address in written))


def _letters(person: Person) -> sa.ColumnElement[bool]:
    made = sa.select(Subscription.id).where(col(Subscription.channel) == "email", _mine(person))  # type: ignore[call-overload]
    return col(Delivery.subscription_id).in_(made)


def _about(person: Person) -> sa.ColumnElement[bool]:
    """What they did, and what was done about them."""
    return or_(col(Audit.person_id) == person.id, col(Audit.subject).in_([person.id, person.email]))


PARTS: tuple[Part, ...] = (
    Part(
        "account",
        Person,
        lambda person: col(Person.id) == person.id,
        frozenset({"password", "totp", "totp_step", "recovery"}),
    ),
    Part("posts", Post, lambda person: col(Post.person_id) == person.id),
    Part("otherSignIns", Identity, lambda person: col(Identity.person_id) == person.id),
    Part("sessions", SignIn, lambda person: col(SignIn.person_id) == person.id, frozenset({"digest"})),
    Part("links", OneUse, lambda person: col(OneUse.person_id) == person.id, frozenset({"digest"})),
    Part("savedSearches", SavedSearch, lambda person: col(SavedSearch.person_id) == person.id),
    Part("subscriptions", Subscription, _mine, frozenset({"secrets", "code", "claim"})),
    Part("emails", Delivery, _letters),
    Part(
        "policies",
        Policy,
        lambda person: col(Policy.changed_by) == person.id,
        erased="stays, as the organisation's, without who changed it",
    ),
    Part(
        "audit",
        Audit,
        _about,
        erased="stays for as long as the audit is kept, with a number in place of name and address",
    ),
)


def export(session: Session, person_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything that is held about a person, row by row with the part that it belongs to; no secrets. Raises NotFound."""
    person = people.get(session, person_id)
    return _rows(session, person)


def _rows(session: Session, person: Person) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in PARTS:
        table = part.table.__table__
        columns = [column for column in table.columns if column.name not in part.secret]
        query = sa.select(*columns).where(part.whose(person)).order_by(*table.primary_key.columns)
        for row in session.execute(query.execution_options(yield_per=BATCH)):
            told = {column.name: _plain(value) for column, value in zip(columns, row, strict=True)}
            if part.table is Person:
                told |= {"hasPassword": person.password is not None, "hasSecondFactor": person.totp is not None}
            yield part.name, told


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def held(session: Session, person_id: str) -> dict[str, int]:
    """How many rows there are of each part. Raises NotFound."""
    person = people.get(session, person_id)
    count = sa.func.count()
    return {
        part.name: session.execute(sa.select(count).select_from(part.table).where(part.whose(person))).scalar_one()
        for part in PARTS
    }


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did: rows that went, rows that stay, and organisations that now have nobody who may invite others."""

    gone: dict[str, int]
    kept: dict[str, int]
    unmanaged: tuple[str, ...]


def erase(session: Session, person_id: str, *, by: Caller, reference: str = "", now: datetime) -> Erased:
    """Remove a person's account and all that hangs on it. The audit stays, and says a number instead of name and address.

    An organisation's last manager can be erased too: the right is theirs, and `unmanaged` says where another is needed.
    `reference`: of the request, for the audit. Raises NotFound; Conflict for one's own account; Invalid for a reference that
    names them.
    """
    person = people.get(session, person_id)
    if by.person_id == person_id:
        raise Conflict("You cannot erase your own account. Ask another manager of the operator.")
    said = " ".join(reference.split())
    if len(said) > LONGEST_REFERENCE or _without(said, person) != said:
        raise Invalid(
            f"Enter a reference of at most {LONGEST_REFERENCE} characters that does not name the person: it is kept.",
            errors=[{"pointer": "/reference"}],
        )
    session.execute(sa.select(Person.id).where(col(Person.id) == person_id).with_for_update())  # type: ignore[call-overload]
    before = held(session, person_id)
    unmanaged = tuple(_managed_alone(session, person_id))
    _stop_writing_to(session, person, now)
    _take_out_of_audit(session, person)
    session.execute(sa.update(Policy).where(col(Policy.changed_by) == person_id).values(changed_by=None))
    session.execute(
        sa.delete(Person).where(col(Person.id) == person_id)
    )  # what hangs on it goes by the database's own rule
    session.expunge(person)
    stays = {part.name for part in PARTS if part.erased != "goes"}
    done = Erased(
        gone={name: count for name, count in before.items() if name not in stays},
        kept={name: count for name, count in before.items() if name in stays},
        unmanaged=unmanaged,
    )
    detail = {"gone": done.gone, "kept": done.kept, "unmanaged": list(unmanaged), "reference": said}
    audit.record(session, caller=by, action=ERASURE, subject=person_id, detail=detail, at=now)
    tell(session, "access")
    tell(session, "subscription")
    return done


def erasure(session: Session, person_id: str) -> Erased | None:
    """What the erasure of an account did, from the audit; None where there was none."""
    query = select(Audit.detail).where(Audit.action == ERASURE, Audit.subject == person_id)
    detail = session.exec(query.order_by(col(Audit.id).desc()).limit(1)).first()
    return None if detail is None else Erased(detail["gone"], detail["kept"], tuple(detail["unmanaged"]))


def _managed_alone(session: Session, person_id: str) -> list[str]:
    """Names of the organisations whose only manager they are."""
    others = (
        sa.select(Post.organisation_id)  # type: ignore[call-overload]
        .where(col(Post.level) == "manager", col(Post.person_id) != person_id)
        .scalar_subquery()
    )
    query = (
        select(Organisation.name)
        .join(Post, col(Post.organisation_id) == col(Organisation.id))
        .where(Post.person_id == person_id, Post.level == "manager", col(Organisation.id).not_in(others))
    )
    return list(session.exec(query.order_by(Organisation.name)))


def _stop_writing_to(session: Session, person: Person, now: datetime) -> None:
    """Forget the subscriptions that they made or that write to them; of others only their address as the owner's."""
    for row in session.exec(select(Subscription).where(_mine(person)).with_for_update()):
        address = str(row.document.get("email", "")).lower()
        if row.key_id == f"{PERSON}{person.id}" or (row.channel == "email" and address == person.email):
            session.execute(sa.delete(Subscription).where(col(Subscription.id) == row.id))
            session.expunge(row)
            continue
        row.document = {key: value for key, value in row.document.items() if key != "ownerEmail"}
        row.version, row.changed_at = row.version + 1, now
        session.add(row)
    session.flush()


def _take_out_of_audit(session: Session, person: Person) -> None:
    """The one change that rows of the audit ever see: where one about them says their name or address, it says “[erased]”."""
    rows = session.execute(
        sa.select(Audit.id, Audit.subject, Audit.detail)  # type: ignore[call-overload]
        .where(_about(person), or_(col(Audit.detail).is_not(None), col(Audit.subject) == person.email))
        .order_by(Audit.id)
    ).all()
    for id, subject, detail in rows:
        said = _without(detail, person)
        named = person.id if subject == person.email else subject
        if said != detail or named != subject:
            session.execute(sa.update(Audit).where(col(Audit.id) == id).values(subject=named, detail=said))


def _without(value: Any, person: Person) -> Any:
    """A document whose texts do not say this person's name and address."""
    if isinstance(value, dict):
        return {key: _without(each, person) for key, each in value.items()}
    if isinstance(value, list):
        return [_without(each, person) for each in value]
    if not isinstance(value, str):
        return value
    named = "|".join(re.escape(word) for word in (person.email, person.name))
    return re.sub(rf"(?<!\w)(?:{named})(?!\w)", ERASED, value, flags=re.IGNORECASE)
