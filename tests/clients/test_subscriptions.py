"""Calls about subscriptions: each at its own address, repeated only where that does no harm."""

from collections.abc import Callable
from typing import Any

import httpx2
import orjson
import pytest

from placefeed.client import NotFound, Stale, Unreachable

WISH = {"channel": "webhook", "url": "https://member.example/placefeed", "filter": {"la": ["E06000023"]}}


@pytest.mark.parametrize("kind", ["provider", "member", "operator"])
@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda who: who.subscriptions(), "GET /v1/subscriptions"),
        (lambda who: who.subscription("s1"), "GET /v1/subscriptions/s1"),
        (lambda who: who.add_subscription(WISH), "POST /v1/subscriptions"),
        (lambda who: who.change_subscription("s1", WISH, if_match='"1"'), "PUT /v1/subscriptions/s1"),
        (lambda who: who.delete_subscription("s1"), "DELETE /v1/subscriptions/s1"),
        (lambda who: who.pause_subscription("s1"), "POST /v1/subscriptions/s1/pause"),
        (lambda who: who.resume_subscription("s/1"), "POST /v1/subscriptions/s%2F1/resume"),
        (lambda who: who.rotate_subscription_secret("s1"), "POST /v1/subscriptions/s1/rotate-secret"),
        (lambda who: who.test_subscription("s1"), "POST /v1/subscriptions/s1/test"),
        (lambda who: who.confirm_subscription("s1", "123"), "POST /v1/subscriptions/s1/confirm"),
        (lambda who: who.subscription_status("s1"), "GET /v1/subscriptions/s1/status"),
        (lambda who: who.subscription_events("s1", from_=3), "GET /v1/subscriptions/s1/events?from=3"),
        (lambda who: who.resend_subscription("s1", from_=3, until=4), "POST /v1/subscriptions/s1/resend"),
        (
            lambda who: who.subscription_deliveries("s1", before=9, limit=5),
            "GET /v1/subscriptions/s1/deliveries?before=9&limit=5",
        ),
    ],
)
def test_each_call_asks_at_its_own_address(
    connect: Callable[..., Any], exchange: Any, kind: str, call: Callable[[Any], Any], line: str
) -> None:
    with pytest.raises(NotFound):
        call(connect(kind))

    assert exchange.lines == [line]


def test_subscribing_again_after_a_lost_answer_is_subscribing_once(member: Any, exchange: Any) -> None:
    made = httpx2.Response(201, json={**WISH, "id": "s1", "state": "requested", "secret": "whsec_x"})
    exchange.on("POST", "/v1/subscriptions", httpx2.ReadError("cut"), made)

    assert member.add_subscription(WISH)["secret"] == "whsec_x"
    assert orjson.loads(exchange.bodies[1]) == WISH
    assert len({request.headers["idempotency-key"] for request in exchange.asked}) == 1


def test_a_change_names_the_version_that_it_changes(member: Any, exchange: Any) -> None:
    one = httpx2.Response(200, json={**WISH, "id": "s1"}, headers={"ETag": '"1-active"'})
    exchange.on("GET", "/v1/subscriptions/s1", one)
    exchange.on("PUT", "/v1/subscriptions/s1", httpx2.Response(200, json=WISH, headers={"ETag": '"2-active"'}))

    assert member.change_subscription("s1", WISH).etag == '"2-active"'
    assert member.change_subscription("s1", WISH, if_match='"0"').document == WISH
    assert [request.headers.get("if-match") for request in exchange.asked] == [None, '"1-active"', '"0"']


def test_a_change_whose_answer_was_lost_is_not_sent_again(member: Any, exchange: Any, problem: Any) -> None:
    exchange.on("PUT", "/v1/subscriptions/s1", httpx2.ReadError("cut"), problem(412, "stale", "Changed."))

    with pytest.raises(Unreachable):
        member.change_subscription("s1", WISH, if_match='"1"')
    with pytest.raises(Stale):
        member.change_subscription("s1", WISH, if_match='"1"')


@pytest.mark.parametrize("call", ["rotate_subscription_secret", "test_subscription"])
def test_what_would_be_done_twice_is_sent_once(member: Any, exchange: Any, call: str) -> None:
    exchange.on("POST", "/v1/subscriptions/s1/rotate-secret", httpx2.ReadError("cut"))
    exchange.on("POST", "/v1/subscriptions/s1/test", httpx2.ReadError("cut"))

    with pytest.raises(Unreachable):
        getattr(member, call)("s1")
    assert len(exchange.asked) == 1


def test_events_are_read_from_all_pages(member: Any, exchange: Any) -> None:
    more = "https://exchange.example/base/v1/subscriptions/s1/events?from=101&until=150"
    exchange.on(
        "GET",
        "/v1/subscriptions/s1/events",
        httpx2.Response(200, json={"items": [{"number": 1, "events": []}], "next": more}),
        httpx2.Response(200, json={"items": [{"number": 101, "events": []}]}),
    )

    assert [item["number"] for item in member.subscription_events("s1", from_=1, until=150)] == [1, 101]
    assert exchange.lines[1] == "GET /v1/subscriptions/s1/events?from=101&until=150"
