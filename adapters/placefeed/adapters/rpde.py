"""Follows another exchange's two change feeds (RPDE 1.0), settings before vacancies, from where it stopped.

```
cursor {settings, vacancies: URLs} ──GET──> page ──> items ──> records, withdrawals ──> batches ──> next page ... last page
                                     └──410: too old, or another epoch ──> from the beginning, under a new mark
both feeds at their last page for the first time ──> one more batch says that the reading is whole
```
Each word carries the mark of the reading that brought it. Once a reading is whole, what stands under an older mark is no
longer there (mark and sweep): the exchange withdraws it, as it does with what a complete feed leaves out.
"""

import secrets
import ssl
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from placefeed.adapters.addresses import Guard
from placefeed.adapters.asking import Asker
from placefeed.adapters.base import Batch, ChangedShape, Cursor, Refused, TooLarge, Unreachable
from placefeed.adapters.bodies import MIB
from placefeed.adapters.federation import (
    FEDERATION,
    Json,
    chain_of,
    comes_back,
    exchange_name,
    own_id,
    plain_token,
    setting_key,
    setting_record,
    vacancy_record,
)
from placefeed.adapters.http_words import site, unexpected

FEEDS = {"settings": "setting", "vacancies": "vacancy"}
"""Name of a feed, in the order in which they are read -> kind of its items."""

PAGE_BYTES = 32 * MIB
PAGE_ITEMS = 20_000
PAGES = 200  # a run; the next goes on from there
SECONDS = 120.0  # a run, before another page is asked for
RECORDS = 250  # a batch
PIECE_BYTES = MIB // 2  # a batch, but for a single item that has more
LONGEST = 2000  # characters of a `next` or an id
LARGEST = 2**63 - 1
ACCEPT = "application/vnd.openactive.rpde+json; version=1, application/json"


class Held(NamedTuple):
    """A vacancy that stands: of which setting, and at which rates."""

    urn: str
    rates: tuple[str, ...]


Lookup = Callable[[Collection[str]], Mapping[str, Sequence[Held]]]
"""What stands of some vacancies, by their ids. A tombstone says no more than an id: whose it was is known to the exchange alone."""


def nothing_held(_ids: Collection[str]) -> Mapping[str, Sequence[Held]]:
    """Where nothing was taken before."""
    return {}


@dataclass(slots=True)
class State:
    """How far a reading has come: the next page of each feed (None: its first), its mark, and whether it was whole once."""

    settings: str | None
    vacancies: str | None
    reading: str
    whole: bool

    @classmethod
    def anew(cls) -> "State":
        return cls(None, None, plain_token(secrets.token_hex(6)), whole=False)

    def cursor(self) -> Cursor:
        return {name: getattr(self, name) for name in self.__slots__}


class Page(NamedTuple):
    """A page that has the form of RPDE. `last`: there is nothing more at the moment."""

    next: str
    items: list[Json]
    last: bool


class RpdeFeeds:
    """Follows the exchange at a base URL. Made without touching the network; options as `Asker` has them.

    `authorization` holds the key that we have there as a member. `exchange` is our own name (`federation.exchange_name`):
    what came from us is not taken back. `held` looks up what stands. A batch has at most `piece_records` records.
    """

    def __init__(
        self,
        address: str,
        *,
        authorization: str | None = None,
        exchange: str | None = None,
        held: Lookup = nothing_held,
        guard: Guard | None = None,
        timeout: float = 60.0,
        max_bytes: int = PAGE_BYTES,
        piece_records: int = RECORDS,
        attempts: int = 3,
        verify: ssl.SSLContext | bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pages: int = PAGES,
        seconds: float = SECONDS,
        user_agent: str = "placefeed/1.0",
    ) -> None:
        self.address = address.rstrip("/")
        self._peer = exchange_name(address)
        self._own = exchange
        self._held = held
        self._piece_records = min(piece_records, RECORDS)
        self._clock = clock
        self._pages = pages
        self._seconds = seconds
        self._asker = Asker(
            self.address,
            accept=ACCEPT,
            authorization=authorization,
            guard=guard,
            timeout=timeout,
            max_bytes=min(max_bytes, PAGE_BYTES),
            attempts=attempts,
            verify=verify,
            user_agent=user_agent,
        )

    def fetch(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Yield what has changed since `cursor`, in order, a piece of a page at a time.

        A batch without content brings nothing but a cursor that has moved on. Raises Unreachable, ChangedShape, TooLarge
        or Refused; what was yielded before that stands.
        """
        state = self._state(cursor)
        run = _Run(self._pages, time.monotonic() + self._seconds)
        try:
            yield from self._read(state, run)
        except _Gone:
            # Our place in its log is no longer known there: read it all again, and see what is missing at the end.
            state = State.anew()
            try:
                yield from self._read(state, run)
            except _Gone as gone:
                raise Unreachable(f"{site(self.address)} sends us back to the beginning again and again.") from gone

    def _read(self, state: State, run: "_Run") -> Iterator[Batch]:
        kept = state.cursor()
        for name in FEEDS:
            while not (ended := (yield from self._page(name, state, run, kept))):
                if run.over():
                    break
            if not ended:
                break
        else:
            if not state.whole:
                state.whole = True
                yield self._batch([], [], state.cursor(), name="whole", whole=state.reading)
                return
        if state.cursor() != kept:
            yield Batch(content=b"", content_type="application/json", cursor=state.cursor())

    def _page(self, name: str, state: State, run: "_Run", kept: Cursor) -> Generator[Batch, None, bool]:
        """Read one page of a feed and yield what it brings; returns whether it was the last. `kept` follows what was yielded."""
        first = f"{self.address}/v1/feeds/{name}"
        known = getattr(state, name)
        url = known or first
        run.pages -= 1
        answer = self._asker.ask(url, expected=(200, 410))
        if answer.status == 410:
            if known is None:
                raise ChangedShape(unexpected(url, 410))
            raise _Gone
        page = read_page(answer.content, url=url, first=first, kind=FEEDS[name])
        if page.last:
            return True
        if page.next in run.seen or page.next == url:
            raise ChangedShape(f"{site(url)} runs in a circle: a page leads back to one that was read before.")
        run.seen.add(page.next)
        for records, withdrawn, more in self._pieces(name, page.items, state.reading):
            if not more:
                setattr(state, name, page.next)
            kept.update(state.cursor())
            yield self._batch(records, withdrawn, state.cursor(), name=name)
        setattr(state, name, page.next)
        return False

    def _pieces(self, name: str, items: list[Json], reading: str) -> Iterator[tuple[list[Json], list[Json], bool]]:
        """What a page says, in pieces of a moderate size: (records, withdrawals, whether more follow)."""
        records: list[Json] = []
        withdrawn: list[Json] = []
        size = 0
        for record, gone in self._said(name, items, reading):
            weight = len(orjson.dumps([record, gone]))
            if (records or withdrawn) and (
                size + weight > PIECE_BYTES or len(records) + len(withdrawn) + len(gone) >= self._piece_records
            ):
                yield records, withdrawn, True
                records, withdrawn, size = [], [], 0
            if record is not None:
                records.append(record)
            withdrawn += gone
            size += weight
        if records or withdrawn:
            yield records, withdrawn, False

    def _said(self, name: str, items: list[Json], reading: str) -> Iterator[tuple[Json | None, list[Json]]]:
        """Each item as a record, or None, and what no longer stands because of it."""
        if name == "settings":
            for item in items:
                if item["state"] == "updated":
                    yield setting_record(item["id"], item["data"], reading=reading), []
                else:
                    yield None, [{**setting_key(item["id"]), "part": "setting"}]
            return
        standing = self._held([own_id(item["id"]) for item in items])
        for item in items:
            own = own_id(item["id"])
            record = None
            if item["state"] == "updated" and not comes_back(chain_of(item["data"], self._peer), self._own):
                record = vacancy_record(item["id"], item["data"], peer=self._peer, reading=reading)
            gone = [entry for held in standing.get(own, ()) for entry in _gone(own, held, record)]
            if record is not None or gone:
                yield record, gone

    def _batch(
        self, records: list[Json], withdrawn: list[Json], cursor: Cursor, *, name: str, whole: str | None = None
    ) -> Batch:
        feed: Json = {
            "standard": "placefeed",
            "version": "1.0",
            "publisher": {"id": f"XI-RPDE-{_plain(self._peer)}", "name": self._peer[:200]},
            "publishedAt": self._clock().astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "settings": records,
            "withdrawn": withdrawn,
        }
        if whole is not None:
            feed["extensions"] = {FEDERATION: {"whole": whole}}
        return Batch(orjson.dumps(feed), "application/json", cursor, name=f"{name}.json")

    def _state(self, cursor: Cursor | None) -> State:
        """Where to go on; from the beginning where the cursor is none of ours, or another address's."""
        if not cursor or not isinstance(cursor.get("reading"), str):
            return State.anew()
        places = {name: cursor.get(name) for name in FEEDS}
        for name, url in places.items():
            if url is not None and not _same_feed(str(url), f"{self.address}/v1/feeds/{name}"):
                return State.anew()
        return State(places["settings"], places["vacancies"], cursor["reading"], whole=cursor.get("whole") is True)


class _Gone(Exception):
    """The page that we stopped at is gone (410)."""


@dataclass(slots=True)
class _Run:
    """What is left of one run, and the pages that it has read."""

    pages: int
    ends: float
    seen: set[str]

    def __init__(self, pages: int, ends: float) -> None:
        self.pages, self.ends, self.seen = pages, ends, set()

    def over(self) -> bool:
        return self.pages <= 0 or time.monotonic() >= self.ends


def read_page(content: bytes, *, url: str, first: str, kind: str) -> Page:
    """A page of items of one kind, each once, at its latest. Raises ChangedShape, TooLarge or Refused (rule next-origin)."""
    try:
        page = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ChangedShape(f"{site(url)} sent no JSON where a page of its change feed was expected.") from error
    items, following = (page.get("items"), page.get("next")) if isinstance(page, dict) else (None, None)
    if not isinstance(items, list) or not isinstance(following, str) or len(following) > LONGEST:
        raise ChangedShape(f"{site(url)} sent something else than a page of a change feed (RPDE): next and items.")
    if len(items) > PAGE_ITEMS:
        raise TooLarge(f"{site(url)} sends more than {PAGE_ITEMS} items on a page, the most that is read.")
    if not _same_feed(following, first):
        raise Refused(
            f"The next page of {site(url)} is somewhere else than the feed (rule next-origin). It is not followed.",
            rule="next-origin",
        )
    latest: dict[str, Json] = {}
    for item in items:
        if not _is_item(item):
            raise ChangedShape(f"{site(url)} sent an item without id, state or number, or without what it is about.")
        if item.get("kind") != kind:
            raise ChangedShape(f"{site(url)} sent an item that is no {kind}. Give the base URL of an exchange.")
        latest.pop(item["id"], None)
        latest[item["id"]] = item
    return Page(following, list(latest.values()), last=not items and following == url)


def _is_item(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    number, name = item.get("modified"), item.get("id")
    return (
        isinstance(name, str)
        and 0 < len(name) <= LONGEST
        and isinstance(number, int)
        and not isinstance(number, bool)
        and 0 < number <= LARGEST
        and (item.get("state") == "deleted" or (item.get("state") == "updated" and isinstance(item.get("data"), dict)))
    )


def _gone(own: str, held: Held, record: Json | None) -> list[Json]:
    """What of a vacancy that stands is not in its new record: all of it where there is none, or where it is another setting's."""
    key = setting_key(held.urn)
    if record is not None and key.items() <= record.items():
        kept = {rate["id"] for rate in record["rates"]}
        return [{**key, "part": "rate", "id": rate} for rate in held.rates if rate not in kept]
    return [{**key, "part": "vacancy", "id": own}, *({**key, "part": "rate", "id": rate} for rate in held.rates)]


def _same_feed(url: str, first: str) -> bool:
    """Whether an address is a page of a feed: only what stands behind the question mark may differ."""
    try:
        one, other = urlsplit(url), urlsplit(first)
        same = (one.scheme, one.hostname, one.port or "", one.path) == (other.scheme, other.hostname, other.port or "", other.path)  # fmt: skip
    except ValueError:
        return False
    return same and not one.username and not one.fragment


def _plain(name: str) -> str:
    """A name with what an organisation's identifier may hold."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in name)[
        :60
    ]
