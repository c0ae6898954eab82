"""Small updates of one's own settings, read back at once; and what each role may know of a setting."""

import threading
import time
from typing import Any

import pytest
from tests.service.api.exchange import OURS, OURS_TOO, THEIRS, World, feed_of

from placefeed.schema.validation import validate

CAPACITY = {
    "asOf": "2026-07-01T13:50:00Z",
    "registered": 4,
    "occupied": 3,
    "reserved": 0,
    "available": 1,
    "acceptingReferrals": True,
}
VACANCY = {"asOf": "2026-07-01T13:50:00Z", "places": 1, "from": "2026-07-01", "ages": {"from": 11, "to": 16}}
RATE = {
    "asOf": "2026-07-01T13:50:00Z", "package": "standard", "price": {"pence": 512500, "per": "week"}, "validFrom": "2026-04-01", "offeredTo": "any",
}  # fmt: skip
PARTS: list[tuple[str, dict[str, Any]]] = [
    ("capacity", CAPACITY),
    ("capacities/annex", CAPACITY),
    ("vacancies/v1", VACANCY),
    ("rates/core", RATE),
]


def path(part: str, urn: str = OURS) -> str:
    return f"/v1/settings/{urn}/{part}"


@pytest.mark.parametrize(("part", "document"), PARTS)
def test_a_part_is_put_and_read_back(world: World, part: str, document: dict[str, Any]) -> None:
    made = world.call("provider", "PUT", path(part), json=document)

    assert made.status_code == 201, made.text
    assert validate(made.json(), kind="report").ok
    assert made.json()["publication"]["status"] == "pending"
    back = world.call("provider", "GET", path(part))
    assert back.status_code == 200
    assert document.items() <= back.json().items()
    assert back.headers["etag"] == made.headers["etag"]
    assert world.call("provider", "GET", path(part), headers={"If-None-Match": made.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(("part", "document"), PARTS)
def test_nobody_else_reads_or_writes_it(world: World, part: str, document: dict[str, Any]) -> None:
    world.call("provider", "PUT", path(part), json=document)

    assert world.call("rival", "GET", path(part)).status_code == 404
    assert world.call("rival", "PUT", path(part), json={**document, "asOf": "2026-07-01T13:55:00Z"}).status_code == 404
    assert world.call("member", "GET", path(part)).status_code == 403
    assert world.call("nobody", "GET", path(part)).status_code == 401
    assert world.call("provider", "GET", path(part)).json()["asOf"] == document["asOf"]


def test_if_match_names_the_version_that_was_read(world: World) -> None:
    first = world.call("provider", "PUT", path("capacity"), json=CAPACITY)
    newer = {**CAPACITY, "asOf": "2026-07-01T13:55:00Z", "occupied": 4, "available": 0}

    changed = world.call("provider", "PUT", path("capacity"), json=newer, headers={"If-Match": first.headers["etag"]})
    stale = world.call(
        "provider",
        "PUT",
        path("capacity"),
        json={**newer, "asOf": "2026-07-01T13:58:00Z"},
        headers={"If-Match": first.headers["etag"]},
    )

    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]
    assert stale.status_code == 412
    assert world.call("provider", "GET", path("capacity")).json()["asOf"] == newer["asOf"]


def test_an_older_time_gets_409_and_changes_nothing(world: World) -> None:
    world.call("provider", "PUT", path("capacity"), json=CAPACITY)

    late = world.call(
        "provider",
        "PUT",
        path("capacity"),
        json={**CAPACITY, "asOf": "2026-07-01T12:00:00Z", "occupied": 0, "available": 4},
    )

    assert late.status_code == 409
    assert "2026-07-01T13:50:00Z" in late.json()["detail"]
    assert world.call("provider", "GET", path("capacity")).json()["occupied"] == 3


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({**CAPACITY, "occupied": "3"}, "/occupied"),
        ({**CAPACITY, "asOf": "2026-07-01"}, "/asOf"),
        ({**CAPACITY, "asOf": "2026-07-01T15:00:00Z"}, "/asOf"),
        ({**CAPACITY, "occupied": True}, "/occupied"),
    ],
)
def test_what_is_wrong_is_pointed_at(world: World, document: dict[str, Any], pointer: str) -> None:
    answer = world.call("provider", "PUT", path("capacity"), json=document)

    assert answer.status_code == 422
    assert pointer in {error["pointer"] for error in answer.json()["errors"]}


def test_what_looks_like_a_childs_data_is_refused_and_not_repeated(world: World) -> None:
    answer = world.call("provider", "PUT", path("vacancies/v1"), json={**VACANCY, "notes": "NHS number 943 476 5919"})

    assert answer.status_code == 422
    assert "943" not in answer.text
    assert world.call("provider", "GET", path("vacancies/v1")).status_code == 404


def test_bodies_that_are_no_documents(world: World) -> None:
    headers = {"Content-Type": "application/json"}
    assert world.call("provider", "PUT", path("capacity"), content=b"{", headers=headers).status_code == 400
    assert world.call("provider", "PUT", path("capacity"), content=b"[]", headers=headers).status_code == 422
    assert (
        world.call(
            "provider", "PUT", path("capacity"), content=b"<x/>", headers={"Content-Type": "text/xml"}
        ).status_code
        == 415
    )
    assert world.call("provider", "PUT", path("capacities/annex"), json={**CAPACITY, "unit": "barn"}).status_code == 422
    assert world.call("provider", "PUT", path("vacancies/v1"), json={**VACANCY, "id": "v2"}).status_code == 422


@pytest.mark.parametrize(("part", "document"), [("vacancies/v1", VACANCY), ("rates/core", RATE)])
def test_a_part_is_withdrawn(world: World, part: str, document: dict[str, Any]) -> None:
    world.call("provider", "PUT", path(part), json=document)

    assert world.call("rival", "DELETE", path(part)).status_code == 404
    assert world.call("provider", "DELETE", path(part), headers={"If-Match": '"99"'}).status_code == 412
    gone = world.call("provider", "DELETE", path(part))

    assert gone.status_code == 200
    assert gone.json()["counts"]["withdrawn"] == 1
    assert world.call("provider", "GET", path(part)).status_code == 404
    assert world.call("provider", "DELETE", path(part)).status_code == 404


def test_nothing_has_changed_renews_the_clock(world: World) -> None:
    world.call("provider", "PUT", path("capacity"), json=CAPACITY)
    world.clock.move(hours=3)

    attested = world.call("provider", "POST", path("attestations"))

    assert attested.status_code == 200, attested.text
    assert world.call("provider", "GET", path("capacity")).json()["occupied"] == 3
    assert (
        world.call("provider", "POST", path("attestations"), json={"asOf": "2026-07-01T16:30:00Z"}).status_code == 409
    )
    assert world.call("provider", "POST", path("attestations"), json={"asOf": "yesterday"}).status_code == 422
    assert world.call("provider", "POST", path("attestations"), json={"when": "now"}).status_code == 422
    assert world.call("provider", "POST", path("attestations", OURS_TOO)).status_code == 404
    assert world.call("rival", "POST", path("attestations")).status_code == 404


def test_wait_holds_the_answer_until_it_is_listed(world: World) -> None:
    stop = threading.Event()

    def publisher() -> None:
        while not stop.is_set():
            time.sleep(0.05)
            world.publish()

    thread = threading.Thread(target=publisher)
    thread.start()
    try:
        answer = world.call("provider", "PUT", path("vacancies/v1"), json=VACANCY, headers={"Prefer": "wait=5"})
    finally:
        stop.set()
        thread.join()

    assert answer.json()["publication"]["status"] == "published"
    assert [item["urn"] for item in world.call("member", "GET", "/v1/listings").json()["items"]] == [OURS]


# -- what is known --------------------------------------------------------------------------------------------------


@pytest.fixture
def listed(world: World) -> World:
    """`provider` and `rival` have each pushed a home, and it is published."""
    world.push("provider", feed_of(OURS))
    world.push("rival", feed_of(THEIRS))
    world.publish()
    return world


def test_each_role_is_shown_its_settings(listed: World) -> None:
    def urns(role: str) -> set[str]:
        return {item["urn"] for item in listed.call(role, "GET", "/v1/settings").json()["items"]}

    assert urns("provider") == {OURS, OURS_TOO}
    assert urns("rival") == {THEIRS}
    assert urns("member") == {OURS, THEIRS}, "those with a listing in its sight"
    assert urns("operator") == {OURS, OURS_TOO, THEIRS}


def test_settings_come_in_pages(listed: World) -> None:
    found, address = [], "/v1/settings?limit=2"
    while address:
        page = listed.call("operator", "GET", address).json()
        found += [item["urn"] for item in page["items"]]
        address = page.get("next", "").removeprefix("http://exchange.example")

    assert found == [OURS, OURS_TOO, THEIRS]


def test_a_provider_reads_its_own_newest_words(listed: World) -> None:
    before = listed.call("provider", "GET", f"/v1/settings/{OURS}")
    listed.call(
        "provider",
        "PUT",
        path("capacity"),
        json={**CAPACITY, "asOf": "2026-07-01T13:58:00Z", "occupied": 2, "available": 2},
    )

    after = listed.call("provider", "GET", f"/v1/settings/{OURS}")

    words = {word["part"]: word["document"] for word in after.json()["words"]}
    assert words["capacity"]["occupied"] == 2, "before anything is published"
    assert after.headers["etag"] != before.headers["etag"]
    assert (
        listed.call(
            "provider", "GET", f"/v1/settings/{OURS}", headers={"If-None-Match": after.headers["etag"]}
        ).status_code
        == 304
    )


def test_a_member_sees_neither_counts_nor_series(listed: World) -> None:
    answer = listed.call("member", "GET", f"/v1/settings/{OURS}")

    assert answer.status_code == 200
    assert {"words", "listings", "absences"}.isdisjoint(answer.json())
    assert "occupied" not in answer.text
    history = listed.call("member", "GET", f"/v1/settings/{OURS}/history")
    assert history.status_code == 403
    assert "occupied" not in history.text
    assert "parts" not in listed.call("member", "GET", f"/v1/settings/{OURS}/sources").json()["items"][0]
    assert listed.call("member", "GET", f"/v1/settings/{OURS}/register").json()["items"][0]["what"] == "joined"


def test_a_setting_out_of_sight_looks_like_none(listed: World) -> None:
    for suffix in ("", "/sources", "/history", "/register"):
        unknown = listed.call("member", "GET", f"/v1/settings/SC999999{suffix}")
        hidden = listed.call("member", "GET", f"/v1/settings/{OURS_TOO}{suffix}")
        rivals = listed.call("rival", "GET", f"/v1/settings/{OURS}{suffix}")

        assert unknown.status_code == hidden.status_code == rivals.status_code == 404, suffix
        assert unknown.json()["detail"] == hidden.json()["detail"] == rivals.json()["detail"]


def test_history_is_ones_own_newest_first(listed: World) -> None:
    listed.call("provider", "PUT", path("capacity"), json={**CAPACITY, "asOf": "2026-07-01T13:58:00Z"})

    own = listed.call("provider", "GET", f"/v1/settings/{OURS}/history?limit=2").json()

    assert own["items"][0]["asOf"] == "2026-07-01T13:58:00Z"
    assert [entry["what"] for entry in own["register"]] == ["joined"]
    rest = listed.call("provider", "GET", own["next"].removeprefix("http://exchange.example")).json()
    assert {item["id"] for item in own["items"]}.isdisjoint(item["id"] for item in rest["items"])
    assert listed.call("provider", "GET", f"/v1/settings/{OURS}/history?before=x").status_code == 400
