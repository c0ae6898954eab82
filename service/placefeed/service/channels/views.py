"""What each caller may see, remembered for a moment, so that a hot reader costs no query."""

from datetime import datetime

from placefeed.service.access.who import MEMBER, OPERATOR, Caller
from placefeed.service.clock import Clock
from placefeed.service.db import Database
from placefeed.service.errors import NotAllowed
from placefeed.service.publishing.sight import OPERATOR_VIEW, View, view_of
from placefeed.service.remembered import Remembered


class Views:
    """A process's memory of views; forgotten when the bell rings `access` or `published`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._known: Remembered[str, View] = Remembered(database.bell, clock, until=("access", "published"))

    def remembered(self, caller: Caller) -> View | None:
        """The caller's view if it was asked a moment ago; no database, so it may be called on the loop. Raises NotAllowed."""
        if caller.role == OPERATOR:
            return OPERATOR_VIEW
        if caller.role != MEMBER or caller.organisation_id is None:
            raise NotAllowed("The list is for members and the operator.")
        return self._known.get(caller.organisation_id)

    def of(self, caller: Caller) -> View:
        """The caller's view, from memory or the database. Raises NotAllowed."""
        view = self.remembered(caller)
        if view is not None:
            return view
        organisation = caller.organisation_id or ""

        def ask(now: datetime) -> View:
            with self._database.read() as session:
                return view_of(session, organisation, now)

        return self._known.asked(organisation, ask)

    def close(self) -> None:
        """Stop listening to the bell."""
        self._known.close()
