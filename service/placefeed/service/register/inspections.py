"""Inspections into the register: one row each, kept from every file, with the newest file's word on its grades."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from placefeed.adapters.ofsted import OfstedInspection, OfstedRow
from placefeed.service.db import insert
from placefeed.service.tables import RegisterInspection

TABLE = RegisterInspection.__table__  # type: ignore[attr-defined]
Place = tuple[str, str, str, date]  # urn, framework, kind, day: an event number is not in every file


class Inspections:
    """Those that the register holds, and what a file adds to them."""

    def __init__(self, session: Session, day: date) -> None:
        self._session = session
        self._day = day
        self._known: defaultdict[Place, list[dict[str, Any]]] = defaultdict(list)
        self._new: list[dict[str, Any]] = []
        self._changed: dict[int, dict[str, Any]] = {}
        self._confirmed: list[int] = []
        self.written = 0
        for row in session.execute(sa.select(TABLE)).mappings():
            self._known[row["urn"], row["framework"], row["kind"], row["inspected_on"]].append(dict(row))

    def take(self, row: OfstedRow) -> bool:
        """Lay a setting's inspections over the known ones; True when that changed anything."""
        # Each is looked at, whatever the first one answers.
        return any([self._take(row.urn, inspection, inspection.inspected_on) for inspection in row.inspections])  # noqa: C419

    def _take(self, urn: str, said: OfstedInspection, day: date | None) -> bool:
        if day is None:
            return False  # a grade without a day (LA-only list) names no inspection; `facts` keeps it
        there = self._known[urn, said.framework, said.kind, day]
        known = _same(there, said.event or "")
        if known is None:
            made = {
                "urn": urn,
                "event": said.event or "",
                "framework": said.framework,
                "kind": said.kind,
                "inspected_on": day,
                "published_on": said.published_on,
                "judgements": dict(said.judgements),
                "as_at": self._day,
            }
            there.append(made)
            self._new.append(made)
            return True
        if known["as_at"] > self._day:
            return False
        after = {
            "event": known["event"] or said.event or "",
            "published_on": said.published_on or known["published_on"],
            "judgements": {**known["judgements"], **said.judgements},
        }
        changed = any(known[name] != value for name, value in after.items())
        moved = known["as_at"] < self._day
        known |= after | {"as_at": self._day}
        if "id" in known and changed:
            self._changed[known["id"]] = known
        elif "id" in known and moved:
            self._confirmed.append(known["id"])
        return changed

    def write(self) -> None:
        """Write what is new, what changed, and which file last confirmed the others."""
        if self._new:
            self._session.execute(insert(self._session, TABLE), self._new)
        if self._changed:
            update = (
                sa.update(TABLE)
                .where(TABLE.c.id == sa.bindparam("b_id"))
                .values({name: sa.bindparam(f"b_{name}") for name in ("event", "published_on", "judgements", "as_at")})
            )
            rows = [
                {
                    "b_id": row["id"],
                    **{f"b_{name}": row[name] for name in ("event", "published_on", "judgements", "as_at")},
                }
                for row in self._changed.values()
            ]
            self._session.connection().execute(update, rows)
        for chunk in chunks(self._confirmed):
            self._session.execute(sa.update(TABLE).where(TABLE.c.id.in_(chunk)).values(as_at=self._day))
        self.written = len(self._new) + len(self._changed)


def _same(there: Iterable[dict[str, Any]], event: str) -> dict[str, Any] | None:
    """The same inspection among those of one day: by event number, or where one of the two files gave none."""
    nameless = None
    for row in there:
        if row["event"] == event:
            return row
        if not row["event"] or not event:
            nameless = row
    return nameless


def chunks(ids: list[Any], size: int = 1000) -> Iterable[list[Any]]:
    """Parts of at most `size`, which every database takes as parameters."""
    return (ids[start : start + size] for start in range(0, len(ids), size))
