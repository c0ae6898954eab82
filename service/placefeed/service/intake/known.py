"""What is known of a setting, from whom and since when; each caller gets what the table in access/README.md lets its role see."""

from collections.abc import Collection, Iterable
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.access.speaking import settings_of, speaks_for
from placefeed.service.access.who import MEMBER, OPERATOR, PROVIDER, Caller, sees
from placefeed.service.clock import iso
from placefeed.service.errors import NotAllowed, NotFound
from placefeed.service.tables import (
    Absence,
    Certificate,
    Observation,
    Organisation,
    RegisterHistory,
    RegisterInspection,
    RegisterSetting,
    SettingState,
    Source,
    SpeaksFor,
    Standing,
)

Json = dict[str, Any]


def list_settings(
    session: Session, *, caller: Caller, after: str = "", limit: int = 100, in_sight: Collection[str] = ()
) -> tuple[list[Json], str | None]:
    """A page of settings by URN, and the URN to go on after: a provider's own, a member's `in_sight`, all for the operator."""
    if caller.role == PROVIDER:
        urns = [urn for urn in settings_of(session, caller.organisation_id or "") if urn > after][: limit + 1]
    elif caller.role == MEMBER:
        urns = sorted(urn for urn in in_sight if urn > after)[: limit + 1]
    else:
        every = sa.union(
            sa.select(col(RegisterSetting.urn)),
            sa.select(col(SpeaksFor.urn)),
            sa.select(col(Standing.urn)),
            sa.select(col(Certificate.urn)),
        ).subquery()
        urns = list(
            session.scalars(sa.select(every.c.urn).where(every.c.urn > after).order_by(every.c.urn).limit(limit + 1))
        )
    page = urns[:limit]
    registered = {
        row.urn: row for row in session.exec(select(RegisterSetting).where(col(RegisterSetting.urn).in_(page)))
    }
    speakers = _speakers(session, page)
    items = []
    for urn in page:
        row = registered.get(urn)
        known = {
            "urn": urn,
            "name": row.name if row else None,
            "provisionType": row.provision_type if row else None,
            "registrationStatus": row.status if row else None,
            "localAuthority": row.la_code if row else None,
            "provider": speakers.get(urn),
        }
        items.append({name: value for name, value in known.items() if value is not None})
    return items, page[-1] if len(urns) > limit else None


def setting(session: Session, *, urn: str, caller: Caller, in_sight: Collection[str] = ()) -> Json:
    """All that is known of one setting, as far as this caller may see. Raises NotFound, also for what is not its to see."""
    _may_see(session, urn, caller, in_sight)
    state = session.get(SettingState, urn)
    found: Json = {"urn": urn, "register": _register(session, urn, caller)}
    speaker = _speakers(session, [urn]).get(urn)
    if speaker is not None:
        found["provider"] = speaker
    certificate = session.get(Certificate, urn)
    if certificate is not None and sees(caller.role, "certificate"):
        found["certificate"] = {
            "registeredOn": certificate.registered_on.isoformat(),
            "recordedAt": iso(certificate.recorded_at),
        }
    if state is not None:
        if state.ofsted is not None:
            found["ofsted"] = state.ofsted
        if sees(caller.role, "explanation"):
            found["listings"] = state.explanation
            found["publishedAt"] = iso(state.published_at)
    if sees(caller.role, "capacity"):
        found["words"] = _words(session, urn, caller)
    if sees(caller.role, "absence"):
        found["absences"] = [
            {"source": row.source_id, "asOf": iso(row.as_of), "state": row.state, "submission": row.submission_id}
            for row in session.exec(select(Absence).where(Absence.urn == urn, Absence.state == "waiting"))
            if caller.role == OPERATOR or row.source_id in _own_sources(session, caller)
        ]
    return {name: value for name, value in found.items() if value is not None and value != []}


def sources(session: Session, *, urn: str, caller: Caller, in_sight: Collection[str] = ()) -> list[Json]:
    """From whom we know a setting: each source with its parts and their clocks. A member sees names, not parts."""
    _may_see(session, urn, caller, in_sight)
    rows = session.exec(
        select(Source, Organisation.name)
        .join(Organisation, col(Organisation.id) == col(Source.organisation_id))
        .where(col(Source.id).in_(select(Standing.source_id).where(Standing.urn == urn)))
        .order_by(col(Source.precedence), col(Source.id))
    ).all()
    own = _own_sources(session, caller)
    words = session.exec(
        select(Standing).where(Standing.urn == urn).order_by(col(Standing.part), col(Standing.item))
    ).all()
    items = []
    for source, organisation in rows:
        if caller.role == PROVIDER and source.id not in own:
            continue
        item: Json = {"source": source.name, "organisation": organisation, "simulated": source.simulated}
        if caller.role in (OPERATOR, PROVIDER):
            item |= {"id": source.id, "precedence": source.precedence, "state": source.state}
            item["parts"] = [_clocks(word) for word in words if word.source_id == source.id]
        items.append(item)
    return items


def history(
    session: Session,
    *,
    urn: str,
    caller: Caller,
    before: int | None = None,
    limit: int = 100,
    in_sight: Collection[str] = (),
) -> tuple[list[Json], int | None]:
    """Observations, newest first, and the id to go on before: a provider's own words, all for the operator.

    Members may not: a series of who came and went is, in a home of four, a child's movement record. Raises NotAllowed.
    """
    _may_see(session, urn, caller, in_sight)
    if not sees(caller.role, "history"):
        raise NotAllowed(
            "Members see what is available now, never series of it: in a small home they would show a child's moves."
        )
    query = select(Observation).where(Observation.urn == urn)
    if caller.role == PROVIDER:
        query = query.where(col(Observation.source_id).in_(_own_sources(session, caller)))
    if before is not None:
        query = query.where(col(Observation.id) < before)
    rows = session.exec(query.order_by(col(Observation.id).desc()).limit(limit + 1)).all()
    items = [
        {
            "id": row.id,
            "source": row.source_id,
            "part": row.part,
            **({"item": row.item} if row.item else {}),
            "kind": row.kind,
            "asOf": iso(row.as_of),
            "receivedAt": iso(row.received_at),
            "submission": row.submission_id,
            **({"document": orjson.loads(row.document)} if row.document else {}),
        }
        for row in rows[:limit]
    ]
    return items, rows[limit - 1].id if len(rows) > limit else None


def register_history(session: Session, *, urn: str, caller: Caller, in_sight: Collection[str] = ()) -> list[Json]:
    """What changed between Ofsted's files, newest first."""
    _may_see(session, urn, caller, in_sight)
    rows = session.exec(
        select(RegisterHistory)
        .where(RegisterHistory.urn == urn)
        .order_by(col(RegisterHistory.as_at).desc(), col(RegisterHistory.id).desc())
    )
    # `restricted` is bookkeeping of the register, no fact about the setting.
    hidden = {"restricted"} | (set() if sees(caller.role, "register, LA-only fields") else _restricted(session, urn))
    return [
        {
            "asAt": row.as_at.isoformat(),
            "what": row.what,
            "changed": {name: pair for name, pair in row.changed.items() if name not in hidden},
        }
        for row in rows
    ]


# -- pieces ---------------------------------------------------------------------------------------------------------


def _may_see(session: Session, urn: str, caller: Caller, in_sight: Collection[str]) -> None:
    allowed = (
        caller.role == OPERATOR
        or (caller.role == MEMBER and urn in in_sight)
        or (caller.role == PROVIDER and bool(speaks_for(session, caller.organisation_id or "", [urn])))
    )
    if not allowed or not _is_known(session, urn):
        raise NotFound("There is no such setting that you can see.")


def _is_known(session: Session, urn: str) -> bool:
    return bool(
        session.execute(
            sa.select(
                sa.or_(
                    *(
                        sa.exists().where(col(table.urn) == urn)
                        for table in (RegisterSetting, SpeaksFor, Standing, Certificate)
                    )
                )
            )
        ).scalar_one()
    )


def _own_sources(session: Session, caller: Caller) -> set[str]:
    return set(session.exec(select(Source.id).where(Source.organisation_id == (caller.organisation_id or ""))))


def _speakers(session: Session, urns: Iterable[str]) -> dict[str, Json]:
    rows = session.exec(
        select(SpeaksFor.urn, Organisation.id, Organisation.name)
        .join(Organisation, col(Organisation.id) == col(SpeaksFor.organisation_id))
        .where(col(SpeaksFor.urn).in_(list(urns)), SpeaksFor.state == "confirmed")
    )
    return {urn: {"id": organisation_id, "name": name} for urn, organisation_id, name in rows}


def _restricted(session: Session, urn: str) -> set[str]:
    """Names of facts that only a file for LAs has said."""
    row = session.get(RegisterSetting, urn)
    return set() if row is None else set(row.facts.get("restricted", ()))


def _register(session: Session, urn: str, caller: Caller) -> Json | None:
    row = session.get(RegisterSetting, urn)
    if row is None:
        return None
    facts = {
        "name": row.name,
        "provisionType": row.provision_type,
        "status": row.status,
        "owner": row.owner,
        "places": row.places,
        "localAuthority": row.la_code,
        "region": row.region,
        "sector": row.sector,
        **{name: value for name, value in row.facts.items() if name != "restricted"},
    }
    hidden = set() if sees(caller.role, "register, LA-only fields") else _restricted(session, urn)
    inspections = [
        {
            "framework": each.framework,
            "kind": each.kind,
            "inspectedOn": each.inspected_on.isoformat(),
            **({"publishedOn": each.published_on.isoformat()} if each.published_on else {}),
            "judgements": [{"aspect": aspect, "code": code} for aspect, code in sorted(each.judgements.items())],
            "asAt": each.as_at.isoformat(),
        }
        for each in session.exec(
            select(RegisterInspection)
            .where(RegisterInspection.urn == urn)
            .order_by(col(RegisterInspection.inspected_on).desc(), col(RegisterInspection.id))
        )
    ]
    known = {name: value for name, value in facts.items() if value is not None and name not in hidden}
    since = {
        "asAt": row.as_at.isoformat(),
        **({"absentSince": row.absent_since.isoformat()} if row.absent_since else {}),
    }
    return {**known, **since, "inspections": inspections}


def _words(session: Session, urn: str, caller: Caller) -> list[Json]:
    """The newest words on each part: a provider's own sources', all for the operator."""
    query = (
        select(Standing)
        .where(Standing.urn == urn, col(Standing.withdrawn).is_(False))
        .order_by(col(Standing.part), col(Standing.item), col(Standing.source_id))
    )
    if caller.role == PROVIDER:
        query = query.where(col(Standing.source_id).in_(_own_sources(session, caller)))
    return [
        {**_clocks(row), "source": row.source_id, "document": orjson.loads(row.document)} for row in session.exec(query)
    ]


def _clocks(row: Standing) -> Json:
    return {
        "part": row.part,
        **({"item": row.item} if row.item else {}),
        "asOf": iso(row.as_of),
        "statedAt": iso(row.stated_at),
        **({"withdrawn": True} if row.withdrawn else {}),
    }
