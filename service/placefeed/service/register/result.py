"""What became of an imported file: the counts that `import-ofsted` prints and the route answers."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(slots=True)
class ImportResult:
    """`rows` are data rows that are not blank, `settings` distinct URNs read; added + changed + unchanged = settings kept.

    `missing`: known settings that this list does not name; `left`: those of them that a complete list has now delisted.
    `changes`: for how many settings that were known before each fact changed.
    """

    file_id: int
    as_at: date
    kind: str
    title: str = ""
    complete: bool = False
    complete_hint: bool = False
    repeated: bool = False
    rows: int = 0
    settings: int = 0
    childrens_homes: int = 0
    places: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    older: int = 0
    returned: int = 0
    missing: int = 0
    left: int = 0
    inspections: int = 0
    rejected: int = 0
    warnings: int = 0
    proposed: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    scope: list[str] | None = None  # provision types that a complete list is complete for; None: all
    issues: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As answered: camelCase, JSON."""
        return {
            "id": self.file_id,
            "asAt": self.as_at.isoformat(),
            "kind": self.kind,
            "title": self.title,
            "complete": self.complete,
            "completeHint": self.complete_hint,
            "repeated": self.repeated,
            "rows": self.rows,
            "settings": self.settings,
            "childrensHomes": self.childrens_homes,
            "places": self.places,
            "added": self.added,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "older": self.older,
            "returned": self.returned,
            "missing": self.missing,
            "left": self.left,
            "inspections": self.inspections,
            "rejected": self.rejected,
            "warnings": self.warnings,
            "proposed": self.proposed,
            "changes": dict(self.changes.most_common()),
            "scope": self.scope,
            "issues": self.issues,
        }
