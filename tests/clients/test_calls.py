"""One suite over the sync and the async client, against a scripted exchange: what is sent, retried, waited for, raised."""

import hashlib
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest

from placefeed.client import (
    Conflict,
    Gone,
    Member,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    PlacefeedError,
    Provider,
    Refused,
    Retry,
    Stale,
    TooManyRequests,
    Unavailable,
    Unreachable,
)

REPORT = {
    "submission": "s1",
    "engine": {"name": "placefeed", "version": "0.1.0"},
    "schemaVersion": "1.0",
    "verdict": "accepted",
    "counts": {"records": 1, "accepted": 1},
    "issues": [],
    "publication": {"status": "published", "publishedAt": "2026-07-01T14:00:00Z"},
}
FEED = {"standard": "placefeed", "version": "1.0", "settings": []}


def reply(document: Any, status: int = 200, **headers: str) -> httpx2.Response:
    return httpx2.Response(
        status, json=document, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


# -- provider ------------------------------------------------------------------------------------------------------


def test_a_push_carries_key_type_and_idempotency_key_and_gives_the_report(provider: Any, exchange: Any) -> None:
    exchange.on("POST", "/v1/submissions", reply(REPORT, 201))

    report = provider.push(FEED)

    [request] = exchange.asked
    assert request.headers["authorization"] == "Bearer pf_test_id_secret"
    assert request.headers["content-type"] == "application/json"
    assert len(request.headers["idempotency-key"]) >= 32
    assert json.loads(exchange.bodies[0]) == FEED
    assert (report.id, report.verdict, report.ok, report.published, report.counts["accepted"]) == (
        "s1",
        "accepted",
        True,
        True,
        1,
    )


def test_a_push_that_is_tried_again_is_the_same_push(provider: Any, exchange: Any, waits: list[float]) -> None:
    exchange.on("POST", "/v1/submissions", httpx2.ReadTimeout("slow"), reply({}, 503), reply(REPORT, 201))

    assert provider.push(b"{}").ok

    assert len({request.headers["idempotency-key"] for request in exchange.asked}) == 1
    assert len(set(exchange.bodies)) == 1
    assert waits == [0.5, 1.0]


def test_two_pushes_are_two(provider: Any, exchange: Any) -> None:
    exchange.on("POST", "/v1/submissions", reply(REPORT, 201))

    provider.push(FEED)
    provider.push(FEED)

    assert len({request.headers["idempotency-key"] for request in exchange.asked}) == 2


def test_our_own_first_attempt_in_flight_is_waited_for(
    provider: Any, exchange: Any, waits: list[float], problem: Any
) -> None:
    exchange.on(
        "POST",
        "/v1/submissions",
        problem(409, "conflict", "In flight.", headers={"Retry-After": "2"}),
        reply(REPORT, 200),
    )

    assert provider.push(FEED).id == "s1"
    assert waits == [2.0]


def test_a_large_submission_is_waited_for(provider: Any, exchange: Any, waits: list[float]) -> None:
    working = {**REPORT, "verdict": "working"}
    exchange.on("POST", "/v1/submissions", reply({"id": "s1"}, 202, Location="/base/v1/submissions/s1"))
    exchange.on("GET", "/v1/submissions/s1/report", reply(working), reply(working, Retry_After="3"), reply(REPORT))

    report = provider.push(FEED)

    assert report.finished
    assert report.ok
    assert waits == [0.75, 3.0]


def test_a_large_submission_need_not_be_waited_for(provider: Any, exchange: Any) -> None:
    exchange.on(
        "POST",
        "/v1/submissions",
        httpx2.Response(202, headers={"Location": "https://exchange.example/base/v1/submissions/s1"}),
    )

    report = provider.push(FEED, wait=False)

    assert (report.id, report.verdict, report.finished) == ("s1", "working", False)
    assert "prefer" not in exchange.asked[0].headers


def test_waiting_for_a_report_ends(provider: Any, exchange: Any) -> None:
    exchange.on("GET", "/v1/submissions/s1/report", reply({**REPORT, "verdict": "working"}))

    with pytest.raises(Unavailable, match="s1 is safe"):
        provider.wait_for_report("s1", timeout=-1)


def test_a_rejected_feed_is_a_report_and_not_an_exception(provider: Any, exchange: Any) -> None:
    issue = {
        "rule": "schema-required",
        "severity": "error",
        "message": "No URN.",
        "advice": "Give it.",
        "count": 1,
        "places": [],
    }
    exchange.on("POST", "/v1/submissions", reply({**REPORT, "verdict": "rejected", "issues": [issue]}, 422))

    report = provider.push(FEED)

    assert not report.ok
    assert report.issues[0]["advice"] == "Give it."


def test_a_body_that_is_no_feed_is_refused_with_its_places(provider: Any, exchange: Any, problem: Any) -> None:
    errors = [
        {"pointer": "/settings", "detail": "This is missing."},
        {"sheet": "Vacancies", "cell": "C7", "detail": "Not a day."},
    ]
    exchange.on(
        "POST", "/v1/submissions", problem(422, "invalid", "The document has errors.", errors=errors, requestId="r1")
    )

    with pytest.raises(Refused, match=r"/settings: This is missing\. Vacancies C7: Not a day\.") as caught:
        provider.push(FEED)

    assert caught.value.errors == errors
    assert (caught.value.type, caught.value.status, caught.value.request_id) == ("invalid", 422, "r1")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.json", "application/json"),
        ("a.ndjson", "application/x-ndjson"),
        ("a.CSV", "text/csv"),
        ("a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("a.ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ],
)
def test_a_file_is_sent_in_its_own_form(provider: Any, exchange: Any, tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).write_bytes(b"x" * 600_000)
    exchange.on("POST", "/v1/submissions", reply(REPORT, 201))
    moved: list[tuple[int, int | None]] = []

    provider.upload(tmp_path / name, progress=lambda done, total: moved.append((done, total)))

    [request] = exchange.asked
    assert request.headers["content-type"] == kind
    assert request.headers["content-length"] == "600000"
    assert name in request.headers["content-disposition"]
    assert exchange.bodies == [b"x" * 600_000]
    assert moved[-1] == (600_000, 600_000)


def test_a_file_that_an_exchange_does_not_take_is_not_sent(provider: Any, exchange: Any, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF")

    with pytest.raises(ValueError, match=r"a\.pdf is application/pdf.*\.xlsx"):
        provider.upload(tmp_path / "a.pdf")
    with pytest.raises(FileNotFoundError):
        provider.upload(tmp_path / "missing.csv")

    assert exchange.asked == []


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda provider: provider.put_capacity("SC000001", {}), "PUT /v1/settings/SC000001/capacity"),
        (
            lambda provider: provider.put_vacancy("SC000001", "up/stairs", {}),
            "PUT /v1/settings/SC000001/vacancies/up%2Fstairs",
        ),
        (lambda provider: provider.put_rate("cqc:1-1", "core", {}), "PUT /v1/settings/cqc:1-1/rates/core"),
        (lambda provider: provider.withdraw_vacancy("SC000001", "v1"), "DELETE /v1/settings/SC000001/vacancies/v1"),
        (lambda provider: provider.attest("SC000001"), "POST /v1/settings/SC000001/attestations"),
        (lambda provider: provider.report("s1"), "GET /v1/submissions/s1/report"),
        (lambda provider: provider.submission("s1"), "GET /v1/submissions/s1"),
        (lambda provider: provider.setting("SC000001"), "GET /v1/settings/SC000001"),
        (lambda provider: provider.setting_sources("SC000001"), "GET /v1/settings/SC000001/sources"),
        (lambda provider: provider.setting_history("SC000001"), "GET /v1/settings/SC000001/history"),
    ],
)
def test_each_call_asks_at_its_own_address(provider: Any, exchange: Any, call: Callable[[Any], Any], line: str) -> None:
    with pytest.raises(NotFound):
        call(provider)

    assert exchange.lines == [line]


@pytest.mark.parametrize("urn", ["", ".", ".."])
def test_an_identifier_cannot_lead_elsewhere(provider: Any, exchange: Any, urn: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        provider.attest(urn)

    assert exchange.asked == []


def test_a_small_update_carries_the_version_it_changes_and_gives_the_new_one(provider: Any, exchange: Any) -> None:
    exchange.on("PUT", "/v1/settings/SC000001/capacity", reply(REPORT, ETag='"v2"'))

    report = provider.put_capacity("SC000001", {"asOf": "2026-07-01T14:00:00Z"}, if_match='"v1"')

    assert exchange.asked[0].headers["if-match"] == '"v1"'
    assert report.etag == '"v2"'


def test_a_conditional_update_whose_answer_was_lost_is_not_sent_again(provider: Any, exchange: Any) -> None:
    exchange.on("PUT", "/v1/settings/SC000001/capacity", httpx2.ReadError("cut"), reply(REPORT))

    with pytest.raises(Unreachable) as caught:
        provider.put_capacity("SC000001", {}, if_match='"v1"')

    assert caught.value.sent
    assert len(exchange.asked) == 1


def test_an_unconditional_update_whose_answer_was_lost_is_sent_again(provider: Any, exchange: Any) -> None:
    exchange.on("PUT", "/v1/settings/SC000001/capacity", httpx2.ReadError("cut"), reply(REPORT))

    assert provider.put_capacity("SC000001", {}).ok


def test_withdrawing_answers_without_a_body(provider: Any, exchange: Any) -> None:
    exchange.on("DELETE", "/v1/settings/SC000001/vacancies/v1", httpx2.Response(204))

    assert provider.withdraw_vacancy("SC000001", "v1").ok


def test_a_setting_comes_with_its_version(provider: Any, exchange: Any) -> None:
    exchange.on("GET", "/v1/settings/SC000001", reply({"urn": "SC000001"}, ETag='"v1"'))

    setting = provider.setting("SC000001")

    assert (setting.document["urn"], setting.etag) == ("SC000001", '"v1"')


# -- failures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, NotAuthenticated),
        (403, NotAllowed),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (412, Stale),
        (413, Refused),
        (415, Refused),
        (422, Refused),
        (428, Stale),
        (500, Unavailable),
    ],
)
def test_each_status_has_its_error(
    member: Any, exchange: Any, problem: Any, status: int, kind: type[PlacefeedError]
) -> None:
    exchange.on("GET", "/v1/listings/x", problem(status, "some-problem", "Why, and what to do."))

    with pytest.raises(kind, match="Why, and what to do") as caught:
        member.listing("x")

    assert type(caught.value) is kind
    assert caught.value.type == "some-problem"
    assert len(exchange.asked) == 1


@pytest.mark.parametrize(("status", "kind"), [(429, TooManyRequests), (503, Unavailable)])
def test_a_wait_that_is_asked_for_is_kept(
    member: Any, exchange: Any, problem: Any, waits: list[float], status: int, kind: type[PlacefeedError]
) -> None:
    exchange.on(
        "GET", "/v1/listings/x", problem(status, "p", "Later.", headers={"Retry-After": "7"}), reply({"id": "x"})
    )

    assert member.listing("x") == {"id": "x"}
    assert waits == [7.0]


@pytest.mark.parametrize(("status", "kind"), [(429, TooManyRequests), (503, Unavailable)])
def test_a_wait_that_is_too_long_is_raised_at_once(
    member: Any, exchange: Any, problem: Any, waits: list[float], status: int, kind: type[PlacefeedError]
) -> None:
    exchange.on("GET", "/v1/listings/x", problem(status, "p", "Tomorrow.", headers={"Retry-After": "86400"}))

    with pytest.raises(kind) as caught:
        member.listing("x")

    assert caught.value.retry_after == 86400
    assert waits == []


def test_an_exchange_that_stays_away_is_left_after_some_tries(member: Any, exchange: Any, waits: list[float]) -> None:
    exchange.on("GET", "/v1/listings/x", httpx2.ConnectError("refused"))

    with pytest.raises(Unreachable, match="could not be reached") as caught:
        member.listing("x")

    assert not caught.value.sent
    assert waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    "error", [httpx2.ReadTimeout("slow"), httpx2.RemoteProtocolError("cut"), httpx2.ConnectTimeout("slow")]
)
def test_a_read_is_tried_again_whatever_happened(member: Any, exchange: Any, error: Exception) -> None:
    exchange.on("GET", "/v1/listings/x", error, reply({"id": "x"}))

    assert member.listing("x") == {"id": "x"}


def test_what_cannot_be_repeated_is_not(connect: Any, exchange: Any) -> None:
    exchange.on("POST", "/v1/organisations", httpx2.ReadTimeout("slow"))

    with pytest.raises(Unreachable):
        connect("operator").add_organisation({"id": "example-homes"})

    assert len(exchange.asked) == 1


def test_something_that_is_no_exchange_is_said_to_be_none(member: Any, exchange: Any) -> None:
    exchange.on("GET", "/v1/listings/x", httpx2.Response(200, html="<html>"))
    exchange.on("GET", "/v1/listings/y", httpx2.Response(200, json=[]))
    exchange.on("GET", "/v1/listings/z", httpx2.Response(404, html="<html>"))

    with pytest.raises(Unavailable, match="sign-in page"):
        member.listing("x")
    with pytest.raises(Unavailable, match="not the document"):
        member.listing("y")
    with pytest.raises(NotFound, match="URL"):
        member.listing("z")


def test_a_redirect_is_not_followed_with_a_key(member: Any, exchange: Any) -> None:
    exchange.on("GET", "/v1/listings/x", httpx2.Response(301, headers={"Location": "https://elsewhere.example/"}))

    with pytest.raises(Refused, match=r"elsewhere\.example"):
        member.listing("x")

    assert len(exchange.asked) == 1


# -- member --------------------------------------------------------------------------------------------------------


def test_filters_are_written_as_the_exchange_names_them(member: Any, exchange: Any) -> None:
    exchange.on("GET", "/v1/listings", reply({"items": []}))

    member.listings(
        la=["E06000023", "E06000024"],
        age=14,
        weekly_at_most_pence=550000,
        available_by=date(2026, 12, 1),
        needs_stated=True,
        q="a&b",
        region=None,
    )

    assert exchange.lines == [
        "GET /v1/listings?la=E06000023&la=E06000024&age=14&weeklyAtMostPence=550000&availableBy=2026-12-01&needsStated=true&q=a%26b"
    ]


def test_a_page_has_items_totals_and_its_version(member: Any, exchange: Any) -> None:
    exchange.on("GET", "/v1/listings", reply({"items": [{"id": "a"}], "totals": {"available": 1}}, ETag='"v1"'))

    page = member.listings()

    assert ([item["id"] for item in page.items], page.totals, page.etag, page.next) == (
        ["a"],
        {"available": 1},
        '"v1"',
        None,
    )


def test_an_unchanged_list_is_not_sent_again(member: Any, exchange: Any) -> None:
    exchange.on("GET", "/v1/listings", httpx2.Response(304))

    page = member.listings(etag='"v1"')

    assert exchange.asked[0].headers["if-none-match"] == '"v1"'
    assert (page.unchanged, list(page.items), page.etag) == (True, [], '"v1"')


@pytest.mark.parametrize(
    "form", ["/base/v1/listings?age=14&cursor={}", "https://inside.example:8000/v1/listings?age=14&cursor={}", "{}"]
)
def test_all_pages_are_read_by_link_or_by_token(member: Any, exchange: Any, form: str) -> None:
    exchange.on(
        "GET", "/v1/listings",
        reply({"items": [{"id": "a"}, {"id": "b"}], "next": form.format("two==")}),
        reply({"items": [], "next": form.format("three")}),
        reply({"items": [{"id": "c"}]}),
    )  # fmt: skip

    assert [item["id"] for item in member.iterate(age=14)] == ["a", "b", "c"]
    assert exchange.lines == [
        "GET /v1/listings?age=14",
        "GET /v1/listings?age=14&cursor=two%3D%3D",
        "GET /v1/listings?age=14&cursor=three",
    ]
    assert {request.url.host for request in exchange.asked} == {"exchange.example"}


def test_a_page_that_fails_in_the_middle_is_asked_for_again(member: Any, exchange: Any) -> None:
    exchange.on(
        "GET",
        "/v1/listings",
        reply({"items": [{"id": "a"}], "next": "two"}),
        httpx2.ReadError("cut"),
        reply({"items": [{"id": "b"}]}),
    )

    assert [item["id"] for item in member.iterate()] == ["a", "b"]


def test_pages_that_go_round_are_an_error_and_not_for_ever(member: Any, exchange: Any) -> None:
    exchange.on(
        "GET",
        "/v1/listings",
        reply({"items": [{"id": "a"}], "next": "two"}),
        reply({"items": [], "next": "three"}),
        reply({"items": [], "next": "two"}),
    )

    with pytest.raises(PlacefeedError, match="circle"):
        list(member.iterate())

    assert len(exchange.asked) == 3


def test_settings_come_from_all_pages(provider: Any, exchange: Any) -> None:
    exchange.on(
        "GET",
        "/v1/settings",
        reply({"items": [{"urn": "SC000001"}], "next": "two"}),
        reply({"items": [{"urn": "SC000002"}]}),
    )

    assert [setting["urn"] for setting in provider.settings()] == ["SC000001", "SC000002"]


def test_discovery(member: Any, exchange: Any) -> None:
    exchange.on("GET", "/v1/feeds.json", reply({"feeds": []}))

    assert member.feeds() == {"feeds": []}


# -- editions ------------------------------------------------------------------------------------------------------


def entry(name: str, content: bytes, **more: Any) -> dict[str, Any]:
    return {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content), **more}


def edition(exchange: Any, *files: tuple[dict[str, Any], bytes]) -> None:
    exchange.on("GET", "/v1/editions/latest/manifest.json", reply({"files": [described for described, _ in files]}))
    for described, content in files:
        exchange.on(
            "GET",
            f"/v1/editions/latest/{described['name']}",
            httpx2.Response(200, content=content, headers={"Content-Type": "text/csv; charset=utf-8"}),
        )


def test_an_edition_is_fetched_and_compared_with_its_manifest(member: Any, exchange: Any, tmp_path: Path) -> None:
    content = b"id,places\n" * 100_000
    edition(exchange, (entry("list.csv", content), content), (entry("list.json", b"{}"), b"{}"))

    fetched = member.download_edition(tmp_path / "new", formats=["csv"])

    [file] = fetched.files
    assert file.path == tmp_path / "new" / "list.csv"
    assert (file.path.read_bytes(), file.size, file.media_type) == (content, len(content), "text/csv")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["list.csv"]


def test_every_file_of_an_edition_is_fetched_unless_formats_are_named(
    member: Any, exchange: Any, tmp_path: Path
) -> None:
    edition(exchange, (entry("list.csv", b"a"), b"a"), (entry("list.json", b"{}"), b"{}"))

    assert {file.path.name for file in member.download_edition(tmp_path).files} == {"list.csv", "list.json"}
    with pytest.raises(ValueError, match="csv, json"):
        member.download_edition(tmp_path, formats=["xlsx"])


def test_a_damaged_file_is_never_left_under_its_name(member: Any, exchange: Any, tmp_path: Path) -> None:
    edition(exchange, (entry("list.csv", b"right"), b"wrong"))
    (tmp_path / "list.csv").write_bytes(b"yesterday")

    with pytest.raises(PlacefeedError, match="manifest"):
        member.download_edition(tmp_path)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"list.csv": b"yesterday"}


def test_an_edition_that_is_replaced_meanwhile_is_begun_anew(member: Any, exchange: Any, tmp_path: Path) -> None:
    exchange.on(
        "GET",
        "/v1/editions/latest/manifest.json",
        reply({"files": [entry("list.csv", b"old")]}),
        reply({"files": [entry("list.csv", b"new")]}),
    )
    exchange.on("GET", "/v1/editions/latest/list.csv", httpx2.Response(200, content=b"new"))

    member.download_edition(tmp_path)

    assert (tmp_path / "list.csv").read_bytes() == b"new"


def test_a_file_that_breaks_off_is_fetched_again(member: Any, exchange: Any, tmp_path: Path) -> None:
    edition(exchange, (entry("list.csv", b"whole"), b"whole"))
    exchange.on("GET", "/v1/editions/latest/list.csv", httpx2.ReadError("cut"), httpx2.Response(200, content=b"whole"))

    member.download_edition(tmp_path)

    assert (tmp_path / "list.csv").read_bytes() == b"whole"


@pytest.mark.parametrize("name", ["../list.csv", "/etc/list.csv", ".list.csv", "a/b.csv"])
def test_a_manifest_cannot_write_outside_the_folder(member: Any, exchange: Any, tmp_path: Path, name: str) -> None:
    edition(exchange, (entry(name, b"x"), b"x"))

    with pytest.raises(Unavailable, match="cannot be saved"):
        member.download_edition(tmp_path / "in")

    assert list((tmp_path / "in").iterdir()) == []


def test_a_manifest_may_name_the_edition_in_its_links_but_not_another_host(
    member: Any, exchange: Any, tmp_path: Path
) -> None:
    exchange.on(
        "GET", "/v1/editions/latest/manifest.json",
        reply({"files": [entry("list.csv", b"x", url="https://elsewhere.example/base/v1/editions/e7/list.csv")]}),
    )  # fmt: skip
    exchange.on("GET", "/v1/editions/e7/list.csv", httpx2.Response(200, content=b"x"))

    member.download_edition(tmp_path)

    assert exchange.lines[-1] == "GET /v1/editions/e7/list.csv"
    assert exchange.asked[-1].url.host == "exchange.example"


# -- operator ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda operator: operator.organisations(kind="provider"), "GET /v1/organisations?kind=provider"),
        (lambda operator: operator.consortia(), "GET /v1/consortia"),
        (lambda operator: operator.keys(), "GET /v1/keys"),
        (lambda operator: operator.sources(), "GET /v1/sources"),
        (lambda operator: operator.add_organisation({}), "POST /v1/organisations"),
        (lambda operator: operator.add_consortium({}), "POST /v1/consortia"),
        (lambda operator: operator.add_consortium_member("south-west", {}), "POST /v1/consortia/south-west/members"),
        (
            lambda operator: operator.add_consortium_provider("south-west", {}),
            "POST /v1/consortia/south-west/providers",
        ),
        (lambda operator: operator.add_key({}), "POST /v1/keys"),
        (lambda operator: operator.rotate_key("k1"), "POST /v1/keys/k1/rotate"),
        (lambda operator: operator.revoke_key("k1"), "DELETE /v1/keys/k1"),
        (lambda operator: operator.add_source({}), "POST /v1/sources"),
        (lambda operator: operator.poll_source("s1"), "POST /v1/sources/s1/polls"),
    ],
)
def test_the_operators_calls(connect: Any, exchange: Any, call: Callable[[Any], Any], line: str) -> None:
    method, _, path = line.partition(" ")
    exchange.on(method, path.partition("?")[0], reply({"items": [{"id": "a"}]}))

    call(connect("operator"))

    assert exchange.lines == [line]


def test_an_ofsted_file_is_sent_with_its_name_and_day(connect: Any, exchange: Any, tmp_path: Path) -> None:
    (tmp_path / "Provider_level.csv").write_bytes(b"URN\n")
    exchange.on("POST", "/v1/register/imports", reply({"rows": 0}, 201))

    result = connect("operator").import_ofsted(tmp_path / "Provider_level.csv", as_at=date(2025, 9, 30), complete=True)

    assert result == {"rows": 0}
    assert exchange.lines == ["POST /v1/register/imports?asAt=2025-09-30&complete=true"]
    assert "Provider_level.csv" in exchange.asked[0].headers["content-disposition"]
    assert exchange.bodies == [b"URN\n"]


# -- connecting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["exchange.example", "ftp://exchange.example", "https://"])
def test_a_url_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        Member(url, "key")


def test_a_key_does_not_go_over_plain_http() -> None:
    with pytest.raises(ValueError, match="readable"):
        Provider("http://exchange.example", "key")
    for url, options in (
        ("http://127.0.0.1:8000", {}),
        ("http://localhost:8000", {}),
        ("http://exchange.example", {"insecure": True}),
    ):
        Provider(url, "key", **options).close()  # type: ignore[arg-type]  # one keyword


@pytest.mark.parametrize("key", ["two words", "schlüssel", "line\nbreak"])
def test_a_key_that_was_copied_badly_is_said_so(key: str) -> None:
    with pytest.raises(ValueError, match="Copy it again"):
        Member("https://exchange.example", key)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.5), (2, 1.0), (3, 2.0), (20, 60.0)])
def test_backing_off_doubles_up_to_a_limit(attempt: int, seconds: float) -> None:
    assert Retry(jitter=lambda: 1.0).wait(attempt) == seconds
    assert Retry(jitter=lambda: 0.0).wait(attempt) == seconds / 2
