"""The list in a browser: found with and without scripts and by keyboard, live in an open page, compared, saved, printed."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, expected
from tests.browser.looking import inspect
from tests.browser.site import Site
from tests.service.api.exchange import OURS
from tests.service.pages.offers import feed, offer


def say(site: Site, *offers: dict[str, Any], **more: Any) -> None:
    """Let the provider push its home with these offers, as of now, and wait until it is published."""
    at = site.world.clock().isoformat(timespec="seconds").replace("+00:00", "Z")
    document = feed(*({**each, "asOf": at} for each in offers), as_of=at, **more)
    answer = site.world.push("provider", document, headers={"Prefer": "wait=10"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["publication"]["status"] == "published", answer.text


@pytest.fixture(autouse=True)
def offered(site: Site) -> None:
    site.world.clock.move(minutes=1)  # every word is newer than the last test's
    say(site, offer(), offer("v2", response="over-5-days"), complete=True)
    site.world.clock.move(minutes=1)


def live(page: Page) -> None:
    expect(page.locator("#live-state")).to_have_text("live")


@pytest.mark.parametrize(("phone", "scripts"), [(False, True), (True, False)])
def test_a_search_by_filters(visit: Open, phone: bool, scripts: bool) -> None:
    page = visit("member", f"/list?urn={OURS}", phone=phone, scripts=scripts, level="reader")
    if scripts:
        live(page)
        inspect(page)
    page.get_by_label("Age of the child").fill("14")
    page.get_by_label("Today").check()
    page.get_by_role("button", name="Show places").click()
    expect(page.locator(".pf-chips")).to_contain_text("Age of the child: 14 years")
    expect(page.locator(".pf-row")).to_have_count(1)
    assert page.locator("#live").is_visible() is scripts
    assert page.url.endswith("#results")
    page.get_by_role("link", name="Remove Needed by when: Today").click()
    expect(page.locator(".pf-row")).to_have_count(2)


def test_errors_an_empty_result_and_keyboard_only(visit: Open) -> None:
    page = visit("member", "/list", phone=True)
    page.get_by_label("Age of the child").focus()
    page.keyboard.type("old")
    with expected(page, 422):
        page.keyboard.press("Enter")
        expect(page.locator(".govuk-error-summary")).to_be_visible()
    inspect(page)
    page.locator(".govuk-error-summary a").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#age")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    expect(page.locator("#results")).to_contain_text("vacancies available")
    page.goto("/list?age=14&price=10")
    expect(page.get_by_text("Without “Price at most, a week”")).to_be_visible()
    inspect(page)


def test_an_open_list_is_live(visit: Open, site: Site) -> None:
    page = visit("member", f"/list?urn={OURS}")
    live(page)
    phone = page.locator(".pf-phone").first
    phone.focus()
    order = page.locator(".pf-row").evaluate_all("rows => rows.map(row => row.dataset.id)")
    say(site, offer(response="under-5-days"), offer("v2", response="over-5-days"))
    expect(page.locator(".pf-changed[data-cell=when]").first).to_contain_text("In less than five days", timeout=1500)
    expect(page.locator("#live-news")).to_contain_text("1 changed")
    site.world.clock.move(minutes=1)
    say(site, offer(response="under-5-days"), offer("v3", places=2), complete=True)
    expect(page.locator(".pf-gone")).to_have_count(1, timeout=2000)
    expect(page.locator("#live-news")).to_contain_text("1 new place")
    expect(page.locator("#results > ol [data-cell=when]")).to_have_count(2)
    assert page.locator("#results > ol .pf-row").evaluate_all("rows => rows.map(row => row.dataset.id)") == order
    expect(phone).to_be_focused()
    inspect(page)
    page.get_by_role("button", name="Show 1 new place").click()
    expect(page.locator("#new-rows .pf-row")).to_contain_text("New")
    inspect(page)


def test_three_hundred_changes_are_one_message(visit: Open) -> None:
    page = visit("member", f"/list?urn={OURS}")
    live(page)
    told = page.evaluate(
        """async () => {
          const said = [];
          new MutationObserver(() => said.push(document.getElementById("live-news").textContent))
            .observe(document.getElementById("live-news"), { childList: true });
          const { LiveList } = await import(document.querySelector("script[src$='list.js']").src);
          for (let i = 0; i < 300; i++) {
            LiveList.open.heard({ data: JSON.stringify({ type: "vacancy.published", listingId: `L${i}` }), lastEventId: "" });
          }
          await new Promise((done) => setTimeout(done, 700));
          return said;
        }"""
    )
    assert told == ["300 places have changed. Reload to see them."]
    expect(page.locator("#live-reload")).to_be_visible()


def test_compared_saved_hidden_and_printed(visit: Open, site: Site) -> None:
    page = visit("member", f"/list?urn={OURS}", phone=True)
    live(page)
    for box in page.get_by_role("checkbox", name="Compare").all()[:2]:
        box.check()
    page.get_by_role("button", name="Compare the chosen places").click()
    expect(page.locator("th[scope=col]")).to_have_count(2)
    inspect(page)
    page.get_by_role("link", name="Back to the list").click()
    page.get_by_label("Name of the search").fill("One home")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("Saved searches")
    inspect(page)
    for path in ("/policy", "/list/hidden"):
        page.goto(path)
        inspect(page)
    page.get_by_role("radio", name="I am looking at the market").check()
    page.get_by_role("button", name="Show them").click()
    expect(page.get_by_text("Hidden grades are shown")).to_be_visible()
    inspect(page)
    page.get_by_role("button", name="Hide them again").click()
    expect(page.get_by_text("Hidden grades are shown")).to_have_count(0)
    page.emulate_media(media="print")
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator(".pf-row").first).to_be_visible()
