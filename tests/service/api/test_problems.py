"""Every error is a problem document that says what to do and never repeats what was sent."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from tests.service.api.exchange import BASE, World, sqlite_settings

from placefeed.service.api import problems as module
from placefeed.service.config import Settings
from placefeed.service.errors import PlacefeedError, problems


@pytest.fixture
def settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    """One database is enough for what has nothing to do with it."""
    return sqlite_settings(tmp_path, sqlite_template)


SECRET = "Zebediah-Quux-9434765919"


def check(answer: Any, status: int, slug: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"{BASE}/problems/{slug}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert document["requestId"] == answer.headers["x-request-id"]
    assert SECRET not in answer.text
    return document


def test_not_found(world: World) -> None:
    check(world.call("nobody", "GET", f"/{SECRET}"), 404, "not-found")
    for number in (SECRET, "0", "-1", "1.0", "4000000000", "9" * 30):
        check(world.call("operator", "GET", f"/v1/register/imports/{number}"), 404, "not-found")


def test_method_not_allowed_names_every_method_of_the_address(world: World) -> None:
    answer = world.call("operator", "POST", "/v1/settings/SC000001/certificate")

    check(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "DELETE, GET, PUT"


def test_no_key_and_a_wrong_key(world: World) -> None:
    without = world.call("nobody", "GET", "/v1/settings")
    check(without, 401, "not-authenticated")
    assert without.headers["www-authenticate"].startswith("Bearer")
    check(
        world.call("nobody", "GET", "/v1/settings", headers={"Authorization": f"Bearer {SECRET}"}),
        401,
        "not-authenticated",
    )
    check(
        world.call("nobody", "GET", "/v1/settings", headers={"Authorization": f"Basic {SECRET}"}),
        401,
        "not-authenticated",
    )


def test_another_role(world: World) -> None:
    assert "operators" in check(world.call("provider", "GET", "/v1/audit"), 403, "not-allowed")["detail"]


def test_bodies_that_are_wrong_are_pointed_at(world: World) -> None:
    document = check(
        world.call(
            "operator",
            "POST",
            "/v1/organisations",
            json={"id": 7, "kind": "provider", "nmae": SECRET, "simulated": "yes"},
        ),
        422,
        "invalid",
    )

    assert {error["pointer"] for error in document["errors"]} == {"/id", "/name", "/nmae", "/simulated"}


def test_a_body_that_is_no_json(world: World) -> None:
    for body in (b"{" + SECRET.encode(), b"\xff\xfe", b"[1,2", b""):
        answer = world.call(
            "operator", "POST", "/v1/organisations", content=body, headers={"Content-Type": "application/json"}
        )

        assert answer.status_code in (400, 422)
        check(answer, answer.status_code, "bad-request" if answer.status_code == 400 else "invalid")


def test_parameters_that_are_wrong_are_named(world: World) -> None:
    for query in (
        "limit=0",
        "limit=1.5",
        "limit=yes",
        "limit=5000",
        "since=2026-07-01",
        "since=0",
        "after=-1",
        f"since={SECRET}",
    ):
        document = check(world.call("operator", "GET", f"/v1/audit?{query}"), 400, "bad-request")

        assert document["errors"][0]["parameter"] == query.partition("=")[0]


def test_a_day_is_a_day(world: World) -> None:
    for value in ("0", 0, "2026-07-01T00:00:00", "1.0", "true", True, "20260701", "2026-02-30"):
        answer = world.call(
            "operator", "POST", "/v1/consortia/south/members", json={"organisation": "lewisham", "from": value}
        )

        assert [error["pointer"] for error in check(answer, 422, "invalid")["errors"]] == ["/from"]


def test_a_body_over_the_limit_is_refused_before_it_is_read(world: World) -> None:
    large = b'{"name": "' + SECRET.encode() * 20_000 + b'"}'

    told = world.call(
        "operator", "POST", "/v1/organisations", content=large, headers={"Content-Type": "application/json"}
    )
    check(told, 413, "too-large")

    def pieces() -> Any:
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    streamed = world.call(
        "operator", "POST", "/v1/organisations", content=pieces(), headers={"Content-Type": "application/json"}
    )
    check(streamed, 413, "too-large")


def test_an_unexpected_error_tells_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_args: Any, **_options: Any) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr("placefeed.service.oversight.alerts", broken)

    document = check(world.call("operator", "GET", "/v1/alerts"), 500, "internal")

    assert "requestId" in document["detail"]
    printed = capsys.readouterr()
    logged = printed.out + printed.err + caplog.text  # the latter once a command has set the log up in this process
    assert SECRET not in logged
    assert "RuntimeError" in logged


def test_a_database_that_is_away_is_worth_another_try(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_args: Any, **_options: Any) -> None:
        raise OperationalError(f"SELECT {SECRET}", {}, Exception(SECRET))

    monkeypatch.setattr("placefeed.service.oversight.alerts", broken)

    answer = world.call("operator", "GET", "/v1/alerts")

    check(answer, 503, "unavailable")
    assert answer.headers["retry-after"]
    logged = capsys.readouterr()
    assert SECRET not in logged.out + logged.err


def test_every_kind_of_problem_has_a_page(bare: World) -> None:
    index = bare.call("nobody", "GET", "/problems").text
    for problem in problems():
        page = bare.call("nobody", "GET", f"/problems/{problem.slug}")
        assert page.status_code == 200
        assert problem.slug in index
    check(bare.call("nobody", "GET", f"/problems/{SECRET}"), 404, "not-found")


def test_statuses_and_slugs_are_one_to_one() -> None:
    kinds = [PlacefeedError, *PlacefeedError.__subclasses__()]
    assert len({kind.status for kind in kinds}) == len({kind.slug for kind in kinds}) == len(kinds)
    assert module.MethodNotAllowed in kinds
