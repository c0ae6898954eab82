"""Sending in a browser: upload, read the report, mend the sheet that comes back, send it again; check without sending."""

import csv
import io
import re
from datetime import timedelta

import orjson
from playwright.sync_api import Page

from placefeed.service.access import links
from tests.browser.conftest import Open, expected
from tests.browser.looking import inspect
from tests.browser.site import Site
from tests.service.api.exchange import OURS, feed_of
from tests.service.people import somebody

HEADINGS = ["URN", "Vacancy ID", "Places", "Available from", "Ages from", "Ages to"]
WRONG = [HEADINGS, [OURS, "v1", "many", "01/07/2026", "11", "16"]]
CHECKED = "Nothing of it was kept"


def sheet(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def choose(page: Page, content: bytes, name: str) -> None:
    page.set_input_files("input[type=file]", files=[{"name": name, "mimeType": "text/csv", "buffer": content}])


def send(page: Page) -> None:
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url("**/reports/*")


def test_upload_report_mend_and_again(visit: Open) -> None:
    page = visit("provider", "/upload", level="editor")
    inspect(page)
    with expected(page, 422):
        page.get_by_role("button", name="Send", exact=True).click()
        page.get_by_text("There is a problem").wait_for()
        inspect(page)
    choose(page, sheet(WRONG), "homes.csv")
    send(page)
    inspect(page)
    page.get_by_text("Row 2, column Places (C)").wait_for()
    with page.expect_download() as started:
        page.get_by_role("link", name="With comments, as text (CSV)").click()
    back = list(csv.reader(io.StringIO(started.value.path().read_text(encoding="utf-8-sig"))))
    assert back[0][-1] == "What to mend"
    assert "whole number" in back[1][-1]
    back[1][2] = "1"

    page.get_by_role("button", name="Send the mended file").click()
    choose(page, sheet(back), "mended.csv")
    send(page)

    assert page.locator(".govuk-tag").first.inner_text() == "Taken"
    inspect(page)
    page.get_by_role("link", name="All that we sent").click()
    inspect(page)
    assert page.get_by_role("link", name=re.compile("report on")).count() >= 2


def test_by_keyboard_on_a_phone_without_scripts(visit: Open) -> None:
    page = visit("provider", "/upload", phone=True, scripts=False)
    choose(page, sheet(WRONG), "phone.csv")
    page.locator("#file").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/reports/*")
    assert page.locator("h1").inner_text() == "Report on phone.csv"
    page.goto("/reports")
    assert "phone.csv" in page.locator("table").inner_text()


def test_the_phone_in_each_state(visit: Open) -> None:
    page = visit("rival", "/reports", phone=True)
    inspect(page)
    assert "Nothing has come in yet" in page.content()
    page.goto("/upload")
    inspect(page)
    choose(page, sheet([HEADINGS, [OURS, "v1", "1", "01/07/2026", "11", "16"]]), "not-ours.csv")
    send(page)
    inspect(page)
    assert page.locator(".govuk-tag").first.inner_text() == "Not taken"
    page.goto("/reports")
    inspect(page)


def test_a_large_file_tells_by_itself_when_it_is_done(visit: Open, site: Site) -> None:
    page = visit("provider", "/upload")
    rows = [[OURS, "v1", "1", "01/07/2026", "11", "16"]]
    choose(page, sheet([HEADINGS, *rows]) + b"\r\n" * 700_000, "large.csv")  # a worker takes it, and it is quickly done
    send(page)
    page.wait_for_selector("[data-wait]", state="detached", timeout=20_000)
    assert page.locator(".govuk-tag").first.inner_text() != "Being worked"


def test_check_by_paste_file_and_link(visit: Open, site: Site) -> None:
    page = visit(None, "/check", phone=True)
    inspect(page)
    with expected(page, 422):
        page.get_by_role("button", name="Check it").click()
        page.get_by_text("There is a problem").wait_for()
        inspect(page)
        page.fill("#link", "https://127.0.0.1/feed.json")
        page.get_by_role("button", name="Check it").click()
        page.get_by_text("Nothing could be fetched").first.wait_for()
        assert page.locator("#link").input_value() == "https://127.0.0.1/feed.json"
        inspect(page)
    page.goto("/check")
    page.fill("#paste", orjson.dumps(feed_of(OURS)).decode())
    page.get_by_role("button", name="Check it").click()
    page.get_by_text(CHECKED).wait_for()
    assert page.locator("h1").inner_text() == "Nothing is wrong with what you pasted"
    inspect(page)


def test_check_without_scripts(visit: Open) -> None:
    page = visit(None, "/check", scripts=False)
    choose(page, sheet([*WRONG, [OURS, "v2", "943 476 5919", "", "", ""]]), "a.csv")
    page.get_by_role("button", name="Check it").click()
    page.get_by_text(CHECKED).wait_for()
    assert page.locator("h1").inner_text() == "Something is wrong with your file"
    assert "NHS number" in page.content()
    assert "943 476 5919" not in page.content()


def test_the_link_of_a_reminder(visit: Open, site: Site) -> None:
    now = site.world.clock()
    who, _cookie = somebody(site.world.database, site.world.settings, "example-homes", name="Pat Reed", now=now)
    site.world.push("provider", feed_of(OURS, as_of=(now - timedelta(hours=20)).isoformat(timespec="seconds")))
    with site.world.database.write() as session:
        token = links.make(
            session, kind=links.UNCHANGED, person_id=who, organisation_id="example-homes",
            detail={"urns": [OURS, "SC000009"]}, lasts=timedelta(hours=48), now=site.world.clock(),
        )  # fmt: skip
    page = visit(None, f"/unchanged/{token}", phone=True)
    inspect(page)
    page.get_by_role("button", name="Nothing has changed").click()
    page.locator("h2", has_text="Not renewed").wait_for()
    inspect(page)
    assert "Thank you" in page.locator("h1").inner_text()
    with expected(page, 404):
        page.goto(f"/unchanged/{token}")
        inspect(page)


def test_the_switch_of_reminders(visit: Open) -> None:
    page = visit("provider", "/reminders")
    inspect(page)
    page.get_by_role("button", name=re.compile("Stop reminders for")).click()
    page.get_by_text("You will not be reminded any more").wait_for()
    inspect(page)
    page.get_by_role("button", name=re.compile("Remind me for")).click()
    page.get_by_text("You will be reminded").wait_for()
