"""What a member hides by default: judgements, as `framework:code` or `framework/aspect:code`; and showing them knowingly.

Until a member says otherwise, it hides what the codelist `judgements` marks so. A page turns the policy into the words of
every channel (`words`), so that list, stream, files and subscriptions mean the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlmodel import Session

from placefeed.schema.codelists import codelist
from placefeed.schema.personal import screen
from placefeed.service.access import audit, sign_ins
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.access.who import MEMBER
from placefeed.service.errors import Invalid, NotAllowed
from placefeed.service.tables import Policy

LONGEST_REASON = 200  # characters in somebody's own words
REASONS: Mapping[str, str] = {
    "nothing-else": "Nothing else suits, and I have looked",
    "known-to-us": "We place with this provider already and know the home well",
    "improved": "The home has improved since, and we have seen how",
    "review": "I am looking at the market, not for a child",
    "other": "Another reason",
}
"""Why somebody looks at what their organisation hides."""


@dataclass(frozen=True, slots=True)
class Hides:
    """What an organisation hides. `changed_at` is None while nobody has set it: then it is what the codelist says."""

    hidden: frozenset[str]
    changed_at: datetime | None = None
    changed_by: str | None = None

    @property
    def words(self) -> dict[str, list[str]]:
        """The same as parameters of a list."""
        return {"showHidden": ["true"], **({"notJudgement": sorted(self.hidden)} if self.hidden else {})}


@cache
def usual() -> Hides:
    """What is hidden where nobody has said anything."""
    marked = [row for row in codelist("judgements").rows if row["hiddenByDefault"] == "yes"]
    return Hides(frozenset(f"{row['framework']}:{row['code']}" for row in marked))


def get_policy(session: Session, organisation_id: str) -> Hides:
    """What an organisation hides."""
    row = session.get(Policy, organisation_id)
    return usual() if row is None else Hides(frozenset(row.hidden), row.changed_at, row.changed_by)


def set_policy(session: Session, visitor: Visitor, hidden: Iterable[str], *, now: datetime) -> Hides:
    """Hide these from now on, in the name of the visitor's organisation. Raises NotAllowed, or Invalid for what is no judgement."""
    caller = visitor.caller
    if caller is None or caller.role != MEMBER or not visitor.manages:
        raise NotAllowed("Only a manager of a local authority sets its policy.")
    chosen = frozenset(hidden)
    if chosen - set(choices()):
        raise Invalid("One of these is no grade of a framework that we know.", errors=[{"pointer": "/hidden"}])
    organisation = caller.organisation_id or ""
    before = get_policy(session, organisation)
    row = session.get(Policy, organisation) or Policy(organisation_id=organisation, changed_at=now)
    row.hidden, row.changed_by, row.changed_at = sorted(chosen), caller.person_id, now
    session.add(row)
    audit.record(
        session,
        caller=caller,
        action="policy.change",
        subject=organisation,
        detail={"hides": sorted(chosen - before.hidden), "shows": sorted(before.hidden - chosen)},
        at=now,
    )
    session.flush()
    return Hides(chosen, now, caller.person_id)


@cache
def choices() -> tuple[str, ...]:
    """Every judgement that can be hidden: each grade of each framework, overall and for each aspect that grades are given for."""
    found = []
    for row in codelist("judgements").rows:
        found.append(f"{row['framework']}:{row['code']}")
        found += [f"{row['framework']}/{aspect}:{row['code']}" for aspect in ASPECTS.get(row["framework"], ())]
    return tuple(found)


ASPECTS: Mapping[str, tuple[str, ...]] = {
    "sccif-2017": ("helped-and-protected", "leaders-and-managers"),
    "ciw": ("well-being", "care-and-support", "leaders-and-managers", "environment"),
}
"""The aspects, beside the overall one, that an inspection of each framework grades today."""


def show_knowingly(session: Session, visitor: Visitor, reason: str, more: str, *, now: datetime) -> None:
    """Show for this session what the organisation hides, for a reason that goes into the audit. Raises NotAllowed or Invalid.

    What somebody adds in their own words is screened: nothing about a child is kept.
    """
    caller = visitor.caller
    if caller is None or caller.role != MEMBER:
        raise NotAllowed("Only a local authority has grades hidden by its policy.")
    text = " ".join(more.split())
    if reason not in REASONS:
        raise Invalid("Choose why you want to see them.", errors=[{"pointer": "/reason"}])
    if reason == "other" and not text:
        raise Invalid("Say in a few words why you want to see them.", errors=[{"pointer": "/more"}])
    if len(text) > LONGEST_REASON:
        raise Invalid(f"Use at most {LONGEST_REASON} characters.", errors=[{"pointer": "/more"}])
    if screen({"notes": text}):
        raise Invalid(
            "This looks as if it says something about a person: a name, a date of birth or an NHS number. Take it out. It was not kept.",
            errors=[{"pointer": "/more"}],
        )
    said = reason if not text else f"{reason}: {text}"
    sign_ins.lift(session, visitor, said, now=now)
    audit.record(
        session,
        caller=caller,
        action="policy.lift",
        subject=caller.organisation_id or "",
        detail={"reason": said},
        at=now,
    )


def hide_again(session: Session, visitor: Visitor, *, now: datetime) -> None:
    """Hide them again in this session; again changes nothing."""
    sign_ins.lift(session, visitor, None, now=now)
    if visitor.lifted is not None and visitor.caller is not None:
        audit.record(
            session,
            caller=visitor.caller,
            action="policy.restore",
            subject=visitor.caller.organisation_id or "",
            at=now,
        )
