"""Consortia: their members and the providers that they take, each from and until a day."""

from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service import oversight
from placefeed.service.access import organisations
from placefeed.service.clock import london_day
from placefeed.service.errors import NotFound, PlacefeedError
from placefeed.service.pages.forms import Fields, Form, of_refusal
from placefeed.service.pages.operator.common import Asked, Filled, RowId, day_of, note, parse_day, room, sent
from placefeed.service.pages.render import see
from placefeed.service.pages.visitors import Operator, OperatorReader
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

FIELDS = ("organisation", "from", "until")
SIDES = ("members", "providers")


@router.get("/control/consortia")
def consortia(request: Request, _visitor: OperatorReader) -> Response:
    """All of them, with how many take part today."""
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        rows = oversight.consortium_rows(session, london_day(exchange.clock()))
    return room(
        request, "consortia", asked=Asked(request), rows=rows, back={"href": "/control", "text": "Control room"}
    )


@router.get("/control/consortia/new")
def new_form(request: Request, _visitor: Operator) -> Response:
    """An authority that buys alone is a consortium of one."""
    return _new(request, Filled())


@router.post("/control/consortia/new")
def add(request: Request, visitor: Operator, fields: Form) -> Response:
    """Add it."""
    exchange = exchange_of(request)
    try:
        with exchange.database.write() as session:
            row = organisations.create_consortium(
                session, fields.text("id"), name=fields.text("name"), now=exchange.clock()
            )
            note(request, session, visitor, "consortium.create", row.id)
    except PlacefeedError as error:
        return _new(request, sent(fields, of_refusal(error, ["id", "name"])))
    return see(request, f"/control/consortia/{row.id}?done=made")


@router.get("/control/consortia/{consortium_id}")
def consortium(request: Request, _visitor: OperatorReader, consortium_id: str) -> Response:
    """Everybody's times in it, past and future ones too."""
    return _show(request, consortium_id, Filled())


@router.post("/control/consortia/{consortium_id}/name")
def rename(request: Request, visitor: Operator, consortium_id: str, fields: Form) -> Response:
    """Only its name can change."""
    try:
        with exchange_of(request).database.write() as session:
            organisations.update_consortium(session, consortium_id, name=fields.text("name"))
            note(request, session, visitor, "consortium.change", consortium_id)
    except NotFound:
        raise
    except PlacefeedError as error:
        return _show(request, consortium_id, sent(fields, of_refusal(error, ["name"])))
    return see(request, f"/control/consortia/{consortium_id}?done=named")


@router.post("/control/consortia/{consortium_id}/join")
def join(request: Request, visitor: Operator, consortium_id: str, fields: Form) -> Response:
    """Let a member join, or a provider be taken: by the organisation's kind."""
    exchange, organisation_id = exchange_of(request), fields.text("organisation")
    with exchange.database.read() as session:
        organisations.get_consortium(session, consortium_id)
    begins, ends = _times(fields)
    if not organisation_id:
        fields.wrong("organisation", "Enter the id of a member, a provider or a vendor.")
    if not fields.errors and begins is not None:
        try:
            with exchange.database.write() as session:
                kind = organisations.get_organisation(session, organisation_id).kind
                wanted: dict[str, Any] = {
                    "organisation_id": organisation_id,
                    "valid_from": begins,
                    "valid_until": ends,
                }
                if kind == "member":
                    organisations.add_member(session, consortium_id, **wanted)
                else:
                    organisations.add_provider(session, consortium_id, **wanted, now=exchange.clock())
                side = "member" if kind == "member" else "provider"
                detail = {"organisation": organisation_id}
                note(request, session, visitor, f"consortium.{side}.add", consortium_id, detail)
            return see(request, f"/control/consortia/{consortium_id}?done=joined")
        except PlacefeedError as error:
            fields.errors |= of_refusal(error, FIELDS)
    return _show(request, consortium_id, sent(fields))


@router.get("/control/consortia/{consortium_id}/{side}/{time_id}/end")
def end_form(request: Request, _visitor: Operator, consortium_id: str, side: str, time_id: RowId) -> Response:
    """Its last day: today, unless told otherwise."""
    return _end(request, consortium_id, side, time_id, Filled())


@router.post("/control/consortia/{consortium_id}/{side}/{time_id}/end")
def end(request: Request, visitor: Operator, consortium_id: str, side: str, time_id: RowId, fields: Form) -> Response:
    """Say its last day; the day before it began means that it never was."""
    exchange = exchange_of(request)
    day = day_of(fields, "until", "The last day")
    if fields.errors or day is None:
        return _end(request, consortium_id, side, time_id, sent(fields))
    try:
        with exchange.database.write() as session:
            time = oversight.time_of(session, consortium_id, side, time_id)
            if side == "members":
                organisations.end_member(session, time_id, valid_until=day)
            else:
                organisations.end_provider(session, time_id, valid_until=day, now=exchange.clock())
            detail = {"organisation": time.organisation_id}
            note(request, session, visitor, f"consortium.{side.removesuffix('s')}.end", consortium_id, detail)
    except NotFound:
        raise
    except PlacefeedError as error:
        return _end(request, consortium_id, side, time_id, sent(fields, of_refusal(error, ["until"])))
    return see(request, f"/control/consortia/{consortium_id}?done=ended")


def _times(fields: Fields) -> tuple[date | None, date | None]:
    return day_of(fields, "from", "The first day"), day_of(fields, "until", "The last day", needed=False)


def _new(request: Request, form: Filled) -> Response:
    return room(request, "consortium_new", form=form, back={"href": "/control/consortia", "text": "Consortia"})


def _show(request: Request, consortium_id: str, form: Filled) -> Response:
    exchange = exchange_of(request)
    today = london_day(exchange.clock())
    with exchange.database.read() as session:
        row = organisations.get_consortium(session, consortium_id)
        members = organisations.members_of(session, consortium_id)
        providers = organisations.providers_of(session, consortium_id)
        ids = [each.organisation_id for each in members] + [each.organisation_id for each in providers]
        names = oversight.names_of_organisations(session, ids)
    shown = Filled({"name": row.name, "from": today.isoformat(), **form.values}, form.errors)
    return room(
        request,
        "consortium",
        form=shown,
        plain_days=any(parse_day(str(shown.values.get(name) or today)) is None for name in ("from", "until")),
        asked=Asked(request),
        row=row,
        sides=(("members", "Members", members), ("providers", "Providers", providers)),
        names=names,
        today=today,
        yesterday=today - timedelta(days=1),
        back={"href": "/control/consortia", "text": "Consortia"},
    )


def _end(request: Request, consortium_id: str, side: str, time_id: int, form: Filled) -> Response:
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        row = organisations.get_consortium(session, consortium_id)
        time = oversight.time_of(session, consortium_id, side, time_id)
        names = oversight.names_of_organisations(session, [time.organisation_id])
    today = london_day(exchange.clock()).isoformat()
    return room(
        request,
        "time_end",
        form=Filled({"until": today, **form.values}, form.errors),
        row=row,
        side=side,
        time=time,
        name=names.get(time.organisation_id, time.organisation_id),
        back={"href": f"/control/consortia/{consortium_id}", "text": row.name},
    )
