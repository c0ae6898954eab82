"""What anyone may read, in a browser: at a phone's width and a desktop's, with and without scripts, by keyboard."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from placefeed.service.channels.summary import summary_document
from placefeed.service.tables import PublicSummary
from tests.browser.conftest import Open, expected
from tests.browser.looking import assert_parses, inspect
from tests.browser.site import Site
from tests.service.test_query import as_row

PAGES = (
    "/", "/standard", "/standard/changes", "/standard/rules", "/standard/codelists/provision-types", "/standard/mappings/hsds",
    "/standard/examples", "/standard/examples/feed-home-of-four.json", "/standard/vacancy", "/accessibility", "/privacy",
    "/data-protection/dpia", "/data-protection/sharing-agreement",
)  # fmt: skip
OLDER = (
    "/docs",
    "/problems",
    "/problems/not-found",
    "/terms",
    "/schema/index.html",
    "/schema/vacancy.html",
    "/schema/rules.html",
)
"""Pages of the API itself."""
THINNED = "document.querySelectorAll('main section').forEach((each, number) => { if (number % 12) each.remove() })"


def publish_summary(site: Site) -> None:
    """An edition of this week, with counts that are kept back."""
    rows = [
        as_row(f"{la}-{number}", la=la, urn=f"{la}{number}", places=3)
        for la, count in (("E09000023", 20), ("E06000023", 12), ("E06000026", 2), ("E08000035", 9), ("E08000003", 4))
        for number in range(count)
    ]
    made = summary_document(rows, week=datetime(2026, 6, 29, tzinfo=UTC))
    with site.world.database.write() as session:
        session.merge(
            PublicSummary(week=datetime(2026, 6, 28, 23, tzinfo=UTC), made_at=site.world.clock(), document=made)
        )


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_every_public_page_is_accessible(visit: Open, phone: bool) -> None:
    page = visit(None, PAGES[0], phone=phone)
    inspect(page)
    for path in PAGES[1:] if phone else PAGES[1::3]:
        page.goto(path)
        inspect(page)
        assert page.locator("h1").count() == 1, path


def test_the_pages_of_the_api_are_accessible_and_lead_back(visit: Open) -> None:
    page = visit(None, OLDER[0], phone=True)
    for path in OLDER:
        page.goto(path)
        page.evaluate(
            THINNED
        )  # hundreds of sections from one template: axe would take a minute for the whole reference
        inspect(page)
    page.goto("/terms")
    page.get_by_role("link", name="Check a feed").wait_for()
    page.get_by_role("link", name="Home").click()
    assert "live" in page.locator("h1").inner_text()


def test_a_narrow_window_needs_no_sideways_scrolling(visit: Open) -> None:
    page = visit(None, "/")
    page.set_viewport_size({"width": 320, "height": 640})
    for path in (
        "/",
        "/standard/vacancy",
        "/standard/codelists/local-authorities",
        "/privacy",
        "/data-protection/dpia",
        "/docs",
        "/schema/vacancy.html",
    ):
        page.goto(path)
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not wide, f"{path} scrolls sideways"


def test_the_first_page_by_keyboard(visit: Open) -> None:
    page = visit(None, "/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Skip to main content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Sign in"
    assert page.evaluate("document.activeElement.getAttribute('href')") == "/sign-in"


def test_the_standard_is_read_from_its_front_to_a_code(visit: Open) -> None:
    page = visit(None, "/", phone=True, scripts=False)
    page.locator("main").get_by_role("link", name="The standard").first.click()
    page.get_by_role("link", name="vacancy", exact=True).click()
    page.locator("table").first.get_by_role("link", name="response-bands").click()
    assert "How soon a child can come" in page.locator("h1").inner_text()
    with expected(page, 404):
        page.goto("/standard/beds")
    assert_parses(page.content())


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_the_summary_with_counts_that_are_kept_back(visit: Open, site: Site, phone: bool) -> None:
    if phone:
        with site.world.database.write() as session:
            session.execute(sa.delete(PublicSummary))
        page = visit(None, "/summary", phone=True)
        assert "There is no summary yet" in page.locator("main").inner_text()
        inspect(page)
        publish_summary(site)
        page.reload()
    else:
        publish_summary(site)
        page = visit(None, "/summary")
    assert page.locator("svg.pf-map rect").count() == 153
    assert page.locator("svg.pf-map [tabindex]").count() == 0
    assert page.locator("svg.pf-map").get_attribute("role") == "img"

    page.get_by_label("Region").select_option("London")
    page.get_by_label("Sort by").select_option("Places, most first")
    page.get_by_role("button", name="Show").click()

    table = page.locator("table").last
    assert table.locator("tbody tr").count() == 33
    assert table.locator("tbody tr").first.locator("th").inner_text() == "Lewisham"
    assert table.locator("th[aria-sort=descending]").inner_text() == "Places"
    assert "[c]" in table.inner_text()
    page.locator("table").last.get_by_role("link", name="Local authority").click()
    assert table.locator("tbody tr").first.locator("th").inner_text() == "Barking and Dagenham"
    assert page.locator("main h2").last.inner_text() == "By local authority in London"
    inspect(page)
