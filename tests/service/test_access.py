"""Keys, the keyring, the audit, and the table of which role sees what."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from placefeed.service.access import keys, organisations
from placefeed.service.access.audit import ReadAudit, record
from placefeed.service.access.keyring import Keyring
from placefeed.service.access.sealing import seal, unseal
from placefeed.service.access.who import ROLE_SCOPES, SCOPES, Caller, field_table, sees
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.errors import Conflict, Invalid, NotAllowed, NotAuthenticated, NotFound
from placefeed.service.tables import ApiKey, Audit
from tests.service.conftest import MovableClock


class Office:
    """An exchange with one organisation, where keys are issued."""

    def __init__(self, database: Database, settings: Settings, clock: MovableClock) -> None:
        self.database, self.clock, self.secret = database, clock, secret_of(settings)
        with database.write() as session:
            organisations.create_organisation(
                session, "borough", kind="member", name="A Borough", la_code="E09000001", now=clock()
            )

    def issue(self, **more: object) -> tuple[str, ApiKey]:
        arguments = {"organisation_id": "borough", "role": "member", "secret": self.secret, "now": self.clock(), **more}
        with self.database.write() as session:
            return keys.issue(session, **arguments)  # type: ignore[arg-type]

    def authenticate(self, text: str) -> Caller:
        with self.database.read() as session:
            return keys.authenticate(session, text, secret=self.secret, now=self.clock())


@pytest.fixture
def office(database: Database, settings: Settings, clock: MovableClock) -> Office:
    return Office(database, settings, clock)


def test_a_key_says_who_calls(office: Office) -> None:
    text, row = office.issue(label="case system")

    caller = office.authenticate(text)

    assert text.startswith(f"pf_{row.id}_")
    assert (caller.key_id, caller.organisation_id, caller.role, caller.name) == (
        row.id,
        "borough",
        "member",
        "A Borough",
    )
    assert caller.scopes == ROLE_SCOPES["member"]


def test_nothing_of_the_secret_is_stored(office: Office) -> None:
    text, row = office.issue()

    secret = text.split("_", 2)[2]
    with office.database.read() as session:
        stored = b"".join(
            bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
            for value in session.execute(sa.select(ApiKey.__table__)).one()
        )  # type: ignore[attr-defined]
    assert secret.encode() not in stored
    assert len(row.digest) == 32


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1] + "A" * (text[-1] != "A") + "B" * (text[-1] == "A"),
        lambda text: text + "x",
        lambda _: "",
        lambda _: "pf_",
        lambda _: "pf_000000000000_x",
        lambda _: "x" * 10_000,
        lambda _: "pf_é_é",
    ],
)
def test_a_wrong_key_is_refused_in_the_same_words(office: Office, spoil: object) -> None:
    text, _ = office.issue()

    with pytest.raises(NotAuthenticated) as refusal:
        office.authenticate(spoil(text))  # type: ignore[operator]
    assert str(refusal.value) == keys.REFUSAL


def test_a_key_expires(office: Office) -> None:
    text, _ = office.issue(expires_at=office.clock() + timedelta(hours=1))
    office.authenticate(text)
    office.clock.move(hours=1)

    with pytest.raises(NotAuthenticated):
        office.authenticate(text)


def test_a_rotated_key_works_until_the_grace_ends(office: Office) -> None:
    old, row = office.issue(scopes=["list"])
    with office.database.write() as session:
        new, fresh = keys.rotate(session, row.id, grace=timedelta(hours=2), secret=office.secret, now=office.clock())

    assert office.authenticate(old).scopes == office.authenticate(new).scopes == {"list"}
    office.clock.move(hours=2)
    with pytest.raises(NotAuthenticated):
        office.authenticate(old)
    assert office.authenticate(new).key_id == fresh.id
    with office.database.write() as session, pytest.raises(Conflict):
        keys.rotate(session, row.id, grace=timedelta(hours=2), secret=office.secret, now=office.clock())


def test_a_revoked_key_is_useless_at_once(office: Office) -> None:
    text, row = office.issue()
    with office.database.write() as session:
        keys.revoke(session, row.id, now=office.clock())
        keys.revoke(session, row.id, now=office.clock())

    with pytest.raises(NotAuthenticated):
        office.authenticate(text)


def test_a_key_cannot_have_more_than_its_role_allows(office: Office) -> None:
    for wrong in (
        {"scopes": ["operate"]},
        {"scopes": []},
        {"role": "public"},
        {"role": "nobody"},
        {"expires_at": office.clock()},
    ):
        with pytest.raises(Invalid):
            office.issue(**wrong)
    with pytest.raises(NotFound):
        office.issue(organisation_id="nobody")
    with pytest.raises(NotFound):
        office.issue(source_id="nobodys")


def test_the_keyring_remembers_good_keys_for_five_seconds(office: Office) -> None:
    text, row = office.issue()
    ring = Keyring(office.database, office.clock)

    assert ring.remembered(text) is None
    assert ring.authenticate(text) == ring.remembered(text)
    office.clock.move(seconds=5)
    assert ring.remembered(text) is None

    ring.authenticate(text)
    with office.database.write() as session:
        keys.revoke(session, row.id, now=office.clock())
    assert ring.remembered(text) is None
    with pytest.raises(NotAuthenticated):
        ring.authenticate(text)
    ring.close()


def test_scopes_are_required_in_words(office: Office) -> None:
    text, _ = office.issue(scopes=["list"])
    caller = office.authenticate(text)

    caller.require("list")
    with pytest.raises(NotAllowed, match="operate"):
        caller.require("operate")
    assert set().union(*ROLE_SCOPES.values()) == set(SCOPES)


def test_the_audit_commits_with_what_was_done(office: Office) -> None:
    caller = Caller("k", "borough", "member")
    with office.database.write() as session:
        record(session, caller=caller, action="export", subject="listings", detail={"rows": 3}, at=office.clock())
    with office.database.write() as session:
        record(session, caller=caller, action="export", subject="lost", at=office.clock())
        session.rollback()

    with office.database.read() as session:
        (row,) = session.scalars(sa.select(Audit)).all()
    assert (row.action, row.subject, row.detail, row.organisation_id, row.times) == (
        "export",
        "listings",
        {"rows": 3},
        "borough",
        1,
    )


def test_reads_are_audited_in_batches_and_none_is_lost(office: Office) -> None:
    audit = ReadAudit(office.database)
    audit.start()

    def reader(number: int) -> None:
        for turn in range(300):
            audit.record(
                caller=Caller(f"k{number}", "borough", "member"),
                action="list",
                subject=f"listing-{turn % 100}",
                at=office.clock(),
            )

    threads = [threading.Thread(target=reader, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    audit.close()

    with office.database.read() as session:
        rows = session.scalars(sa.select(Audit)).all()
    assert sum(row.times for row in rows) == 8 * 300
    assert len({(row.key_id, row.subject) for row in rows}) == 800


def test_reads_wait_where_the_database_is_away(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = ReadAudit(office.database)
    audit.record(caller=None, action="list", subject="listings", at=office.clock())
    with monkeypatch.context() as broken:
        broken.setattr(
            office.database, "write", lambda: (_ for _ in ()).throw(sa.exc.OperationalError("", {}, Exception()))
        )
        with pytest.raises(sa.exc.OperationalError):
            audit.flush()

    assert audit.flush() == 1


def test_what_is_sealed_opens_only_where_it_belongs() -> None:
    sealed = seal(b"s" * 40, "Bearer x", about="source/a")

    assert b"Bearer" not in sealed
    assert unseal(b"s" * 40, sealed, about="source/a") == "Bearer x"
    for secret, about in ((b"t" * 40, "source/a"), (b"s" * 40, "source/b")):
        with pytest.raises(ValueError, match="cannot be opened"):
            unseal(secret, sealed, about=about)


def test_the_table_of_fields_is_whole() -> None:
    table = field_table()

    assert len(table) > 20
    assert all(roles <= {"provider", "member", "operator", "public"} for roles in table.values())
    assert sees("operator", "capacity")
    assert not sees("member", "capacity")
    assert not sees("member", "history")
    assert not any(table[field] for field in ("address", "data about a child", "key secret", "source credential"))
    assert not sees("provider", "register, LA-only fields")
    assert {field for field, roles in table.items() if "public" in roles} == {"counts by LA and region, rounded"}


def test_the_table_of_fields_is_packaged_with_the_code() -> None:
    import placefeed.service.access as package

    assert (Path(package.__file__).parent / "README.md").is_file()
