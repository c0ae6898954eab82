"""Following a change feed (RPDE 1.0): page after page from a saved cursor, then a look at the last page now and then."""

from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urljoin, urlsplit

from placefeed.client._patience import AT_FIRST, Patience, Troubled
from placefeed.client._steps import Answer, Call, Emit, Pause, Query, Request, Send, Steps, failure
from placefeed.client._wire import PAGES_AT_MOST
from placefeed.client.changes import RESET, Change
from placefeed.client.cursors import CursorFile, CursorStore
from placefeed.client.errors import Gone, PlacefeedError, TooManyRequests, Unavailable

LEAST_BETWEEN_POLLS = 8.0  # RPDE 1.0: an empty last page is not asked for more often
LONGEST_WAIT = 300.0

Feed = Literal["vacancies", "settings"]


def follow(
    feed: Feed = "vacancies",
    *,
    cursor: str | Path | CursorStore | None = None,
    until_current: bool = False,
    start_again: bool = False,
    poll_every: float = LEAST_BETWEEN_POLLS,
    give_up_after: float | None = None,
    troubled: Troubled | None = None,
) -> Steps[None]:
    """Every change of a feed, from where `cursor` (a file's path, or your own CursorStore) says, for ever or `until_current`.

    The cursor is saved once you ask for the item after a page's last, so a crash repeats at most a page and loses
    nothing; what is repeated is the same record again. No failure in the middle goes back to the beginning: the page
    is asked for again when the exchange's Retry-After says, or after a wait that grows to five minutes. A failure is
    raised after `give_up_after` seconds of waiting in a row (None: never; two minutes before the first page, and with
    `until_current`); `troubled` is told of each failure that is borne, and the wait.

    Raises Gone where the cursor is too old or the exchange was restored from a backup. With `start_again` you get a
    `reset` instead, and then the whole feed. Raises NotFound where the exchange has no such feed.
    """
    if feed not in ("vacancies", "settings"):
        raise ValueError(f"There are two feeds to follow, vacancies and settings, and not “{feed}”.")
    if not poll_every >= LEAST_BETWEEN_POLLS:
        raise ValueError(
            f"A feed is asked at most every {LEAST_BETWEEN_POLLS:g} seconds: poll_every is {poll_every:g}."
        )
    store = CursorFile(cursor) if isinstance(cursor, str | Path) else cursor
    blocks = isinstance(store, CursorFile)
    at: str | None = (yield Call(store.load, blocks)) if store is not None else None
    if give_up_after is None and until_current:
        give_up_after = AT_FIRST
    patience = Patience(first=1.0, longest=LONGEST_WAIT, give_up_after=give_up_after, troubled=troubled)
    trail = _Trail()
    begun_again = False
    while True:
        try:
            page = yield from _page(feed, at, trail, patience)
        except Gone as gone:
            # Gone at the beginning itself, or twice without an end in between: beginning again would go on for ever.
            if not start_again or at is None or begun_again:
                raise _how_to_start_again(gone) from gone
            at, begun_again, trail = None, True, _Trail()
            yield Emit(Change(RESET))
            continue
        for change in page.changes:
            yield Emit(change)
        if store is not None and page.next != at:
            yield Call(partial(store.save, page.next), blocks)
        at = page.next
        if page.last:
            if until_current:
                return
            begun_again = False
            trail.seen.clear()
            yield Pause(poll_every)


class _Trail:
    """Where a follower has been since it last was at the end: `next` links, and the newest position."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.position = -1


class _Page:
    def __init__(self, changes: list[Change], next: str, *, last: bool) -> None:
        self.changes, self.next, self.last = changes, next, last


def _page(feed: Feed, at: str | None, trail: _Trail, patience: Patience) -> Steps[_Page]:
    """The page at a cursor, however long it takes."""
    query: Query = parse_qsl(urlsplit(at).query, keep_blank_values=True) if at is not None else ()
    request = Request("GET", f"v1/feeds/{feed}", query=query)
    while True:
        try:
            # Not by `patiently`: a follower's own patience is longer, and tells of each wait.
            answer: Answer = yield Send(request)
            _ours(at, answer)
            if answer.status != 200:
                raise failure(answer)
            page = _read(answer, query, trail)
        except (TooManyRequests, Unavailable) as error:
            yield Pause(patience.wait(error))
        else:
            patience.recovered()
            patience.progressed()
            return page


def _read(answer: Answer, query: Query, trail: _Trail) -> _Page:
    """A page, believed only if it is one of RPDE and leads onwards."""
    document = answer.document()
    items, link = document.get("items"), document.get("next")
    if not isinstance(items, list) or not isinstance(link, str) or not link:
        raise _nonsense("it has no `items` or no `next`")
    changes = [_change(item) for item in items]
    position = trail.position
    for change in changes:
        if change.position < position:
            raise PlacefeedError(
                f"The feed goes back from position {position} to {change.position}: what follows cannot be trusted. Tell the exchange's operator."
            )
        position = change.position
    after = _joined(answer.url, link)
    if _place(after) != _place(answer.url):
        raise PlacefeedError(
            f"The feed's `next` leads away from {_plain(answer.url)}, to {_plain(after)}; your key was not sent there. Give that address as the URL if it is the exchange's, or tell its operator."
        )
    same = parse_qsl(urlsplit(after).query, keep_blank_values=True) == list(query)
    if (same and changes) or (not same and after in trail.seen) or len(trail.seen) >= PAGES_AT_MOST:
        raise PlacefeedError("The feed's pages lead round in a circle. Tell the exchange's operator.")
    trail.seen.add(after)
    trail.position = position
    return _Page(changes, after, last=same)


def _joined(url: str, link: str) -> str:
    try:
        after = urljoin(url, link)
        _place(after)
    except ValueError as error:
        raise _nonsense("its `next` is no address") from error
    return after


def _change(item: Any) -> Change:
    """An item of a page."""
    if not isinstance(item, dict):
        raise _nonsense("an item is no object")
    state, identifier, position, data = (item.get(name) for name in ("state", "id", "modified", "data"))
    if not isinstance(identifier, str) or not isinstance(position, int) or isinstance(position, bool):
        raise _nonsense("an item has no `id` or no whole `modified`")
    if state == "deleted":
        return Change("deleted", identifier, position)
    if state != "updated" or not isinstance(data, dict):
        raise _nonsense("an item is neither deleted nor updated with its `data`")
    return Change("updated", identifier, position, data)


def _nonsense(what: str) -> Unavailable:
    return Unavailable(
        f"The answer is not a page of a change feed: {what}. Check that the URL is that of a Placefeed exchange.",
        status=200,
    )


def _ours(at: str | None, answer: Answer) -> None:
    """A cursor of another exchange or feed would be taken, and lose what lies between."""
    if at is not None and urlsplit(at).scheme and _place(at) != _place(answer.url):
        raise ValueError(
            f"The saved cursor belongs to {_plain(at)}, and this is {_plain(answer.url)}. Name another place to keep it; if the exchange has moved, write its new address into the cursor."
        )


def _place(url: str) -> tuple[str, str | None, int | None, str]:
    """Where an address leads, without its query. The names of one's own machine are one."""
    parts = urlsplit(url)
    host = "localhost" if parts.hostname in ("127.0.0.1", "::1") else parts.hostname
    return parts.scheme, host, parts.port or {"http": 80, "https": 443}.get(parts.scheme), parts.path


def _plain(url: str) -> str:
    """An address without its query."""
    return url.partition("?")[0]


def _how_to_start_again(gone: Gone) -> Gone:
    """What the exchange said, and what that means here."""
    return Gone(
        f"{gone} Drop what you hold of this feed, delete the saved cursor and follow from the beginning: `start_again=True` does so by itself.",
        status=gone.status,
        problem=gone.problem,
    )
