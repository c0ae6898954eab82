"""The standard's own feeds: streamed, and honest about how they ended."""

import io
import json
import resource
import sys
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placefeed.adapters import feed as feeds
from placefeed.adapters.base import Refused
from placefeed.adapters.feed import Feed, read_feed

HEADER: dict[str, Any] = {
    "standard": "placefeed",
    "version": "1.0",
    "publisher": {"id": "GB-COH-00000001", "name": "Example Homes Ltd"},
    "publishedAt": "2026-11-21T18:04:00Z",
}


def setting(number: int) -> dict[str, Any]:
    return {"urn": f"SC{number:06}", "capacity": {"asOf": "2026-11-21T18:00:00Z", "registered": 4}}


def lines(*entries: Any) -> bytes:
    return b"".join((entry if isinstance(entry, bytes) else json.dumps(entry).encode()) + b"\n" for entry in entries)


def whole_feed(count: int, *, trailer: int | None = -1) -> bytes:
    entries: list[Any] = [{"line": "header", **HEADER}]
    entries += [{"line": "setting", **setting(number)} for number in range(count)]
    if trailer is not None:
        entries.append({"line": "trailer", "count": count if trailer < 0 else trailer})
    return lines(*entries)


def documents(feed: Feed) -> list[dict[str, Any] | None]:
    return [record.document for record in feed.records()]


def finished(feed: Feed) -> feeds.Trailer:
    assert feed.finished is not None
    return feed.finished


@pytest.fixture(params=["whole", "streamed"])
def json_path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of reading JSON must say the same."""
    if request.param == "streamed":
        monkeypatch.setattr(feeds, "WHOLE", 10)
    return str(request.param)


def test_a_json_feed_hands_out_header_settings_and_withdrawals(json_path: str) -> None:
    withdrawn = [{"urn": "SC000009", "part": "vacancy", "id": "v1"}]
    content = json.dumps({**HEADER, "settings": [setting(1), setting(2)], "withdrawn": withdrawn, "complete": True})

    feed = read_feed(content.encode(), form="json")

    assert feed.header["publisher"] == HEADER["publisher"]
    assert documents(feed) == [setting(1), setting(2)]
    assert finished(feed) == feeds.Trailer(True, 3)
    assert feed.withdrawn == withdrawn
    assert feed.header["complete"] is True


def test_records_know_their_pointer_and_setting(json_path: str) -> None:
    feed = read_feed(json.dumps({**HEADER, "settings": [setting(1), setting(2)]}).encode(), form="json")

    last = list(feed.records())[-1]

    assert (last.index, last.place.pointer, last.place.urn) == (1, "/settings/1", "SC000002")


def test_a_header_after_the_settings_is_known_before_the_first_record(json_path: str) -> None:
    feed = read_feed(json.dumps({"settings": [setting(1)], **HEADER}).encode(), form="json")

    assert feed.header["publishedAt"] == HEADER["publishedAt"]
    assert documents(feed) == [setting(1)]
    assert finished(feed).ok


@pytest.mark.parametrize("cut", [1, 30, 150])
def test_a_json_feed_that_breaks_off_keeps_what_came_before(cut: int, json_path: str) -> None:
    content = json.dumps({**HEADER, "settings": [setting(number) for number in range(5)], "complete": True}).encode()

    feed = read_feed(content[:-cut], form="json")
    read = documents(feed)

    assert read == [setting(number) for number in range(len(read))]
    assert len(read) >= 3
    assert not finished(feed).ok
    assert "breaks off" in finished(feed).reason


@pytest.mark.parametrize(
    "damage", [b'{"urn": NaN}', b'{"urn": "SC000001" "x": 1}', b"{'urn': 1}", b'{"urn": Infinity}', b'{"urn": 01}']
)
def test_damaged_json_ends_the_feed_with_a_plain_reason(damage: bytes, json_path: str) -> None:
    content = json.dumps({**HEADER, "settings": [setting(1)]}).encode()[:-2] + b", " + damage + b"]}"

    feed = read_feed(content, form="json")

    assert documents(feed) == [setting(1)]
    assert not finished(feed).ok
    assert "1 settings came before" in finished(feed).reason


def test_a_missing_comma_is_damage_too(json_path: str) -> None:
    content = json.dumps({**HEADER, "settings": [setting(1), setting(2)]}).replace("}}, {", "}} {").encode()

    feed = read_feed(content, form="json")

    assert documents(feed) == [setting(1)]
    assert not finished(feed).ok


def test_what_is_no_record_is_quarantined_and_the_rest_goes_on(json_path: str) -> None:
    feed = read_feed(json.dumps({**HEADER, "settings": [setting(1), 7, None, setting(2)]}).encode(), form="json")

    records = list(feed.records())

    assert [record.document is None for record in records] == [False, True, True, False]
    assert records[1].issues[0].place.pointer == "/settings/1"
    assert not finished(feed).ok, "a complete feed must not withdraw on the word of a list with holes"


def test_a_record_nested_beyond_use_is_quarantined(json_path: str) -> None:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    content = json.dumps({**HEADER, "settings": [{"urn": "SC000001", "extensions": {"x": deep}}, setting(2)]})

    feed = read_feed(content.encode(), form="json")
    records = list(feed.records())

    assert [record.document is None for record in records] == [True, False]
    assert records[0].place.urn == "SC000001"


def test_nesting_by_the_hundred_thousand_harms_nobody(json_path: str) -> None:
    content = b'{"standard": "placefeed", "settings": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}"

    feed = read_feed(content, form="json")

    assert documents(feed) == []
    assert not finished(feed).ok


@pytest.mark.parametrize("content", [b"[]", b'{"settings": {}}', b'"placefeed"', b"7"])
def test_other_json_is_no_feed(content: bytes, json_path: str) -> None:
    with pytest.raises(Refused, match="not a feed"):
        read_feed(content, form="json")


def test_something_after_the_end_is_damage(json_path: str) -> None:
    feed = read_feed(json.dumps({**HEADER, "settings": []}).encode() + b" {}", form="json")

    assert documents(feed) == []
    assert not finished(feed).ok


def test_of_a_key_given_twice_the_last_counts(json_path: str) -> None:
    content = b'{"standard": "placefeed", "settings": [{"urn": "SC000001", "urn": "SC000002"}]}'

    assert documents(read_feed(content, form="json")) == [{"urn": "SC000002"}]


@settings(max_examples=50)
@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=5),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers(-(2**53), 2**53)
                | st.floats(allow_nan=False, allow_infinity=False)
                | st.text(max_size=20),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                max_leaves=10,
            ),
            max_size=5,
        ),
        max_size=8,
    ),
    st.sampled_from([1, 7, 64, 4096]),
)
def test_streamed_and_whole_reading_agree(records: list[dict[str, Any]], chunk: int) -> None:
    content = json.dumps({"settings": records, "complete": True}, ensure_ascii=False).encode("utf-8", "replace")

    whole = documents(read_feed(content, form="json"))
    walk_feed = Feed()
    walk = feeds._Walk(walk_feed, feeds.Text(b"", _Dripping(content, chunk)))
    walk.to_settings()
    streamed = [record.document for record in walk.records()]

    assert streamed == whole
    assert finished(walk_feed).ok


class _Dripping(io.BytesIO):
    """A stream that gives few bytes at a time."""

    def __init__(self, content: bytes, chunk: int) -> None:
        super().__init__(content)
        self.chunk = chunk

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self.chunk)


# --- NDJSON -----------------------------------------------------------------------------------------


def test_an_ndjson_feed_reads_line_by_line() -> None:
    feed = read_feed(whole_feed(3), form="ndjson")

    assert feed.header == HEADER
    assert documents(feed) == [setting(0), setting(1), setting(2)]
    assert finished(feed) == feeds.Trailer(True, 3)


def test_withdrawn_lines_count_and_are_kept_apart() -> None:
    entry = {"urn": "SC000009", "part": "vacancy", "id": "v1"}
    content = lines({"line": "header", **HEADER}, {"line": "withdrawn", **entry}, {"line": "trailer", "count": 1})

    feed = read_feed(content, form="ndjson")

    assert documents(feed) == []
    assert feed.withdrawn == [entry]
    assert finished(feed).ok


@pytest.mark.parametrize("trailer", [None, 2, 4])
def test_without_a_right_trailer_nothing_may_be_withdrawn(trailer: int | None) -> None:
    feed = read_feed(whole_feed(3, trailer=trailer), form="ndjson")

    assert len(documents(feed)) == 3
    assert not finished(feed).ok
    assert finished(feed).reason


def test_a_feed_cut_in_the_middle_of_a_line_says_so() -> None:
    feed = read_feed(whole_feed(3)[:-60], form="ndjson")

    records = list(feed.records())

    assert records[-1].document is None
    assert not finished(feed).ok


def test_a_bad_line_is_quarantined_with_its_line_and_setting() -> None:
    content = lines(
        {"line": "header", **HEADER}, {"line": "setting", **setting(1)}, b'{"line": "setting", "urn": "SC000002", "x": NaN}',
        b"", {"line": "setting", **setting(3)}, {"line": "trailer", "count": 3},
    )  # fmt: skip

    feed = read_feed(content, form="ndjson")
    records = list(feed.records())

    assert [record.place.urn for record in records] == ["SC000001", "SC000002", "SC000003"]
    assert records[1].document is None
    assert records[1].place.line == 3
    assert finished(feed).ok, "the garbled setting is named, so nothing is mistaken for missing"


def test_a_bad_line_without_a_urn_forbids_withdrawals() -> None:
    content = lines({"line": "header", **HEADER}, b"{broken", {"line": "trailer", "count": 1})

    feed = read_feed(content, form="ndjson")

    assert documents(feed) == [None]
    assert not finished(feed).ok


def test_a_feed_without_header_says_so() -> None:
    feed = read_feed(lines({"line": "setting", **setting(1)}, {"line": "trailer", "count": 1}), form="ndjson")

    assert documents(feed) == [setting(1)]
    assert feed.header == {}
    assert "header" in finished(feed).reason


def test_a_huge_line_is_quarantined_without_being_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "RECORD_BYTES", 1_000)
    huge = b'{"line": "setting", "urn": "SC000002", "x": "' + b"x" * 5_000 + b'"}'
    content = lines(
        {"line": "header", **HEADER}, huge, {"line": "setting", **setting(3)}, {"line": "trailer", "count": 2}
    )

    feed = read_feed(content, form="ndjson")
    records = list(feed.records())

    assert [record.document for record in records] == [None, setting(3)]
    assert records[0].place.urn == "SC000002"
    assert "too long" in records[0].issues[0].message


@given(st.binary(max_size=200))
def test_any_bytes_end_somehow(content: bytes) -> None:
    feed = read_feed(content, form="ndjson")

    assert all(record.document is None or isinstance(record.document, dict) for record in feed.records())
    assert feed.finished is not None


class _Endless(io.RawIOBase):
    """An NDJSON feed made as it is read, so that the test itself holds nothing."""

    def __init__(self, count: int) -> None:
        self._lines = self._made(count)
        self._rest = b""

    def _made(self, count: int) -> Iterator[bytes]:
        yield lines({"line": "header", **HEADER})
        filling = {"vacancies": [{"id": "v1", "asOf": "2026-11-21T18:00:00Z", "places": 1, "notes": "x" * 400}]}
        for number in range(count):
            yield lines({"line": "setting", **setting(number % 1_000_000), **filling})
        yield lines({"line": "trailer", "count": count})

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._lines, b"")
        taken = self._rest[: len(buffer)]
        self._rest = self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def test_two_hundred_thousand_settings_in_flat_memory() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        feed = read_feed(io.BufferedReader(_Endless(count), 1 << 16), form="ndjson")
        assert sum(1 for _ in feed.records()) == count
        assert finished(feed).ok
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(20_000) < peak(200) + 300_000


def test_two_hundred_thousand_settings_quickly() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()

    feed = read_feed(io.BufferedReader(_Endless(200_000), 1 << 16), form="ndjson")
    count = sum(1 for _ in feed.records())

    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / (1 if sys.platform == "darwin" else 1024)
    assert count == 200_000
    assert grown < 50, f"grew by {grown:.0f} MiB"
    assert time.process_time() - started < 30
