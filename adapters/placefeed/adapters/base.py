"""What an adapter is: given where I stopped, what do you have?"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from placefeed.schema.issues import Issue, Place

Cursor = dict[str, Any]
"""What a source needs to go on from where it stopped (an ETag, a position, a file's name); JSON, small, opaque to others."""


class AdapterError(Exception):
    """Something went wrong at the source. The class says what to do; the message is for its owner."""


class Unreachable(AdapterError):
    """The source did not answer, or not in time: try again later."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ChangedShape(AdapterError):
    """The source answers in a form that we don't know: stop, and tell its owner."""


class TooLarge(AdapterError):
    """A file, a cell or an unzipped size is over its limit: refuse it whole."""


class Refused(AdapterError):
    """The address or file may not be read at all (private address, wrong kind); `rule` says which rule said so."""

    def __init__(self, message: str, *, rule: str) -> None:
        super().__init__(message)
        self.rule = rule


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One settingRecord of the standard as a source has it, with where it stood.

    `document` is None where the record could not be read at all; then `issues` say why (quarantine it, go on).
    `places` maps JSON Pointers in `document` to sheet and cell, where it came from a sheet.
    `raw` keeps the source's own form (a sheet row as heading -> text), so that it can be sent back with comments.
    """

    index: int
    document: dict[str, Any] | None
    place: Place = NOWHERE
    issues: tuple[Issue, ...] = ()
    places: dict[str, Place] = field(default_factory=dict)
    raw: Any = None

    def where(self, pointer: str) -> Place:
        """The place of a pointer in this record: its cell if known, else the nearest parent's, else the record's own."""
        probe = pointer
        while True:
            if probe in self.places:
                return self.places[probe]
            if not probe:
                return self.place
            probe = probe.rpartition("/")[0]

    def where_in_raw(self, pointer: str) -> Place:
        """The place of a pointer into `raw`: the cell of a sheet's row, so that a column without a meaning has one too."""
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        if len(steps) == 3 and steps[1] == "cells" and isinstance(self.raw, list):
            row = self.raw[int(steps[0])]
            cell = row["addresses"][list(row["cells"]).index(steps[2])]
            return Place(sheet=row["sheet"], cell=cell, urn=self.place.urn)
        return self.place


@dataclass(frozen=True, slots=True)
class Batch:
    """A document as fetched: its bytes, what they are, and the cursor to keep once they are safe.

    Without content there was nothing for us, and only the cursor has moved on.
    """

    content: bytes
    content_type: str
    cursor: Cursor
    name: str = ""


@runtime_checkable
class Adapter(Protocol):
    """A transport. It neither validates nor stores nor schedules."""

    def fetch(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Yield what has come since `cursor`; nothing when there is nothing new.

        Raises Unreachable, ChangedShape, TooLarge or Refused.
        """
        ...
