"""The application as a whole: discovery, the standard, health, limits, headers."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from starlette.testclient import TestClient
from tests.service.api.exchange import BASE, OURS, World, feed_of, peopled

from placefeed.schema import files
from placefeed.service.app import create_app
from placefeed.service.config import Settings
from placefeed.service.errors import TooManyRequests
from placefeed.service.pending import touch
from placefeed.service.running.limits import RateLimiter


def test_discovery_names_versions_and_links(bare: World) -> None:
    answer = bare.call("nobody", "GET", "/v1")

    assert answer.status_code == 200
    document = answer.json()
    assert document["standard"] == "placefeed"
    assert document["standardVersions"] == [files.VERSION]
    assert {"version", "lastUpdated", "ttl", "conformsTo"} <= document.keys()
    assert {link["rel"] for link in document["links"]} >= {
        "feeds",
        "listings",
        "service-desc",
        "service-doc",
        "describedby",
    }
    assert all(link["href"].startswith(BASE) for link in document["links"])


def test_every_link_of_discovery_leads_somewhere(world: World) -> None:
    links = (
        world.call("nobody", "GET", "/v1").json()["links"]
        + world.call("nobody", "GET", "/v1/feeds.json").json()["feeds"]
    )

    answers = {}
    for link in links:
        path = (link.get("href") or link["url"]).removeprefix(BASE)
        method = "HEAD" if path == "/v1/listings/stream" else "GET"  # it would never end
        answers[path] = world.call("operator", method, path).status_code

    # The first edition is made by the schedule: until then its address says so.
    assert {path: status for path, status in answers.items() if status != 200} in (
        {},
        {"/v1/editions/latest/manifest.json": 404},
    )


def test_feeds_lists_the_summary_only_where_it_is_switched_on(make_app: Callable[..., World]) -> None:
    closed, opened = make_app(), make_app(public=True)

    assert "summary" not in {feed["name"] for feed in closed.call("nobody", "GET", "/v1/feeds.json").json()["feeds"]}
    assert "summary" in {feed["name"] for feed in opened.call("nobody", "GET", "/v1/feeds.json").json()["feeds"]}


def test_the_standard_is_served(bare: World) -> None:
    for path in (
        "1.0/feed.schema.json",
        "1.0/feed",
        "codelists/needs.csv",
        "rules.csv",
        "vacancy.html",
        "reference.css",
    ):
        answer = bare.call("nobody", "GET", f"/schema/{path}")

        assert answer.status_code == 200
        again = bare.call("nobody", "GET", f"/schema/{path}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_schemas_are_served_byte_for_byte(bare: World) -> None:
    for name in files.DOCUMENTS:
        assert (
            bare.call("nobody", "GET", f"/schema/1.0/{name}").content
            == files.find(files.VERSION, f"{name}.schema.json").read_bytes()
        )


def test_nothing_else_is_served_as_the_standard(bare: World) -> None:
    for path in (
        "python/placefeed/schema/files.py",
        "..%2f..%2fpyproject.toml",
        "%2e%2e/pyproject.toml",
        "nothing",
        "",
    ):
        assert bare.call("nobody", "GET", f"/schema/{path}").status_code == 404


def test_the_standards_first_page_is_one_step_away(bare: World) -> None:
    answer = bare.call("nobody", "GET", "/schema")

    assert answer.status_code == 307
    assert bare.call("nobody", "GET", answer.headers["location"]).status_code == 200


def test_health_asks_nothing_and_readiness_asks_the_database(bare: World) -> None:
    assert bare.call("nobody", "GET", "/healthz").json() == {"status": "ok"}
    assert bare.call("nobody", "GET", "/readyz").json() == {"status": "ready", "position": 0, "epoch": 1}


def test_not_ready_while_the_publisher_is_behind(bare: World) -> None:
    with bare.database.write() as session:
        touch(session, ["SC000001"], at=bare.clock(), bulk=True)
    assert bare.call("nobody", "GET", "/readyz").status_code == 200

    bare.clock.move(seconds=31)

    late = bare.call("nobody", "GET", "/readyz")
    assert late.status_code == 503
    assert "behind" in late.json()["detail"]
    assert late.headers["retry-after"]
    bare.publish()
    assert bare.call("nobody", "GET", "/readyz").status_code == 200


def test_metrics_count_routes_and_look_at_the_log(bare: World) -> None:
    bare.call("nobody", "GET", "/v1")
    bare.call("nobody", "GET", "/no/such/place")

    text = bare.call("nobody", "GET", "/metrics").text

    assert 'placefeed_requests_total{method="GET",route="/v1",status="200"} 1.0' in text
    assert 'route="(none)",status="404"' in text
    assert "/no/such/place" not in text, "addresses may hold anything"
    for name in (
        "placefeed_position",
        "placefeed_pending",
        "placefeed_due_oldest_seconds",
        "placefeed_submissions_working",
    ):
        assert f"\n{name}" in text


def test_two_applications_count_apart(make_app: Callable[..., World]) -> None:
    first, second = make_app(), make_app()
    first.call("nobody", "GET", "/v1")

    assert 'route="/v1"' not in second.call("nobody", "GET", "/metrics").text


def test_every_answer_has_security_headers(bare: World) -> None:
    for path in ("/v1", "/no/such/place", "/docs", "/schema/index.html", "/healthz"):
        headers = bare.call("nobody", "GET", path).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]


def test_https_is_insisted_upon_where_the_exchange_has_it(make_app: Callable[..., World]) -> None:
    assert "strict-transport-security" not in make_app().call("nobody", "GET", "/v1").headers
    assert (
        "max-age"
        in make_app(base_url="https://exchange.example")
        .call("nobody", "GET", "/v1")
        .headers["strict-transport-security"]
    )


def test_a_request_id_goes_in_and_out(bare: World) -> None:
    assert bare.call("nobody", "GET", "/v1", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    made = bare.call("nobody", "GET", "/v1", headers={"X-Request-ID": "<script>"}).headers["x-request-id"]
    assert made.isalnum()


def test_a_key_has_its_rate(make_app: Callable[..., World]) -> None:
    world = peopled(make_app(rate_per_minute=3))

    statuses = [world.call("member", "GET", "/v1/settings").status_code for _ in range(4)]

    assert statuses == [200, 200, 200, 429]
    refused = world.call("member", "GET", "/v1/settings")
    assert int(refused.headers["retry-after"]) >= 1
    assert world.call("provider", "GET", "/v1/settings").status_code == 200, "others are not held up"
    assert world.call("nobody", "GET", "/healthz").status_code == 200


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    limiter = RateLimiter(60, monotonic=lambda: now[0])
    for _ in range(60):
        limiter.take("a")
    with pytest.raises(TooManyRequests):
        limiter.take("a")

    now[0] = timedelta(seconds=2).total_seconds()

    limiter.take("a")
    limiter.take("a")
    with pytest.raises(TooManyRequests):
        limiter.take("a")


def test_guesses_of_keys_are_slowed_down(make_app: Callable[..., World]) -> None:
    world = make_app(rate_per_minute=3)

    statuses = [
        world.call("x", "GET", "/v1/settings", headers={"Authorization": f"Bearer pf_{n}_x"}).status_code
        for n in range(5)
    ]

    assert statuses == [401, 401, 401, 429, 429]


def test_the_server_publishes_by_itself_where_the_worker_runs_in_it(make_app: Callable[..., World]) -> None:
    world = peopled(make_app(worker=True))

    answer = world.push("provider", feed_of(OURS), headers={"Prefer": "wait=10"})

    assert answer.json()["publication"]["status"] == "published"


def test_nothing_is_opened_before_the_lifespan_and_all_is_closed_after_it(settings: Settings) -> None:
    before = set(threading.enumerate())
    app = create_app(settings)
    assert not hasattr(app.state, "exchange")
    assert set(threading.enumerate()) == before

    with TestClient(app) as client:
        assert client.get("/readyz").status_code == 200
        ours = {thread.name for thread in threading.enumerate() if thread.name.startswith("placefeed-")}
        assert {"placefeed-audit", "placefeed-snapshot"} <= ours

    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("placefeed-")] == []
