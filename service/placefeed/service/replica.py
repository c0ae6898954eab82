"""The read replica: it answers for list and feeds while it is as new as its reader, and is left alone for a moment when it fails.

```
read(at_least) ──> away a moment ago? ──yes──────────────────────────────┐
                     └─no─> its head, in the reading transaction ─behind─┼─> the primary
                              └─ at or after what the reader has ──> the replica
```
Who asks says what it has already seen (a cursor's epoch and position). Beside that, a replica that lags by more than
`MOST_BEHIND` is not read at all: a reader with an old cursor must not be kept in the past by it, nor keep a sight that it has lost.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlmodel import Session

from placefeed.service.errors import Unavailable
from placefeed.service.tables import Head

log = structlog.get_logger(__name__)

AWAY_FOR = 5.0  # seconds that a replica which failed is left alone
MOST_BEHIND = 5.0  # seconds by which a replica may lag and still be read
_MARKS = 32  # moments of the primary remembered

REPLICA, BEHIND, AWAY = "replica", "behind", "away"
"""How a read that might have used the replica ended: by it, or by the primary and why."""


class Reached(Protocol):
    """A place in the log: `publishing.log.Position`, a state of the list, a cursor."""

    @property
    def position(self) -> int: ...

    @property
    def epoch(self) -> int: ...


class Replica:
    """Decides for each read whether the replica may answer it. Counts what it decided, for the metrics."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.reads = {REPLICA: 0, BEHIND: 0, AWAY: 0}
        self.position = 0  # where it was when it was last asked
        self._lock = threading.Lock()
        self._try_after = 0.0
        self._marks: deque[tuple[float, int, int]] = deque(maxlen=_MARKS)  # when the primary was seen, and where

    @property
    def up(self) -> bool:
        """Whether it is used just now."""
        return time.monotonic() >= self._try_after

    def primary_at(self, place: Reached) -> None:
        """Note where the primary is: a replica must have come as far within `MOST_BEHIND`."""
        with self._lock:
            if not self._marks or self._marks[-1][1:] != (place.epoch, place.position):
                self._marks.append((time.monotonic(), place.epoch, place.position))

    def open(self, at_least: Reached | None) -> Session | None:
        """A session on the replica, at one instant not before `at_least`; None where the primary has to answer."""
        if not self._may_try():
            self._count(AWAY)
            return None
        session = Session(self.engine, expire_on_commit=False)
        try:
            row = session.execute(sa.select(Head.epoch, Head.position)).first()  # type: ignore[call-overload]
        except SQLAlchemyError as error:
            session.close()
            self._failed(error)
            self._count(AWAY)
            return None
        epoch, self.position = (row.epoch, row.position) if row else (1, 0)
        self._try_after = 0.0
        wanted = self._least()
        if at_least is not None:
            wanted.append((at_least.epoch, at_least.position))
        if any(epoch != other or self.position < position for other, position in wanted):
            session.close()
            self._count(BEHIND)
            return None
        self._count(REPLICA)
        return session

    @contextmanager
    def reading(self, session: Session) -> Iterator[Session]:
        """Read in a session of `open`. What fails because of the replica becomes Unavailable: asked again, the primary answers."""
        with session:
            try:
                yield session
            except DBAPIError as error:
                self._failed(error)
                if isinstance(error, (OperationalError, InterfaceError)):
                    raise Unavailable(
                        "What was being read was lost on the way. Ask again.", headers={"Retry-After": "1"}
                    ) from error
                raise

    def close(self) -> None:
        """Close its connections."""
        self.engine.dispose()

    def _may_try(self) -> bool:
        """Whether to ask it; of those who come after it was away one tries, and the others go on without it until that one knows."""
        if not self._try_after:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._try_after:
                return False
            self._try_after = now + AWAY_FOR
            return True

    def _least(self) -> list[tuple[int, int]]:
        """Where the primary was `MOST_BEHIND` ago, if that is known."""
        before = time.monotonic() - MOST_BEHIND
        with self._lock:
            old = [(epoch, position) for at, epoch, position in self._marks if at <= before]
        return old[-1:]

    def _failed(self, error: SQLAlchemyError) -> None:
        if isinstance(error, ProgrammingError):  # it has not heard of a table: it will, when it has caught up
            log.warning("the replica has another shape than the primary; the primary answers meanwhile")
        else:
            log.warning("the replica did not answer; the primary does meanwhile", error=type(error).__name__)
        with self._lock:
            self._try_after = time.monotonic() + AWAY_FOR

    def _count(self, how: str) -> None:
        with self._lock:
            self.reads[how] += 1
