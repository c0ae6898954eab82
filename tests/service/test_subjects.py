"""What is held about a person can be handed to them, all of it, and erased: no table that leads to a person is forgotten."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from placefeed.service.access import audit, organisations, people, subjects
from placefeed.service.access.who import PERSON, Caller
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.errors import Conflict, Invalid, NotFound
from placefeed.service.tables import (
    Audit,
    Delivery,
    Identity,
    OneUse,
    Person,
    Policy,
    Post,
    SavedSearch,
    SignIn,
    Subscription,
    metadata,
)
from tests.service.conftest import MovableClock
from tests.service.people import somebody

NOW = datetime(2026, 7, 1, 14, tzinfo=UTC)
BY = Caller(key_id=None, organisation_id=None, role="operator", person_id="0123456789abcdef")
LEADS_TO_A_PERSON = {("policy", "changed_by"), ("subscription", "key_id"), ("delivery", "subscription_id")}
"""Columns that lead to a person under other names than `person_id`."""


def person_columns() -> set[tuple[str, str]]:
    """Every column that has a person's id, by its name or by a foreign key."""
    return {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.columns
        if column.name == "person_id" or any(key.column.table.name == "person" for key in column.foreign_keys)
    }


def text_of(session: Session) -> str:
    """Everything in the database, as text."""
    return "\n".join(
        f"{table.name} {row}" for table in metadata.sorted_tables for row in session.execute(sa.select(table))
    )


def member(session: Session, now: datetime) -> None:
    organisations.create_organisation(session, "lewisham", kind="member", name="Lewisham", la_code="E09000023", now=now)


def subscription(id: str, now: datetime, *, key_id: str, **document: Any) -> Subscription:
    channel = document.get("channel", "email")
    return Subscription(
        id=id, organisation_id="lewisham", role="member", key_id=key_id, channel=channel, document=document,
        state="active", created_at=now, changed_at=now, start=0, secrets=b"sealed", code=b"hash",
    )  # fmt: skip


@pytest.fixture
def busy(database: Database, settings: Settings, clock: MovableClock) -> str:
    """Somebody who has left a trace in every table that can have one, and a colleague who has done the same; the first one's id."""
    now = clock()
    with database.write() as session:
        member(session, now)
    ids = []
    for name, email in (("Alex Quill", "alex.quill@example.org"), ("Kit Moss", "kit.moss@example.org")):
        person_id, _cookie = somebody(database, settings, "lewisham", name=name, email=email, now=now)
        ids.append(person_id)
        caller = Caller(key_id=None, organisation_id="lewisham", role="member", person_id=person_id)
        with database.write() as session:
            person = people.get(session, person_id)
            person.password, person.totp, person.recovery = "$argon2id$secret", b"totp-secret", ["recovery-secret"]
            session.add(person)
            session.add(
                Identity(
                    issuer="https://login.example", subject=f"oid-{person_id}", person_id=person_id, created_at=now
                )
            )
            session.add(
                OneUse(
                    digest=person_id.encode(), kind="invitation", person_id=person_id, created_at=now, expires_at=now
                )
            )
            session.add(
                SavedSearch(
                    id=person_id,
                    person_id=person_id,
                    organisation_id="lewisham",
                    name="Near us",
                    query="la=E09000023",
                    created_at=now,
                )
            )
            session.add(
                subscription(
                    f"own-{name[:3]}", now, key_id=f"{PERSON}{person_id}", channel="email", email="team@example.org"
                )
            )
            session.add(subscription(f"to-{name[:3]}", now, key_id="key1", channel="email", email=email.title()))
            session.add(
                subscription(
                    f"hook-{name[:3]}",
                    now,
                    key_id="key1",
                    channel="webhook",
                    url="https://m.example/",
                    ownerEmail=email,
                )
            )
            session.flush()
            session.add(
                Delivery(
                    subscription_id=f"to-{name[:3]}",
                    kind="events",
                    message="m",
                    at=now,
                    ms=5,
                    attempt=1,
                    ok=True,
                    status=250,
                )
            )
            audit.record(
                session, caller=caller, action="list.read", subject="/v1/listings",
                detail={"to": email, "who": [name], "names": f"{name}ton"}, at=now,
            )  # fmt: skip
            audit.record(session, caller=None, action="person.signed-in", subject=person_id, at=now)
            audit.record(session, caller=None, action="letter.sent", subject=email, at=now)
    with database.write() as session:
        session.add(Policy(organisation_id="lewisham", changed_by=ids[0], changed_at=now))
    return ids[0]


def test_every_table_that_leads_to_a_person_has_a_part() -> None:
    parts = {part.table.__tablename__ for part in subjects.PARTS}

    assert {table for table, _column in person_columns() | LEADS_TO_A_PERSON} <= parts
    assert parts == {table for table, _column in person_columns() | LEADS_TO_A_PERSON} | {"person"}


def test_all_that_is_held_is_handed_out_but_no_secret(database: Database, busy: str) -> None:
    with database.read() as session:
        told = list(subjects.export(session, busy))
        counts = subjects.held(session, busy)

    by_part = {name: [row for part, row in told if part == name] for name in counts}
    assert {name: len(rows) for name, rows in by_part.items()} == counts
    assert all(counts.values()), counts
    assert by_part["account"][0]["email"] == "alex.quill@example.org"
    assert by_part["account"][0]["hasPassword"] is True
    assert by_part["subscriptions"][0]["document"]["channel"] in ("email", "webhook")
    assert {row["action"] for row in by_part["audit"]} == {"list.read", "person.signed-in", "letter.sent"}
    assert "Kit Moss" not in str(told)
    assert "kit.moss" not in str(told)
    for secret in ("argon2id", "totp-secret", "recovery-secret", "sealed", "digest"):
        assert secret not in str(told)
    assert not [value for _part, row in told for value in row.values() if isinstance(value, (bytes, datetime, date))]


def test_erasing_leaves_nothing_that_names_them(database: Database, clock: MovableClock, busy: str) -> None:
    with database.write() as session:
        erased = subjects.erase(session, busy, by=BY, reference="  SAR  7 ", now=clock())

    assert erased.gone["account"] == erased.gone["savedSearches"] == erased.gone["links"] == 1
    assert erased.kept == {"policies": 1, "audit": 3}
    assert erased.unmanaged == ()
    with database.read() as session:
        left = text_of(session)
        for table, column in sorted(person_columns()):
            rows = session.execute(
                sa.select(sa.func.count()).where(metadata.tables[table].c[column] == busy)
            ).scalar_one()
            assert rows == (1 if table == "audit" else 0), table
        assert subjects.erasure(session, busy) == erased
        told = session.exec(select(Audit).where(Audit.action == subjects.ERASURE)).one()
        kept = session.exec(select(Audit).where(Audit.person_id == busy)).one()
        hooks = session.exec(select(Subscription).where(Subscription.id == "hook-Ale")).one()
        others = {
            table: session.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (Person, Post, Identity, SignIn, OneUse, SavedSearch, Delivery)
        }
    assert "alex.quill" not in left.lower()
    assert "Alex Quill'" not in left
    assert kept.detail == {"to": subjects.ERASED, "who": [subjects.ERASED], "names": "Alex Quillton"}
    assert "ownerEmail" not in hooks.document
    assert hooks.version == 2
    assert (told.subject, told.person_id, told.detail and told.detail["reference"]) == (busy, BY.person_id, "SAR 7")
    assert set(others.values()) == {1}, "what is a colleague's stays"
    assert "kit.moss@example.org" in left


def test_the_last_manager_can_be_erased_and_the_operator_hears_of_it(
    database: Database, settings: Settings, clock: MovableClock
) -> None:
    with database.write() as session:
        member(session, clock())
    person_id, _cookie = somebody(database, settings, "lewisham", now=clock())
    somebody(database, settings, "lewisham", name="A Reader", level="reader", now=clock())

    with database.write() as session:
        assert subjects.erase(session, person_id, by=BY, now=clock()).unmanaged == ("Lewisham",)
    with database.read() as session, pytest.raises(NotFound):
        subjects.held(session, person_id)


def test_an_erased_person_is_signed_out_at_once(database: Database, settings: Settings, clock: MovableClock) -> None:
    from placefeed.service.access.sign_ins import SignIns

    with database.write() as session:
        member(session, clock())
    person_id, cookie = somebody(database, settings, "lewisham", now=clock())
    known = SignIns(database, clock)
    assert known.visitor(cookie) is not None

    clock.move(seconds=1)
    with database.write() as session:
        subjects.erase(session, person_id, by=BY, now=clock())
    assert known.visitor(cookie) is None
    known.close()


def test_nobody_erases_themselves_and_no_reference_names_the_person(database: Database, busy: str) -> None:
    with database.write() as session:
        with pytest.raises(Conflict):
            subjects.erase(
                session, busy, by=Caller(key_id=None, organisation_id=None, role="operator", person_id=busy), now=NOW
            )
        for reference in ("from alex quill", "ALEX.QUILL@example.org", "x" * 101):
            with pytest.raises(Invalid):
                subjects.erase(session, busy, by=BY, reference=reference, now=NOW)
        assert subjects.erasure(session, busy) is None


def test_nobody_is_not_found(database: Database) -> None:
    with database.write() as session:
        for ask in (subjects.export, subjects.held):
            with pytest.raises(NotFound):
                ask(session, "nobody")
        with pytest.raises(NotFound):
            subjects.erase(session, "nobody", by=BY, now=NOW)
