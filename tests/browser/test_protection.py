"""Data protection, in a browser: the operator's register, a copy of what is held about somebody, and their erasure."""

import json
from pathlib import Path

from tests.browser.conftest import Open, expected
from tests.browser.looking import assert_parses, inspect
from tests.browser.site import Site
from tests.service.people import somebody


def test_the_register_is_accessible_at_both_widths(visit: Open) -> None:
    page = visit("operator", "/data-protection")
    inspect(page)
    page.set_viewport_size({"width": 375, "height": 740})
    inspect(page)
    page.get_by_role("link", name="Who sees what").click()
    assert page.locator("#who").is_visible()


def test_somebody_gets_a_copy_and_is_erased(visit: Open, site: Site, tmp_path: Path) -> None:
    somebody(
        site.world.database,
        site.world.settings,
        "lewisham",
        name="Alex Quill",
        email="alex.quill@example.org",
        now=site.world.clock(),
    )
    page = visit("operator", "/data-protection/access")
    inspect(page)
    page.get_by_label("Email address of the person").fill("nobody@example.org")
    with expected(page, 422):
        page.get_by_role("button", name="Find").click()
    inspect(page)
    page.get_by_role("link", name="There is no account with this email address").click()
    assert page.evaluate("document.activeElement.id") == "email"

    page.get_by_label("Email address of the person").fill("Alex.Quill@example.org")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="What is held about Alex Quill").wait_for()
    assert "example.org" not in page.url
    inspect(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download everything").click()
    waiting.value.save_as(tmp_path / "copy.json")
    told = json.loads((tmp_path / "copy.json").read_text())
    assert told["account"][0]["name"] == "Alex Quill"
    assert len(told["sessions"]) == 1

    page.get_by_role("link", name="Erase the account").click()
    inspect(page)
    page.get_by_label("Reference of the request").fill("asked by Alex Quill")
    with expected(page, 422):
        page.get_by_role("button", name="Erase the account").click()
    inspect(page)
    page.get_by_label("Reference of the request").fill("SAR 7")
    page.get_by_role("button", name="Erase the account").click()
    page.get_by_text("The account is erased").wait_for()
    inspect(page)


def test_it_all_works_without_scripts_on_a_phone(visit: Open, site: Site) -> None:
    somebody(
        site.world.database,
        site.world.settings,
        "lewisham",
        name="Kit Moss",
        email="kit.moss@example.org",
        now=site.world.clock(),
    )
    page = visit("operator", "/data-protection", phone=True, scripts=False)
    page.get_by_role("link", name="Requests by people").click()
    page.get_by_label("Email address of the person").fill("kit.moss@example.org")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="Erase the account").click()
    assert_parses(page.content())
    page.get_by_role("button", name="Erase the account").click()
    assert "The account is erased" in page.locator("main").inner_text()
    assert_parses(page.content())
