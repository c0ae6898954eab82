"""Invitations, colleagues and letters through HTTP."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import select

from placefeed.service.access import people
from placefeed.service.config import Settings
from placefeed.service.tables import Identity, Person, Post
from tests.service.api.exchange import World, peopled, sqlite_settings
from tests.service.pages.jar import PASSWORD, Jar, account, text_of
from tests.service.post import mailbox, part

SAM = "sam@lewisham.example"
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    """One database is enough: what is written is tested on both by its operations."""
    return sqlite_settings(tmp_path, sqlite_template)


def link_in(text: str) -> str:
    """The path of a link to an invitation or a new password."""
    found = re.search(r"(/(?:invitations|new-password)/[A-Za-z0-9_-]{40,})", text)
    assert found, text
    return found.group(1)


def test_a_manager_invites_and_the_colleague_begins(world: World, visit: Callable[..., Any]) -> None:
    manager, jar = visit("member"), Jar(world)
    account(world, "other@example.org")  # makes hashing cheap

    shown = manager.post("/people/invite", {"email": "Kim@Lewisham.example", "name": EVIL, "level": "editor"})
    assert shown.status_code == 200
    assert "shown only now" in text_of(shown)
    assert EVIL not in shown.text
    link = link_in(shown.text)
    assert "kim@lewisham.example" in text_of(manager.get("/people"))
    assert EVIL not in manager.get("/people").text
    for _ in range(2):
        assert "as an editor: to look and to change" in text_of(jar.get(link))
    assert EVIL not in jar.get(link).text
    weak = jar.post(link, {"name": "Kim", "password": "short"})
    assert (weak.status_code, 'value="Kim"' in weak.text) == (422, True)
    done = jar.post(link, {"name": "Kim Lee", "password": PASSWORD})
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert "Kim Lee" in text_of(manager.get("/people"))
    assert "not accepted yet" not in text_of(manager.get("/people"))
    assert Jar(world).get(link).status_code == 404
    assert jar.get("/people").status_code == 403, "an editor invites nobody"
    assert jar.get("/list").status_code != 403


def test_who_has_an_account_signs_in_to_accept(world: World, visit: Callable[..., Any]) -> None:
    person = account(world, SAM, "example-homes")
    manager, jar = visit("member"), Jar(world)
    link = link_in(manager.post("/people/invite", {"email": SAM, "name": "Sam", "level": "reader"}).text)

    assert "There is an account with this address already" in text_of(jar.get(link))
    leading = jar.post(link, {"password": "another password here"}).headers["location"]
    assert leading == f"/sign-in?next={link.replace('/', '%2F')}"
    assert manager.post(link).headers["location"] == leading, "nor for somebody else"
    assert jar.session is None, "a link that was handed over signs nobody in to an account that is there"
    with world.database.read() as session:
        assert session.get(Post, (person, "lewisham")) is None
    assert jar.sign_in(SAM, next=link).headers["location"] == link
    assert "There is an account" not in text_of(jar.get(link))
    assert jar.post(link).headers["location"] == "/organisations"
    assert "Lewisham" in text_of(jar.get("/organisations"))


def test_who_was_handed_a_link_cannot_wait_in_anothers_account(world: World, visit: Callable[..., Any]) -> None:
    account(world, "other@example.org")  # makes hashing cheap
    rival, council, thief = visit("rival"), visit("member"), Jar(world)
    asked = {"email": SAM, "name": "Sam", "level": "reader"}
    theirs = link_in(council.post("/people/invite", asked).text)
    own = link_in(rival.post("/people/invite", asked).text)

    assert thief.post(own, {"name": "Sam", "password": PASSWORD}).status_code == 303  # the rival opens its own link
    assert "Sign in to it, then accept here" in text_of(Jar(world).get(theirs))
    assert Jar(world).post(theirs, {"name": "Sam", "password": "brass lantern otter"}).status_code == 303
    assert "Lewisham" not in text_of(thief.get("/organisations"))


def test_levels_change_and_the_last_manager_stays(world: World, visit: Callable[..., Any]) -> None:
    manager = visit("member")
    me = manager.person_id
    person = account(world, SAM, "lewisham", level="reader")
    jar = Jar(world)
    jar.sign_in(SAM)

    for path, form in ((f"/people/{me}/level", {"level": "reader"}), (f"/people/{me}/end", {})):
        refused = manager.post(path, form)
        assert refused.status_code == 422
        assert "only manager" in text_of(refused)
    assert manager.post(f"/people/{person}/level", {"level": "boss"}).status_code == 422
    assert jar.get("/people").status_code == 403
    assert manager.post(f"/people/{person}/level", {"level": "manager"}).headers["location"] == "/people?done=level"
    assert jar.get("/people").status_code == 200
    assert jar.post(f"/people/{me}/end").headers["location"] == "/people?done=ended"
    assert manager.get("/people").headers["location"] == "/organisations"
    assert "You work for nobody here yet" in text_of(manager.get("/organisations"))


def test_an_invitation_can_be_withdrawn_and_bad_ones_are_not_made(world: World, visit: Callable[..., Any]) -> None:
    manager = visit("provider")
    for form, words in (
        ({"email": "nobody", "name": "A", "level": "reader"}, "correct format"),
        ({"email": "a@example.org", "name": "", "level": "reader"}, "Enter a name"),
        ({"email": "a@example.org", "name": "A", "level": ""}, "A level is one of"),
        (
            {"email": "sam.carter.example-homes.manager@example.org", "name": "A", "level": "reader"},
            "work here already",
        ),
    ):
        answer = manager.post("/people/invite", form)
        assert answer.status_code == 422
        assert words in text_of(answer)
    link = link_in(manager.post("/people/invite", {"email": "a@example.org", "name": "A", "level": "reader"}).text)
    with world.database.read() as session:
        person = people.find(session, "a@example.org")
    assert person is not None
    assert manager.post(f"/people/{person.id}/withdraw").status_code == 303
    assert Jar(world).get(link).status_code == 404


def test_letters_lead_to_the_pages(make_app: Callable[..., World]) -> None:
    with mailbox() as inbox:
        world = peopled(
            make_app(smtp_url=SecretStr(f"smtp://127.0.0.1:{inbox.port}"), base_url="https://exchange.example")
        )
        account(world, "boss@lewisham.example", "lewisham")
        boss, jar = Jar(world), Jar(world)
        boss.sign_in("boss@lewisham.example")

        boss.post("/people/invite", {"email": SAM, "name": "Sam", "level": "reader"})
        letter = inbox.taken.pop()
        assert (letter["To"], letter["Subject"]) == (SAM, "You are invited to Placefeed")
        text = part(letter, "text/plain")
        assert "Sam Carter invites you to work for Lewisham" in text
        assert "for 7 days" in text
        assert jar.post(link_in(text), {"name": "Sam", "password": PASSWORD}).status_code == 303

        for _ in range(5):
            assert jar.post("/new-password", {"email": SAM}).headers["location"] == "/new-password?sent=yes"
        assert len(inbox.taken) == 3, "an account is sent a few an hour"
        token = link_in(part(inbox.taken[-1], "text/plain"))
        inbox.taken.clear()
        jar.post("/new-password", {"email": "nobody@lewisham.example"})
        assert inbox.taken == []
        jar.post(token, {"password": "brass lantern otter"})
        assert inbox.taken.pop()["Subject"] == "Your Placefeed password was changed"
        assert [jar.post("/new-password", {"email": "x@y.example"}).status_code for _ in range(15)][-1] == 429

        with world.database.write() as session:
            person = session.exec(select(Person).where(Person.email == "boss@lewisham.example")).one()
            person.password = None
            session.add(person)
            session.add(Identity(issuer="https://a", subject="b", person_id=person.id, created_at=world.clock()))
        Jar(world, host="192.0.2.77").post("/new-password", {"email": "boss@lewisham.example"})
        assert inbox.taken.pop()["Subject"] == "How you sign in to Placefeed"


def test_without_a_mail_server_the_page_says_whom_to_ask(world: World) -> None:
    assert "This exchange sends no emails. Ask the operator" in text_of(Jar(world).get("/new-password"))


def test_a_name_is_text_on_the_account_page(world: World) -> None:
    account(world, SAM, "lewisham")
    jar = Jar(world)
    jar.sign_in(SAM)
    assert jar.post("/account/name", {"name": EVIL}).headers["location"] == "/account?done=name"
    assert EVIL not in jar.get("/account?done=name").text
    assert jar.post("/account/name", {"name": "x" * 201}).status_code == 422
