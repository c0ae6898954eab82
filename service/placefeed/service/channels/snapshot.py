"""The list in this process's memory, kept up with the log: a reader never waits for the database.

```
bell "published" (or 250 ms) ──> refresh: head, and the listings of every change since ──> the next State, swapped in whole
```
With a read replica that is where it is read, unless it is behind us, or has not heard of what the bell told within a moment; and
every two seconds the primary is asked, so that neither a lost bell nor a replica that stands still keeps the list in the past.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col

from placefeed.service.channels.index import Index, State
from placefeed.service.channels.rows import Row, row_of
from placefeed.service.db import PRIMARY, Database, Where
from placefeed.service.errors import Unavailable
from placefeed.service.replica import Reached
from placefeed.service.tables import Change, Head, Listing

log = structlog.get_logger(__name__)

POLL = 0.25  # seconds: covers a bell that was not heard
REPLAYS = (0.005, 0.01, 0.02, 0.04)  # seconds that a replica is given, one after the other, once the bell has rung
PROOF = 2.0  # seconds after which the primary itself is asked
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
        self._followers: list[Callable[[], None]] = []

    def follow(self, call: Callable[[], None]) -> None:
        """Call `call()` whenever there is a new state, on the refreshing thread: it wakes whoever reads the log from its own position."""
        self._followers.append(call)

    def start(self) -> None:
        """Read everything, then follow the log from a thread."""
        with contextlib.suppress(Unavailable):  # the replica was lost on the way; the primary has it all
            self.refresh(replica=True)
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

    def reach(self, *, epoch: int, position: int) -> State:
        """The state at or after a place that a reader was at elsewhere, if there is one: the primary is asked when ours is older."""
        state = self.state
        return state if state.epoch == epoch and state.position >= position else self.refresh()

    def refresh(self, *, replica: bool = False) -> State:
        """Take in what the log has more; returns the state, which is exactly that of its position.

        `replica`: a read replica may tell, if it is as far as we are; else it is the primary's newest.
        """
        with self._turn, self._database.read(at_least=self._from(replica=replica)) as session:
            columns = (Head.epoch, Head.position, Head.written_at, Head.history_after)
            head = session.execute(sa.select(*columns)).first()  # type: ignore[call-overload]
            if head is not None and not replica and self._database.replica is not None:
                self._database.replica.primary_at(head)
            if head is None or (head.epoch, head.position) == (self.state.epoch, self.state.position):
                return self.state
            before = self.state
            afresh = (
                before.position == 0
                or head.epoch != before.epoch
                or head.position < before.position
                or head.history_after > before.position
            )
            if afresh:
                self._load(session)
            else:
                self._catch_up(session)
            self.state = _state(self._index, epoch=head.epoch, position=head.position, written_at=head.written_at)
            for follow in self._followers:
                follow()
            return self.state

    def _from(self, *, replica: bool) -> Reached | Where | None:
        if not replica:
            return PRIMARY
        return self.state if self.state.position else None

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

    def _catch_up(self, session: Session) -> None:
        """The listings of every change since our position: a change of sight alone leaves a listing's own position where it was."""
        ours = self.state.position
        # Grouped here: grouping by listing in the statement has SQLite read the whole history, in the order of that index.
        changes = (
            sa.select(Change.listing_id, Change.position)  # type: ignore[call-overload]
            .where(col(Change.position) > ours, col(Change.listing_id).is_not(None))
            .order_by(col(Change.position))
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

    def _follow(self) -> None:
        bell = self._database.bell
        rung, proved = False, time.monotonic()
        while not self._stop.is_set():
            seen = bell.count("published")
            try:
                if self._database.replica is None or time.monotonic() - proved > PROOF:
                    self.refresh()
                    proved = time.monotonic()
                else:
                    self._look_at_replica(rung=rung)
            except Exception as error:  # noqa: BLE001 - whatever it was, a list that nobody follows any more would be worse
                # We go on with what we have: what time changes meanwhile is shown as unknown, never as free.
                log.error("the list could not be brought up to date; trying again", error=type(error).__name__)
                self._stop.wait(1.0)
            rung = bell.wait("published", seen, POLL)

    def _look_at_replica(self, *, rung: bool) -> None:
        """Refresh from the replica; when the bell has rung there is news, which it has in a moment or the primary has now."""
        before = self.state
        with contextlib.suppress(Unavailable):  # it was lost on the way, and has said so in the log
            if self.refresh(replica=True) is not before or not rung:
                return
            for pause in REPLAYS:
                if self._stop.wait(pause) or self.refresh(replica=True) is not before:
                    return
        self.refresh()


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
