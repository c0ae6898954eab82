"""The schemas themselves: well formed, self-contained, explained, and written so that both validators agree."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing.exceptions import Unresolvable

from placefeed.schema import files
from placefeed.schema.files import (
    BASE,
    DOCUMENTS,
    INPUTS,
    LINES,
    OUTPUTS,
    PROVISIONAL,
    explaining_validator,
    rs_validator,
    schema,
)

ALL = ("common", *DOCUMENTS)


def parts(value: Any, pointer: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object within a schema, with its pointer."""
    if isinstance(value, dict):
        yield pointer, value
        for key, inner in value.items():
            yield from parts(inner, f"{pointer}/{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from parts(inner, f"{pointer}/{index}")


def properties(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for pointer, part in parts(schema(name)):
        if re.search(r"/properties/[^/]+$", pointer) or re.search(r"/\$defs/[^/]+$", pointer):
            yield pointer, part


@pytest.mark.parametrize("name", ALL)
def test_a_schema_is_well_formed_and_has_its_address(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))
    assert schema(name)["$id"] == BASE + name
    assert schema(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("name", ALL)
def test_every_property_has_a_title_and_a_description(name: str) -> None:
    for pointer, part in properties(name):
        if list(part) == ["$ref"] and "Line/" in pointer:
            continue  # a line of a streamed feed repeats properties that are explained elsewhere
        assert part.get("title"), f"{name}{pointer} has no title"
        assert part.get("description", "").endswith((".", "!")), (
            f"{name}{pointer} has no description that is a sentence"
        )


@pytest.mark.parametrize("name", ALL)
def test_both_validators_would_read_every_keyword_alike(name: str) -> None:
    for pointer, part in parts(schema(name)):
        where = name + pointer
        if isinstance(part.get("multipleOf"), float):
            pytest.fail(f"{where}: validators differ on fractions of multipleOf; use whole pence")
        if isinstance(part.get("pattern"), str):
            assert part["pattern"].startswith("^"), where
            assert part["pattern"].endswith("$"), where
            assert "\\d" not in part["pattern"], f"{where}: \\d matches other digits in Python; write [0-9]"
            assert "\\w" not in part["pattern"], where
            assert "maxLength" in part or pointer.endswith("version"), f"{where}: a pattern wants a maxLength beside it"
        assert not {"oneOf", "anyOf", "unevaluatedProperties", "$dynamicRef"} & {
            key for key, value in part.items() if isinstance(value, list | dict | bool)
        }, f"{where}: its errors explain badly; find a flat form"


@pytest.mark.parametrize("name", INPUTS)
def test_an_input_is_closed_at_every_level(name: str) -> None:
    for pointer, part in parts(schema(name)):
        if part.get("type") == "object" and "properties" in part:
            assert part.get("additionalProperties") is False, f"{name}{pointer} is open"


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_is_open_at_every_level(name: str) -> None:
    for pointer, part in parts(schema(name)):
        assert part.get("additionalProperties") is not False, f"{name}{pointer} is closed"
        reference = part.get("$ref", "")
        assert not str(reference).startswith(INPUTS), f"{name}{pointer} takes a closed document in"


@pytest.mark.parametrize("name", PROVISIONAL)
def test_a_provisional_document_says_so(name: str) -> None:
    assert "Provisional" in schema(name)["description"]


@pytest.mark.parametrize("name", ["feed", "setting", "capacity", "vacancy", "rate", "ofsted"])
def test_every_part_that_a_provider_sends_has_room_for_extensions(name: str) -> None:
    assert "extensions" in schema(name)["properties"]


def test_lines_of_a_streamed_feed_have_the_properties_of_the_feed() -> None:
    feed = schema("feed")
    lines = feed["$defs"]

    assert set(lines["headerLine"]["properties"]) - {"line"} == set(feed["properties"]) - {"settings", "withdrawn"}
    assert set(lines["settingLine"]["properties"]) - {"line"} == set(lines["settingRecord"]["properties"])
    assert set(lines["withdrawnLine"]["properties"]) - {"line"} == set(lines["withdrawnRecord"]["properties"])
    for short, full in (("settingLine", "settingRecord"), ("withdrawnLine", "withdrawnRecord")):
        for keyword in ("if", "then", "else"):
            assert lines[short][keyword] == lines[full][keyword]


KEYS = [
    ({}, False),
    ({"urn": "SC000001"}, True),
    ({"urn": "1234567"}, True),
    ({"urn": "SC00001"}, False),
    ({"urn": "SC000001\n"}, False),
    ({"urn": 1234567}, False),
    ({"registration": {"scheme": "ciw", "id": "SIN-1"}}, True),
    ({"registration": {"scheme": "ciw", "id": "SIN 1"}}, False),
    ({"urn": "SC000001", "registration": {"scheme": "ciw", "id": "SIN-1"}}, False),
]


@pytest.mark.parametrize(("record", "taken"), KEYS)
def test_a_record_has_a_urn_or_a_registration_and_not_both(record: dict[str, Any], taken: bool) -> None:
    assert rs_validator("settingRecord").is_valid(record) is taken
    assert explaining_validator("settingRecord").is_valid(record) is taken


@pytest.mark.parametrize("name", ["agreement", "setting", "feed"])
def test_a_line_break_at_the_end_is_seen_by_both_validators(name: str) -> None:
    documents = {
        "agreement": {
            "type": "spot",
            "buyer": {"scheme": "gss\n", "id": "E1"},
            "provider": {"scheme": "gss", "id": "E1"},
            "from": "2026-04-01",
        },
        "setting": {"provisionType": "children-home", "provider": {"name": "Example Homes Ltd\n"}},
        "feed": {
            "standard": "placefeed",
            "version": "1.0",
            "publisher": {"id": "GB-COH-1\n", "name": "Example"},
            "publishedAt": "2026-11-21T18:00:00Z",
            "settings": [],
        },
    }

    (error,) = explaining_validator(name).iter_errors(documents[name])

    assert error.validator == "pattern"
    assert not rs_validator(name).is_valid(documents[name])


def test_one_part_can_be_checked_alone_by_its_pointer() -> None:
    assert rs_validator("common", "/$defs/urn").is_valid("SC000001")
    assert rs_validator("feed", "#/$defs/settingRecord").is_valid({"urn": "SC000001"})
    assert set(LINES) == set(schema("feed")["$defs"])


def test_nothing_is_ever_fetched() -> None:
    with pytest.raises(Exception, match="retrieving it failed"):
        files.rs_registry().resolver(BASE).lookup("https://elsewhere.invalid/schema")
    with pytest.raises(Unresolvable):
        files.registry().resolver().lookup("https://elsewhere.invalid/schema")


def test_a_document_that_the_standard_lacks_is_named() -> None:
    with pytest.raises(KeyError, match="no document 'bed'"):
        schema("bed")


def test_the_files_are_found_from_the_module() -> None:
    assert files.find("1.0", "feed.schema.json").is_file()
    assert isinstance(files.root(), Path)
