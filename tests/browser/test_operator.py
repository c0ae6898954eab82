"""A morning in the control room, in a real browser: on a phone, on a desk, without scripts, by keyboard."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from placefeed.service.access import sources
from placefeed.service.db import secret_of
from placefeed.service.tables import Absence, Source
from tests.browser.conftest import Open, expected
from tests.browser.looking import inspect
from tests.browser.site import Site
from tests.service.api.exchange import OURS, OURS_TOO, THEIRS, feed_of, ofsted_list


def late(site: Site, name: str) -> None:
    """A polled feed of the rival's that has been silent since yesterday."""
    with site.world.database.write() as session:
        if session.get(Source, name) is None:
            sources.create_source(
                session, "other-homes", name=f"Nightly export {name}", transport="http", source_id=name,
                address="https://other.example/feed.csv", cron="0 3 1 1 *", expected_every=3600,
                secret=secret_of(site.world.settings), now=site.world.clock(),
            )  # fmt: skip
        row = session.get_one(Source, name)
        row.late_since, row.last_error = site.world.clock(), "The address did not answer within 60 seconds."
        session.add(row)


def held(site: Site) -> None:
    """A complete feed that lacked the second home."""
    site.world.push("provider", feed_of(OURS, OURS_TOO))
    submission = site.world.push("provider", feed_of(OURS, as_of="2026-07-01T13:55:00Z")).json()["submission"]
    with site.world.database.write() as session:
        session.add(
            Absence(
                source_id="example-homes-push", urn=OURS_TOO, parts="capacity,vacancy", submission_id=submission,
                as_of=site.world.clock(),
            )
        )  # fmt: skip


def heading(page: Page, text: str) -> None:
    expect(page.locator("h1")).to_contain_text(text)


@pytest.mark.parametrize(("phone", "scripts"), [(True, True), (False, False)])
def test_a_late_source_is_found_and_paused(visit: Open, site: Site, phone: bool, scripts: bool) -> None:
    name = f"late-{phone}"
    late(site, name)
    page = visit("operator", "/control", phone=phone, scripts=scripts)
    if scripts:
        inspect(page)
    page.get_by_label("Source or provider").fill(name)
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("The address did not answer")).to_be_visible()
    page.get_by_role("link", name="Other Homes Ltd").click()
    heading(page, "Nightly export")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("alert")).to_contain_text("The source is paused")
    if scripts:
        inspect(page)
    assert site.world.call("operator", "GET", f"/v1/sources/{name}").json()["state"] == "paused"


def test_a_held_feed_is_released_by_keyboard(visit: Open, site: Site) -> None:
    held(site)
    page = visit("operator", "/control/held")
    inspect(page)
    page.get_by_role("link", name="1 setting missing").focus()
    page.keyboard.press("Enter")
    heading(page, "Is this setting gone?")
    inspect(page)
    with expected(page, 422):
        page.get_by_role("button", name="Decide").focus()
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
    inspect(page)
    page.get_by_role("link", name="Choose whether these settings are gone").press("Enter")
    page.keyboard.press("Space")
    page.get_by_label("Why").focus()
    page.keyboard.type("I rang them: the home has closed.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The feed was released")
    page.goto("/control/audit?action=absence.confirm")
    expect(page.get_by_text("I rang them: the home has closed.")).to_be_visible()
    inspect(page)


@pytest.mark.parametrize("phone", [True, False])
def test_a_key_is_issued_and_shown_once(visit: Open, phone: bool) -> None:
    page = visit("operator", "/control/organisations", phone=phone)
    inspect(page)
    page.get_by_role("link", name="Example Homes Ltd").click()
    inspect(page)
    page.get_by_role("link", name="See keys in use").click()
    with expected(page, 422):
        page.get_by_role("button", name="Issue the key").click()
    expect(page.get_by_role("link", name="Enter what the key is for")).to_be_visible()
    inspect(page)
    page.get_by_label("What it is for").fill("Case management, live")
    page.get_by_role("button", name="Issue the key").click()
    heading(page, "Copy the key now")
    inspect(page)
    secret = page.locator("#secret").inner_text()
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_text("Case management, live").first).to_be_visible()
    assert secret not in page.content()


def test_a_colleague_is_invited_without_scripts(visit: Open) -> None:
    page = visit("operator", "/control/organisations/lewisham/people", phone=True, scripts=False)
    page.get_by_label("Full name").fill("Jo Bright")
    page.get_by_label("Email address").fill("jo")
    page.get_by_label("Looks and changes").check()
    with expected(page, 422):
        page.get_by_role("button", name="Invite").click()
    expect(page.locator("#email-error")).to_contain_text("correct format")
    page.get_by_label("Email address").fill("jo@lewisham.example")
    page.get_by_role("button", name="Invite").click()
    heading(page, "Jo Bright is invited")
    assert "/invitations/" in page.locator("#secret").inner_text()
    page.get_by_role("link", name="Back to the people").click()
    expect(page.get_by_text("jo@lewisham.example")).to_be_visible()


def test_ofsteds_file_is_looked_at_and_imported(visit: Open, tmp_path: Path) -> None:
    file = tmp_path / "newer.csv"
    rows = ofsted_list((OURS, "Example Homes Ltd"), (OURS_TOO, "Example Homes Ltd"), (THEIRS, "Another Owner Ltd"))
    file.write_bytes(rows.replace(b"31 March", b"30 April"))
    page = visit("operator", "/control/register")
    inspect(page)
    page.get_by_label("One of Ofsted’s files").set_input_files(file)
    page.get_by_role("button", name="Look what it would change").click()
    expect(page.get_by_text("as at 30 April 2026")).to_be_visible()
    inspect(page)
    page.get_by_label("One of Ofsted’s files").set_input_files(file)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("alert")).to_contain_text("The file was imported")
    inspect(page)
    page.get_by_role("link", name="Owner (").click()
    expect(page.get_by_text("Other Homes Ltd → Another Owner Ltd")).to_be_visible()


@pytest.mark.parametrize("phone", [True, False])
def test_each_list_stands_up(visit: Open, phone: bool) -> None:
    page = visit("operator", "/control/submissions", phone=phone)
    inspect(page)
    for path in ("/control/subscriptions", "/control/consortia/south", "/control/people", "/control/certificates"):
        page.goto(path)
        inspect(page)


def test_a_reader_looks_and_changes_nothing(visit: Open) -> None:
    page = visit("operator", "/control/organisations/example-homes/keys", level="reader")
    heading(page, "Keys")
    expect(page.get_by_role("button", name="Issue the key")).to_have_count(0)
    inspect(page)
