"""One of Ofsted's files on its way in: each row over what was known, then absences, then history that comes late."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.adapters.ofsted import OfstedFile, OfstedRow
from placefeed.schema.issues import Issue, Place, Report
from placefeed.service.db import insert
from placefeed.service.errors import Conflict
from placefeed.service.pending import touch
from placefeed.service.register.facts import COLUMNS, Facts, difference, known, merged
from placefeed.service.register.history import Entry, entries, inserted, state_before, step, told
from placefeed.service.register.inspections import Inspections, chunks
from placefeed.service.register.result import ImportResult
from placefeed.service.tables import Alert, RegisterFile, RegisterHistory, RegisterSetting

SETTINGS = RegisterSetting.__table__  # type: ignore[attr-defined]
HISTORY = RegisterHistory.__table__  # type: ignore[attr-defined]
LEAST_SHARE = 0.5  # a "complete" list with less than this of what it should hold is taken for a piece of one
SUBSETS = {"la-list"}  # come in two halves (children's homes, all others): complete for the types in them


class Loading:
    """One file on its way in."""

    def __init__(
        self,
        session: Session,
        file: OfstedFile,
        day: date,
        file_id: int,
        *,
        complete: bool,
        simulated: bool,
        now: datetime,
    ) -> None:
        self._session = session
        self._file = file
        self._day = day
        self._file_id = file_id
        self._complete = complete
        self._simulated = simulated
        self._now = now
        self._known = {row["urn"]: dict(row) for row in session.execute(sa.select(SETTINGS)).mappings()}
        self._rows: list[dict[str, Any]] = []  # of register_setting
        self._history: list[dict[str, Any]] = []
        self._late: list[tuple[OfstedRow, Facts | None]] = []  # for whom something newer than this file is known
        self._touched: set[str] = set()
        self.result = ImportResult(file_id=file_id, as_at=day, kind=file.kind, title=file.title)

    def run(self) -> None:
        """Load every row, then absences; write in chunks; say what was touched."""
        result, file = self.result, self._file
        inspections = Inspections(self._session, self._day)
        report = Report()
        for issue in (*file.rejected, *file.warnings):
            report.add(issue)
        result.rejected, result.warnings = len(file.rejected), len(file.warnings)
        kept = 0
        for row in file.rows:
            kept += self._take(row, inspections, report)
        homes = [row for row in file.rows if row.provision_type == "children-home"]
        result.complete, result.complete_hint = self._complete, file.complete_hint
        result.rows, result.settings = file.data_rows, kept
        result.childrens_homes, result.places = len(homes), sum(row.places or 0 for row in homes)
        result.scope = (
            sorted({row.provision_type for row in file.rows if row.provision_type}) if file.kind in SUBSETS else None
        )
        self._absences()
        self._newly_known_as_absent()
        self._tell_late()
        inspections.write()
        self._write()
        result.inspections = inspections.written
        result.issues = report.issues
        touch(self._session, sorted(self._touched), at=self._now, bulk=True)

    def _take(self, row: OfstedRow, inspections: Inspections, report: Report) -> bool:
        before = self._known.get(row.urn)
        facts_before = known(before) if before else None
        older = before is not None and self._is_older(before)
        after = merged(None if older else facts_before, row, self._file)
        if not older and after.provision_type is None:
            report.add(_without_type(row))
            self.result.rejected += 1
            return False
        inspected = inspections.take(row)
        if before is None:
            self.result.added += 1
            self._add(row, after)
            return True
        if older:
            self.result.older += 1
            self._late.append((row, facts_before))
            self.result.unchanged += 1  # what is known now stays as it is
            if inspected:
                self._touched.add(row.urn)
            return True
        assert facts_before is not None
        self._renew(before, facts_before, after, row, inspected=inspected)
        return True

    def _is_older(self, before: dict[str, Any]) -> bool:
        # Of two lists of one day, the one of settings knows more of them than the one of inspections.
        return bool(
            before["as_at"] > self._day or (before["as_at"] == self._day and self._file.kind in ("in-year", "premises"))
        )

    def _count(self, urn: str, *, changed: bool) -> None:
        if changed:
            self.result.changed += 1
            self._touched.add(urn)
        else:
            self.result.unchanged += 1

    def _add(self, row: OfstedRow, facts: Facts) -> None:
        self._rows.append(
            {
                "urn": row.urn,
                "as_at": self._day,
                "last_seen": self._day,
                "absent_since": None,
                "simulated": self._simulated,
                **facts.columns(),
            }
        )
        self._known[row.urn] = self._rows[-1]
        self._tell(row.urn, None, Entry(self._day, self._file_id, facts.state()), first=True)
        self._touched.add(row.urn)

    def _renew(self, before: dict[str, Any], facts: Facts, after: Facts, row: OfstedRow, *, inspected: bool) -> None:
        absent = before["absent_since"]
        back = absent is not None and absent <= self._day
        changed = difference(facts.state(), after.state())
        self.result.changes.update(changed.keys())
        self.result.returned += back
        self._count(row.urn, changed=bool(changed) or inspected or back or facts.name != after.name)
        if before["as_at"] < self._day:
            self._touched.add(row.urn)  # a declared grade is measured against the register's as-at date
        if absent is not None and not back:
            self._late.append((row, None))
        elif back:
            self._history.append(
                {"urn": row.urn, "as_at": self._day, "file_id": self._file_id, "what": "returned", "changed": changed}
            )
        else:
            self._tell(row.urn, facts.state(), Entry(self._day, self._file_id, after.state()))
        before |= {
            **after.columns(),
            "as_at": self._day,
            "last_seen": max(before["last_seen"], self._day),
            "absent_since": None if back else absent,
        }
        self._rows.append(before)

    def _tell(self, urn: str, before: dict[str, Any] | None, entry: Entry, *, first: bool = False) -> None:
        row = step(urn, before, entry, first=first)
        if row is not None:
            self._history.append(row)

    # -- absence -----------------------------------------------------------------------------------------------------

    def _absences(self) -> None:
        """Who was known before this day and is not in the list: missing; and, when the list is complete, gone."""
        named = {row.urn for row in self._file.rows}
        scope = set(self.result.scope) if self.result.scope is not None else None
        expected = [row for row in self._known.values() if scope is None or row["provision_type"] in scope]
        missing = [row for row in expected if row["urn"] not in named and row["last_seen"] < self._day]
        self.result.missing = sum(row["absent_since"] is None for row in missing)
        if not self._complete:
            return
        present = [row for row in expected if row["last_seen"] <= self._day and row["absent_since"] is None]
        if self.result.missing > len(present) * (1 - LEAST_SHARE):
            raise Conflict(
                f"This list lacks {self.result.missing:,} of the {len(present):,} settings that are known, too many to be complete. "
                "Import it without “complete”, or get the whole file.",
                missing=self.result.missing,
            )
        for row in missing:
            if row["absent_since"] is None:
                row["absent_since"] = self._day
                self._history.append(_left(row["urn"], self._day, self._file_id))
                self._touched.add(row["urn"])
                self.result.left += 1
                self._rows.append(row)
            elif row["absent_since"] > self._day:  # an earlier complete list did not have it either
                self._session.execute(
                    sa.update(HISTORY)
                    .where(
                        HISTORY.c.urn == row["urn"], HISTORY.c.what == "left", HISTORY.c.as_at == row["absent_since"]
                    )
                    .values(as_at=self._day, file_id=self._file_id)
                )
                row["absent_since"] = self._day
                self._rows.append(row)
        if self.result.left:
            self._session.add(
                Alert(
                    at=self._now,
                    kind="register-left",
                    severity="warning",
                    message=f"{self.result.left:,} settings are not in the complete list as at {self._day:%d/%m/%Y}. They are no longer listed. "
                    f"GET /v1/register/imports/{self._file_id} has the counts.",
                )
            )

    def _newly_known_as_absent(self) -> None:
        """A setting that an old file names first may long be gone: a newer complete list, loaded before, lacks it."""
        fresh = [row for row in self._rows if row["last_seen"] == self._day and row["absent_since"] is None]
        newer = self._session.exec(
            select(RegisterFile)
            .where(col(RegisterFile.complete).is_(True), RegisterFile.as_at > self._day)
            .order_by(col(RegisterFile.as_at))
        ).all()
        for file in newer:
            scope = file.result.get("scope")
            for row in fresh:
                if row["absent_since"] is None and (scope is None or row["provision_type"] in scope):
                    row["absent_since"] = file.as_at
                    self._history.append(_left(row["urn"], file.as_at, file.id or 0))

    # -- history that comes late -------------------------------------------------------------------------------------

    def _tell_late(self) -> None:
        """Put this file's word into the story of those of whom something newer is known."""
        if not self._late:
            return
        urns = [row.urn for row, _ in self._late]
        stories: dict[str, list[dict[str, Any]]] = {urn: [] for urn in urns}
        for chunk in chunks(urns):
            found = sa.select(HISTORY).where(HISTORY.c.urn.in_(chunk)).order_by(HISTORY.c.as_at, HISTORY.c.id)
            for line in self._session.execute(found).mappings():
                stories[line["urn"]].append(dict(line))
        newest = self._newest_files()
        rewritten: list[str] = []
        for row, present in self._late:
            moments = entries(stories[row.urn])
            earlier = state_before(moments, self._day)
            word = Entry(self._day, self._file_id, merged(_facts_of(row.urn, earlier), row, self._file).state())
            stored = self._known[row.urn]
            anchor = (
                Entry(stored["as_at"], newest.get(stored["as_at"], self._file_id), present.state()) if present else None
            )
            lines = told(row.urn, inserted(moments, word, now=anchor))
            if _comparable(lines) != _comparable(stories[row.urn]):
                rewritten.append(row.urn)
                self._history.extend(lines)
        for chunk in chunks(rewritten):
            self._session.execute(sa.delete(HISTORY).where(HISTORY.c.urn.in_(chunk)))

    def _newest_files(self) -> dict[date, int]:
        files = self._session.exec(select(RegisterFile).order_by(col(RegisterFile.id)))
        return {file.as_at: file.id for file in files if file.id is not None}

    # -- writing -----------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        rows = list({row["urn"]: row for row in self._rows}.values())
        if rows:
            upsert = insert(self._session, SETTINGS)
            columns = [column.name for column in SETTINGS.columns if column.name not in ("urn", "simulated")]
            upsert = upsert.on_conflict_do_update(
                index_elements=["urn"], set_={name: upsert.excluded[name] for name in columns}
            )
            self._session.execute(upsert, rows)
        if self._history:
            lines = [
                {name: line[name] for name in ("urn", "as_at", "file_id", "what", "changed")} for line in self._history
            ]
            self._session.execute(sa.insert(HISTORY), lines)


def _left(urn: str, day: date, file_id: int) -> dict[str, Any]:
    return {"urn": urn, "as_at": day, "file_id": file_id, "what": "left", "changed": {}}


def _facts_of(urn: str, state: dict[str, Any]) -> Facts | None:
    """Facts as a history's state has them."""
    if not state:
        return None
    extra = {name: value for name, value in state.items() if name not in COLUMNS.values()}
    return Facts(urn, extra=extra, **{name: state.get(shown) for name, shown in COLUMNS.items()})


def _comparable(lines: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(line["as_at"], line["what"], line["changed"]) for line in lines]


def _without_type(row: OfstedRow) -> Issue:
    return Issue(
        "ofsted-type-missing",
        "error",
        "This row's provision type is not one that we know, so the setting can't be kept.",
        "Look at the row's provision type; if Ofsted has a new one, it must join the codelist first.",
        Place(line=row.line, urn=row.urn),
    )
