"""The commands that go on until they are stopped, and those about subscriptions: what people see, what machines read, how they end."""

import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from rich.console import Console
from typer.testing import CliRunner, Result
from werkzeug import Request, Response

from placefeed.client import Event, Unavailable, cli
from placefeed.client._board import LINGER, Board

RUNNER = CliRunner()
WIDE = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}


def listing(
    id: str, name: str = "Example House", *, places: int = 2, as_of: str = "2026-11-21T17:00:00Z"
) -> dict[str, Any]:
    return {
        "id": id, "urn": "SC000001", "availability": "available", "freshness": "fresh", "clocks": {"asOf": as_of},
        "setting": {"name": name, "localAuthority": {"code": "E06000023", "name": "Bristol"}},
        "vacancy": {"places": places, "from": "2026-12-01"},
    }  # fmt: skip


def frame(event: str, document: Any, id: str | None = None) -> str:
    return (f"id: {id}\n" if id else "") + f"event: {event}\ndata: {json.dumps(document)}\n\n"


def changed(id: str, type: str = "vacancy.changed", number: int = 2, **more: Any) -> dict[str, Any]:
    return {"id": f"1-{number}", "type": type, "types": [type], "timestamp": "2026-11-21T18:00:00Z", "urn": "SC000001", "listingId": id, **more}  # fmt: skip


READY = frame("ready", {"position": 1, "epoch": 1, "total": 1}, "c1")
END = frame("end", {"reason": "access", "detail": "Your key was \x1b[31mrevoked."})


@pytest.fixture
def url(httpserver: HTTPServer) -> str:
    return httpserver.url_for("").rstrip("/")


def run(url: str, *words: str) -> Result:
    return RUNNER.invoke(cli.app, [*words, "--url", url, "--key", "k"], env=WIDE)


def streams(httpserver: HTTPServer, *frames: str) -> None:
    httpserver.expect_request("/v1/listings/stream").respond_with_data(
        "".join(frames), content_type="text/event-stream"
    )


# -- follow --------------------------------------------------------------------------------------------------------


@pytest.fixture
def feed(httpserver: HTTPServer) -> list[dict[str, Any]]:
    """The items of a feed with one page."""
    items: list[dict[str, Any]] = [
        {"state": "updated", "kind": "vacancy", "id": "a", "modified": 4, "data": {"urn": "SC000001", "vacancy": {"places": 1}}},
        {"state": "deleted", "kind": "vacancy", "id": "b\x1b", "modified": 5},
    ]  # fmt: skip

    def page(request: Request) -> Response:
        after = int(request.args.get("afterChangeNumber", 0))
        found = [item for item in items if item["modified"] > after]
        last = found[-1]["modified"] if found else after
        body = {"items": found, "next": f"{request.base_url}?afterChangeNumber={last}"}
        return Response(json.dumps(body), content_type="application/json")

    httpserver.expect_request("/v1/feeds/vacancies").respond_with_handler(page)
    return items


def test_following_once_tells_each_change_and_goes_on_the_next_time(
    url: str, feed: list[dict[str, Any]], tmp_path: Path
) -> None:
    first = run(url, "follow", "--state", str(tmp_path / "cursor"), "--once")
    feed.append({"state": "updated", "kind": "vacancy", "id": "c", "modified": 9, "data": {}})
    second = run(url, "follow", "vacancies", "--state", str(tmp_path / "cursor"), "--once")

    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    assert first.stdout.splitlines() == ["        4  updated  a  SC000001, 1 place", "        5  deleted  b"]
    assert second.stdout.split() == ["9", "updated", "c"]


def test_following_for_machines_is_a_document_a_line(url: str, feed: list[dict[str, Any]]) -> None:
    result = run(url, "follow", "--once", "--json")

    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"state": "updated", "id": "a", "position": 4, "data": feed[0]["data"]},
        {"state": "deleted", "id": "b\x1b", "position": 5},
    ]


def test_a_cursor_that_is_too_old_says_what_to_do(url: str, httpserver: HTTPServer, tmp_path: Path) -> None:
    (tmp_path / "cursor").write_text(f"{url}/v1/feeds/settings?afterChangeNumber=1")
    httpserver.expect_request("/v1/feeds/settings").respond_with_json(
        {"status": 410, "detail": "Too old."}, status=410, content_type="application/problem+json"
    )

    people = run(url, "follow", "settings", "--state", str(tmp_path / "cursor"))
    machines = run(url, "follow", "settings", "--state", str(tmp_path / "cursor"), "--json")

    assert people.exit_code == 1
    assert "Too old." in people.stderr
    assert json.loads(machines.stdout.splitlines()[0])["error"]["kind"] == "Gone"
    assert len(machines.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [("follow", "letters"), ("follow", "--every", "7"), ("subscribe", "create", "fax", "1")]
)
def test_what_makes_no_sense_ends_with_2(url: str, words: tuple[str, ...]) -> None:
    assert run(url, *words).exit_code == 2


def test_without_an_exchange_or_a_key_nothing_is_followed() -> None:
    result = RUNNER.invoke(cli.app, ["follow"], env=WIDE)

    assert result.exit_code == 2
    assert "--url" in result.stderr


# -- stream --------------------------------------------------------------------------------------------------------


def test_a_stream_tells_each_event_on_a_line(url: str, httpserver: HTTPServer) -> None:
    streams(
        httpserver, frame("snapshot", {"items": [listing("a")]}), READY, frame("vacancy.changed", changed("a", listing=listing("a", places=1)), "c2"),
        frame("vacancy.withdrawn", changed("a", "vacancy.withdrawn"), "c3"), END,
    )  # fmt: skip

    result = run(url, "stream", "--snapshot", "--la", "Bristol", "--weekly-at-most", "5500", "--filter", "need=a")

    lines = [line.split() for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert "\x1b" not in result.stderr
    assert [line[0] for line in lines] == ["listed", "ready", "2026-11-21T18:00:00Z", "2026-11-21T18:00:00Z"]
    assert lines[2][1:4] == ["vacancy.changed", "SC000001", "a"]
    assert "1 place," in result.stdout
    assert lines[3][1:] == ["vacancy.withdrawn", "SC000001", "a"]
    asked = httpserver.log[0][0].args
    assert (asked["la"], asked["weeklyAtMostPence"], asked["need"], asked["snapshot"]) == (
        "Bristol",
        "550000",
        "a",
        "true",
    )


def test_a_stream_for_machines_is_a_document_a_line(url: str, httpserver: HTTPServer) -> None:
    streams(httpserver, READY, frame("vacancy.changed", changed("a"), "c2"), END)

    result = run(url, "stream", "--json")

    ready, news, error = [json.loads(line) for line in result.stdout.splitlines()]
    assert (ready["type"], ready["lastEventId"]) == ("ready", "c1")
    assert (news["type"], news["id"], news["lastEventId"]) == ("vacancy.changed", "1-2", "c2")
    assert error["error"]["kind"] == "NotAllowed"
    assert dict(httpserver.log[0][0].args) == {}


def command(url: str, *words: str) -> list[str]:
    return [sys.executable, "-m", "placefeed.client.cli", *words, "--url", url, "--key", "k"]


@pytest.fixture
def endless(httpserver: HTTPServer) -> Iterator[str]:
    """The address of a stream that goes on."""
    ended: list[bool] = []

    def respond(_: Request) -> Response:
        def body() -> Iterator[bytes]:
            yield frame("snapshot", {"items": [listing("a"), listing("b", "Willow \x1b[31mHouse")]}).encode()
            yield READY.encode()
            yield frame("vacancy.changed", changed("a", listing=listing("a", places=3)), "c2").encode()
            while not ended:
                time.sleep(0.05)
                yield b": ping\n\n"

        return Response(body(), content_type="text/event-stream")

    httpserver.expect_request("/v1/listings/stream").respond_with_handler(respond)
    yield httpserver.url_for("").rstrip("/")
    ended.append(True)


def test_ctrl_c_ends_a_stream_cleanly(endless: str) -> None:
    process = subprocess.Popen(command(endless, "stream", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    lines = [json.loads(process.stdout.readline()) for _ in range(3)]

    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)

    assert [line["type"] for line in lines] == ["snapshot", "ready", "vacancy.changed"]
    assert process.returncode == 0
    assert said == b""


def test_whoever_reads_may_stop_reading(httpserver: HTTPServer, url: str) -> None:
    streams(httpserver, READY, *(frame("vacancy.changed", changed("a", number=n), f"c{n}") for n in range(2000)), END)
    process = subprocess.Popen(command(url, "stream", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline()

    process.stdout.close()
    process.stdout = None
    _, said = process.communicate(timeout=30)

    assert process.returncode == 0
    assert said == b""


def test_on_a_terminal_a_stream_is_a_table_that_leaves_the_terminal_as_it_was(endless: str) -> None:
    ours, theirs = pty.openpty()
    env = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen(
        command(endless, "stream", "--snapshot"), stdin=theirs, stdout=theirs, stderr=theirs,
        env=env | {"TERM": "xterm-256color", "COLUMNS": "140", "LINES": "24"},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    deadline = time.monotonic() + 30
    while b"1 changed" not in shown and time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            shown += os.read(ours, 65_536)
    process.send_signal(signal.SIGINT)
    while select.select([ours], [], [], 5.0)[0]:
        try:
            shown += os.read(ours, 65_536)
        except OSError:  # Linux: the other end is closed
            break
    assert process.wait(timeout=30) == 0
    os.close(ours)

    text = shown.decode()
    assert text.count("\x1b[?1049h") == text.count("\x1b[?1049l") == 1
    assert "Willow  [31mHouse" in text
    assert text.rstrip().endswith("2 listings at the end; 0 new, 1 changed, 0 gone while you watched.")


# -- the table -----------------------------------------------------------------------------------------------------


class Clocks:
    seconds = 0.0

    def steady(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 11, 21, 18, 0, tzinfo=UTC)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def board(clocks: Clocks) -> Board:
    board = Board(steady=clocks.steady, now=clocks.now)
    board.take(Event("snapshot", document={"items": [listing("a", "Acorn"), listing("b", "Birch")]}))
    board.take(Event("ready", "c1", {}))
    return board


def drawn(board: Board, *, width: int = 140, height: int = 24, color: bool = False) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, height=height, force_terminal=color, color_system="standard" if color else None, legacy_windows=False
    )  # fmt: skip
    console.print(board)
    return out.getvalue()


def row_of(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if name in line)


def test_the_table_shows_what_there_is_and_how_old_it_is(board: Board) -> None:
    text = drawn(board)

    assert "2 listings" in text
    assert "Live. Last change: nothing yet." in text
    assert "1 h" in row_of(text, "Acorn")
    assert "Bristol" in row_of(text, "Acorn")


def test_rows_that_are_new_changed_or_gone_are_marked_for_a_while(board: Board, clocks: Clocks) -> None:
    board.take(Event("vacancy.changed", "c2", changed("a", listing=listing("a", "Acorn", places=7))))
    board.take(Event("vacancy.published", "c3", changed("c", "vacancy.published", listing=listing("c", "Cedar"))))
    board.take(Event("vacancy.withdrawn", "c4", changed("b", "vacancy.withdrawn")))
    clocks.seconds = LINGER
    marked, colored = drawn(board), drawn(board, color=True)
    clocks.seconds += 0.1
    later = drawn(board)

    assert "~" in row_of(marked, "Acorn")
    assert "+" in row_of(marked, "Cedar")
    assert "-" in row_of(marked, "Birch").replace("2026-12-01", "")
    assert "\x1b[2;9m" in row_of(colored, "Birch"), "struck through"
    assert "\x1b[7m7\x1b" in row_of(colored, "Acorn"), "the cell that changed"
    assert "2 listings" in marked
    assert "1 new, 1 changed, 1 gone" in marked
    assert "Birch" not in later
    assert "~" not in later
    assert "+" not in later
    assert "Last change: 8 s ago" in later


def test_a_row_that_comes_again_is_new(board: Board) -> None:
    board.take(Event("vacancy.withdrawn", "c2", changed("a", "vacancy.withdrawn")))
    board.take(Event("vacancy.published", "c3", changed("a", "vacancy.published", listing=listing("a", "Acorn"))))

    assert "+" in row_of(drawn(board), "Acorn")
    assert "2 listings" in drawn(board)


@pytest.mark.parametrize(("width", "height"), [(140, 24), (80, 24), (60, 12), (200, 50), (30, 8)])
def test_the_table_fits_any_window(board: Board, width: int, height: int) -> None:
    board.take(Event("snapshot", document={"items": [listing(f"x{n}", f"Home {n}") for n in range(300)]}))

    lines = drawn(board, width=width, height=height).splitlines()

    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert f"and {302 - (height - 6)} more" in lines[-1]


def test_what_changed_is_on_top_when_not_all_fits(board: Board) -> None:
    board.take(Event("snapshot", document={"items": [listing(f"x{n}", f"Home {n:03}") for n in range(300)]}))
    board.take(Event("vacancy.changed", "c2", changed("x299", listing=listing("x299", "Home 299", places=9))))

    assert "Home 299" in drawn(board, height=12)


def test_trouble_is_shown_until_something_is_heard(board: Board) -> None:
    board.trouble(Unavailable("The exchange\x1b[31m does not answer."), 30.0)
    troubled = drawn(board, width=200)
    board.take(Event("ready", "c1", {}))

    assert "does not answer. Trying again in 30 s." in troubled
    assert "\x1b" not in troubled
    assert "Trying again" not in drawn(board)


def test_a_reset_empties_the_table(board: Board) -> None:
    board.take(Event("reset"))

    assert "0 listings" in drawn(board)
    assert "Connecting" in drawn(board)
    assert "Acorn" not in drawn(board)


# -- subscribe -----------------------------------------------------------------------------------------------------


def test_subscribing_by_webhook_says_the_secret_once(url: str, httpserver: HTTPServer) -> None:
    made = {"id": "s1", "channel": "webhook", "state": "requested", "secret": "whsec_abc"}
    httpserver.expect_request("/v1/subscriptions", method="POST").respond_with_json(made, status=201)

    result = run(
        url, "subscribe", "create", "webhook", "https://member.example/hook", "--la", "E06000023", "--age", "14", "--title", "Ours",
        "--event", "vacancy.published", "--event", "rate.changed", "--content", "full", "--heartbeat", "600", "--owner-email", "a@b.example",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert "whsec_abc" in result.stdout
    assert "not shown again" in result.stdout
    assert json.loads(httpserver.log[0][0].data) == {
        "title": "Ours", "channel": "webhook", "url": "https://member.example/hook", "events": ["vacancy.published", "rate.changed"],
        "filter": {"la": ["E06000023"], "age": 14}, "content": "full", "heartbeat": 600, "ownerEmail": "a@b.example",
    }  # fmt: skip


def test_subscribing_by_email_says_how_to_confirm(url: str, httpserver: HTTPServer) -> None:
    made = {"id": "s2", "channel": "email", "state": "requested"}
    httpserver.expect_request("/v1/subscriptions", method="POST").respond_with_json(made, status=201)

    result = run(url, "subscribe", "create", "email", "team@member.example", "--at", "07:30", "--attestations")

    assert result.exit_code == 0, result.output
    assert "placefeed subscribe confirm s2 CODE" in result.stdout
    assert json.loads(httpserver.log[0][0].data) == {
        "channel": "email", "email": "team@member.example", "content": "ids", "includeAttestations": True,
        "schedule": {"every": "daily", "at": "07:30"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "method", "path", "answer", "says"),
    [
        (["list"], "GET", "", {"items": [{"id": "s1", "state": "error", "channel": "email", "email": "a@b.example"}]}, "a@b.example"),
        (["list"], "GET", "", {"items": []}, "There is no subscription."),
        (["show", "s1"], "GET", "/s1", {"id": "s1", "filter": {"la": ["E06000023"]}}, '{"la": ["E06000023"]}'),
        (["status", "s1"], "GET", "/s1/status", {"state": "active", "number": 7}, "7"),
        (["pause", "s1"], "POST", "/s1/pause", {"id": "s1"}, "Paused."),
        (["resume", "s1"], "POST", "/s1/resume", {"id": "s1"}, "Resumed."),
        (["rotate-secret", "s1"], "POST", "/s1/rotate-secret", {"secret": "whsec_new"}, "whsec_new"),
        (["test", "s1"], "POST", "/s1/test", {"message": "msg_1"}, "deliveries s1"),
        (["confirm", "s1", "42"], "POST", "/s1/confirm", {"id": "s1"}, "Confirmed."),
        (["events", "s1", "--from", "3"], "GET", "/s1/events", {"items": [{"number": 3, "state": "sent", "events": [{"type": "rate.changed", "urn": "SC000001"}]}]}, "rate.changed"),
        (["events", "s1", "--from", "3"], "GET", "/s1/events", {"items": [{"number": 3, "state": "expired", "events": []}]}, "expired"),
        (["resend", "s1", "--from", "3", "--until", "4"], "POST", "/s1/resend", {"waiting": 2, "missing": 0}, "on their way"),
        (["deliveries", "s1"], "GET", "/s1/deliveries", {"items": [{"at": "t", "kind": "test", "ok": False, "status": 500, "ms": 3, "answer": "sorry\x1b"}]}, "sorry"),
        (["delete", "s1"], "DELETE", "/s1", {}, "Deleted."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("machines", [False, True])
def test_each_command_about_a_subscription(
    url: str, httpserver: HTTPServer, words: list[str], method: str, path: str, answer: Any, says: str, machines: bool
) -> None:
    httpserver.expect_request("/v1/subscriptions" + path, method=method).respond_with_json(answer)

    result = run(url, "subscribe", *words, *(["--json"] if machines else []))

    assert result.exit_code == 0, result.output
    if machines:
        found = json.loads(result.stdout)
        assert found == (answer or {"id": "s1", "deleted": True})
    else:
        assert says in result.stdout
        assert "\x1b" not in result.stdout


@pytest.mark.parametrize("words", [["show", "s9"], ["pause", "s9"], ["delete", "s9"], ["events", "s9", "--from", "1"]])
def test_a_subscription_that_is_not_yours_is_a_message(url: str, httpserver: HTTPServer, words: list[str]) -> None:
    httpserver.expect_request("/v1/subscriptions/s9").respond_with_json(
        {"detail": "You have no such subscription."}, status=404, content_type="application/problem+json"
    )

    result = run(url, "subscribe", *words)

    assert result.exit_code == 1
    assert result.stderr.strip()
