"""What the exchange pushes is described as it is: the AsyncAPI document and OpenAPI's webhooks, held against what is really sent."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.service.api.exchange import World, sqlite_settings
from tests.validators import ask

from placefeed.schema.files import find
from placefeed.service.channels import parameters
from placefeed.service.channels.stream import frames
from placefeed.service.channels.subscriptions import webhooks
from placefeed.service.channels.subscriptions.outcomes import HANDSHAKE, HEARTBEAT, TEST
from placefeed.service.config import Settings

AT = datetime(2026, 7, 1, 14, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    """One database is enough for what has nothing to do with it."""
    return sqlite_settings(tmp_path, sqlite_template)


@pytest.fixture
def document(bare: World) -> dict[str, Any]:
    found: dict[str, Any] = bare.call("nobody", "GET", "/asyncapi.json").json()
    return found


@pytest.fixture
def api(bare: World) -> dict[str, Any]:
    found: dict[str, Any] = bare.call("nobody", "GET", "/openapi.json").json()
    return found


def check(described: dict[str, Any], name: str, sent: bytes) -> None:
    """That what is sent is as a component of a document says."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    jsonschema.Draft202012Validator(schema).validate(orjson.loads(sent))


def test_the_official_parser_finds_no_fault(document: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "asyncapi.json"
    file.write_text(json.dumps(document))

    answer = ask("asyncapi.mjs", str(file))

    assert answer["version"] == "3.0.0"
    # Version 3.1 exists; what it adds is of no use here.
    assert [each for each in answer["findings"] if each["code"] != "asyncapi-latest-version"] == []


def test_it_says_where_and_how(document: dict[str, Any]) -> None:
    assert document["servers"]["exchange"]["host"] == "exchange.example"
    stream, webhook = document["channels"]["stream"], document["channels"]["webhook"]
    assert stream["address"] == "/v1/listings/stream"
    assert webhook["address"] is None
    assert {"vacancy.published", "rate.changed", "setting.suspended", "snapshot", "ready", "end"} <= set(
        stream["messages"]
    )
    assert set(webhook["messages"]) == {f"subscription.{kind}" for kind in ("events", "handshake", "test", "heartbeat")}
    query = document["operations"]["sendNews"]["bindings"]["http"]["query"]["properties"]
    assert {each.name for each in parameters.FILTERS} | {"snapshot", "attestations", "lastEventId"} == set(query)


def test_what_is_sent_to_receivers_is_as_described(document: dict[str, Any], api: dict[str, Any]) -> None:
    events = [
        orjson.dumps(orjson.loads(path.read_bytes())) for path in sorted(find("examples", "valid").glob("event-*.json"))
    ]
    full = webhooks.Bundle("s", content="full", events_since_start=9, base="https://ex.example")
    full.add(7, AT, events)
    empty = webhooks.Bundle("s", content="empty", events_since_start=9, base="https://ex.example")
    empty.add(7, AT, events)
    sent = [("subscription.events", full.body()), ("subscription.events", empty.body())]
    sent += [
        (f"subscription.{kind}", webhooks.plain_body(kind, "s", 7, AT, message="msg_1"))
        for kind in (HANDSHAKE, TEST, HEARTBEAT)
    ]

    for name, body in sent:
        assert orjson.loads(body)["type"] == name
        check(document, name, body)
        check(api, name, body)


def test_what_goes_over_a_stream_is_as_described(document: dict[str, Any]) -> None:
    listing = (find("examples", "valid") / "listing-home-of-four.json").read_bytes()
    sent = [
        ("stream.snapshot", frames.snapshot([orjson.dumps(orjson.loads(listing))])),
        ("stream.ready", frames.ready(frames.Mark.at(1, 7), 3)),
        ("stream.ready", frames.ready(frames.Mark.at(1, 7), None)),
        *(("stream.end", frames.end(reason)) for reason in frames.ENDS),
    ]

    for name, piece in sent:
        lines = dict(line.split(b": ", 1) for line in piece.body.strip().split(b"\n"))
        assert lines[b"event"].decode() == name.removeprefix("stream.")
        check(document, name, lines[b"data"])
    reasons = document["components"]["schemas"]["stream.end"]["properties"]["reason"]["enum"]
    assert set(reasons) == set(frames.ENDS)
    assert set(frames.STREAMED) <= set(document["channels"]["stream"]["messages"])


def test_openapi_has_the_webhooks(api: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(api).iter_errors()) == []
    assert set(api["webhooks"]) == {f"subscription.{kind}" for kind in ("events", "handshake", "test", "heartbeat")}
    for name, item in api["webhooks"].items():
        operation = item["post"]
        assert operation["requestBody"]["content"]["application/json"]["schema"] == {
            "$ref": f"#/components/schemas/{name}"
        }
        assert [each["name"] for each in operation["parameters"]] == [
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
        ]
        assert {"2XX", "410", "429"} == set(operation["responses"])
    named = [item["post"]["operationId"] for item in api["webhooks"].values()]
    named += [each["operationId"] for item in api["paths"].values() for each in item.values()]
    assert len(named) == len(set(named))


def test_it_is_found(bare: World) -> None:
    assert 'href="/asyncapi.json"' in bare.call("nobody", "GET", "/docs").text
    links = bare.call("nobody", "GET", "/v1").json()["links"]
    assert any(link["rel"] == "service-desc" and link["href"].endswith("/asyncapi.json") for link in links)
    feeds = bare.call("nobody", "GET", "/v1/feeds.json").json()["feeds"]
    assert any(feed.get("description", "").endswith("/asyncapi.json") for feed in feeds)
