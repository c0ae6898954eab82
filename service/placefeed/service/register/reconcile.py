"""Sets what providers declare of Ofsted beside what the register says, inspection by inspection; pure functions.

```
URN in no file ────────────────> unverified           listed once its certificate is recorded
gone from a newer complete file ─> not-on-register      never listed
same inspection, another grade ──> disputed             both shown, the register's counts
inspection after the as-at date ─> newer-than-register  the worse grade drives filters until the register has it
otherwise ─────────────────────> confirmed
```
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from placefeed.schema.codelists import codelist
from placefeed.service.clock import london_midnight
from placefeed.service.register.grades import (
    Dispute,
    Judgement,
    disputes_of,
    grades,
    in_order,
    is_newer,
    present,
    worse_only,
    worst,
)
from placefeed.service.register.statements import DeclaredOfsted, Inspection, RegisterFacts, Restriction

__all__ = [
    "DeclaredOfsted",
    "Dispute",
    "Inspection",
    "Judgement",
    "Reconciled",
    "RegisterFacts",
    "Restriction",
    "reconcile",
]

Status = Literal["confirmed", "disputed", "newer-than-register", "not-on-register", "unverified"]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What members may rely on.

    `judgements` are those to show: the register's, then newer declared ones; `declared` stand beside them and do not
    count. `effective` drives filters: the worse of the register's and of what is newer, per framework and aspect.
    `reasons` say why nothing of the setting is listed (codes, sorted); none: it may be. `changes_on`: the next day on
    which this changes by time alone.
    """

    status: Status
    registration_status: str | None
    judgements: tuple[Judgement, ...]
    declared: tuple[Judgement, ...]
    effective: tuple[Judgement, ...]
    reasons: tuple[str, ...]
    restrictions: tuple[Restriction, ...]
    changes_on: date | None
    register_as_at: date | None
    disputes: tuple[Dispute, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def listable(self) -> bool:
        """Whether its vacancies may be listed."""
        return not self.reasons

    @property
    def changes_at(self) -> datetime | None:
        """The instant at which `changes_on` begins in England."""
        return london_midnight(self.changes_on) if self.changes_on else None


def reconcile(register: RegisterFacts, declared: Iterable[DeclaredOfsted], *, today: date) -> Reconciled:
    """Reconcile a setting's register facts with what its sources declare, in any order; `today` is the day in England."""
    parts = sorted(declared, key=lambda part: part.source)
    presence = _presence(register)
    as_at = register.inspections_as_at or register.as_at
    registered = grades(present(register.inspections), "register")
    newer: list[Judgement] = []
    beside: list[Judgement] = []
    worse: list[Judgement] = []
    disputes: list[Dispute] = []
    for part in parts:
        fresh = [one for one in part.inspections if as_at is None or is_newer(one, register.inspections, as_at)]
        newer += grades(present(fresh), "declared")
        for one in part.inspections:
            found = [] if one in fresh else disputes_of(part.source, one, register.inspections)
            if not found:
                continue
            disputes += found
            told = grades([one], "declared")
            beside += told
            if all(dispute.registered is None for dispute in found):
                worse += worse_only(told, registered)
    status: Status = presence or ("disputed" if disputes else "newer-than-register" if newer else "confirmed")
    restrictions = {one for part in parts for one in part.restrictions}
    return Reconciled(
        status=status,
        registration_status=_gravest(_statuses(register, parts)),
        judgements=(*in_order(registered), *in_order(newer)),
        declared=in_order(beside),
        effective=worst([*registered, *newer, *worse]),
        reasons=_reasons(register, parts, presence, today),
        restrictions=tuple(sorted((one for one in restrictions if one.in_force(today)), key=_by_day)),
        changes_on=_changes_on(restrictions, today),
        register_as_at=register.as_at,
        disputes=tuple(sorted(set(disputes), key=lambda one: (one.source, one.inspected_on, one.aspect, one.declared))),
        notes=_notes(register, parts, presence),
    )


def _presence(register: RegisterFacts) -> Status | None:
    """`not-on-register` or `unverified`; None where the register has the setting."""
    gone, certified = register.absent_since, register.certificate_recorded_on
    if gone is not None and (register.as_at is None or gone > register.as_at):
        # The operator's own look at the certificate counts if it came after the list without the setting.
        if certified is not None and certified > gone:
            return "unverified"
        return "unverified" if register.as_at is None and certified is None else "not-on-register"
    return "unverified" if register.as_at is None else None


def _reasons(
    register: RegisterFacts, parts: Sequence[DeclaredOfsted], presence: Status | None, today: date
) -> tuple[str, ...]:
    """Why the setting may not be listed, as codes; empty where it may."""
    reasons: set[str] = set()
    if presence == "not-on-register" or (presence == "unverified" and register.certificate_recorded_on is None):
        reasons.add(presence)
    kind, types = register.provision_type, codelist("provision-types")
    listable = kind is not None and kind in types and types.row(kind)["listable"] == "yes"
    # Of a setting that nobody has vouched for yet, the type is not known either: one reason is enough.
    if not listable and (kind is not None or not reasons):
        reasons.add("provision-type-not-listable")
    for status in _statuses(register, parts):
        if not _is_open(status):
            reasons.add("suspended" if status == "suspended" else "closed")
    for restriction in (one for part in parts for one in part.restrictions):
        if restriction.in_force(today) and _stops_listing(restriction):
            reasons.add("suspended" if restriction.kind == "suspension" else "accommodation-restricted")
    return tuple(sorted(reasons))


def _statuses(register: RegisterFacts, parts: Sequence[DeclaredOfsted]) -> list[str]:
    return [
        status for status in (register.registration_status, *(part.registration_status for part in parts)) if status
    ]


def _is_open(status: str) -> bool:
    statuses = codelist("registration-statuses")
    return status in statuses and statuses.row(status)["open"] == "yes"


def _gravest(statuses: Sequence[str]) -> str | None:
    """The status to show: a suspension or closure from any source goes before Active."""
    order = codelist("registration-statuses").codes  # from active to closed
    return max(statuses, key=lambda status: order.index(status) if status in order else len(order), default=None)


def _stops_listing(restriction: Restriction) -> bool:
    kinds = codelist("restriction-kinds")
    # A kind that is new to us may be as grave as a suspension.
    return restriction.kind not in kinds or kinds.row(restriction.kind)["stopsListing"] == "yes"


def _changes_on(restrictions: Iterable[Restriction], today: date) -> date | None:
    """The next day on which a restriction begins to hold, or no longer does."""
    days: list[date] = []
    for one in restrictions:
        if one.in_force(today) and one.until is not None and one.until < date.max:
            days.append(one.until + timedelta(days=1))
        elif one.starts is not None and one.starts > today and (one.until is None or one.until >= one.starts):
            days.append(one.starts)
    return min(days, default=None)


def _by_day(one: Restriction) -> tuple[date, str, date]:
    return (one.starts or date.min, one.kind, one.until or date.max)


def _notes(register: RegisterFacts, parts: Sequence[DeclaredOfsted], presence: Status | None) -> tuple[str, ...]:
    """What the operator or the provider should know, in a sentence each."""
    notes = []
    others = sorted(
        {part.registration_status for part in parts if part.registration_status} - {register.registration_status}
    )
    if register.registration_status and others and register.as_at:
        notes.append(
            f"Ofsted's list as at {register.as_at:%d/%m/%Y} says {register.registration_status}; the provider says {', '.join(others)}. "
            "The graver one counts."
        )
    if presence == "not-on-register" and register.absent_since:
        notes.append(f"Ofsted's complete list as at {register.absent_since:%d/%m/%Y} does not have this setting.")
    if presence == "unverified" and register.certificate_recorded_on:
        notes.append("The operator has recorded its certificate; no list of Ofsted's has it since.")
    return tuple(notes)
