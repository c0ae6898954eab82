"""Keys of an organisation. A secret is on the page that answers its making, and nowhere ever again."""

from datetime import timedelta

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access import keys, organisations, sources
from placefeed.service.access.who import ROLE_OF_KIND, ROLE_SCOPES, SCOPES
from placefeed.service.clock import london_midnight
from placefeed.service.db import secret_of
from placefeed.service.errors import Conflict, NotFound, PlacefeedError
from placefeed.service.pages.forms import Form, of_refusal
from placefeed.service.pages.operator.common import Asked, Filled, day_of, note, room, sent
from placefeed.service.pages.render import see
from placefeed.service.pages.visitors import Operator, OperatorReader
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

FIELDS = ("label", "scopes", "source", "expiresAt")
GRACE = timedelta(days=7)


@router.get("/control/organisations/{organisation_id}/keys")
def show(request: Request, _visitor: OperatorReader, organisation_id: str) -> Response:
    """Its keys, without their secrets, which nobody has."""
    return _show(request, organisation_id, Filled())


@router.post("/control/organisations/{organisation_id}/keys")
def issue(request: Request, visitor: Operator, organisation_id: str, fields: Form) -> Response:
    """Issue one, with the rights that are ticked. The answer shows its secret: it is not a redirect, and is kept nowhere."""
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        row = organisations.get_organisation(session, organisation_id)
    label = fields.text("label")
    if not 0 < len(label) <= 200:
        fields.wrong("label", "Enter what the key is for, in at most 200 characters.")
    scopes = fields.all("scopes")
    if not scopes:
        fields.wrong("scopes", "Choose at least one thing that the key may do.")
    last_day = day_of(fields, "expiresAt", "The last day", needed=False)
    if not fields.errors:
        try:
            with exchange.database.write() as session:
                text, key = keys.issue(
                    session,
                    organisation_id=organisation_id,
                    role=ROLE_OF_KIND[row.kind],
                    scopes=scopes,
                    source_id=fields.text("source") or None,
                    label=label,
                    expires_at=london_midnight(last_day + timedelta(days=1)) if last_day else None,
                    secret=secret_of(exchange.settings),
                    now=exchange.clock(),
                )
                detail = {"organisation": organisation_id, "role": key.role}
                note(request, session, visitor, "key.issue", key.id, detail)
            return room(request, "key_made", row=row, text=text, key=key, replaced=None, back=_back(organisation_id))
        except PlacefeedError as error:
            fields.errors |= of_refusal(error, FIELDS)
    return _show(request, organisation_id, sent(fields), chosen=scopes)


@router.post("/control/organisations/{organisation_id}/keys/{key_id}/rotate")
def rotate(request: Request, visitor: Operator, organisation_id: str, key_id: str) -> Response:
    """Replace it; the old one works for a week more."""
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        row = organisations.get_organisation(session, organisation_id)
    try:
        with exchange.database.write() as session:
            _check(session, organisation_id, key_id)
            text, key = keys.rotate(
                session, key_id, grace=GRACE, secret=secret_of(exchange.settings), now=exchange.clock()
            )
            note(request, session, visitor, "key.rotate", key_id, {"replacedBy": key.id})
    except Conflict as error:
        return _show(request, organisation_id, Filled({}, {"keys": str(error)}))
    return room(request, "key_made", row=row, text=text, key=key, replaced=key_id, back=_back(organisation_id))


@router.post("/control/organisations/{organisation_id}/keys/{key_id}/revoke")
def revoke(request: Request, visitor: Operator, organisation_id: str, key_id: str) -> Response:
    """Useless from now on; again changes nothing."""
    exchange = exchange_of(request)
    with exchange.database.write() as session:
        _check(session, organisation_id, key_id)
        keys.revoke(session, key_id, now=exchange.clock())
        note(request, session, visitor, "key.revoke", key_id)
    return see(request, f"/control/organisations/{organisation_id}/keys?done=revoked")


def _check(session: Session, organisation_id: str, key_id: str) -> None:
    if key_id not in {key.id for key in keys.list_keys(session, organisation_id)}:
        raise NotFound("This organisation has no such key.")


def _back(organisation_id: str) -> dict[str, str]:
    return {"href": f"/control/organisations/{organisation_id}/keys", "text": "Keys"}


def _show(request: Request, organisation_id: str, form: Filled, *, chosen: list[str] | None = None) -> Response:
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        row = organisations.get_organisation(session, organisation_id)
        rows = keys.list_keys(session, organisation_id)
        own = sources.list_sources(session, organisation_id)
    role = ROLE_OF_KIND[row.kind]
    return room(
        request,
        "keys",
        form=form,
        asked=Asked(request),
        row=row,
        rows=rows,
        good={key.id for key in rows if keys.is_good(key, exchange.clock())},
        scopes=[(name, SCOPES[name]) for name in sorted(ROLE_SCOPES[role])],
        chosen=sorted(ROLE_SCOPES[role]) if chosen is None else chosen,
        sources=[
            {"value": "", "text": "Its only or first one"},
            *({"value": each.id, "text": f"{each.name} ({each.id})"} for each in own),
        ]
        if role == "provider"
        else [],
        back={"href": f"/control/organisations/{organisation_id}", "text": row.name},
    )
