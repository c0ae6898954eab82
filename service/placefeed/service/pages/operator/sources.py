"""One source: how it is, what it sends, and what the operator can do about it."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service import oversight
from placefeed.service.access import sources
from placefeed.service.db import secret_of
from placefeed.service.errors import Conflict, PlacefeedError
from placefeed.service.intake import sources as polling
from placefeed.service.pages.forms import Fields, Form, of_refusal
from placefeed.service.pages.operator.common import UNITS, Asked, Filled, every, note, room, sent
from placefeed.service.pages.render import see
from placefeed.service.pages.visitors import Operator, OperatorReader
from placefeed.service.running.parts import exchange_of
from placefeed.service.tables import Source

router = APIRouter(include_in_schema=False, default_response_class=Response)

FIELDS = ("name", "address", "cron", "format", "mapping", "expectedEvery", "precedence", "credential")


@router.get("/control/sources/{source_id}")
def show(request: Request, _visitor: OperatorReader, source_id: str) -> Response:
    """Everything about one source."""
    exchange, now = exchange_of(request), exchange_of(request).clock()
    with exchange.database.read() as session:
        feed = oversight.feed(session, source_id)
        return room(
            request,
            "source",
            asked=Asked(request),
            feed=feed,
            source=feed.source,
            polled=feed.source.transport in sources.POLLED,
            days=oversight.days_of(session, [source_id], now)[source_id],
            causes=oversight.causes_of(session, [source_id], now)[source_id],
            submissions=oversight.submissions(session, source_id=source_id, limit=20),
            back={"href": "/control", "text": "Control room"},
        )


@router.post("/control/sources/{source_id}/state")
def set_state(request: Request, visitor: Operator, source_id: str, fields: Form) -> Response:
    """Pause it, or let it go on; one that had stopped is read whole again."""
    exchange, state = exchange_of(request), fields.text("state")
    if state not in ("active", "paused"):
        raise Conflict("A source can be paused, or set active again. Go back to its page and choose one of them.")
    with exchange.database.write() as session:
        sources.update_source(
            session, source_id, secret=secret_of(exchange.settings), now=exchange.clock(), state=state
        )
        note(request, session, visitor, "source.change", source_id, {"fields": ["state"], "state": state})
    return see(request, f"/control/sources/{source_id}?done={state}")


@router.post("/control/sources/{source_id}/poll")
def poll(request: Request, visitor: Operator, source_id: str) -> Response:
    """Fetch what is new, without waiting for its timetable; the page says what came of it."""
    exchange = exchange_of(request)
    with exchange.database.write() as session:
        row = sources.get_source(session, source_id)
        if row.transport not in sources.POLLED:
            raise Conflict("Only a polled feed or a folder can be polled; this one is pushed.")
        note(request, session, visitor, "source.poll", source_id)
    polling.poll(exchange.database, source_id, settings=exchange.settings, clock=exchange.clock)
    return see(request, f"/control/sources/{source_id}?done=polled")


@router.get("/control/sources/{source_id}/change")
def change_form(request: Request, _visitor: Operator, source_id: str) -> Response:
    """Its settings; the credential can be replaced, never read."""
    with exchange_of(request).database.read() as session:
        source = sources.get_source(session, source_id)
    return _form(request, source, Filled(_values(source)))


@router.post("/control/sources/{source_id}/change")
def change(request: Request, visitor: Operator, source_id: str, fields: Form) -> Response:
    """Change what was filled in."""
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        source = sources.get_source(session, source_id)
    changes = read_source(fields, source.transport)
    wanted = {name: value for name, value in changes.items() if value != getattr(source, name)}
    if fields.text("credential"):
        wanted["credential"] = fields.text("credential")
    elif fields.text("forget") == "yes":
        wanted["credential"] = None
    if not fields.errors and wanted:
        try:
            with exchange.database.write() as session:
                sources.update_source(
                    session, source_id, secret=secret_of(exchange.settings), now=exchange.clock(), **wanted
                )
                note(request, session, visitor, "source.change", source_id, {"fields": sorted(wanted)})
        except PlacefeedError as error:
            fields.errors |= of_refusal(error, FIELDS)
    if fields.errors:
        return _form(request, source, sent(fields, secret=["credential"]))
    return see(request, f"/control/sources/{source_id}?done=changed")


def read_source(fields: Fields, transport: str) -> dict[str, Any]:
    """What a form says of a source, by our own names; what it can't have is left out."""
    found: dict[str, Any] = {"name": fields.text("name")}
    if not found["name"]:
        fields.wrong("name", "Enter a name for the source.")
    found["format"] = _short(fields, "format", 100, "The media type")
    found["mapping"] = _short(fields, "mapping", 200_000, "The mapping")
    if transport in sources.POLLED:
        found["address"] = _short(fields, "address", 2000, "The address")
        found["cron"] = _short(fields, "cron", 100, "The timetable")
    if len(fields.text("credential")) > 16_000:
        fields.wrong("credential", "The credential must be 16,000 characters or fewer.")
    precedence = fields.whole("precedence", most=1_000_000, what="Precedence")
    found["precedence"] = 100 if precedence is None else precedence
    number = fields.whole("expectedEvery", least=1, most=100_000, what="The time without a good word")
    unit = fields.text("expectedUnit")
    found["expected_every"] = None if number is None else number * UNITS.get(unit, 3600)
    return found


def _short(fields: Fields, name: str, most: int, what: str) -> str | None:
    text = fields.text(name)
    if len(text) > most:
        fields.wrong(name, f"{what} must be {most:,} characters or fewer.")
    return text or None


def _values(source: Source) -> dict[str, Any]:
    values: dict[str, Any] = {
        name: getattr(source, name) or "" for name in ("name", "address", "cron", "format", "mapping")
    }
    values["precedence"] = str(source.precedence)
    seconds = source.expected_every
    if seconds is not None:
        number, unit = every(seconds).replace(",", "").split()
        values |= {"expectedEvery": number, "expectedUnit": f"{unit.removesuffix('s')}s"}
    return values


def _form(request: Request, source: Source, form: Filled) -> Response:
    return room(
        request,
        "source_change",
        source=source,
        form=form,
        units=[{"value": name, "text": name.capitalize()} for name in UNITS],
        polled=source.transport in sources.POLLED,
        back={"href": f"/control/sources/{source.id}", "text": source.name},
    )
