"""Which settings a provider speaks for: proposed from the register's owner names, confirmed by the operator; and who may speak for it.

```
(register's owner name) ──propose──> proposed ──confirm──> confirmed ──refuse──> refused
(a feed mentions it) ───────────────^    └──refuse──> refused
```
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.access.parties import get_organisation, touch_settings_of
from placefeed.service.access.sources import FEDERATION
from placefeed.service.db import insert, tell
from placefeed.service.errors import Conflict, NotFound
from placefeed.service.pending import touch
from placefeed.service.tables import Delegation, Organisation, RegisterSetting, Source, SpeaksFor

CHUNK = 500


def speaks_for(session: Session, organisation_id: str, urns: Collection[str]) -> set[str]:
    """Those of these settings that an organisation speaks for: its own, and those of providers that delegate to it."""
    wanted = list(urns)
    found: set[str] = set()
    who = sa.or_(
        col(SpeaksFor.organisation_id) == organisation_id,
        col(SpeaksFor.organisation_id).in_(
            sa.select(col(Delegation.provider_id)).where(
                col(Delegation.delegate_id) == organisation_id, col(Delegation.revoked_at).is_(None)
            )
        ),
    )
    for start in range(0, len(wanted), CHUNK):
        found.update(
            session.scalars(
                sa.select(col(SpeaksFor.urn)).where(
                    col(SpeaksFor.urn).in_(wanted[start : start + CHUNK]), col(SpeaksFor.state) == "confirmed", who
                )
            )
        )
    return found


def may_speak(session: Session, source: Source, urns: Collection[str]) -> set[str]:
    """Those of these settings that a source's word is kept of: what its organisation speaks for; of another exchange, all.

    Which of the latter are listed is decided when they are published: only those that nobody here speaks for.
    """
    return set(urns) if source.transport == FEDERATION else speaks_for(session, source.organisation_id, urns)


def settings_of(session: Session, organisation_id: str) -> list[str]:
    """Every setting that an organisation speaks for, delegations included, sorted."""
    delegating = session.scalars(
        sa.select(col(Delegation.provider_id)).where(
            col(Delegation.delegate_id) == organisation_id, col(Delegation.revoked_at).is_(None)
        )
    ).all()
    return sorted(
        set(
            session.scalars(
                sa.select(col(SpeaksFor.urn)).where(
                    col(SpeaksFor.organisation_id).in_([organisation_id, *delegating]),
                    col(SpeaksFor.state) == "confirmed",
                )
            )
        )
    )


def propose(session: Session, *, now: datetime) -> int:
    """Propose each registered setting to the provider whose name is its owner's; returns how many proposals are new.

    What was confirmed for anyone, or refused for this provider, is not proposed again.
    """
    confirmed = sa.select(col(SpeaksFor.urn)).where(col(SpeaksFor.state) == "confirmed")
    pairs = session.execute(
        sa.select(col(RegisterSetting.urn), col(Organisation.id))
        .join(Organisation, col(Organisation.owner_key) == col(RegisterSetting.owner_key))
        .outerjoin(
            SpeaksFor,
            sa.and_(
                col(SpeaksFor.urn) == col(RegisterSetting.urn), col(SpeaksFor.organisation_id) == col(Organisation.id)
            ),
        )
        .where(
            col(RegisterSetting.owner_key) != "",
            col(Organisation.kind) == "provider",
            col(SpeaksFor.urn).is_(None),
            col(RegisterSetting.urn).not_in(confirmed),
        )
        .order_by(col(RegisterSetting.urn))
    ).all()
    return _insert(session, [(urn, organisation_id) for urn, organisation_id in pairs], now=now)


def propose_for(session: Session, organisation_id: str, *, urns: Iterable[str], now: datetime) -> int:
    """Propose settings that an organisation's feed mentions and nobody is confirmed for, so that the operator may confirm them."""
    wanted = sorted(set(urns))
    taken = set(
        session.scalars(
            sa.select(col(SpeaksFor.urn)).where(col(SpeaksFor.urn).in_(wanted), col(SpeaksFor.state) == "confirmed")
        )
    )
    return _insert(session, [(urn, organisation_id) for urn in wanted if urn not in taken], now=now)


def _insert(session: Session, pairs: Sequence[tuple[str, str]], *, now: datetime) -> int:
    made = 0
    for start in range(0, len(pairs), CHUNK):
        rows = [
            {"urn": urn, "organisation_id": organisation_id, "state": "proposed", "decided_by": None, "decided_at": now}
            for urn, organisation_id in pairs[start : start + CHUNK]
        ]
        statement = insert(session, SpeaksFor).values(rows).on_conflict_do_nothing().returning(SpeaksFor.urn)
        made += len(session.execute(statement).all())
    return made


def proposals(session: Session, *, organisation_id: str | None = None, state: str = "proposed") -> list[SpeaksFor]:
    """What is proposed (or `confirmed`, `refused`), of one organisation or of all."""
    query = (
        select(SpeaksFor).where(SpeaksFor.state == state).order_by(col(SpeaksFor.organisation_id), col(SpeaksFor.urn))
    )
    if organisation_id is not None:
        query = query.where(SpeaksFor.organisation_id == organisation_id)
    return list(session.exec(query))


def confirm(session: Session, organisation_id: str, *, urns: Iterable[str], by: str, now: datetime) -> int:
    """Record that an organisation speaks for these settings; returns for how many that is new.

    A setting has one speaker: where another organisation is confirmed, raises Conflict that names it and changes nothing.
    """
    get_organisation(session, organisation_id)
    wanted = sorted(set(urns))
    fresh: list[str] = []
    for start in range(0, len(wanted), CHUNK):
        part = wanted[start : start + CHUNK]
        rows = session.execute(
            sa.select(col(SpeaksFor.urn), col(SpeaksFor.organisation_id)).where(
                col(SpeaksFor.urn).in_(part), col(SpeaksFor.state) == "confirmed"
            )
        ).all()
        others = sorted((urn, other) for urn, other in rows if other != organisation_id)
        if others:
            raise Conflict(
                f"“{others[0][1]}” is confirmed for {others[0][0]}"
                + (f" and {len(others) - 1} more of these" if len(others) > 1 else "")
                + ". Refuse that first if the setting has changed hands.",
                errors=[{"urn": urn, "organisation": other} for urn, other in others[:20]],
            )
        already = {urn for urn, _ in rows}
        new = [urn for urn in part if urn not in already]
        if new:
            fresh += new
            statement = insert(session, SpeaksFor).values(
                [
                    {
                        "urn": urn,
                        "organisation_id": organisation_id,
                        "state": "confirmed",
                        "decided_by": by,
                        "decided_at": now,
                    }
                    for urn in new
                ]
            )
            session.execute(
                statement.on_conflict_do_update(
                    index_elements=["urn", "organisation_id"],
                    set_={"state": "confirmed", "decided_by": by, "decided_at": now},
                )
            )
    if fresh:
        _read_again(session, organisation_id)
        touch(session, fresh, at=now, bulk=True)
        tell(session, "access")
    return len(fresh)


def refuse(session: Session, organisation_id: str, *, urns: Iterable[str], by: str, now: datetime) -> int:
    """Record that an organisation does not (or no longer) speak for these settings; what it said of them leaves the list.

    Returns how many rows changed. Raises NotFound where none of them was ever proposed or confirmed.
    """
    wanted = sorted(set(urns))
    changed = session.scalars(
        sa.update(SpeaksFor)
        .where(
            col(SpeaksFor.organisation_id) == organisation_id,
            col(SpeaksFor.urn).in_(wanted),
            col(SpeaksFor.state) != "refused",
        )
        .values(state="refused", decided_by=by, decided_at=now)
        .returning(col(SpeaksFor.urn))
        .execution_options(synchronize_session="fetch")
    ).all()
    if (
        not changed
        and not session.exec(
            select(SpeaksFor.urn).where(SpeaksFor.organisation_id == organisation_id, col(SpeaksFor.urn).in_(wanted))
        ).first()
    ):
        raise NotFound(f"None of these settings was proposed to “{organisation_id}”.")
    touch(session, sorted(changed), at=now, bulk=True)
    tell(session, "access")
    return len(changed)


def _read_again(session: Session, organisation_id: str) -> None:
    """Have polled feeds read whole once more: bytes that were refused for want of this word would else count as old news."""
    delegates = sa.select(col(Delegation.delegate_id)).where(
        col(Delegation.provider_id) == organisation_id, col(Delegation.revoked_at).is_(None)
    )
    session.execute(
        sa.update(Source)
        .where(sa.or_(col(Source.organisation_id) == organisation_id, col(Source.organisation_id).in_(delegates)))
        .values(cursor=None)
        .execution_options(synchronize_session="fetch")
    )


# -- delegations ----------------------------------------------------------------------------------------------------


def delegate(session: Session, provider_id: str, *, delegate_id: str, now: datetime) -> Delegation:
    """Let another organisation speak for all of a provider's settings. Raises NotFound, or Conflict where it does already."""
    get_organisation(session, provider_id)
    get_organisation(session, delegate_id)
    if provider_id == delegate_id:
        raise Conflict("A provider speaks for itself without a delegation.")
    running = session.exec(
        select(Delegation).where(
            Delegation.provider_id == provider_id,
            Delegation.delegate_id == delegate_id,
            col(Delegation.revoked_at).is_(None),
        )
    ).first()
    if running is not None:
        raise Conflict(f"“{provider_id}” lets “{delegate_id}” speak for it already.")
    delegation = Delegation(provider_id=provider_id, delegate_id=delegate_id, created_at=now)
    session.add(delegation)
    session.flush()
    _read_again(session, provider_id)
    touch_settings_of(session, [provider_id], now=now)
    tell(session, "access")
    return delegation


def revoke_delegation(session: Session, delegation_id: int, *, now: datetime) -> Delegation:
    """End a delegation at once; what the delegate said leaves the list. Raises NotFound."""
    delegation = session.get(Delegation, delegation_id)
    if delegation is None:
        raise NotFound("There is no such delegation.")
    if delegation.revoked_at is None:
        delegation.revoked_at = now
        session.add(delegation)
        session.flush()
        touch_settings_of(session, [delegation.provider_id], now=now)
        tell(session, "access")
    return delegation


def delegations(session: Session, organisation_id: str | None = None) -> list[Delegation]:
    """Delegations that an organisation has given or holds, or all; revoked ones too."""
    query = select(Delegation).order_by(col(Delegation.id))
    if organisation_id is not None:
        query = query.where(
            sa.or_(col(Delegation.provider_id) == organisation_id, col(Delegation.delegate_id) == organisation_id)
        )
    return list(session.exec(query))
