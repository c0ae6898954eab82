"""Subscriptions through the public door: made, proved, changed, stopped; asked about; and never anybody else's."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlmodel import col, select
from starlette.testclient import TestClient
from tests.service.api.exchange import BASE, OURS, World, feed_of, peopled, sqlite_settings

from placefeed.schema.files import explaining_validator, schema
from placefeed.service.access import keys, organisations
from placefeed.service.app import create_app
from placefeed.service.channels import parameters
from placefeed.service.channels.news import TOPICS
from placefeed.service.channels.subscriptions import confirming, life, webhook_secrets
from placefeed.service.channels.subscriptions.matching import Matcher
from placefeed.service.config import Settings
from placefeed.service.db import secret_of
from placefeed.service.publishing.log import head
from placefeed.service.publishing.restore import after_restore
from placefeed.service.tables import Alert, Audit, Delivery, JobRun, Notice, Subscription

PATH = "/v1/subscriptions"
URL = "https://93.184.215.14/placefeed?token=hush"  # a public address, so that no name server is asked
WEBHOOK = {"channel": "webhook", "url": URL}
EMAIL = {"channel": "email", "email": "team@member.example"}


@contextmanager
def opened(settings: Settings, clock: Any, **changes: Any) -> Iterator[World]:
    chosen = settings.model_copy(update={"base_url": BASE, **changes})
    app = create_app(chosen, clock=clock)
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as client:
        yield peopled(World(client, app, chosen, clock))


@pytest.fixture
def one_world(sqlite_template: Path, tmp_path: Path, clock: Any) -> Iterator[World]:
    """A peopled exchange on SQLite alone, for what has nothing to do with the database."""
    with opened(sqlite_settings(tmp_path, sqlite_template), clock) as world:
        yield world


@pytest.fixture
def mailing(sqlite_template: Path, tmp_path: Path, clock: Any) -> Iterator[World]:
    """The same with a mail server, which nobody asks here."""
    with opened(sqlite_settings(tmp_path, sqlite_template), clock, smtp_url=SecretStr("smtp://127.0.0.1:1")) as world:
        yield world


def made(world: World, role: str = "member", **changes: Any) -> dict[str, Any]:
    """A webhook that was just asked for."""
    answer = world.call(role, "POST", PATH, json={**WEBHOOK, **changes})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def set_state(world: World, subscription: str, state: str, **values: Any) -> None:
    """As the sender would leave it."""
    with world.database.write() as session:
        session.execute(
            sa.update(Subscription).where(col(Subscription.id) == subscription).values(state=state, **values)
        )
        session.execute(
            sa.update(Notice)
            .where(col(Notice.subscription_id) == subscription, col(Notice.kind) == "handshake")
            .values(state="sent")
        )


def active(world: World, role: str = "member", **changes: Any) -> str:
    """A webhook that has taken its handshake."""
    subscription = str(made(world, role, **changes)["id"])
    set_state(world, subscription, "active", next_attempt_at=None)
    return subscription


def numbered(world: World, subscription: str, *stretches: tuple[int, int], state: str = "sent") -> None:
    """Notices as the matcher and the sender leave them."""
    with world.database.write() as session:
        row = session.get(Subscription, subscription)
        assert row is not None
        for after, upto in stretches:
            row.number += 1
            row.events += 1
            session.add(
                Notice(
                    subscription_id=subscription, kind="events", number=row.number, after=after, upto=upto,
                    message=f"msg_{subscription}_1_{row.number}", at=world.clock(), state=state, body=b"frozen",
                )
            )  # fmt: skip
        session.add(row)


def row_of(world: World, subscription: str) -> Subscription:
    with world.database.read() as session:
        row = session.get(Subscription, subscription)
        assert row is not None
        return row


def faults(answer: Any) -> dict[str, str]:
    """Pointer -> rule of a refusal."""
    return {error["pointer"]: error.get("rule", "") for error in answer.json()["errors"]}


# -- made --------------------------------------------------------------------------------------------------------------


def test_a_webhook_is_requested_and_its_secret_is_shown_once(world: World) -> None:
    answer = world.call("member", "POST", PATH, json={**WEBHOOK, "title": "New near us", "filter": {"age": 14}})

    document = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"].endswith(f"{PATH}/{document['id']}")
    assert answer.headers["etag"]
    assert answer.headers["cache-control"] == "private, no-store"
    assert document["state"] == "requested"
    assert document["secret"].startswith("whsec_")
    assert list(explaining_validator("subscription").iter_errors(document)) == []
    read = world.call("member", "GET", f"{PATH}/{document['id']}").json()
    assert read == {name: value for name, value in document.items() if name != "secret"}
    assert world.call("member", "GET", PATH).json() == {"items": [read]}
    row = row_of(world, document["id"])
    assert row.next_attempt_at == world.clock()
    with world.database.read() as session:
        assert session.exec(select(Notice.kind).where(Notice.subscription_id == row.id)).all() == ["handshake"]


def test_nothing_of_a_secret_is_shown_again_or_written_down(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    document = made(world)
    rotated = world.call("member", "POST", f"{PATH}/{document['id']}/rotate-secret").json()

    said = " ".join(
        world.call("member", "GET", f"{PATH}/{document['id']}{part}").text
        for part in ("", "/status", "/events", "/deliveries")
    )
    said += world.call("member", "GET", PATH).text + world.call("operator", "GET", "/v1/audit").text
    with world.database.read() as session:
        said += " ".join(str(each.detail) + each.subject for each in session.exec(select(Audit)).all())
    out = capfd.readouterr()
    for secret in (document["secret"], rotated["secret"]):
        assert secret not in said
        assert secret not in out.out + out.err
        assert secret.encode() not in (row_of(world, document["id"]).secrets or b"")
    assert "hush" not in world.call("operator", "GET", "/v1/audit").text  # nor what stands in the address


def test_a_replaced_secret_signs_along_for_a_day(one_world: World) -> None:
    world = one_world
    first = made(world)
    second = world.call("member", "POST", f"{PATH}/{first['id']}/rotate-secret").json()["secret"]

    def good(at: datetime) -> list[str]:
        row, secret = row_of(world, first["id"]), secret_of(world.settings)
        return [each.text for each in webhook_secrets.secrets_of(row, secret=secret, now=at)]

    assert good(world.clock()) == [second, first["secret"]]
    assert good(world.clock() + timedelta(hours=24)) == [second]


def test_a_retry_with_the_same_key_makes_nothing_anew(world: World) -> None:
    sent = {"content": orjson.dumps(WEBHOOK), "headers": {"Content-Type": "application/json", "Idempotency-Key": "a"}}
    first = world.call("member", "POST", PATH, **sent)
    again = world.call("member", "POST", PATH, **sent)

    assert (again.status_code, again.json()) == (201, first.json())
    assert len(world.call("member", "GET", PATH).json()["items"]) == 1
    other = world.call("member", "POST", PATH, json={**WEBHOOK, "title": "x"}, headers={"Idempotency-Key": "a"})
    assert (other.status_code, other.json()["errors"][0]["rule"]) == (422, "idempotency-key-reused")
    world.call("member", "POST", f"{PATH}/{first.json()['id']}/rotate-secret")
    assert "secret" not in world.call("member", "POST", PATH, **sent).json()


BAD: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("member", {"events": ["capacity.changed"]}, {"/events/0": "topic-unsupported"}),
    ("member", {"events": ["vacancy.published", "vacancy.eaten"]}, {"/events/1": "topic-unsupported"}),
    ("member", {"events": []}, {"/events": "topic-unsupported"}),
    ("member", {"events": ["vacancy.confirmed"]}, {"/events/0": "topic-unsupported"}),
    ("provider", {"events": ["vacancy.published"]}, {"/events/0": "topic-unsupported"}),
    ("provider", {"filter": {"age": 14}}, {"/filter": "filter-unsupported"}),
    ("provider", {"content": "full"}, {"/content": "content-unsupported"}),
    ("provider", {"includeAttestations": True}, {"/includeAttestations": "content-unsupported"}),
    ("member", {"filter": {"age": 99}}, {"/filter/age": "filter-unsupported"}),
    ("member", {"filter": {"provisionType": ["no-such"]}}, {"/filter/provisionType": "filter-unsupported"}),
    ("member", {"filter": {"ages": 14}}, {"/filter/ages": "schema-unknown-property"}),
    ("member", {"filter": {"la": ["Lewisham"] * 501}}, {"/filter/la": "schema-max-items"}),
    ("member", {"email": "a@b.example"}, {"/email": "channel-unsupported"}),
    ("member", {"schedule": {"every": "hourly"}}, {"/schedule": "channel-unsupported"}),
    ("member", {"channel": "pigeon"}, {"": "schema-required", "/channel": "schema-enum"}),
    ("member", {"content": "everything"}, {"/content": "schema-enum"}),
    ("member", {"heartbeat": 5}, {"/heartbeat": "schema-minimum"}),
    ("member", {"colour": "red"}, {"/colour": "schema-unknown-property"}),
    ("member", {"title": "NHS 943 476 5919"}, {"/title": "personal-nhs-number"}),
]


def test_what_cannot_be_served_is_refused_where_it_stands(one_world: World) -> None:
    for role, changes, expected in BAD:
        answer = one_world.call(role, "POST", PATH, json={**WEBHOOK, **changes})

        assert (answer.status_code, faults(answer)) == (422, expected), changes
        assert one_world.call(role, "GET", PATH).json() == {"items": []}


def test_a_refused_topic_names_those_that_are_allowed_and_why(one_world: World) -> None:
    answer = one_world.call("member", "POST", PATH, json={**WEBHOOK, "events": ["capacity.changed"]})

    (error,) = answer.json()["errors"]
    assert "children's moves" in error["detail"]
    assert all(type in error["detail"] for type in TOPICS["member"])


CLOSED = [
    ("http://93.184.215.14/x", "https-only"),
    ("https://93.184.215.14:8443/x", "port"),
    ("https://127.0.0.1/x", "loopback-address"),
    ("https://[::1]/x", "loopback-address"),
    ("https://[::ffff:127.0.0.1]/x", "loopback-address"),
    ("https://10.1.2.3/x", "private-address"),
    ("https://169.254.169.254/latest", "metadata-address"),
    ("https://[64:ff9b::7f00:1]/x", "loopback-address"),
    ("https://[2002:7f00:1::]/x", "loopback-address"),
    ("https://2130706433/x", "url"),
    ("https://0x7f.1/x", "url"),
    ("https://localhost/x", "loopback-address"),
    ("https://me:secret@93.184.215.14/x", "url-credentials"),
]


def test_an_address_that_may_not_be_reached_is_refused_with_the_rule(one_world: World) -> None:
    for url, rule in CLOSED:
        answer = one_world.call("member", "POST", PATH, json={**WEBHOOK, "url": url})

        assert (answer.status_code, faults(answer)) == (422, {"/url": rule}), url
        assert f"(rule {rule})" in answer.json()["detail"]


def test_bodies_that_are_none(one_world: World) -> None:
    def send(content: bytes, kind: str = "application/json") -> int:
        return one_world.call("member", "POST", PATH, content=content, headers={"Content-Type": kind}).status_code

    assert send(b"{") == 400
    assert send(b"[]") == 422
    assert send(b"{}", "text/plain") == 415
    assert send(orjson.dumps({**WEBHOOK, "extensions": {"https://a.example": "x" * 70_000}})) == 413


def test_ten_thousand_creations_by_one_key_stop_at_the_quota_and_at_the_rate(
    make_app: Callable[..., World],
) -> None:
    world = peopled(make_app(subscriptions_per_organisation=3, rate_per_minute=40))
    answered = [world.call("member", "POST", PATH, json=WEBHOOK) for _ in range(60)]

    statuses = [answer.status_code for answer in answered]
    assert statuses[:4] == [201, 201, 201, 409]
    assert "may have 3" in answered[3].json()["detail"]
    assert statuses[-1] == 429
    assert answered[-1].headers["retry-after"]
    assert set(statuses) == {201, 409, 429}
    with world.database.read() as session:
        assert session.execute(sa.select(sa.func.count()).select_from(Subscription)).scalar_one() == 3


def test_requests_at_the_same_time_do_not_pass_the_quota(make_app: Callable[..., World]) -> None:
    world = peopled(make_app(subscriptions_per_organisation=3))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: world.call("member", "POST", PATH, json=WEBHOOK).status_code, range(6)))

    assert sorted(answers) == [201, 201, 201, 409, 409, 409]


def test_paused_and_stopped_ones_count(make_app: Callable[..., World]) -> None:
    world = peopled(make_app(subscriptions_per_organisation=2))
    set_state(world, made(world)["id"], "paused")
    set_state(world, made(world)["id"], "error")

    assert world.call("member", "POST", PATH, json=WEBHOOK).status_code == 409
    assert world.call("provider", "POST", PATH, json=WEBHOOK).status_code == 201  # each organisation its own


# -- whose -------------------------------------------------------------------------------------------------------------

ROUTES: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "", {}),
    ("PUT", "", {"json": WEBHOOK, "headers": {"If-Match": "*"}}),
    ("DELETE", "", {}),
    ("POST", "/pause", {}),
    ("POST", "/resume", {}),
    ("POST", "/rotate-secret", {}),
    ("POST", "/test", {}),
    ("POST", "/confirm", {"json": {"code": "AAAA-AAAA"}}),
    ("POST", "/resend", {"json": {"from": 1}}),
    ("GET", "/status", {}),
    ("GET", "/events", {}),
    ("GET", "/deliveries", {}),
]


def test_another_members_subscription_is_as_if_there_were_none(world: World) -> None:
    subscription = active(world)
    with world.database.write() as session:
        now, secret = world.clock(), secret_of(world.settings)
        organisations.create_organisation(session, "hackney", kind="member", name="Hackney", now=now)
        # Another member, and the same organisation in another role.
        for name, organisation, role in (("other", "hackney", "member"), ("turned", "lewisham", "provider")):
            world.keys[name], _ = keys.issue(session, organisation_id=organisation, role=role, secret=secret, now=now)

    for who in ("other", "turned", "provider", "operator"):
        assert world.call(who, "GET", PATH).json() == {"items": []}
        for method, part, options in ROUTES:
            theirs = world.call(who, method, f"{PATH}/{subscription}{part}", **options)
            none = world.call(who, method, f"{PATH}/nothing{part}", **options)
            assert theirs.status_code == none.status_code == 404, (who, method, part)
            assert theirs.json()["detail"] == none.json()["detail"]
    assert world.call("member", "GET", f"{PATH}/{subscription}").json()["state"] == "active"


def test_another_key_of_the_same_organisation_may_manage_it(one_world: World) -> None:
    world = one_world
    subscription = active(world)
    with world.database.write() as session:
        text, key = keys.issue(
            session, organisation_id="lewisham", role="member", secret=secret_of(world.settings), now=world.clock()
        )
    world.keys["colleague"] = text

    world.call("colleague", "POST", f"{PATH}/{subscription}/pause")
    answer = world.call("colleague", "POST", f"{PATH}/{subscription}/resume")

    assert answer.json()["state"] == "active"
    assert row_of(world, subscription).key_id == key.id  # it no longer stands and falls with the key that made it


# -- changed -----------------------------------------------------------------------------------------------------------


def test_a_change_says_which_version_it_changes(world: World) -> None:
    subscription = active(world)
    path = f"{PATH}/{subscription}"
    etag = world.call("member", "GET", path).headers["etag"]
    wanted = {**WEBHOOK, "filter": {"la": "Lewisham"}, "id": "someone-else", "state": "paused"}

    assert world.call("member", "PUT", path, json=wanted).status_code == 428
    changed = world.call("member", "PUT", path, json=wanted, headers={"If-Match": etag})
    assert changed.status_code == 200
    assert changed.json()["filter"] == {"la": "Lewisham"}
    assert (changed.json()["id"], changed.json()["state"]) == (
        subscription,
        "active",
    )  # what is read-only is passed over
    assert world.call("member", "PUT", path, json=wanted, headers={"If-Match": etag}).status_code == 412


def test_a_state_that_moves_by_itself_makes_no_version_stale(one_world: World) -> None:
    world = one_world
    answer = world.call("member", "POST", PATH, json=WEBHOOK)
    path = f"{PATH}/{answer.json()['id']}"
    set_state(world, answer.json()["id"], "active")

    assert world.call("member", "GET", path).headers["etag"] != answer.headers["etag"]
    changed = world.call("member", "PUT", path, json=WEBHOOK, headers={"If-Match": answer.headers["etag"]})
    assert changed.status_code == 200


def test_another_address_proves_itself_again(world: World) -> None:
    subscription = active(world)
    set_state(world, subscription, "active", claim="x", lease_until=world.clock(), attempt=3)
    numbered(world, subscription, (0, 1), state="waiting")

    answer = world.call(
        "member", "PUT", f"{PATH}/{subscription}", json={**WEBHOOK, "url": "https://93.184.215.14/elsewhere"},
        headers={"If-Match": "*"},
    )  # fmt: skip

    assert answer.json()["state"] == "requested"
    row = row_of(world, subscription)
    assert (row.attempt, row.claim, row.next_attempt_at) == (0, None, world.clock())
    with world.database.read() as session:
        waiting = session.exec(
            select(Notice.kind).where(Notice.subscription_id == subscription, Notice.state == "waiting")
        ).all()
    assert sorted(waiting) == ["events", "handshake"]


def test_a_change_is_judged_like_a_creation(one_world: World) -> None:
    world = one_world
    path = f"{PATH}/{active(world)}"

    def put(**changes: Any) -> Any:
        return world.call("member", "PUT", path, json={**WEBHOOK, **changes}, headers={"If-Match": "*"})

    assert faults(put(url="https://127.0.0.1/")) == {"/url": "loopback-address"}
    assert faults(put(events=["capacity.changed"])) == {"/events/0": "topic-unsupported"}
    email = world.call("member", "PUT", path, json=EMAIL, headers={"If-Match": "*"})
    assert (email.status_code, list(faults(email))) == (422, ["/channel"])


def test_pause_and_resume(one_world: World) -> None:
    world = one_world
    subscription = active(world)
    numbered(world, subscription, (0, 1), state="waiting")
    path = f"{PATH}/{subscription}"

    assert world.call("member", "POST", f"{path}/pause").json()["state"] == "paused"
    assert world.call("member", "POST", f"{path}/pause").json()["state"] == "paused"
    assert row_of(world, subscription).next_attempt_at is None
    assert world.call("member", "POST", f"{path}/test").status_code == 409
    assert world.call("member", "POST", f"{path}/resume").json()["state"] == "active"
    assert row_of(world, subscription).next_attempt_at == world.clock()
    assert world.call("member", "POST", f"{path}/resume").json()["state"] == "active"


def test_only_its_owner_leads_it_out_of_error_by_a_new_handshake(world: World) -> None:
    subscription = active(world)
    path = f"{PATH}/{subscription}"
    numbered(world, subscription, (0, 1), state="waiting")
    with world.database.write() as session:
        row = session.get(Subscription, subscription)
        assert row is not None
        life.fail(session, row, "The receiver answered 410.", world.clock())

    stopped = world.call("member", "GET", path).json()
    assert (stopped["state"], stopped["error"]) == ("error", "The receiver answered 410.")
    assert list(explaining_validator("subscription").iter_errors(stopped)) == []
    assert world.call("member", "GET", f"{path}/status").json()["error"] == "The receiver answered 410."
    (alert,) = world.call("operator", "GET", "/v1/alerts").json()["items"]
    assert (alert["kind"], alert["organisation"]) == ("subscription-stopped", "lewisham")
    assert world.call("member", "POST", f"{path}/pause").status_code == 409
    changed = world.call("member", "PUT", path, json={**WEBHOOK, "title": "x"}, headers={"If-Match": "*"})
    assert changed.json()["state"] == "error"

    resumed = world.call("member", "POST", f"{path}/resume").json()

    assert (resumed["state"], resumed.get("error")) == ("requested", None)
    assert row_of(world, subscription).next_attempt_at == world.clock()
    assert world.call("operator", "GET", "/v1/alerts").json()["items"] == []
    status = world.call("member", "GET", f"{path}/status").json()
    assert (status["number"], status["waiting"]) == (1, 1)  # what waits is kept


def test_after_a_backup_was_put_back_the_gap_is_a_number_that_expired(world: World) -> None:
    subscription = active(world)
    path = f"{PATH}/{subscription}"
    numbered(world, subscription, (0, 1))
    numbered(world, subscription, (1, 2), state="waiting")
    with world.database.write() as session:
        after_restore(session, now=world.clock())
    set_state(world, subscription, "paused")
    assert world.call("member", "POST", f"{path}/resume").status_code == 409  # the matcher has not seen it yet
    Matcher(world.database, world.clock).step()
    assert "restored" in world.call("member", "GET", path).json()["error"]

    assert world.call("member", "POST", f"{path}/resume").json()["state"] == "requested"

    status = world.call("member", "GET", f"{path}/status").json()
    assert (status["epoch"], status["waiting"]) == (2, 0)
    assert status["gap"] == {"from": 2, "until": status["number"]}
    items = world.call("member", "GET", f"{path}/events?from=2").json()["items"]
    assert [(item["number"], item["state"], item["events"]) for item in items] == [
        (2, "expired", []),
        (status["number"], "expired", []),
    ]


def test_a_deleted_one_is_gone_with_all_that_was_kept(world: World) -> None:
    subscription = active(world)
    numbered(world, subscription, (0, 1))

    assert world.call("member", "DELETE", f"{PATH}/{subscription}").status_code == 204

    assert world.call("member", "GET", f"{PATH}/{subscription}").status_code == 404
    with world.database.read() as session:
        assert session.exec(select(Notice)).all() == []
    actions = [row["action"] for row in world.call("operator", "GET", "/v1/audit?limit=1000").json()["items"]]
    assert [each for each in actions if each.startswith("subscription.")] == [
        "subscription.create",
        "subscription.delete",
    ]


def test_a_heartbeat_that_is_asked_for_later_begins_to_beat(one_world: World) -> None:
    world = one_world
    subscription = active(world)
    assert row_of(world, subscription).next_attempt_at is None

    beating = {**WEBHOOK, "heartbeat": 60}
    world.call("member", "PUT", f"{PATH}/{subscription}", json=beating, headers={"If-Match": "*"})

    assert row_of(world, subscription).next_attempt_at == world.clock()


def test_a_test_is_sent_one_at_a_time(one_world: World) -> None:
    world = one_world
    subscription = active(world)

    answer = world.call("member", "POST", f"{PATH}/{subscription}/test")

    assert answer.status_code == 202
    with world.database.read() as session:
        notice = session.exec(select(Notice).where(Notice.kind == "test")).one()
    assert (notice.message, notice.number) == (answer.json()["message"], None)
    assert row_of(world, subscription).next_attempt_at == world.clock()
    assert world.call("member", "POST", f"{PATH}/{subscription}/test").status_code == 409


# -- asked about -------------------------------------------------------------------------------------------------------


def test_status_events_and_having_them_again(world: World) -> None:
    subscription = active(world)
    world.push("provider", feed_of(OURS))
    world.publish()
    with world.database.read() as session:
        newest = head(session).position
    start = row_of(world, subscription).start
    numbered(world, subscription, (start, newest))
    path = f"{PATH}/{subscription}"

    (item,) = world.call("member", "GET", f"{path}/events?from=1&until=1").json()["items"]
    assert (item["number"], item["state"]) == (1, "sent")
    kinds = {event["type"] for event in item["events"]}
    assert "vacancy.published" in kinds
    assert "capacity.changed" not in kinds
    for event in item["events"]:
        assert list(explaining_validator("event").iter_errors(event)) == []
        assert event["number"] == 1
        assert "listing" not in event
    status = world.call("member", "GET", f"{path}/status").json()
    assert status == {
        "id": subscription, "state": "active", "number": 1, "delivered": 0, "waiting": 0, "epoch": 1,
        "eventsSinceSubscriptionStart": 1, "position": start, "behind": newest - start,
    }  # fmt: skip

    again = world.call("member", "POST", f"{path}/resend", json={"from": 1, "until": 1})
    assert (again.status_code, again.json()) == (202, {"waiting": 1, "missing": 0})
    with world.database.read() as session:
        notice = session.exec(select(Notice).where(Notice.number == 1)).one()
    assert (notice.state, notice.body, notice.message) == ("waiting", None, f"msg_{subscription}_1_1")
    assert world.call("member", "GET", f"{path}/status").json()["waiting"] == 1


def test_who_lost_sight_reads_that_something_is_withheld(world: World) -> None:
    subscription = active(world, content="full")
    start = row_of(world, subscription).start
    world.push("provider", feed_of(OURS))
    world.publish()
    with world.database.read() as session:
        newest = head(session).position
    numbered(world, subscription, (start, newest))
    path = f"{PATH}/{subscription}/events"
    (before,) = world.call("member", "GET", path).json()["items"]
    assert any("listing" in event for event in before["events"])

    south = world.call("operator", "GET", "/v1/consortia/south").json()
    membership = f"/v1/consortia/south/members/{south['members'][0]['id']}"
    world.call("operator", "PATCH", membership, json={"until": world.clock().date().isoformat()})
    world.clock.move(days=1)

    (after,) = world.call("member", "GET", path).json()["items"]
    assert [event["type"] for event in after["events"]] == ["withheld"] * len(before["events"])
    assert all(set(event) == {"type", "position", "number"} for event in after["events"])


def test_numbers_that_were_never_given(one_world: World) -> None:
    world = one_world
    path = f"{PATH}/{active(world)}"
    assert world.call("member", "GET", f"{path}/events").json() == {"items": []}
    assert world.call("member", "POST", f"{path}/resend", json={"from": 1}).status_code == 422
    numbered(world, path.rpartition("/")[2], (0, 1), (1, 2))

    assert world.call("member", "GET", f"{path}/events?from=3").status_code == 400
    assert world.call("member", "GET", f"{path}/events?from=2&until=1").status_code == 400
    assert faults(world.call("member", "POST", f"{path}/resend", json={"from": 2, "until": 9})) == {
        "/until": "number-unknown"
    }
    assert world.call("member", "POST", f"{path}/resend", json={"from": 2}).json()["waiting"] == 1


def test_events_come_a_hundred_numbers_a_page(one_world: World) -> None:
    subscription = active(one_world)
    numbered(one_world, subscription, *((number, number + 1) for number in range(250)))
    path = f"{PATH}/{subscription}/events?until=240"

    pages = []
    while path:
        page = one_world.call("member", "GET", path).json()
        pages.append([item["number"] for item in page["items"]])
        path = page.get("next", "").removeprefix(one_world.settings.base_url)

    assert [len(page) for page in pages] == [100, 100, 40]
    assert [number for page in pages for number in page] == list(range(1, 241))
    assert one_world.call("member", "GET", f"{PATH}/{subscription}/status").json()["number"] == 250


def test_deliveries_are_told_newest_first(one_world: World) -> None:
    subscription = active(one_world)
    with one_world.database.write() as session:
        for attempt in (1, 2, 3):
            session.add(
                Delivery(
                    subscription_id=subscription, kind="events", message="m", first=1, last=2, at=one_world.clock(), ms=12,
                    attempt=attempt, ok=attempt == 3, status=None if attempt == 1 else 200, error="x" if attempt == 1 else None,
                )
            )  # fmt: skip
    first = one_world.call("member", "GET", f"{PATH}/{subscription}/deliveries?limit=2").json()
    second = one_world.call("member", "GET", first["next"].removeprefix(one_world.settings.base_url)).json()

    assert [item["attempt"] for item in (*first["items"], *second["items"])] == [3, 2, 1]
    assert "next" not in second
    assert second["items"][0]["error"] == "x"
    assert "status" not in second["items"][0]
    assert one_world.call("member", "GET", f"{PATH}/{subscription}/status").json()["lastDelivery"]["attempt"] == 3


# -- e-mail ------------------------------------------------------------------------------------------------------------


def code_of(world: World, subscription: str) -> str:
    """The code as the e-mail says it."""
    with world.database.read() as session:
        message = session.exec(
            select(Notice.message).where(
                Notice.subscription_id == subscription, Notice.kind == "handshake", Notice.state == "waiting"
            )
        ).one()
    return confirming.code_of(message, secret=secret_of(world.settings))


def confirm(world: World, subscription: str, code: str) -> Any:
    return world.call("member", "POST", f"{PATH}/{subscription}/confirm", json={"code": code})


def test_without_a_mail_server_no_email_is_promised(one_world: World) -> None:
    answer = one_world.call("member", "POST", PATH, json=EMAIL)

    assert (answer.status_code, faults(answer)) == (422, {"/channel": "channel-unsupported"})
    assert "no mail server" in answer.json()["detail"]


def test_an_email_is_active_once_its_code_came_back(mailing: World) -> None:
    document = mailing.call("member", "POST", PATH, json=EMAIL).json()
    assert "secret" not in document
    code = code_of(mailing, document["id"])
    assert code not in mailing.call("member", "GET", f"{PATH}/{document['id']}").text

    wrong = confirm(mailing, document["id"], "0000-0000")
    assert (wrong.status_code, faults(wrong)) == (422, {"/code": "code-wrong"})
    right = confirm(mailing, document["id"], f" {code.lower().replace('-', ' ')} ")

    assert (right.status_code, right.json()["state"]) == (200, "active")
    assert confirm(mailing, document["id"], code).status_code == 409


def test_codes_cannot_be_guessed(mailing: World) -> None:
    document = mailing.call("member", "POST", PATH, json=EMAIL).json()
    code = code_of(mailing, document["id"])

    rules = [faults(confirm(mailing, document["id"], f"0000-{number:04}"))["/code"] for number in range(11)]

    assert rules == ["code-wrong"] * 9 + ["code-used-up"] * 2
    assert faults(confirm(mailing, document["id"], code)) == {"/code": "code-used-up"}  # not even the right one
    assert mailing.call("member", "POST", f"{PATH}/{document['id']}/resume").status_code == 409  # a moment later
    mailing.clock.move(minutes=6)
    mailing.call("member", "POST", f"{PATH}/{document['id']}/resume")
    assert faults(confirm(mailing, document["id"], code)) == {"/code": "code-wrong"}  # an old one is none
    assert confirm(mailing, document["id"], code_of(mailing, document["id"])).status_code == 200


def test_a_code_is_good_for_a_day(mailing: World) -> None:
    document = mailing.call("member", "POST", PATH, json=EMAIL).json()
    mailing.clock.move(hours=24)

    assert faults(confirm(mailing, document["id"], code_of(mailing, document["id"]))) == {"/code": "code-expired"}


def test_a_code_of_one_subscription_opens_no_other(mailing: World) -> None:
    one, other = (mailing.call("member", "POST", PATH, json=EMAIL).json()["id"] for _ in range(2))

    assert confirm(mailing, one, code_of(mailing, other)).status_code == 422


def test_an_inbox_is_not_flooded_with_codes(mailing: World) -> None:
    answers = [mailing.call("member", "POST", PATH, json=EMAIL) for _ in range(4)]
    shouted = mailing.call("member", "POST", PATH, json={**EMAIL, "email": "TEAM@member.example"})
    elsewhere = mailing.call("member", "POST", PATH, json={**EMAIL, "email": "other@member.example"})

    assert [answer.status_code for answer in answers] == [201, 201, 201, 409]
    assert (shouted.status_code, elsewhere.status_code) == (409, 201)


def test_an_email_that_stopped_goes_on_without_another_code(mailing: World) -> None:
    subscription = mailing.call("member", "POST", PATH, json=EMAIL).json()["id"]
    confirm(mailing, subscription, code_of(mailing, subscription))
    numbered(mailing, subscription, (0, 1), state="waiting")
    set_state(mailing, subscription, "error", reason="550")

    assert mailing.call("member", "POST", f"{PATH}/{subscription}/resume").json()["state"] == "active"
    assert row_of(mailing, subscription).next_attempt_at == mailing.clock()


def test_another_timetable_moves_what_waits(mailing: World) -> None:
    subscription = mailing.call("member", "POST", PATH, json=EMAIL).json()["id"]
    confirm(mailing, subscription, code_of(mailing, subscription))
    numbered(mailing, subscription, (0, 1), state="waiting")

    daily = {**EMAIL, "schedule": {"every": "daily", "at": "17:00"}}
    mailing.call("member", "PUT", f"{PATH}/{subscription}", json=daily, headers={"If-Match": "*"})

    assert row_of(mailing, subscription).next_attempt_at == mailing.clock().replace(hour=16)  # summer time


# -- what stops --------------------------------------------------------------------------------------------------------


def test_a_stop_raises_an_alert_and_puts_down_that_the_owner_is_to_be_told(world: World) -> None:
    subscription = active(world)
    with world.database.write() as session:
        row = session.get(Subscription, subscription)
        assert row is not None
        life.fail(session, row, "Four days without an answer.", world.clock())

    with world.database.read() as session:
        alert = session.exec(select(Alert)).one()
        queued = session.exec(select(JobRun).where(col(JobRun.job).startswith("tell-owner:"))).one()
    assert subscription in alert.message
    assert queued.finished_at is None
    world.call("member", "DELETE", f"{PATH}/{subscription}")
    assert world.call("operator", "GET", "/v1/alerts").json()["items"] == []


# -- described ---------------------------------------------------------------------------------------------------------


def test_the_filter_of_the_standard_has_the_lists_own_parameters() -> None:
    assert set(schema("common")["$defs"]["filter"]["properties"]) == {each.name for each in parameters.FILTERS}


def test_discovery_names_subscriptions(one_world: World) -> None:
    feeds = one_world.call("nobody", "GET", "/v1/feeds.json").json()["feeds"]
    links = one_world.call("nobody", "GET", "/v1").json()["links"]

    assert next(feed for feed in feeds if feed["name"] == "subscriptions")["url"].endswith(PATH)
    assert any(link["rel"] == "subscriptions" for link in links)
