"""Somebody who is signed in as a caller of the API: what a page's downloads and its stream go by."""

from typing import Any

import pytest
from sqlmodel import select
from tests.service.api.exchange import OURS, World, feed_of
from tests.service.people import somebody

from placefeed.service.access import audit, people, sign_ins
from placefeed.service.channels.stream.rights import bad_tokens
from placefeed.service.channels.subscriptions.claiming import Claims
from placefeed.service.running.origin import cookie_name
from placefeed.service.tables import Audit, Subscription


def ask(world: World, cookie: str, path: str, method: str = "GET", **headers: str) -> Any:
    world.client.cookies.clear()
    sent = {"Cookie": f"{cookie_name(world.settings)}={cookie}", **headers}
    return world.client.request(method, path, headers=sent, follow_redirects=False)


@pytest.fixture
def member(world: World) -> tuple[str, str]:
    world.push("provider", feed_of(OURS))
    world.publish()
    return somebody(world.database, world.settings, "lewisham", now=world.clock())


def test_a_member_reads_the_list_as_with_a_key_and_it_is_audited(world: World, member: tuple[str, str]) -> None:
    person_id, cookie = member

    assert ask(world, cookie, "/v1/listings").content == world.call("member", "GET", "/v1/listings").content
    assert ask(world, cookie, "/v1/listings?format=csv").status_code == 200
    world.app.state.exchange.reads.flush()
    with world.database.read() as session:
        rows = session.exec(select(Audit).where(Audit.person_id == person_id)).all()
    assert {(row.action, row.organisation_id, row.key_id) for row in rows} == {("list.read", "lewisham", None)}


def test_a_cookie_reads_and_never_changes_anything(world: World) -> None:
    _person, cookie = somebody(world.database, world.settings, "example-homes", now=world.clock())

    assert ask(world, cookie, f"/v1/settings/{OURS}").status_code == 200
    assert ask(world, cookie, f"/v1/settings/{OURS}/attestations", "POST").status_code == 401


def test_a_cookie_that_another_site_makes_a_browser_send_is_not_looked_at(
    world: World, member: tuple[str, str]
) -> None:
    assert ask(world, member[1], "/v1/listings", **{"Sec-Fetch-Site": "cross-site"}).status_code == 401
    assert ask(world, member[1], "/v1/listings", **{"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_levels_and_posts_decide(world: World, member: tuple[str, str]) -> None:
    person_id, cookie = member
    with world.database.write() as session:
        people.give_post(session, person_id, "example-homes", level="reader", now=world.clock())
        people.give_post(session, person_id, "lewisham", level="manager", now=world.clock())
        other = people.create_person(session, email="b@example.org", name="B", now=world.clock())
        people.give_post(session, other.id, "lewisham", level="manager", now=world.clock())
    assert ask(world, cookie, "/v1/listings").status_code == 200
    with world.database.write() as session:
        people.end_post(session, person_id, "lewisham")
    assert ask(world, cookie, "/v1/listings").status_code == 401  # it is working nowhere now


def test_what_ends_a_sign_in(world: World, member: tuple[str, str]) -> None:
    person_id, cookie = member
    token = _token(world, cookie)

    def bad() -> bool:
        with world.database.read() as session:
            return bool(bad_tokens(session, [token], settings=world.settings, now=world.clock()))

    assert not bad()
    world.clock.move(hours=13)
    assert bad()  # nobody was there for twelve hours
    assert ask(world, cookie, "/v1/listings").status_code == 401
    _person, cookie = somebody(world.database, world.settings, "lewisham", now=world.clock())
    token = _token(world, cookie)
    assert not bad()
    for _ in range(8):
        world.clock.move(hours=11)
        assert ask(world, cookie, "/v1/listings").status_code == 200, "somebody who is there stays"
    for _ in range(8):
        world.clock.move(hours=11)
        ask(world, cookie, "/v1/listings")
    assert bad()  # a week is over
    _person, cookie = somebody(world.database, world.settings, "lewisham", now=world.clock())
    token = _token(world, cookie)
    with world.database.write() as session:
        people.disable(session, person_id, now=world.clock())
    assert bad()
    assert ask(world, cookie, "/v1/listings").status_code == 401


def _token(world: World, cookie: str) -> str:
    with world.database.read() as session:
        visitor = sign_ins.visitor_of(session, cookie, settings=world.settings, now=world.clock())
    assert visitor is not None
    assert visitor.caller is not None
    return visitor.caller.token


def test_the_last_manager_stays(world: World, member: tuple[str, str]) -> None:
    from placefeed.service.errors import Conflict

    with world.database.write() as session, pytest.raises(Conflict):
        people.end_post(session, member[0], "lewisham")
    with world.database.write() as session, pytest.raises(Conflict):
        people.give_post(session, member[0], "lewisham", level="editor", now=world.clock())


def test_a_subscription_goes_by_the_right_of_the_person_who_made_it(world: World, member: tuple[str, str]) -> None:
    person_id, _cookie = member
    claims = Claims(world.settings, b"s" * 40)

    def told() -> str:
        with world.database.write() as session:
            row = session.get_one(Subscription, "sub-1")
            claims._entitled(session, [row], world.clock())
        with world.database.read() as session:
            return session.get_one(Subscription, "sub-1").state

    with world.database.write() as session:
        other = people.create_person(session, email="b@example.org", name="B", now=world.clock())
        people.give_post(session, other.id, "lewisham", level="manager", now=world.clock())
        session.add(
            Subscription(
                id="sub-1", organisation_id="lewisham", role="member", key_id=f"person:{person_id}", channel="email",
                document={"channel": "email", "email": "a@example.org"}, state="active", created_at=world.clock(),
                changed_at=world.clock(), start=0,
            )
        )  # fmt: skip
    assert told() == "active"
    with world.database.write() as session:
        people.give_post(session, person_id, "lewisham", level="reader", now=world.clock())
    assert told() == "error"
    with world.database.read() as session:
        assert "no longer works there" in str(session.get_one(Subscription, "sub-1").reason)


def test_the_audit_names_the_person(world: World, member: tuple[str, str]) -> None:
    with world.database.write() as session:
        visitor = sign_ins.visitor_of(session, member[1], settings=world.settings, now=world.clock())
        assert visitor is not None
        audit.record(session, caller=visitor.caller, action="test.done", subject="x", at=world.clock())
    found = world.call("operator", "GET", "/v1/audit?action=test.done").json()["items"]
    assert found[0]["person"] == member[0]
