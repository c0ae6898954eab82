"""Signing in through HTTP, and what attackers try there."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from placefeed.service.access import people, sign_ins
from placefeed.service.access.passwords import Passwords
from placefeed.service.config import Settings
from placefeed.service.running.origin import cookie_name
from placefeed.service.tables import Audit, OneUse, SignIn
from tests.service.api.exchange import World, sqlite_settings
from tests.service.pages.jar import CHEAP, PASSWORD, Jar, account, reset_token, text_of

SAM = "sam@lewisham.example"


@pytest.fixture
def settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    """One database is enough here; test_sign_in_factors.py asks both."""
    return sqlite_settings(tmp_path, sqlite_template)


def test_signing_in_and_out(world: World) -> None:
    account(world, SAM, "lewisham")
    jar = Jar(world)

    assert "Sign in" in text_of(jar.get("/sign-in?next=/list"))
    answer = jar.sign_in(" Sam@Lewisham.Example ", next="/list?age=12")
    assert (answer.status_code, answer.headers["location"]) == (303, "/list?age=12")
    assert "Firefox on Windows (here, now)" in text_of(jar.get("/account"))
    cookie = jar.session
    assert jar.post("/sign-out").headers["location"] == "/sign-in?done=out"
    assert jar.session is None
    jar.cookies[cookie_name(world.settings)] = cookie or ""
    assert not jar.is_in(), "it ended in the exchange, not only in the browser"
    with world.database.read() as session:
        rows = session.exec(select(Audit).where(Audit.person_id != None)).all()  # noqa: E711
        assert [row.action for row in rows] == ["person.signed-in", "person.signed-out"]


@pytest.mark.parametrize("base", ["http://exchange.example", "https://exchange.example/pf"])
def test_cookies_are_for_this_exchange_alone(make_app: Callable[..., World], base: str) -> None:
    world = make_app(base_url=base)
    account(world, SAM)
    jar = Jar(world)
    https = base.startswith("https")

    for path in ("/", "/sign-in", "/new-password"):
        jar.get(path)
        assert jar.last == [], "no cookie by opening a page"
    answer = jar.sign_in(SAM)

    assert answer.headers["location"] == ("/pf/organisations" if https else "/organisations")
    given = {morsel.key: morsel for morsel in jar.last if morsel["max-age"] != "0"}
    assert {key.removeprefix("__Host-") for key in given} == {"placefeed-session", "placefeed-known"}
    for key, morsel in given.items():
        assert key.startswith("__Host-") == https
        assert bool(morsel["secure"]) == https
        assert (morsel["httponly"], morsel["samesite"], morsel["path"], morsel["domain"]) == (True, "lax", "/", "")


def test_a_session_begins_anew_with_every_sign_in(world: World) -> None:
    account(world, SAM, "lewisham")
    jar = Jar(world, cookies={cookie_name(world.settings): "planted-by-somebody-else"})

    jar.sign_in(SAM)
    first = jar.session
    assert first != "planted-by-somebody-else"
    jar.sign_in(SAM)

    assert jar.session != first
    with world.database.read() as session:
        assert len(session.exec(select(SignIn)).all()) == 1


def test_it_leads_nowhere_else(world: World) -> None:
    account(world, SAM, "lewisham")
    for evil in (
        "//evil.example", "/\\evil.example", "\\/evil.example", "https://evil.example", "https:evil", "/\n/evil.example",
        "/\t/evil.example", "javascript:alert(1)", "evil", "/a\r\nSet-Cookie: a=b",
    ):  # fmt: skip
        jar = Jar(world)
        shown = jar.ask("GET", "/sign-in", params={"next": evil})
        assert 'name="next" value="/"' in shown.text, evil
        assert jar.sign_in(SAM, next=evil).headers["location"] == "/", evil
        assert jar.ask("GET", "/sign-in", params={"next": evil}).headers["location"] == "/", evil


def test_nobody_learns_who_has_an_account(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    account(world, SAM, "lewisham")
    account(world, "nopass@lewisham.example", "lewisham", password=None)
    closed = account(world, "gone@lewisham.example", "lewisham")
    with world.database.write() as session:
        people.disable(session, closed, now=world.clock())
    worked: list[str] = []
    verify = CHEAP.verify

    def watched(kept: str, text: str) -> bool:
        worked.append(kept)
        return verify(kept, text)

    class Watched:
        hash, check_needs_rehash = CHEAP.hash, CHEAP.check_needs_rehash
        verify = staticmethod(watched)

    world.app.state.exchange.kept[Passwords] = Passwords(Watched())  # type: ignore[arg-type]
    answers = set()
    asked = [(SAM, "not this one"), ("nobody@lewisham.example", PASSWORD), ("gone@lewisham.example", PASSWORD), ("nopass@lewisham.example", PASSWORD)]  # fmt: skip
    for email, password in asked:
        answer = Jar(world).sign_in(email, password)
        answers.add((answer.status_code, answer.text.replace(email, "E")))
    assert len(answers) == 1
    assert len(worked) == 4  # each cost one hash
    forgotten = {
        (answer.status_code, answer.headers["location"])
        for email in (SAM, "nobody@lewisham.example")
        for answer in [Jar(world).post("/new-password", {"email": email})]
    }
    assert forgotten == {(303, "/new-password?sent=yes")}


def test_a_link_by_email_opens_also_where_guessing_was_stopped(world: World) -> None:
    person = account(world, SAM, "lewisham")
    jar = Jar(world)
    for number in range(11):
        jar.sign_in(SAM, f"guess number {number}")
    token = reset_token(world, person)

    assert SAM in text_of(jar.get(f"/new-password/{token}"))
    assert jar.post(f"/new-password/{token}", {"password": "brass lantern otter"}).status_code == 303
    assert jar.sign_in(SAM, "brass lantern otter").status_code == 303


def test_a_link_to_choose_a_password_works_once_and_ends_all_sessions(world: World) -> None:
    person = account(world, SAM, "lewisham")
    jar, elsewhere = Jar(world), Jar(world)
    elsewhere.sign_in(SAM)
    token, unused = reset_token(world, person), reset_token(world, person)

    for _ in range(2):
        assert jar.get(f"/new-password/{token}").status_code == 200  # a scanner of mail opens it first
    weak = jar.post(f"/new-password/{token}", {"password": "Password1234"})
    assert weak.status_code == 422
    assert "Password1234" not in weak.text
    answer = jar.post(f"/new-password/{token}", {"password": "brass lantern otter"})
    assert answer.headers["location"] == "/sign-in?done=password"
    assert jar.session is None
    assert not elsewhere.is_in()
    told = {
        text_of(jar.post(f"/new-password/{each}", {"password": "other words here"})) for each in (token, unused, "x")
    }
    assert len(told) == 1
    assert jar.get(f"/new-password/{unused}").status_code == 404
    assert jar.sign_in(SAM).status_code == 422
    assert jar.sign_in(SAM, "brass lantern otter").status_code == 303
    late = reset_token(world, person)
    world.clock.move(minutes=61)
    assert Jar(world).get(f"/new-password/{late}").status_code == 404


def test_a_changed_password_ends_other_sessions_and_links(world: World) -> None:
    person = account(world, SAM, "lewisham")
    jar, elsewhere = Jar(world), Jar(world)
    jar.sign_in(SAM)
    elsewhere.sign_in(SAM)
    token = reset_token(world, person)

    wrong = jar.post("/account/password", {"current": "not it", "password": "brass lantern otter"})
    assert wrong.status_code == 422
    assert "not your present password" in text_of(wrong)
    done = jar.post("/account/password", {"current": PASSWORD, "password": "brass lantern otter"})
    assert done.headers["location"] == "/account?done=password"
    assert jar.is_in()
    assert not elsewhere.is_in()
    assert jar.get(f"/new-password/{token}").status_code == 404


def test_sessions_are_seen_and_ended_by_their_owner_alone(world: World) -> None:
    account(world, SAM, "lewisham")
    account(world, "ali@lewisham.example", "lewisham")
    jar, elsewhere, ali = Jar(world), Jar(world), Jar(world)
    for each, email in ((jar, SAM), (elsewhere, SAM), (ali, "ali@lewisham.example")):
        each.sign_in(email)
    ids = re.findall(r"/account/sign-ins/([0-9a-f]{16})/end", jar.get("/account").text)
    assert len(ids) == 1

    assert ali.post(f"/account/sign-ins/{ids[0]}/end").status_code == 303
    assert elsewhere.is_in(), "somebody else's is not theirs to end"
    jar.post(f"/account/sign-ins/{ids[0]}/end")
    assert not elsewhere.is_in()
    elsewhere.sign_in(SAM)
    jar.post("/account/sign-ins/end-others")
    assert (jar.is_in(), elsewhere.is_in(), ali.is_in()) == (True, False, True)


# -- where one works ----------------------------------------------------------------------------------------------------


def test_who_works_in_several_organisations_chooses(world: World) -> None:
    person = account(world, SAM, "lewisham", level="reader")
    with world.database.write() as session:
        people.give_post(session, person, "example-homes", level="editor", now=world.clock())
    jar = Jar(world)

    assert jar.sign_in(SAM, next="/list").headers["location"] == "/organisations?next=%2Flist"
    assert "Example Homes Ltd" in text_of(jar.get("/organisations?next=/list"))
    assert jar.post("/organisations", {"organisation": "other-homes"}).status_code == 422
    answer = jar.post("/organisations", {"organisation": "lewisham", "next": "//evil.example"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "Lewisham" in jar.get("/account").text


def test_who_works_nowhere_is_told_whom_to_ask(world: World) -> None:
    account(world, SAM)
    jar = Jar(world)
    assert jar.sign_in(SAM).headers["location"] == "/organisations"
    assert Jar(world).sign_in(SAM, next="/invitations/x").headers["location"] == "/invitations/x"
    assert "Ask a manager of your organisation to invite sam@lewisham.example" in text_of(jar.get("/organisations"))


def test_what_is_kept_of_a_session_opens_nothing(world: World) -> None:
    account(world, SAM, "lewisham")
    jar = Jar(world)
    jar.sign_in(SAM)
    with world.database.read() as session:
        rows: list[Any] = [*session.exec(select(SignIn)), *session.exec(select(OneUse))]
        assert not any((jar.session or "").encode() in bytes(row.digest) for row in rows)
        assert sign_ins.visitor_of(session, rows[0].digest.hex(), settings=world.settings, now=world.clock()) is None
