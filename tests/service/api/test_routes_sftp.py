"""An SFTP folder from registration to the list: the operator enters keys, files are fetched, members see places."""

from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import orjson
import pytest
from tests.adapters.sftp_server import Server, running
from tests.service.api.exchange import OURS, OURS_TOO, World, feed_of, peopled

from placefeed.adapters.sftp import SftpPull


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setitem(SftpPull.__init__.__kwdefaults__, "settle", 0.0)
    (tmp_path / "account" / "out").mkdir(parents=True)
    with running(Server(tmp_path / "account")) as made:
        yield made


@pytest.fixture
def world(make_app: Callable[..., World]) -> World:
    return peopled(make_app(allow_loopback=True))


def register(world: World, server: Server, **changes: str) -> None:
    body = {
        "id": "homes-sftp", "organisation": "example-homes", "name": "Example's folder", "transport": "sftp",
        "address": server.address("/out"), "credential": server.credential(), **changes,
    }  # fmt: skip
    made = world.call("operator", "POST", "/v1/sources", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["hasCredential"] is True
    assert "PRIVATE" not in made.text


def poll(world: World) -> dict[str, str]:
    answer = world.call("operator", "POST", "/v1/sources/homes-sftp/polls")
    assert answer.status_code == 200
    found: dict[str, str] = answer.json()
    return found


def listed(world: World) -> list[str]:
    world.publish()
    return [item["urn"] for item in world.call("member", "GET", "/v1/listings").json()["items"]]


def drop(server: Server, name: str, document: object) -> None:
    part = server.root / "out" / f"{name}.part"
    part.write_bytes(orjson.dumps(document))
    part.rename(part.with_suffix(""))


def test_a_registered_folder_is_polled_and_its_places_are_listed(world: World, server: Server) -> None:
    register(world, server)
    drop(server, "monday.json", feed_of(OURS))

    assert "lastError" not in poll(world)
    assert listed(world) == [OURS]

    drop(server, "tuesday.json", feed_of(OURS_TOO, as_of="2026-07-01T13:55:00Z"))
    heard = poll(world)
    assert sorted(listed(world)) == [OURS, OURS_TOO]
    assert heard["lastGoodAt"]
    opened = [path for kind, path in server.log if kind == "open"]
    assert [path.rpartition(b"/")[2] for path in opened] == [b"monday.json", b"tuesday.json"], "each file once"


def test_where_its_owner_wants_that_files_end_in_done_and_failed_with_their_reports(
    world: World, server: Server
) -> None:
    out = server.root / "out"
    (out / "done").mkdir()
    (out / "failed").mkdir()
    register(world, server)
    drop(server, "good.json", feed_of(OURS))
    (out / "bad.json").write_bytes(b'{"standard": "somebody else\'s"}')

    poll(world)

    assert listed(world) == [OURS]
    assert orjson.loads((out / "done" / "good.json.report.json").read_bytes())["verdict"] == "accepted"
    assert orjson.loads((out / "failed" / "bad.json.report.json").read_bytes())["verdict"] == "rejected"
    assert sorted(path.name for path in out.iterdir()) == [".working", "done", "failed"]


def test_a_changed_host_key_stops_the_source_until_the_new_one_is_entered(world: World, server: Server) -> None:
    register(world, server)
    drop(server, "monday.json", feed_of(OURS))
    poll(world)
    trusted = server.credential()
    other = server.credential(known_hosts=server.known_hosts(asyncssh.generate_private_key("ssh-ed25519")))
    world.call("operator", "PATCH", "/v1/sources/homes-sftp", json={"credential": other})

    stopped = poll(world)

    assert stopped["state"] == "stopped"
    assert "HOST KEY CHANGED" in stopped["stoppedWhy"]
    alerts = world.call("operator", "GET", "/v1/alerts").json()["items"]
    assert [(alert["kind"], alert["severity"]) for alert in alerts] == [("source-stopped", "urgent")]
    world.call("operator", "PATCH", "/v1/sources/homes-sftp", json={"credential": trusted, "state": "active"})
    drop(server, "tuesday.json", feed_of(OURS_TOO, as_of="2026-07-01T13:55:00Z"))
    assert poll(world)["state"] == "active"
    assert sorted(listed(world)) == [OURS, OURS_TOO]
    assert len([path for kind, path in server.log if path.endswith(b"monday.json")]) == 1, "what was taken stays taken"


def test_what_can_be_wrong_is_said_at_registration(world: World, server: Server) -> None:
    good = server.credential()
    body = {"organisation": "example-homes", "name": "X", "transport": "sftp", "address": server.address("/out")}
    cases: list[tuple[dict[str, str], str, str]] = [
        ({"address": "/srv/drop", "credential": good}, "/address", "sftp://user@host/path"),
        ({"address": "sftp://a:b@127.0.0.1/", "credential": good}, "/address", "Passwords are not used"),
        ({}, "/credential", "one private key"),
        ({"credential": "Bearer x"}, "/credential", "one private key"),
        ({"credential": server.credential(known_hosts="")}, "/credential", "no key of [127.0.0.1]:"),
        ({"credential": good, "address": "sftp://a@files.example/"}, "/credential", "no key of files.example"),
    ]
    for changes, pointer, words in cases:
        refused = world.call("operator", "POST", "/v1/sources", json=body | changes)

        assert refused.status_code == 422, refused.text
        assert refused.json()["errors"][0]["pointer"] == pointer
        assert words in refused.json()["detail"]
    register(world, server)
    moved = world.call("operator", "PATCH", "/v1/sources/homes-sftp", json={"address": "sftp://a@files.example/"})
    assert "no key of files.example" in moved.json()["detail"]
    assert world.call("operator", "PATCH", "/v1/sources/homes-sftp", json={"name": "Y"}).status_code == 200
