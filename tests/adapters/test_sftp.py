"""SFTP pull against a real server: complete files once, by key and known host alone, whatever the server does."""

import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from placefeed.adapters.addresses import Guard
from placefeed.adapters.base import Adapter, AdapterError, Batch, ChangedShape, Refused, Unreachable
from placefeed.adapters.drops import Acknowledged
from placefeed.adapters.registry import open_source
from placefeed.adapters.sftp import REMEMBERED, NotTaken, SftpPull
from placefeed.adapters.sftp_words import check, folder_of
from placefeed.adapters.testing import CURSOR_LIMIT, Stand, contract
from tests.adapters.sftp_server import USER, Server, running

REPORT = {"verdict": "accepted", "counts": {"records": 1}}
LOOPBACK = Guard(allow_loopback=True)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    root = tmp_path / "account"
    (root / "out").mkdir(parents=True)
    with running(Server(root)) as made:
        yield made


@pytest.fixture
def out(server: Server) -> Path:
    """The folder that is read."""
    return server.root / "out"


def pull(server: Server, path: str = "/out", **options: Any) -> SftpPull:
    given = {"authorization": server.credential(), "guard": LOOPBACK, "timeout": 20, "settle": 0}
    return SftpPull(server.address(path), **(given | options))


def take(adapter: SftpPull, cursor: Any = None, *, report: Any = REPORT) -> list[Batch]:
    """Fetch as the exchange does: each batch is told about, and the cursor goes through JSON."""
    batches = []
    with adapter:
        for batch in adapter.fetch(json.loads(json.dumps(cursor))):
            batches.append(batch)
            (adapter.failed if report["verdict"] == "rejected" else adapter.done)(batch, report)
    return batches


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file() or path.is_symlink())


def moving(out: Path) -> None:
    (out / "done").mkdir()
    (out / "failed").mkdir()


# -- the contract, once for each way to know what was taken ----------------------------------------------------------


class SftpStand:
    """A folder on a server into which files are renamed."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._count = 0

    def adapter(self) -> Adapter:
        return pull(self._server)

    def publish(self, content: bytes) -> None:
        self._count += 1
        part = self._server.root / "out" / f"{self._count}.json.part"
        part.write_bytes(content)
        part.rename(part.with_suffix(""))

    def fail(self) -> None:
        os.rename(self._server.root / "out", self._server.root / "gone")


@contextmanager
def remembering_stand(folder: Path) -> Iterator[Stand]:
    (folder / "account" / "out").mkdir(parents=True)
    with running(Server(folder / "account")) as server:
        yield SftpStand(server)


@contextmanager
def moving_stand(folder: Path) -> Iterator[Stand]:
    with remembering_stand(folder) as stand:
        moving(folder / "account" / "out")
        yield stand


TestSftpRemembering = contract(remembering_stand)
TestSftpMoving = contract(moving_stand)


# -- what was taken --------------------------------------------------------------------------------------------------


def test_the_registry_makes_it_with_what_the_exchange_has_at_hand(server: Server, out: Path) -> None:
    (out / "a.csv").write_bytes(b"urn\n")

    adapter = open_source(
        "sftp", server.address("/out"), content_type=None, authorization=server.credential(), guard=LOOPBACK, timeout=5.0, max_bytes=100,
    )  # fmt: skip

    assert isinstance(adapter, SftpPull)
    assert isinstance(adapter, Acknowledged)


def test_without_done_and_failed_nothing_on_the_server_is_touched(server: Server, out: Path) -> None:
    for name, when in (("b.csv", 1_000), ("a.csv", 3_000), ("c.csv", 2_000)):
        (out / name).write_bytes(name.encode())
        os.utime(out / name, (when, when))

    first = take(pull(server))
    (out / "d.csv").write_bytes(b"new\n")
    second = take(pull(server), first[-1].cursor)
    third = take(pull(server), second[-1].cursor)

    assert [batch.name for batch in first] == ["b.csv", "c.csv", "a.csv"], "oldest first"
    assert [batch.name for batch in second] == ["d.csv"]
    assert third == []
    assert names(out) == ["a.csv", "b.csv", "c.csv", "d.csv"]
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == []
    assert not [entry for entry in server.log if entry[0] == "rename"]


def test_each_cursor_covers_what_was_taken_up_to_it(server: Server, out: Path) -> None:
    for number in range(3):
        (out / f"{number}.csv").write_bytes(b"urn\n")
        os.utime(out / f"{number}.csv", (1_000 + number,) * 2)
    with pull(server) as adapter:
        fetching = adapter.fetch(None)
        first = next(fetching)
        fetching.close()  # the exchange dies here

    assert [batch.name for batch in take(pull(server), first.cursor)] == ["1.csv", "2.csv"]


def test_a_file_that_changed_under_its_name_is_new(server: Server, out: Path) -> None:
    (out / "a.csv").write_bytes(b"first\n")
    [first] = take(pull(server))
    (out / "a.csv").write_bytes(b"second, longer\n")

    [second] = take(pull(server), first.cursor)

    assert second.content == b"second, longer\n"


def test_a_taken_file_is_moved_with_its_report_where_the_owner_wants_that(server: Server, out: Path) -> None:
    moving(out)
    (out / "good.csv").write_bytes(b"urn\n")
    [good] = take(pull(server))
    (out / "bad.csv").write_bytes(b"nonsense\n")

    [bad] = take(pull(server), good.cursor, report={"verdict": "rejected"})

    assert (good.name, good.content, good.content_type) == ("good.csv", b"urn\n", "text/csv")
    assert bad.content == b"nonsense\n"
    assert names(out) == names(out / ".working") == []
    assert names(out / "done") == ["good.csv", "good.csv.report.json"]
    assert names(out / "failed") == ["bad.csv", "bad.csv.report.json"]
    assert json.loads((out / "done" / "good.csv.report.json").read_bytes()) == REPORT


def test_nothing_in_done_is_overwritten(server: Server, out: Path) -> None:
    moving(out)
    (out / "done" / "a.csv.report.json").write_text("mine")
    for content in (b"first\n", b"second\n"):
        (out / "a.csv").write_bytes(content)
        assert len(take(pull(server))) == 1

    kept = {path.read_bytes() for path in (out / "done").iterdir() if path.suffix == ".csv"}
    assert kept == {b"first\n", b"second\n"}
    assert (out / "done" / "a.csv.report.json").read_text() == "mine"
    assert len(names(out / "done")) == 5


def test_what_a_dead_reader_left_behind_comes_again_and_first(server: Server, out: Path) -> None:
    moving(out)
    (out / "z.csv").write_bytes(b"older\n")
    with pull(server) as dead:
        list(dead.fetch(None))  # and nobody says what became of it
    (out / "a.csv").write_bytes(b"newer\n")
    os.utime(out / "a.csv", (1_000, 1_000))

    batches = take(pull(server))

    assert [batch.name for batch in batches] == ["z.csv", "a.csv"]
    assert names(out / ".working") == []


def test_a_newer_file_of_the_same_name_is_never_put_away_for_an_older_one(server: Server, out: Path) -> None:
    moving(out)
    (out / "a.csv").write_bytes(b"first\n")
    with pull(server) as adapter:
        [first] = adapter.fetch(None)
        (out / "a.csv").write_bytes(b"second\n")
        adapter.done(first, REPORT)

    assert (out / "a.csv").read_bytes() == b"second\n"
    assert [batch.content for batch in take(pull(server))] == [b"second\n"]


def test_files_already_taken_are_left_alone_when_done_and_failed_are_made_later(server: Server, out: Path) -> None:
    (out / "old.csv").write_bytes(b"urn\n")
    [old] = take(pull(server))
    moving(out)
    (out / "new.csv").write_bytes(b"urn\n")

    [new] = take(pull(server), old.cursor)

    assert new.name == "new.csv"
    assert take(pull(server), new.cursor) == []
    assert names(out) == ["old.csv"]


@pytest.mark.parametrize("claim", [None, "", "12345678", "../../out/a.csv"])
def test_only_what_was_given_out_is_put_away(server: Server, out: Path, claim: str | None) -> None:
    moving(out)
    with pull(server) as adapter:
        list(adapter.fetch(None))

        with pytest.raises(AdapterError):
            adapter.done(Batch(b"", "text/csv", {"claim": claim}, name="a.csv"), REPORT)


def test_a_report_that_cannot_be_written_leaves_the_file_to_come_again(server: Server, out: Path) -> None:
    moving(out)
    (out / "a.csv").write_bytes(b"urn\n")
    with pull(server) as adapter:
        [batch] = adapter.fetch(None)
        server.writable = False
        with pytest.raises(Unreachable, match="cannot be moved into done/"):
            adapter.done(batch, REPORT)
    server.writable = True

    assert [batch.name for batch in take(pull(server))] == ["a.csv"]


def test_done_and_failed_in_a_folder_that_may_not_be_written_are_said(server: Server, out: Path) -> None:
    moving(out)
    server.writable = False

    with pytest.raises(NotTaken, match="cannot be made"):
        take(pull(server))


# -- what is complete ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.csv.part", "a.csv.PART", "a.tmp", ".a.csv", "~$a.xlsx", "a.csv.filepart"])
def test_an_upload_under_way_is_left_alone(server: Server, out: Path, name: str) -> None:
    (out / name).write_bytes(b"half")

    assert take(pull(server)) == []


def test_a_file_renamed_into_place_arrives_whole(server: Server, out: Path) -> None:
    (out / "a.csv.part").write_bytes(b"urn\nSC000001\n")
    before = take(pull(server))
    (out / "a.csv.part").rename(out / "a.csv")

    [batch] = take(pull(server))

    assert before == []
    assert batch.content == b"urn\nSC000001\n"


@pytest.mark.parametrize("moves", [False, True])
def test_a_half_written_file_waits_until_it_stands_still(server: Server, out: Path, moves: bool) -> None:
    if moves:
        moving(out)
    (out / "a.csv").write_bytes(b"urn\n")
    (out / "b.csv").write_bytes(b"whole\n")

    def go_on_writing(_: float) -> None:
        with (out / "a.csv").open("ab") as file:
            file.write(b"SC000001\n")

    first = take(pull(server, sleep=go_on_writing))
    second = take(pull(server), first[-1].cursor)

    assert [batch.name for batch in first] == ["b.csv"]
    assert [(batch.name, batch.content) for batch in second] == [("a.csv", b"urn\nSC000001\n")]


@pytest.mark.parametrize("moves", [False, True])
def test_a_file_that_grows_while_it_is_read_is_not_taken_yet(server: Server, out: Path, moves: bool) -> None:
    if moves:
        moving(out)
    (out / "a.csv").write_bytes(b"urn\n")

    def grow(_: Server, path: bytes, offset: int) -> None:
        server.on_read = lambda *_: None
        file = next(path for path in out.rglob("*a.csv"))
        with file.open("ab") as end:
            end.write(b"SC000001\n")

    server.on_read = grow
    first = take(pull(server))
    second = take(pull(server))

    assert first == []
    assert [(batch.name, batch.content) for batch in second] == [("a.csv", b"urn\nSC000001\n")]


def test_it_waits_between_its_looks_only_where_something_is_new(server: Server, out: Path) -> None:
    (out / "a.csv").write_bytes(b"urn\n")
    waits: list[float] = []
    [batch] = take(pull(server, settle=5.0, sleep=waits.append))

    take(pull(server, settle=5.0, sleep=waits.append), batch.cursor)

    assert waits == [5.0]


# -- what is not read ------------------------------------------------------------------------------------------------


def test_a_link_is_never_read(server: Server, out: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("key")
    server.chroot = False
    (out / "a.csv").symlink_to(tmp_path / "secret.csv")
    (out / "b.csv").write_bytes(b"urn\n")
    batches = []

    with pytest.raises(NotTaken, match=r"“a[.]csv”: This is a link"), pull(server, str(out)) as adapter:
        batches.extend(adapter.fetch(None))

    assert [batch.name for batch in batches] == ["b.csv"]
    assert not [path for kind, path in server.log if kind == "open" and path.endswith(b"a.csv")]


def test_a_link_a_pipe_and_a_letter_end_in_failed_with_a_report(server: Server, out: Path) -> None:
    moving(out)
    (out / "a.csv").symlink_to("/etc/passwd")
    os.mkfifo(out / "pipe.csv")
    (out / "letter.pdf").write_bytes(b"%PDF-1.7")
    (out / "b.csv").write_bytes(b"urn\n")

    batches = take(pull(server))

    rules = {
        path.name: json.loads(path.read_bytes())["issues"][0]["rule"] for path in (out / "failed").glob("*.report.json")
    }
    assert [batch.name for batch in batches] == ["b.csv"]
    assert rules == {
        "a.csv.report.json": "file-symlink",
        "pipe.csv.report.json": "file-not-a-file",
        "letter.pdf.report.json": "file-unknown-format",
    }
    assert (out / "failed" / "a.csv").is_symlink()


@pytest.mark.parametrize("name", ["done", "failed"])
def test_a_done_that_leads_elsewhere_is_none(server: Server, out: Path, name: str) -> None:
    moving(out)
    (out / name).rmdir()
    (server.root / "elsewhere").mkdir()
    (out / name).symlink_to(server.root / "elsewhere")
    (out / "a.csv").write_bytes(b"urn\n")

    with pytest.raises(NotTaken, match=name):
        take(pull(server))

    assert names(out) == ["a.csv", name]
    assert not [entry for entry in server.log if entry[0] == "rename"]


def test_a_huge_file_is_not_even_asked_for_and_stops_no_other(server: Server, out: Path) -> None:
    with (out / "huge.csv").open("wb") as file:
        file.truncate(10 * 1024**4)
    (out / "small.csv").write_bytes(b"x" * 100)
    batches = []

    with pytest.raises(NotTaken, match="larger than 100 bytes"), pull(server, max_bytes=100) as adapter:
        batches.extend(adapter.fetch(None))

    assert [batch.name for batch in batches] == ["small.csv"]
    assert not [path for kind, path in server.log if path.endswith(b"huge.csv")]


def test_a_file_that_is_sent_short_is_not_taken_in_silence(server: Server, out: Path) -> None:
    (out / "a.csv").write_bytes(b"urn\n")
    server.lie = 10

    with pytest.raises(NotTaken, match="sent 4 bytes of a file that it says has 14"):
        take(pull(server))


def test_a_name_cannot_write_to_somebodys_terminal(server: Server, out: Path) -> None:
    (out / "a\x1b[2J\n.csv").write_bytes(b"urn\n")

    [batch] = take(pull(server))

    assert batch.name == "a\ufffd[2J\ufffd.csv"


def test_all_files_of_one_fetch_stay_within_the_limit(server: Server, out: Path) -> None:
    for number in range(5):
        (out / f"{number}.csv").write_bytes(b"x" * 40)
    first = take(pull(server, max_bytes=100))
    second = take(pull(server, max_bytes=100), first[-1].cursor)
    third = take(pull(server, max_bytes=100), second[-1].cursor)

    assert [len(batches) for batches in (first, second, third)] == [2, 2, 1]


def test_of_ten_thousand_names_the_newest_are_taken_and_the_rest_is_said(
    server: Server, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placefeed.adapters.sftp.AT_ONCE", 5)
    for number in range(10_000):
        path = out / f"{number:05}.csv"
        path.touch()
        os.utime(path, (1_000 + number, 1_000 + number))
    batches: list[Batch] = []

    with pytest.raises(NotTaken, match="9,200 files older than the newest 800"), pull(server) as adapter:
        batches.extend(adapter.fetch(None))

    assert [batch.name for batch in batches] == [f"{10_000 - REMEMBERED + number:05}.csv" for number in range(5)]


def test_a_full_memory_is_a_small_cursor(server: Server, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placefeed.adapters.sftp.REMEMBERED", 50)
    for number in range(50):
        (out / f"{'ä' * 100}{number:02}.csv").touch()

    *_, last = take(pull(server))

    assert take(pull(server), last.cursor) == []
    assert len(last.cursor["taken"]) == 50 * 8
    assert len(json.dumps(last.cursor)) + (REMEMBERED - 50) * 8 <= CURSOR_LIMIT


def test_a_server_that_lists_names_without_end_is_stopped(server: Server, out: Path) -> None:
    server.names = [b"%d.csv" % number for number in range(20_001)]

    with pytest.raises(ChangedShape, match="more than 20,000 names"):
        take(pull(server))


@pytest.mark.parametrize("name", [b"../secret.csv", b"/etc/passwd", b"a/b.csv"])
def test_a_name_that_is_a_path_is_never_used(server: Server, out: Path, name: bytes) -> None:
    server.names = [name]

    with pytest.raises(NotTaken, match="whose name is a path"):
        take(pull(server))

    assert server.log == []


@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize(("raw", "shown"), [(b"Pl\xe4tze.csv", "Plätze.csv"), ("Plätze.csv".encode(), "Plätze.csv")])
def test_a_name_in_any_encoding_is_taken_and_put_away_as_it_is(
    server: Server, out: Path, raw: bytes, shown: str, moves: bool
) -> None:
    if moves:
        moving(out)
    path = os.fsencode(out) + b"/" + raw
    with open(path, "wb") as file:
        file.write(b"urn\n")

    [batch] = take(pull(server))

    assert (batch.name, batch.content) == (shown, b"urn\n")
    assert take(pull(server), batch.cursor) == []
    assert os.path.exists(os.fsencode(out) + (b"/done/" if moves else b"/") + raw)


@pytest.mark.parametrize("path", ["/out/../..", "/../etc", "/out/.", "/out%2F..%2F..", "/out%00"])
def test_an_address_cannot_climb(server: Server, path: str) -> None:
    with pytest.raises(Refused, match="path-escape"):
        take(pull(server, path))


def test_the_accounts_root_and_a_path_below_its_home_are_folders_too(server: Server, out: Path) -> None:
    (server.root / "top.csv").write_bytes(b"urn\n")
    (out / "below.csv").write_bytes(b"urn\n")

    assert [batch.name for batch in take(pull(server, "/"))] == ["top.csv"]
    assert [batch.name for batch in take(pull(server, ""))] == ["top.csv"]
    assert [batch.name for batch in take(pull(server, "/~/out/"))] == ["below.csv"]
    assert [batch.name for batch in take(pull(server, "/~"))] == ["top.csv"]


# -- who is there ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
def test_another_host_key_is_refused_loudly_before_anything_is_said(server: Server, out: Path, kind: str) -> None:
    (out / "a.csv").write_bytes(b"urn\n")
    credential = server.credential(known_hosts=server.known_hosts(asyncssh.generate_private_key(kind)))

    with pytest.raises(Refused, match="HOST KEY CHANGED") as caught:
        take(pull(server, authorization=credential))

    assert caught.value.rule == "host-key"
    assert server.host_key.get_fingerprint() in str(caught.value), "what its owner is asked about"
    assert server.log == []


def test_a_revoked_host_key_is_refused(server: Server) -> None:
    hosts = server.known_hosts() + "@revoked " + server.known_hosts()

    with pytest.raises(Refused, match="HOST KEY CHANGED"):
        take(pull(server, authorization=server.credential(known_hosts=hosts)))


def test_a_hashed_line_and_one_without_port_name_the_host_too(server: Server, out: Path) -> None:
    (out / "a.csv").write_bytes(b"urn\n")
    plain = f"127.0.0.1 {server.host_key.export_public_key().decode()}"

    assert len(take(pull(server, authorization=server.credential(known_hosts="# ours\n\n" + plain)))) == 1


def test_known_hosts_of_this_machine_are_none(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home" / ".ssh"
    home.mkdir(parents=True)
    (home / "known_hosts").write_text(server.known_hosts())
    (home / "id_ed25519").write_bytes(server.ours.export_private_key())
    (home / "config").write_text("Host *\n  HostName 192.0.2.1\n  StrictHostKeyChecking no\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    other = asyncssh.generate_private_key("ssh-ed25519")

    with pytest.raises(Refused, match="HOST KEY CHANGED"):
        take(pull(server, authorization=server.credential(known_hosts=server.known_hosts(other))))
    with pytest.raises(ChangedShape, match="does not accept our key"):
        take(pull(server, authorization=server.credential(key=other)))


def test_a_key_that_the_server_does_not_know_says_which_to_enter(server: Server) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")

    with pytest.raises(ChangedShape) as caught:
        take(pull(server, authorization=server.credential(key=other)))

    public = " ".join(other.export_public_key().decode().split()[:2])
    assert public in str(caught.value)
    assert "PRIVATE" not in str(caught.value)


def test_a_server_that_wants_a_password_gets_none(tmp_path: Path) -> None:
    with running(Server(tmp_path, password="secret")) as server, pytest.raises(ChangedShape, match="passwords"):
        take(pull(server, "/"))


def test_a_server_without_sftp_says_so(tmp_path: Path) -> None:
    with running(Server(tmp_path, sftp=False)) as server, pytest.raises(ChangedShape, match="offers no SFTP"):
        take(pull(server, "/"))


# -- an address that is none of ours, a server that fails ------------------------------------------------------------


def test_a_private_address_is_refused_before_it_is_asked(server: Server) -> None:
    with pytest.raises(Refused) as caught:
        take(pull(server, guard=Guard()))

    assert caught.value.rule == "loopback-address"
    assert server.connections == []


def test_the_address_that_was_checked_is_the_one_that_is_asked(server: Server, out: Path) -> None:
    (out / "a.csv").write_bytes(b"urn\n")
    asked: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["192.0.2.1"]

    line = f"[files.example]:{server.port} {server.host_key.export_public_key().decode()}"
    adapter = SftpPull(
        server.address("/out", host="files.example"), authorization=server.credential(known_hosts=line), settle=0, timeout=20,
        guard=Guard(allow=["files.example"], resolver=resolver),
    )  # fmt: skip

    assert len(take(adapter)) == 1
    assert asked == ["files.example"]


def test_an_unknown_name_is_tried_again() -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    credential = key.export_private_key().decode() + "files.example " + key.export_public_key().decode()

    def nowhere(*_: object) -> list[str]:
        raise socket.gaierror("no such name")

    adapter = SftpPull(
        "sftp://a@files.example/", authorization=credential, guard=Guard(allow=["files.example"], resolver=nowhere)
    )
    with pytest.raises(Unreachable, match=r"files\.example is not known"):
        take(adapter)


def test_a_server_that_is_gone_is_tried_again(server: Server, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        server.port = closed.getsockname()[1]

        with pytest.raises(Unreachable, match="does not answer"):
            take(pull(server))


def test_a_folder_that_is_gone_stops_the_source(server: Server) -> None:
    with pytest.raises(ChangedShape, match="/elsewhere is not on the server"):
        take(pull(server, "/elsewhere"))


def test_a_folder_that_is_closed_to_us_stops_the_source(server: Server) -> None:
    server.closed = True

    with pytest.raises(ChangedShape, match="does not let placefeed look into /out"):
        take(pull(server))


@pytest.mark.parametrize("moves", [False, True])
def test_a_connection_cut_in_mid_read_loses_nothing(server: Server, out: Path, moves: bool) -> None:
    if moves:
        moving(out)
    content = os.urandom(3_000_000).hex().encode()
    (out / "a.csv").write_bytes(b"urn\n")
    (out / "b.csv").write_bytes(content)
    os.utime(out / "a.csv", (1_000, 1_000))

    def cut(server: Server, path: bytes, offset: int) -> None:
        if offset > 1_000_000:
            server.on_read = lambda *_: None
            server.cut()

    server.on_read = cut
    first: list[Batch] = []
    with pull(server) as adapter:
        fetching = adapter.fetch(None)
        first.append(next(fetching))
        adapter.done(first[0], REPORT)
        with pytest.raises(Unreachable, match="broke off"):
            next(fetching)
    second = take(pull(server), first[-1].cursor)

    assert [batch.name for batch in first] == ["a.csv"]
    assert [(batch.name, batch.content) for batch in second] == [("b.csv", content)]


def _talker(say: Callable[[socket.socket], None]) -> tuple[socket.socket, threading.Thread]:
    """A server that is none."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        stream, _ = listener.accept()
        with stream:
            try:
                say(stream)
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    return listener, thread


@pytest.mark.parametrize(
    "say",
    [
        lambda stream: stream.sendall(b"HTTP/1.1 200 OK\r\n\r\n"),
        lambda stream: stream.sendall(b"SSH-2.0-x\r\n" + b"\xff" * 100_000),
        lambda stream: stream.sendall(b"SSH-2.0-x\r\n" + b"\x00\x00\x00\x0c\x04\x14" + b"\x00" * 100),
        lambda stream: stream.sendall(b"x" * 10_000_000),
        lambda stream: stream.recv(1),
    ],
    ids=["http", "noise", "half-a-packet", "no-line", "hangs-up"],
)
def test_something_that_is_no_ssh_server_is_tried_again(server: Server, say: Callable[[socket.socket], None]) -> None:
    listener, thread = _talker(say)
    with listener:
        server.port = listener.getsockname()[1]
        with pytest.raises(Unreachable):
            take(pull(server, timeout=5))
    thread.join()


@pytest.mark.parametrize(
    "words",
    [
        b"\xff" * 300,
        b"\0\0\0\1\x65",
        b"\0\0\0\5\x68\0\0\0\0",
        b"\0\0\0\x09\x69\0\0\0\0\0\0\0\x0d",
        b"\0\0\0\0",
    ],
    ids=["noise", "no id", "half a listing", "half of attributes", "empty"],
)
def test_a_server_whose_answers_make_no_sense_is_tried_again(tmp_path: Path, words: bytes) -> None:
    with running(Server(tmp_path, nonsense=words)) as server, pytest.raises(Unreachable):
        take(pull(server, timeout=5))


def test_a_server_that_says_nothing_is_left_in_time(server: Server) -> None:
    ended = threading.Event()
    listener, thread = _talker(lambda _: ended.wait(30))
    with listener:
        server.port = listener.getsockname()[1]
        with pytest.raises(Unreachable, match=r"not done within 0\.3 seconds"):
            take(pull(server, timeout=0.3))
    ended.set()
    thread.join()


def test_a_file_that_drips_ends_with_the_fetch(server: Server, out: Path) -> None:
    (out / "a.csv").write_bytes(b"x" * 3_000_000)
    stuck = threading.Event()
    server.on_read = lambda *_: (stuck.wait(1.5) and None) or None

    with pytest.raises(Unreachable, match="not done within"):
        take(pull(server, timeout=0.5))

    stuck.set()


def test_the_line_stays_alive_while_a_file_is_worked_on(server: Server, out: Path) -> None:
    moving(out)
    (out / "a.csv").write_bytes(b"urn\n")
    with pull(server) as adapter:
        [batch] = adapter.fetch(None)
        [line] = server.connections
        # A request of the server's own, as its keep-alives are: somebody must be there to answer.
        asyncio_answer = threading.Event()

        async def ask() -> None:
            await line._make_global_request(b"keepalive@openssh.com")
            asyncio_answer.set()

        line._loop.call_soon_threadsafe(lambda: line.create_task(ask()))
        assert asyncio_answer.wait(10)
        adapter.done(batch, REPORT)

    assert names(out / "done") == ["a.csv", "a.csv.report.json"]


def test_nothing_is_left_running(server: Server, out: Path) -> None:
    (out / "a.csv").write_bytes(b"urn\n")
    before = set(threading.enumerate())
    take(pull(server))
    forgotten = pull(server)
    next(forgotten.fetch(None))

    del forgotten

    assert {thread for thread in threading.enumerate() if thread.name == "sftp"} - before == set()


# -- what a source is registered with --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("https://a@files.example/", "url"),
        ("sftp://files.example/out", "url"),
        ("sftp://a@/out", "url"),
        ("sftp://a@files.example:0/out", "url"),
        ("sftp://a@files.example:99999/out", "url"),
        ("sftp://a@files.example/o ut", "url"),
        ("sftp://a@files.example/out?x=1", "url"),
        ("sftp://a@[::1/out", "url"),
        ("sftp://a:secret@files.example/out", "url-credentials"),
        ("sftp://a@files.example/out/../..", "path-escape"),
    ],
)
def test_an_address_that_is_none_is_refused(address: str, rule: str) -> None:
    with pytest.raises(Refused) as caught:
        folder_of(address)

    assert caught.value.rule == rule
    assert "secret" not in str(caught.value)


def test_an_address_is_taken_apart() -> None:
    assert folder_of("sftp://lst%40north@Files.Example:2222/out/pl%C3%A4tze/").__dict__ == {
        "host": "files.example",
        "port": 2222,
        "user": "lst@north",
        "path": "/out/plätze".encode(),
    }


def _credential(kind: str) -> str:
    key, host = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    private = key.export_private_key().decode()
    line = f"files.example {host.export_public_key().decode()}"
    return {
        "no key": line,
        "two keys": private + private + line,
        "a public key": key.export_public_key().decode() + line,
        "a passphrase": key.export_private_key("pkcs8-pem", passphrase="x").decode() + line,
        "a damaged key": private.replace("A", "B") + line,
        "no host": private,
        "another host": private + line.replace("files.example", "other.example"),
        "another port alone": private + line.replace("files.example", "[files.example]:2222"),
        "a line cut off": private + line[:40],
        "an unknown marker": private + "@trust " + line,
        "nonsense": private + "hello",
        "a password": "hunter2",
        "nothing": "",
        "only a revoked key": private + "@revoked " + line,
        "good": private + line,
        "windows": (private + line).replace("\n", "\r\n"),
        "an authority": private + "@cert-authority *.example,!bad.example " + line.partition(" ")[2],
        "the lines first": line + "\n" + private,
    }[kind]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("no key", "one private key"),
        ("two keys", "one private key"),
        ("a public key", "one private key"),
        ("a passphrase", "passphrase"),
        ("a damaged key", "cannot be read"),
        ("no host", "no key of files.example"),
        ("another host", "no key of files.example"),
        ("another port alone", "no key of files.example"),
        ("a line cut off", "Line 1 of the known hosts"),
        ("an unknown marker", "Line 1 of the known hosts"),
        ("nonsense", "Line 1 of the known hosts"),
        ("a password", "one private key"),
        ("nothing", "one private key"),
        ("only a revoked key", "no key of files.example"),
    ],
)
def test_a_credential_that_will_not_do_says_what_is_wrong(kind: str, words: str) -> None:
    credential = _credential(kind)

    with pytest.raises(Refused, match=words) as caught:
        check("sftp://a@files.example/", credential)

    assert "hunter2" not in str(caught.value)
    assert not any(line in str(caught.value) for line in credential.splitlines() if len(line) > 30)


@pytest.mark.parametrize("kind", ["good", "windows", "an authority", "the lines first"])
def test_a_credential_that_will_do(kind: str) -> None:
    keys = check("sftp://a@files.example/", _credential(kind))

    assert keys.public.startswith("ssh-ed25519 ")
    assert "PRIVATE" not in repr(keys)


def test_a_server_with_a_certified_host_key_is_known_by_its_authority(tmp_path: Path) -> None:
    authority = asyncssh.generate_private_key("ssh-ed25519")
    host = asyncssh.generate_private_key("ssh-ed25519")
    certificate = authority.generate_host_certificate(host, "files", principals=["127.0.0.1"])
    (tmp_path / "a.csv").write_bytes(b"urn\n")
    with running(Server(tmp_path, host_key=host, certificate=certificate)) as server:
        line = f"@cert-authority [127.0.0.1]:{server.port} {authority.export_public_key().decode()}"

        assert len(take(pull(server, "/", authorization=server.credential(known_hosts=line)))) == 1


def test_the_log_says_nothing_of_keys(server: Server, out: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="asyncssh")
    (out / "a.csv").write_bytes(b"urn\n")

    take(pull(server))

    assert USER in caplog.text
    assert "PRIVATE" not in caplog.text
