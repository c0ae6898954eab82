"""A manager's homes in a browser: the update in three taps on a phone, without scripts, and by keyboard alone."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from placefeed.service.clock import iso
from placefeed.service.tables import SpeaksFor
from tests.browser.conftest import Open, expected
from tests.browser.looking import inspect
from tests.browser.site import Site, opened
from tests.service.api.exchange import OURS, OURS_TOO, feed_of

NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture
def site(sqlite_template: Path) -> Iterator[Site]:
    """One of its own for each test: what one test offers must not stand in another's form."""
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder), sqlite_template) as running:
        yield running


@pytest.fixture
def told(site: Site) -> Site:
    """Both homes with two places each, said by the provider's feed this moment."""
    feed = feed_of(OURS, OURS_TOO, places=2, as_of=iso(site.world.clock()))
    for record in feed["settings"]:
        record["vacancies"][0]["notes"] = NASTY
        record["rates"] = [price(iso(site.world.clock()))]
    assert site.world.push("provider", feed).status_code in (200, 201)
    site.world.publish()
    return site


def price(as_of: str) -> dict[str, Any]:
    return {
        "id": "core", "asOf": as_of, "title": "Core", "price": {"pence": 512500, "per": "week"}, "offeredTo": "any",
        "validFrom": "2026-01-01", "lines": [{"code": "care-staff", "pence": 412500}, {"code": "food", "pence": 100000}],
    }  # fmt: skip


def count_taps(page: Page) -> None:
    """Count clicks across pages, in the browser's own session."""
    page.context.add_init_script(
        "document.addEventListener('click', (event) => { if (event.isTrusted && event.detail)"
        " sessionStorage.taps = Number(sessionStorage.taps ?? 0) + 1; }, true)"
    )
    page.reload()


def members_have(site: Site, urn: str = OURS) -> list[int]:
    site.world.publish()
    items = site.world.call("member", "GET", "/v1/listings").json()["items"]
    return [each["vacancy"]["places"] for each in items if each["urn"] == urn]


def test_the_update_takes_three_taps_from_my_homes(visit: Open, told: Site) -> None:
    page = visit("provider", "/homes", phone=True)
    inspect(page)
    count_taps(page)

    page.locator(f'a[href$="/homes/{OURS}/update"]').tap()
    button = page.get_by_role("button", name="One fewer: Places free")
    box = button.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 44
    save = page.get_by_role("button", name="Save", exact=True).bounding_box()
    assert save is not None
    assert save["y"] + save["height"] <= 740  # all of it on one screen
    inspect(page)
    button.tap()
    expect(page.locator("[data-living]")).to_have_text("3 places of 4 taken.")
    page.get_by_role("button", name="Save", exact=True).tap()

    expect(page.get_by_role("alert")).to_contain_text("Your update is saved.")
    expect(page.get_by_role("alert")).to_contain_text("1 place")
    assert int(page.evaluate("sessionStorage.taps")) == 3
    assert members_have(told) == [1]
    inspect(page)


def test_no_place_free_withdraws_what_is_offered_in_three_taps_and_offers_it_again(visit: Open, told: Site) -> None:
    page = visit("provider", f"/homes/{OURS}/update", phone=True)  # as from an e-mail's link
    count_taps(page)
    for _place in range(2):
        page.get_by_role("button", name="One fewer: Places free").tap()
    page.get_by_role("button", name="Save, and withdraw the vacancy").tap()
    expect(page.get_by_role("alert")).to_contain_text("no place")
    assert int(page.evaluate("sessionStorage.taps")) == 3
    assert members_have(told) == []

    page.goto("/homes")
    page.evaluate("sessionStorage.taps = 0")
    page.locator(f'a[href$="/homes/{OURS}/update"]').tap()
    page.get_by_role("button", name="One more: Places free").tap()
    page.get_by_role("button", name="Save, and offer 1 place").tap()
    expect(page.get_by_role("alert")).to_contain_text("1 place")
    assert int(page.evaluate("sessionStorage.taps")) == 3
    assert members_have(told) == [1]


def test_two_people_at_once_see_both_words(visit: Open, told: Site) -> None:
    phone = visit("provider", f"/homes/{OURS}/update", phone=True)
    desk = visit("provider", f"/homes/{OURS}/update", level="editor")
    phone.get_by_role("button", name="One fewer: Places free").tap()
    phone.get_by_role("button", name="Save", exact=True).tap()
    expect(phone.get_by_role("alert")).to_contain_text("saved")

    desk.get_by_role("spinbutton", name="Reserved for a child").fill("2")
    with expected(desk, 409):
        desk.get_by_role("button", name="Save", exact=True).click()
        expect(desk.locator("main")).to_contain_text("Theirs, now")
    inspect(desk)
    assert desk.get_by_role("spinbutton", name="Reserved for a child").input_value() == "2"
    desk.get_by_role("button", name="Save", exact=True).click()
    expect(desk.get_by_role("alert")).to_contain_text("saved")


def test_all_of_it_works_without_scripts(visit: Open, told: Site) -> None:
    page = visit("provider", f"/homes/{OURS}/update", phone=True, scripts=False)
    page.get_by_label("Places free").fill("9")
    with expected(page, 422):
        page.get_by_role("button", name="Save", exact=True).click()
    assert "The places come to 9, but 4 are registered." in page.locator("main").inner_text()
    page.get_by_label("Places free").fill("0")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Save, and withdraw it").click()
    assert "no place" in page.get_by_role("alert").inner_text()
    assert members_have(told) == []

    page.goto(f"/homes/{OURS}/prices/new")
    page.get_by_label("Price in pounds").fill("100")
    page.get_by_role("group", name="Line 1").get_by_label("What for").select_option("food")
    page.get_by_role("group", name="Line 1").get_by_label("Pounds").fill("90")
    with expected(page, 422):
        page.get_by_role("button", name="Save", exact=True).click()
    assert "The included lines come to £90.00, the price is £100.00." in page.locator("main").inner_text()
    page.get_by_role("button", name="More lines").click()
    assert page.get_by_role("group", name="Line 9").count() == 1
    page.get_by_role("group", name="Line 1").get_by_label("Pounds").fill("100")
    page.get_by_role("button", name="Save", exact=True).click()
    assert "The price is saved." in page.get_by_role("alert").inner_text()


def test_the_update_by_keyboard_alone(visit: Open, told: Site) -> None:
    page = visit("provider", f"/homes/{OURS_TOO}/update")
    page.get_by_role("spinbutton", name="Places free").focus()
    page.get_by_role("spinbutton", name="Places free").press("Control+a")
    page.keyboard.type("1")
    page.keyboard.press("Tab")  # one more
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    assert page.get_by_role("spinbutton", name="Places free").input_value() == "3"
    page.get_by_role("spinbutton", name="Places free").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("saved")


def test_a_price_says_while_it_is_typed_whether_its_lines_agree(visit: Open, told: Site) -> None:
    page = visit("provider", f"/homes/{OURS}/prices")
    inspect(page)
    page.get_by_role("link", name="Change Core").click()
    total = page.locator("[data-total]")
    expect(total).to_have_text("The included lines come to £5,125.00. That is the price.")
    page.get_by_role("group", name="Line 1").get_by_label("Pounds").fill("4,000")
    expect(total).to_contain_text("£125.00 too little.")
    page.get_by_role("button", name="More lines").click()
    last = page.get_by_role("group", name="Line 7")
    last.get_by_label("What for").select_option("training")
    last.get_by_label("Pounds").fill("£125")
    expect(total).to_contain_text("That is the price.")
    inspect(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The price is saved.")


def test_a_vacancy_and_what_members_see_of_it(visit: Open, told: Site) -> None:
    page = visit("provider", f"/homes/{OURS}/vacancies/new", phone=True)
    page.get_by_label("Notes").fill("Flat near SE13 6LH")
    with expected(page, 422):
        page.get_by_role("button", name="Offer it").click()
        expect(page.get_by_role("alert")).to_contain_text("postcode")
    inspect(page)
    page.get_by_label("Notes").fill(NASTY)
    page.get_by_text("Needs: 0 of").click()
    page.get_by_role("group", name="Autism").get_by_label("Accepted", exact=True).check()
    page.get_by_role("button", name="Offer it").click()
    expect(page.get_by_role("alert")).to_contain_text("The vacancy is saved.")

    page.goto(f"/homes/{OURS}/as-members-see")
    page.get_by_label("As whom").select_option(label="Lewisham")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("main")).to_contain_text("Lewisham sees")
    expect(page.locator("main")).to_contain_text(NASTY)
    expect(page.locator("main")).to_contain_text("Needs accepted")
    inspect(page)
    page.goto(f"/homes/{OURS}/contact")
    inspect(page)


def test_nothing_has_changed_is_one_tap_and_a_colleague_sees_it(visit: Open, told: Site) -> None:
    told.world.clock.move(hours=26)
    told.cookies.clear()  # nobody stays signed in for so long
    told.world.publish()
    colleague = visit("provider", f"/homes/{OURS}")
    expect(colleague.locator("main")).to_contain_text("Getting old")
    page = visit("provider", "/homes", phone=True)
    expect(page.locator("main")).to_contain_text("2 homes need a word from you.")
    inspect(page)
    page.get_by_role("button", name=f"Nothing has changed at {OURS}").tap()
    expect(page.get_by_role("alert")).to_contain_text("1 home")
    colleague.reload()
    expect(colleague.locator("main")).to_contain_text("Up to date")


def test_no_homes_yet(visit: Open, site: Site) -> None:
    with site.world.database.write() as session:
        for row in session.exec(select(SpeaksFor).where(SpeaksFor.organisation_id == "other-homes")):
            row.state = "refused"
            session.add(row)
    page = visit("rival", "/homes")
    expect(page.locator("main")).to_contain_text("You have no homes here yet.")
    inspect(page)
