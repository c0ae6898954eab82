"""Providers send feeds and read what became of them."""

import csv
import io
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson
from python_calamine import CalamineWorkbook
from sqlmodel import select
from tests.service.api.exchange import BASE, OURS, OURS_TOO, THEIRS, World, feed_of, peopled

from placefeed.schema.validation import validate
from placefeed.service.access import sources
from placefeed.service.db import secret_of
from placefeed.service.intake.submit import work
from placefeed.service.tables import Absence, Observation, Submission


def observations(world: World) -> int:
    with world.database.read() as session:
        return len(session.exec(select(Observation)).all())


def test_a_feed_is_taken_in_and_answered_with_its_report(world: World) -> None:
    answer = world.push("provider", feed_of(OURS, OURS_TOO))

    assert answer.status_code == 201, answer.text
    report = answer.json()
    assert validate(report, kind="report").ok
    assert report["verdict"] == "accepted"
    assert report["counts"]["accepted"] >= 2
    assert report["publication"] == {"status": "pending"}
    assert answer.headers["location"] == f"{BASE}/v1/submissions/{report['submission']}"


def test_a_report_says_when_it_is_published(world: World) -> None:
    submission = world.push("provider", feed_of(OURS)).json()["submission"]

    world.publish()

    publication = world.call("provider", "GET", f"/v1/submissions/{submission}/report").json()["publication"]
    assert publication["status"] == "published"
    assert publication["publishedAt"]


def test_the_same_feed_again_is_unchanged(world: World) -> None:
    world.push("provider", feed_of(OURS))

    again = world.push("provider", feed_of(OURS))

    assert (again.status_code, again.json()["verdict"]) == (200, "unchanged")


def test_a_key_and_a_body_have_one_answer(world: World) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = world.push("provider", feed_of(OURS), headers=headers)
    before = observations(world)

    again = world.push("provider", feed_of(OURS), headers=headers)
    other = world.push("provider", feed_of(OURS_TOO), headers=headers)

    assert again.json()["submission"] == first.json()["submission"]
    assert other.status_code == 422
    assert other.json()["type"].endswith("/problems/invalid")
    assert observations(world) == before
    assert world.push("rival", feed_of(THEIRS), headers=headers).status_code == 201, "another's key is another's"


def test_another_providers_setting_is_refused_and_the_rest_is_not(world: World) -> None:
    answer = world.push("provider", feed_of(OURS, THEIRS))

    assert answer.status_code == 201
    assert answer.json()["verdict"] == "partly-accepted"
    assert "not-your-setting" in {issue["rule"] for issue in answer.json()["issues"]}
    world.publish()
    items = world.call("member", "GET", "/v1/listings").json()["items"]
    assert {item["urn"] for item in items} == {OURS}


def test_a_feed_of_which_nothing_can_be_taken_is_refused_with_its_report(world: World) -> None:
    answer = world.push("provider", {**feed_of(OURS), "settings": [{"urn": "nonsense"}]})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == 422
    assert {"verdict", "counts", "issues", "submission"} <= document.keys()
    assert "nonsense" not in document["detail"]
    kept = world.call("provider", "GET", f"/v1/submissions/{document['submission']}")
    assert kept.json()["state"] == "rejected"


def test_wait_holds_the_answer_until_it_is_published(world: World) -> None:
    stop = threading.Event()

    def publisher() -> None:
        while not stop.is_set():
            time.sleep(0.05)
            world.publish()

    thread = threading.Thread(target=publisher)
    thread.start()
    try:
        answer = world.push("provider", feed_of(OURS), headers={"Prefer": "respond-async, wait=5"})
    finally:
        stop.set()
        thread.join()

    assert answer.json()["publication"]["status"] == "published"
    assert answer.headers["preference-applied"] == "wait=5"


def test_wait_ends_without_a_publisher(world: World) -> None:
    started = time.monotonic()

    answer = world.push("provider", feed_of(OURS), headers={"Prefer": "wait=1"})

    assert answer.json()["publication"]["status"] == "pending"
    assert 0.9 < time.monotonic() - started < 5


def test_a_large_feed_is_kept_safe_and_worked_later(make_app: Callable[..., World]) -> None:
    world = peopled(make_app(small_body=300))

    answer = world.push("provider", feed_of(OURS, OURS_TOO), headers={"Idempotency-Key": "big"})

    assert answer.status_code == 202
    assert answer.json()["verdict"] == "working"
    path = answer.headers["location"].removeprefix(BASE)
    assert world.call("provider", "GET", f"{path}/report").json()["verdict"] == "working"
    assert len(list((world.settings.data / "spool").iterdir())) == 1
    assert work(world.database, settings=world.settings, clock=world.clock)
    assert world.call("provider", "GET", f"{path}/report").json()["verdict"] == "accepted"

    again = world.push("provider", feed_of(OURS, OURS_TOO), headers={"Idempotency-Key": "big"})
    assert again.headers["location"].endswith(path)
    assert not work(world.database, settings=world.settings, clock=world.clock)
    assert list((world.settings.data / "spool").iterdir()) == [], "the copy that was not needed is gone"


def test_a_feed_over_the_limit_is_refused_and_leaves_nothing(make_app: Callable[..., World]) -> None:
    world = peopled(make_app(small_body=1000, max_body=5000))
    large = orjson.dumps(feed_of(OURS) | {"extensions": {"https://example.org/x": "y" * 10_000}})

    def pieces() -> Any:
        for start in range(0, len(large), 500):
            yield large[start : start + 500]

    for content in (large, pieces()):
        answer = world.call(
            "provider", "POST", "/v1/submissions", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
    spool = world.settings.data / "spool"
    assert not spool.exists() or list(spool.iterdir()) == []
    with world.database.read() as session:
        assert session.exec(select(Submission)).all() == []


def test_a_form_that_is_not_known_is_refused(world: World) -> None:
    for kind in ("application/xml", "multipart/form-data; boundary=x", "", "text/html"):
        answer = world.call(
            "provider", "POST", "/v1/submissions", content=b"<x/>", headers={"Content-Type": kind} if kind else {}
        )

        assert answer.status_code == 415
        assert "text/csv" in answer.headers["accept-post"]


def test_an_empty_body_and_an_odd_key_are_refused(world: World) -> None:
    assert (
        world.call("provider", "POST", "/v1/submissions", content=b"", headers={"Content-Type": "text/csv"}).status_code
        == 400
    )
    assert world.push("provider", feed_of(OURS), headers={"Idempotency-Key": "x" * 300}).status_code == 400


def test_another_source_of_ones_own_may_be_chosen_and_nobody_elses(world: World) -> None:
    with world.database.write() as session:
        for organisation in ("example-homes", "other-homes"):
            sources.create_source(
                session,
                organisation,
                name="Second",
                transport="push",
                source_id=f"{organisation}-2",
                secret=secret_of(world.settings),
                now=world.clock(),
            )

    own = world.push("provider", feed_of(OURS), params={"source": "example-homes-2"})
    others = world.push("provider", feed_of(OURS), params={"source": "other-homes-2"})

    assert own.status_code == 201
    assert (
        world.call("provider", "GET", f"/v1/submissions/{own.json()['submission']}").json()["source"]
        == "example-homes-2"
    )
    assert others.status_code == 404


def test_submissions_are_listed_to_their_sender_and_the_operator(world: World) -> None:
    for number in range(3):
        world.clock.move(minutes=1)
        world.push("provider", feed_of(OURS, places=number + 1, as_of=f"2026-07-01T13:5{number}:00Z"))
    world.push("rival", feed_of(THEIRS))

    first = world.call("provider", "GET", "/v1/submissions?limit=2").json()
    rest = world.call("provider", "GET", first["next"].removeprefix(BASE)).json()
    everything = world.call("operator", "GET", "/v1/submissions").json()["items"]

    mine = [item["id"] for item in [*first["items"], *rest["items"]]]
    assert len(mine) == len(set(mine)) == 3
    assert {item["organisation"] for item in first["items"]} == {"example-homes"}
    assert len(everything) == 4
    assert world.call("rival", "GET", f"/v1/submissions/{mine[0]}").status_code == 404
    assert world.call("rival", "GET", f"/v1/submissions/{mine[0]}/report").status_code == 404
    assert world.call("rival", "GET", f"/v1/submissions?before={mine[0]}").status_code == 404
    assert world.call("operator", "GET", f"/v1/submissions/{mine[0]}/report").status_code == 200


def test_a_sudden_loss_waits_for_the_providers_word(make_app: Callable[..., World]) -> None:
    world = peopled(make_app(guard_least=1))
    world.push("provider", feed_of(OURS, OURS_TOO, complete=True))
    lacking = world.push("provider", feed_of(OURS, as_of="2026-07-01T13:55:00Z", complete=True)).json()
    path = f"/v1/submissions/{lacking['submission']}/absences"

    assert world.call("rival", "POST", path, json={"confirm": True}).status_code == 404
    assert world.call("member", "POST", path, json={"confirm": True}).status_code == 403
    assert world.call("provider", "POST", path, json={"confirm": "yes"}).status_code == 422
    decided = world.call("provider", "POST", path, json={"confirm": True})

    assert decided.json()["settings"] == 1
    with world.database.read() as session:
        assert [row.state for row in session.exec(select(Absence))] == ["confirmed"]
    assert world.call("provider", "POST", path, json={"confirm": True}).status_code == 409


CSV = (
    "URN,Vacancy reference,As of,Places,Available from,Comment\r\n"
    "SC000001,v1,2026-07-01T13:50:00Z,1,2026-07-01,fine\r\n"
    "SC000002,v2,2026-07-01T13:50:00Z,many,2026-07-01,=1+1\r\n"
)
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def test_a_sheet_comes_back_with_comments(world: World) -> None:
    sent = world.call(
        "provider", "POST", "/v1/submissions", content=CSV.encode(),
        headers={"Content-Type": "text/csv", "Content-Disposition": "attachment; filename*=UTF-8''our%20places.csv"},
    )  # fmt: skip
    assert sent.status_code == 201, sent.json()["issues"]
    submission = sent.json()["submission"]
    assert world.call("provider", "GET", f"/v1/submissions/{submission}").json()["name"] == "our places.csv"

    as_csv = world.call("provider", "GET", f"/v1/submissions/{submission}/report?format=csv")
    as_xlsx = world.call("provider", "GET", f"/v1/submissions/{submission}/report", headers={"Accept": WORKBOOK})

    assert as_csv.headers["content-type"].startswith("text/csv")
    text = as_csv.content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    (wrong,) = [row for row in rows if "many" in row]
    assert wrong[-1], "the row that is wrong says why"
    assert not any(cell.startswith("=") for row in rows for cell in row)
    sheets = CalamineWorkbook.from_filelike(io.BytesIO(as_xlsx.content))
    cells = [cell for name in sheets.sheet_names for row in sheets.get_sheet_by_name(name).to_python() for cell in row]
    assert "many" in cells
    assert wrong[-1] in cells


def test_a_json_feeds_report_is_a_table_of_what_was_wrong(world: World) -> None:
    submission = world.push("provider", feed_of(OURS, THEIRS)).json()["submission"]

    answer = world.call("provider", "GET", f"/v1/submissions/{submission}/report", headers={"Accept": "text/csv"})

    text = answer.content.decode("utf-8-sig")
    assert THEIRS in text
    assert OURS not in text
    assert (
        world.call(
            "provider", "GET", f"/v1/submissions/{submission}/report", headers={"Accept": "image/png"}
        ).status_code
        == 406
    )
    assert world.call("provider", "GET", f"/v1/submissions/{submission}/report?format=pdf").status_code == 406
