"""A reminder as it is read: which homes, a link to each, one for all of them. Pure: nothing here asks anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from placefeed.service.channels.letter_forms import moment, templates

PACKAGE: Final = "placefeed.service.channels.reminders"
SUBJECT: Final = "Please say whether your homes’ places have changed"
"""No names and no counts: subjects are seen by many."""


@dataclass(frozen=True, slots=True)
class Line:
    """One home: since when its word stands, until when members rely on it, and where it is updated."""

    name: str
    urn: str
    as_of: datetime
    unknown_at: datetime
    address: str

    @property
    def called(self) -> str:
        """Name and URN, or the URN alone."""
        return self.urn if self.name == self.urn else f"{self.name} ({self.urn})"


@dataclass(frozen=True, slots=True)
class Reminder:
    """All that one e-mail says. `more`: homes that are due too and that it does not name."""

    person: str
    organisation: str
    lines: Sequence[Line]
    more: int
    unchanged_address: str
    expires_at: datetime
    homes_address: str
    stop_address: str
    now: datetime

    def when(self, line: Line) -> str:
        """What happens to a home's places, or has."""
        if line.unknown_at <= self.now:
            return "shown as unknown until you do"
        return f"shown as unknown from {moment(line.unknown_at)}"


def text(reminder: Reminder) -> str:
    """As plain text."""
    return templates(PACKAGE).get_template("reminder.txt").render(reminder=reminder, moment=moment)


def html(reminder: Reminder) -> str:
    """As a page of its own, its looks in the elements, nothing from outside."""
    return templates(PACKAGE).get_template("reminder.html").render(reminder=reminder, moment=moment)
