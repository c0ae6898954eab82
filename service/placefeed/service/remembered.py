"""What was asked of the database a moment ago, so that a hot route need not ask again: keys, sign-ins, views.

Kept for a few seconds, and forgotten when the bell rings. What was asked before a forgetting is not remembered after it.
"""

import threading
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from placefeed.service.clock import Clock
from placefeed.service.db import Bell

K = TypeVar("K")
V = TypeVar("V")

KEPT_FOR: Final = timedelta(seconds=5)
"""The longest that a change made by another process could go unnoticed when its bell was not heard (SQLite has none)."""
MOST: Final = 10_000


class Remembered(Generic[K, V]):
    """A process's memory of answers. Safe from any thread; `get` touches nothing but memory, so it may be called on the loop."""

    def __init__(self, bell: Bell, clock: Clock, *, until: Collection[str]) -> None:
        self._clock = clock
        self._until = until
        self._known: dict[K, tuple[datetime, V]] = {}
        self._lock = threading.Lock()
        self._turn = 0  # counts the forgettings
        self._unhook = bell.hook(self._heard)

    def get(self, key: K) -> V | None:
        """The answer, if it was asked a moment ago."""
        entry = self._known.get(key)
        return entry[1] if entry is not None and self._clock() < entry[0] else None

    def asked(self, key: K, ask: Callable[[datetime], V]) -> V:
        """The answer, from memory or from `ask(now)`; None is never remembered."""
        found = self.get(key)
        if found is not None:
            return found
        turn, now = self._turn, self._clock()
        answer = ask(now)
        with self._lock:
            if turn == self._turn and answer is not None:
                if len(self._known) >= MOST:
                    self._known.clear()
                self._known[key] = (now + KEPT_FOR, answer)
        return answer

    def forget(self) -> None:
        """Ask the database again for everything."""
        with self._lock:
            self._turn += 1
            self._known.clear()

    def close(self) -> None:
        """Stop listening to the bell."""
        self._unhook()

    def _heard(self, what: str) -> None:
        if what in self._until:
            self.forget()
