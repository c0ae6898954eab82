"""Issue and Report: what is wrong, where, and what to do, said once for every cause."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "advice"]
Outcome = Literal["accepted", "unchanged", "attested", "held", "superseded", "rejected", "withdrawn"]

SCHEMA_VERSION = "1.0"
ENGINE = {"name": "placefeed", "version": "0.1.0"}
PLACES_SHOWN = 3
CAUSES_KEPT = 500
RECORDS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where: a JSON Pointer into the document, a line, or a sheet and cell; and the setting it concerns."""

    pointer: str | None = None
    line: int | None = None
    sheet: str | None = None
    cell: str | None = None
    urn: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As `report.issues[].places[]` of the standard: only what is known."""
        known = {"pointer": self.pointer, "line": self.line, "sheet": self.sheet, "cell": self.cell, "urn": self.urn}
        return {name: value for name, value in known.items() if value is not None}


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong at one place. `message` never repeats what looks like data about a child.

    `cause` groups issues whose messages differ in their figures only: ten prices that their lines do not sum to are one
    cause, shown with the message of the first. Empty, the message itself is the cause.
    """

    rule: str
    severity: Severity
    message: str
    advice: str = ""
    place: Place = NOWHERE
    cause: str = ""


@dataclass(slots=True)
class _Cause:
    rule: str
    severity: Severity
    message: str
    advice: str
    count: int = 0
    places: list[Place] = field(default_factory=list)


class Report:
    """Counts what became of each record and groups issues by cause, in memory that does not grow with the feed.

    One misspelt heading is one cause with its first three places, not ten thousand lines.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.records: list[dict[str, Any]] = []
        self._causes: dict[tuple[str, str], _Cause] = {}
        self._causes_dropped = 0

    def add(self, issue: Issue) -> None:
        """Count an issue under its rule and cause."""
        key = (issue.rule, issue.cause or issue.message)
        cause = self._causes.get(key) or self._causes.get((issue.rule, issue.message))
        if cause is None:
            if len(self._causes) >= CAUSES_KEPT:
                self._causes_dropped += 1
                return
            cause = self._causes[key] = _Cause(issue.rule, issue.severity, issue.message, issue.advice)
        cause.count += 1
        if len(cause.places) < PLACES_SHOWN:
            cause.places.append(issue.place)

    def count(self, outcome: Outcome | Literal["records", "warnings"], n: int = 1) -> None:
        """Count `n` records of one outcome."""
        self.counts[outcome] = self.counts.get(outcome, 0) + n

    def note_record(self, entry: Mapping[str, Any]) -> None:
        """Keep one record's outcome for the report; past the first thousand only the counts go on."""
        if len(self.records) < RECORDS_KEPT:
            self.records.append(dict(entry))

    @property
    def issues(self) -> list[dict[str, Any]]:
        """The causes, errors first and then by how often, as `report.issues` of the standard."""
        rank = {"error": 0, "warning": 1, "advice": 2}
        causes = sorted(self._causes.values(), key=lambda cause: (rank[cause.severity], -cause.count))
        issues = [
            {
                "rule": cause.rule,
                "severity": cause.severity,
                "message": cause.message,
                "advice": cause.advice,
                "count": cause.count,
                "places": [place.to_dict() for place in cause.places],
            }
            for cause in causes
        ]
        if self._causes_dropped:
            issues.append(
                {
                    "rule": "too-many-issues",
                    "severity": "advice",
                    "message": f"{self._causes_dropped} more issues of other kinds are not listed.",
                    "advice": "Mend those listed and send the file again.",
                    "count": self._causes_dropped,
                    "places": [],
                }
            )
        return issues

    def has(self, severity: Severity) -> bool:
        """Whether any issue of this severity was added."""
        return any(cause.severity == severity for cause in self._causes.values())

    @property
    def verdict(self) -> str:
        """`accepted`, `partly-accepted`, `unchanged` or `rejected`."""
        taken = sum(self.counts.get(name, 0) for name in ("accepted", "attested", "withdrawn", "held", "superseded"))
        unchanged = self.counts.get("unchanged", 0)
        if self.counts.get("rejected", 0) or self.has("error"):
            return "partly-accepted" if taken or unchanged else "rejected"
        return "unchanged" if unchanged and not taken else "accepted"

    @property
    def ok(self) -> bool:
        """No error anywhere."""
        return not self.has("error") and not self.counts.get("rejected", 0)

    def to_dict(self) -> dict[str, Any]:
        """The `report` document of the standard."""
        return {
            "engine": ENGINE,
            "schemaVersion": SCHEMA_VERSION,
            "verdict": self.verdict,
            "counts": dict(self.counts),
            "records": self.records,
            "issues": self.issues,
        }
