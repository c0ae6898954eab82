"""Grades, inspection by inspection: which are present, which are newer than the register, which contradict it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, Literal

from placefeed.schema.codelists import judgements, rank
from placefeed.service.register.statements import Inspection

Origin = Literal["register", "declared"]

GRADED: Final = frozenset({"full", "interim"})
"""Kinds of inspection that give grades; a later visit of another kind never takes a grade's place."""

SAME_WITHIN: Final = timedelta(days=7)
"""Ofsted's lists give the first or the last day of an inspection, depending on the year, and a provider gives either."""


@dataclass(frozen=True, slots=True, order=True)
class Judgement:
    """One grade, of which inspection, and who says so."""

    inspected_on: date
    framework: str
    aspect: str
    code: str
    origin: Origin = "register"
    published_on: date | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Dispute:
    """A source gives another grade than the register for one inspection; `registered` None: the register has no such inspection."""

    source: str
    inspected_on: date
    aspect: str
    declared: str
    registered: str | None


def present(inspections: Iterable[Inspection]) -> list[Inspection]:
    """The inspections that give the present grades: the newest full one, and an interim one after it."""
    graded = sorted((one for one in inspections if one.kind in GRADED and one.judgements), key=_order)
    full = [one for one in graded if one.kind == "full"]
    # Two of one day that differ are both kept; the worse grade then drives filters.
    newest = [one for one in full if one.inspected_on == full[-1].inspected_on]
    interim = [
        one for one in graded if one.kind == "interim" and (not full or one.inspected_on > full[-1].inspected_on)
    ]
    return newest + interim[-1:]


def _order(one: Inspection) -> tuple[date, str, str, list[tuple[str, str]]]:
    return (one.inspected_on, one.event or "", one.framework, sorted(one.judgements.items()))


def grades(inspections: Iterable[Inspection], origin: Origin) -> list[Judgement]:
    """The grades of inspections; visits have none, whatever is written beside them."""
    return [
        Judgement(one.inspected_on, one.framework, aspect, code, origin, one.published_on)
        for one in inspections
        if one.kind in GRADED
        for aspect, code in sorted(one.judgements.items())
    ]


def is_newer(one: Inspection, registered: Sequence[Inspection], as_at: date) -> bool:
    """Whether the register can't have an inspection yet: it took place, or its report came out, after the as-at date."""
    if one.event and any(other.event == one.event for other in registered):
        return False
    if one.inspected_on > as_at:
        return True
    if one.published_on is None or one.published_on <= as_at or _same(one, registered) is not None:
        return False
    return all(other.inspected_on < one.inspected_on for other in present(registered))


def _same(one: Inspection, registered: Sequence[Inspection]) -> Inspection | None:
    """The register's record of the same inspection: by event number, else by kind and day, give or take some days."""
    named = [other for other in registered if one.event and other.event == one.event and other.kind == one.kind]
    near = named or [
        other
        for other in registered
        if other.kind == one.kind and abs(other.inspected_on - one.inspected_on) <= SAME_WITHIN
    ]
    return min(near, key=lambda other: (abs(other.inspected_on - one.inspected_on), _order(other)), default=None)


def disputes_of(source: str, one: Inspection, registered: Sequence[Inspection]) -> list[Dispute]:
    """Where an inspection that the register should have contradicts it."""
    if one.kind not in GRADED or not one.judgements:
        return []
    other = _same(one, registered)
    if other is not None:
        return [
            Dispute(source, one.inspected_on, aspect, code, other.judgements[aspect])
            for aspect, code in sorted(one.judgements.items())
            if aspect in other.judgements and (other.framework, other.judgements[aspect]) != (one.framework, code)
        ]
    latest = max((known.inspected_on for known in present(registered)), default=None)
    if latest is not None and one.inspected_on < latest:
        return []  # history: the register's files name the last one or two inspections only
    return [Dispute(source, one.inspected_on, aspect, code, None) for aspect, code in sorted(one.judgements.items())]


def worse_only(declared: Iterable[Judgement], registered: Iterable[Judgement]) -> list[Judgement]:
    """Of an inspection that the register lacks, the grades worse than its own: nobody declares those for gain."""
    own: dict[tuple[str, str], int] = {}
    for grade in registered:
        key = (grade.framework, grade.aspect)
        own[key] = max(own.get(key, 0), rank(grade.framework, grade.code) or 0)
    kept = []
    for grade in declared:
        place, ours = rank(grade.framework, grade.code), own.get((grade.framework, grade.aspect))
        if (place is not None and ours is not None and place > ours) or (ours is None and _hidden(grade)):
            kept.append(grade)
    return kept


def _hidden(grade: Judgement) -> bool:
    """Whether lists hide this grade unless they are asked not to."""
    return any(
        row["code"] == grade.code and row["hiddenByDefault"] == "yes" for row in judgements(grade.framework).rows
    )


def worst(found: Iterable[Judgement]) -> tuple[Judgement, ...]:
    """The worst grade of each framework and aspect. Grades that can't be ranked are all kept: no order is made up."""
    ranked: dict[tuple[str, str], Judgement] = {}
    unranked: list[Judgement] = []
    for grade in in_order(found):
        place = rank(grade.framework, grade.code)
        if place is None:
            unranked.append(grade)
            continue
        key = (grade.framework, grade.aspect)
        if key not in ranked or place > (rank(grade.framework, ranked[key].code) or 0):
            ranked[key] = grade
    return (*ranked.values(), *unranked)


def in_order(found: Iterable[Judgement]) -> tuple[Judgement, ...]:
    """Each grade once: the register's first, then by date."""
    return tuple(sorted(set(found), key=lambda one: (one.origin == "declared", one)))
