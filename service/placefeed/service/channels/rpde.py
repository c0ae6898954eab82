"""Change feeds (RPDE 1.0): each vacancy and each setting once, at its latest, in the order of the log; a page at a time.

```
no parameters ──> page ──next──> page ──next──> ... ──> the last: no items, and `next` is its own address
                                                         └── asked again later: what has changed since
```
Two feeds, joined by `urn`: what moves (vacancies with rates, clocks, availability) and what seldom does (settings with their
Ofsted status). Sight is theirs: no filter, so a grade that the list hides by default is in them.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.channels.query import check_known, refuse
from placefeed.service.channels.rows import row_of
from placefeed.service.clock import iso
from placefeed.service.errors import BadRequest, Gone
from placefeed.service.publishing.log import Position
from placefeed.service.publishing.sight import View
from placefeed.service.publishing.since import LISTINGS, SETTINGS, Entry, since
from placefeed.service.tables import Change, Listing

PAGE = 500  # items; fewer make more requests, says RPDE
LOOKS = 20  # stretches of as many rows, looked through for a page of the reader's own
IDLE = timedelta(days=1)
"""A reader that has everything goes on from the log's end, once its own last row is this far behind it: so the cursor of
whoever asks now and then never grows old, however quiet its part of the exchange is."""
LARGEST = (1 << 63) - 1
LONGEST_QUERY = 400  # bytes

Data = Callable[[Any, View, datetime], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Feed:
    """One change feed: its name in the address, the kind of its items, where they stand, and what is said of one."""

    name: str
    kind: str
    table: sa.Table
    data: Data


def vacancy_data(row: Any, view: View, now: datetime) -> dict[str, Any]:
    """The `listing` document as this view may have it, without what the settings feed says. Unknown once time has changed it."""
    listing = row_of(
        id=row.id,
        urn=row.urn,
        moved=row.position,
        changes_at=row.changes_at,
        audiences=row.audiences,
        facts=row.facts,
        body=row.body,
        restricted=row.restricted,
    )
    document: dict[str, Any] = orjson.loads(listing.fragment(view, overdue=listing.overdue(now)))
    return {name: value for name, value in document.items() if name not in ("setting", "ofsted")}


def setting_data(row: Any, _view: View, _now: datetime) -> dict[str, Any]:
    """`{urn, setting, ofsted}`, as the publisher wrote it."""
    document: dict[str, Any] = orjson.loads(row.body)
    return document


FEEDS = {
    feed.name: feed
    for feed in (
        Feed("vacancies", "vacancy", LISTINGS, vacancy_data),
        Feed("settings", "setting", SETTINGS, setting_data),
    )
}


# -- where a reader stopped ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a reader stopped: `after` a number, in an epoch, in a reading that `began` when the log stood at that position.

    While a first reading goes through numbers from before it began, what was deleted before then is nothing to it; `began`
    says so, or its cursor would be taken for one that is too old.
    """

    after: int = 0
    epoch: int | None = None
    began: int | None = None

    @staticmethod
    def parse(query: bytes) -> "Cursor":
        """The three parameters of `next`; raises BadRequest for anything else."""
        if len(query) > LONGEST_QUERY:
            raise BadRequest("The address is too long. Follow `next` as it stands.")
        try:
            pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
        except ValueError:
            raise BadRequest("The parameters cannot be read. Follow `next` as it stands.") from None
        params = dict(pairs)
        check_known({name: [text] for name, text in params.items()}, PARAMETERS)
        if len(params) < len(pairs):
            raise BadRequest("A parameter is given twice. Follow `next` as it stands.")
        after, epoch, began = (_number(params, name) for name in PARAMETERS)
        return Cursor(after or 0, epoch, began)

    def begun(self, here: Position, *, start: str) -> "Cursor":
        """This cursor in the log as it stands; raises Gone where what came after it is no longer known. `start`: the feed's address."""
        if self.epoch is not None and self.epoch != here.epoch:
            raise Gone(
                "The exchange was put back from a backup since this reading began. Drop what you hold of this feed and begin "
                f"again at {start}"
            )
        began = here.position if self.after == 0 and self.began is None else self.began or 0
        if max(self.after, began) < here.tombstones_after:
            raise Gone(
                "This cursor is older than the deletions that are still known. Drop what you hold of this feed and begin again "
                f"at {start}"
            )
        return Cursor(self.after, here.epoch, began)

    @property
    def position(self) -> int:
        """The furthest that its reader has seen of the log."""
        return max(self.after, self.began or 0)

    def query(self) -> str:
        """As the parameters of `next`."""
        params = {"afterChangeNumber": self.after, "epoch": self.epoch}
        if self.began is not None and self.after < self.began:
            params["began"] = self.began
        return urlencode(params)


PARAMETERS = ("afterChangeNumber", "epoch", "began")


def _number(params: dict[str, str], name: str) -> int | None:
    text = params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST)) and int(text) <= LARGEST):
        raise refuse(name, "takes a whole number, such as `next` has. Follow `next` as it stands, or begin without it.")
    return int(text)


# -- a page --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """Items as they go out, and where the next page begins: None on the last."""

    items: list[dict[str, Any]]
    next: Cursor | None


def page_of(
    session: Session, feed: Feed, cursor: Cursor, here: Position, *, view: View, member: str | None, now: datetime
) -> Page:
    """The page at a cursor that has `begun` here. View, position and rows are of one session, hence of one instant.

    The next page begins after the last row that was looked at, also where that was not the reader's. A reader to whom
    nothing new belongs stays where it is: that is the last page. It goes on without an item only past a page of rows
    that are not its own, so that nobody looks through them twice, and when it has been idle.
    """
    looked = _look(session, feed, cursor.after, view=view, member=member)
    after = looked.position
    if looked.ended and not looked.entries and looked.stretches < 2:
        after = cursor.after
    if looked.ended and after < settled(session, here, now):
        after = here.position
    items = [_item(feed, entry, view, now) for entry in looked.entries]
    return Page(items, Cursor(after, cursor.epoch, cursor.began) if after > cursor.after else None)


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found; the last row looked at; how many stretches of the log that took; whether it has no more."""

    entries: list[Entry]
    position: int
    stretches: int
    ended: bool


def _look(session: Session, feed: Feed, after: int, *, view: View, member: str | None) -> _Looked:
    """Look for a page of items, but not for ever."""
    found: list[Entry] = []
    position, stretches = after, 0
    while len(found) < PAGE and stretches < LOOKS:
        entries, through = since(session, view, position, member=member, limit=PAGE, table=feed.table)
        if through == position:
            return _Looked(found, position, stretches, ended=True)
        found, position, stretches = [*found, *entries], through, stretches + 1
    if len(found) > PAGE:
        found = found[:PAGE]
        position = found[-1].position
    return _Looked(found, position, stretches, ended=False)


def settled(session: Session, here: Position, now: datetime) -> int:
    """The position to which the log had come long ago: a reader below it that has everything is idle."""
    row = session.exec(
        select(Change.position)
        .where(col(Change.at) <= now - IDLE)
        .order_by(col(Change.at).desc(), col(Change.position).desc())
        .limit(1)
    ).first()
    return max(row or 0, here.history_after)


def _item(feed: Feed, entry: Entry, view: View, now: datetime) -> dict[str, Any]:
    item = {"state": "deleted", "kind": feed.kind, "id": entry.id, "modified": entry.position}
    return item | {"state": "updated", "data": feed.data(entry.row, view, now)} if entry.visible else item


def version_of(
    session: Session, feed: Feed, cursor: Cursor, here: Position, *, view: View, member: str | None, now: datetime
) -> str:
    """What a page depends on, in short: equal versions are equal pages. Costs two looks into an index, and no page."""
    passed = None
    if feed.table is LISTINGS:  # what time has made unknown since it was published
        passed = session.exec(select(sa.func.max(Listing.changes_at)).where(col(Listing.changes_at) <= now)).one()
    parts = (feed.name, view.key, member, cursor, here, settled(session, here, now), iso(passed) if passed else "")
    return hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()
