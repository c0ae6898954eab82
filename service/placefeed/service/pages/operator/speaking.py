"""Which settings an organisation speaks for, and who may speak for it."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service import oversight
from placefeed.service.access import organisations
from placefeed.service.errors import NotFound, PlacefeedError
from placefeed.service.pages.forms import Form, of_refusal
from placefeed.service.pages.operator.common import Asked, Filled, RowId, note, room, sent
from placefeed.service.pages.render import see
from placefeed.service.pages.visitors import Operator, OperatorReader
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

ON_A_PAGE = 200
STATES = ("proposed", "confirmed", "refused")


@router.get("/control/organisations/{organisation_id}/settings")
def settings(request: Request, _visitor: OperatorReader, organisation_id: str) -> Response:
    """Proposals beside their owners in the register, to confirm or refuse; and what was decided."""
    return _settings(request, organisation_id, Filled())


@router.post("/control/organisations/{organisation_id}/settings")
def decide(request: Request, visitor: Operator, organisation_id: str, fields: Form) -> Response:
    """Confirm or refuse those that are ticked and those that are typed in; or propose anew from the register."""
    exchange, what = exchange_of(request), fields.text("what")
    with exchange.database.read() as session:
        organisations.get_organisation(session, organisation_id)
    if what == "propose":
        with exchange.database.write() as session:
            made = organisations.propose(session, now=exchange.clock())
            note(request, session, visitor, "speaks-for.propose", organisation_id, {"proposed": made})
        return see(request, f"/control/organisations/{organisation_id}/settings?done=propose")
    urns = sorted({*fields.all("urn"), *fields.text("urns").replace(",", " ").split()})
    if not urns:
        fields.wrong("urns", "Tick at least one setting, or enter the URNs of some.")
    if any(len(urn) > 80 for urn in urns):
        fields.wrong("urns", "A URN has at most 80 characters.")
    if what not in ("confirm", "refuse"):
        fields.wrong("urns", "Choose whether to confirm or to refuse.")
    if not fields.errors:
        try:
            with exchange.database.write() as session:
                work = organisations.confirm if what == "confirm" else organisations.refuse
                done = work(
                    session,
                    organisation_id,
                    urns=urns,
                    by=visitor.acting.organisation_id or "",
                    now=exchange.clock(),
                )
                detail = {"urns": urns[:100], "count": done}
                note(request, session, visitor, f"speaks-for.{what}", organisation_id, detail)
            state = Asked(request).one_of("state", STATES, "proposed")
            return see(request, f"/control/organisations/{organisation_id}/settings?state={state}&done={what}")
        except PlacefeedError as error:
            fields.errors |= of_refusal(error, ["urns"])
    return _settings(request, organisation_id, sent(fields), ticked=fields.all("urn"))


@router.get("/control/organisations/{organisation_id}/delegations")
def delegations(request: Request, _visitor: OperatorReader, organisation_id: str) -> Response:
    """Who speaks for it, and for whom it speaks."""
    return _delegations(request, organisation_id, Filled())


@router.post("/control/organisations/{organisation_id}/delegations")
def delegate(request: Request, visitor: Operator, organisation_id: str, fields: Form) -> Response:
    """Let another organisation speak for all of its settings."""
    exchange, delegate_id = exchange_of(request), fields.text("delegate")
    with exchange.database.read() as session:
        organisations.get_organisation(session, organisation_id)
    if not delegate_id:
        fields.wrong("delegate", "Enter the id of the organisation that may speak for this one.")
    if not fields.errors:
        try:
            with exchange.database.write() as session:
                organisations.delegate(session, organisation_id, delegate_id=delegate_id, now=exchange.clock())
                note(request, session, visitor, "delegation.create", organisation_id, {"delegate": delegate_id})
            return see(request, f"/control/organisations/{organisation_id}/delegations?done=made")
        except PlacefeedError as error:
            fields.errors |= of_refusal(error, ["delegate"])
    return _delegations(request, organisation_id, sent(fields))


@router.post("/control/organisations/{organisation_id}/delegations/{delegation_id}/revoke")
def revoke(request: Request, visitor: Operator, organisation_id: str, delegation_id: RowId) -> Response:
    """End it at once; what the delegate said leaves the list."""
    exchange = exchange_of(request)
    with exchange.database.write() as session:
        row = organisations.revoke_delegation(session, delegation_id, now=exchange.clock())
        if organisation_id not in (row.provider_id, row.delegate_id):
            raise NotFound("This organisation has no such delegation.")
        note(request, session, visitor, "delegation.revoke", row.provider_id, {"delegate": row.delegate_id})
    return see(request, f"/control/organisations/{organisation_id}/delegations?done=revoked")


def _settings(request: Request, organisation_id: str, form: Filled, *, ticked: list[str] | None = None) -> Response:
    asked = Asked(request)
    state = asked.one_of("state", STATES, "proposed")
    skip = (asked.page - 1) * ON_A_PAGE
    with exchange_of(request).database.read() as session:
        row = organisations.get_organisation(session, organisation_id)
        found = {
            each: oversight.spoken(
                session, organisation_id, state=each, skip=skip, limit=ON_A_PAGE if each == state else 0
            )
            for each in STATES
        }
    rows, total = found[state]
    return room(
        request,
        "speaks_for",
        form=form,
        asked=asked,
        row=row,
        state=state,
        states=STATES,
        counts={each: count for each, (_rows, count) in found.items()},
        rows=rows,
        ticked=ticked,
        more=total > skip + ON_A_PAGE,
        back={"href": f"/control/organisations/{organisation_id}", "text": row.name},
    )


def _delegations(request: Request, organisation_id: str, form: Filled) -> Response:
    with exchange_of(request).database.read() as session:
        row = organisations.get_organisation(session, organisation_id)
        rows = organisations.delegations(session, organisation_id)
        names = oversight.names_of_organisations(
            session, [*(each.provider_id for each in rows), *(each.delegate_id for each in rows)]
        )
    return room(
        request,
        "delegations",
        form=form,
        asked=Asked(request),
        row=row,
        rows=rows,
        names=names,
        back={"href": f"/control/organisations/{organisation_id}", "text": row.name},
    )
