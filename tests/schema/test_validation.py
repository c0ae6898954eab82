"""Validation: two engines with one verdict, explanations that people can use, and any bytes at all."""

import copy
import json
import socket
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placefeed.schema.explain import explain
from placefeed.schema.files import explaining_validator, find, rs_validator
from placefeed.schema.validation import (
    check_header,
    check_part,
    check_record,
    check_withdrawn,
    is_valid_fast,
    validate,
)

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
VALID = find("examples", "valid")
HOME = json.loads((VALID / "feed-home-of-four.json").read_text())
RECORDS = [record for path in sorted(VALID.glob("feed-*.json")) for record in json.loads(path.read_text())["settings"]]
LINES = (VALID / "feed-three-lines.ndjson").read_bytes()


def feed(*records: Any, **changes: Any) -> dict[str, Any]:
    return {
        **{name: value for name, value in HOME.items() if name not in ("withdrawn",)},
        "settings": list(records),
        **changes,
    }


def first(document: Any, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = validate(document, now=NOW, **options).to_dict()["issues"][0]
    return found


def vacancy(**changes: Any) -> dict[str, Any]:
    return {"id": "v1", "asOf": "2026-11-21T18:00:00Z", "places": 1, "from": "2026-11-21", **changes}


# --- one verdict ------------------------------------------------------------------------------------

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        [
            "2026-11-31",
            "2026-02-29",
            "0000-00-00",
            "2026-11-21T18:00:00",
            "2026-11-21T18:00:60Z",
            "2026-11-21t18:00:00z",
            "2026-11-21T18:00:00+00:00",
            "2026-11-21\n",
            "SC000001\n",
            "SC00000١",
            "any\n",
            "any",
            "good",
            "1.0",
            1.0,
            4.0,
            -0.0,
            1e300,
            [],
            {},
            [[]],
            ["planned", "planned"],
            [1, 1.0],
            [True, 1],
            {"from": 1},
            {"from": 1, "to": 2.0},
        ]
    ),
)


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A sound record with one to three things changed, taken away, added or renamed."""
    record = copy.deepcopy(draw(st.sampled_from(RECORDS)))
    for _ in range(draw(st.integers(1, 3))):
        holder: Any = record
        while True:
            keys: list[Any] = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(holder[key], dict | list) and holder[key] and draw(st.integers(0, 3)):
                holder = holder[key]
                continue
            action = draw(st.sampled_from(["replace", "remove", "rename", "repeat"]))
            if action == "replace":
                holder[key] = copy.deepcopy(draw(JUNK))
            elif action == "remove":
                del holder[key]
            elif isinstance(holder, dict):
                holder[
                    draw(st.sampled_from(["urn", "registration", "unit", "https://example.org/own", "xyz", f"{key}s"]))
                ] = holder.pop(key)
            else:
                holder.append(copy.deepcopy(holder[key]))
            break
    return record


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(damaged())
def test_both_engines_give_one_verdict_and_every_failure_is_explained(record: Any) -> None:
    fast = is_valid_fast(record)

    assert fast == explaining_validator("settingRecord").is_valid(record)
    assert fast == (explain("settingRecord", record) == [])
    assert fast == (not any(one.rule.startswith("schema-") for one in check_record(record, now=NOW)))


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*HOME, "line", "xyz"]), JUNK, max_size=4),
    st.sets(st.sampled_from(list(HOME)), max_size=2),
)
def test_a_feed_judged_piece_by_piece_has_the_verdict_of_the_whole_schema(
    changes: dict[str, Any], without: set[str]
) -> None:
    document = {name: value for name, value in {**HOME, **changes}.items() if name not in without}

    report = validate(document, now=NOW).to_dict()

    by_schema = any(entry["rule"].startswith("schema-") for entry in report["issues"])
    assert by_schema == (not rs_validator("feed").is_valid(document))


@settings(max_examples=200, deadline=None)
@given(JUNK | st.dictionaries(st.sampled_from(["settings", "urn", "withdrawn"]), JUNK | st.lists(JUNK, max_size=3)))
def test_nothing_that_is_sent_raises(document: Any) -> None:
    for kind in ("feed", "settingRecord", "vacancy", "withdrawnRecord", "report", "need"):
        if not isinstance(document, str):
            validate(document, kind=kind, now=NOW)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60))
def test_no_bytes_raise(raw: bytes | str) -> None:
    validate(raw, now=NOW)


def test_the_network_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)

    validate(feed({"urn": 1}), now=NOW)


# --- explanations -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ocupied", "occupied"),
        ("Available", "available"),
        ("not_accepting_reason", "notAcceptingReason"),
        ("beds", "registered"),
        ("asof", "asOf"),
    ],
)
def test_a_misspelt_name_is_told_with_the_nearest(name: str, meant: str) -> None:
    capacity = {"asOf": "2026-11-21T18:00:00Z", name: 2}
    if meant == "asOf":
        del capacity["asOf"]

    issues = validate(feed({"urn": "SC000001", "capacity": capacity}), now=NOW).to_dict()["issues"]

    assert [(one["rule"], one["advice"]) for one in issues] == [("schema-unknown-property", f"Did you mean {meant}?")]
    assert name in issues[0]["message"]
    assert issues[0]["places"] == [{"pointer": f"/settings/0/capacity/{name}", "urn": "SC000001"}]


@pytest.mark.parametrize(
    ("changes", "meant"),
    [
        ({"genders": ["Girls"]}, "female"),
        ({"response": "Today"}, "today"),
        ({"response": "under 5 days"}, "under-5-days"),
        ({"placementTypes": ["emergancy"]}, "emergency"),
        ({"cared": "With other children"}, "with-others"),
    ],
)
def test_a_wrong_code_is_told_with_the_nearest_and_where_the_list_is(changes: dict[str, Any], meant: str) -> None:
    found = first(feed({"urn": "SC000001", "vacancies": [vacancy(**changes)]}))

    assert found["rule"] == "schema-enum"
    assert found["advice"].startswith(f"Did you mean {meant}?")
    assert "codelist" in found["advice"]


def test_ofsteds_own_word_leads_to_the_code() -> None:
    found = first(feed({"urn": "SC000001", "setting": {"provisionType": "Children's home"}}))

    assert found["advice"].startswith("Did you mean children-home?")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"places": "1"}, "places must be a whole number, without quotation marks."),
        ({"places": 1.5}, "places must be a whole number, without quotation marks."),
        ({"from": "21/11/2026"}, "from is not a day, such as 2026-11-21, that exists."),
        ({"asOf": "yesterday"}, "asOf is not a time, such as 2026-11-21T18:04:00Z, that exists."),
        ({"ages": [8, 17]}, "ages must be an object in { }."),
        ({"genders": "female"}, "genders must be a list in [ ]."),
        ({"parentAndChild": "yes"}, "parentAndChild must be true or false, without quotation marks."),
        ({"places": None}, "places must be a whole number, without quotation marks."),
    ],
)
def test_a_wrong_value_is_told_once_and_plainly(changes: dict[str, Any], message: str) -> None:
    issues = validate(feed({"urn": "SC000001", "vacancies": [vacancy(**changes)]}), now=NOW).to_dict()["issues"]

    assert [one["message"] for one in issues] == [message]


def test_what_is_missing_is_told_with_its_meaning() -> None:
    offer = vacancy()
    del offer["from"]

    found = first(feed({"urn": "SC000001", "vacancies": [offer]}))

    assert found["message"] == "from is missing in an entry of vacancies."
    assert found["advice"] == "Add from. The first day on which a child could move in."


def test_a_record_that_names_no_setting_says_so() -> None:
    assert first(feed({"vacancies": [vacancy()]}))["message"] == "The record does not say which setting it is about."


def test_one_misspelt_name_in_a_thousand_records_is_one_cause_with_three_places() -> None:
    records = [{"urn": f"SC{number:06}", "vacancies": [vacancy(placez=1)]} for number in range(1000)]

    report = validate(feed(*records), now=NOW).to_dict()

    assert [(one["rule"], one["count"], len(one["places"])) for one in report["issues"]] == [
        ("schema-unknown-property", 1000, 3)
    ]
    assert report["counts"] == {"records": 1000, "rejected": 1000}


SECRETS = [
    "Jayden Smith",
    "943 476 5919",
    "12/03/2011 born",
    "a" * 300,
    "<script>alert(1)</script>",
    "12 Acacia Avenue, Leeds",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_what_could_be_personal_is_never_said_back(secret: str) -> None:
    offers = [
        vacancy(**{secret: 1}),
        vacancy(response=secret),
        vacancy(genders=[secret]),
        vacancy(places=secret),
        vacancy(**{"from": secret}),
        vacancy(id=f" {secret}"),
        vacancy(extensions={secret: 1}),
        vacancy(needs={secret: {secret: secret}}),
        vacancy(rates=secret),
    ]
    for offer in offers:
        report = json.dumps(validate(feed({"urn": "SC000001", "vacancies": [offer]}), now=NOW).to_dict())
        assert secret not in report
        assert "5919" not in report


def test_a_bad_record_does_not_hide_the_others() -> None:
    good = {"urn": "SC000001", "vacancies": [vacancy()]}
    bad = {"urn": "SC000002", "vacancies": [vacancy(places="two")]}

    report = validate(feed(good, bad, {**good, "urn": "SC000003"}), now=NOW).to_dict()

    assert report["verdict"] == "partly-accepted"
    assert report["counts"] == {"records": 3, "accepted": 2, "rejected": 1}
    assert report["records"] == [{"index": 1, "urn": "SC000002", "outcome": "rejected"}]


# --- pieces -----------------------------------------------------------------------------------------


def test_a_header_is_checked_without_its_records() -> None:
    assert check_header(HOME, now=NOW) == []
    assert [one.rule for one in check_header({**HOME, "version": "9.9"}, now=NOW)] == ["schema-enum"]
    assert [one.rule for one in check_header({**HOME, "publishedAt": "2027-01-01T00:00:00Z"}, now=NOW)] == [
        "time-in-future"
    ]
    assert [one.rule for one in check_header("header", now=NOW)] == ["schema-type"]
    assert (
        check_header(
            {"line": "header", **{key: HOME[key] for key in ("standard", "version", "publisher", "publishedAt")}},
            now=NOW,
        )
        == []
    )


def test_a_part_is_checked_alone() -> None:
    assert check_part("vacancy", vacancy(), now=NOW) == []
    assert [one.place.pointer for one in check_part("vacancy", vacancy(places=0), now=NOW)] == ["/places"]
    with pytest.raises(ValueError, match="vacancy"):
        check_part("beds", {}, now=NOW)  # type: ignore[arg-type] -- that is the test


def test_a_withdrawal_is_checked_alone() -> None:
    assert check_withdrawn({"urn": "SC000001", "part": "vacancy", "id": "v1"}) == []
    assert [one.rule for one in check_withdrawn({"urn": "SC000001", "part": "bed"})] == ["schema-enum"]


def test_every_valid_example_is_valid_by_its_kind() -> None:
    for path in sorted(VALID.iterdir()):
        report = validate(path.read_bytes(), kind=path.name.split("-")[0], now=NOW)
        assert report.ok, path.name


def test_an_unknown_kind_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="feed"):
        validate({}, kind="bed")


# --- bytes ------------------------------------------------------------------------------------------


def test_bytes_text_and_value_have_the_same_report() -> None:
    text = json.dumps(feed({"urn": "SC000001", "vacancies": [vacancy(places=0)]}))

    reports = [
        validate(form, now=NOW).to_dict()
        for form in (json.loads(text), text, text.encode(), b"\xef\xbb\xbf" + text.encode())
    ]

    assert all(report == reports[0] for report in reports)


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"", "empty-file"),
        (b" \r\n ", "empty-file"),
        (b'{"standard": ', "not-json"),
        (b'{"standard": "\xa3"}', "not-text"),
        (b"[" * 100000, "not-json"),
        (b"[]", "schema-type"),
        (b"URN,Places\nSC000001,3\n", "not-json"),
    ],
)
def test_bytes_that_are_no_feed_are_told_as_such(raw: bytes, rule: str) -> None:
    report = validate(raw, now=NOW).to_dict()

    assert report["verdict"] == "rejected"
    assert [entry["rule"] for entry in report["issues"]] == [rule]


def test_the_parsers_words_are_not_passed_on() -> None:
    assert "Jayden" not in json.dumps(validate(b'{"a": "Jayden" "b"', now=NOW).to_dict())


def lines(*changed: Any) -> bytes:
    header = {"line": "header", **{key: HOME[key] for key in ("standard", "version", "publisher", "publishedAt")}}
    return b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in (header, *changed))


SETTING = {"line": "setting", "urn": "SC000001", "vacancies": [vacancy()]}


def test_a_feed_of_lines_is_known_by_its_header() -> None:
    report = validate(LINES, now=NOW)

    assert report.ok
    assert report.counts["records"] >= 1


def test_a_fault_in_a_line_is_told_by_line() -> None:
    wrong = {"line": "setting", "urn": "SC000002", "vacancies": [vacancy(places=0)]}

    found = first(lines(SETTING, b"", wrong, {"line": "trailer", "count": 2}))

    assert found["places"] == [{"pointer": "/vacancies/0/places", "line": 4, "urn": "SC000002"}]


@pytest.mark.parametrize(
    ("raw", "rules"),
    [
        (lines(SETTING, {"line": "trailer", "count": 1}), []),
        (
            lines(
                SETTING,
                {"line": "withdrawn", "urn": "SC000002", "part": "vacancy", "id": "v1"},
                {"line": "trailer", "count": 2},
            ),
            [],
        ),
        (lines(SETTING), ["truncated"]),
        (lines(SETTING, {"line": "trailer", "count": 7}), ["trailer-count-wrong"]),
        (lines(SETTING, b'{"line": "sett', {"line": "trailer", "count": 2}), ["not-json"]),
        (lines(SETTING, {"line": "home"}, {"line": "trailer", "count": 1}), ["unknown-line"]),
        (lines(SETTING, SETTING, {"line": "trailer", "count": 2}), ["duplicate-setting"]),
        (lines(SETTING, {"line": "trailer", "count": "1"}), ["schema-type"]),
        (
            b"\n".join(json.dumps(one).encode() for one in (SETTING, {"line": "trailer", "count": 1})),
            ["no-header-line"],
        ),
    ],
)
def test_lines_are_held_together_by_header_and_trailer(raw: bytes, rules: list[str]) -> None:
    report = validate(raw, now=NOW).to_dict()

    assert [entry["rule"] for entry in report["issues"]] == rules


def test_a_withdrawal_of_what_is_sent_contradicts_itself() -> None:
    document = feed(
        {"urn": "SC000001", "vacancies": [vacancy()]}, withdrawn=[{"urn": "SC000001", "part": "vacancy", "id": "v1"}]
    )
    other = {
        **document,
        "withdrawn": [{"urn": "SC000001", "part": "vacancy", "id": "v2"}, {"urn": "SC000001", "part": "rate"}],
    }

    assert first(document)["rule"] == "withdrawn-and-sent"
    assert validate(other, now=NOW).ok
