"""Checking without sending: the verdict of `placefeed validate`, for anybody, and nothing is kept."""

import logging
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa
from httpx2 import Response

from placefeed.client._checking import CannotRead, check_file
from placefeed.schema.files import find
from placefeed.service.intake import checking
from placefeed.service.tables import metadata
from tests.browser.looking import assert_parses
from tests.service.api.exchange import OURS, World, feed_of
from tests.service.pages.conftest import Browser
from tests.service.test_personal_data import BORN, FORMS, NEEDLES, NHS, ROW, SHEET, sheets_with

Visit = Callable[..., Browser]
FINE, WRONG, UNREAD = "Nothing is wrong with", "Something is wrong with", "We could not read"


def check(browser: Browser, content: bytes = b"", name: str = "", **fields: str) -> Response:
    return browser.post("/check", fields, files={"file": (name, content, "application/octet-stream")})


def rows_of(world: World) -> dict[str, int]:
    with world.database.read() as session:
        return {
            table.name: session.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def files_of(world: World) -> set[str]:
    return {path.name for path in world.settings.data.rglob("*")}


def test_the_page_agrees_with_the_command_on_every_example(world: World, visit: Visit) -> None:
    world.clock.move(days=160)  # the examples are of November 2026
    disagreed = []
    good = 0
    for path in sorted(find("examples").rglob("*.*json")):
        try:
            expected = FINE if check_file(path, now=world.clock()).ok else WRONG
        except CannotRead:
            expected = UNREAD
        found = checking.check(path.read_bytes(), content_type="application/json", now=world.clock())
        good += found.ok
        said = UNREAD if found.unread else FINE if found.ok else WRONG
        if said != expected:
            disagreed.append(f"{path.name}: {said}, not {expected}")
    assert disagreed == []
    assert good > 10
    browser = visit()
    for name in ("valid/feed-home-of-four.json", "valid/feed-three-lines.ndjson", "invalid/personal-name.json"):
        path = find("examples", *name.split("/"))
        expected = FINE if check_file(path, now=world.clock()).ok else WRONG
        answer = check(browser, path.read_bytes(), path.name)
        assert answer.status_code == 200
        assert expected in answer.text, name
        assert_parses(answer.text)
    alone = find("examples", "valid", "vacancy-home-of-four.json")
    assert FINE in check(browser, alone.read_bytes(), alone.name, kind="vacancy").text


def test_sheets_are_checked_at_their_cells_and_what_is_none_is_said(world: World, visit: Visit) -> None:
    rows = [SHEET, [*ROW[:2], "many", *ROW[3:]]]
    for name, (write, _kind) in FORMS.items():
        page = check(visit(), write(rows), f"a.{name}").text
        assert WRONG in page
        assert "ow 2, column Places (C)" in page, name

    for name, content in (
        ("photo.jpg", b"\xff\xd8\xff\xe0 JFIF"),
        ("a.xlsx", b"PK\x03\x04 nothing"),
        ("a.pdf", b"%PDF-1.7"),
    ):
        page = check(visit(), content, name)
        assert page.status_code == 200
        assert UNREAD in page.text, name
        assert_parses(page.text)

    nothing = check(visit())
    both = check(visit(), b"URN\n", "a.csv", paste="URN")
    kind = check(visit(), b"{}", "a.json", kind="nonsense")
    for answer, said in ((nothing, "Choose a file, paste"), (both, "one thing at a time"), (kind, "Choose one of")):
        assert answer.status_code == 422
        assert said in answer.text
        assert_parses(answer.text)
    pasted = check(visit(), paste=orjson.dumps(feed_of(OURS)).decode())
    assert FINE in pasted.text


def test_nothing_is_kept_or_repeated(
    world: World, visit: Visit, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    rows, files, plain = rows_of(world), files_of(world), {path.name for path in Path(tempfile.gettempdir()).iterdir()}
    browser = visit()
    marker = "Marker-93571"
    pages = [check(browser, paste=f"URN,Places\n{marker},x\n").text]
    planted = [sheet for what in (NHS, BORN) for sheet in sheets_with(what)]
    for number, sheet in enumerate(planted):
        form = list(FORMS)[number % 3]
        pages.append(check(browser, FORMS[form][0](sheet), f"{NHS} {number}.{form}").text)
    feed = feed_of(OURS)
    feed["settings"][0]["vacancies"][0]["notes"] = f"{NHS} {BORN}"
    feed["settings"][0][f"x {NHS}"] = 1
    pages.append(check(browser, orjson.dumps(feed), "a.json").text)
    large = b"URN,Places\n" + f"SC000001,{marker}\n".encode() * 80_000
    pages.append(check(browser, large, "large.csv").text)

    repeated = [page[:200] for page in pages if any(needle.decode() in page for needle in NEEDLES)]
    assert repeated == []
    assert "data about a person" in pages[1]
    assert rows_of(world) == rows
    assert files_of(world) == files
    said = capfd.readouterr()
    new = [path for path in Path(tempfile.gettempdir()).iterdir() if path.name not in plain and path.is_file()]
    kept = [path.read_bytes() for path in [*world.settings.data.rglob("*"), *new] if path.is_file()]
    text = b"\n".join(kept) + (caplog.text + said.out + said.err).encode()
    assert not [needle for needle in (*NEEDLES, marker.encode()) if needle in text]


def test_it_is_asked_for_twenty_times_a_minute_at_most(world: World, visit: Visit) -> None:
    browser = visit()
    answers = [check(browser, b"{}", "a.json").status_code for _ in range(21)]
    assert answers == [200] * 20 + [429]


def test_time_is_bounded() -> None:
    now = datetime(2026, 7, 1, 14, 0, tzinfo=UTC)
    feed = orjson.dumps(feed_of(*(f"SC{number:06}" for number in range(300))))
    found = checking.check(feed, content_type="application/json", now=now, seconds=0)
    assert found.broken_off
    assert not found.ok
    sheet = FORMS["csv"][0]([SHEET, ROW])
    assert checking.check(sheet, content_type="text/csv", now=now, seconds=0).broken_off


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A web server on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            bodies = {"/feed.json": orjson.dumps(feed_of(OURS)), "/page": b"<!doctype html><html></html>"}
            if self.path == "/away":
                self.send_response(302)
                self.send_header("Location", "http://10.0.0.1/feed.json")
                self.end_headers()
                return
            body = b"x" * 3_000_000 if self.path == "/large.csv" else bodies.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "application/json" if self.path == "/feed.json" else "text/html")
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *arguments: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_link_is_followed_only_to_public_addresses(
    make_app: Callable[..., World], world: World, visit: Visit, elsewhere: str
) -> None:
    closed = check(visit(), link=f"{elsewhere}/feed.json")
    metadata_service = check(visit(), link="http://169.254.169.254/latest/meta-data/")
    nonsense = check(visit(), link="ftp://x")
    for answer in (closed, metadata_service, nonsense):
        assert answer.status_code == 422
        assert "Nothing could be fetched from this address" in answer.text
        assert_parses(answer.text)

    opened = make_app(allow_loopback=True, max_upload=1_000_000)
    browser = Browser(opened)
    assert FINE in check(browser, link=f"{elsewhere}/feed.json").text
    away = check(browser, link=f"{elsewhere}/away")
    assert (away.status_code, "10.0.0.1" in away.text) == (422, False)
    for path in ("/page", "/large.csv", "/gone"):
        assert check(browser, link=f"{elsewhere}{path}").status_code == 422, path
