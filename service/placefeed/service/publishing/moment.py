"""What derive needs beside the setting: now, and where to note when time alone will change the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from placefeed.service.clock import london_day, london_midnight
from placefeed.service.publishing.freshness import Ages

OfferKey = tuple[str, str, int]
"""(source, the provider's own id of the vacancy, offer): what gets an opaque id of the exchange's own."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What derive needs beside the setting: now, the ages of freshness, and how ids are given out."""

    now: datetime
    today: date
    ages: Callable[[str | None], Ages]
    id_of: Callable[[OfferKey], str]
    first_published: Mapping[str, datetime]  # listing id -> when its offer was first published

    @staticmethod
    def at(
        now: datetime,
        ages: Callable[[str | None], Ages],
        id_of: Callable[[OfferKey], str],
        first_published: Mapping[str, datetime] | None = None,
    ) -> "Moment":
        """The moment `now`, with its day in England."""
        return Moment(now, london_day(now), ages, id_of, first_published or {})


class Turns:
    """Collects the instants at which something will change by itself, and keeps the earliest that lies ahead."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self.earliest: datetime | None = None

    def at(self, instant: datetime | None) -> None:
        """Something changes at this instant."""
        if instant is not None and instant > self._now and (self.earliest is None or instant < self.earliest):
            self.earliest = instant

    def on(self, day: date | None) -> None:
        """Something changes when this day begins in England."""
        if day is not None:
            self.at(london_midnight(day))
