"""The page of one setting in a browser: full, stale, disputed, without a vacancy, without a price; at both widths, without scripts."""

from datetime import timedelta

import pytest

from placefeed.service.clock import iso
from tests.browser.conftest import Open, expected
from tests.browser.looking import inspect
from tests.browser.site import Site
from tests.service.api.exchange import OURS, OURS_TOO, THEIRS
from tests.service.pages import full_settings as full


@pytest.fixture(scope="module", autouse=True)
def filled(site: Site) -> None:
    """One home with everything; another with a stale offer and no price; the rival's has nothing."""
    world = site.world
    full.fill(world)
    stale = full.vacancy(world, "v1", asOf=full.ago(world, days=5), notes=full.EVIL)
    sent = world.push(
        "provider", full.feed_with({"urn": OURS_TOO, "vacancies": [stale]}, iso(world.clock() - timedelta(minutes=1)))
    )
    assert sent.json()["verdict"] == "accepted", sent.text
    world.publish()


def test_a_member_reads_a_full_setting_on_a_phone_without_scripts(visit: Open) -> None:
    page = visit("member", f"/settings/{OURS}", phone=True, scripts=False, level="reader")
    assert page.locator("h1").inner_text() == "Willow House"
    assert "Disputed" in page.locator("main").inner_text()
    ask = page.get_by_role("region", name="Ask about a place")
    assert ask.get_by_role("link", name="020 7946 0100").get_attribute("href") == "tel:02079460100"
    assert all(link.bounding_box()["height"] >= 44 for link in ask.get_by_role("link").all())  # type: ignore[index]
    page.get_by_role("link", name="Prices").click()
    assert page.url.endswith("#prices")
    drawing = page.get_by_role("img", name="What “Core care” is made of")
    assert drawing.is_visible()
    summary = page.locator("#prices").locator("xpath=..").locator("summary").first
    summary.click()
    assert page.get_by_role("table", name="What “Core care” is made of").first.is_visible()


@pytest.mark.parametrize("role", ["member", "provider", "operator"])
@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_a_full_and_disputed_setting_stands_every_check(visit: Open, role: str, phone: bool) -> None:
    page = visit(role, f"/settings/{OURS}", phone=phone)
    inspect(page)
    assert page.get_by_role("img", name="Overall grade over time").is_visible()
    assert page.get_by_role("img", name="Occupied places").count() == (0 if role == "member" else 1)


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_a_stale_offer_without_a_price(visit: Open, phone: bool) -> None:
    page = visit("member", f"/settings/{OURS_TOO}", phone=phone)
    inspect(page)
    told = page.locator("main").inner_text()
    assert "No place is known to be free here now." in told
    assert "Confirm by phone" in told
    assert "No price is offered to you here." in told
    assert full.EVIL in told


def test_nothing_is_known_and_nothing_is_there(visit: Open) -> None:
    page = visit("operator", f"/settings/{THEIRS}")
    inspect(page)
    assert "No place is known to be free here now." in page.locator("main").inner_text()
    with expected(page, 404):
        page.goto("/settings/SC999999")
    assert page.locator("h1").count() == 1


def test_by_keyboard_from_the_contents_to_the_history(visit: Open) -> None:
    page = visit("provider", f"/settings/{OURS}", level="reader")
    link = page.get_by_role("link", name="What changed when")
    link.focus()
    page.keyboard.press("Enter")
    assert page.url.endswith("#changes")
    page.goto(f"/settings/{OURS}/history")
    inspect(page)
    assert "29 occupied" in page.locator("main").inner_text()
