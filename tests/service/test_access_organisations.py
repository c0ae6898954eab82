"""Who is who: consortia from and until, proposals from owner names, one confirmed speaker, delegations, sources."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from sqlmodel import Session

from placefeed.service.access import organisations, sources
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.errors import Conflict, Invalid, NotFound
from placefeed.service.tables import Pending, RegisterSetting, Source
from tests.service.conftest import MovableClock
from tests.service.feeds import Desk, feed, record, urns

FIRST, LAST = date(2026, 7, 1), date(2026, 12, 31)


@pytest.fixture
def desk(database: Database, settings: Settings, clock: MovableClock) -> Desk:
    made = Desk(database, settings, clock)
    made.provider()
    with database.write() as session:
        organisations.create_organisation(
            session, "borough", kind="member", name="A Borough", la_code="E09000001", now=clock()
        )
        organisations.create_consortium(session, "north", name="North", now=clock())
    return made


def register(session: Session, owner: str, key: str, urns: Iterable[str]) -> None:
    for urn in urns:
        session.add(
            RegisterSetting(
                urn=urn, as_at=FIRST, last_seen=FIRST, provision_type="children-home", owner=owner, owner_key=key
            )
        )
    session.flush()


def touched(desk: Desk) -> list[str]:
    return sorted(row.urn for row in desk.rows(Pending))


def test_owners_are_matched_despite_case_punctuation_and_limited(desk: Desk) -> None:
    from placefeed.adapters.ofsted.owners import owner_key

    with desk.database.write() as session:
        register(session, "EXAMPLE HOMES LIMITED", owner_key("EXAMPLE HOMES LIMITED"), ["SC000001", "SC000002"])
        register(session, "Example Homes North Ltd", owner_key("Example Homes North Ltd"), ["SC000003"])
        register(session, "", "", ["SC000004"])
        assert organisations.propose(session, now=desk.now) == 2
        assert organisations.propose(session, now=desk.now) == 0
        assert [row.urn for row in organisations.proposals(session)] == ["SC000001", "SC000002"]
        assert organisations.speaks_for(session, "example-homes", urns(4)) == set()

        assert organisations.confirm(session, "example-homes", urns=["SC000001"], by="operator", now=desk.now) == 1
        organisations.refuse(session, "example-homes", urns=["SC000002"], by="operator", now=desk.now)
        assert organisations.propose(session, now=desk.now) == 0
        assert organisations.speaks_for(session, "example-homes", urns(4)) == {"SC000001"}


def test_a_setting_has_one_confirmed_speaker(desk: Desk) -> None:
    desk.provider("other-homes", name="Other Homes Ltd", speaks_for=["SC000001"])

    with desk.database.write() as session:
        with pytest.raises(Conflict, match="other-homes"):
            organisations.confirm(session, "example-homes", urns=["SC000001", "SC000002"], by="operator", now=desk.now)
        organisations.refuse(session, "other-homes", urns=["SC000001"], by="operator", now=desk.now)
        assert organisations.confirm(session, "example-homes", urns=["SC000001"], by="operator", now=desk.now) == 1
        with pytest.raises(NotFound):
            organisations.refuse(session, "example-homes", urns=["SC000099"], by="operator", now=desk.now)


def test_a_confirmation_has_the_setting_published_and_polled_feeds_read_again(desk: Desk) -> None:
    with desk.database.write() as session:
        session.get_one(Source, desk.source_id).cursor = {"etag": "x"}

    with desk.database.write() as session:
        organisations.confirm(session, "example-homes", urns=["SC000001"], by="operator", now=desk.now)

    assert touched(desk) == ["SC000001"]
    with desk.database.read() as session:
        assert session.get_one(Source, desk.source_id).cursor is None


def test_all_england_is_confirmed_at_once(desk: Desk) -> None:
    with desk.database.write() as session:
        assert organisations.confirm(session, "example-homes", urns=urns(5600), by="operator", now=desk.now) == 5600
        assert len(organisations.speaks_for(session, "example-homes", urns(6000))) == 5600


def test_delegates_speak_until_that_is_revoked(desk: Desk) -> None:
    desk.provider("vendor", name="Vendor Ltd")
    with desk.database.write() as session:
        organisations.confirm(session, "example-homes", urns=["SC000001"], by="operator", now=desk.now)
        delegation = organisations.delegate(session, "example-homes", delegate_id="vendor", now=desk.now)
        with pytest.raises(Conflict):
            organisations.delegate(session, "example-homes", delegate_id="vendor", now=desk.now)
        assert organisations.settings_of(session, "vendor") == ["SC000001"]
        organisations.revoke_delegation(session, delegation.id or 0, now=desk.now)
        assert organisations.speaks_for(session, "vendor", ["SC000001"]) == set()
        assert len(organisations.delegations(session, "vendor")) == 1


def test_a_consortium_takes_providers_from_and_until_a_day(desk: Desk) -> None:
    with desk.database.write() as session:
        organisations.confirm(session, "example-homes", urns=["SC000001"], by="operator", now=desk.now)
    before = len(touched(desk))

    with desk.database.write() as session:
        taken = organisations.add_provider(
            session, "north", organisation_id="example-homes", valid_from=FIRST, valid_until=LAST, now=desk.now
        )
        with pytest.raises(Conflict, match="already"):
            organisations.add_provider(session, "north", organisation_id="example-homes", valid_from=LAST, now=desk.now)
        with pytest.raises(Invalid, match="not a provider"):
            organisations.add_provider(session, "north", organisation_id="borough", valid_from=FIRST, now=desk.now)
        organisations.end_provider(session, taken.id or 0, valid_until=date(2026, 8, 1), now=desk.now)
        organisations.add_provider(
            session, "north", organisation_id="example-homes", valid_from=date(2026, 8, 2), now=desk.now
        )
        assert len(organisations.providers_of(session, "north")) == 2

    assert len(touched(desk)) == before + 3


def test_members_join_and_leave(desk: Desk) -> None:
    heard = desk.database.bell.count("pending")
    with desk.database.write() as session:
        membership = organisations.add_member(session, "north", organisation_id="borough", valid_from=FIRST)
        with pytest.raises(Conflict):
            organisations.add_member(session, "north", organisation_id="borough", valid_from=LAST)
        with pytest.raises(Invalid):
            organisations.end_member(session, membership.id or 0, valid_until=date(2026, 6, 1))
        organisations.end_member(session, membership.id or 0, valid_until=LAST)
        with pytest.raises(NotFound):
            organisations.add_member(session, "south", organisation_id="borough", valid_from=FIRST)
    assert desk.database.bell.count("pending") == heard + 1


def test_organisations_are_checked(desk: Desk) -> None:
    with desk.database.write() as session:
        for wrong in (
            {"organisation_id": "Has Blanks"},
            {"kind": "other"},
            {"name": " "},
            {"la_code": "London"},
            {"identifiers": [{"id": "1"}]},
            {"acts_for": ["nobody"]},
        ):
            arguments: dict[str, Any] = {"organisation_id": "fine", "kind": "member", "name": "Fine", **wrong}
            with pytest.raises(Invalid):
                organisations.create_organisation(session, arguments.pop("organisation_id"), **arguments, now=desk.now)
        with pytest.raises(Conflict):
            organisations.create_organisation(session, "borough", kind="member", name="Another", now=desk.now)
        trust = organisations.create_organisation(
            session, "trust", kind="member", name="A Trust", acts_for=["borough"], now=desk.now
        )
        assert trust.acts_for == ["borough"]


def test_a_new_name_is_a_new_owner_key_and_is_published(desk: Desk) -> None:
    with desk.database.write() as session:
        organisations.confirm(session, "example-homes", urns=["SC000001"], by="operator", now=desk.now)
    before = len(touched(desk))

    with desk.database.write() as session:
        changed = organisations.update_organisation(session, "example-homes", name="Better Homes Ltd", now=desk.now)

    assert changed.owner_key == "betterhomes"
    assert len(touched(desk)) == before + 1


def test_sources_are_checked_and_their_credential_is_sealed(desk: Desk) -> None:
    secret = secret_of(desk.settings)

    def make(**values: Any) -> Source:
        with desk.database.write() as session:
            arguments: dict[str, Any] = {
                "name": "Feed",
                "transport": "http",
                "address": "https://feeds.example/a.json",
                **values,
            }
            return sources.create_source(session, "example-homes", secret=secret, now=desk.now, **arguments)

    for wrong in (
        {"transport": "pigeon"},
        {"address": None},
        {"address": "feeds.example"},
        {"address": "https://user:password@feeds.example/"},
        {"transport": "folder", "address": "relative"},
        {"transport": "push"},
        {"cron": "every day"},
        {"expected_every": 1},
        {"name": ""},
    ):
        with pytest.raises(Invalid):
            make(**wrong)
    made = make(credential="Bearer abc", cron="*/15 * * * *", expected_every=3600)
    assert made.credential is not None
    assert b"Bearer" not in made.credential
    assert sources.credential_of(made, secret=secret) == "Bearer abc"


def test_a_stopped_source_that_is_opened_again_is_read_whole(desk: Desk) -> None:
    with desk.database.write() as session:
        source = session.get_one(Source, desk.source_id)
        source.state, source.stopped_why, source.cursor = "stopped", "changed", {"etag": "x"}

    with desk.database.write() as session:
        source = sources.update_source(
            session, desk.source_id, state="active", secret=secret_of(desk.settings), now=desk.now
        )

    assert (source.state, source.stopped_why, source.cursor) == ("active", None, None)


def test_another_precedence_has_the_sources_settings_published_again(desk: Desk) -> None:
    with desk.database.write() as session:
        organisations.confirm(session, "example-homes", urns=["SC000001"], by="operator", now=desk.now)
    desk.send(feed([record("SC000001", desk.now)], desk.now))
    before = len(touched(desk))

    with desk.database.write() as session:
        sources.update_source(session, desk.source_id, precedence=10, secret=secret_of(desk.settings), now=desk.now)
        with pytest.raises(Invalid):
            sources.update_source(session, desk.source_id, id="other", secret=secret_of(desk.settings), now=desk.now)

    assert len(touched(desk)) == before + 1


def test_a_provider_speaks_as_its_keys_source(desk: Desk) -> None:
    desk.provider("other-homes", name="Other Homes Ltd")
    with desk.database.write() as session:
        assert sources.own_source(session, "example-homes", source_id=None, now=desk.now).id == desk.source_id
        assert (
            sources.own_source(session, "example-homes", source_id=None, transport="upload", now=desk.now).id
            == "example-homes-upload"
        )
        with pytest.raises(NotFound):
            sources.own_source(session, "example-homes", source_id="other-homes-push", now=desk.now)
