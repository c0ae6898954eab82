"""Consortia: members who buy together, and the providers that they take, each from and until a day. All that alters sight wakes the publisher."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlmodel import Session, col, select

from placefeed.service.access.parties import check_id, get_organisation, touch_settings_of
from placefeed.service.db import tell
from placefeed.service.errors import Conflict, Invalid, NotFound
from placefeed.service.tables import Consortium, ConsortiumMember, ConsortiumProvider


def create_consortium(session: Session, consortium_id: str, *, name: str, now: datetime) -> Consortium:
    """Add a consortium. Raises Invalid, or Conflict where the id is taken."""
    check_id(consortium_id)
    if session.get(Consortium, consortium_id) is not None:
        raise Conflict(f"There is a consortium “{consortium_id}” already.")
    consortium = Consortium(id=consortium_id, name=_name(name), created_at=now)
    session.add(consortium)
    session.flush()
    return consortium


def get_consortium(session: Session, consortium_id: str) -> Consortium:
    """One consortium. Raises NotFound."""
    found = session.get(Consortium, consortium_id)
    if found is None:
        raise NotFound(f"There is no consortium “{consortium_id}”.")
    return found


def list_consortia(session: Session) -> list[Consortium]:
    """All consortia, by id."""
    return list(session.exec(select(Consortium).order_by(col(Consortium.id))))


def update_consortium(session: Session, consortium_id: str, *, name: str) -> Consortium:
    """Give a consortium another name. Raises NotFound or Invalid."""
    consortium = get_consortium(session, consortium_id)
    consortium.name = _name(name)
    session.add(consortium)
    session.flush()
    return consortium


def members_of(session: Session, consortium_id: str) -> list[ConsortiumMember]:
    """Every membership of a consortium, past and future ones too."""
    query = select(ConsortiumMember).where(ConsortiumMember.consortium_id == consortium_id)
    return list(session.exec(query.order_by(col(ConsortiumMember.valid_from), col(ConsortiumMember.id))))


def providers_of(session: Session, consortium_id: str) -> list[ConsortiumProvider]:
    """Every time in which a consortium takes a provider, past and future ones too."""
    query = select(ConsortiumProvider).where(ConsortiumProvider.consortium_id == consortium_id)
    return list(session.exec(query.order_by(col(ConsortiumProvider.valid_from), col(ConsortiumProvider.id))))


def add_member(
    session: Session, consortium_id: str, *, organisation_id: str, valid_from: date, valid_until: date | None = None
) -> ConsortiumMember:
    """Let a member join, from and until a day (inclusive, Europe/London). Raises NotFound, Invalid or Conflict (times overlap)."""
    _check_joining(
        session,
        consortium_id,
        organisation_id,
        kinds=("member",),
        times=members_of(session, consortium_id),
        of=(valid_from, valid_until),
    )
    membership = ConsortiumMember(
        consortium_id=consortium_id, organisation_id=organisation_id, valid_from=valid_from, valid_until=valid_until
    )
    session.add(membership)
    _woken(session)
    return membership


def end_member(session: Session, membership_id: int, *, valid_until: date) -> ConsortiumMember:
    """Say the last day of a membership. Raises NotFound, Invalid, or Conflict where it has ended and been acted upon."""
    membership = session.get(ConsortiumMember, membership_id)
    if membership is None:
        raise NotFound("There is no such membership.")
    if membership.applied_until is not None:
        raise Conflict("This membership has ended. Add a new one instead.")
    _check_days(membership.valid_from, valid_until, ending=True)
    membership.valid_until = valid_until
    session.add(membership)
    _woken(session)
    return membership


def add_provider(
    session: Session,
    consortium_id: str,
    *,
    organisation_id: str,
    valid_from: date,
    valid_until: date | None = None,
    now: datetime,
) -> ConsortiumProvider:
    """Let a consortium take a provider, from and until a day (inclusive). Raises NotFound, Invalid or Conflict (times overlap)."""
    _check_joining(
        session,
        consortium_id,
        organisation_id,
        kinds=("provider", "vendor"),  # a vendor: another exchange that is followed, with all whom it lists
        times=providers_of(session, consortium_id),
        of=(valid_from, valid_until),
    )
    taken = ConsortiumProvider(
        consortium_id=consortium_id, organisation_id=organisation_id, valid_from=valid_from, valid_until=valid_until
    )
    session.add(taken)
    touch_settings_of(session, [organisation_id], now=now)
    _woken(session)
    return taken


def end_provider(session: Session, taken_id: int, *, valid_until: date, now: datetime) -> ConsortiumProvider:
    """Say the last day on which a consortium takes a provider. Raises NotFound or Invalid."""
    taken = session.get(ConsortiumProvider, taken_id)
    if taken is None:
        raise NotFound("The consortium does not take this provider.")
    _check_days(taken.valid_from, valid_until, ending=True)
    taken.valid_until = valid_until
    session.add(taken)
    touch_settings_of(session, [taken.organisation_id], now=now)
    _woken(session)
    return taken


def _woken(session: Session) -> None:
    session.flush()
    tell(session, "access")
    tell(session, "pending")  # memberships take effect with the next publication, also where no setting is touched


def _check_joining(
    session: Session,
    consortium_id: str,
    organisation_id: str,
    *,
    kinds: tuple[str, ...],
    times: Sequence[ConsortiumMember] | Sequence[ConsortiumProvider],
    of: tuple[date, date | None],
) -> None:
    get_consortium(session, consortium_id)
    organisation = get_organisation(session, organisation_id)
    if organisation.kind not in kinds:
        raise Invalid(
            f"“{organisation_id}” is a {organisation.kind}, not a {kinds[0]}.", errors=[{"pointer": "/organisation"}]
        )
    begins, ends = of
    _check_days(begins, ends)
    for other in times:
        apart = (ends is not None and ends < other.valid_from) or (
            other.valid_until is not None and other.valid_until < begins
        )
        ended_before_it_began = other.valid_until is not None and other.valid_until < other.valid_from
        if other.organisation_id == organisation_id and not apart and not ended_before_it_began:
            raise Conflict(
                f"“{organisation_id}” is in this consortium from {other.valid_from} until {other.valid_until or 'further notice'} already. End that first."
            )


def _check_days(begins: date, ends: date | None, *, ending: bool = False) -> None:
    # Ending something on the day before it began means that it never was; only then may the days stand so.
    earliest = date.fromordinal(begins.toordinal() - 1) if ending else begins
    if ends is not None and ends < earliest:
        raise Invalid(f"The last day ({ends}) lies before the first ({begins}).", errors=[{"pointer": "/until"}])


def _name(text: str) -> str:
    if not isinstance(text, str) or not 0 < len(text.strip()) <= 300:
        raise Invalid("Give a name of at most 300 characters.", errors=[{"pointer": "/name"}])
    return text.strip()
