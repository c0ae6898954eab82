"""Good keys, remembered for a few seconds, so that a hot route need not ask the database who calls."""

import hashlib
from datetime import datetime

from placefeed.service.access.keys import authenticate
from placefeed.service.access.who import Caller
from placefeed.service.clock import Clock
from placefeed.service.db import Database, secret_of
from placefeed.service.remembered import Remembered


class Keyring:
    """A process's memory of good keys. Forgets all when the bell rings `access` (a key was revoked, an organisation changed)."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._secret = secret_of(database.settings)
        self._known: Remembered[bytes, Caller] = Remembered(database.bell, clock, until=("access",))

    def remembered(self, key_text: str) -> Caller | None:
        """Who this key belongs to, if that was asked a moment ago; never touches the database, so it may be called on the loop."""
        return self._known.get(_index(key_text))

    def authenticate(self, key_text: str) -> Caller:
        """Who this key belongs to, from memory or the database. Raises NotAuthenticated."""

        def ask(now: datetime) -> Caller:
            with self._database.read() as session:
                return authenticate(session, key_text, secret=self._secret, now=now)

        return self._known.asked(_index(key_text), ask)

    def forget(self) -> None:
        """Ask the database again for every key."""
        self._known.forget()

    def close(self) -> None:
        """Stop listening to the bell."""
        self._known.close()


def _index(key_text: str) -> bytes:
    """What a key is remembered under: a hash of its random text, so that no key lies about in memory."""
    return hashlib.blake2b(key_text.encode(), digest_size=16).digest()
