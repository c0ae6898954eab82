"""The typed models and the schemas give the same verdict: on examples, on generated documents, on damaged ones."""

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from schemathesis.generation.jsonschema import builder

from placefeed.schema.documents import MODELS, Feed, SettingRecord, read
from placefeed.schema.files import DOCUMENTS, INPUTS, explaining_validator, find, rs_validator, schema
from placefeed.schema.parts import Capacity, Vacancy

EXAMPLES = sorted(find("examples", "valid").glob("*.json"))


def name_of(path: Any) -> str:
    return path.name.split("-")[0]


def model_takes(name: str, document: Any) -> bool:
    try:
        read(name, document)
    except ValidationError:
        return False
    return True


def generated(name: str) -> st.SearchStrategy[Any]:
    """Documents that the schema takes.

    hypothesis-jsonschema ignores keywords of draft 2020-12, so the builder inside schemathesis is used. It is not its
    public face: should it move, mend this function alone. It knows no references beyond one file (so they are followed
    first) and can't satisfy a format and a pattern at once (so dates come from the strategies below).
    """
    formats = {
        "date": st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(str),
        "date-time": st.dates(date(1900, 1, 2), date(2199, 12, 30)).map(lambda day: f"{day}T18:00:00Z"),
    }
    return builder.build(_followed(schema(name), name), draft=jsonschema_rs.Draft202012, formats=formats)


def _followed(value: Any, home: str) -> Any:
    """The schema without references, and with a format alone where it has a pattern beside it."""
    if isinstance(value, list):
        return [_followed(inner, home) for inner in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$ref"), str):
        document, _, pointer = value["$ref"].partition("#")
        target: Any = schema(document or home)
        for part in pointer.split("/")[1:]:
            target = target[part]
        beside = {key: inner for key, inner in value.items() if key != "$ref"}
        followed = _followed(target, document or home)
        both = {"required": [*followed.get("required", []), *beside["required"]]} if "required" in beside else {}
        return {**followed, **beside, **both}
    if isinstance(value.get("format"), str):
        return {"type": "string", "format": value["format"]}
    return {key: _followed(inner, home) for key, inner in value.items() if key not in ("$defs", "$id")}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_model_takes_each_example_and_gives_it_back(path: Any) -> None:
    document = json.loads(path.read_bytes())

    given_back = read(name_of(path), document).to_json()

    assert given_back == json.loads(json.dumps(document).replace("+00:00", "Z"))


@pytest.mark.parametrize("name", INPUTS)
def test_a_model_takes_whatever_its_schema_takes(name: str) -> None:
    validator = rs_validator(name)

    @settings(
        max_examples=15 if name == "feed" else 50, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(generated(name))
    def agree(document: Any) -> None:
        assert validator.is_valid(document), "the generator and the schema disagree"
        assert model_takes(name, document)

    agree()


WRONG = [
    None,
    "",
    "1",
    " ",
    "a\n",
    "Ünïcode",
    "x" * 600,
    0,
    -1,
    1,
    1.0,
    1.5,
    10**10,
    True,
    [],
    {},
    ["a", "a"],
    {"a": 1},
]
"""What a property is replaced by: a wrong type, a limit overstepped, sometimes a right value."""
NEARLY = {
    "2026-11-21": ["2026-02-30", "21/11/2026", "2026-11-21\n", "0000-01-01", "2026-11-21T00:00:00Z"],
    "2026-11-21T18:00:00Z": [
        "2026-11-21T18:00:00",
        "2026-11-21 18:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21t18:00:00z",
        "2026-02-30T18:00:00Z",
        "2026-11-21T18:00:60Z",
        "2026-11-21T18:00:00.123456789+01:00",
        "2026-11-21T18:00:00+24:00",
    ],
    "SC000001": ["SC000001\n", "sc000001", "SC00001", 1234567, "1234567", "SC٠٠٠٠٠١"],
}


def damaged(document: Any) -> Iterator[Any]:
    """The document with one thing changed, at each place and in each way."""
    for change in _changes(document):
        other = copy.deepcopy(document)
        change(other)
        yield other


def _changes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[Callable[[Any], None]]:
    if isinstance(value, dict):
        yield lambda document: _at(document, path).update({"notAProperty": 1})
        yield lambda document: _at(document, path).update({"as_of": "2026-11-21T18:00:00Z"})
        for key in value:
            yield lambda document, key=key: _at(document, path).pop(key)
    if isinstance(value, list) and value:
        yield lambda document: _at(document, path).append(copy.deepcopy(_at(document, path)[0]))
        yield lambda document: _at(document, path).extend([copy.deepcopy(_at(document, path)[0])] * 60)
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value[:2]):
        for wrong in [*WRONG, *(NEARLY.get(inner, []) if isinstance(inner, str) else [])]:
            yield lambda document, key=key, wrong=wrong: _at(document, path).__setitem__(key, wrong)
        if isinstance(inner, dict | list):
            yield from _changes(inner, (*path, key))


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        document = document[step]
    return document


@pytest.mark.parametrize("name", DOCUMENTS)
def test_schema_and_model_agree_on_damaged_documents(name: str) -> None:
    validator = rs_validator(name)
    tried = 0
    for path in EXAMPLES:
        if name_of(path) == name and path.stat().st_size < 12_000:
            for document in damaged(json.loads(path.read_bytes())):
                tried += 1
                if validator.is_valid(document) != model_takes(name, document):
                    pytest.fail(
                        f"{path.name}: schema says {validator.is_valid(document)}, model not: {document}"[:3000]
                    )
    assert tried > 50


LINES = [
    json.loads(line) for line in find("examples", "valid", "feed-three-lines.ndjson").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("line", LINES, ids=[line["line"] for line in LINES])
def test_lines_of_a_streamed_feed_agree_too(line: dict[str, Any]) -> None:
    name = line["line"] + "Line"

    assert rs_validator(name).is_valid(line)
    for document in (line, *damaged(line)):
        assert rs_validator(name).is_valid(document) == model_takes(name, document), document


def test_every_document_and_line_form_has_a_model() -> None:
    assert set(DOCUMENTS) < set(MODELS)


def test_a_model_is_made_in_python_and_written_as_json() -> None:
    vacancy = Vacancy(id="v1", as_of=datetime(2026, 11, 21, 18, tzinfo=UTC), places=1, from_=date(2026, 11, 21))

    assert vacancy.to_json() == {"id": "v1", "asOf": "2026-11-21T18:00:00Z", "places": 1, "from": "2026-11-21"}
    assert rs_validator("vacancy").is_valid(vacancy.to_json())


def test_python_names_are_no_names_of_the_standard() -> None:
    assert not model_takes("capacity", {"as_of": "2026-11-21T18:00:00Z"})


def test_null_is_not_absent() -> None:
    with pytest.raises(ValidationError, match="leave out what is not known"):
        read("capacity", {"asOf": "2026-11-21T18:00:00Z", "occupied": None})


def test_a_whole_number_may_be_written_with_a_point_and_a_text_never() -> None:
    capacity = read("capacity", {"asOf": "2026-11-21T18:00:00Z", "occupied": 2.0})

    assert isinstance(capacity, Capacity)
    assert capacity.occupied == 2
    assert not model_takes("capacity", {"asOf": "2026-11-21T18:00:00Z", "occupied": "2"})


def test_an_instant_is_utc_whatever_its_offset() -> None:
    capacity = read("capacity", {"asOf": "2026-07-01T18:00:00+01:00"})

    assert isinstance(capacity, Capacity)
    assert capacity.as_of == datetime(2026, 7, 1, 17, tzinfo=UTC)


def test_a_setting_registered_elsewhere_has_a_key_of_scheme_and_number() -> None:
    feed = read("feed", json.loads(find("examples", "valid", "feed-welsh-home.json").read_bytes()))

    assert isinstance(feed, Feed)
    assert [record.key for record in feed.settings] == ["ciw:SIN-00000012"]
    assert SettingRecord(urn="SC000001").key == "SC000001"


def test_what_a_reader_does_not_know_it_keeps() -> None:
    listing = json.loads(find("examples", "valid", "listing-home-of-four.json").read_bytes())
    listing["ofNextVersion"] = {"a": None}

    assert read("listing", listing).to_json() == listing


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_fast_verdict_and_the_explaining_one_agree_on_damaged_documents(name: str) -> None:
    fast, slow = rs_validator(name), explaining_validator(name)
    for path in EXAMPLES:
        if name_of(path) == name and path.stat().st_size < 4_000:
            for document in list(damaged(json.loads(path.read_bytes())))[::5]:
                assert fast.is_valid(document) == slow.is_valid(document), document
