"""The log, written: positions, and what stands at them. `since.py` and `steps.py` read it.

Positions strictly increase and become visible in order, because only a transaction that holds the publisher's lock takes
them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from placefeed.service.bulk import Bulk
from placefeed.service.db import insert
from placefeed.service.tables import Change, Head, Listing, ShownSetting, SightChange

LISTING = (
    "id", "urn", "source_id", "item", "offer", "organisation_id", "position", "state", "changes_at", "audiences", "facts", "body",
    "restricted", "hash", "published_at", "modified_at",
)  # fmt: skip
_LISTINGS = Bulk(Listing, *LISTING, key=("id",))
_CHANGES = Bulk(
    Change, "position", "at", "urn", "listing_id", "events", "before", "after", "audiences_before", "audiences_after",
    "changed", "offered_to", "organisation_id",
)  # fmt: skip
_SETTINGS = Bulk(ShownSetting, "urn", "position", "state", "audiences", "body", "modified_at", key=("urn",))
_SIGHTS = Bulk(SightChange, "listing_id", "audience", "position", "visible")


@dataclass(frozen=True, slots=True)
class Position:
    """How far the log has come, and in which epoch (a restored backup starts a new one).

    Above `history_after` every change is still kept, above `tombstones_after` every tombstone.
    """

    position: int
    epoch: int
    history_after: int = 0
    tombstones_after: int = 0


def head(session: Session) -> Position:
    """The newest position that is visible to this session, and how far back the log is kept."""
    columns = (Head.position, Head.epoch, Head.history_after, Head.tombstones_after)
    row = session.execute(sa.select(*columns)).first()  # type: ignore[call-overload]
    return Position(*row) if row else Position(0, 1)


class Writer:
    """Writes one publishing transaction's rows at the next positions. Made only under the publisher's lock."""

    def __init__(self, session: Session, now: datetime) -> None:
        self.session = session
        self.now = now
        start = head(session)
        self.first = self.position = start.position
        self.epoch = start.epoch
        self._listings: list[tuple[Any, ...]] = []
        self._changes: list[tuple[Any, ...]] = []
        self._sights: list[tuple[Any, ...]] = []
        self._settings: list[tuple[Any, ...]] = []

    def next(self) -> int:
        """Take the next position."""
        self.position += 1
        return self.position

    def change(
        self,
        *,
        position: int,
        urn: str,
        listing_id: str | None,
        events: list[str],
        before: Any = None,
        after: Any = None,
        audiences_before: list[str] | None = None,
        audiences_after: list[str] | None = None,
        changed: list[str] | None = None,
        offered_to: list[str] | None = None,
        organisation_id: str | None = None,
    ) -> None:
        """Append to the history; the columns are explained at the table."""
        self._changes.append(
            (position, self.now, urn, listing_id, events, before, after, audiences_before or [], audiences_after or [],
             changed or [], offered_to or [], organisation_id)
        )  # fmt: skip

    def setting(self, urn: str, *, position: int, state: str, audiences: list[str], body: bytes, at: datetime) -> None:
        """Write the latest state of what seldom changes of a setting."""
        self._settings.append((urn, position, state, audiences, body, at))

    def listing(self, **row: Any) -> None:
        """Write the latest state of a listing: every column, by name."""
        self._listings.append(tuple([row[name] for name in LISTING]))

    def sight(self, listing_id: str, audience: str, position: int, *, visible: bool) -> None:
        """An audience (`c:` consortium, `m:` member) gained or lost sight of a listing, or of a setting by its URN."""
        self._sights.append((listing_id, audience, position, visible))

    def flush(self) -> None:
        """Write what was gathered so far, so that this transaction can read it."""
        _LISTINGS.write(self.session, self._listings)
        _CHANGES.write(self.session, self._changes)
        _SIGHTS.write(self.session, self._sights)
        _SETTINGS.write(self.session, self._settings)
        self._listings, self._changes, self._sights, self._settings = [], [], [], []

    def close(self) -> int:
        """Write everything and move the head; returns how many positions were taken."""
        self.flush()
        if self.position == self.first:
            return 0
        row = {
            "id": 1, "position": self.position, "epoch": self.epoch, "written_at": self.now, "history_after": 0, "tombstones_after": 0,
        }  # fmt: skip
        self.session.execute(
            insert(self.session, Head)
            .values(row)
            .on_conflict_do_update(index_elements=["id"], set_={"position": self.position, "written_at": self.now})
        )
        return self.position - self.first
