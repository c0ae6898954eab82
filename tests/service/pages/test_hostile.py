"""Whatever a provider, a file of Ofsted's or a colleague writes is text on every page, never markup."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from placefeed.service.access import organisations, people
from placefeed.service.access.sources import list_sources, update_source
from placefeed.service.config import Settings
from placefeed.service.db import secret_of
from tests.service.api.exchange import OURS, World, feed_of, sqlite_settings
from tests.service.pages.walk import all_pages

EVIL = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>"
MARKS = ("<img src=x", "<script>alert", "onerror=alert(1)>\"'>")


@pytest.fixture
def settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    """One database is enough for what has nothing to do with it."""
    return sqlite_settings(tmp_path, sqlite_template)


def feed() -> dict[str, Any]:
    """A feed in which every text that may be free is hostile."""
    made = feed_of(OURS)
    made["publisher"]["name"] = EVIL
    record = made["settings"][0]
    as_of = record["capacity"]["asOf"]
    record["setting"] = {
        "asOf": as_of, "name": EVIL, "provisionType": "children-home", "provider": {"name": EVIL}, "modelsOfCare": ["no-wrong-door"],
        "services": [{"kind": "therapy", "title": EVIL}],
        "referralContact": {"role": "referrals-team", "telephone": "0121 496 0001", "hours": EVIL, "outOfHours": {"telephone": "0121 496 0002", "hours": EVIL}},
    }  # fmt: skip
    record["vacancies"][0] |= {"notes": EVIL, "rates": ["r1"]}
    record["rates"] = [
        {
            "id": "r1", "asOf": as_of, "title": EVIL, "price": {"pence": 500000, "per": "week"}, "validFrom": "2026-04-01", "offeredTo": "any",
            "package": "standard", "lines": [{"code": "care-staff", "title": EVIL, "pence": 500000}], "terms": {"notice": EVIL, "void": EVIL},
        }
    ]  # fmt: skip
    record["ofsted"] = {
        "asOf": as_of,
        "restrictions": [{"kind": "accommodation", "from": "2026-06-01", "until": "2026-06-20", "detail": EVIL}],
    }
    return made


def test_no_page_runs_what_somebody_wrote(world: World, visit: Callable[..., Any]) -> None:
    taken = world.push("provider", feed(), headers={"Content-Disposition": f'attachment; filename="{EVIL[:20]}.json"'})
    assert taken.status_code in (200, 201), taken.text
    assert taken.json()["outcome"] in ("accepted", "partly") if "outcome" in taken.json() else True
    with world.database.write() as session:
        for name in ("example-homes", "lewisham", "exchange"):
            organisations.update_organisation(session, name, now=world.clock(), name=f"{name} {EVIL}"[:300])
        for source in list_sources(session):
            update_source(session, source.id, secret=secret_of(world.settings), now=world.clock(), name=EVIL)
        person = people.create_person(session, email="evil@example.org", name=EVIL, now=world.clock())
        for organisation in ("example-homes", "lewisham", "exchange"):
            people.give_post(session, person.id, organisation, level="manager", now=world.clock())
    world.publish()
    listed = world.call("member", "GET", "/v1/listings").json()["items"]
    assert [each["setting"]["name"] for each in listed] == [EVIL], "what is hostile is on the list"

    seen = 0
    for role, path, answer in all_pages(world, visit):
        for mark in MARKS:
            assert mark not in answer.text, (path, role, mark)
        seen += "&lt;img src=x" in answer.text
    assert seen > 3, "what is hostile stands on many pages, as text"
