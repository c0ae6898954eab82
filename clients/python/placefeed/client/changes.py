"""What followers hand out, and keeping a dict in step with it."""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field

from placefeed.client.results import Document

RESET = "reset"


@dataclass(frozen=True)
class Change:
    """One item of a change feed: the record `id` is now `data`, or (`data` is None) it is deleted: gone, or no longer shown to you.

    `state` is `updated`, `deleted`, or `reset`: the feed begins again, so drop what you hold of it.
    """

    state: str
    id: str = ""
    position: int = 0
    data: Document | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Event:
    """One event of a stream. `type` says what happened, such as `vacancy.published`, or is one of the stream's own:

    `snapshot` brings a piece of the whole (`items`); `ready` says that what comes from here on is news; `reset` says that
    the stream begins again, so drop what you hold. `id` is for `last_event_id`, once this event is dealt with.
    """

    type: str
    id: str | None = None
    document: Document = field(default_factory=dict, repr=False)

    @property
    def types(self) -> Sequence[str]:
        """All that happened at once, the main thing first."""
        found: Sequence[str] = self.document.get("types") or [self.type]
        return found

    @property
    def position(self) -> int | None:
        """Where it is in the exchange's log."""
        found: int | None = self.document.get("position")
        return found

    @property
    def urn(self) -> str | None:
        """The setting concerned."""
        found: str | None = self.document.get("urn")
        return found

    @property
    def listing_id(self) -> str | None:
        """The listing concerned; None where the event is of a setting."""
        found: str | None = self.document.get("listingId")
        return found

    @property
    def listing(self) -> Document | None:
        """The listing as it is now; None where it is gone."""
        found: Document | None = self.document.get("listing")
        return found

    @property
    def changed(self) -> Sequence[str]:
        """JSON Pointers to what changed in the listing."""
        found: Sequence[str] = self.document.get("changed") or []
        return found

    @property
    def items(self) -> Sequence[Document]:
        """The listings of a `snapshot`."""
        found: Sequence[Document] = self.document.get("items") or []
        return found


def mirror(held: MutableMapping[str, Document], change: Change | Event) -> None:
    """Bring `held`, records by id, in step with one change of a feed or one event of a stream with `snapshot`.

    A cursor is worth as much as what it belongs to: a dict that is lost with the process must be filled from the
    beginning, so follow without a saved cursor, or keep the dict as well as the cursor.
    """
    if isinstance(change, Change):
        if change.state == RESET:
            held.clear()
        elif change.data is None:
            held.pop(change.id, None)
        else:
            held[change.id] = change.data
        return
    if change.type == RESET:
        held.clear()
    for listing in change.items:
        held[listing["id"]] = listing
    if change.listing_id is None:
        return
    if change.listing is not None:
        held[change.listing_id] = change.listing
    elif "vacancy.withdrawn" in change.types:
        held.pop(change.listing_id, None)
