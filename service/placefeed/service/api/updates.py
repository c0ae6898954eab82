"""Routes of providers: the small updates of one's own settings, put, withdrawn, attested and read back."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final

import orjson
from anyio.to_thread import run_sync
from fastapi import APIRouter, Query
from fastapi import Path as PathParam
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response
from structlog.contextvars import bind_contextvars

from placefeed.schema.validation import PartName
from placefeed.service.access.sources import by_hand_id, get_source, list_sources, own_source
from placefeed.service.access.who import Caller
from placefeed.service.api.bodies import parse_instant
from placefeed.service.api.conditional import is_current
from placefeed.service.api.deps import ProviderReader, Running, Submitter, answer
from placefeed.service.api.openapi import Json, answers, refuses, standard, takes
from placefeed.service.errors import BadRequest, Invalid, NotAllowed, NotFound, UnsupportedMediaType
from placefeed.service.intake import updates
from placefeed.service.intake.submit import report_of
from placefeed.service.running.limits import read_body
from placefeed.service.running.parts import Exchange
from placefeed.service.running.waiting import asked_to_wait, until_published
from placefeed.service.tables import Source

router = APIRouter(prefix="/v1/settings/{urn}", tags=["settings"], default_response_class=Response)

Urn = Annotated[
    str, PathParam(max_length=80, description="The setting's URN, or `scheme:id` for one registered elsewhere.")
]
Item = Annotated[str, PathParam(max_length=64, description="Your own id of it.")]
SourceId = Annotated[str | None, Query(max_length=120, description="Another source of your own than the key's.")]
Unit = Annotated[str, Query(max_length=64, description="The unit, where the setting has several.")]

IF_MATCH: Final[Json] = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "The ETag that you read: refused with 412 if it has changed since.",
}
PREFER: Final[Json] = {
    "name": "Prefer",
    "in": "header",
    "schema": {"type": "string"},
    "description": "`wait=2`: wait up to so many seconds (at most 10) until it is published.",
}
IF_NONE_MATCH: Final[Json] = {
    "name": "If-None-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "The ETag that you have: 304 if it is still so.",
}


def _stating(part: str) -> dict[str, Any]:
    return {
        "openapi_extra": {
            **takes(
                {"application/json": standard(part)}, f"The `{part}` document; an id in it must be that of the address."
            ),
            "parameters": [IF_MATCH, PREFER],
        },
        "responses": answers("Taken.", standard("report"), headers=["ETag"])
        | answers("Taken; it is new.", standard("report"), status=201, headers=["ETag"])
        | refuses(409, 412, 413, 415, 422),
    }


def _withdrawing() -> dict[str, Any]:
    return {
        "openapi_extra": {"parameters": [IF_MATCH, PREFER]},
        "responses": answers("Withdrawn.", standard("report")) | refuses(409, 412),
    }


def _reading(part: str) -> dict[str, Any]:
    return {
        "openapi_extra": {"parameters": [IF_NONE_MATCH]},
        "responses": answers("Your own newest word.", standard(part), headers=["ETag"])
        | answers("It is still so.", status=304),
    }


@router.put("/capacity", summary="Say the counts of places", **_stating("capacity"))
async def put_capacity(
    urn: Urn, request: Request, caller: Submitter, exchange: Running, source: SourceId = None
) -> Response:
    """The same values under a newer `asOf` are an attestation. An older `asOf` than what is known gets 409."""
    return await _put(exchange, caller, request, urn=urn, part="capacity", item="", source=source)


@router.put("/capacities/{item}", summary="Say the counts of places of one unit", **_stating("capacity"))
async def put_capacity_of_unit(
    urn: Urn, item: Item, request: Request, caller: Submitter, exchange: Running, source: SourceId = None
) -> Response:
    """For a setting with several units: a building, a premises, a team."""
    return await _put(exchange, caller, request, urn=urn, part="capacity", item=item, source=source)


@router.put("/vacancies/{item}", summary="Offer a vacancy, or change it", **_stating("vacancy"))
async def put_vacancy(
    urn: Urn, item: Item, request: Request, caller: Submitter, exchange: Running, source: SourceId = None
) -> Response:
    """It is published before any bulk, as a rule within a second."""
    return await _put(exchange, caller, request, urn=urn, part="vacancy", item=item, source=source)


@router.put("/rates/{item}", summary="Give a rate, or change it", **_stating("rate"))
async def put_rate(
    urn: Urn, item: Item, request: Request, caller: Submitter, exchange: Running, source: SourceId = None
) -> Response:
    """A rate is seen by those alone to whom it is offered."""
    return await _put(exchange, caller, request, urn=urn, part="rate", item=item, source=source)


@router.delete("/vacancies/{item}", summary="Withdraw a vacancy", **_withdrawing())
async def withdraw_vacancy(
    urn: Urn, item: Item, request: Request, caller: Submitter, exchange: Running, source: SourceId = None
) -> Response:
    """Filled, or no longer offered. The same id offered again later is a new offer."""
    return await _withdraw(exchange, caller, request, urn=urn, part="vacancy", item=item, source=source)


@router.delete("/rates/{item}", summary="Withdraw a rate", **_withdrawing())
async def withdraw_rate(
    urn: Urn, item: Item, request: Request, caller: Submitter, exchange: Running, source: SourceId = None
) -> Response:
    """No longer offered."""
    return await _withdraw(exchange, caller, request, urn=urn, part="rate", item=item, source=source)


@router.get("/capacity", summary="Read back your counts", **_reading("capacity"))
def read_capacity(
    urn: Urn, request: Request, caller: ProviderReader, exchange: Running, unit: Unit = "", source: SourceId = None
) -> Response:
    """A provider reads its own writes at once, published or not."""
    return _read(exchange, caller, request, urn=urn, part="capacity", item=unit, source=source)


@router.get("/capacities/{item}", summary="Read back your counts of one unit", **_reading("capacity"))
def read_capacity_of_unit(
    urn: Urn, item: Item, request: Request, caller: ProviderReader, exchange: Running, source: SourceId = None
) -> Response:
    """A provider reads its own writes at once, published or not."""
    return _read(exchange, caller, request, urn=urn, part="capacity", item=item, source=source)


@router.get("/vacancies/{item}", summary="Read back a vacancy", **_reading("vacancy"))
def read_vacancy(
    urn: Urn, item: Item, request: Request, caller: ProviderReader, exchange: Running, source: SourceId = None
) -> Response:
    """A provider reads its own writes at once, published or not."""
    return _read(exchange, caller, request, urn=urn, part="vacancy", item=item, source=source)


@router.get("/rates/{item}", summary="Read back a rate", **_reading("rate"))
def read_rate(
    urn: Urn, item: Item, request: Request, caller: ProviderReader, exchange: Running, source: SourceId = None
) -> Response:
    """A provider reads its own writes at once, published or not."""
    return _read(exchange, caller, request, urn=urn, part="rate", item=item, source=source)


@router.post(
    "/attestations", summary="Say that nothing has changed",
    openapi_extra={
        "requestBody": {
            "required": False,
            "description": "May be left out: then it holds as of now.",
            "content": {"application/json": {"schema": {"type": "object", "additionalProperties": False, "properties": {"asOf": {"type": "string", "format": "date-time"}}}}},
        },
        "parameters": [PREFER],
    },
    responses=answers("Your clock is renewed; the values are as they were.", standard("report")) | refuses(409, 422),
)  # fmt: skip
async def attest(urn: Urn, request: Request, caller: Submitter, exchange: Running, source: SourceId = None) -> Response:
    """All that you said of the setting holds as of `asOf`, or of now. Again it only renews the clock again, so a retry is harmless."""
    as_of = _as_of(await read_body(request, exchange.settings.max_update))

    def work(session: Session, speaker: Source, now: datetime) -> updates.Result:
        return updates.attest(session, source=speaker, urn=urn, as_of=as_of, now=now)

    return await _change(exchange, caller, request, source, work)


Work = Callable[[Session, Source, datetime], updates.Result]


async def _put(
    exchange: Exchange, caller: Caller, request: Request, *, urn: str, part: PartName, item: str, source: str | None
) -> Response:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType("Send the document as application/json.", headers={"Accept": "application/json"})
    document = _json(await read_body(request, exchange.settings.max_update))
    if part == "capacity" and item and isinstance(document, dict) and document.setdefault("unit", item) != item:
        raise Invalid(
            "The unit in the document is not the one in the address.",
            errors=[{"pointer": "/unit", "rule": "unknown-unit"}],
        )

    def work(session: Session, speaker: Source, now: datetime) -> updates.Result:
        return updates.put(
            session,
            source=speaker,
            urn=urn,
            part=part,
            item=item,
            document=document,
            if_match=request.headers.get("if-match"),
            now=now,
        )

    return await _change(exchange, caller, request, source, work)


async def _withdraw(
    exchange: Exchange, caller: Caller, request: Request, *, urn: str, part: PartName, item: str, source: str | None
) -> Response:
    def work(session: Session, speaker: Source, now: datetime) -> updates.Result:
        return updates.withdraw(
            session, source=speaker, urn=urn, part=part, item=item, if_match=request.headers.get("if-match"), now=now
        )

    return await _change(exchange, caller, request, source, work)


async def _change(exchange: Exchange, caller: Caller, request: Request, source: str | None, work: Work) -> Response:
    """Do it in one transaction; then answer, after publication where that was asked for."""
    started = time.perf_counter()

    def change() -> tuple[updates.Result, str]:
        telemetry = exchange.database.telemetry
        with telemetry.span("intake"), exchange.database.write() as session:
            now = exchange.clock()
            speaker = own_source(session, caller.organisation_id or "", source_id=source or caller.source_id, now=now)
            try:
                result = work(session, speaker, now)
            except NotAllowed as error:
                # Another's setting looks like one that there is none of.
                raise NotFound(str(error), errors=error.errors) from error
            telemetry.note(submission=result.submission_id, source=speaker.id)
            return result, speaker.id

    result, source_id = await run_sync(change)
    bind_contextvars(submission=result.submission_id, source=source_id)  # for the line that ends this request
    exchange.metrics.took_in("update", time.perf_counter() - started)
    headers = {"ETag": result.etag} if result.etag is not None else {}

    def report() -> dict[str, Any]:
        with exchange.database.read() as session:
            return report_of(session, result.submission_id)

    seconds = asked_to_wait(request)
    if seconds:
        await until_published(exchange, lambda: report()["publication"]["status"] == "published", seconds=seconds)
        headers["Preference-Applied"] = f"wait={seconds:.0f}"
    return answer(await run_sync(report), status=201 if result.created else 200, headers=headers)


def _read(
    exchange: Exchange, caller: Caller, request: Request, *, urn: str, part: PartName, item: str, source: str | None
) -> Response:
    with exchange.database.read() as session:
        found = updates.read_part(session, source_ids=_sources(session, caller, source), urn=urn, part=part, item=item)
    headers = {"ETag": found.etag, "Vary": "Authorization", "Cache-Control": "private, no-cache"}
    if is_current(request.headers.get("if-none-match"), found.etag):
        return Response(status_code=304, headers=headers)
    return answer(found.document, headers=headers)


def _sources(session: Session, caller: Caller, source: str | None) -> list[str]:
    """The source that a change would go to, so that its ETag can be sent back in If-Match; without one chosen, any of one's own."""
    chosen = source or caller.source_id
    if chosen is None:
        own = list_sources(session, caller.organisation_id)
        machines = [each for each in own if each.transport == "push" and each.id != by_hand_id(each.organisation_id)]
        pushed = sorted(machines, key=lambda each: (each.created_at, each.id))
        return [pushed[0].id] if pushed else [each.id for each in own]
    if get_source(session, chosen).organisation_id != caller.organisation_id:
        raise NotFound("You have no such source.")
    return [chosen]


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(
            f"The body is not JSON: there is a mistake in line {error.lineno}, column {error.colno}."
        ) from None


def _as_of(body: bytes) -> datetime | None:
    if not body.strip():
        return None
    document = _json(body)
    if not isinstance(document, dict) or document.keys() - {"asOf"}:
        raise Invalid(
            "An attestation has `asOf` at most.", errors=[{"pointer": "", "detail": "Leave everything else out."}]
        )
    if "asOf" not in document:
        return None
    try:
        return parse_instant(document["asOf"])
    except ValueError as error:
        raise Invalid(str(error), errors=[{"pointer": "/asOf", "detail": str(error)}]) from None
