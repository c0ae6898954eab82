"""Following another exchange's change feeds: in order, resumably, and never where or for how long a hostile one would have it."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import stamina
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from placefeed.adapters import rpde
from placefeed.adapters.addresses import Guard
from placefeed.adapters.base import Adapter, AdapterError, Batch, ChangedShape, Cursor, Refused, TooLarge, Unreachable
from placefeed.adapters.federation import FEDERATION
from placefeed.adapters.rpde import Held, RpdeFeeds
from placefeed.adapters.testing import AdapterContract, Stand
from tests.adapters.test_federation import listing

HERE = Guard(allow_loopback=True)


@pytest.fixture(autouse=True)
def _quick_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


class Peer:
    """An exchange: two logs of items, pages of a chosen size, and a memory of what was asked."""

    def __init__(self, server: HTTPServer, *, page: int = 500) -> None:
        self.server, self.page = server, page
        self.url = server.url_for("").rstrip("/")
        self.logs: dict[str, dict[str, dict[str, Any]]] = {"settings": {}, "vacancies": {}}
        self.position = 0
        self.epoch = 1
        self.asked: list[str] = []
        self.keys: list[str | None] = []
        self.answer: Callable[[str], Response | None] = lambda _url: None
        for name in self.logs:
            server.expect_request(f"/v1/feeds/{name}").respond_with_handler(self._page)

    def put(self, name: str, item: str, data: dict[str, Any] | None) -> None:
        """Let an item be changed, or be deleted."""
        self.position += 1
        kind = {"settings": "setting", "vacancies": "vacancy"}[name]
        told = {"state": "deleted"} if data is None else {"state": "updated", "data": data}
        self.logs[name].pop(item, None)
        self.logs[name][item] = {"kind": kind, "id": item, "modified": self.position, **told}

    def offer(self, *items: str, **more: Any) -> None:
        for item in items:
            self.put("vacancies", item, listing(id=item, **more))

    def _page(self, request: Request) -> Response:
        self.asked.append(request.full_path.rstrip("?"))
        self.keys.append(request.headers.get("Authorization"))
        special = self.answer(request.full_path.rstrip("?"))
        if special is not None:
            return special
        name = request.path.rpartition("/")[2]
        after = int(request.args.get("afterChangeNumber", 0))
        if int(request.args.get("epoch", self.epoch)) != self.epoch:
            return Response(status=410)
        items = [item for item in self.logs[name].values() if item["modified"] > after][: self.page]
        here = f"{self.url}{request.path}"
        if items:
            following = f"{here}?afterChangeNumber={items[-1]['modified']}&epoch={self.epoch}"
        else:
            following = request.url if request.query_string else f"{here}?afterChangeNumber=0&epoch={self.epoch}"
        return page(following, items)

    def follow(self, **options: Any) -> RpdeFeeds:
        return RpdeFeeds(self.url, **({"guard": HERE, "timeout": 10.0} | options))


def page(following: Any, items: Any, **more: Any) -> Response:
    return Response(orjson.dumps({"next": following, "items": items, **more}), content_type="application/json")


@pytest.fixture
def peer() -> Iterator[Peer]:
    with HTTPServer(host="127.0.0.1") as server:
        yield Peer(server)


def take(adapter: RpdeFeeds, cursor: Cursor | None = None) -> list[Batch]:
    return list(adapter.fetch(cursor))


def said(batches: Sequence[Batch]) -> list[str]:
    """The vacancies' ids in what was yielded, in order."""
    return [one["id"] for feed in feeds(batches) for record in feed["settings"] for one in record.get("vacancies", ())]


def feeds(batches: Sequence[Batch]) -> list[dict[str, Any]]:
    return [orjson.loads(batch.content) for batch in batches if batch.content]


def withdrawn(batches: Sequence[Batch]) -> list[tuple[str, str]]:
    return [(entry["part"], entry.get("id", "")) for feed in feeds(batches) for entry in feed["withdrawn"]]


def whole(batches: Sequence[Batch]) -> list[str]:
    return [feed["extensions"][FEDERATION]["whole"] for feed in feeds(batches) if "extensions" in feed]


# -- in order, and on from where it stopped -------------------------------------------------------------------------------


def test_settings_come_before_vacancies_and_a_whole_reading_says_so_once(peer: Peer) -> None:
    peer.offer("aaaa", "bbbb")
    peer.put("settings", "SC000001", {"urn": "SC000001", "setting": {"provisionType": "children-home"}})

    batches = take(peer.follow())

    assert [batch.name for batch in batches] == ["settings.json", "vacancies.json", "whole.json"]
    assert said(batches) == ["aaaa", "bbbb"]
    assert len(whole(batches)) == 1
    assert take(peer.follow(), batches[-1].cursor) == []
    peer.offer("bbbb")
    again = take(peer.follow(), batches[-1].cursor)
    assert said(again) == ["bbbb"]
    assert whole(again) == []


def test_one_request_a_feed_is_all_that_a_quiet_exchange_is_asked(peer: Peer) -> None:
    peer.offer("aaaa")
    cursor = take(peer.follow())[-1].cursor
    peer.asked.clear()

    assert take(peer.follow(), cursor) == []

    assert [path.partition("?")[0] for path in peer.asked] == ["/v1/feeds/settings", "/v1/feeds/vacancies"]


def test_a_long_reading_goes_on_in_the_next_run(peer: Peer) -> None:
    peer.page = 2
    peer.offer(*(f"item{number}" for number in range(9)))
    cursor: Cursor | None = None
    found: list[str] = []
    marks: set[str] = set()
    for _ in range(5):
        batches = take(peer.follow(pages=3), cursor)
        cursor = batches[-1].cursor if batches else cursor
        found += said(batches)
        marks |= {cursor["reading"]} if cursor else set()
        assert len(said(batches)) <= 6

    assert found == [f"item{number}" for number in range(9)]
    assert cursor is not None
    assert (cursor["whole"], len(marks)) == (True, 1)


def test_what_was_not_made_safe_comes_again_and_nothing_before_it(peer: Peer) -> None:
    peer.offer(*(f"item{number}" for number in range(7)))

    first = next(iter(peer.follow(piece_records=3).fetch(None)))
    rest = take(peer.follow(piece_records=3), first.cursor)

    assert said([first]) == ["item0", "item1", "item2"]
    assert said(rest)[-4:] == ["item3", "item4", "item5", "item6"]
    peer.page = 3
    first, second = [batch for batch in peer.follow().fetch(None) if batch.content][:2]
    assert said(take(peer.follow(), second.cursor)) == ["item6"]
    assert said(take(peer.follow(), first.cursor)) == ["item3", "item4", "item5", "item6"]


def test_numbers_of_64_bits_are_kept_as_they_are(peer: Peer) -> None:
    peer.position = 2**63 - 3
    peer.offer("aaaa", "bbbb")

    batches = take(peer.follow())

    assert said(batches) == ["aaaa", "bbbb"]
    assert f"afterChangeNumber={2**63 - 1}" in batches[-1].cursor["vacancies"]


def test_an_empty_page_that_leads_on_is_not_the_last(peer: Peer) -> None:
    """Such as one of which a member may see nothing: where it leads is kept, though it brought nothing."""
    peer.offer("aaaa")
    cursor = take(peer.follow())[-1].cursor
    there = f"{peer.url}/v1/feeds/vacancies?afterChangeNumber=1&epoch=1"
    further = f"{peer.url}/v1/feeds/vacancies?afterChangeNumber=500&epoch=1"
    peer.position = 600
    peer.offer("bbbb")
    peer.answer = lambda path: page(further, []) if there.endswith(path) else None

    assert said(take(peer.follow(), cursor)) == ["bbbb"]
    peer.logs["vacancies"].clear()
    (only,) = take(peer.follow(), cursor)
    assert (only.content, only.cursor["vacancies"]) == (b"", further)


def test_the_key_goes_to_the_exchange_alone(peer: Peer) -> None:
    peer.offer("aaaa")
    with HTTPServer(host="127.0.0.1") as other:
        other.expect_request("/v1/feeds/settings").respond_with_data(b"{}", status=401)
        elsewhere = other.url_for("/v1/feeds/settings").replace("127.0.0.1", "localhost")
        peer.answer = lambda path: Response(status=302, headers={"Location": elsewhere})

        with pytest.raises(ChangedShape, match="401"):
            take(peer.follow(authorization="Bearer k"))

        assert "Authorization" not in other.log[0][0].headers
    assert peer.keys == ["Bearer k"]


# -- withdrawals ------------------------------------------------------------------------------------------------------------


def known(held: Mapping[str, Held]) -> Callable[[Collection[str]], Mapping[str, Sequence[Held]]]:
    return lambda ids: {item: [held[item]] for item in ids if item in held}


def test_a_tombstone_withdraws_what_stands_under_its_id(peer: Peer) -> None:
    peer.put("vacancies", "aaaa", None)
    peer.put("vacancies", "never-seen", None)
    peer.put("settings", "SC000001", None)

    batches = take(peer.follow(held=known({"aaaa": Held("SC000001", ("aaaa.0",))})))

    assert withdrawn(batches) == [("setting", ""), ("vacancy", "aaaa"), ("rate", "aaaa.0")]


def test_what_came_from_us_is_not_taken_and_what_had_been_taken_is_withdrawn(peer: Peer) -> None:
    peer.offer("aaaa", "bbbb", provenance={"via": "east.example > south.example"})
    peer.offer("cccc")

    batches = take(peer.follow(exchange="south.example", held=known({"bbbb": Held("SC000001", ())})))

    assert said(batches) == ["cccc"]
    assert withdrawn(batches) == [("vacancy", "bbbb")]


def test_rates_that_are_gone_and_the_setting_that_it_was_of_are_withdrawn(peer: Peer) -> None:
    peer.offer("aaaa", "bbbb")
    held = {"aaaa": Held("SC000001", ("aaaa.0", "aaaa.1")), "bbbb": Held("SC000009", ("bbbb.0",))}

    batches = take(peer.follow(held=known(held)))

    assert withdrawn(batches) == [("rate", "aaaa.1"), ("vacancy", "bbbb"), ("rate", "bbbb.0")]
    assert feeds(batches)[0]["withdrawn"][1]["urn"] == "SC000009"


def test_an_item_that_a_page_has_twice_counts_as_the_later(peer: Peer) -> None:
    items = [
        {"state": "updated", "kind": "vacancy", "id": "aaaa", "modified": 1, "data": listing(id="aaaa")},
        {"state": "deleted", "kind": "vacancy", "id": "aaaa", "modified": 2},
    ]
    there = f"{peer.url}/v1/feeds/vacancies?afterChangeNumber=2"
    peer.answer = lambda path: (
        page(there, items) if path == "/v1/feeds/vacancies" else page(there, []) if there.endswith(path) else None
    )

    assert said(take(peer.follow())) == []


# -- starting again -----------------------------------------------------------------------------------------------------------


def test_410_starts_both_feeds_again_under_a_new_mark(peer: Peer) -> None:
    peer.offer("aaaa")
    cursor = take(peer.follow())[-1].cursor
    peer.epoch = 2

    batches = take(peer.follow(), cursor)

    assert said(batches) == ["aaaa"]
    (mark,) = whole(batches)
    assert mark == batches[-1].cursor["reading"] != cursor["reading"]
    assert mark.isalpha()  # ten digits in a row might be taken for an NHS number
    assert take(peer.follow(), batches[-1].cursor) == []


def test_410_at_the_beginning_is_no_exchange(peer: Peer) -> None:
    peer.answer = lambda _path: Response(status=410)

    with pytest.raises(ChangedShape, match="410"):
        take(peer.follow())


def test_410_again_and_again_is_left_for_later(peer: Peer) -> None:
    peer.offer("aaaa")
    cursor = take(peer.follow())[-1].cursor
    peer.answer = lambda path: Response(status=410) if "?" in path else None

    with pytest.raises(Unreachable, match="again and again"):
        take(peer.follow(), cursor)


def test_a_cursor_of_another_exchange_is_not_used(peer: Peer) -> None:
    peer.offer("aaaa")
    cursor = {"settings": "https://old.example/v1/feeds/settings?afterChangeNumber=9", "vacancies": None, "reading": "b", "whole": True}  # fmt: skip

    assert said(take(peer.follow(), cursor)) == ["aaaa"]
    assert said(take(peer.follow(), {"etag": "x"})) == ["aaaa"]


# -- a busy, broken or hostile one ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_exchange_is_asked_again_and_what_came_before_stands(peer: Peer, status: int) -> None:
    peer.page = 1
    peer.offer("aaaa", "bbbb")
    peer.answer = lambda path: Response(status=status) if "afterChangeNumber=1" in path else None
    came: list[Batch] = []

    with pytest.raises(Unreachable, match=str(status)):
        came.extend(peer.follow().fetch(None))
    assert said(came) == ["aaaa"]
    peer.answer = lambda _path: None
    assert said(take(peer.follow(), came[-1].cursor)) == ["bbbb"]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_stops(peer: Peer, status: int) -> None:
    peer.answer = lambda _path: Response(status=status)

    with pytest.raises(ChangedShape, match=str(status)):
        take(peer.follow())


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.example/v1/feeds/settings?afterChangeNumber=1",
        "http://127.0.0.1:1/v1/feeds/settings",
        "http://user@127.0.0.1/v1/feeds/settings",
        "/v1/feeds/settings?afterChangeNumber=1",
        "file:///etc/passwd",
        "http://[",
        "OTHER-PATH",
    ],
)
def test_a_next_page_that_is_elsewhere_is_refused(peer: Peer, following: str) -> None:
    chosen = f"{peer.url}/v1/sources" if following == "OTHER-PATH" else following
    peer.answer = lambda _path: page(chosen, [])

    with pytest.raises(Refused) as refusal:
        take(peer.follow())

    assert refusal.value.rule == "next-origin"
    assert len(peer.asked) == 1


def test_pages_that_lead_in_a_circle_stop(peer: Peer) -> None:
    first, second = (f"{peer.url}/v1/feeds/settings?afterChangeNumber={number}" for number in (1, 2))
    peer.answer = lambda path: page(second if first.endswith(path) else first, [])

    with pytest.raises(ChangedShape, match="circle"):
        take(peer.follow())

    assert len(peer.asked) == 3
    peer.offer("aaaa")
    item = {"state": "deleted", "kind": "setting", "id": "a", "modified": 1}
    peer.answer = lambda path: page(f"{peer.url}{path}", [item])
    with pytest.raises(ChangedShape, match="circle"):
        take(peer.follow())


def test_pages_without_end_end_with_the_run(peer: Peer) -> None:
    def endless(path: str) -> Response:
        number = len(peer.asked)
        return page(f"{peer.url}/v1/feeds/settings?afterChangeNumber={number}", [])

    peer.answer = endless

    (only,) = take(peer.follow(pages=7))

    assert len(peer.asked) == 7
    assert (only.content, only.cursor["settings"][-1]) == (b"", "7")
    started = time.monotonic()
    take(peer.follow(seconds=0.2))
    assert time.monotonic() - started < 60


NO_RPDE: list[Any] = [
    b"<html>sign in</html>",
    b"[]",
    b'{"items": []}',
    b'{"next": 5, "items": []}',
    b'{"next": "x", "items": {}}',
]


@pytest.mark.parametrize("content", NO_RPDE)
def test_what_is_no_page_stops(peer: Peer, content: bytes) -> None:
    peer.answer = lambda _path: Response(content)

    with pytest.raises(ChangedShape):
        take(peer.follow())


@pytest.mark.parametrize(
    "item",
    [
        5,
        {},
        {"state": "updated", "kind": "setting", "id": "a", "modified": 1},
        {"state": "gone", "kind": "setting", "id": "a", "modified": 1},
        {"state": "deleted", "kind": "setting", "id": 5, "modified": 1},
        {"state": "deleted", "kind": "setting", "id": "a", "modified": "1"},
        {"state": "deleted", "kind": "setting", "id": "a", "modified": True},
        {"state": "deleted", "kind": "setting", "id": "a", "modified": 2**63},
        {"state": "deleted", "kind": "setting", "id": "a" * 3000, "modified": 1},
        {"state": "deleted", "kind": "SessionSeries", "id": "a", "modified": 1},
    ],
)
def test_an_item_that_is_none_stops(peer: Peer, item: Any) -> None:
    peer.answer = lambda path: page(f"{peer.url}/v1/feeds/settings?afterChangeNumber=1", [item])

    with pytest.raises(ChangedShape):
        take(peer.follow())


def test_a_page_over_its_limits_is_refused(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpde, "PAGE_ITEMS", 3)
    peer.offer(*"abcd")

    with pytest.raises(TooLarge, match="items"):
        take(peer.follow())
    peer.answer = lambda path: page("x" * 5000, [])
    with pytest.raises(TooLarge, match="1000 bytes"):
        take(peer.follow(max_bytes=1000))


def test_an_address_that_may_not_be_read_is_refused(peer: Peer) -> None:
    with pytest.raises(Refused) as refusal:
        take(peer.follow(guard=Guard()))

    assert refusal.value.rule == "https-only"
    assert peer.asked == []


# -- the contract ---------------------------------------------------------------------------------------------------------------


class PeerStand:
    """An exchange on which each document that is published is the name of one more setting."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._count = 0
        self._cursor: Cursor | None = None

    def adapter(self) -> Adapter:
        return self._peer.follow(attempts=1)

    def publish(self, content: bytes) -> None:
        self._count += 1
        shown = {"setting": {"provisionType": "children-home", "name": content.hex()}}
        self._peer.put("settings", f"SC{self._count:06d}", shown)

    def fail(self) -> None:
        self._peer.answer = lambda _path: Response(status=500)


class TestRpdeFeeds(AdapterContract):
    """The contract, where what arrives is read out of the records: a change feed has no documents to hand on byte for byte."""

    @staticmethod
    @contextmanager
    def stand(_: Path) -> Iterator[Stand]:
        with HTTPServer(host="127.0.0.1") as server:
            yield PeerStand(Peer(server))

    @staticmethod
    def arrived(batches: Sequence[Batch]) -> list[bytes]:
        return [bytes.fromhex(record["setting"]["name"]) for feed in feeds(batches) for record in feed["settings"]]


def test_errors_are_the_adapters_own(peer: Peer) -> None:
    peer.server.stop()

    with pytest.raises(AdapterError):
        take(peer.follow(attempts=1, timeout=2))
