"""Webhooks against a real receiver that refuses, stalls, resets and lies: in order, nothing lost, nothing that may not be told."""

import asyncio
import base64
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, select
from standardwebhooks import Webhook, WebhookVerificationError

from placefeed.service.access import keys
from placefeed.service.access.sealing import seal
from placefeed.service.channels.subscriptions import retries, webhook_secrets, webhooks
from placefeed.service.channels.subscriptions.lanes import Lanes, origin_of
from placefeed.service.channels.subscriptions.matching import Matcher
from placefeed.service.channels.subscriptions.outcomes import HANDSHAKE, TEST, Job, Outcome, Outside
from placefeed.service.channels.subscriptions.sending import Sender
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of, tell
from placefeed.service.publishing.publisher import publish_all
from placefeed.service.tables import ApiKey, ConsortiumMember, Delivery, Notice, Subscription
from tests.service.conftest import MovableClock
from tests.service.subscribed import SECRET, Heard, Receiver, notices, receiver, row_of, subscribe
from tests.service.world import World

ROOT = Path(__file__).parents[2]
HOMES = [f"SC{number:06}" for number in range(6)]


@pytest.fixture
def reached(settings: Settings) -> Settings:
    """Settings that let webhooks go to this machine."""
    settings.allow_loopback = True
    settings.deliver_timeout = 5.0
    return settings


@pytest.fixture
def here() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def world(database: Database, reached: Settings, clock: MovableClock) -> None:
    """Six homes of acorn's; north takes acorn, and leeds is in north."""
    with database.write() as session:
        made = World(session, clock.instant)
        made.provider("acorn", *HOMES)
        made.consortium("north", "acorn")
        made.member("leeds", "north")
    publish_all(database, reached, clock)


@contextmanager
def sending(database: Database, settings: Settings, clock: MovableClock) -> Iterator[Sender]:
    sender = Sender(database, settings, clock, look_again=0.02)
    sender.start()
    try:
        yield sender
    finally:
        sender.stop()


def until(check: Callable[[], Any], *, seconds: float = 20) -> Any:
    """Wait for something to become true; returns it."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return found


def happen(database: Database, settings: Settings, clock: MovableClock, *homes: str, **facts: Any) -> None:
    """Something is offered, published and matched."""
    clock.move(seconds=1)
    with database.write() as session:
        made = World(session, clock.instant, dict.fromkeys(HOMES, "acorn"))
        for home in homes:
            made.vacancy(home, **facts)
    publish_all(database, settings, clock)
    matcher = Matcher(database, clock)
    while matcher.step():
        pass


def made(database: Database, settings: Settings, clock: MovableClock, url: str, **about: Any) -> None:
    with database.write() as session:
        subscribe(session, settings, "leeds", now=clock(), url=url, **about)


def deliveries(database: Database, subscription: str = "sub-1") -> list[Delivery]:
    with database.read() as session:
        query = select(Delivery).where(Delivery.subscription_id == subscription).order_by(col(Delivery.id))
        return list(session.exec(query))


def verified(heard: Heard, secret: str = SECRET) -> dict[str, Any]:
    """What a receiver with the reference library makes of a request; its five minutes are counted from when it was signed."""
    stamp = int(heard.headers["webhook-timestamp"])
    known = Webhook(secret)
    # The library takes the time from the system; the tests' clock stands in July.
    known._Webhook__verify_timestamp = lambda _header: datetime.fromtimestamp(stamp, UTC)  # type: ignore[attr-defined]
    return known.verify(heard.body, {name.lower(): value for name, value in heard.headers.items()})


# -- signatures --------------------------------------------------------------------------------------------------------------


@given(st.binary(min_size=24, max_size=64), st.text(max_size=50), st.sampled_from(["msg_1", "msg_a_1_9"]))
def test_we_sign_as_the_reference_library_does(secret: bytes, text: str, message: str) -> None:
    whole = "whsec_" + base64.b64encode(secret).decode()
    body = orjson.dumps({"text": text})
    now = datetime.now(UTC)

    headers = webhooks.sign(message, body, [whole], now)

    assert headers["webhook-signature"] == Webhook(whole).sign(message, now, body.decode())
    assert Webhook(whole).verify(body, headers) == {"text": text}
    with pytest.raises(WebhookVerificationError):
        Webhook(whole).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(whole).verify(body, {**headers, "webhook-id": "msg_2"})


def test_while_a_secret_is_replaced_either_verifies() -> None:
    old, new = (webhook_secrets.new_secret() for _ in range(2))
    headers = webhooks.sign("msg_1", b'{"a":1}', [new, old], datetime.now(UTC))

    assert Webhook(old).verify(b'{"a":1}', headers) == Webhook(new).verify(b'{"a":1}', headers) == {"a": 1}
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook_secrets.new_secret()).verify(b'{"a":1}', headers)


# -- the schedule ------------------------------------------------------------------------------------------------------------


def test_the_schedule_is_that_of_standard_webhooks_with_jitter() -> None:
    failed = Outcome(ok=False, status=500)
    waits = [retries.after(failures, "events", failed) for failures in range(1, 11)]
    assert waits[-1] is None
    for wait, meant in zip(waits[:-1], (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400), strict=True):
        assert wait is not None
        assert 0.9 * meant <= wait.total_seconds() <= 1.1 * meant
    assert [retries.after(failures, HANDSHAKE, failed) is None for failures in (1, 2, 3)] == [False, False, True]
    patient = Outcome(ok=False, status=429, retry_after=600)
    assert retries.after(1, "events", patient) == timedelta(seconds=600)
    assert retries.after(1, "events", Outcome(ok=False, status=503, retry_after=1e9)) == timedelta(hours=24)


def test_a_receiver_has_a_share_and_the_slow_share_half() -> None:
    lanes = Lanes(64)
    taken = sum(lanes.take("https://busy.example") for _ in range(64))
    assert taken == 32
    for number in range(40):
        origin = f"https://dead-{number}.example"
        lanes.flying[origin] = 1
        lanes.leave(origin, quick=False)
    lanes.leave("https://busy.example", quick=True)
    assert lanes.take("https://busy.example")
    assert [lanes.take("https://dead-0.example") for _ in range(5)] == [True] * 4 + [False]
    dead = sum(lanes.take(f"https://dead-{number}.example") for number in range(1, 40) for _ in range(10))
    assert dead == 28
    assert lanes.take("https://well.example")
    assert origin_of("https://Hooks.Example:8443/a?b#c") == "https://hooks.example:8443"


# -- what is sent ------------------------------------------------------------------------------------------------------------


def test_a_webhook_says_what_happened_signed_and_numbered(database, reached, clock, world, here) -> None:
    made(database, reached, clock, f"{here.url}/hook")
    with sending(database, reached, clock):
        happen(database, reached, clock, HOMES[0])
        until(lambda: row_of(database).delivered == 1)

    [heard] = here.heard
    document = verified(heard)
    assert document["type"] == "subscription.events"
    assert heard.headers["Content-Type"] == "application/json"
    assert heard.headers["webhook-id"] == "msg_sub-1_1_1"
    assert int(heard.headers["webhook-timestamp"]) == int(clock().timestamp())
    data = document["data"]
    [event] = data.pop("events")
    assert data == {
        "subscription": "sub-1", "number": 1, "through": 1, "eventsSinceSubscriptionStart": 1, "complete": True,
        "href": "http://127.0.0.1:8000/v1/subscriptions/sub-1/events?from=1&until=1",
    }  # fmt: skip
    assert (event["type"], event["urn"], event["number"]) == ("vacancy.published", HOMES[0], 1)
    assert document["timestamp"] == event["timestamp"]
    assert "listing" not in event
    assert "Cookie" not in heard.headers
    [attempt] = deliveries(database)
    assert (attempt.ok, attempt.status, attempt.attempt, attempt.first, attempt.last) == (True, 204, 1, 1, 1)
    [notice] = notices(database)
    assert (notice.state, notice.body) == ("sent", None)
    row = row_of(database)
    assert (row.claim, row.lease_until, row.next_attempt_at, row.heard_at) == (None, None, None, clock())


@pytest.mark.parametrize("content", ["empty", "full"])
def test_a_subscription_has_as_much_as_it_asked_for(database, reached, clock, world, here, content) -> None:
    made(database, reached, clock, f"{here.url}/hook", content=content)
    with sending(database, reached, clock):
        with database.write() as session:
            World(session, clock.instant, dict.fromkeys(HOMES, "acorn")).rate(
                HOMES[0], "core", offeredTo={"buyers": [{"scheme": "placefeed", "id": "york"}]}
            )
        happen(database, reached, clock, HOMES[0], rates=["core"])
        until(lambda: row_of(database).delivered == 1)

    data = verified(here.heard[0])["data"]
    if content == "empty":
        assert "events" not in data
        assert data["complete"] is True
    else:
        listing = data["events"][0]["listing"]
        assert listing["urn"] == HOMES[0]
        assert listing["rates"] == []  # offered to another


def test_several_numbers_that_wait_go_in_one_message_as_far_as_they_fit(database, reached, clock, world, here) -> None:
    made(database, reached, clock, f"{here.url}/hook", state="paused")
    for turn in range(5):
        happen(database, reached, clock, HOMES[turn])
    happen(database, reached, clock, *HOMES, places=9)
    with database.write() as session:
        row = session.get_one(Subscription, "sub-1")
        row.state, row.next_attempt_at = "active", clock()
        session.add(row)
    with sending(database, reached, clock):
        until(lambda: row_of(database).delivered == 6)

    [heard] = here.heard
    data = verified(heard)["data"]
    assert (data["number"], data["through"], data["complete"]) == (1, 6, True)
    assert [event["number"] for event in data["events"]] == [1, 2, 3, 4, 5, *[6] * 6]
    assert heard.headers["webhook-id"] == "msg_sub-1_1_1"


def test_what_does_not_fit_is_said_to_be_missing() -> None:
    event = orjson.dumps({"type": "vacancy.changed", "padding": "x" * 900, "number": 1})
    now = datetime(2026, 7, 1, 14, tzinfo=UTC)
    full = webhooks.Bundle("sub-1", content="ids", events_since_start=100, base="https://b.example/")
    assert full.add(1, now, [event] * 100)
    assert not full.add(2, now, [event])
    body = full.body()
    data = orjson.loads(body)["data"]
    assert len(body) <= webhooks.LARGEST
    assert data["complete"] is False
    assert len(data["events"]) > 15
    assert (data["number"], data["through"]) == (1, 1)

    several = webhooks.Bundle("sub-1", content="ids", events_since_start=100, base="https://b.example/")
    taken = [several.add(number, now, [event]) for number in range(1, 40)]
    assert 10 < sum(taken) < 30
    assert taken == sorted(taken, reverse=True)
    assert orjson.loads(several.body())["data"]["complete"] is True
    assert len(several.body()) <= webhooks.LARGEST

    thin = webhooks.Bundle("sub-1", content="empty", events_since_start=100, base="https://b.example/")
    assert sum(thin.add(number, now, [event]) for number in range(1, 200)) == webhooks.MOST_NUMBERS


# -- what comes back -----------------------------------------------------------------------------------------------------------


def test_attempts_go_on_by_the_schedule_with_the_same_message_until_it_is_taken(
    database, reached, clock, world, here
) -> None:
    here.says(500)
    made(database, reached, clock, f"{here.url}/hook")
    happen(database, reached, clock, HOMES[0])
    with sending(database, reached, clock):
        for attempt in range(1, 5):
            until(lambda attempt=attempt: row_of(database).attempt == attempt)
            row = row_of(database)
            assert row.state == "active"
            assert row.next_attempt_at > clock()
            if attempt == 2:
                happen(database, reached, clock, HOMES[1])  # its number rises while delivery fails
                assert row_of(database).next_attempt_at == row.next_attempt_at
            clock.instant = row.next_attempt_at
        here.says(200)
        until(lambda: row_of(database).delivered == 2)

    first, *others = here.heard[:5]
    assert all(each.body == first.body and each.headers["webhook-id"] == "msg_sub-1_1_1" for each in others)
    assert len({each.headers["webhook-timestamp"] for each in here.heard[:5]}) == 5
    assert [each.data["number"] for each in here.heard] == [1, 1, 1, 1, 1, 2]
    assert [each.status for each in deliveries(database)] == [500, 500, 500, 500, 200, 200]
    assert deliveries(database)[0].answer == "answer 500"
    row = row_of(database)
    assert (row.attempt, row.failing_since) == (0, None)


def test_when_the_schedule_is_used_up_the_subscription_stops_and_keeps_what_waits(
    database, reached, clock, world, here
) -> None:
    here.says(503)
    made(database, reached, clock, f"{here.url}/hook")
    happen(database, reached, clock, HOMES[0])
    with sending(database, reached, clock):
        until(lambda: [row := row_of(database), setattr(clock, "instant", row.next_attempt_at or clock())] and row.state == "error")  # fmt: skip

    assert len(here.heard) == len(retries.SCHEDULE)
    assert "10 attempts" in row_of(database).reason
    assert [notice.state for notice in notices(database)] == ["waiting"]
    assert row_of(database).next_attempt_at is None


def test_410_stops_it_at_once(database, reached, clock, world, here) -> None:
    here.says(410)
    made(database, reached, clock, f"{here.url}/hook")
    happen(database, reached, clock, HOMES[0])
    with sending(database, reached, clock):
        until(lambda: row_of(database).state == "error")

    assert len(here.heard) == 1
    assert "410" in row_of(database).reason


def test_retry_after_is_honoured(database, reached, clock, world, here) -> None:
    here.says(429, **{"Retry-After": "700"})
    made(database, reached, clock, f"{here.url}/hook")
    happen(database, reached, clock, HOMES[0])
    with sending(database, reached, clock):
        until(lambda: row_of(database).attempt == 1)

    assert row_of(database).next_attempt_at == clock() + timedelta(seconds=700)


async def huge(request: web.Request, _heard: Heard) -> web.StreamResponse:
    response = web.StreamResponse(status=200)
    await response.prepare(request)
    try:
        for _ in range(4096):
            await response.write(b"x" * 65536)
    except ConnectionError:
        pass
    return response


async def redirect(_request: web.Request, heard: Heard) -> web.StreamResponse:
    return web.Response(status=307, headers={"Location": "/elsewhere"})


async def reset(request: web.Request, _heard: Heard) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def endless(_request: web.Request, _heard: Heard) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def drips(request: web.Request, _heard: Heard) -> web.StreamResponse:
    response = web.StreamResponse(status=500)
    await response.prepare(request)
    try:
        while True:
            await response.write(b".")
            await asyncio.sleep(0.05)
    except ConnectionError:
        return response


@pytest.mark.parametrize(
    ("answer", "ok", "said"),
    [
        (huge, True, None),
        (redirect, False, "redirects are not followed"),
        (reset, False, "broke off"),
        (endless, False, "no answer within"),
        (drips, False, "500"),
    ],
)
def test_a_receiver_that_misbehaves_costs_an_attempt_and_nothing_else(
    database, reached, clock, world, here, answer, ok, said
) -> None:
    reached.deliver_timeout = 0.4
    here.answer = answer
    made(database, reached, clock, f"{here.url}/hook")
    with receiver() as well:
        made(database, reached, clock, f"{well.url}/hook", id="sub-2")
        happen(database, reached, clock, HOMES[0])
        with sending(database, reached, clock):
            until(lambda: row_of(database, "sub-2").delivered == 1)
            [attempt] = until(lambda: deliveries(database))

    assert attempt.ok is ok
    assert said is None or said in attempt.error
    assert all(each.path == "/hook" for each in here.heard)
    assert len(attempt.answer or "") <= 500
    assert "127.0.0.1" not in (attempt.error or "")


def test_whatever_a_receiver_does_it_has_every_number_in_order_in_the_end(
    database, reached, clock, world, here
) -> None:
    chance = random.Random(7)

    async def moody(request: web.Request, heard: Heard) -> web.StreamResponse:
        mood = chance.random()
        if mood < 0.3:
            return web.Response(status=chance.choice([500, 404, 302, 429]))
        if mood < 0.4:
            return await reset(request, heard)
        here.taken.append(heard)  # type: ignore[attr-defined]
        if mood < 0.5:
            return await reset(request, heard)  # it was taken, and the answer was lost
        return web.Response(status=200)

    here.taken = []  # type: ignore[attr-defined]
    here.answer = moody
    for number in range(4):
        made(database, reached, clock, f"{here.url}/hook", id=f"sub-{number}")

    def advance() -> bool:
        rows = [row_of(database, f"sub-{number}") for number in range(4)]
        due = [row.next_attempt_at for row in rows if row.next_attempt_at is not None and row.claim is None]
        if due and min(due) > clock():
            clock.instant = min(due)
        for row in rows:  # ten bad answers in a row are no fault here
            assert row.state == "active"
        return all(row.delivered == row.number == 8 for row in rows)

    with sending(database, reached, clock):
        for turn in range(8):
            happen(database, reached, clock, HOMES[turn % 6], places=turn + 1)
            time.sleep(0.02)
        until(advance)

    for number in range(4):
        mine = [each for each in here.taken if each.data["subscription"] == f"sub-{number}"]  # type: ignore[attr-defined]
        reached_number = 0
        for each in mine:
            assert each.data["number"] <= reached_number + 1  # a repeat, or the next: never a gap
            reached_number = max(reached_number, each.data["through"])
        assert reached_number == 8


# -- what may be told ------------------------------------------------------------------------------------------------------------


def test_what_may_no_longer_be_seen_is_withheld_at_the_next_attempt(database, reached, clock, world, here) -> None:
    here.says(500)
    made(database, reached, clock, f"{here.url}/hook")
    happen(database, reached, clock, *HOMES[:2])
    with sending(database, reached, clock):
        until(lambda: row_of(database).attempt == 1)
        with database.write() as session:
            membership = session.exec(select(ConsortiumMember)).one()
            membership.valid_until = clock().date()
            session.add(membership)
        here.says(200)
        clock.move(days=1)  # the publisher hasn't noticed yet
        until(lambda: row_of(database).delivered == 1)

    assert [event["type"] for event in here.heard[0].data["events"]] == ["vacancy.published"] * 2
    last = verified(here.heard[-1])
    assert [set(event) for event in last["data"]["events"]] == [{"type", "position", "number"}] * 2
    assert [event["type"] for event in last["data"]["events"]] == ["withheld"] * 2
    assert here.heard[-1].headers["webhook-id"] == "msg_sub-1_1_1"


@pytest.mark.parametrize("lost", ["revoked", "expired", "scope"])
def test_without_a_good_key_nothing_is_sent(database, reached, clock, world, here, lost) -> None:
    made(database, reached, clock, f"{here.url}/hook")
    with database.write() as session:
        key = session.exec(select(ApiKey)).one()
        if lost == "revoked":
            key.revoked_at = clock()
        elif lost == "expired":
            key.expires_at = clock()
        else:
            key.scopes = ["list"]
        session.add(key)
    happen(database, reached, clock, HOMES[0])
    with sending(database, reached, clock):
        until(lambda: row_of(database).state == "error")

    assert here.heard == []
    assert "key" in row_of(database).reason


def test_a_key_that_was_rotated_is_succeeded_by_the_new_one(database, reached, clock, world, here) -> None:
    made(database, reached, clock, f"{here.url}/hook")
    with database.write() as session:
        old = session.exec(select(ApiKey.id)).one()
        _, new = keys.rotate(session, old, grace=timedelta(minutes=1), secret=b"s" * 40, now=clock())
        fresh = new.id
    clock.move(hours=1)
    happen(database, reached, clock, HOMES[0])
    with sending(database, reached, clock):
        until(lambda: row_of(database).delivered == 1)

    assert row_of(database).key_id == fresh


# -- its life --------------------------------------------------------------------------------------------------------------------


def test_a_handshake_comes_first_and_makes_it_active(database, reached, clock, world, here) -> None:
    with database.write() as session:
        row = subscribe(session, reached, "leeds", now=clock(), url=f"{here.url}/hook", state="requested")
        row.next_attempt_at = clock()
        session.add(row)
        session.add(Notice(subscription_id="sub-1", kind=HANDSHAKE, message="msg_hello", at=clock()))
    happen(database, reached, clock, HOMES[0])
    here.says(500)
    with sending(database, reached, clock):
        until(lambda: row_of(database).attempt == 1)
        here.says(200)
        clock.move(seconds=10)
        until(lambda: row_of(database).delivered == 1)

    assert [each.document["type"] for each in here.heard] == [
        "subscription.handshake", "subscription.handshake", "subscription.events",
    ]  # fmt: skip
    assert here.heard[0].headers["webhook-id"] == here.heard[1].headers["webhook-id"] == "msg_hello"
    assert verified(here.heard[1])["data"] == {"subscription": "sub-1", "number": 1, "challenge": "msg_hello"}
    assert row_of(database).state == "active"


def test_a_handshake_that_fails_for_good_stops_it(database, reached, clock, world, here) -> None:
    with database.write() as session:
        row = subscribe(session, reached, "leeds", now=clock(), url=f"{here.url}/hook", state="requested")
        row.next_attempt_at = clock()
        session.add(row)
        session.add(Notice(subscription_id="sub-1", kind=HANDSHAKE, message="msg_hello", at=clock()))
    here.says(404)
    with sending(database, reached, clock):
        until(lambda: [row := row_of(database), setattr(clock, "instant", row.next_attempt_at or clock())] and row.state == "error")  # fmt: skip

    assert len(here.heard) == 3


def test_a_test_is_tried_once_and_delays_nothing(database, reached, clock, world, here) -> None:
    here.says(500)
    made(database, reached, clock, f"{here.url}/hook")
    happen(database, reached, clock, HOMES[0])
    with sending(database, reached, clock):
        until(lambda: row_of(database).attempt == 1)
        with database.write() as session:
            row = session.get_one(Subscription, "sub-1")
            row.next_attempt_at = clock()
            session.add(row)
            session.add(Notice(subscription_id="sub-1", kind=TEST, message="msg_test", at=clock()))
            tell(session, "subscription")
        until(lambda: len(deliveries(database)) == 2)

    row = row_of(database)
    assert (row.state, row.attempt) == ("active", 1)
    assert row.next_attempt_at > clock()
    assert deliveries(database)[-1].kind == TEST
    assert [notice.state for notice in notices(database)] == ["waiting", "expired"]


def test_heartbeats_come_when_nothing_else_was_heard(database, reached, clock, world, here) -> None:
    made(database, reached, clock, f"{here.url}/hook", heartbeat=600)
    with sending(database, reached, clock):
        happen(database, reached, clock, HOMES[0])
        until(lambda: row_of(database).delivered == 1)
        assert row_of(database).next_attempt_at == clock() + timedelta(seconds=600)
        clock.move(seconds=590)  # nothing for a long time, and then something
        happen(database, reached, clock, HOMES[1])
        until(lambda: row_of(database).delivered == 2)
        clock.move(seconds=601)
        until(lambda: len(here.heard) == 3)
        until(lambda: row_of(database).next_attempt_at == clock() + timedelta(seconds=600))

    document = verified(here.heard[-1])
    assert document["type"] == "subscription.heartbeat"
    assert document["data"] == {"subscription": "sub-1", "number": 2}
    assert [each.kind for each in deliveries(database)] == ["events", "events", "heartbeat"]


def test_both_secrets_sign_until_the_old_one_ends(database, reached, clock, world, here) -> None:
    new = webhook_secrets.new_secret()
    made(database, reached, clock, f"{here.url}/hook")
    with database.write() as session:
        row = session.get_one(Subscription, "sub-1")
        both = [
            webhook_secrets.Secret(new),
            webhook_secrets.Secret(SECRET, clock() + timedelta(hours=1)),
        ]
        webhook_secrets.keep(row, both, secret=secret_of(reached))
        session.add(row)
    with sending(database, reached, clock):
        happen(database, reached, clock, HOMES[0])
        until(lambda: row_of(database).delivered == 1)
        clock.move(hours=2)
        happen(database, reached, clock, HOMES[1])
        until(lambda: row_of(database).delivered == 2)

    assert verified(here.heard[0], new) == verified(here.heard[0], SECRET)
    assert verified(here.heard[1], new)
    with pytest.raises(WebhookVerificationError):
        verified(here.heard[1], SECRET)


def test_a_secret_that_cannot_be_opened_stops_only_its_subscription(database, reached, clock, world, here) -> None:
    made(database, reached, clock, f"{here.url}/hook")
    made(database, reached, clock, f"{here.url}/hook", id="sub-2")
    with database.write() as session:
        row = session.get_one(Subscription, "sub-1")
        row.secrets = seal(b"another" * 8, "[]", about="subscription/sub-1")
        session.add(row)
    happen(database, reached, clock, HOMES[0])
    with sending(database, reached, clock):
        until(lambda: row_of(database, "sub-2").delivered == 1)
        until(lambda: row_of(database).state == "error")

    assert "secret" in row_of(database).reason


def test_a_row_that_nobody_foresaw_holds_up_no_other(database, reached, clock, world, here) -> None:
    for name in ("sub-1", "sub-2"):
        made(database, reached, clock, f"{here.url}/hook", id=name)
    happen(database, reached, clock, HOMES[0])
    with database.write() as session:
        row = session.get_one(Subscription, "sub-1")
        row.document = {"channel": "webhook"}
        session.add(row)
    with sending(database, reached, clock):
        until(lambda: row_of(database, "sub-2").delivered == 1)
        until(lambda: row_of(database).next_attempt_at > clock())

    assert row_of(database).state == "active"


def test_one_that_is_deleted_or_paused_while_it_is_sent_to(database, reached, clock, world, here) -> None:
    async def slow(_request: web.Request, _heard: Heard) -> web.StreamResponse:
        await asyncio.sleep(0.3)
        return web.Response()

    here.answer = slow
    for name in ("sub-1", "sub-2"):
        made(database, reached, clock, f"{here.url}/hook", id=name)
    happen(database, reached, clock, HOMES[0])
    with sending(database, reached, clock):
        until(lambda: len(here.heard) == 2)
        with database.write() as session:
            session.execute(sa.delete(Subscription).where(col(Subscription.id) == "sub-1"))
            row = session.get_one(Subscription, "sub-2")
            row.state, row.next_attempt_at = "paused", None
            session.add(row)
        until(lambda: row_of(database, "sub-2").delivered == 1)

    assert deliveries(database) == []
    assert (row_of(database, "sub-2").state, row_of(database, "sub-2").next_attempt_at) == ("paused", None)


def test_an_email_is_of_all_that_waits_and_goes_by_its_timetable(database, reached, clock, world, monkeypatch) -> None:
    jobs: list[Job] = []

    async def send(job: Job, _outside: Outside) -> Outcome:
        jobs.append(job)
        return Outcome(ok=len(jobs) > 1, status=250 if len(jobs) > 1 else 450)

    monkeypatch.setattr("placefeed.service.channels.subscriptions.sending.digest.send", send)
    with database.write() as session:
        subscribe(session, reached, "leeds", now=clock(), email="duty@leeds.example", schedule={"every": "hourly"})
    for turn in range(3):
        happen(database, reached, clock, HOMES[turn])
    assert row_of(database).next_attempt_at == datetime(2026, 7, 1, 15, tzinfo=UTC)
    with sending(database, reached, clock):
        clock.instant = row_of(database).next_attempt_at
        until(lambda: row_of(database).attempt == 1)
        assert row_of(database).next_attempt_at < clock() + timedelta(seconds=6)
        clock.move(seconds=6)
        until(lambda: row_of(database).delivered == 3)

    assert [(job.first, job.last, job.attempt, job.message) for job in jobs] == [
        (1, 3, 1, "msg_sub-1_1_1"), (1, 3, 2, "msg_sub-1_1_1"),
    ]  # fmt: skip
    assert jobs[0].subscription.organisation_id == "leeds"
    assert [notice.state for notice in notices(database)] == ["sent"] * 3
    happen(database, reached, clock, HOMES[3])
    assert row_of(database).next_attempt_at == datetime(2026, 7, 1, 16, tzinfo=UTC)


def test_a_mail_server_is_asked_for_few_connections_at_a_time() -> None:
    lanes = Lanes(64)
    assert sum(lanes.take("mail") for _ in range(64)) == 8
    assert len(lanes.open()) == 1


# -- several senders, and when one dies --------------------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.parametrize("settings", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_two_senders_share_and_never_double(database, reached, clock, world, here) -> None:
    for number in range(40):
        made(database, reached, clock, f"{here.url}/hook", id=f"sub-{number}")
    second = Database(reached)
    try:
        with sending(database, reached, clock), sending(second, reached, clock):
            for turn in range(4):
                happen(database, reached, clock, HOMES[turn])
            until(lambda: all(row_of(database, f"sub-{number}").delivered == 4 for number in range(40)))
    finally:
        second.close()

    for number in range(40):
        spans = [(each.data["number"], each.data["through"]) for each in here.heard if each.data["subscription"] == f"sub-{number}"]  # fmt: skip
        assert spans[0][0] == 1
        assert spans[-1][1] == 4
        assert all(after[0] == before[1] + 1 for before, after in pairwise(spans))


CHILD = """
import os, sys, time
from datetime import datetime, timedelta, UTC
from placefeed.service.channels.subscriptions.sending import Sender
from placefeed.service.config import Settings
from placefeed.service.db import Database

settings = Settings.model_validate_json(os.environ["SETTINGS"])
now = datetime.fromisoformat(sys.argv[1])
Sender(Database(settings), settings, lambda: now, look_again=0.02).start()
time.sleep(60)
"""


def child(settings: Settings, clock: MovableClock) -> subprocess.Popen[str]:
    told = {**settings.model_dump(mode="json", exclude={"secret"}), "secret": "s" * 40}
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), clock().isoformat()],
        env={**os.environ, "SETTINGS": orjson.dumps(told).decode()},
        cwd=ROOT,
        text=True,
    )


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_another_takes_over_from_a_sender_that_dies_or_freezes(database, reached, clock, world, here, fault) -> None:
    async def stalls(_request: web.Request, _heard: Heard) -> web.StreamResponse:
        if len(here.heard) == 1:
            await asyncio.sleep(2)
        return web.Response()

    here.answer = stalls
    made(database, reached, clock, f"{here.url}/hook")
    happen(database, reached, clock, HOMES[0])
    process = child(reached, clock)
    try:
        until(lambda: len(here.heard) == 1)  # sent, and no answer yet
        process.send_signal(fault)
        with sending(database, reached, clock):
            time.sleep(0.1)
            assert len(here.heard) == 1  # the claim holds until its lease ends
            clock.move(seconds=60)
            until(lambda: row_of(database).delivered == 1)
            happen(database, reached, clock, HOMES[1])
            until(lambda: row_of(database).delivered == 2)
            row = row_of(database)
            if fault == signal.SIGSTOP:
                process.send_signal(signal.SIGCONT)  # it finds that its claim is gone
                until(lambda: len(deliveries(database)) == 3)
                after = row_of(database)
                assert (after.delivered, after.attempt, after.next_attempt_at) == (2, 0, row.next_attempt_at)
    finally:
        process.kill()
        process.wait()

    first, again, second = here.heard[:3]
    assert first.headers["webhook-id"] == again.headers["webhook-id"] == "msg_sub-1_1_1"
    assert first.body == again.body
    assert second.data["number"] == 2
    assert [notice.state for notice in notices(database)] == ["sent", "sent"]


def test_a_sender_that_stops_gives_back_what_does_not_end_in_time(database, reached, clock, world, here) -> None:
    here.answer = endless
    made(database, reached, clock, f"{here.url}/hook")
    happen(database, reached, clock, HOMES[0])
    sender = Sender(database, reached, clock, look_again=0.02)
    sender.start()
    until(lambda: len(here.heard) == 1)
    began = time.monotonic()
    sender.stop(0.2)
    assert time.monotonic() - began < 5

    row = row_of(database)
    assert (row.claim, row.lease_until, row.delivered, row.attempt) == (None, None, 0, 0)
    assert row.next_attempt_at <= clock()


def test_a_lost_database_costs_a_repeat_at_most(database, reached, clock, world, here, monkeypatch) -> None:
    monkeypatch.setattr("placefeed.service.channels.subscriptions.sending.PAUSE_AFTER_ERROR", 0.05)
    made(database, reached, clock, f"{here.url}/hook")
    happen(database, reached, clock, HOMES[0])
    sender = Sender(database, reached, clock, look_again=0.02)
    real, failures = sender._transact, []

    def faulty(results: Any, room: int, lanes: Lanes) -> Any:
        if results and len(failures) < 2:
            failures.append(results)
            raise OSError("the database is away")
        return real(results, room, lanes)

    monkeypatch.setattr(sender, "_transact", faulty)
    sender.start()
    try:
        until(lambda: row_of(database).delivered == 1)
    finally:
        sender.stop()

    assert len(failures) == 2
    assert len(here.heard) == 1
