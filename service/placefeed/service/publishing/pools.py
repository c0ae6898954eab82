"""Counts of places: which word counts, which pool an offer draws on, and how many places that leaves."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from placefeed.service.publishing.inputs import Speaker, Word


def best(words: Iterable[Word], speakers: Mapping[str, Speaker]) -> Word | None:
    """The word that counts: the most preferred source's, the newest among equals (then by id, so that all agree)."""
    standing = [word for word in words if not word.withdrawn]
    return min(
        standing,
        key=lambda word: (speakers[word.source_id].precedence, -word.as_of.timestamp(), word.source_id),
        default=None,
    )


class Pools:
    """The counts of each unit, and which pool of places a vacancy draws on."""

    def __init__(
        self, by_part: Mapping[str, list[Word]], speakers: Mapping[str, Speaker], profile: Mapping[str, Any]
    ) -> None:
        self.units: dict[str, dict[str, Any]] = {unit["id"]: unit for unit in profile.get("units", ())}
        by_unit: dict[str, list[Word]] = {}
        for word in by_part.get("capacity", ()):
            by_unit.setdefault(word.item, []).append(word)
        chosen = {unit: best(words, speakers) for unit, words in by_unit.items()}
        self.capacity = {unit: word for unit, word in chosen.items() if word is not None}

    @staticmethod
    def unit_of(word: Word) -> str:
        """The unit a vacancy is in; '' for a plain home's only one."""
        return str(word.document.get("unit", ""))

    def in_unit(self, word: Word) -> dict[str, Any] | None:
        """The unit a vacancy is in: the one it names, else the only one there is."""
        named = self.unit_of(word)
        return next(iter(self.units.values())) if not named and len(self.units) == 1 else self.units.get(named)

    def name_of(self, word: Word) -> str:
        """The pool a vacancy draws on: the one it names, or its unit's."""
        return str(word.document.get("uses", {}).get("pool") or f"unit:{self.unit_of(word)}")

    def counts(self, word: Word) -> Word | None:
        """The capacity that speaks about a vacancy: its unit's, or the whole setting's."""
        return self.capacity.get(self.unit_of(word)) or self.capacity.get("")

    def places(self, word: Word, today: date) -> int:
        """Places that can be offered now: the vacancy's, but not more than a newer count says are available."""
        offered = int(word.document["places"])
        counts = self.counts(word)
        if counts is None or counts.as_of < word.stated_at or date.fromisoformat(word.document["from"]) > today:
            return offered
        available = available_places(counts.document)
        return offered if available is None else min(offered, available)


def available_places(capacity: Mapping[str, Any]) -> int | None:
    """Places available by a count: as said, or derived only when every other count is there; else unknown (None)."""
    if "available" in capacity:
        return int(capacity["available"])
    if not {"registered", "occupied", "reserved", "unavailable"} <= capacity.keys():
        return None
    closed = sum(reason["places"] for reason in capacity["unavailable"])
    return max(0, int(capacity["registered"]) - int(capacity["occupied"]) - int(capacity["reserved"]) - int(closed))
