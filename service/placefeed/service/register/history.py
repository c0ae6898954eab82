"""The story of a setting in the register: joined, changed, left, returned; told in order of the files' as-at dates.

```
2024 joined ──> 2025 changed ──> 2026 left ──> 2027 returned       an older file that comes late is put in at its place
```
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from placefeed.service.register.facts import difference

State = dict[str, Any] | None
"""The facts at a moment, or None: a complete list did not name it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one file said of one setting."""

    as_at: date
    file_id: int
    state: State


def step(urn: str, before: State, entry: Entry, *, first: bool) -> dict[str, Any] | None:
    """The row of `register_history` between two moments; None when nothing changed."""
    after = entry.state
    row = {"urn": urn, "as_at": entry.as_at, "file_id": entry.file_id, "changed": {}}
    if after is None:
        return None if before is None else {**row, "what": "left"}
    if first:
        return {**row, "what": "joined", "changed": difference({}, after)}
    changed = difference(before or {}, after)
    if before is None:
        return {**row, "what": "returned", "changed": changed}
    return {**row, "what": "changed", "changed": changed} if changed else None


def entries(rows: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """The moments behind a setting's history rows, oldest first."""
    found: list[Entry] = []
    state: dict[str, Any] = {}
    for row in rows:
        if row["what"] == "left":
            found.append(Entry(row["as_at"], row["file_id"], None))
            continue
        state = {name: value for name, value in {**state, **_after(row["changed"])}.items() if value is not None}
        found.append(Entry(row["as_at"], row["file_id"], state))
    return found


def _after(changed: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    return {name: pair[1] for name, pair in changed.items()}


def told(urn: str, moments: Iterable[Entry]) -> list[dict[str, Any]]:
    """History rows for these moments. What `returned` changed is measured against the last that was known before it left."""
    rows: list[dict[str, Any]] = []
    before: State = None
    last: dict[str, Any] = {}
    first = True
    for moment in sorted(moments, key=lambda entry: entry.as_at):
        row = step(urn, before, moment, first=first)
        if row is not None and row["what"] == "returned" and moment.state is not None:
            row["changed"] = difference(last, moment.state)
        if row is not None:
            rows.append(row)
        if moment.state is not None:
            first, last = False, moment.state
        before = moment.state
    return rows


def inserted(moments: Sequence[Entry], entry: Entry, *, now: Entry | None) -> list[Entry]:
    """The story with an older file's word put in at its date, and still ending with what is known `now`.

    Where a newer file only confirmed what stood before, it left no row; if the late word differs, that file gets one.
    """
    if any(moment.as_at == entry.as_at for moment in moments):
        return list(moments)
    story = sorted([*moments, entry], key=lambda moment: moment.as_at)
    if now is not None:
        until = [moment for moment in story if moment.as_at <= now.as_at]
        if until[-1].state != now.state and until[-1].as_at != now.as_at:
            story = sorted([*story, now], key=lambda moment: moment.as_at)
    return story


def state_before(moments: Sequence[Entry], day: date) -> dict[str, Any]:
    """The last facts known before a day; empty when none are."""
    known = [moment.state for moment in moments if moment.as_at < day and moment.state is not None]
    return known[-1] if known else {}
