"""The end of a submission: what a feed withdraws, outright or by leaving it out, once it is known to have ended well."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.schema import personal
from placefeed.schema.issues import Issue, Place
from placefeed.schema.rules import issue
from placefeed.schema.ruleset import AHEAD
from placefeed.schema.validation import check_withdrawn
from placefeed.service.access.sources import FEDERATION, touch_exchanges
from placefeed.service.access.speaking import may_speak
from placefeed.service.intake import federated, guards
from placefeed.service.intake.observe import withdraw
from placefeed.service.intake.parts import PARTS, setting_key
from placefeed.service.intake.reading import CHUNK, Reading
from placefeed.service.intake.standing import Key
from placefeed.service.tables import Observation, Source, Standing


@dataclass(slots=True)
class Step:
    """At most one transaction's worth of withdrawals."""

    keys: list[Key] = field(default_factory=list)
    inclusive: bool = False
    settings: list[str] = field(default_factory=list)
    parts: tuple[str, ...] = ()


@dataclass(slots=True)
class Closing:
    """What a feed withdraws: outright, items absent within a present array, and whole settings."""

    outright: list[Key] = field(default_factory=list)
    absent: list[Key] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    parts: tuple[str, ...] = ()

    def steps(self) -> Iterator[Step]:
        """The same in pieces of at most 500 words or settings."""
        for keys, inclusive in ((self.outright, True), (self.absent, False)):
            for start in range(0, len(keys), CHUNK):
                yield Step(keys=keys[start : start + CHUNK], inclusive=inclusive)
        for start in range(0, len(self.gone), CHUNK):
            yield Step(settings=self.gone[start : start + CHUNK], parts=self.parts)


def changed_shape(reading: Reading, source: Source) -> bool:
    """Whether most records could not be read where the last feed was good: the source has changed, not its settings."""
    return (
        source.last_good_at is not None
        and reading.unreadable * 2 > reading.read
        and (reading.unreadable >= 5 or reading.unreadable == reading.read > 1)
    )


def plan(session: Session, reading: Reading, source: Source) -> Closing:
    """Decide, after the last record, what the feed withdraws; absences that wait are written down at once."""
    closing = Closing()
    trailer = reading.document.finished
    _notes(reading)
    if trailer is None or not trailer.ok:
        reason = "" if trailer is None else trailer.reason
        reading.report.add(issue("truncated", reason))
        return closing
    if changed_shape(reading, source):
        return closing
    _outright(session, reading, source, closing)
    mark = federated.whole_reading(reading.document.header) if source.transport == FEDERATION else None
    if mark is not None:
        whole, left_over = federated.left_over(session, source, mark)
        # Its words may be ahead of our clock by what is allowed, and are swept all the same.
        found = _missing(session, reading, source, whole, published_at=reading.published_at + AHEAD)
        waits = set(found.held)
        closing.outright += [key for key in left_over if key[0] not in waits]
        touch_exchanges(session, now=reading.now)  # from now on it is followed
    elif reading.whole is not None and reading.complete:
        whole = reading.whole
        found = _missing(session, reading, source, whole, published_at=reading.published_at)
        closing.absent = sorted(whole.lost)
        closing.gone = found.now
        closing.parts = tuple(part for part in PARTS if whole.parts & guards.BIT[part])
    return closing


def _missing(
    session: Session, reading: Reading, source: Source, whole: guards.Whole, *, published_at: datetime
) -> guards.Absent:
    """The settings that a complete feed lacks: those that are gone, and those that wait for a word, which is written down."""
    found = guards.absent(session, source=source, whole=whole, published_at=published_at, settings=reading.settings)
    guards.returned(session, source=source, urns=whole.seen, now=reading.now)
    if found.held:
        waiting = guards.hold(
            session,
            source=source,
            urns=found.held,
            whole=whole,
            submission_id=reading.submission_id,
            published_at=published_at,
            now=reading.now,
        )
        if waiting:
            reading.report.count("held", len(waiting))
            message = f"{len(found.held)} of {found.had} settings are missing from this complete feed. What concerns them waits for a word."
            for urn in waiting:
                reading.report.add(issue("withdrawal-held", message, place=Place(urn=urn)))
                reading.report.note_record({"urn": urn, "outcome": "held"})
    guards.settle(session, source=source, urns=found.now, now=reading.now)
    return found


def _notes(reading: Reading) -> None:
    """What concerns the document and no record. A message may quote a heading, so it is screened as well."""
    notes = [Issue("document-note", "advice", note) for note in reading.document.notes]
    for found in [*notes, *reading.document.issues]:
        quotes = any(hit.severity == "error" for hit in personal.screen_text(f"{found.message} {found.advice}"))
        reading.report.add(
            replace(found, message="Something in the document, outside its records, was not read.", advice="")
            if quotes
            else found
        )


def _outright(session: Session, reading: Reading, source: Source, closing: Closing) -> None:
    """Check the entries of `withdrawn`."""
    entries = list(reading.document.withdrawn)
    good: list[tuple[int, str, str, str | None]] = []
    for position, entry in enumerate(entries):
        place = Place(pointer=f"/withdrawn/{position}")
        hits = [hit.to_issue(place) for hit in personal.screen(entry) if hit.severity == "error"]
        found = hits or [
            replace(each, place=replace(place, pointer=f"/withdrawn/{position}{each.place.pointer or ''}"))
            for each in check_withdrawn(entry)
        ]
        for each in found:
            reading.report.add(each)
        if found:
            reading.report.count("rejected")
        else:
            good.append((position, setting_key(entry) or "", entry["part"], entry.get("id", entry.get("unit"))))
    ours = may_speak(session, source, {urn for _, urn, _, _ in good})
    wanted: set[tuple[str, str, str | None]] = set()
    for position, urn, part, item in good:
        if urn in ours:
            wanted.add((urn, part, item))
        else:
            reading.report.add(issue("not-your-setting", place=Place(pointer=f"/withdrawn/{position}", urn=urn)))
            reading.report.count("rejected")
    urns = sorted({urn for urn, _, _ in wanted})
    for start in range(0, len(urns), CHUNK):
        for urn, part, item in session.execute(
            sa.select(col(Standing.urn), col(Standing.part), col(Standing.item)).where(
                col(Standing.source_id) == source.id,
                col(Standing.urn).in_(urns[start : start + CHUNK]),
                col(Standing.withdrawn).is_(False),
            )
        ):
            if (urn, part, item) in wanted or (urn, part, None) in wanted:
                closing.outright.append((urn, part, item))


def carry_out(session: Session, reading: Reading, source: Source, *, step: Step) -> None:
    """Carry out one step of the closing in the caller's transaction; doing one twice changes nothing."""
    if step.settings:
        guards.withdraw_settings(
            session,
            source=source,
            urns=step.settings,
            parts=step.parts,
            at=reading.published_at,
            submission_id=reading.submission_id,
            now=reading.now,
        )
    if step.keys:
        withdraw(
            session,
            source=source,
            keys=step.keys,
            at=reading.published_at,
            inclusive=step.inclusive,
            received_at=reading.received_at,
            submission_id=reading.submission_id,
            bulk=reading.bulk,
            now=reading.now,
        )


def count_withdrawn(session: Session, reading: Reading) -> None:
    """Count what this submission withdrew, also before a restart."""
    number = session.execute(
        sa.select(sa.func.count()).where(
            col(Observation.submission_id) == reading.submission_id, col(Observation.kind) == "withdrawn"
        )
    ).scalar_one()
    if number:
        reading.report.count("withdrawn", number)
