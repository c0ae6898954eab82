"""What each caller may see, remembered for a moment, so that a hot reader costs no query."""

import threading
from datetime import datetime, timedelta

from placefeed.service.access.who import MEMBER, OPERATOR, Caller
from placefeed.service.clock import Clock
from placefeed.service.db import Database
from placefeed.service.errors import NotAllowed
from placefeed.service.publishing.sight import OPERATOR_VIEW, View, view_of

KEPT_FOR = timedelta(seconds=5)
"""The longest that a change of sight made by another process could go unnoticed when its bell was not heard."""


class Views:
    """A process's memory of views; forgotten when the bell rings `access` or `published`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, tuple[datetime, View]] = {}
        self._lock = threading.Lock()
        self._turn = 0  # counts the forgettings: what was read before one must not be remembered after it
        self._unhook = database.bell.hook(self._heard)

    def remembered(self, caller: Caller) -> View | None:
        """The caller's view if it was asked a moment ago; no database, so it may be called on the loop. Raises NotAllowed."""
        if caller.role == OPERATOR:
            return OPERATOR_VIEW
        if caller.role != MEMBER or caller.organisation_id is None:
            raise NotAllowed("The list is for members and the operator.")
        entry = self._known.get(caller.organisation_id)
        return entry[1] if entry is not None and self._clock() < entry[0] else None

    def of(self, caller: Caller) -> View:
        """The caller's view, from memory or the database. Raises NotAllowed."""
        view = self.remembered(caller)
        if view is not None:
            return view
        organisation = caller.organisation_id or ""
        turn, now = self._turn, self._clock()
        with self._database.read() as session:
            view = view_of(session, organisation, now)
        with self._lock:
            if turn == self._turn:
                self._known[organisation] = (now + KEPT_FOR, view)
        return view

    def close(self) -> None:
        """Stop listening to the bell."""
        self._unhook()

    def _heard(self, what: str) -> None:
        if what in ("access", "published"):
            with self._lock:
                self._turn += 1
                self._known.clear()
