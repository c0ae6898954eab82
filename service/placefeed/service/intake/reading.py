"""One submission while it is read: its records are judged apart, then observed a chunk a transaction; what it left out comes last.

```
open ─> header ─> chunk, chunk, ... (speaks for? observe, keep, quarantine, count) ─> trailer ─> withdrawals, guard ─> report
```
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.adapters.formats import Document
from placefeed.schema.issues import Report
from placefeed.schema.rules import issue
from placefeed.service.access.speaking import may_speak, propose_for
from placefeed.service.clock import iso
from placefeed.service.config import Settings
from placefeed.service.intake import guards
from placefeed.service.intake.keeping import keep
from placefeed.service.intake.observe import SUPERSEDED, Outcomes, PartOutcome, lock_source, observe
from placefeed.service.intake.parts import CheckedRecord
from placefeed.service.intake.records import Judge, Judged, refusal
from placefeed.service.intake.standing import Key, standing_sums
from placefeed.service.tables import Certificate, RegisterSetting, Source, Standing

CHUNK = 250  # records a transaction takes, so that a small update waits some 50 ms for a bulk one at most
PLAIN = 100  # a report names every record up to so many; of more, only those that were not taken as they came
NOTABLE = ("rejected", "superseded", "attested", "held")


@dataclass(slots=True)
class Reading:
    """What is known of a submission so far. Holds no session: each step is given one."""

    submission_id: str
    document: Document
    judge: Judge
    received_at: datetime
    published_at: datetime
    settings: Settings
    report: Report
    bulk: bool
    now: datetime  # as long as it is worked; moves on with a large one
    whole: guards.Whole | None = None
    read: int = 0
    unreadable: int = 0
    chunks: int = 0
    header: dict[str, Any] = field(
        default_factory=dict
    )  # as it was judged; what a large feed adds at its end is not kept
    _records: Iterator[Any] | None = field(default=None, repr=False)

    @property
    def complete(self) -> bool:
        """Whether the feed says that it names all of the source's settings; certain after the last record."""
        return self.document.header.get("complete") is True

    def next(self, most: int = CHUNK) -> list[Judged]:
        """Read and judge the next records; an empty list at the end. Touches no database."""
        if self._records is None:
            self._records = iter(self.document.records())
        return [self.judge.judge(record) for record in islice(self._records, most)]

    # -- a chunk ----------------------------------------------------------------------------------------------------

    def take(self, session: Session, source: Source, judged: Sequence[Judged]) -> None:
        """Observe a chunk of judged records in the caller's transaction, and count what became of them."""
        urns = {each.urn for each in judged if each.urn and (each.checked or each.clean)}
        ours = may_speak(session, source, urns)
        same = self._same(session, source, judged, ours)
        judged = [each for each in judged if each.index not in same]
        good = self._ours(session, source, judged, ours)
        outcomes = observe(
            session,
            source=source,
            records=good,
            received_at=self.received_at,
            submission_id=self.submission_id,
            bulk=self.bulk,
            now=self.now,
            live=self.whole is not None,
            stood=True,
        )
        self._see(judged, good, outcomes.live)
        self._count(judged, good, outcomes.records)
        self._say_parts(outcomes.parts)
        accepted = [record.urn for record, outcome in zip(good, outcomes.records, strict=True) if outcome == "accepted"]
        self._say_unknown(session, accepted, good)
        unchanged = {
            record.index for record, outcome in zip(good, outcomes.records, strict=True) if outcome == "unchanged"
        }
        self._remember(source, judged, good, outcomes)
        keep(session, submission_id=self.submission_id, chunk=self.chunks, judged=judged, unchanged=unchanged)
        if outcomes.touched:
            guards.returned(session, source=source, urns=outcomes.touched, now=self.now)
        self.chunks += 1

    def skip(self, session: Session, source: Source, judged: Sequence[Judged]) -> None:
        """Go over a chunk that was taken before a restart: only what the end of a complete feed needs is gathered."""
        urns = {each.urn for each in judged if each.urn and (each.checked or each.clean)}
        ours = may_speak(session, source, urns)
        for each in judged:
            if each.checked is None and each.clean is not None:
                each.checked = self.judge.recall(each)
        good = [each.checked for each in judged if each.checked is not None and each.checked.urn in ours]
        for each in judged:
            self.read += 1
            self.unreadable += each.unreadable
        if self.whole is not None:
            live = [
                (row[0], row[1], row[2])
                for row in session.execute(
                    sa.select(col(Standing.urn), col(Standing.part), col(Standing.item)).where(
                        col(Standing.source_id) == source.id,
                        col(Standing.urn).in_(ours),
                        col(Standing.withdrawn).is_(False),
                    )
                )
            ]
            self._see(judged, good, live)
        self.chunks += 1

    def _same(self, session: Session, source: Source, judged: Sequence[Judged], ours: set[str]) -> set[int]:
        """Those records, by index, that said exactly what stands when they came before, and nothing has changed since.

        Most of what a polled feed has is this; it is told apart without looking at a single part.
        """
        asked = {
            each.urn
            for each in judged
            if each.clean is not None and source.id in each.clean.stood and each.urn in ours and each.urn is not None
        }
        if not asked:
            return set()
        lock_source(session, source.id)
        sums = standing_sums(session, source.id, sorted(asked))
        same: set[int] = set()
        seen: set[str] = set()
        for each in judged:
            urn, clean = each.urn, each.clean
            if clean is None or urn is None or urn in seen:
                continue  # said twice in one feed: compared part by part
            seen.add(urn)
            if (
                urn not in asked
                or clean.stood.get(source.id) != sums.get(urn)
                or (self.whole is not None and urn in self.whole.seen)
            ):
                continue
            same.add(each.index)
            if self.whole is not None:
                self.whole.same(urn, clean.present)
            if self.read + len(same) <= PLAIN:
                self.report.note_record(_entry(each, "unchanged"))
        if same:
            self.read += len(same)
            self.report.count("records", len(same))
            self.report.count("unchanged", len(same))
        return same

    def _remember(
        self, source: Source, judged: Sequence[Judged], good: Sequence[CheckedRecord], outcomes: Outcomes
    ) -> None:
        """Note which clean records said exactly what stands, for the next time."""
        clean = {each.index: each.clean for each in judged if each.clean is not None}
        for record, outcome in zip(good, outcomes.records, strict=True):
            found = clean.get(record.index)
            if found is None or outcome != "unchanged":
                continue
            words, alive, versions = outcomes.stood[record.urn]
            if alive == len(record.parts):
                found.stood[source.id] = (words, versions)

    def _ours(self, session: Session, source: Source, judged: Sequence[Judged], ours: set[str]) -> list[CheckedRecord]:
        """The good records of settings that the source's organisation speaks for; the others are refused."""
        strangers: set[str] = set()
        good: list[CheckedRecord] = []
        for each in judged:
            if each.checked is None and each.clean is not None:
                each.checked = self.judge.recall(each)
            checked = each.checked
            if checked is None:
                continue
            if checked.urn in ours:
                good.append(checked)
                continue
            strangers.add(checked.urn)
            found = issue("not-your-setting", place=each.place)
            each.issues.append(found)
            each.refused.append(refusal(each, found))
            each.checked, each.clean, each.kept = None, None, None
        if strangers:
            propose_for(session, source.organisation_id, urns=strangers, now=self.now)
        return good

    def _see(self, judged: Sequence[Judged], good: Sequence[CheckedRecord], live: Sequence[Key]) -> None:
        if self.whole is None:
            return
        self.whole.see(good, live)
        for each in judged:
            if each.checked is None:
                self.whole.refused(each.urn)

    # -- the report -------------------------------------------------------------------------------------------------

    def _count(self, judged: Sequence[Judged], good: Sequence[CheckedRecord], outcomes: Sequence[str]) -> None:
        report = self.report
        by_index = {record.index: outcome for record, outcome in zip(good, outcomes, strict=True)}
        tally: Counter[str] = Counter(outcomes)
        for each in judged:
            self.read += 1
            self.unreadable += each.unreadable
            outcome = by_index.get(each.index, "rejected")
            if each.checked is None:
                tally["rejected"] += 1
            if self.read <= PLAIN or outcome in NOTABLE:
                report.note_record(_entry(each, outcome))
            for refused in each.refused if each.checked is not None else ():
                tally["rejected"] += 1
                report.note_record(
                    {**_entry(each, "rejected"), "part": refused.part, **({"id": refused.item} if refused.item else {})}
                )
            for found in each.issues:
                report.add(found)
                if found.severity == "warning":
                    tally["warnings"] += 1
        tally["records"] = len(judged)
        for name, number in tally.items():
            report.count(name, number)  # type: ignore[arg-type]

    def _say_parts(self, outcomes: Sequence[PartOutcome]) -> None:
        for each in outcomes:
            known = iso(each.known_as_of) if each.known_as_of else ""
            if each.outcome == SUPERSEDED:
                found = issue("older-than-known", place=each.record.place)
                found = replace(found, advice=f"{found.advice} What we know of the {each.part} is of {known}.")
            else:
                found = issue(
                    "duplicate-id",
                    f"One {each.part} is said twice, differently, for the same moment; the first was taken.",
                    place=each.record.place,
                )
                self.report.count("rejected")
            self.report.add(found)
            entry = {"index": each.record.index, "urn": each.record.urn, "part": each.part, "outcome": each.outcome}
            self.report.note_record({**entry, "id": each.item} if each.item else entry)

    def _say_unknown(self, session: Session, urns: Sequence[str], good: Sequence[CheckedRecord]) -> None:
        """Warn of settings that neither a file of Ofsted's nor a certificate knows: they are kept and not listed."""
        ofsted = [urn for urn in urns if ":" not in urn]
        if not ofsted:
            return
        known = set(session.scalars(sa.select(col(RegisterSetting.urn)).where(col(RegisterSetting.urn).in_(ofsted))))
        unknown = set(ofsted) - known
        if unknown:
            unknown -= set(session.scalars(sa.select(col(Certificate.urn)).where(col(Certificate.urn).in_(unknown))))
        for record in good if unknown else ():
            if record.urn in unknown:
                self.report.add(issue("unknown-setting", place=record.place))
                self.report.count("warnings")


def _entry(judged: Judged, outcome: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"index": judged.index, "outcome": outcome}
    return {**entry, "urn": judged.urn} if judged.urn else entry
