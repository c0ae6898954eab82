"""Good keys, remembered for a few seconds, so that a hot route need not ask the database who calls."""

import hashlib
import threading
from datetime import datetime, timedelta

from placefeed.service.access.keys import authenticate
from placefeed.service.access.who import Caller
from placefeed.service.clock import Clock
from placefeed.service.db import Database, secret_of

KEPT_FOR = timedelta(seconds=5)  # the longest that a revoked key could go on working in another process on SQLite
MOST = 10_000


class Keyring:
    """A process's memory of good keys. Forgets all when the bell rings `access` (a key was revoked, an organisation changed)."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret_of(database.settings)
        self._known: dict[bytes, tuple[datetime, Caller]] = {}
        self._lock = threading.Lock()
        self._turn = 0  # counts the forgettings: an answer read before one must not be remembered after it
        self._unhook = database.bell.hook(self._heard)

    def remembered(self, key_text: str) -> Caller | None:
        """Who this key belongs to, if that was asked a moment ago; never touches the database, so it may be called on the loop."""
        entry = self._known.get(_index(key_text))
        return entry[1] if entry is not None and self._clock() < entry[0] else None

    def authenticate(self, key_text: str) -> Caller:
        """Who this key belongs to, from memory or the database. Raises NotAuthenticated."""
        caller = self.remembered(key_text)
        if caller is not None:
            return caller
        turn, now = self._turn, self._clock()
        with self._database.read() as session:
            caller = authenticate(session, key_text, secret=self._secret, now=now)
        with self._lock:
            if turn == self._turn:
                if len(self._known) >= MOST:
                    self._known.clear()
                self._known[_index(key_text)] = (now + KEPT_FOR, caller)
        return caller

    def forget(self) -> None:
        """Ask the database again for every key."""
        with self._lock:
            self._turn += 1
            self._known.clear()

    def close(self) -> None:
        """Stop listening to the bell."""
        self._unhook()

    def _heard(self, what: str) -> None:
        if what == "access":
            self.forget()


def _index(key_text: str) -> bytes:
    """What a key is remembered under: a hash of its random text, so that no key lies about in memory."""
    return hashlib.blake2b(key_text.encode(), digest_size=16).digest()
