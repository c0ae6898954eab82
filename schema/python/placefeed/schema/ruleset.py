"""The table of rules: each row of rules.csv, the clock that rules read, and the functions entered for it."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

from placefeed.schema.files import find
from placefeed.schema.issues import Issue, Place, Severity

Part = Mapping[str, Any]

AHEAD = timedelta(minutes=5)
LONDON = ZoneInfo("Europe/London")


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of rules.csv. `where`: schema, rule (checked in this package), service or file."""

    id: str
    severity: Severity
    applies_to: str
    where: str
    title: str
    fix: str

    def issue(self, message: str = "", *, place: Place | None = None) -> Issue:
        """The rule broken at a place, in its own words or in words with the figures of the case."""
        return Issue(self.id, self.severity, message or self.title, self.fix, place or Place(), self.id)


@cache
def rules() -> dict[str, Rule]:
    """Every rule of the standard by id, in the order of rules.csv."""
    with find("rules.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["id"]: Rule(
                id=row["id"],
                severity=cast(Severity, row["severity"]),
                applies_to=row["applies_to"],
                where=row["where"],
                title=row["title"],
                fix=row["fix"],
            )
            for row in csv.DictReader(file)
        }


def issue(rule_id: str, message: str = "", *, place: Place | None = None) -> Issue:
    """An issue under a rule of rules.csv; KeyError for an id that is not there."""
    return rules()[rule_id].issue(message, place=place)


@dataclass(frozen=True, slots=True)
class Now:
    """The clock as rules need it: the latest instant allowed, that instant as text, and today in London."""

    latest: datetime
    text: str
    today: str


@lru_cache(maxsize=8)
def moment(now: datetime) -> Now:
    """The clock as rules need it, worked out once for an aware instant."""
    latest = now.astimezone(UTC) + AHEAD
    return Now(latest, latest.strftime("%Y-%m-%dT%H:%M:%S"), now.astimezone(LONDON).date().isoformat())


def is_future(instant: str, now: Now) -> bool:
    """Whether an instant of a document is more than five minutes ahead."""
    if instant[-1] == "Z":  # the common form compares as text
        return instant[:19] > now.text
    return datetime.fromisoformat(instant) > now.latest


Found = Iterable[tuple[str, str]]
"""Pointers, relative to the part, at which a rule is broken, each with a message of its own or ''."""

Check = Callable[[Part, Part, Now], Found]
"""Part, the record in which it stands (empty where it came alone), clock -> where the rule is broken."""

NOTHING: Found = ()

CHECKS: dict[str, list[tuple[str, str, Check]]] = {}
"""For each part: rule id, the property without which the rule has nothing to say, and the function."""


def rule(rule_id: str, *parts: str, needs: str) -> Callable[[Check], Check]:
    """Enter a function for a rule. `needs` spares the call: most parts lack most properties, and all are checked."""

    def enter(check: Check) -> Check:
        for part in parts:
            CHECKS.setdefault(part, []).append((rule_id, needs, check))
        return check

    return enter


def run(part: str, document: Part, record: Part, now: Now, pointer: str, issues: list[Issue]) -> None:
    """Add what is wrong with one part to `issues`, with `pointer` before each pointer."""
    for rule_id, needs, check in CHECKS[part]:
        if needs in document:
            for where, message in check(document, record, now):
                issues.append(issue(rule_id, message, place=Place(pointer=pointer + where)))


def reversed_days(pointer: str, first: str | None, last: str | None) -> Iterator[tuple[str, str]]:
    """That a last day is before the first, if it is; days compare as text."""
    if first is not None and last is not None and last < first:
        yield pointer, f"The last day, {last}, is before the first, {first}."
