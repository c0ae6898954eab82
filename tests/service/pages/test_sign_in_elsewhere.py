"""Other sign-ins by OpenID Connect, against a real small provider: who gets in as whom, and what of a provider is not believed."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr, ValidationError
from sqlmodel import select

from placefeed.service.access import invitations, people
from placefeed.service.access.who import OPERATOR, Caller
from placefeed.service.config import OidcProvider, Settings
from placefeed.service.tables import Identity, Person, Post
from tests.service.api.exchange import World, peopled, sqlite_settings
from tests.service.pages.idp import CLIENT, SECRET, Provider, provider
from tests.service.pages.jar import Jar, account, text_of

SAM = "sam@lewisham.example"


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with provider() as made:
        yield made


@pytest.fixture
def idp(running: Provider) -> Provider:
    running.claims, running.broken = {}, ""
    return running


@pytest.fixture
def settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    """One database is enough: what is written is tested on both by its operations."""
    return sqlite_settings(tmp_path, sqlite_template)


Opened = Callable[..., World]


@pytest.fixture
def opened(make_app: Callable[..., World], idp: Provider) -> Opened:
    """An exchange with this sign-in."""

    def start(base: str = "http://exchange.example", **options: Any) -> World:
        chosen = OidcProvider(
            title="Sign in with your Lewisham account", issuer=idp.issuer, client_id=CLIENT, client_secret=SecretStr(SECRET),
            **{"domains": ["lewisham.example"], **options},
        )  # fmt: skip
        return peopled(make_app(oidc={"lewisham": chosen}, base_url=base))

    return start


def go(jar: Jar, idp: Provider, next_: str = "") -> Any:
    """There and back."""
    leaving = jar.get(f"/sign-in/lewisham{next_}")
    assert leaving.status_code == 302, leaving.text
    return jar.get(idp.consent(leaving.headers["location"]))


def test_a_colleague_comes_in_by_the_councils_own_sign_in(opened: Opened, idp: Provider) -> None:
    world = opened()
    person = account(world, SAM, "lewisham", password=None)
    jar = Jar(world)

    assert 'href="/sign-in/lewisham?next=/list"' in jar.get("/sign-in?next=/list").text
    leaving = jar.get("/sign-in/lewisham?next=/list")
    asked = parse_qs(urlsplit(leaving.headers["location"]).query)
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == ["http://exchange.example/sign-in/lewisham/back"]
    (state,) = jar.last
    assert (state.key, state["path"], state["max-age"], state["httponly"]) == (
        "placefeed-elsewhere",
        "/sign-in",
        "600",
        True,
    )
    assert asked["state"][0] not in state.value
    answer = jar.get(idp.consent(leaving.headers["location"]))

    assert (answer.status_code, answer.headers["location"]) == (303, "/list")
    assert "placefeed-elsewhere" not in jar.cookies
    assert "with Sign in with your Lewisham account" in text_of(jar.get("/account"))
    with world.database.read() as session:
        kept = session.exec(select(Identity)).one()
        assert (kept.issuer, kept.subject, kept.person_id) == (idp.issuer, "person-1", person)
    # The address has changed there: it is the same person all the same.
    idp.claims = {"email": "sam.new@elsewhere.example"}
    assert go(Jar(world), idp).status_code == 303


def test_behind_https_the_cookie_is_secure(opened: Opened, idp: Provider) -> None:
    world = opened("https://exchange.example/pf")
    account(world, SAM, "lewisham")
    jar = Jar(world)
    jar.get("/sign-in/lewisham?next=//evil.example")
    (state,) = jar.last
    assert (state.key, state["path"], bool(state["secure"])) == ("__Secure-placefeed-elsewhere", "/pf/sign-in", True)
    leaving = jar.get("/sign-in/lewisham?next=//evil.example")
    answer = jar.get(idp.consent(leaving.headers["location"]).removeprefix("/pf"))
    assert answer.headers["location"] == "/pf/"


def test_who_has_no_account_is_told_whom_to_ask_or_gets_one_to_look(opened: Opened, idp: Provider) -> None:
    world = opened()
    jar = Jar(world)
    answer = go(jar, idp)
    assert answer.status_code == 403
    assert "Nobody with the address sam@lewisham.example works here yet. Ask a manager" in text_of(answer)
    assert jar.session is None

    world.settings.oidc["lewisham"].organisation = "lewisham"
    assert go(jar, idp).headers["location"] == "/"
    with world.database.read() as session:
        person = session.exec(select(Person).where(Person.email == SAM)).one()
        assert (person.name, person.password) == ("Sam Carter", None)
        assert [(post.organisation_id, post.level) for post in session.exec(select(Post))] == [("lewisham", "reader")]


def test_who_is_invited_has_their_post_by_signing_in(opened: Opened, idp: Provider) -> None:
    world = opened()
    with world.database.write() as session:
        invitations.invite(
            session, organisation_id="lewisham", email=SAM, name="Sam", level="editor", by=Caller(None, None, OPERATOR),
            settings=world.settings, now=world.clock(),
        )  # fmt: skip
    assert go(Jar(world), idp).status_code == 303
    with world.database.read() as session:
        assert [(post.organisation_id, post.level) for post in session.exec(select(Post))] == [("lewisham", "editor")]


def test_nobody_becomes_somebody_else_by_an_address(opened: Opened, idp: Provider) -> None:
    world = opened()
    for email in (SAM, "boss@example-homes.example", "x@foreign.example", "sam@evil.lewisham.example"):
        account(world, email, "example-homes")
    chosen = world.settings.oidc["lewisham"]
    for claims, options, words in (
        ({"email": "boss@example-homes.example"}, {}, "may not speak for the address boss@example-homes.example"),
        ({"email": "sam@evil.lewisham.example"}, {}, "may not speak"),
        ({"email_verified": False}, {}, "may not speak"),
        ({"email": None}, {}, "did not say your email address"),
        ({"email": "no address"}, {}, "cannot be read"),
        ({"email": ["sam@lewisham.example"]}, {}, "did not say"),
        ({"preferred_username": "x@foreign.example"}, {"email_claim": "preferred_username"}, "may not speak"),
        ({}, {"domains": []}, "may not speak"),
    ):
        idp.claims = dict(claims)
        world.settings.oidc["lewisham"] = chosen.model_copy(update=options)
        jar = Jar(world)
        answer = go(jar, idp)
        assert answer.status_code == 403, claims
        assert words in text_of(answer)
        assert jar.session is None
    with world.database.read() as session:
        assert session.exec(select(Identity)).all() == []


def test_a_token_that_is_not_for_us_now_opens_nothing(opened: Opened, idp: Provider) -> None:
    world = opened()
    account(world, SAM, "lewisham")
    wrong: tuple[dict[str, Any], ...] = (
        {"nonce": "another"}, {"nonce": None}, {"exp": int(time.time()) - 3600}, {"exp": None}, {"iss": "https://other.example"},
        {"aud": "another client"}, {"sub": None},
    )  # fmt: skip
    for claims, broken in (
        *((each, "") for each in wrong),
        *(({}, each) for each in ("key", "none", "no id token", "down", "denied")),
    ):
        idp.claims, idp.broken = claims, broken
        jar = Jar(world)
        answer = go(jar, idp)
        assert answer.status_code == 400, (claims, broken)
        assert "The other sign-in did not work" in text_of(answer)
        assert jar.session is None


def test_a_way_back_is_good_once_in_the_browser_that_left(opened: Opened, idp: Provider) -> None:
    world = opened()
    account(world, SAM, "lewisham")
    jar, victim = Jar(world), Jar(world)
    back = idp.consent(jar.get("/sign-in/lewisham").headers["location"])

    assert victim.get(back).status_code == 400, "nobody is led into somebody else's account"
    victim.get("/sign-in/lewisham")
    assert victim.get(back).status_code == 400, "the state is another's"
    assert parse_qs(urlsplit(back).query)["code"][0] not in idp.asked
    kept = dict(jar.cookies)
    assert jar.get(back).status_code == 303
    jar.cookies = {**kept}
    assert jar.get(back).status_code == 400, "the provider takes a code once"
    leaving = idp.consent(jar.get("/sign-in/lewisham").headers["location"])
    world.clock.move(minutes=11)
    late = jar.get(leaving)
    assert "took too long" in text_of(late)
    assert jar.get("/sign-in/nowhere").status_code == 404


def test_discovery_of_another_issuer_and_a_provider_that_is_away(opened: Opened, idp: Provider) -> None:
    world = opened()
    idp.broken = "discovery"
    assert Jar(world).get("/sign-in/lewisham").status_code == 502
    idp.broken = ""
    assert Jar(world).get("/sign-in/lewisham").status_code == 302


def test_whoever_had_chosen_the_accounts_password_before_is_out(opened: Opened, idp: Provider) -> None:
    world = opened()
    account(world, SAM, "example-homes")
    thief, jar = Jar(world), Jar(world)
    thief.sign_in(SAM)
    with world.database.write() as session:
        invitations.invite(
            session, organisation_id="lewisham", email=SAM, name="Sam", level="editor", by=Caller(None, None, OPERATOR),
            settings=world.settings, now=world.clock(),
        )  # fmt: skip

    assert go(jar, idp).status_code == 303
    assert not thief.is_in()
    assert thief.sign_in(SAM).status_code == 422
    assert "You have no password here" in text_of(jar.get("/account"))
    assert go(Jar(world), idp).status_code == 303
    assert jar.is_in(), "only the first time"


def test_a_closed_account_stays_closed_and_a_second_factor_is_asked_for(opened: Opened, idp: Provider) -> None:
    world = opened()
    person = account(world, SAM, "lewisham")
    jar = Jar(world)
    assert go(jar, idp).status_code == 303
    with world.database.write() as session:
        kept = session.get_one(Person, person)
        kept.totp = b"sealed"
        session.add(kept)
    other = Jar(world)
    assert go(other, idp, "?next=/list").headers["location"] == "/sign-in/code?next=%2Flist"
    assert other.session is None
    with world.database.write() as session:
        people.disable(session, person, now=world.clock() + timedelta(seconds=1))
    answer = go(Jar(world), idp)
    assert (answer.status_code, "closed" in text_of(answer)) == (403, True)


def test_settings_that_would_not_be_safe_are_refused() -> None:
    good = {"title": "T", "issuer": "https://login.example/tenant/v2.0", "client_id": "a", "client_secret": "b"}
    for bad in ({"issuer": "http://login.example"}, {"title": None}, {"unknown": 1}):
        with pytest.raises(ValidationError):
            OidcProvider(**{**good, **bad})  # type: ignore[arg-type]
    for name in ("code", "a/b", "", "Entra"):
        with pytest.raises(ValidationError):
            Settings(oidc={name: OidcProvider(**good)})  # type: ignore[arg-type]
