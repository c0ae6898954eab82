"""Following a change feed against a scripted exchange: nothing is lost, nothing goes back to the beginning, nothing goes round."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest

from placefeed.client import Change, CursorFile, Gone, Member, NotFound, PlacefeedError, Unavailable, mirror

FEED = "https://exchange.example/base/v1/feeds/vacancies"
HUGE = 2**63 - 1


def link(after: int, epoch: int = 1) -> str:
    return f"{FEED}?afterChangeNumber={after}&epoch={epoch}"


def updated(position: int, id: str | None = None, **data: Any) -> dict[str, Any]:
    return {"state": "updated", "kind": "vacancy", "id": id or f"v{position}", "modified": position, "data": data}


def deleted(position: int, id: str) -> dict[str, Any]:
    return {"state": "deleted", "kind": "vacancy", "id": id, "modified": position}


def page(items: list[dict[str, Any]], next: str, **headers: str) -> httpx2.Response:
    return httpx2.Response(
        200, json={"next": next, "items": items, "license": "https://exchange.example/terms"}, headers=headers
    )


class Log:
    """An exchange's feed as RPDE has it: a record stands once, at its newest position; two items a page."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.too_old = 0
        self.epoch = 1

    def put(self, *items: dict[str, Any]) -> None:
        for item in items:
            self.items[item["id"]] = item

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        query = parse_qs(request.url.query.decode())
        after = int(query.get("afterChangeNumber", ["0"])[0])
        if query and (int(query["epoch"][0]) != self.epoch or after < self.too_old):
            return gone()
        found = sorted((item for item in self.items.values() if item["modified"] > after), key=lambda i: i["modified"])
        return page(found[:2], link(found[:2][-1]["modified"] if found else after, self.epoch))


def gone() -> httpx2.Response:
    detail = "This cursor is older than what is kept. Begin at /v1/feeds/vacancies."
    return httpx2.Response(
        410, json={"status": 410, "detail": detail}, headers={"Content-Type": "application/problem+json"}
    )


@pytest.fixture
def log(exchange: Any) -> Log:
    log = Log()
    exchange.on("GET", "/v1/feeds/vacancies", log)
    return log


def after_of(exchange: Any) -> list[int]:
    """What was asked for, by change number; 0 is the beginning."""
    return [int(parse_qs(request.url.query.decode()).get("afterChangeNumber", ["0"])[0]) for request in exchange.asked]


def positions(changes: Any) -> list[int]:
    return [change.position for change in changes]


# -- reading -------------------------------------------------------------------------------------------------------


def test_a_reader_ends_with_what_there_is(member: Any, log: Log, waits: list[float]) -> None:
    log.put(updated(1, "a", places=1), updated(2, "b"), updated(3, "c"), deleted(4, "b"), updated(5, "a", places=2))
    held: dict[str, dict[str, Any]] = {"b": {}}

    changes = list(member.follow(until_current=True))
    for change in changes:
        mirror(held, change)

    assert positions(changes) == [3, 4, 5]
    assert changes[-1] == Change("updated", "a", 5, {"places": 2})
    assert held == {"a": {"places": 2}, "c": {}}
    assert waits == []


def test_an_empty_feed_has_an_end(member: Any, log: Log) -> None:
    assert list(member.follow("vacancies", until_current=True)) == []


@pytest.mark.parametrize(("options", "wait"), [({}, 8.0), ({"poll_every": 60}, 60)])
def test_the_end_is_looked_at_now_and_then(
    member: Any, exchange: Any, waits: list[float], options: dict[str, Any], wait: float
) -> None:
    end = page([], link(1))
    exchange.on("GET", "/v1/feeds/vacancies", page([updated(1)], link(1)), end, end, page([updated(7)], link(7)))

    assert positions(islice(member.follow(**options), 2)) == [1, 7]
    assert waits == [wait, wait]
    assert after_of(exchange) == [0, 1, 1, 1]


@pytest.mark.parametrize("often", [7.9, 0, float("nan")])
def test_the_end_is_not_looked_at_more_often(member: Any, exchange: Any, often: float) -> None:
    with pytest.raises(ValueError, match="every 8 seconds"):
        next(member.follow(poll_every=often))
    assert exchange.asked == []


def test_an_empty_page_that_leads_on_is_not_the_end(member: Any, exchange: Any, waits: list[float]) -> None:
    exchange.on("GET", "/v1/feeds/vacancies", page([], link(5)), page([updated(6)], link(6)), page([], link(6)))

    assert positions(member.follow(until_current=True)) == [6]
    assert waits == []


def test_positions_of_63_bits_stay_whole(member: Any, exchange: Any, tmp_path: Path) -> None:
    exchange.on(
        "GET",
        "/v1/feeds/vacancies",
        page([updated(HUGE - 1, "a"), updated(HUGE, "b")], link(HUGE)),
        page([], link(HUGE)),
    )

    assert positions(member.follow(cursor=tmp_path / "cursor", until_current=True)) == [HUGE - 1, HUGE]
    assert after_of(exchange) == [0, HUGE]
    assert str(HUGE) in (tmp_path / "cursor").read_text()


def test_there_are_two_feeds(member: Any, exchange: Any) -> None:
    with pytest.raises(ValueError, match="letters"):
        next(member.follow("letters"))
    with pytest.raises(NotFound):
        next(member.follow("settings"))
    assert exchange.lines == ["GET /v1/feeds/settings"]


# -- the cursor ----------------------------------------------------------------------------------------------------


def test_a_follower_goes_on_where_it_stopped(member: Any, log: Log, exchange: Any, tmp_path: Path) -> None:
    log.put(*(updated(position) for position in (1, 2, 3)))
    assert positions(member.follow(cursor=tmp_path / "cursor", until_current=True)) == [1, 2, 3]
    log.put(updated(4))
    exchange.asked.clear()

    assert positions(member.follow(cursor=str(tmp_path / "cursor"), until_current=True)) == [4]
    assert after_of(exchange) == [3, 4]
    assert [path.name for path in tmp_path.iterdir()] == ["cursor"]


@pytest.mark.parametrize("taken", [1, 2, 3, 4, 5])
def test_whoever_falls_over_anywhere_has_everything_at_the_end(
    member: Any, log: Log, tmp_path: Path, taken: int
) -> None:
    log.put(*(updated(position) for position in range(1, 6)))
    cursor = tmp_path / "cursor"

    before = positions(islice(member.follow(cursor=cursor, until_current=True), taken))
    after = positions(member.follow(cursor=cursor, until_current=True))

    assert before == list(range(1, taken + 1))
    assert after == list(range(taken - (taken - 1) % 2, 6)), "again from the beginning of the page it was in"


def test_a_cursor_is_saved_only_when_its_page_was_dealt_with(member: Any, log: Log) -> None:
    kept: list[str] = []

    class Ours:
        def load(self) -> str | None:
            return None

        def save(self, cursor: str) -> None:
            kept.append(cursor)

    log.put(*(updated(position) for position in range(1, 4)))
    seen = []
    for change in member.follow(cursor=Ours(), until_current=True):
        seen.append((change.position, len(kept)))

    assert seen == [(1, 0), (2, 0), (3, 1)]
    assert kept == [link(2), link(3)]


def test_an_async_client_awaits_an_async_store(connect: Callable[..., Any], log: Log) -> None:
    kept = [link(1)]

    class Ours:
        async def load(self) -> str | None:
            return kept[-1]

        async def save(self, cursor: str) -> None:
            kept.append(cursor)

    log.put(updated(1), updated(2))
    member = connect("member")

    if isinstance(member, Member):
        with pytest.raises(TypeError, match="AsyncMember"):
            next(member.follow(cursor=Ours()))
        return
    assert positions(member.follow(cursor=Ours(), until_current=True)) == [2]
    assert kept == [link(1), link(2)]


@pytest.mark.parametrize("text", ["", "nonsense", "https://a\nhttps://b", b"\xff\xfe"])
def test_a_file_that_holds_no_cursor_is_not_taken_for_the_beginning(
    member: Any, exchange: Any, tmp_path: Path, text: str | bytes
) -> None:
    path = tmp_path / "cursor"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(ValueError, match="no saved cursor"):
        next(member.follow(cursor=path))
    assert exchange.asked == []


@pytest.mark.parametrize("of", ["https://other.example/base/v1/feeds/vacancies", FEED.replace("vacancies", "settings")])
@pytest.mark.parametrize("start_again", [False, True])
def test_a_cursor_of_another_feed_is_refused(member: Any, log: Log, tmp_path: Path, of: str, start_again: bool) -> None:
    path = tmp_path / "cursor"
    path.write_text(f"{of}?afterChangeNumber=1&epoch=9\n")
    log.put(updated(1), updated(2))

    with pytest.raises(ValueError, match="belongs to"):
        next(member.follow(cursor=path, start_again=start_again))
    assert path.read_text().startswith(of)


def test_a_cursor_file_is_whole_or_not_there(tmp_path: Path) -> None:
    file = CursorFile(tmp_path / "missing" / "cursor")

    assert file.load() is None
    with pytest.raises(FileNotFoundError):
        file.save(link(1))
    with pytest.raises(UnicodeEncodeError):
        CursorFile(tmp_path / "cursor").save("\ud800")
    assert list(tmp_path.iterdir()) == []


# -- failures in the middle ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "wait"),
    [
        (httpx2.Response(429, headers={"Retry-After": "30"}), 30.0),
        (httpx2.Response(503, headers={"Retry-After": "3600"}), 3600.0),
        (httpx2.Response(503, headers={"Retry-After": "0"}), 1.0),
        (httpx2.Response(500), None),
        (httpx2.ReadError("cut"), None),
        (httpx2.ConnectError("refused"), None),
        (httpx2.ReadTimeout("slow"), None),
        (httpx2.Response(200, content=b'{"next": "https://excha'), None),
        (httpx2.Response(200, text="<p>Please sign in</p>"), None),
        (httpx2.Response(200, json={"items": []}), None),
        (httpx2.Response(200, json={"items": [], "next": "https://[exchange"}), None),
        (httpx2.Response(200, json={"items": [], "next": "https://exchange.example:port/"}), None),
        (httpx2.Response(200, json={"next": link(9), "items": [{"state": "updated", "id": "a", "modified": 9}]}), None),
        (httpx2.Response(200, json={"next": link(9), "items": [{"state": "lost", "id": "a", "modified": 9}]}), None),
        (httpx2.Response(200, json={"next": link(9), "items": [{"state": "deleted", "id": 7, "modified": 9}]}), None),
        (httpx2.Response(200, json={"next": link(9), "items": [deleted(True, "a")]}), None),
        (httpx2.Response(200, json={"next": link(9), "items": ["a"]}), None),
    ],
)
def test_a_failure_in_the_middle_is_waited_for_and_the_page_is_asked_for_again(
    member: Any, exchange: Any, waits: list[float], failure: Any, wait: float | None
) -> None:
    exchange.on(
        "GET",
        "/v1/feeds/vacancies",
        page([updated(1)], link(1)),
        failure,
        page([updated(2)], link(2)),
        page([], link(2)),
    )
    told: list[tuple[PlacefeedError, float]] = []

    changes = member.follow(troubled=lambda error, seconds: told.append((error, seconds)))

    assert positions(islice(changes, 2)) == [1, 2]
    assert after_of(exchange) == [0, 1, 1]
    assert [seconds for _, seconds in told] == waits
    assert len(waits) == 1
    assert waits[0] == wait if wait is not None else 0.5 <= waits[0] <= 1.0


def test_a_long_outage_is_outlasted_with_longer_and_longer_waits(
    member: Any, exchange: Any, waits: list[float]
) -> None:
    outage: list[Any] = [httpx2.ConnectError("refused")] * 40
    exchange.on("GET", "/v1/feeds/vacancies", page([updated(1)], link(1)), *outage, page([updated(2)], link(2)))

    assert positions(islice(member.follow(), 2)) == [1, 2]
    assert len(waits) == 40
    assert waits[0] <= 1.0
    assert all(150 <= wait <= 300 for wait in waits[-20:])


def test_patience_can_be_bounded(member: Any, exchange: Any, waits: list[float]) -> None:
    exchange.on("GET", "/v1/feeds/vacancies", page([updated(1)], link(1)), httpx2.Response(503))
    changes = member.follow(give_up_after=30)
    next(changes)

    with pytest.raises(Unavailable):
        next(changes)
    assert sum(waits) <= 30


@pytest.mark.parametrize("options", [{"until_current": True}, {}])
def test_before_the_first_page_and_until_current_patience_is_short(
    member: Any, exchange: Any, waits: list[float], options: dict[str, Any]
) -> None:
    exchange.on("GET", "/v1/feeds/vacancies", httpx2.ConnectError("no such host"))

    with pytest.raises(Unavailable, match="could not be reached"):
        next(member.follow(**options))
    assert 30 < sum(waits) <= 120


def test_a_wrong_address_is_said_at_once(member: Any, exchange: Any, waits: list[float]) -> None:
    exchange.on("GET", "/v1/feeds/vacancies", httpx2.Response(200, text="<p>Welcome</p>"))

    with pytest.raises(Unavailable, match="not JSON"):
        next(member.follow())
    assert waits == []


def test_an_answer_that_stays_nonsense_is_an_error(member: Any, exchange: Any, waits: list[float]) -> None:
    exchange.on("GET", "/v1/feeds/vacancies", page([updated(1)], link(1)), httpx2.Response(200, json=[]))
    changes = member.follow()
    next(changes)

    with pytest.raises(Unavailable):
        next(changes)
    assert len(waits) == 4


# -- a feed that leads astray --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pages",
    [
        [page([updated(1)], link(1)), page([updated(2)], link(0))],
        [page([updated(1)], link(1)), page([updated(2)], link(1))],
        [page([updated(1)], link(1)), page([], link(2)), page([], link(1))],
    ],
    ids=["back", "to itself", "round"],
)
def test_pages_that_go_round_are_an_error(member: Any, exchange: Any, pages: list[httpx2.Response]) -> None:
    exchange.on("GET", "/v1/feeds/vacancies", *pages, *pages, *pages)

    with pytest.raises(PlacefeedError, match=r"round in a circle|goes back"):
        list(member.follow(until_current=True))
    assert len(exchange.asked) <= 4


def test_positions_that_fall_are_an_error(member: Any, exchange: Any, tmp_path: Path) -> None:
    exchange.on("GET", "/v1/feeds/vacancies", page([updated(5), updated(3)], link(3)))

    with pytest.raises(PlacefeedError, match="goes back from position 5 to 3"):
        list(member.follow(cursor=tmp_path / "cursor"))
    assert not (tmp_path / "cursor").exists()


@pytest.mark.parametrize(
    "foreign",
    [
        "https://evil.example/base/v1/feeds/vacancies?afterChangeNumber=1",
        "http://exchange.example/base/v1/feeds/vacancies?afterChangeNumber=1",
        "https://exchange.example:8443/base/v1/feeds/vacancies?afterChangeNumber=1",
        "https://exchange.example/base/v1/feeds/settings?afterChangeNumber=1",
        "https://exchange.example/other?afterChangeNumber=1",
        "//evil.example/base/v1/feeds/vacancies",
    ],
)
def test_the_key_does_not_follow_a_next_that_leads_elsewhere(member: Any, exchange: Any, foreign: str) -> None:
    exchange.on("GET", "/v1/feeds/vacancies", page([updated(1)], foreign))

    with pytest.raises(PlacefeedError, match="leads away"):
        list(member.follow(until_current=True))
    assert len(exchange.asked) == 1


def test_a_next_without_the_host_is_our_own(member: Any, exchange: Any, tmp_path: Path) -> None:
    exchange.on(
        "GET", "/v1/feeds/vacancies", page([updated(1)], "?afterChangeNumber=1"), page([], "?afterChangeNumber=1")
    )

    assert positions(member.follow(cursor=tmp_path / "cursor", until_current=True)) == [1]
    assert (tmp_path / "cursor").read_text() == f"{FEED}?afterChangeNumber=1\n"


# -- the end of a cursor's life ------------------------------------------------------------------------------------


def test_a_cursor_that_is_too_old_says_how_to_start_again(member: Any, log: Log, tmp_path: Path) -> None:
    (tmp_path / "cursor").write_text(link(3))
    log.put(updated(9))
    log.too_old = 5

    with pytest.raises(Gone, match=r"older than what is kept.*start_again=True") as caught:
        list(member.follow(cursor=tmp_path / "cursor"))
    assert caught.value.status == 410
    assert (tmp_path / "cursor").read_text() == link(3)


def test_starting_again_begins_with_a_reset(member: Any, log: Log, tmp_path: Path) -> None:
    (tmp_path / "cursor").write_text(link(3))
    log.put(updated(1, "a"), updated(9, "b"))
    log.epoch = 2
    held = {"old": {"places": 1}}

    changes = list(member.follow(cursor=tmp_path / "cursor", until_current=True, start_again=True))
    for change in changes:
        mirror(held, change)

    assert [change.state for change in changes] == ["reset", "updated", "updated"]
    assert held == {"a": {}, "b": {}}
    assert (tmp_path / "cursor").read_text().strip() == link(9, epoch=2)


def test_starting_again_does_not_go_on_for_ever(member: Any, exchange: Any) -> None:
    exchange.on("GET", "/v1/feeds/vacancies", gone())
    with pytest.raises(Gone):
        list(member.follow(start_again=True))
    assert len(exchange.asked) == 1

    exchange.asked.clear()
    exchange.on("GET", "/v1/feeds/vacancies", page([updated(1)], link(1)), gone(), page([updated(1)], link(1)), gone())
    with pytest.raises(Gone):
        list(member.follow(start_again=True))
    assert len(exchange.asked) == 4


def test_an_exchange_restored_twice_is_started_again_twice(member: Any, exchange: Any) -> None:
    whole = [page([updated(1)], link(1)), page([], link(1))]
    exchange.on("GET", "/v1/feeds/vacancies", *whole, gone(), *whole, gone(), *whole)

    changes = islice(member.follow(start_again=True), 5)

    assert [change.state for change in changes] == ["updated", "reset", "updated", "reset", "updated"]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_waiting_does_not_mend_is_raised_at_once(
    member: Any, exchange: Any, waits: list[float], status: int
) -> None:
    exchange.on("GET", "/v1/feeds/vacancies", page([updated(1)], link(1)), httpx2.Response(status))
    changes = member.follow()
    next(changes)

    with pytest.raises(PlacefeedError) as caught:
        next(changes)
    assert caught.value.status == status
    assert waits == []


def test_what_is_followed_can_be_written_as_json(member: Any, log: Log) -> None:
    log.put(updated(1, "a", places=1))

    [change] = member.follow(until_current=True)

    assert json.loads(json.dumps(change.data)) == {"places": 1}
