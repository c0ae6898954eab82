"""Two people in two browsers: what one says on a phone, the other sees on an open list within a second."""

import time

from playwright.sync_api import expect

from placefeed.service.clock import iso
from tests.browser.conftest import Open
from tests.browser.site import Site
from tests.service.api.exchange import OURS, feed_of

WITHIN = 1.0  # seconds from the tap to the change on the other's screen


def test_a_member_sees_what_a_provider_says_within_a_second(visit: Open, site: Site) -> None:
    assert site.world.push("provider", feed_of(OURS, places=3, as_of=iso(site.world.clock()))).status_code == 201
    site.world.publish()
    member = visit("member", f"/list?urn={OURS}")
    expect(member.locator("#live-state")).to_contain_text("live")
    row = member.locator("#results .pf-row [data-cell=when]")
    expect(row).to_contain_text("3 places")
    provider = visit("provider", "/homes", phone=True)

    took = []
    for left in ("2 places", "1 place"):  # the quicker of two: the machine may be busy with something else
        provider.goto(f"/homes/{OURS}/update")
        provider.get_by_role("button", name="One fewer: Places free").tap()
        begun = time.monotonic()
        provider.get_by_role("button", name="Save", exact=True).tap(no_wait_after=True)
        expect(row).to_contain_text(f"{left},", timeout=5000)
        took.append(time.monotonic() - begun)
    assert min(took) < WITHIN, took
    expect(member.locator("#live-news")).to_contain_text("changed")
