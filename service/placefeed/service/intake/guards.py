"""Complete feeds: what they no longer have is withdrawn, but a sudden loss of settings waits for a person's word.

```
item absent within a present array ───────────────────────────────> withdrawn at publishedAt
setting absent ──few──────────────────────────────────────────────> withdrawn at publishedAt
               └─more than a fifth of the source's, and five──> waiting ──confirm──> withdrawn
                                                                  ├──refuse──> refused (asked no more while it stays away)
                                                                  └──states it again──> returned
```
What a source said after its publishedAt stands, and so does what another source said.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.access.audit import record as audit
from placefeed.service.access.who import Caller
from placefeed.service.config import Settings
from placefeed.service.errors import Conflict, NotAllowed, NotFound
from placefeed.service.intake.observe import withdraw
from placefeed.service.intake.parts import PARTS, CheckedRecord
from placefeed.service.intake.standing import Key
from placefeed.service.pending import touch
from placefeed.service.tables import Absence, Source, Standing, Submission

CHUNK = 500  # settings a transaction or statement
BIT = {part: 1 << number for number, part in enumerate(PARTS)}
ALL = sum(BIT.values())
WAITING, CONFIRMED, REFUSED, RETURNED = "waiting", "confirmed", "refused", "returned"


@dataclass(slots=True)
class Whole:
    """What a complete feed has, gathered while it is read: about 150 bytes a setting.

    `lost` are words that stood when their setting was first read and that the feed has not had so far.
    """

    seen: dict[str, int] = field(default_factory=dict)  # setting -> its parts, as bits
    parts: int = 0  # parts present anywhere
    lost: set[Key] = field(default_factory=set)
    unnamed: bool = False  # a record was refused whose setting cannot be told
    had: int = 0  # settings seen that the source had before

    def see(self, records: Iterable[CheckedRecord], live: Iterable[Key]) -> None:
        """Take note of a chunk of records. `live` is what stood of their settings before it."""
        before: dict[str, list[Key]] = {}
        for key in live:
            before.setdefault(key[0], []).append(key)
        for record in records:
            present = 0
            for part in record.present:
                present |= BIT[part]
            self.parts |= present
            urn = record.urn
            if urn not in self.seen and urn in before:
                self.had += 1
            known = self.seen.get(urn, 0)
            self.seen[urn] = known | present
            if present & ~known:
                self.lost.update(key for key in before.get(urn, ()) if BIT[key[1]] & present & ~known)
            if self.lost:
                for document in record.parts:
                    self.lost.discard((urn, document.part, document.item))
            for part, item in record.failed:
                if item is not None:
                    self.lost.discard((urn, part, item))
                else:
                    self.lost -= {key for key in self.lost if key[0] == urn and key[1] == part}

    def same(self, urn: str, present: Iterable[str]) -> None:
        """Take note of a record, the first of its setting, that is known to say all that stands of it."""
        bits = 0
        for part in present:
            bits |= BIT[part]
        self.parts |= bits
        self.seen[urn] = bits
        self.had += 1

    def refused(self, urn: str | None) -> None:
        """A record was refused as a whole: its setting is not absent, and nothing of it is withdrawn."""
        if urn is None:
            self.unnamed = True
        else:
            self.had += urn not in self.seen
            self.seen[urn] = ALL  # parts that it may yet speak of are shielded as well
            self.lost -= {key for key in self.lost if key[0] == urn}


@dataclass(slots=True)
class Absent:
    """Settings that a complete feed lacks: those to withdraw, those that wait, and how many the source had."""

    had: int
    now: list[str]
    held: list[str]


def absent(session: Session, *, source: Source, whole: Whole, published_at: datetime, settings: Settings) -> Absent:
    """Which of the source's settings the feed lacks, of the parts that it speaks of and older than it."""
    parts = [part for part in PARTS if whole.parts & BIT[part]]
    stand: set[str] = set(
        session.scalars(
            sa.select(col(Standing.urn))
            .where(
                col(Standing.source_id) == source.id,
                col(Standing.part).in_(parts),
                col(Standing.withdrawn).is_(False),
                col(Standing.as_of) < published_at,
            )
            .distinct()
        )
    )
    gone = sorted(stand - whole.seen.keys())
    before = whole.had + len(gone)
    sudden = len(gone) > settings.guard_share * before and len(gone) >= settings.guard_least
    # Where it cannot be told which setting a refused record was of, any of the absent ones may be it.
    return Absent(before, [], gone) if sudden or (whole.unnamed and gone) else Absent(before, gone, [])


def hold(
    session: Session,
    *,
    source: Source,
    urns: Iterable[str],
    whole: Whole,
    submission_id: str,
    published_at: datetime,
    now: datetime,
) -> list[str]:
    """Let absences wait for a person's word. One that waits already goes on waiting, with the newer feed's clock; one
    that was refused and never came back is not asked about again. Returns the settings that wait."""
    parts = ",".join(part for part in PARTS if whole.parts & BIT[part])
    wanted = sorted(urns)
    open_rows = {
        row.urn: row
        for row in session.exec(
            select(Absence)
            .where(Absence.source_id == source.id, col(Absence.state).in_([WAITING, REFUSED]))
            .order_by(col(Absence.id))
        )
    }
    waiting: list[str] = []
    fresh = []
    for urn in wanted:
        row = open_rows.get(urn)
        if row is None:
            fresh.append(
                {
                    "source_id": source.id,
                    "urn": urn,
                    "parts": parts,
                    "submission_id": submission_id,
                    "as_of": published_at,
                    "state": WAITING,
                }
            )
            waiting.append(urn)
        elif row.state == WAITING:
            row.as_of, row.parts = max(row.as_of, published_at), parts
            session.add(row)
            waiting.append(urn)
    for start in range(0, len(fresh), CHUNK):
        session.execute(sa.insert(Absence), fresh[start : start + CHUNK])
    session.flush()
    touch(session, [str(row["urn"]) for row in fresh], at=now, bulk=True)  # they show as unknown until somebody decides
    return waiting


def returned(session: Session, *, source: Source, urns: Iterable[str], now: datetime) -> int:
    """Settle the absences of settings that the source speaks of again; returns how many."""
    rows = session.exec(
        select(Absence).where(Absence.source_id == source.id, col(Absence.state).in_([WAITING, REFUSED]))
    ).all()
    again = set(urns) if rows else set()
    back = [row for row in rows if row.urn in again]
    for row in back:
        was = row.state
        row.state = RETURNED
        session.add(row)
        if was == WAITING:
            touch(session, [row.urn], at=now, bulk=True)
    session.flush()
    return len(back)


def settle(session: Session, *, source: Source, urns: Iterable[str], now: datetime) -> None:
    """Close the absences of settings that are being withdrawn without further question."""
    rows = session.exec(select(Absence).where(Absence.source_id == source.id, Absence.state == WAITING)).all()
    gone = set(urns) if rows else set()
    for row in rows:
        if row.urn in gone:
            row.state, row.decided_by, row.decided_at = CONFIRMED, "a later complete feed", now
            session.add(row)
    session.flush()


def withdraw_settings(
    session: Session,
    *,
    source: Source,
    urns: list[str],
    parts: Iterable[str],
    at: datetime,
    submission_id: str | None,
    now: datetime,
) -> int:
    """Withdraw what a source said of at most 1,000 settings in these parts before `at`; returns how many words."""
    keys = [
        (urn, part, item)
        for urn, part, item in session.execute(
            sa.select(col(Standing.urn), col(Standing.part), col(Standing.item)).where(
                col(Standing.source_id) == source.id,
                col(Standing.urn).in_(urns),
                col(Standing.part).in_(list(parts)),
                col(Standing.withdrawn).is_(False),
                col(Standing.as_of) < at,
            )
        )
    ]
    done = withdraw(
        session,
        source=source,
        keys=keys,
        at=at,
        inclusive=False,
        received_at=now,
        submission_id=submission_id,
        bulk=True,
    )
    return done.withdrawn


def waiting_of(session: Session, submission: Submission) -> list[Absence]:
    """What a decision about this submission would be about, by setting."""
    return list(
        session.exec(
            select(Absence)
            .where(
                Absence.source_id == submission.source_id,
                Absence.state == WAITING,
                # A later feed that lacks the same settings renews their clock but does not ask again: either may be named.
                sa.or_(
                    col(Absence.submission_id) == submission.id,
                    col(Absence.as_of) <= (submission.published_at or submission.received_at),
                ),
            )
            .order_by(col(Absence.urn))
        )
    )


def decide(
    session: Session, *, submission_id: str, confirm: bool, caller: Caller, reason: str = "", now: datetime
) -> dict[str, int]:
    """Say whether the settings that a complete feed lacked are gone: `{"settings": n, "withdrawn": n}`.

    The provider of the source or the operator may; why stands in the audit. Raises NotFound, NotAllowed, or Conflict
    where nothing waits.
    """
    submission = session.get(Submission, submission_id)
    if submission is None or (caller.role != "operator" and submission.organisation_id != caller.organisation_id):
        raise NotFound("There is no such submission.")
    if caller.role not in ("operator", "provider"):
        raise NotAllowed("Only the provider or the operator can say whether these settings are gone.")
    source = session.get(Source, submission.source_id)
    rows = waiting_of(session, submission)
    if source is None or not rows:
        raise Conflict("Nothing of this submission waits for a decision (any more).")
    withdrawn = 0
    for row in rows:
        row.state, row.decided_by, row.decided_at = (CONFIRMED if confirm else REFUSED), caller.organisation_id, now
        session.add(row)
    session.flush()
    urns = [row.urn for row in rows]
    if confirm:
        groups: dict[tuple[str, datetime], list[str]] = {}
        for row in rows:
            groups.setdefault((row.parts, row.as_of), []).append(row.urn)
        for (parts, as_of), members in groups.items():
            for start in range(0, len(members), CHUNK):
                withdrawn += withdraw_settings(
                    session,
                    source=source,
                    urns=members[start : start + CHUNK],
                    parts=parts.split(","),
                    at=as_of,
                    submission_id=submission_id,
                    now=now,
                )
    touch(session, urns, at=now, bulk=True)
    audit(
        session,
        caller=caller,
        action="absence.confirm" if confirm else "absence.refuse",
        subject=submission_id,
        detail={"settings": len(urns), "withdrawn": withdrawn, **({"reason": reason} if reason else {})},
        at=now,
    )
    return {"settings": len(urns), "withdrawn": withdrawn}
