"""The operator's routes: who is who, keys, sources, the register, alerts, the audit."""

import http.server
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import orjson
import pytest
import sqlalchemy as sa
from sqlmodel import select
from tests.service.api.exchange import BASE, OURS, OURS_TOO, THEIRS, World, feed_of, ofsted_list, peopled

from placefeed.service.tables import Alert, ApiKey, Listing, Pending

CSV = {"Content-Type": "text/csv"}


def test_an_organisation_is_added_read_and_changed(world: World) -> None:
    body = {
        "id": "vendor-one",
        "kind": "vendor",
        "name": "Vendor One",
        "identifiers": [{"scheme": "GB-COH", "id": "00000009"}],
    }

    made = world.call("operator", "POST", "/v1/organisations", json=body)

    assert made.status_code == 201
    assert body.items() <= made.json().items()
    address = made.headers["location"].removeprefix(BASE)
    assert world.call("operator", "GET", address).json() == made.json()
    assert world.call("operator", "POST", "/v1/organisations", json=body).status_code == 409
    changed = world.call("operator", "PATCH", address, json={"name": "Vendor 1"}).json()
    assert (changed["name"], changed["identifiers"]) == ("Vendor 1", body["identifiers"])
    kinds = {item["kind"] for item in world.call("operator", "GET", "/v1/organisations?kind=vendor").json()["items"]}
    assert kinds == {"vendor"}
    assert world.call("operator", "GET", "/v1/organisations/nobody").status_code == 404


def test_a_new_name_is_on_the_list_at_once(world: World) -> None:
    world.push("provider", feed_of(OURS))
    world.publish()

    world.call("operator", "PATCH", "/v1/organisations/example-homes", json={"name": "Example Houses"})
    world.publish()

    (item,) = world.call("member", "GET", "/v1/listings").json()["items"]
    assert item["setting"]["provider"]["name"] == "Example Houses"


def test_a_consortium_decides_who_sees_what(world: World) -> None:
    world.push("provider", feed_of(OURS))
    world.publish()
    assert world.call("operator", "POST", "/v1/consortia", json={"id": "north", "name": "North"}).status_code == 201
    world.call(
        "operator",
        "POST",
        "/v1/organisations",
        json={"id": "kent", "kind": "member", "name": "Kent", "localAuthority": "E10000016"},
    )
    key = world.call("operator", "POST", "/v1/keys", json={"organisation": "kent", "role": "member"}).json()["key"]
    world.keys["kent"] = key
    member = world.call(
        "operator", "POST", "/v1/consortia/north/members", json={"organisation": "kent", "from": "2026-07-01"}
    )
    assert member.status_code == 201
    world.publish()
    assert world.call("kent", "GET", "/v1/listings").json()["items"] == []

    taken = world.call(
        "operator",
        "POST",
        "/v1/consortia/north/providers",
        json={"organisation": "example-homes", "from": "2026-07-01", "until": "2026-12-31"},
    )
    world.publish()

    assert [item["urn"] for item in world.call("kent", "GET", "/v1/listings").json()["items"]] == [OURS]
    detail = world.call("operator", "GET", "/v1/consortia/north").json()
    assert [each["organisation"] for each in detail["members"]] == ["kent"]
    assert detail["providers"][0] == {
        "id": taken.json()["id"],
        "organisation": "example-homes",
        "from": "2026-07-01",
        "until": "2026-12-31",
    }
    ended = world.call(
        "operator", "PATCH", f"/v1/consortia/north/members/{member.json()['id']}", json={"until": "2026-06-30"}
    )
    assert ended.status_code == 200, ended.text
    world.publish()
    world.clock.move(seconds=10)
    assert world.call("kent", "GET", "/v1/listings").json()["items"] == []
    assert {item["id"] for item in world.call("operator", "GET", "/v1/consortia").json()["items"]} == {"north", "south"}


def test_times_belong_to_their_consortium(world: World) -> None:
    world.call("operator", "POST", "/v1/consortia", json={"id": "north", "name": "North"})
    south = world.call("operator", "GET", "/v1/consortia/south").json()

    for kind in ("members", "providers"):
        answer = world.call(
            "operator", "PATCH", f"/v1/consortia/north/{kind}/{south[kind][0]['id']}", json={"until": "2026-08-01"}
        )
        assert answer.status_code == 404
    assert "until" not in world.call("operator", "GET", "/v1/consortia/south").json()["members"][0], (
        "it was rolled back"
    )
    assert (
        world.call(
            "operator",
            "POST",
            "/v1/consortia/south/members",
            json={"organisation": "example-homes", "from": "2026-07-01"},
        ).status_code
        == 422
    )


def test_a_secret_is_shown_once(world: World) -> None:
    made = world.call(
        "operator",
        "POST",
        "/v1/keys",
        json={"organisation": "example-homes", "role": "provider", "label": "office", "scopes": ["read"]},
    )

    assert made.status_code == 201
    secret = made.json()["key"]
    assert secret.startswith(f"pf_{made.json()['id']}_")
    shown = world.call("operator", "GET", "/v1/keys?organisation=example-homes")
    assert secret not in shown.text
    assert made.json()["id"] in {item["id"] for item in shown.json()["items"]}
    with world.database.read() as session:
        assert all(secret.encode() not in row.digest for row in session.exec(select(ApiKey)))
    assert secret not in world.call("operator", "GET", "/v1/audit").text


def test_a_key_does_only_what_its_scopes_say(world: World) -> None:
    world.keys["reader"] = world.call(
        "operator", "POST", "/v1/keys", json={"organisation": "example-homes", "role": "provider", "scopes": ["read"]}
    ).json()["key"]

    assert world.call("reader", "GET", "/v1/settings").status_code == 200
    refused = world.push("reader", feed_of(OURS))
    assert refused.status_code == 403
    assert "submit" in refused.json()["detail"]


def test_a_key_is_rotated_with_grace_and_revoked(world: World) -> None:
    made = world.call("operator", "POST", "/v1/keys", json={"organisation": "lewisham", "role": "member"}).json()
    world.keys["old"] = made["key"]

    new = world.call("operator", "POST", f"/v1/keys/{made['id']}/rotate", json={"graceSeconds": 3600})
    assert new.status_code == 201
    world.keys["new"] = new.json()["key"]
    assert [world.call(role, "GET", "/v1/settings").status_code for role in ("old", "new")] == [200, 200]
    world.clock.move(seconds=3601)
    assert [world.call(role, "GET", "/v1/settings").status_code for role in ("old", "new")] == [401, 200]
    assert world.call("operator", "POST", f"/v1/keys/{made['id']}/rotate", json={}).status_code == 409

    assert world.call("operator", "DELETE", f"/v1/keys/{new.json()['id']}").json()["revokedAt"]
    assert world.call("new", "GET", "/v1/settings").status_code == 401
    assert world.call("operator", "DELETE", "/v1/keys/nothing").status_code == 404


def test_an_expired_key_is_no_key(world: World) -> None:
    made = world.call(
        "operator",
        "POST",
        "/v1/keys",
        json={"organisation": "lewisham", "role": "member", "expiresAt": "2026-07-01T15:00:00Z"},
    )
    world.keys["short"] = made.json()["key"]
    assert world.call("short", "GET", "/v1/settings").status_code == 200

    world.clock.move(hours=1)

    assert world.call("short", "GET", "/v1/settings").status_code == 401
    past = world.call(
        "operator",
        "POST",
        "/v1/keys",
        json={"organisation": "lewisham", "role": "member", "expiresAt": "2026-07-01T15:00:00"},
    )
    assert past.status_code == 422


def test_the_register_says_whose_a_setting_is_and_the_operator_confirms(world: World) -> None:
    world.call(
        "operator", "POST", "/v1/organisations", json={"id": "new-homes", "kind": "provider", "name": "New Homes"}
    )
    world.call(
        "operator",
        "POST",
        "/v1/register/imports",
        content=ofsted_list(("SC000007", "New Homes Ltd"), ("SC000008", "NEW HOMES LIMITED")),
        headers=CSV,
    )

    proposed = world.call("operator", "GET", "/v1/speaks-for?organisation=new-homes").json()["items"]
    assert {(row["urn"], row["state"]) for row in proposed} == {("SC000007", "proposed"), ("SC000008", "proposed")}
    assert world.call(
        "operator", "POST", "/v1/speaks-for/confirm", json={"organisation": "new-homes", "urns": ["SC000007"]}
    ).json() == {"confirmed": 1}
    assert world.call("operator", "POST", "/v1/speaks-for/refuse", json={"organisation": "new-homes"}).json() == {
        "refused": 1
    }
    assert world.call("operator", "GET", "/v1/speaks-for").json()["items"] == []
    confirmed = world.call("operator", "GET", "/v1/speaks-for?state=confirmed&organisation=new-homes").json()["items"]
    assert [(row["urn"], row["decidedBy"]) for row in confirmed] == [("SC000007", "exchange")]
    assert (
        world.call(
            "operator", "POST", "/v1/speaks-for/confirm", json={"organisation": "new-homes", "urns": [OURS]}
        ).status_code
        == 409
    )
    assert world.call("operator", "GET", "/v1/speaks-for?state=perhaps").status_code == 400


def test_an_organisation_that_came_later_is_proposed_on_request(world: World) -> None:
    world.call(
        "operator", "POST", "/v1/register/imports", content=ofsted_list(("SC000007", "Late Homes Ltd")), headers=CSV
    )
    world.call(
        "operator", "POST", "/v1/organisations", json={"id": "late-homes", "kind": "provider", "name": "Late Homes"}
    )

    assert world.call("operator", "POST", "/v1/speaks-for/proposals").json() == {"proposed": 1}


def test_a_delegate_speaks_until_it_is_revoked(world: World) -> None:
    world.call("operator", "POST", "/v1/organisations", json={"id": "vendor", "kind": "vendor", "name": "Vendor"})
    world.keys["vendor"] = world.call(
        "operator", "POST", "/v1/keys", json={"organisation": "vendor", "role": "provider"}
    ).json()["key"]
    assert world.push("vendor", feed_of(OURS)).status_code == 422

    made = world.call("operator", "POST", "/v1/delegations", json={"provider": "example-homes", "delegate": "vendor"})
    assert made.status_code == 201
    assert world.push("vendor", feed_of(OURS, as_of="2026-07-01T13:55:00Z")).status_code == 201
    world.publish()
    assert len(world.call("member", "GET", "/v1/listings").json()["items"]) == 1

    assert world.call("operator", "DELETE", f"/v1/delegations/{made.json()['id']}").json()["revokedAt"]
    world.publish()
    assert world.call("member", "GET", "/v1/listings").json()["items"] == []
    assert len(world.call("operator", "GET", "/v1/delegations").json()["items"]) == 1


@pytest.fixture
def feed_server() -> Iterator[tuple[str, list[bytes]]]:
    """A provider's own web server on this machine; the list's last item is what it answers."""
    bodies = [orjson.dumps(feed_of(OURS))]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(bodies[-1])))
            self.end_headers()
            self.wfile.write(bodies[-1])

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/feed.json", bodies
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_feed_is_registered_and_polled_now(
    make_app: Callable[..., World], feed_server: tuple[str, list[bytes]]
) -> None:
    world = peopled(make_app(allow_loopback=True))
    body = {
        "id": "example-poll", "organisation": "example-homes", "name": "Example's feed", "transport": "http", "address": feed_server[0],
        "cron": "*/15 * * * *", "credential": "Bearer very-secret", "expectedEvery": 7200,
    }  # fmt: skip

    made = world.call("operator", "POST", "/v1/sources", json=body)

    assert made.status_code == 201, made.text
    assert "very-secret" not in made.text
    assert made.json()["hasCredential"] is True
    polled = world.call("operator", "POST", "/v1/sources/example-poll/polls")
    assert polled.status_code == 200
    assert "lastError" not in polled.json(), polled.text
    assert polled.json()["lastGoodAt"]
    world.publish()
    assert [item["urn"] for item in world.call("member", "GET", "/v1/listings").json()["items"]] == [OURS]
    assert "example-poll" in {item["id"] for item in world.call("operator", "GET", "/v1/sources").json()["items"]}


def test_a_source_is_changed_and_checked(world: World) -> None:
    world.call(
        "operator",
        "POST",
        "/v1/sources",
        json={"id": "s", "organisation": "example-homes", "name": "S", "transport": "push"},
    )

    paused = world.call("operator", "PATCH", "/v1/sources/s", json={"state": "paused", "precedence": 5})
    assert (paused.json()["state"], paused.json()["precedence"], paused.json()["name"]) == ("paused", 5, "S")
    assert world.push("provider", feed_of(OURS), params={"source": "s"}).status_code == 409
    assert world.call("operator", "POST", "/v1/sources/s/polls").status_code == 409
    assert world.call("operator", "GET", "/v1/sources/none").status_code == 404
    bad = {
        "organisation": "example-homes",
        "name": "B",
        "transport": "http",
        "address": "https://example.org/x",
        "cron": "at noon",
    }
    assert world.call("operator", "POST", "/v1/sources", json=bad).json()["errors"][0]["pointer"] == "/cron"


def test_an_ofsted_file_is_taken_in_and_listed(world: World) -> None:
    data = ofsted_list((OURS, "Example Homes Ltd"), ("SC000009", "Someone"))

    made = world.call(
        "operator",
        "POST",
        "/v1/register/imports",
        content=data,
        headers={**CSV, "Content-Disposition": 'attachment; filename="list.csv"'},
    )
    again = world.call("operator", "POST", "/v1/register/imports", content=data, headers=CSV)

    assert (made.status_code, again.status_code) == (201, 200)
    counts = made.json()
    assert (counts["settings"], counts["added"], counts["unchanged"], counts["missing"]) == (2, 1, 1, 0)
    assert (again.json()["added"], again.json()["repeated"]) == (0, True)
    listed = world.call("operator", "GET", "/v1/register/imports").json()["items"]
    assert {item["asAt"] for item in listed} == {"2026-03-31"}
    assert world.call("operator", "GET", f"/v1/register/imports/{counts['id']}").json()["settings"] == 2


def test_an_ofsted_file_that_is_none_is_refused(world: World) -> None:
    for content in (b"a,b\n1,2\n", b"PK\x03\x04nonsense", b"\x00\x01\x02"):
        answer = world.call("operator", "POST", "/v1/register/imports", content=content, headers=CSV)
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert world.call("operator", "POST", "/v1/register/imports", content=b"", headers=CSV).status_code == 400
    assert (
        world.call(
            "operator", "POST", "/v1/register/imports?asAt=1&complete=maybe", content=b"x", headers=CSV
        ).status_code
        == 400
    )


def test_a_setting_that_left_is_delisted_and_somebody_is_told(world: World) -> None:
    world.push("provider", feed_of(OURS, OURS_TOO))
    world.publish()
    newer = ofsted_list((OURS, "Example Homes Ltd"), (THEIRS, "Other Homes Ltd")).replace(b"2026", b"2025")
    first = world.call("operator", "POST", "/v1/register/imports?complete=true", content=newer, headers=CSV)
    assert first.json()["left"] == 0, "an older list takes nobody away"

    world.clock.move(days=30)
    world.push("provider", feed_of(OURS, OURS_TOO, as_of="2026-07-31T13:00:00Z"))
    complete = ofsted_list((OURS, "Example Homes Ltd"), (THEIRS, "Other Homes Ltd")).replace(
        b"31 March 2026", b"30 June 2026"
    )
    left = world.call("operator", "POST", "/v1/register/imports?complete=true", content=complete, headers=CSV)
    world.publish()

    assert left.json()["left"] == 1, left.text
    assert {item["urn"] for item in world.call("member", "GET", "/v1/listings").json()["items"]} == {OURS}
    alerts = world.call("operator", "GET", "/v1/alerts").json()["items"]
    (alert,) = [each for each in alerts if each["kind"] == "register-left"]
    assert world.call("operator", "POST", f"/v1/alerts/{alert['id']}/resolve").json()["resolvedAt"]
    assert alert["id"] not in {each["id"] for each in world.call("operator", "GET", "/v1/alerts").json()["items"]}
    assert alert["id"] in {
        each["id"] for each in world.call("operator", "GET", "/v1/alerts?resolved=true").json()["items"]
    }
    assert world.call("operator", "POST", "/v1/alerts/99999/resolve").status_code == 404


def test_a_certificate_lists_a_new_home(world: World) -> None:
    with world.database.write() as session:
        session.execute(sa.delete(Pending))
    world.call(
        "operator", "POST", "/v1/speaks-for/confirm", json={"organisation": "example-homes", "urns": ["SC000099"]}
    )
    world.push("provider", feed_of("SC000099"))
    world.publish()
    assert world.call("member", "GET", "/v1/listings").json()["items"] == []
    body = {"provisionType": "children-home", "registeredOn": "2026-06-20", "places": 4, "localAuthority": "E09000023"}

    assert world.call("operator", "PUT", "/v1/settings/SC000099/certificate", json=body).status_code == 200
    world.publish()

    assert [item["urn"] for item in world.call("member", "GET", "/v1/listings").json()["items"]] == ["SC000099"]
    assert body.items() <= world.call("operator", "GET", "/v1/settings/SC000099/certificate").json().items()
    assert world.call("operator", "DELETE", "/v1/settings/SC000099/certificate").status_code == 204
    world.publish()
    assert world.call("member", "GET", "/v1/listings").json()["items"] == []
    assert world.call("operator", "GET", "/v1/settings/SC000099/certificate").status_code == 404
    assert world.call("operator", "PUT", "/v1/settings/nonsense/certificate", json=body).status_code == 404


def test_what_was_done_and_read_is_in_the_audit(world: World) -> None:
    world.call("operator", "POST", "/v1/consortia", json={"id": "north", "name": "North"})
    world.push("provider", feed_of(OURS))
    world.publish()
    for _ in range(3):
        world.call("member", "GET", "/v1/listings")
    world.call("member", "GET", f"/v1/settings/{OURS}")
    world.app.state.exchange.reads.flush()

    done = world.call("operator", "GET", "/v1/audit?action=consortium.create").json()["items"]
    read = world.call("operator", "GET", "/v1/audit?organisation=lewisham").json()["items"]

    assert [(row["subject"], row["organisation"], row["role"]) for row in done] == [("north", "exchange", "operator")]
    assert {row["action"] for row in read} >= {"list.read", "setting.read"}
    assert sum(row["times"] for row in read if row["action"] == "list.read") == 3


def test_the_audit_comes_in_pages(world: World) -> None:
    for number in range(5):
        world.call("operator", "POST", "/v1/consortia", json={"id": f"c{number}", "name": "C"})
    found, address = [], "/v1/audit?action=consortium.create&limit=2"
    while address:
        page = world.call("operator", "GET", address).json()
        found += [row["subject"] for row in page["items"]]
        address = page.get("next", "").removeprefix(BASE)

    assert found == [f"c{number}" for number in range(5)]
    later = (world.clock() + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    assert world.call("operator", "GET", f"/v1/audit?since={later}").json()["items"] == []


def test_nothing_that_is_refused_leaves_a_trace(world: World) -> None:
    with world.database.read() as session:
        before = len(session.exec(select(Alert)).all()), len(session.exec(select(Listing)).all())

    world.call("operator", "POST", "/v1/consortia/south/members", json={"organisation": "nobody", "from": "2026-07-01"})

    with world.database.read() as session:
        assert (len(session.exec(select(Alert)).all()), len(session.exec(select(Listing)).all())) == before
    assert world.call("operator", "GET", "/v1/audit?action=consortium.member.add").json()["items"] == []
