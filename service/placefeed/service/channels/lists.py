"""The live list as ready answers: joined from stored fragments, compressed once, kept for as long as they are true.

```
request ──> Plan (parsed once) ─┐
caller  ──> Sight (view, key) ──┼─> (view, plan, encoding) at this Moment ──> Ready, from the cache or built; or Streamed
clock, Snapshot ──> Moment ─────┘
```
"""

import asyncio
import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO

import orjson
from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from placefeed.service.channels import exports, forms, pages
from placefeed.service.channels.cache import RawHeaders, Ready, ReadyAnswers
from placefeed.service.channels.forms import CSV, JSON, NDJSON, XLSX
from placefeed.service.channels.index import Moment, Selected, Selection, Sight, State
from placefeed.service.channels.pages import Page, Plan
from placefeed.service.channels.query import params_of, refuse
from placefeed.service.channels.snapshot import Snapshot
from placefeed.service.channels.views import Views
from placefeed.service.clock import Clock, iso
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.publishing.sight import View

TTL = 30  # seconds: how soon it makes sense to ask again
QUICK = 200  # rows: a JSON page up to this is built at once, a longer one off the event loop
PLANS = 4096  # parsed requests remembered
EXPORTS = 2  # tables made at a time: they must not take every thread
SPOOLED = 1024 * 1024  # bytes of a workbook kept in memory before it goes to disk
PIECE = 64 * 1024  # bytes read of it at a time

_VARY = b"Authorization, Accept, Accept-Encoding"


@dataclass(slots=True)
class Streamed:
    """An answer too large to hold: its headers, and its bytes as they come."""

    headers: RawHeaders
    chunks: Iterator[bytes]


Answer = Ready | Streamed


class Lists:
    """The list of one process. `start()` begins to follow the log; `close()` ends it."""

    def __init__(self, database: Database, *, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.snapshot = Snapshot(database)
        self.views = Views(database, clock)
        self.ready = ReadyAnswers(settings.cache_bytes)
        self._plans: dict[tuple[bytes, str], Plan] = {}
        self._building: dict[object, asyncio.Task[Answer]] = {}
        self._exports = CapacityLimiter(EXPORTS)

    def start(self) -> None:
        """Read the list and follow it."""
        self.snapshot.start()

    def close(self) -> None:
        """Stop following."""
        self.snapshot.close()
        self.views.close()

    def plan(self, query: bytes, accept: str) -> Plan:
        """The request, parsed; equal requests are parsed once. Raises BadRequest or NotAcceptable."""
        plan = self._plans.get((query, accept))
        if plan is None:
            plan = Plan.parse(params_of(query), accept=accept)
            if len(self._plans) >= PLANS:
                self._plans.clear()
            self._plans[query, accept] = plan
        return plan

    def held(self, view: View, plan: Plan, encoding: str) -> Ready | None:
        """The answer, if it is ready and still true: what a hot reader gets."""
        state = self.snapshot.state
        return self.ready.get((state.sight(view).key, plan.key, encoding), state.moment(self.clock()))

    def etag(self, view: View, plan: Plan, encoding: str) -> bytes:
        """The ETag that the answer would have now; costs no answer."""
        state = self.snapshot.state
        return etag_of(state.sight(view), plan, encoding, state.moment(self.clock()))

    async def answer(self, view: View, plan: Plan, encoding: str) -> Answer:
        """The answer, made if need be; one that is being made already is waited for. Raises Gone."""
        now = self.clock()
        state = await self._state_for(plan)
        moment = state.moment(now)
        sight = state.sight(view)
        key = (sight.key, plan.key, encoding)
        ready = self.ready.get(key, moment)
        if ready is not None:
            return ready

        def build() -> Answer:
            return build_answer(state, moment, now, sight, plan, encoding, base_url=self.settings.base_url)

        if plan.form is JSON and (plan.limit or 0) <= QUICK:
            built = build()
        elif plan.form is JSON:
            built = await self._once((key, moment), build)
        else:
            built = await run_sync(build, limiter=self._exports)
        if isinstance(built, Ready):
            self.ready.put(key, built)
        return built

    async def _state_for(self, plan: Plan) -> State:
        """The state to answer from: never older than where the page before was read, perhaps in another process."""
        state, cursor = self.snapshot.state, plan.cursor
        if cursor is None or (cursor.epoch == state.epoch and cursor.since <= state.position):
            return state
        state = await run_sync(lambda: self.snapshot.reach(epoch=cursor.epoch, position=cursor.since))
        if cursor.epoch == state.epoch and cursor.since > state.position:
            raise refuse("cursor", "is not one of ours. Take it from `next` as it is, or begin without it.")
        return state

    async def _once(self, key: object, build: Callable[[], Answer]) -> Answer:
        task = self._building.get(key)
        if task is None:
            task = self._building[key] = asyncio.create_task(run_sync(build))
            task.add_done_callback(lambda _done: self._building.pop(key, None))
        return await asyncio.shield(task)  # a reader that leaves does not stop it for the others


def etag_of(sight: Sight, plan: Plan, encoding: str, moment: Moment) -> bytes:
    """A strong ETag: by view, request, encoding, position, epoch, and the last changesAt that has passed."""
    passed = iso(moment.passed) if moment.passed else ""
    text = "\n".join((sight.key, plan.key, encoding, str(moment.epoch), str(moment.position), passed))
    return b'"%s"' % hashlib.blake2b(text.encode(), digest_size=12).hexdigest().encode()


def build_answer(
    state: State, moment: Moment, now: datetime, sight: Sight, plan: Plan, encoding: str, *, base_url: str
) -> Answer:
    """Make an answer from a state. Reads nothing else, so it may take its time on any thread."""
    selection = state.select(plan.filter, sight.view, now, sort=plan.sort)
    page = pages.page_of(selection, plan, epoch=state.epoch, position=state.position)
    headers = _headers(sight, plan, encoding, moment, page, base_url)
    if plan.form is JSON:
        next_url = plan.next_url(base_url, page.next) if page.next else None
        body = list_document(state, selection, fragments(page.items, sight.view), next_url=next_url)
        return _ready(moment, headers, body, encoding)
    chunks = _chunks(plan, page.items, sight.view)
    if len(page.items) <= pages.MOST:
        return _ready(moment, headers, b"".join(chunks), encoding)
    return Streamed(_encoded(headers, encoding), forms.compressed(chunks, encoding))


def fragments(items: Iterable[Selected], view: View) -> Iterator[bytes]:
    """The `listing` documents of rows, as this view may have them."""
    return (
        row.fragment(view, overdue=overdue) if overdue or row.restricted else row.body for _key, row, overdue in items
    )


def list_document(state: State, selection: Selection, items: Iterable[bytes], *, next_url: str | None = None) -> bytes:
    """The `list` document of the standard, joined from ready fragments."""
    head = {
        "standard": "placefeed",
        "version": "1.0",
        "lastUpdated": iso(state.written_at),
        "ttl": TTL,
        "position": state.position,
        "epoch": state.epoch,
        "totals": {"available": selection.available, "unknown": selection.unknown, "hidden": selection.hidden},
        **({"next": next_url} if next_url else {}),
    }
    return b"".join((orjson.dumps(head)[:-1], b',"items":[', b",".join(items), b"]}"))


def _chunks(plan: Plan, items: list[Selected], view: View) -> Iterator[bytes]:
    rows = fragments(items, view)
    if plan.form is NDJSON:
        return exports.ndjson(rows)
    if plan.form is CSV:
        return exports.csv_text(rows)
    book = tempfile.SpooledTemporaryFile(max_size=SPOOLED)  # noqa: SIM115 - closed by _read, when it has been sent
    exports.xlsx(rows, book)
    return _read(book)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece


def _ready(moment: Moment, headers: RawHeaders, body: bytes, encoding: str) -> Ready:
    if encoding and len(body) >= forms.LEAST_COMPRESSED:
        body = forms.compress(body, encoding)
        headers = _encoded(headers, encoding)
    etag = next(value for name, value in headers if name == b"etag")
    about = (b"etag", b"vary", b"cache-control", b"link")
    unchanged = [(name, value) for name, value in headers if name in about]
    return Ready(moment, etag, [*headers, (b"content-length", str(len(body)).encode())], unchanged, body)


def _encoded(headers: RawHeaders, encoding: str) -> RawHeaders:
    return [*headers, (b"content-encoding", encoding.encode())] if encoding else headers


def _headers(sight: Sight, plan: Plan, encoding: str, moment: Moment, page: Page, base_url: str) -> RawHeaders:
    links = ['<https://w3id.org/placefeed/1.0/list>; rel="describedby"']
    if page.next is not None:
        links.insert(0, f'<{plan.next_url(base_url, page.next)}>; rel="next"')
    headers = [
        (b"content-type", plan.form.content_type.encode()),
        (b"etag", etag_of(sight, plan, encoding, moment)),
        (b"vary", _VARY),
        (b"cache-control", b"private, no-cache"),
        (b"link", ", ".join(links).encode()),
        (b"placefeed-position", str(moment.position).encode()),
        (b"placefeed-epoch", str(moment.epoch).encode()),
    ]
    if plan.form in (CSV, XLSX):
        name = f"placefeed-listings-{moment.position}.{plan.form.name}"
        headers.append((b"content-disposition", f'attachment; filename="{name}"'.encode()))
    return headers
