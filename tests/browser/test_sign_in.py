"""Signing in, one's account and colleagues in a browser: on a phone and a desktop, with and without scripts, by keyboard."""

import base64
from itertools import count

import pytest
from playwright.sync_api import Page, expect

from placefeed.service.access import people, second_factor
from placefeed.service.access.passwords import Passwords
from tests.browser.conftest import Open, expected
from tests.browser.looking import inspect
from tests.browser.site import Site
from tests.service.pages.jar import CHEAP, PASSWORD, account

NUMBERS = count(1)


@pytest.fixture
def sam(site: Site) -> str:
    """Somebody at the council, by address."""
    email = f"sam{next(NUMBERS)}@lewisham.example"
    account(site.world, email, "lewisham")
    return email


def fill_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def code_of(site: Site, key: bytes) -> str:
    return second_factor.hotp(key, second_factor.step_at(site.world.clock()))


def test_sign_in_by_keyboard_alone(visit: Open, sam: str) -> None:
    page = visit(None, "/sign-in")
    inspect(page)
    page.get_by_label("Email address").focus()
    page.keyboard.press("Enter")
    with expected(page, 422):
        expect(page.get_by_role("alert")).to_contain_text("Enter your email address")
        inspect(page)
        page.get_by_role("alert").get_by_role("link", name="Enter your email address.").press("Enter")
        page.keyboard.type(sam)
        page.keyboard.press("Tab")
        page.keyboard.type("not this one")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("is not right")
        inspect(page)
    page.get_by_label("Password", exact=True).focus()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # show the password
    expect(page.get_by_role("button", name="Hide password")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.goto("/account")
    inspect(page)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_second_factor_on_a_phone(visit: Open, site: Site, sam: str, scripts: bool) -> None:
    page = visit(None, "/sign-in?next=/account", phone=True, scripts=scripts)
    fill_in(page, sam)
    if scripts:
        inspect(page)
    page.get_by_role("link", name="Set up a second factor").click()
    if scripts:
        inspect(page)
    key = base64.b32decode((page.locator(".pf-key").text_content() or "").replace(" ", ""))
    with expected(page, 422):
        page.get_by_label("Code", exact=True).fill("1")
        page.get_by_role("button", name="Switch on").click()
        expect(page.get_by_role("alert")).to_contain_text("Enter the six figures")
    page.get_by_label("Code", exact=True).fill(code_of(site, key))
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("keep these recovery codes")
    recovery = page.locator(".pf-key").all_text_contents()[0]
    if scripts:
        inspect(page)
    page.get_by_role("button", name="Sign out").click()
    page.goto("/sign-in?next=/account")
    fill_in(page, sam)
    expect(page.get_by_role("heading", level=1)).to_have_text("Enter your code")
    if scripts:
        inspect(page)
    page.get_by_label("Code", exact=True).fill(recovery)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("7 recovery codes")).to_be_visible()
    page.get_by_role("link", name="Switch off the second factor").click()
    if scripts:
        inspect(page)


@pytest.mark.parametrize("phone", [True, False])
def test_a_manager_invites_and_the_colleague_joins(visit: Open, site: Site, phone: bool) -> None:
    site.world.app.state.exchange.kept[Passwords] = Passwords(CHEAP)
    number = next(NUMBERS)
    manager = visit("provider", "/people", phone=phone)
    inspect(manager)
    manager.get_by_role("button", name="Invite somebody").click()
    inspect(manager)
    with expected(manager, 422):
        manager.get_by_role("button", name="Invite", exact=True).click()
        expect(manager.get_by_role("alert")).to_contain_text("Enter an email address")
        inspect(manager)
    manager.get_by_label("Email address").fill(f"kim{number}@example-homes.example")
    manager.get_by_label("Name", exact=True).fill("Kim Lee")
    manager.get_by_label("Editor").check()
    manager.get_by_role("button", name="Invite", exact=True).click()
    inspect(manager)
    link = manager.locator(".pf-key").text_content() or ""
    manager.goto("/people")
    inspect(manager)

    page = visit(None, link, phone=phone)
    inspect(page)
    page.get_by_label("Choose a password").fill(PASSWORD)
    page.get_by_role("button", name="Accept and sign in").click()
    expect(page.get_by_role("link", name="Kim Lee")).to_be_visible()
    manager.goto("/people")
    manager.get_by_role("link", name="Kim Lee").first.click()
    inspect(manager)
    manager.get_by_role("button", name="End the access of Kim Lee").click()
    expect(manager.get_by_text("Their access is ended.")).to_be_visible()
    page.goto("/organisations")
    expect(page.get_by_role("heading", level=1)).to_have_text("You work for nobody here yet")
    inspect(page)


def test_choosing_an_organisation_and_a_new_password(visit: Open, site: Site, sam: str) -> None:
    with site.world.database.write() as session:
        person = people.find(session, sam)
        assert person is not None
        people.give_post(session, person.id, "example-homes", level="editor", now=site.world.clock())
    page = visit(None, "/sign-in", phone=True)
    page.get_by_role("link", name="I have forgotten my password").click()
    inspect(page)
    page.goto("/sign-in?next=/account")
    fill_in(page, sam)
    inspect(page)
    with expected(page, 422):
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("alert")).to_contain_text("Choose an organisation")
        inspect(page)
    page.get_by_label("Lewisham").check()
    page.get_by_role("button", name="Continue").click()
    with expected(page, 422):
        page.get_by_label("Present password").fill("x")
        page.get_by_role("button", name="Change password").click()
        expect(page.get_by_role("alert")).to_contain_text("not your present password")
        inspect(page)
