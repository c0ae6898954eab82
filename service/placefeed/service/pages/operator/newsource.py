"""A new source of an organisation: first which way it speaks, then what that way needs."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access import organisations, sources
from placefeed.service.db import secret_of
from placefeed.service.errors import PlacefeedError
from placefeed.service.pages.forms import Form, of_refusal
from placefeed.service.pages.operator.common import UNITS, WAYS, Asked, Filled, note, room, sent
from placefeed.service.pages.operator.sources import FIELDS, read_source
from placefeed.service.pages.render import see
from placefeed.service.pages.visitors import Operator
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)


@router.get("/control/organisations/{organisation_id}/sources/new")
def new_form(request: Request, _visitor: Operator, organisation_id: str) -> Response:
    """The form for one way of speaking; `way` in the address says which."""
    return _form(request, organisation_id, Filled({"precedence": "100", "expectedUnit": "hours"}))


@router.post("/control/organisations/{organisation_id}/sources/new")
def add(request: Request, visitor: Operator, organisation_id: str, fields: Form) -> Response:
    """Register it. Its credential is kept encrypted."""
    exchange, transport = exchange_of(request), fields.text("way")
    if transport not in WAYS:
        fields.wrong("name", "Choose how the source speaks, above.")
    values = read_source(fields, transport)
    if len(fields.text("id")) > 120:
        fields.wrong("id", "The id must be 120 characters or fewer.")
    if not fields.errors:
        try:
            with exchange.database.write() as session:
                row = sources.create_source(
                    session,
                    organisation_id,
                    transport=transport,
                    source_id=fields.text("id") or None,
                    credential=fields.text("credential") or None,
                    secret=secret_of(exchange.settings),
                    now=exchange.clock(),
                    **values,
                )
                note(request, session, visitor, "source.create", row.id, {"transport": transport})
            return see(request, f"/control/sources/{row.id}?done=made")
        except PlacefeedError as error:
            fields.errors |= of_refusal(error, [*FIELDS, "id"])
    return _form(request, organisation_id, sent(fields, secret=["credential"]), way=transport)


def _form(request: Request, organisation_id: str, form: Filled, *, way: str = "") -> Response:
    with exchange_of(request).database.read() as session:
        row = organisations.get_organisation(session, organisation_id)
    asked = Asked(request)
    chosen = way if way in WAYS else asked.one_of("way", WAYS, "push")
    return room(
        request,
        "source_new",
        form=form,
        asked=asked,
        row=row,
        way=chosen,
        polled=chosen in sources.POLLED,
        units=[{"value": name, "text": name.capitalize()} for name in UNITS],
        back={"href": f"/control/organisations/{organisation_id}", "text": row.name},
    )
