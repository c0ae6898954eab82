"""Listening to the stream against a scripted exchange: parsed however it is cut, connected again where it broke off."""

import json
import random
from collections.abc import Callable
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest

from placefeed.client import Event, Gone, NotAllowed, NotAuthenticated, PlacefeedError, Refused, Unavailable, mirror
from placefeed.client._sse import LARGEST, Frame, Parser, TooLargeEvent
from tests.clients.conftest import Pieces

STREAM = "/v1/listings/stream"


# -- the parser ----------------------------------------------------------------------------------------------------

EVERYTHING = (
    "\ufeffretry: 1500\n\n"
    ": ping\n\n"
    "id: 1\nevent: a\ndata: one\ndata:two\ndata\n\n"
    "data: ünïcödé 🏠\r\n\r\n"
    "event: nothing\nid: 2\n\n"
    "data:  two blanks\rid\r\r"
    "id: 3\0\nretry: soon\nretry: -1\nunknown: x\ndata: after\n\n"
    ":\n\n\n\n"
    "id: 4\ndata: last\n\n"
    "data: cut off\nid: 5\n"
).encode()
FRAMES = [
    Frame("a", "one\ntwo\n", "1"),
    Frame("message", "ünïcödé 🏠", "1"),
    Frame("message", " two blanks", None),
    Frame("message", "after", None),
    Frame("message", "last", "4"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(EVERYTHING)])
def test_the_parser_takes_bytes_however_they_are_cut(size: int) -> None:
    parser = Parser()

    found = [f for at in range(0, len(EVERYTHING), size) for f in parser.feed(EVERYTHING[at : at + size])]

    assert found == FRAMES
    assert parser.retry == 1.5
    assert parser.id == "4"


def test_the_parser_takes_bytes_cut_anywhere_and_every_kind_of_line_end() -> None:
    chance = random.Random(1)
    for end in (b"\n", b"\r\n", b"\r"):
        text = b"".join(b"id: %d" % n + end + b"data: x" + end + b"data: y" + end + end for n in range(50))
        for _ in range(20):
            cuts = sorted(chance.sample(range(1, len(text)), 30))
            parser, found = Parser(), []
            for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True):
                found += parser.feed(text[start:stop])
            assert found == [Frame("message", "x\ny", str(n)) for n in range(50)]


@pytest.mark.parametrize("chunk", [b"data: " + b"x" * 100_000, b"data: " + b"x" * 100_000 + b"\n"])
def test_an_event_without_an_end_is_left_at_some_time(chunk: bytes) -> None:
    parser = Parser()

    def read() -> list[Frame]:
        return [frame for _ in range(LARGEST // 100_000 + 2) for frame in parser.feed(chunk)]

    with pytest.raises(TooLargeEvent):
        read()


# -- a scripted exchange ---------------------------------------------------------------------------------------------


def frame(event: str, document: Any, id: str | None = None) -> bytes:
    head = f"id: {id}\n" if id is not None else ""
    return f"{head}event: {event}\ndata: {json.dumps(document)}\n\n".encode()


def news(position: int, type: str = "vacancy.changed", listing: str = "a", **more: Any) -> bytes:
    document = {
        "id": f"1-{position}",
        "type": type,
        "types": [type],
        "position": position,
        "listingId": listing,
        **more,
    }
    return frame(type, document, id=f"c{position}")


def ready(position: int) -> bytes:
    return b"retry: 3000\n" + frame("ready", {"position": position, "epoch": 1}, id=f"c{position}")


def snapshot(*ids: str) -> bytes:
    return frame("snapshot", {"items": [{"id": id, "urn": "SC000001"} for id in ids]})


def end(reason: str, detail: str = "") -> bytes:
    return frame("end", {"reason": reason, "detail": detail})


def streaming(*pieces: bytes | Exception) -> Callable[[httpx2.Request], httpx2.Response]:
    return lambda request: httpx2.Response(
        200, headers={"Content-Type": "text/event-stream; charset=utf-8"}, stream=Pieces(*pieces)
    )


def asked(exchange: Any) -> list[tuple[dict[str, str], str | None]]:
    """The query and the Last-Event-ID of each connection."""
    return [
        (dict(parse_qsl(request.url.query.decode())), request.headers.get("last-event-id"))
        for request in exchange.asked
    ]


def types(events: Any) -> list[str]:
    return [event.type for event in events]


CUT = httpx2.RemoteProtocolError("peer closed connection without sending complete message body")
GONE = httpx2.Response(
    410, json={"detail": "That is too long ago."}, headers={"Content-Type": "application/problem+json"}
)


# -- listening -----------------------------------------------------------------------------------------------------


def test_events_come_as_they_happen(member: Any, exchange: Any) -> None:
    exchange.on("GET", STREAM, streaming(ready(4), b": ping\n\n", news(5, changed=["/rates"], listing="b"), CUT))

    first, second = islice(member.stream(la=["E06000023", "Bath"], weekly_at_most_pence=5), 2)

    assert (first.type, first.id, first.position) == ("ready", "c4", 4)
    assert (second.type, second.id, second.listing_id, second.changed) == ("vacancy.changed", "c5", "b", ["/rates"])
    assert second.listing is None
    [request] = exchange.asked
    assert parse_qsl(request.url.query.decode()) == [("la", "E06000023"), ("la", "Bath"), ("weeklyAtMostPence", "5")]
    assert request.headers["accept"] == "text/event-stream"
    assert "last-event-id" not in request.headers


def test_a_snapshot_and_what_follows_keep_a_dict_in_step(member: Any, exchange: Any) -> None:
    exchange.on(
        "GET",
        STREAM,
        streaming(
            snapshot("a", "b"),
            snapshot("c"),
            ready(4),
            frame(
                "vacancy.published", {"types": ["vacancy.published"], "listingId": "d", "listing": {"id": "d"}}, id="c5"
            ),
            frame(
                "vacancy.changed",
                {"types": ["vacancy.changed"], "listingId": "a", "listing": {"id": "a", "x": 1}},
                id="c6",
            ),
            news(7, "vacancy.withdrawn", "b"),
            frame("setting.suspended", {"types": ["setting.suspended"], "urn": "SC000001"}, id="c8"),
        ),
    )
    held: dict[str, Any] = {}

    for event in islice(member.stream(snapshot=True), 7):
        mirror(held, event)

    assert sorted(held) == ["a", "c", "d"]
    assert held["a"]["x"] == 1
    assert asked(exchange)[0] == ({"snapshot": "true"}, None)


def test_a_break_is_mended_where_it_was(member: Any, exchange: Any, waits: list[float]) -> None:
    whole = news(6)
    exchange.on(
        "GET",
        STREAM,
        streaming(ready(4), news(5), whole[:20], CUT),
        streaming(whole[:1], whole[1:], news(7), CUT),
    )

    events = list(islice(member.stream(age=14), 4))

    assert [event.position for event in events] == [4, 5, 6, 7]
    assert asked(exchange) == [({"age": "14"}, None), ({"age": "14"}, "c5")]
    assert len(waits) == 1
    assert 1.5 <= waits[0] <= 3.0


def test_a_snapshot_that_broke_off_begins_anew_with_a_reset(member: Any, exchange: Any) -> None:
    exchange.on(
        "GET", STREAM, streaming(snapshot("a"), CUT), streaming(snapshot("b"), ready(4), CUT), streaming(ready(4))
    )

    events = list(islice(member.stream(snapshot=True), 5))

    assert types(events) == ["snapshot", "reset", "snapshot", "ready", "ready"]
    assert asked(exchange) == [({"snapshot": "true"}, None), ({"snapshot": "true"}, None), ({}, "c4")]


def test_whoever_kept_the_last_id_goes_on_from_there(member: Any, exchange: Any) -> None:
    exchange.on("GET", STREAM, streaming(ready(4)))

    next(member.stream(last_event_id="c3", snapshot=True, attestations=True))

    assert asked(exchange) == [({"attestations": "true"}, "c3")]


@pytest.mark.parametrize("reason", ["shutdown", "slow", "something new"])
def test_an_end_that_means_come_again_is_a_new_connection(
    member: Any, exchange: Any, waits: list[float], reason: str
) -> None:
    exchange.on("GET", STREAM, streaming(ready(4), end(reason, "Come again.")), streaming(news(5)))
    told: list[str] = []

    events = member.stream(troubled=lambda error, seconds: told.append(str(error)))

    assert types(islice(events, 2)) == ["ready", "vacancy.changed"]
    assert told == ["Come again."]
    assert [last for _, last in asked(exchange)] == [None, "c4"]


def test_losing_access_is_an_error(member: Any, exchange: Any) -> None:
    exchange.on("GET", STREAM, streaming(ready(4), end("access", "Your key was revoked.")))
    events = member.stream()
    next(events)

    with pytest.raises(NotAllowed, match="revoked"):
        next(events)
    assert len(exchange.asked) == 1


@pytest.mark.parametrize(
    ("how", "before"), [(streaming(ready(4), end("restarted", "Restored.")), ["ready"]), (GONE, [])], ids=["end", "410"]
)
def test_what_is_lost_is_an_error_or_a_new_beginning_as_told(
    member: Any, exchange: Any, how: Any, before: list[str]
) -> None:
    exchange.on("GET", STREAM, how)
    with pytest.raises(Gone):
        list(member.stream(last_event_id="c1"))

    exchange.asked.clear()
    exchange.on("GET", STREAM, how, streaming(snapshot("a"), ready(9), news(10)))
    events = islice(member.stream(last_event_id="c1", start_again=True, age=14), len(before) + 4)

    assert types(events) == [*before, "reset", "snapshot", "ready", "vacancy.changed"]
    assert asked(exchange) == [({"age": "14"}, "c1"), ({"age": "14", "snapshot": "true"}, None)]


def test_beginning_anew_does_not_go_on_for_ever(member: Any, exchange: Any) -> None:
    exchange.on("GET", STREAM, GONE)

    with pytest.raises(Gone):
        list(member.stream(last_event_id="c1", start_again=True))
    assert len(exchange.asked) == 2


@pytest.mark.parametrize(
    ("failure", "wait"),
    [
        (httpx2.Response(429, headers={"Retry-After": "20"}), 20.0),
        (httpx2.Response(503, headers={"Retry-After": "90"}), 90.0),
        (httpx2.Response(502), None),
        (httpx2.ConnectError("refused"), None),
        (streaming(httpx2.ReadTimeout("silence")), None),
        (streaming(), None),
        (streaming(b"event: vacancy.changed\ndata: {nonsense\n\n"), None),
        (streaming(b"data: []\n\n"), None),
        (streaming("id: ü\ndata: {}\n\n".encode()), None),
        (httpx2.Response(200, text="<p>Please sign in</p>"), None),
        (httpx2.Response(204), None),
    ],
)
def test_a_failure_is_waited_for(
    member: Any, exchange: Any, waits: list[float], failure: Any, wait: float | None
) -> None:
    exchange.on("GET", STREAM, streaming(ready(4), end("shutdown")), failure, streaming(news(5)))

    assert [event.position for event in islice(member.stream(), 2)] == [4, 5]
    assert [last for _, last in asked(exchange)] == [None, "c4", "c4"]
    assert len(waits) == 2
    assert waits[1] == wait if wait is not None else 3.0 <= waits[1] <= 6.0


def test_waits_grow_to_a_minute_and_begin_small_again(member: Any, exchange: Any, waits: list[float]) -> None:
    outage: list[Any] = [httpx2.ConnectError("refused")] * 20
    quick = b"retry: 100\n" + ready(4).removeprefix(b"retry: 3000\n")
    exchange.on("GET", STREAM, streaming(quick), *outage, streaming(quick), streaming(news(5)))

    assert [event.position for event in islice(member.stream(), 3)] == [4, 4, 5]
    assert 0.05 <= waits[0] <= 0.1
    assert all(30 <= wait <= 60 for wait in waits[12:20])
    assert 0.05 <= waits[-1] <= 0.1


def test_the_same_nonsense_again_and_again_is_an_error(member: Any, exchange: Any, waits: list[float]) -> None:
    exchange.on("GET", STREAM, streaming(ready(4), b"data: {nonsense\n\n"))

    with pytest.raises(Unavailable, match="makes no sense"):
        list(member.stream())
    assert len(exchange.asked) == 5


def test_patience_can_be_bounded(member: Any, exchange: Any, waits: list[float]) -> None:
    exchange.on("GET", STREAM, streaming(ready(4)), httpx2.ConnectError("refused"))

    with pytest.raises(Unavailable):
        list(member.stream(give_up_after=60))
    assert sum(waits) <= 60


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx2.Response(401), NotAuthenticated),
        (httpx2.Response(400), Refused),
        (httpx2.Response(302, headers={"Location": "https://evil.example/"}), Refused),
        (httpx2.Response(200, text="<p>Welcome</p>"), Unavailable),
        (httpx2.ConnectError("no such host"), Unavailable),
    ],
)
def test_what_is_wrong_from_the_beginning_is_said(
    member: Any, exchange: Any, waits: list[float], answer: Any, kind: type[PlacefeedError]
) -> None:
    exchange.on("GET", STREAM, answer)

    with pytest.raises(kind):
        next(member.stream())
    assert sum(waits) <= 120


def test_whoever_has_had_enough_lets_the_connection_go(member: Any, exchange: Any) -> None:
    pieces = Pieces(ready(4), news(5))
    exchange.on(
        "GET",
        STREAM,
        lambda request: httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, stream=pieces),
    )
    events = member.stream()
    next(events)
    assert not pieces.closed

    events.close()

    assert pieces.closed


def test_an_event_names_all_that_happened() -> None:
    assert Event("rate.changed", document={"types": ["rate.changed", "vacancy.changed"]}).types[1] == "vacancy.changed"
    assert Event("reset").types == ["reset"]
    assert Event("reset").items == []
    assert Event("setting.suspended", document={"urn": "SC000001"}).urn == "SC000001"
