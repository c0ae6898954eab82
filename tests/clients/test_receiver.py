"""The recipe of a receiver: nothing twice, nothing missed, nothing that is not genuine."""

import base64
import importlib.util
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook
from starlette.testclient import TestClient

from placefeed.client import AsyncMember, Retry
from tests.clients.conftest import KEY, URL, ScriptedExchange

RECIPE = Path(__file__).parents[2] / "docs" / "recipes" / "receiver.py"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
Post = Callable[..., httpx2.Response]


def recipe() -> ModuleType:
    """The recipe as it stands in the documentation."""
    spec = importlib.util.spec_from_file_location("receiver", RECIPE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def dealt() -> list[tuple[int, str]]:
    return []


@pytest.fixture
def post(exchange: ScriptedExchange, dealt: list[tuple[int, str]], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Send a message to the receiver, signed by the reference library."""

    def deal_with(event: dict[str, Any]) -> None:
        if event["type"] == "stumble":
            raise RuntimeError("fell over")
        dealt.append((event["number"], event["type"]))

    member = AsyncMember(URL, KEY, transport=httpx2.MockTransport(exchange), retry=Retry(attempts=1))
    app = recipe().create_app(member=member, secrets=[SECRET], path=str(tmp_path / "book.db"), deal_with=deal_with)
    with TestClient(app, raise_server_exceptions=False) as client:

        def send(type: str, data: dict[str, Any], *, id: str, secret: str = SECRET) -> Any:
            now = datetime.now(UTC)
            body = json.dumps({"type": type, "timestamp": now.isoformat(), "data": {"subscription": "s1", **data}})
            headers = {
                "webhook-id": id,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": Webhook(secret).sign(id, now, body),
            }
            return client.post("/placefeed", content=body, headers=headers)

        yield send


def events(first: int, through: int | None = None, *, type: str = "vacancy.changed", **more: Any) -> dict[str, Any]:
    numbers = range(first, (through or first) + 1)
    found = [{"type": type, "number": number} for number in numbers]
    return {"number": first, "through": through or first, "complete": True, "events": found, **more}


def numbered(*numbers: int, state: str = "sent", type: str = "vacancy.changed") -> httpx2.Response:
    items = [
        {"number": n, "state": state, "events": [] if state == "expired" else [{"type": type, "number": n}]}
        for n in numbers
    ]
    return httpx2.Response(200, json={"items": items})


def test_a_handshake_and_a_test_are_answered(post: Post, dealt: list[Any]) -> None:
    assert post("subscription.handshake", {"challenge": "c"}, id="h").status_code == 204
    assert post("subscription.test", {}, id="t").status_code == 204
    assert dealt == []


def test_events_are_dealt_with_in_order_and_once(post: Post, dealt: list[Any], exchange: Any) -> None:
    for id, data in (
        ("m1", events(1)),
        ("m2", events(2, 3)),
        ("m2", events(2, 3)),
        ("m1", events(1)),
        ("m4", events(2, 4)),
    ):
        assert post("subscription.events", data, id=id).status_code == 204

    assert [number for number, _ in dealt] == [1, 2, 3, 4]
    assert exchange.asked == []


def test_a_gap_is_read_again(post: Post, dealt: list[Any], exchange: Any) -> None:
    post("subscription.events", events(1), id="m1")
    exchange.on("GET", "/v1/subscriptions/s1/events", numbered(2, 3, 4, 5))

    post("subscription.events", events(5), id="m5")

    assert [number for number, _ in dealt] == [1, 2, 3, 4, 5]
    assert exchange.lines == ["GET /v1/subscriptions/s1/events?from=2&until=5"]


@pytest.mark.parametrize("data", [events(1, complete=False), {"number": 1, "through": 1, "complete": True}])
def test_what_does_not_carry_all_is_read(post: Post, dealt: list[Any], exchange: Any, data: dict[str, Any]) -> None:
    exchange.on("GET", "/v1/subscriptions/s1/events", numbered(1))

    post("subscription.events", data, id="m1")

    assert dealt == [(1, "vacancy.changed")]
    assert exchange.lines == ["GET /v1/subscriptions/s1/events?from=1&until=1"]


def test_a_heartbeat_tells_what_was_missed(post: Post, dealt: list[Any], exchange: Any) -> None:
    assert post("subscription.heartbeat", {"number": 0}, id="b0").status_code == 204
    exchange.on("GET", "/v1/subscriptions/s1/events", numbered(1, 2))

    post("subscription.heartbeat", {"number": 2}, id="b1")
    post("subscription.heartbeat", {"number": 2}, id="b2")

    assert [number for number, _ in dealt] == [1, 2]
    assert len(exchange.asked) == 1


def test_what_is_no_longer_to_be_had_is_told_and_what_is_withheld_is_passed_over(
    post: Post, dealt: list[Any], exchange: Any
) -> None:
    exchange.on("GET", "/v1/subscriptions/s1/events", numbered(1, 2, state="expired"))
    post("subscription.heartbeat", {"number": 2}, id="b1")
    post("subscription.events", events(3, type="withheld"), id="m3")
    post("subscription.events", events(4), id="m4")

    assert dealt == [(1, "lost"), (2, "lost"), (4, "vacancy.changed")]


def test_whatever_falls_over_is_sent_again(post: Post, dealt: list[Any], exchange: Any) -> None:
    assert post("subscription.events", events(1, type="stumble"), id="m1").status_code == 500
    assert post("subscription.events", events(1), id="m1").status_code == 204
    exchange.on("GET", "/v1/subscriptions/s1/events", httpx2.Response(503), numbered(2, 3))
    assert post("subscription.events", events(3), id="m3").status_code == 500
    assert post("subscription.events", events(3), id="m3").status_code == 204

    assert [number for number, _ in dealt] == [1, 2, 3]


def test_what_is_not_genuine_is_refused(post: Post, dealt: list[Any]) -> None:
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()

    assert post("subscription.events", events(1), id="m1", secret=other).status_code == 400
    assert post("subscription.events", events(1, padding="x" * 70_000), id="m1").status_code == 413
    assert dealt == []
