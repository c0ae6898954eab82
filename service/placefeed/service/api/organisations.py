"""Routes of the operator: organisations, consortia with their members and providers, who speaks for what, delegations."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session
from starlette.responses import Response

from placefeed.service.access import audit, organisations
from placefeed.service.access.who import Caller
from placefeed.service.api import shapes
from placefeed.service.api.bodies import (
    ConsortiumBody,
    ConsortiumChange,
    DecisionBody,
    DelegationBody,
    EndBody,
    OrganisationBody,
    OrganisationChange,
    RowId,
    TimeBody,
    given,
)
from placefeed.service.api.deps import Operator, Running, answer
from placefeed.service.api.openapi import OBJECT, answers, listed, refuses
from placefeed.service.errors import BadRequest, NotFound
from placefeed.service.running.parts import Exchange
from placefeed.service.tables import ConsortiumMember, ConsortiumProvider

router = APIRouter(prefix="/v1", tags=["organisations"], default_response_class=Response)

STATES = ("proposed", "confirmed", "refused")


@router.get("/organisations", summary="All organisations", responses=answers("The organisations.", listed(OBJECT)))
def list_organisations(
    _caller: Operator, exchange: Running, kind: Annotated[str | None, Query(max_length=20)] = None
) -> Response:
    """Providers, members, vendors and the operator; `kind` takes those of one kind."""
    with exchange.database.read() as session:
        return answer({"items": [shapes.organisation(row) for row in organisations.list_organisations(session, kind)]})


@router.post(
    "/organisations", status_code=201, summary="Add an organisation",
    responses=answers("The organisation.", OBJECT, status=201, headers=["Location"]) | refuses(409),
)  # fmt: skip
def add_organisation(body: OrganisationBody, caller: Operator, exchange: Running) -> Response:
    """Add a provider, a member, a vendor or the operator itself."""
    with exchange.database.write() as session:
        row = organisations.create_organisation(
            session,
            body.id,
            kind=body.kind,
            name=body.name,
            la_code=body.local_authority,
            identifiers=[each.model_dump() for each in body.identifiers],
            acts_for=body.acts_for,
            simulated=body.simulated,
            now=exchange.clock(),
        )
        audit.record(session, caller=caller, action="organisation.create", subject=row.id, at=exchange.clock())
    return _made(exchange, f"organisations/{row.id}", shapes.organisation(row))


@router.get(
    "/organisations/{organisation_id}", summary="One organisation", responses=answers("The organisation.", OBJECT)
)
def read_organisation(organisation_id: str, _caller: Operator, exchange: Running) -> Response:
    """Its name, kind, identifiers, and for whom it acts."""
    with exchange.database.read() as session:
        return answer(shapes.organisation(organisations.get_organisation(session, organisation_id)))


@router.patch(
    "/organisations/{organisation_id}", summary="Change an organisation", responses=answers("The organisation.", OBJECT)
)
def change_organisation(
    organisation_id: str, body: OrganisationChange, caller: Operator, exchange: Running
) -> Response:
    """A new name stands on every listing at once."""
    changes = given(body)
    if "local_authority" in changes:
        changes["la_code"] = changes.pop("local_authority")
    for name in ("identifiers", "acts_for"):
        if name in changes:
            changes[name] = [each if isinstance(each, str) else each.model_dump() for each in changes[name] or ()]
    with exchange.database.write() as session:
        row = organisations.update_organisation(session, organisation_id, now=exchange.clock(), **changes)
        audit.record(
            session,
            caller=caller,
            action="organisation.change",
            subject=row.id,
            detail={"fields": sorted(changes)},
            at=exchange.clock(),
        )
    return answer(shapes.organisation(row))


# -- consortia ------------------------------------------------------------------------------------------------------


@router.get(
    "/consortia",
    summary="All consortia, with members and providers",
    responses=answers("The consortia.", listed(OBJECT)),
)
def list_consortia(_caller: Operator, exchange: Running) -> Response:
    """Everybody's times in them too, past and future ones."""
    with exchange.database.read() as session:
        items = [
            shapes.consortium(
                row, organisations.members_of(session, row.id), organisations.providers_of(session, row.id)
            )
            for row in organisations.list_consortia(session)
        ]
    return answer({"items": items})


@router.post(
    "/consortia", status_code=201, summary="Add a consortium",
    responses=answers("The consortium.", OBJECT, status=201, headers=["Location"]) | refuses(409),
)  # fmt: skip
def add_consortium(body: ConsortiumBody, caller: Operator, exchange: Running) -> Response:
    """An authority that buys alone is a consortium of one."""
    with exchange.database.write() as session:
        row = organisations.create_consortium(session, body.id, name=body.name, now=exchange.clock())
        audit.record(session, caller=caller, action="consortium.create", subject=row.id, at=exchange.clock())
    return _made(exchange, f"consortia/{row.id}", shapes.consortium(row, [], []))


@router.get("/consortia/{consortium_id}", summary="One consortium", responses=answers("The consortium.", OBJECT))
def read_consortium(consortium_id: str, _caller: Operator, exchange: Running) -> Response:
    """With everybody's times in it."""
    with exchange.database.read() as session:
        row = organisations.get_consortium(session, consortium_id)
        return answer(
            shapes.consortium(
                row, organisations.members_of(session, row.id), organisations.providers_of(session, row.id)
            )
        )


@router.patch(
    "/consortia/{consortium_id}", summary="Name a consortium anew", responses=answers("The consortium.", OBJECT)
)
def change_consortium(consortium_id: str, body: ConsortiumChange, caller: Operator, exchange: Running) -> Response:
    """Only its name can change."""
    with exchange.database.write() as session:
        row = organisations.update_consortium(session, consortium_id, name=body.name)
        audit.record(session, caller=caller, action="consortium.change", subject=row.id, at=exchange.clock())
        return answer(
            shapes.consortium(
                row, organisations.members_of(session, row.id), organisations.providers_of(session, row.id)
            )
        )


@router.post(
    "/consortia/{consortium_id}/members", status_code=201, summary="Let a member join a consortium",
    responses=answers("Its time.", OBJECT, status=201) | refuses(409),
)  # fmt: skip
def add_member(consortium_id: str, body: TimeBody, caller: Operator, exchange: Running) -> Response:
    """From and until a day, in Europe/London, inclusive. It sees the listings of the providers that the consortium takes."""
    with exchange.database.write() as session:
        row = organisations.add_member(
            session, consortium_id, organisation_id=body.organisation, valid_from=body.from_, valid_until=body.until
        )
        _note_time(session, exchange, caller, "consortium.member.add", consortium_id, body.organisation)
    return answer(shapes.time(row), status=201)


@router.patch(
    "/consortia/{consortium_id}/members/{membership_id}",
    summary="End a membership",
    responses=answers("Its time.", OBJECT) | refuses(409),
)
def end_member(
    consortium_id: str, membership_id: RowId, body: EndBody, caller: Operator, exchange: Running
) -> Response:
    """Say its last day."""
    with exchange.database.write() as session:
        row = organisations.end_member(session, membership_id, valid_until=body.until)
        _same_consortium(row, consortium_id)
        _note_time(session, exchange, caller, "consortium.member.end", consortium_id, row.organisation_id)
    return answer(shapes.time(row))


@router.post(
    "/consortia/{consortium_id}/providers", status_code=201, summary="Let a consortium take a provider",
    responses=answers("Its time.", OBJECT, status=201) | refuses(409),
)  # fmt: skip
def add_provider(consortium_id: str, body: TimeBody, caller: Operator, exchange: Running) -> Response:
    """From and until a day, in Europe/London, inclusive. The consortium's members see its listings."""
    with exchange.database.write() as session:
        row = organisations.add_provider(
            session,
            consortium_id,
            organisation_id=body.organisation,
            valid_from=body.from_,
            valid_until=body.until,
            now=exchange.clock(),
        )
        _note_time(session, exchange, caller, "consortium.provider.add", consortium_id, body.organisation)
    return answer(shapes.time(row), status=201)


@router.patch(
    "/consortia/{consortium_id}/providers/{taken_id}",
    summary="Let a consortium take a provider no more",
    responses=answers("Its time.", OBJECT),
)
def end_provider(consortium_id: str, taken_id: RowId, body: EndBody, caller: Operator, exchange: Running) -> Response:
    """Say the last day."""
    with exchange.database.write() as session:
        row = organisations.end_provider(session, taken_id, valid_until=body.until, now=exchange.clock())
        _same_consortium(row, consortium_id)
        _note_time(session, exchange, caller, "consortium.provider.end", consortium_id, row.organisation_id)
    return answer(shapes.time(row))


# -- who speaks for what --------------------------------------------------------------------------------------------


@router.get(
    "/speaks-for",
    summary="Which settings organisations speak for, or are proposed to",
    responses=answers("Settings and organisations.", listed(OBJECT)),
)
def list_speaks_for(
    _caller: Operator,
    exchange: Running,
    state: Annotated[str, Query(max_length=20, description="proposed, confirmed or refused")] = "proposed",
    organisation: Annotated[str | None, Query(max_length=80)] = None,
) -> Response:
    """Proposals come from the register's owner names, and from feeds that mention a setting that nobody speaks for."""
    if state not in STATES:
        raise BadRequest(
            "The state is proposed, confirmed or refused.",
            errors=[{"parameter": "state", "detail": "This is none of them."}],
        )
    with exchange.database.read() as session:
        rows = organisations.proposals(session, organisation_id=organisation, state=state)
        return answer({"items": [shapes.speaks_for(row) for row in rows]})


@router.post(
    "/speaks-for/proposals",
    summary="Propose anew from the register's owner names",
    responses=answers("How many proposals are new.", OBJECT),
)
def propose(_caller: Operator, exchange: Running) -> Response:
    """An import of Ofsted's files does so by itself; an organisation that was added later needs this once."""
    with exchange.database.write() as session:
        return answer({"proposed": organisations.propose(session, now=exchange.clock())})


@router.post(
    "/speaks-for/confirm",
    summary="Confirm that an organisation speaks for settings",
    responses=answers("For how many that is new.", OBJECT) | refuses(409),
)
def confirm(body: DecisionBody, caller: Operator, exchange: Running) -> Response:
    """From then on its feeds are taken for these settings, and listed."""
    with exchange.database.write() as session:
        urns = body.urns
        if urns is None:
            urns = [row.urn for row in organisations.proposals(session, organisation_id=body.organisation)]
        done = organisations.confirm(
            session, body.organisation, urns=urns, by=caller.organisation_id or "", now=exchange.clock()
        )
        audit.record(
            session,
            caller=caller,
            action="speaks-for.confirm",
            subject=body.organisation,
            detail={"urns": urns[:100], "count": done},
            at=exchange.clock(),
        )
    return answer({"confirmed": done})


@router.post(
    "/speaks-for/refuse",
    summary="Say that an organisation does not speak for settings",
    responses=answers("How many changed.", OBJECT),
)
def refuse(body: DecisionBody, caller: Operator, exchange: Running) -> Response:
    """What it said of them leaves the list."""
    with exchange.database.write() as session:
        urns = body.urns
        if urns is None:
            urns = [row.urn for row in organisations.proposals(session, organisation_id=body.organisation)]
        done = organisations.refuse(
            session, body.organisation, urns=urns, by=caller.organisation_id or "", now=exchange.clock()
        )
        audit.record(
            session,
            caller=caller,
            action="speaks-for.refuse",
            subject=body.organisation,
            detail={"urns": urns[:100], "count": done},
            at=exchange.clock(),
        )
    return answer({"refused": done})


@router.get("/delegations", summary="Who lets whom speak for it", responses=answers("The delegations.", listed(OBJECT)))
def list_delegations(
    _caller: Operator, exchange: Running, organisation: Annotated[str | None, Query(max_length=80)] = None
) -> Response:
    """Revoked ones too."""
    with exchange.database.read() as session:
        return answer({"items": [shapes.delegation(row) for row in organisations.delegations(session, organisation)]})


@router.post(
    "/delegations",
    status_code=201,
    summary="Let an organisation speak for a provider",
    responses=answers("The delegation.", OBJECT, status=201) | refuses(409),
)
def add_delegation(body: DelegationBody, caller: Operator, exchange: Running) -> Response:
    """A vendor or trade body then speaks for all of the provider's settings, until that is revoked."""
    with exchange.database.write() as session:
        row = organisations.delegate(session, body.provider, delegate_id=body.delegate, now=exchange.clock())
        audit.record(
            session,
            caller=caller,
            action="delegation.create",
            subject=body.provider,
            detail={"delegate": body.delegate},
            at=exchange.clock(),
        )
    return answer(shapes.delegation(row), status=201)


@router.delete(
    "/delegations/{delegation_id}", summary="End a delegation at once", responses=answers("The delegation.", OBJECT)
)
def revoke_delegation(delegation_id: RowId, caller: Operator, exchange: Running) -> Response:
    """What the delegate said leaves the list."""
    with exchange.database.write() as session:
        row = organisations.revoke_delegation(session, delegation_id, now=exchange.clock())
        audit.record(
            session,
            caller=caller,
            action="delegation.revoke",
            subject=row.provider_id,
            detail={"delegate": row.delegate_id},
            at=exchange.clock(),
        )
    return answer(shapes.delegation(row))


def _made(exchange: Exchange, path: str, document: shapes.Json) -> Response:
    base = exchange.settings.base_url.rstrip("/")
    return answer(document, status=201, headers={"Location": f"{base}/v1/{path}"})


def _note_time(
    session: Session, exchange: Exchange, caller: Caller, action: str, consortium_id: str, organisation_id: str
) -> None:
    audit.record(
        session,
        caller=caller,
        action=action,
        subject=consortium_id,
        detail={"organisation": organisation_id},
        at=exchange.clock(),
    )


def _same_consortium(row: ConsortiumMember | ConsortiumProvider, consortium_id: str) -> None:
    if row.consortium_id != consortium_id:
        raise NotFound("This consortium has no such time.")
