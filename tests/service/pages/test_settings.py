"""The page of one setting: each role is shown what the table in access/README.md says, and everything renders."""

import html
from collections.abc import Callable
from datetime import date, timedelta
from time import perf_counter
from typing import Any

import pytest

from placefeed.service.access import keys, organisations
from placefeed.service.access.who import sees
from placefeed.service.clock import iso
from placefeed.service.db import secret_of
from placefeed.service.pages.settings import one
from placefeed.service.register.load import import_file
from placefeed.service.tables import RegisterInspection
from tests.service.api.exchange import OURS, OURS_TOO, THEIRS, World, feed_of, ofsted_list
from tests.service.pages import full_settings as full

Visit = Callable[..., Any]

MARKS = {
    "rate offered to any": ["£5,125 a week", "Core care"],
    "referral contact": ["020 7946 0100", "020 7946 0199", "referrals@example.org"],
    "setting identity": ["Willow House", OURS],
    "unit id": ["UNIT-MARK-1", "UNIT-MARK-2"],
    "vacancy id": ["VACANCY-MARK-1", "VACANCY-MARK-2", "VACANCY-MARK-3"],
    "capacity": ["Counts of places now", ">31<", ">47<", "5: staffing"],
    "history": ["29 occupied", "available-over-time", "occupied-over-time"],
    "register": ["Registered places: 3 → 4", "5 November 2024"],
    "register, LA-only fields": ["Registered needs: Mental disorders → Sensory impairment"],
    "ofsted, reconciled": ["Disputed: Ofsted’s list as at 31 March 2026"],
    "ofsted, declared beside registered": ["The provider says Outstanding", "no: disputed"],
    "explanation": ["Nobody has confirmed it for too long."],
    "median of prices": ["Median of like settings"],
    "rate offered to named buyers": ["Named for Lewisham", "£4,877 a week"],
    "source and its health": ["Precedence 100"],
}
"""What of the full setting stands on the page of a role that sees the field, and on no other's."""


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.text[:500]
    return html.unescape(answer.text)


def test_each_role_is_shown_what_the_table_says(world: World, visit: Visit) -> None:
    full.fill(world)
    wrong = []
    for role in ("provider", "member", "operator"):
        shown = text_of(visit(role, level="reader").get(f"/settings/{OURS}"))
        for field, marks in MARKS.items():
            wrong += [
                f"{role}: {mark!r} of “{field}” is {'missing' if sees(role, field) else 'shown'}"
                for mark in marks
                if (mark in shown) != sees(role, field)
            ]
    assert wrong == []
    assert visit("rival").get(f"/settings/{OURS}").status_code == 404
    assert visit("member").get("/settings/SC999999").status_code == 404
    assert visit("operator").get("/settings/%00x").status_code in (400, 404)


def test_a_rate_for_another_buyer_is_not_a_members(world: World, visit: Visit) -> None:
    full.fill(world)
    shown = {role: text_of(visit(role).get(f"/settings/{OURS}")) for role in ("provider", "member", "operator")}
    for mark in ("Named for another", "£4,333"):
        assert [mark in shown[role] for role in ("provider", "member", "operator")] == [True, False, True]
    assert "BUYER-MARK" in shown["provider"]
    assert shown["provider"].count("Listed as not known") == 1
    assert "BUYER-MARK" not in shown["member"]
    assert "RATE-MARK" not in shown["member"]


def test_what_a_member_reads(world: World, visit: Visit) -> None:
    full.fill(world)
    shown = text_of(visit("member").get(f"/settings/{OURS}"))
    assert "Good</strong> <span>inspected 10 February 2026" in shown
    assert 'href="tel:02079460100"' in shown
    assert "mailto:referrals@example.org?subject=A%20place%20at%20Willow%20House%20%28SC000001%29" in shown
    assert "Vacancy 1: 1 place" in shown
    assert shown.index("Vacancy 1: 1 place") < shown.index("Confirm by phone") < shown.index("Vacancy 2: 2 places")
    assert "Local authority of the unit" in shown
    assert "Compliance notice from 1 June 2026" in shown
    assert "in a small home they would show a child moving" in shown
    assert "59%" in shown
    assert "Play therapy (therapy)" in shown
    assert "too few to say, in London and in England" in shown
    assert "listed here first at" in shown


def test_what_a_visitor_loses_sight_of_is_not_there(world: World, visit: Visit) -> None:
    world.push("provider", feed_of(OURS))
    world.publish()
    member = visit("member")
    assert member.get(f"/settings/{OURS}").status_code == 200
    later = iso(world.clock() - timedelta(minutes=1))
    world.push("provider", full.feed_with({"urn": OURS, "vacancies": []}, later) | {"complete": True})
    world.publish()
    assert member.get(f"/settings/{OURS}").status_code == 404
    assert member.get(f"/settings/{OURS}/history").status_code == 404
    assert "You offer no place here." in text_of(visit("provider").get(f"/settings/{OURS}"))
    assert "No place is known to be free here now." in text_of(visit("operator").get(f"/settings/{OURS}"))


def test_a_setting_of_which_nothing_is_known_and_one_registered_elsewhere(world: World, visit: Visit) -> None:
    for role in ("provider", "operator"):
        shown = text_of(visit(role).get(f"/settings/{OURS_TOO}"))
        assert "Home of Example Homes Ltd" in shown
        assert "No count of places stands" in shown
        assert "Nobody has said anything of this setting yet." in shown
    assert visit("operator").get("/settings/ciw:W123").status_code == 404
    with world.database.write() as session:
        organisations.propose_for(session, "example-homes", urns=["ciw:W123"], now=world.clock())
    assert "ciw:W123" in text_of(visit("operator").get("/settings/ciw:W123"))


def test_nothing_from_outside_is_markup(world: World, visit: Visit) -> None:
    evil = full.EVIL
    full.fill(
        world,
        setting=full.setting_part(world, name=evil, services=[{"kind": "therapy", "title": evil}]),
        vacancies=[full.vacancy(world, "v1", notes=evil)],
        rates=[full.rate(world, "r1", title=evil, terms={"void": evil}, contract={"type": "spot", "framework": evil})],
    )
    for role in ("provider", "member", "operator"):
        answer = visit(role).get(f"/settings/{OURS}")
        assert answer.status_code == 200
        assert evil not in answer.text
        assert answer.text.count(html.escape(evil, quote=False)) >= 6


def test_a_large_setting_and_its_speed(world: World, visit: Visit) -> None:
    units = [{"id": f"u{number}", "kind": "premises", "places": 2} for number in range(30)]
    rates = [full.rate(world, f"r{number}", title=f"Price {number}") for number in range(40)]
    vacancies = [full.vacancy(world, f"v{number}", unit=f"u{number}") for number in range(30)]
    full.fill(world, setting=full.setting_part(world, units=units), rates=rates, vacancies=vacancies)
    with world.database.write() as session:
        for number in range(200):
            on = date(2010, 1, 1) + timedelta(days=number * 28)
            framework = "sccif-2017" if on >= date(2017, 4, 1) else "ofsted-homes-2015"
            session.add(
                RegisterInspection(
                    urn=OURS, framework=framework, kind="full", inspected_on=on, judgements={"overall": "good"}, as_at=on
                )
            )  # fmt: skip
    for role in ("provider", "member", "operator"):
        browser = visit(role)
        shown = text_of(browser.get(f"/settings/{OURS}"))
        assert "older inspections" in shown
        assert "Price 39" in shown
        assert shown.count("Overall grade over time") >= 2
    began = perf_counter()
    browser.get(f"/settings/{OURS}")
    assert perf_counter() - began < 2


def test_history_goes_on_on_pages_of_its_own(world: World, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one, "SHORT", 3)
    monkeypatch.setattr(one, "LONG", 4)
    full.fill(world)
    provider = visit("provider", level="reader")
    shown = text_of(provider.get(f"/settings/{OURS}"))
    seen = 0
    while "Older words on this setting" in shown:
        address = (
            shown.rpartition('href="')[0] and shown.split("Older words")[0].rpartition('href="')[2].partition('"')[0]
        )
        shown = text_of(provider.get(address))
        seen += 1
    assert seen >= 2
    assert "29 occupied, 0 reserved, 18 available, 47 registered" in shown
    assert "That was all." in text_of(provider.get(f"/settings/{OURS}/history?before=1"))
    assert provider.get(f"/settings/{OURS}/history?before=x").status_code == 200
    assert provider.get(f"/settings/{THEIRS}/history").status_code == 404


def test_a_median_is_shown_to_members_and_never_to_providers(world: World, visit: Visit) -> None:
    full.fill(world)
    urns = {f"owner-{number}": f"SC00010{number}" for number in range(5)}
    known = [(OURS, "Example Homes Ltd"), (OURS_TOO, "Example Homes Ltd"), (THEIRS, "Other Homes Ltd")]
    now = world.clock()
    with world.database.write() as session:
        import_file(session, ofsted_list(*known, *((urn, owner) for owner, urn in urns.items())), now=now)
        for owner, urn in urns.items():
            organisations.create_organisation(session, owner, kind="provider", name=owner, now=now)
            organisations.confirm(session, owner, urns=[urn], by="exchange", now=now)
            organisations.add_provider(session, "south", organisation_id=owner, valid_from=now.date(), now=now)
            secret = secret_of(world.settings)
            world.keys[owner], _key = keys.issue(
                session, organisation_id=owner, role="provider", secret=secret, now=now
            )
    prices = dict(zip(urns, (440_000, 450_000, 460_000, 470_000, 4_999_900), strict=True))
    for owner, urn in urns.items():
        price = full.rate(world, "r", price={"pence": prices[owner], "per": "week"}, lines=[], funding={})
        record = {"urn": urn, "vacancies": [full.vacancy(world, "v1")], "rates": [price]}
        assert world.push(owner, full.feed_with(record, full.ago(world, minutes=1))).json()["verdict"] == "accepted"
    world.publish()
    shown = {
        role: " ".join(text_of(visit(role).get(f"/settings/{OURS}")).split())
        for role in ("member", "provider", "operator")
    }
    # The lowest of ours that Lewisham may have is £4,877, of the operator's sight £4,333: the middle of six either way is theirs.
    assert "<strong>£4,650 a week</strong>; this price is £475 more" in shown["member"]
    assert (
        "standard, in London: the lowest weekly price that you may see of each of 6 settings of 6 owners"
        in shown["member"]
    )
    assert "<strong>£4,550 a week</strong>" in shown["operator"]
    assert "edian" not in shown["provider"]
    assert not any(owner in shown[role] for owner in urns for role in shown)


def test_reads_are_recorded(world: World, visit: Visit) -> None:
    world.push("provider", feed_of(OURS))
    world.publish()
    visit("member").get(f"/settings/{OURS}")
    reads = world.app.state.exchange.reads
    reads.flush() if hasattr(reads, "flush") else None
    found = world.call("operator", "GET", "/v1/audit").json()["items"]
    assert any(each["action"] == "setting.read" and each["subject"] == OURS for each in found)
