"""The list in this process's memory, kept up with the log: a reader never waits for the database.

```
bell "published" (or 250 ms) ──> refresh: head, and the listings of every change since ──> the next State, swapped in whole
```
"""

import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col

from placefeed.service.channels.index import Index, State
from placefeed.service.channels.rows import Row, row_of
from placefeed.service.db import Database
from placefeed.service.tables import Change, Head, Listing

log = structlog.get_logger(__name__)

POLL = 0.25  # seconds: covers a bell that was not heard
PAGE = 2000  # listings read at a time: the first load of a large exchange stays flat
NOTHING = State(epoch=1, position=0, written_at=datetime(1970, 1, 1, tzinfo=UTC), blocks=())

_LISTING = Listing.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_COLUMNS = [
    _LISTING.c[name]
    for name in ("id", "urn", "position", "state", "changes_at", "audiences", "facts", "body", "restricted")
]


class Snapshot:
    """What `listing` holds, as of a position. `start()` keeps it current until `close()`; `refresh()` does it once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._index = Index()
        self._turn = threading.Lock()  # one refresh at a time; readers don't take it
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.state = NOTHING

    def start(self) -> None:
        """Read everything, then follow the log from a thread."""
        self.refresh()
        self._thread = threading.Thread(target=self._follow, name="placefeed-snapshot", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        self._database.bell.ring("published")  # it may be waiting for that
        if self._thread is not None:
            self._thread.join(timeout=5)

    def find(self, listing_id: str, state: State) -> Row | None:
        """The listing of an id as this state has it, for whoever may see it."""
        return self._index.find(listing_id, state)

    def refresh(self) -> State:
        """Take in what the log has more; returns the state, which is exactly that of its position."""
        with self._turn, self._database.read() as session:
            head = session.execute(sa.select(Head.epoch, Head.position, Head.written_at)).first()  # type: ignore[call-overload]
            if head is None or (head.epoch, head.position) == (self.state.epoch, self.state.position):
                return self.state
            afresh = self.state.position == 0 or head.epoch != self.state.epoch or head.position < self.state.position
            if afresh or not self._catch_up(session):
                self._load(session)
            self.state = _state(self._index, epoch=head.epoch, position=head.position, written_at=head.written_at)
            return self.state

    def _load(self, session: Session) -> None:
        """Everything from the start: at first, after a backup was put back, or when the history has been purged since."""
        index = Index()
        last = ""
        while True:
            query = (
                sa.select(*_COLUMNS)
                .where(_LISTING.c.state == "updated", _LISTING.c.id > last)
                .order_by(_LISTING.c.id)
                .limit(PAGE)
            )
            page = session.execute(query).all()
            index.apply((_row(row, row.position) for row in page), ())
            if len(page) < PAGE:
                break
            last = page[-1].id
        self._index = index

    def _catch_up(self, session: Session) -> bool:
        """The listings of every change since our position: a change of sight alone leaves a listing's own position where it was."""
        ours = self.state.position
        oldest = session.execute(sa.select(sa.func.min(Change.position))).scalar_one()
        if oldest is None or oldest > ours + 1:
            return False
        changes = (
            sa.select(Change.listing_id, sa.func.max(Change.position))  # type: ignore[call-overload]
            .where(col(Change.position) > ours, col(Change.listing_id).is_not(None))
            .group_by(Change.listing_id)
        )
        moved: dict[str, int] = {row[0]: row[1] for row in session.execute(changes)}
        ids = list(moved)
        rows: list[Row] = []
        gone: list[str] = []
        for start in range(0, len(ids), 500):
            for row in session.execute(sa.select(*_COLUMNS).where(_LISTING.c.id.in_(ids[start : start + 500]))):
                if row.state == "updated":
                    rows.append(_row(row, moved[row.id]))
                else:
                    gone.append(row.id)
        # A row that the purge has removed since is gone as well.
        gone += set(ids).difference(gone, (row.id for row in rows))
        self._index.apply(rows, gone)
        return True

    def _follow(self) -> None:
        bell = self._database.bell
        while not self._stop.is_set():
            seen = bell.count("published")
            try:
                self.refresh()
            except Exception as error:  # noqa: BLE001 - whatever it was, a list that nobody follows any more would be worse
                # We go on with what we have: what time changes meanwhile is shown as unknown, never as free.
                log.error("the list could not be brought up to date; trying again", error=type(error).__name__)
                self._stop.wait(1.0)
            bell.wait("published", seen, POLL)


def _row(row: Any, moved: int) -> Row:
    return row_of(
        id=row.id,
        urn=row.urn,
        moved=moved,
        changes_at=row.changes_at,
        audiences=row.audiences,
        facts=row.facts,
        body=row.body,
        restricted=row.restricted,
    )


def snapshot_of(rows: Iterable[Row], *, epoch: int, position: int, written_at: datetime) -> State:
    """A state of these rows, without a database."""
    index = Index()
    index.apply(rows, ())
    return _state(index, epoch=epoch, position=position, written_at=written_at)


def _state(index: Index, *, epoch: int, position: int, written_at: datetime) -> State:
    return State(epoch=epoch, position=position, written_at=written_at, blocks=index.blocks, buyers=index.buyers)
