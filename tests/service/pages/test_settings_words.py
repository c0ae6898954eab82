"""How the page of a setting says things: grades and who confirms them, what was said, counts, prices, contacts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from placefeed.service.channels.counts import together
from placefeed.service.channels.settings import Whole
from placefeed.service.pages.settings import grades, identity, offers, prices, story

GOOD = {
    "framework": "sccif-2017",
    "aspect": "overall",
    "code": "good",
    "inspectedOn": "2026-02-10",
    "origin": "register",
}
POOR = {**GOOD, "code": "inadequate", "inspectedOn": "2026-06-01", "origin": "declared"}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("confirmed", "Confirmed by Ofsted’s list as at 31 March 2026."),
        ("disputed", "Ofsted’s counts."),
        ("newer-than-register", "Newer than Ofsted’s list as at 31 March 2026: declared by the provider"),
        ("not-on-register", "Not in Ofsted’s newest complete list"),
        ("unverified", "Not verified"),
        ("something-new", "It is not known whether Ofsted confirms it."),
    ],
)
def test_who_confirms_a_grade(status: str, told: str) -> None:
    found = grades.status({"status": status, "judgements": [GOOD], "registerAsAt": "2026-03-31"})
    assert told in found["told"]
    assert (found["grade"], found["on"]) == ("Good", "2026-02-10")


def test_the_newest_grade_is_shown_and_whose_it_is() -> None:
    found = grades.status({"status": "newer-than-register", "judgements": [GOOD, POOR]})
    assert (found["grade"], found["declared"]) == ("Inadequate", True)
    assert grades.status(None)["grade"] is None
    without = grades.status({"status": "confirmed", "judgements": []})
    assert "without a grade" in without["told"]


def test_a_chart_a_framework() -> None:
    def inspection(on: str, framework: str, code: str) -> dict[str, Any]:
        return {
            "inspectedOn": on,
            "framework": framework,
            "kind": "full",
            "judgements": [{"aspect": "overall", "code": code}],
        }

    charts = grades.over_time(
        [
            inspection("2026-02-10", "sccif-2017", "good"),
            inspection("2016-02-10", "ofsted-homes-2015", "adequate"),
            inspection("2015-02-10", "ofsted-interim", "sustained"),
        ]
    )
    assert [len(chart.spots) for chart in charts] == [1, 1, 1]
    assert len({chart.name for chart in charts}) == 3
    assert grades.over_time([]) == []


def test_what_changed_in_the_register() -> None:
    [change] = grades.changes(
        [
            {
                "asAt": "2026-03-31",
                "what": "changed",
                "changed": {
                    "localAuthority": ["E09000023", None],
                    "shortBreaksOnly": [False, True],
                    "status": ["active", "suspended"],
                    "newThing": [1, 2],
                },
            }
        ]
    )
    assert change["changed"] == [
        ("Local authority", "Lewisham", "not stated"),
        ("Short breaks only", "no", "yes"),
        ("Registration", "Active", "Suspended"),
        ("New thing", "1", "2"),
    ]


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"part": "vacancy", "item": "v1", "kind": "withdrawn"}, "Vacancy “v1”: withdrawn."),
        ({"part": "capacity", "kind": "attested"}, "Counts of places: confirmed, nothing changed."),
        (
            {"part": "vacancy", "item": "v1", "kind": "stated", "document": {"places": 2, "from": "2026-07-01"}},
            "Vacancy “v1”: 2 places offered from 1 July 2026.",
        ),
        (
            {"part": "rate", "item": "r", "kind": "superseded", "document": {"price": {"pence": 100, "per": "night"}}},
            "Price “r”: £1 a night. This came after newer words, and did not replace them.",
        ),
        (
            {
                "part": "capacity",
                "kind": "stated",
                "document": {
                    "occupied": 3,
                    "available": 0,
                    "acceptingReferrals": False,
                    "unavailable": [{"places": 1}],
                },
            },
            "Counts of places: 3 occupied, 0 available, 1 unavailable; not accepting referrals.",
        ),
        ({"part": "capacity", "kind": "stated", "document": {}}, "Counts of places: no number stated."),
        ({"part": "setting", "kind": "stated", "document": {}}, "Who and what it is: stated."),
    ],
)
def test_a_word_in_a_sentence(item: dict[str, Any], text: str) -> None:
    assert story.sentence(item) == text


def test_counts_of_units_are_added_and_what_is_not_known_stays_unknown() -> None:
    now = datetime(2026, 7, 1, tzinfo=UTC)
    at = [now + timedelta(days=number) for number in range(5)]
    found = together(
        [
            (at[0], "a", {"occupied": 1, "available": 1}),
            (at[1], "b", {"occupied": 2}),
            (at[2], "", {"occupied": 5, "available": 3}),
            (at[3], "", None),
            (at[4], "b", None),
        ]
    )
    assert [value for _at, value in found.occupied] == [1, 3, 5, 3, 1]
    assert [value for _at, value in found.available] == [1, None, 3, None, 1]


def test_prices_by_every_period() -> None:
    def shown(**more: Any) -> dict[str, Any]:
        rate = {"price": {"pence": 70_000, "per": "night"}, "offeredTo": "any", "validFrom": "2026-04-01", **more}
        [price] = prices.shown([(rate, [])])
        return price

    assert shown()["weekly"] == 490_000
    assert shown(price={"pence": 2500, "per": "hour"})["weekly"] is None
    once = shown(price={"pence": 2500, "per": "once"}, lines=[{"code": "therapy", "pence": 2500}])
    assert (once["weekly"], once["lines"][0]["share"]) == (None, "100%")
    free = shown(price={"pence": 0, "per": "week"}, lines=[{"code": "therapy", "pence": 0}])
    assert free["lines"][0]["share"] == ""
    assert dict(shown(validUntil="2027-03-31")["facts"])["Valid"] == "From 1 April 2026 to 31 March 2027"
    named = {"buyers": [{"scheme": "gss", "id": "E09000023"}], "agreements": ["A1"]}
    assert prices.offered_to({"offeredTo": named}, own=True) == "gss E09000023, agreement A1"
    assert "do not pass it on" in prices.offered_to({}, own=False)


def test_an_offer_with_everything_and_one_with_nothing() -> None:
    vacancy = {
        "places": 1,
        "from": "2026-07-01",
        "until": "2026-08-01",
        "siblings": {"max": 3},
        "parentAndChild": True,
        "family": {"parents": 2, "children": 1, "parentAges": {"from": 16, "to": 30}},
        "nights": {"days": ["monday"], "min": 1, "max": 2},
        "weeksPerYear": 38,
        "staffingRatio": {"staff": 1.5, "children": 2},
        "communication": ["makaton"],
        "adaptations": [],
    }
    facts = dict(offers.offer(vacancy)["facts"])
    assert facts["When"] == "From 1 July 2026 to 1 August 2026"
    assert facts["Family"] == "up to 2 parents, up to 1 child, parents aged 16 to 30"
    assert facts["Nights"] == "Monday; at least 1 night; at most 2 nights"
    assert facts["Staffing by day"] == "1.5 staff to 2 children"
    bare = offers.offer({"places": 1, "from": "2026-07-01"})
    assert dict(bare["facts"])["Genders"] == "not stated"
    assert [group["accepted"] for group in bare["suits"]] == [[], []]
    assert all(group["silent"] for group in bare["suits"])


def test_names_and_numbers_to_ring() -> None:
    assert identity.dial("+44 (0)20 7946 0100 ext 12") == "tel:+4402079460100"
    assert identity.dial(None) == "tel:"
    known = {"register": {"provisionType": "supported-accommodation", "owner": "Example Ltd", "region": "London"}}
    it = identity.of(Whole(urn="2500001", known=known, sources=[], register=[]))
    assert (it["name"], it["region"], it["contact"]) == ("Supported accommodation of Example Ltd", "London", None)
    assert identity.of(Whole(urn="2500001", known={}, sources=[], register=[]))["name"] == "Setting 2500001"
