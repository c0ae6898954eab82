"""Organisations: all of them, a new one, one with what hangs on it, and its change."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.schema.codelists import local_authorities
from placefeed.service import oversight
from placefeed.service.access import keys, organisations, sources
from placefeed.service.clock import london_day
from placefeed.service.errors import PlacefeedError
from placefeed.service.pages.forms import Fields, Form, of_refusal
from placefeed.service.pages.operator.common import Asked, Filled, note, room, sent
from placefeed.service.pages.render import see
from placefeed.service.pages.visitors import Operator, OperatorReader
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

ON_A_PAGE = 50
KINDS = {"provider": "Provider", "member": "Member", "vendor": "Vendor", "operator": "Operator"}
FIELDS = ("id", "kind", "name", "localAuthority", "identifiers", "actsFor")
MOST_LINES = 200


@router.get("/control/organisations")
def organisations_page(request: Request, _visitor: OperatorReader) -> Response:
    """Everybody who takes part, by name."""
    asked = Asked(request)
    kind = asked.one_of("kind", KINDS)
    skip = (asked.page - 1) * ON_A_PAGE
    with exchange_of(request).database.read() as session:
        rows, total = oversight.organisation_rows(
            session, kind=kind or None, name=asked.text("name"), skip=skip, limit=ON_A_PAGE
        )
    return room(
        request,
        "organisations",
        asked=asked,
        rows=rows,
        total=total,
        kinds=KINDS,
        more=total > skip + ON_A_PAGE,
        form=Filled({"name": asked.text("name"), "kind": kind}),
    )


@router.get("/control/organisations/new")
def new_form(request: Request, _visitor: Operator) -> Response:
    """What an organisation needs."""
    return _form(request, Filled({"kind": "provider"}), None)


@router.post("/control/organisations/new")
def add(request: Request, visitor: Operator, fields: Form) -> Response:
    """Add it."""
    exchange, values = exchange_of(request), _read(fields)
    if not fields.errors:
        try:
            with exchange.database.write() as session:
                row = organisations.create_organisation(
                    session,
                    fields.text("id"),
                    kind=fields.text("kind"),
                    simulated=fields.text("simulated") == "yes",
                    now=exchange.clock(),
                    **values,
                )
                note(request, session, visitor, "organisation.create", row.id)
            return see(request, f"/control/organisations/{row.id}?done=made")
        except PlacefeedError as error:
            fields.errors |= of_refusal(error, FIELDS)
    return _form(request, sent(fields), None)


@router.get("/control/organisations/{organisation_id}")
def organisation(request: Request, _visitor: OperatorReader, organisation_id: str) -> Response:
    """One of them: where it takes part, what it speaks for, through what it speaks, who works there."""
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        row = organisations.get_organisation(session, organisation_id)
        in_use = [key for key in keys.list_keys(session, organisation_id) if keys.is_good(key, exchange.clock())]
        delegations = organisations.delegations(session, organisation_id)
        people = [
            *row.acts_for,
            *(each.provider_id for each in delegations),
            *(each.delegate_id for each in delegations),
        ]
        return room(
            request,
            "organisation",
            asked=Asked(request),
            row=row,
            kinds=KINDS,
            keys=len(in_use),
            sources=sources.list_sources(session, organisation_id),
            people=oversight.people_at(session, organisation_id),
            consortia=oversight.consortia_of(session, organisation_id),
            spoken={
                state: oversight.spoken(session, organisation_id, state=state, limit=0)[1]
                for state in ("proposed", "confirmed", "refused")
            },
            delegations=[each for each in delegations if each.revoked_at is None],
            names=oversight.names_of_organisations(session, people),
            authority=next((each.name for each in local_authorities() if each.code == row.la_code), None),
            back={"href": "/control/organisations", "text": "Organisations"},
        )


@router.get("/control/organisations/{organisation_id}/change")
def change_form(request: Request, _visitor: Operator, organisation_id: str) -> Response:
    """Its name, authority, identifiers and for whom it acts; id and kind stay."""
    with exchange_of(request).database.read() as session:
        row = organisations.get_organisation(session, organisation_id)
    values = {
        "name": row.name,
        "localAuthority": row.la_code or "",
        "identifiers": "\n".join(f"{each['scheme']} {each['id']}" for each in row.identifiers),
        "actsFor": "\n".join(row.acts_for),
    }
    return _form(request, Filled(values), row)


@router.post("/control/organisations/{organisation_id}/change")
def change(request: Request, visitor: Operator, organisation_id: str, fields: Form) -> Response:
    """A new name stands on every listing at once."""
    exchange, values = exchange_of(request), _read(fields)
    with exchange.database.read() as session:
        row = organisations.get_organisation(session, organisation_id)
    changes = {name: value for name, value in values.items() if value != getattr(row, name)}
    if not fields.errors and changes:
        try:
            with exchange.database.write() as session:
                organisations.update_organisation(session, organisation_id, now=exchange.clock(), **changes)
                note(request, session, visitor, "organisation.change", organisation_id, {"fields": sorted(changes)})
        except PlacefeedError as error:
            fields.errors |= of_refusal(error, FIELDS)
    if fields.errors:
        return _form(request, sent(fields), row)
    return see(request, f"/control/organisations/{organisation_id}?done=changed")


def _read(fields: Fields) -> dict[str, Any]:
    """What both forms say, by our own names."""
    identifiers = []
    for line in _lines(fields, "identifiers"):
        scheme, _blank, number = line.partition(" ")
        if not number.strip():
            fields.wrong("identifiers", f"“{line}” must be a scheme, a blank and a number, like GB-COH 01234567.")
        identifiers.append({"scheme": scheme, "id": number.strip()})
    code = fields.text("localAuthority") or None
    if code is not None and code not in {each.code for each in local_authorities()}:
        fields.wrong("localAuthority", "Choose a local authority from the list.")
    return {
        "name": fields.text("name"),
        "la_code": code,
        "identifiers": identifiers,
        "acts_for": _lines(fields, "actsFor"),
    }


def _lines(fields: Fields, name: str) -> list[str]:
    found = [" ".join(line.split()) for line in fields.text(name).splitlines() if line.strip()]
    if len(found) > MOST_LINES or any(len(line) > 250 for line in found):
        fields.wrong(name, f"Enter at most {MOST_LINES} lines of at most 250 characters.")
    return found


def _form(request: Request, form: Filled, row: Any) -> Response:
    today, chosen = london_day(exchange_of(request).clock()), form.values.get("localAuthority")
    current = [
        each
        for each in local_authorities()
        if each.code == chosen or (each.valid_from <= today and (each.valid_until is None or each.valid_until >= today))
    ]
    authorities = [{"value": "", "text": "None"}] + [
        {"value": each.code, "text": f"{each.name} ({each.code})"}
        for each in sorted(current, key=lambda each: each.name)
    ]
    back = (
        {"href": "/control/organisations", "text": "Organisations"}
        if row is None
        else {"href": f"/control/organisations/{row.id}", "text": row.name}
    )
    return room(request, "organisation_form", form=form, row=row, kinds=KINDS, authorities=authorities, back=back)
