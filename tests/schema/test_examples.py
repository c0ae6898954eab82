"""The examples of the standard are valid, by the fast verdict and by the slow one, and cover what they should."""

import json
from typing import Any

import orjson
import pytest

from placefeed.schema.files import DOCUMENTS, explaining_validator, find, rs_validator

VALID = sorted(find("examples", "valid").glob("*.json"))
SITUATIONS = (
    "home-of-four",
    "solo-home",
    "multi-building-home",
    "supported-accommodation-forty-premises",
    "agency-with-teams",
    "parent-and-child",
    "short-break-by-the-night",
    "school-home-38-weeks",
    "overlapping-solo-and-shared",
    "new-home-without-grade",
    "over-registration",
    "welsh-home",
)


def example(name: str) -> Any:
    return orjson.loads(find("examples", "valid", f"{name}.json").read_bytes())


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_an_example_is_valid_by_both_verdicts(path: Any) -> None:
    document = orjson.loads(path.read_bytes())
    name = path.name.split("-")[0]

    wrong = [f"{error.json_path}: {error.message}" for error in explaining_validator(name).iter_errors(document)]

    assert wrong == []
    assert rs_validator(name).is_valid(document)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_an_example_is_written_as_the_others_are(path: Any) -> None:
    text = path.read_text(encoding="utf-8")

    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


def test_every_document_has_an_example() -> None:
    assert {path.name.split("-")[0] for path in VALID} == set(DOCUMENTS)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_each_of_the_twelve_situations_is_a_whole_feed(situation: str) -> None:
    (record,) = example(f"feed-{situation}")["settings"]

    assert record["setting"]["provisionType"]
    assert "capacity" in record or "capacities" in record


def test_supported_accommodation_has_forty_premises_in_six_authorities() -> None:
    (record,) = example("feed-supported-accommodation-forty-premises")["settings"]
    units = record["setting"]["units"]

    assert len(units) == 40
    assert len({unit["localAuthority"] for unit in units}) == 6
    assert {count["unit"] for count in record["capacities"]} == {unit["id"] for unit in units}


def test_a_line_of_a_streamed_feed_is_valid_and_the_trailer_counts_them() -> None:
    text = find("examples", "valid", "feed-three-lines.ndjson").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]

    for line in lines:
        assert rs_validator(f"{line['line']}Line").is_valid(line), line
    assert lines[-1]["count"] == len([line for line in lines if line["line"] in ("setting", "withdrawn")])


def test_examples_name_nobody_real() -> None:
    for path in VALID:
        for urn in _urns(orjson.loads(path.read_bytes())):
            assert urn.startswith(("SC0000", "99999", "ciw:SIN-0000")), f"{path.name}: {urn}"


def _urns(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["urn"]] if isinstance(value.get("urn"), str) else []
        return own + [urn for inner in value.values() for urn in _urns(inner)]
    return [urn for inner in value for urn in _urns(inner)] if isinstance(value, list) else []
