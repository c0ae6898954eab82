"""Rules: every rule has an example that breaks it and nothing else, and rules leave right records alone."""

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from placefeed.schema.files import INPUTS, find, schema
from placefeed.schema.rules import (
    available_places,
    check_part_rules,
    check_rules,
    checked_rules,
    is_future,
    issue,
    moment,
    rules,
)
from placefeed.schema.validation import validate

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
AS_OF = "2026-11-21T18:00:00Z"
INVALID = sorted(find("examples", "invalid").glob("*.json"))
VALID = [path for path in sorted(find("examples", "valid").iterdir()) if path.name.startswith("feed-")]


def broken(record: dict[str, Any], *, now: datetime = NOW) -> set[str]:
    return {one.rule for one in check_rules({"urn": "SC000001", **record}, now=now)}


def capacity(**changes: Any) -> dict[str, Any]:
    return {"asOf": AS_OF, "registered": 4, "occupied": 2, "reserved": 0, "unavailable": [], "available": 2, **changes}


def vacancy(**changes: Any) -> dict[str, Any]:
    return {"id": "v1", "asOf": AS_OF, "places": 1, "from": "2026-11-21", **changes}


def rate(**changes: Any) -> dict[str, Any]:
    price = {"pence": 512500, "per": "week"}
    return {"id": "core", "asOf": AS_OF, "price": price, "offeredTo": "any", "validFrom": "2026-04-01", **changes}


def inspected(**changes: Any) -> dict[str, Any]:
    inspection = {"framework": "sccif-2017", "kind": "full", "inspectedOn": "2026-02-10", **changes}
    return {"ofsted": {"asOf": AS_OF, "inspections": [inspection]}}


# --- the table --------------------------------------------------------------------------------------


def test_every_rule_says_what_is_wrong_and_what_to_do() -> None:
    for rule in rules().values():
        assert rule.severity in ("error", "warning", "advice")
        assert rule.where in ("schema", "rule", "service", "file")
        assert rule.title.endswith(".")
        assert rule.fix.endswith(".")


def test_functions_and_table_agree() -> None:
    elsewhere = {"duplicate-setting", "withdrawn-and-sent"}  # over a whole feed: feeds.py
    personal = {rule for rule in rules() if rule.startswith("personal-")}

    assert checked_rules() | elsewhere | personal == {rule.id for rule in rules().values() if rule.where == "rule"}


def test_every_keyword_of_the_input_schemas_has_a_rule() -> None:
    asked: set[str] = set()

    def collect(node: Any) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ("properties", "$defs"):
                    for item in value.values():
                        collect(item)
                else:
                    asked.add(key)
                    collect(value)
        elif isinstance(node, list):
            for item in node:
                collect(item)

    for name in ("common", *INPUTS):
        collect(schema(name))
    said = {
        "$schema",
        "$id",
        "$ref",
        "title",
        "description",
        "default",
        "items",
        "if",
        "then",
        "else",
        "examples",
        "x-codelist",
        "readOnly",
        "x-open",
    }
    keywords = {"unknownProperty" if key == "additionalProperties" else key for key in asked - said}
    ids = {
        "schema-" + "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in key) for key in keywords
    }

    assert ids == {rule.id for rule in rules().values() if rule.where == "schema"}


def test_an_issue_of_no_rule_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        issue("beds-missing")


# --- examples ---------------------------------------------------------------------------------------


def test_every_rule_of_the_schema_and_of_this_package_has_an_invalid_example() -> None:
    wanted = {rule.id for rule in rules().values() if rule.where in ("schema", "rule")}

    assert {path.stem for path in INVALID} == wanted


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_example_breaks_exactly_its_rule(path: Any) -> None:
    report = validate(path.read_bytes(), now=NOW).to_dict()

    assert [entry["rule"] for entry in report["issues"]] == [path.stem]
    entry = report["issues"][0]
    assert entry["severity"] == rules()[path.stem].severity
    assert entry["count"] == 1
    assert entry["advice"]
    assert (report["verdict"] == "accepted") == (entry["severity"] != "error")


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_the_pointer_of_an_invalid_example_leads_into_it(path: Any) -> None:
    document = json.loads(path.read_bytes())
    pointer = validate(document, now=NOW).to_dict()["issues"][0]["places"][0]["pointer"]

    found = document
    for step in pointer.split("/")[1:]:
        found = found[int(step) if isinstance(found, list) else step.replace("~1", "/").replace("~0", "~")]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_no_valid_example_breaks_a_rule(path: Any) -> None:
    found = {entry["rule"] for entry in validate(path.read_bytes(), now=NOW).to_dict()["issues"]}

    assert found == ({"over-registration"} if "over-registration" in path.name else set())


# --- time -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "future"),
    [
        ("2026-11-22T09:05:00Z", False),
        ("2026-11-22T09:05:01Z", True),
        ("2026-11-22T10:05:00+01:00", False),
        ("2026-11-22T10:05:01+01:00", True),
        ("2026-11-22T09:04:59.999999999Z", False),
        ("2026-11-22T09:04:59.999999999+00:00", False),
        ("2026-11-22T05:00:00-05:00", True),
        ("2027-01-01T00:00:00Z", True),
    ],
)
def test_five_minutes_ahead_are_forgiven(instant: str, future: bool) -> None:
    assert is_future(instant, moment(NOW)) == future


def test_every_part_has_its_own_clock() -> None:
    later = (NOW + timedelta(hours=1)).isoformat()
    record = {
        "setting": {"asOf": later, "provisionType": "children-home"},
        "capacity": capacity(asOf=later),
        "vacancies": [vacancy(asOf=later)],
        "rates": [rate(asOf=later)],
        "ofsted": {"asOf": later},
    }

    found = check_rules({"urn": "SC000001", **record}, now=NOW)

    pointers = {one.place.pointer for one in found if one.rule == "time-in-future"}
    assert pointers == {"/setting/asOf", "/capacity/asOf", "/vacancies/0/asOf", "/rates/0/asOf", "/ofsted/asOf"}


def test_the_day_is_londons() -> None:
    half_past_midnight = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)

    assert moment(half_past_midnight).today == "2026-07-01"


# --- counts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, None),
        ({"available": 1}, "counts-do-not-add-up"),
        ({"available": 3}, "counts-do-not-add-up"),
        ({"unavailable": [{"reason": "staffing", "places": 2}], "available": 0}, None),
        ({"occupied": 5, "available": 0}, "over-registration"),
        ({"registered": 0, "occupied": 0, "available": 0}, None),
    ],
)
def test_counts_add_up_to_the_registered_places(changes: dict[str, Any], rule: str | None) -> None:
    assert broken({"capacity": capacity(**changes)}) == ({rule} if rule else set())


def test_absent_counts_are_unknown_and_never_nought() -> None:
    some = {"asOf": AS_OF, "registered": 4, "occupied": 2}

    assert broken({"capacity": some}) == set()
    assert available_places(some) is None
    assert available_places({**some, "reserved": 1, "unavailable": []}) == 1
    assert broken({"capacity": {**some, "available": 3}}) == {"counts-do-not-add-up"}


def test_an_over_full_home_that_offers_places_contradicts_itself() -> None:
    found = broken({"capacity": capacity(occupied=5, available=1)})

    assert found == {"over-registration", "counts-do-not-add-up"}


@pytest.mark.parametrize(
    ("places", "first", "rule"),
    [
        (2, "2026-11-21", None),
        (3, "2026-11-21", "vacancy-exceeds-available"),
        (3, "2026-12-01", None),
        (5, "2026-12-01", "places-above-registration"),
    ],
)
def test_a_vacancy_is_held_against_the_counts_of_its_unit(places: int, first: str, rule: str | None) -> None:
    offer = vacancy(places=places, **{"from": first})
    other = [capacity(unit="north"), capacity(unit="south", registered=9, available=7)]

    assert broken({"capacity": capacity(), "vacancies": [offer]}) == ({rule} if rule else set())
    assert broken({"capacities": other, "vacancies": [{**offer, "unit": "north"}]}) == ({rule} if rule else set())
    assert broken({"vacancies": [offer]}) == set()


# --- the other rules, at their edges ----------------------------------------------------------------


def test_first_and_last_day_may_be_the_same() -> None:
    assert broken({"vacancies": [vacancy(until="2026-11-22", **{"from": "2026-11-22"})]}) == set()


def test_an_offer_that_was_reversed_is_not_past_as_well() -> None:
    assert broken({"vacancies": [vacancy(until="2026-01-01")]}) == {"dates-reversed"}


@pytest.mark.parametrize(
    ("record", "pointer"),
    [
        (
            {"capacity": capacity(expected=[{"from": "2026-12-05", "until": "2026-12-01", "places": 1}])},
            "/capacity/expected/0/until",
        ),
        (
            {
                "setting": {
                    "provisionType": "children-home",
                    "registrations": [{"scheme": "ciw", "id": "W1", "from": "2026-01-02", "to": "2026-01-01"}],
                }
            },
            "/setting/registrations/0/to",
        ),
        (inspected(publishedOn="2026-01-01"), "/ofsted/inspections/0/publishedOn"),
        (
            {
                "ofsted": {
                    "asOf": AS_OF,
                    "restrictions": [{"kind": "notice", "from": "2026-01-02", "until": "2026-01-01"}],
                }
            },
            "/ofsted/restrictions/0/until",
        ),
    ],
)
def test_every_pair_of_days_is_checked(record: dict[str, Any], pointer: str) -> None:
    found = check_rules({"urn": "SC000001", **record}, now=NOW)

    assert [(one.rule, one.place.pointer) for one in found] == [("dates-reversed", pointer)]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"lines": [{"code": "return", "pence": 512500}, {"code": "education", "pence": 1, "included": False}]}, None),
        ({"lines": [{"code": "education", "pence": 100, "included": False}]}, None),
        ({"lines": []}, None),
        ({"funding": {"carePence": 512500}}, None),
        ({"funding": {"carePence": 400000}}, None),
        ({"funding": {"carePence": 600000}}, "funding-does-not-sum"),
        ({"price": {"pence": 2500, "per": "hour"}, "hoursPerWeek": 40}, None),
        ({"price": {"pence": 2500, "per": "once"}}, None),
        ({"price": {"pence": 1, "per": "week", "unit": "block"}}, None),
        ({"price": {"pence": 99900000, "per": "week"}}, "price-improbable"),
        ({"offeredTo": {"agreements": ["a1"]}}, None),
        ({"offeredTo": {}}, "offered-to-nobody"),
        ({"tiers": [{"fromPlaces": 2, "pence": 1}, {"fromPlaces": 2, "pence": 1}]}, "tiers-out-of-order"),
        ({"title": "Core, AA1 1AA"}, "address-in-text"),
        ({"terms": {"void": "See AA1 1AA"}}, "address-in-text"),
    ],
)
def test_rates(changes: dict[str, Any], rule: str | None) -> None:
    assert broken({"rates": [rate(**changes)]}) == ({rule} if rule else set())


@pytest.mark.parametrize(
    ("judgements", "rule"),
    [
        ({"overall": "inadequate", "helped-and-protected": "inadequate"}, None),
        ({"overall": "requires-improvement", "helped-and-protected": "inadequate"}, "limiting-judgement"),
        ({"overall": "requires-improvement", "leaders-and-managers": "inadequate"}, None),
        ({"overall": "good", "leaders-and-managers": "inadequate"}, "limiting-judgement"),
        ({"helped-and-protected": "inadequate"}, None),
        ({"overall": "excellent"}, "unknown-judgement"),
    ],
)
def test_judgements(judgements: dict[str, str], rule: str | None) -> None:
    said = [{"aspect": aspect, "code": code} for aspect, code in judgements.items()]

    assert broken(inspected(judgements=said)) == ({rule} if rule else set())


def test_a_unit_is_checked_only_where_units_are_listed() -> None:
    setting = {"provisionType": "children-home"}
    units = [{"id": "north", "kind": "building"}]

    assert broken({"setting": setting, "vacancies": [vacancy(unit="west")]}) == set()
    assert broken({"setting": {**setting, "units": units}, "vacancies": [vacancy(unit="north")]}) == set()
    assert broken({"setting": {**setting, "units": units}, "capacity": capacity(unit="west")}) == {"unknown-unit"}
    assert broken({"setting": {**setting, "units": units * 2}}) == {"duplicate-id"}


def test_a_rate_sent_before_is_not_unknown() -> None:
    assert broken({"vacancies": [vacancy(rates=["core"])]}) == set()
    assert broken({"vacancies": [vacancy(rates=["core"])], "rates": [rate()]}) == set()
    assert broken({"vacancies": [vacancy(rates=["core"])], "rates": []}) == {"unknown-rate"}


def test_a_part_alone_is_checked_by_itself() -> None:
    assert [one.rule for one in check_part_rules("vacancy", vacancy(places=9), now=NOW)] == []
    assert [one.rule for one in check_part_rules("vacancy", vacancy(until="2026-01-01"), now=NOW)] == ["dates-reversed"]
    assert [one.place.pointer for one in check_part_rules("capacity", capacity(available=9), now=NOW)] == [""]


def test_checking_changes_nothing() -> None:
    document = json.loads(VALID[0].read_text())
    before = copy.deepcopy(document)

    validate(document, now=NOW)

    assert document == before


def test_ten_prices_that_do_not_sum_are_one_cause() -> None:
    records = [
        {"urn": f"SC{number:06}", "rates": [rate(lines=[{"code": "return", "pence": number}])]}
        for number in range(1, 11)
    ]
    feed = {**json.loads(VALID[0].read_text()), "settings": records}

    issues = validate(feed, now=NOW).to_dict()["issues"]

    assert [(one["rule"], one["count"], len(one["places"])) for one in issues] == [("lines-do-not-sum", 10, 3)]
    assert "£0.01" in issues[0]["message"]
