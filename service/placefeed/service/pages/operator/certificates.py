"""Registration certificates of settings that no file of Ofsted's names yet."""

import re

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.schema.codelists import codelist, local_authorities
from placefeed.service.errors import Invalid
from placefeed.service.pages.forms import Form, of_refusal
from placefeed.service.pages.operator.common import Asked, Filled, day_of, room, sent
from placefeed.service.pages.render import see
from placefeed.service.pages.visitors import Operator, OperatorReader
from placefeed.service.register import certificates
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

URN = re.compile(r"SC[0-9]{6}|[0-9]{7}")
FIELDS = ("urn", "provisionType", "registeredOn", "places", "localAuthority", "owner")


@router.get("/control/certificates")
def show(request: Request, _visitor: OperatorReader) -> Response:
    """Those recorded, and the form for another."""
    return _show(request, Filled({"provisionType": "children-home"}))


@router.post("/control/certificates")
def record(request: Request, visitor: Operator, fields: Form) -> Response:
    """Say what a certificate says; a second word replaces the first."""
    exchange, urn, owner = exchange_of(request), fields.text("urn").upper().replace(" ", ""), fields.text("owner")
    if not URN.fullmatch(urn):
        fields.wrong("urn", "The URN has SC and six digits, or seven digits, like SC123456.")
    registered_on = day_of(fields, "registeredOn", "The day of registration")
    places = fields.whole("places", least=1, most=999, what="The number of places")
    if len(owner) > 300:
        fields.wrong("owner", "The owner's name must be 300 characters or fewer.")
    if not fields.errors and registered_on is not None:
        try:
            with exchange.database.write() as session:
                certificates.record(
                    session,
                    urn,
                    provision_type=fields.text("provisionType"),
                    registered_on=registered_on,
                    places=places,
                    la_code=fields.text("localAuthority") or None,
                    owner=owner or None,
                    caller=visitor.acting,
                    now=exchange.clock(),
                )
            return see(request, "/control/certificates?done=recorded")
        except Invalid as error:
            fields.errors |= of_refusal(error, FIELDS)
    return _show(request, sent(fields))


@router.post("/control/certificates/{urn}/withdraw")
def withdraw(request: Request, visitor: Operator, urn: str) -> Response:
    """Take the word back; a setting that no file names is unlisted again."""
    exchange = exchange_of(request)
    with exchange.database.write() as session:
        certificates.withdraw(session, urn, caller=visitor.acting, now=exchange.clock())
    return see(request, "/control/certificates?done=withdrawn")


def _show(request: Request, form: Filled) -> Response:
    with exchange_of(request).database.read() as session:
        rows = certificates.recorded(session)
    types = [{"value": row["code"], "text": row["title"]} for row in codelist("provision-types").rows]
    authorities = [{"value": "", "text": "Not said"}] + [
        {"value": each.code, "text": f"{each.name} ({each.code})"}
        for each in sorted(local_authorities(), key=lambda each: each.name)
        if each.valid_until is None
    ]
    return room(
        request,
        "certificates",
        form=form,
        asked=Asked(request),
        rows=rows,
        types=types,
        authorities=authorities,
        plain_days="registeredOn" in form.errors,
        back={"href": "/control", "text": "Control room"},
    )
