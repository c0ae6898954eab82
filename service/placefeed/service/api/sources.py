"""Routes of the operator: the sources through which providers speak, and polling one now."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from placefeed.service.access import audit, sources
from placefeed.service.api import shapes
from placefeed.service.api.bodies import SourceBody, SourceChange, given
from placefeed.service.api.deps import Operator, Running, answer
from placefeed.service.api.openapi import OBJECT, answers, listed, refuses
from placefeed.service.db import secret_of
from placefeed.service.errors import Conflict
from placefeed.service.intake import sources as polling

router = APIRouter(prefix="/v1/sources", tags=["sources"], default_response_class=Response)


@router.get("", summary="All sources, and how each is doing", responses=answers("The sources.", listed(OBJECT)))
def list_sources(
    _caller: Operator, exchange: Running, organisation: Annotated[str | None, Query(max_length=80)] = None
) -> Response:
    """When each was last heard, whether it is late, and why one was stopped."""
    with exchange.database.read() as session:
        return answer({"items": [shapes.source(row) for row in sources.list_sources(session, organisation)]})


@router.post(
    "",
    status_code=201,
    summary="Register a source",
    responses=answers("The source.", OBJECT, status=201, headers=["Location"]) | refuses(409),
)
def add_source(body: SourceBody, caller: Operator, exchange: Running) -> Response:
    """A feed to poll, a folder to watch, or another way in which a provider pushes. Its credential is kept encrypted."""
    values = body.model_dump(exclude={"id", "organisation"})
    with exchange.database.write() as session:
        row = sources.create_source(
            session,
            body.organisation,
            source_id=body.id,
            secret=secret_of(exchange.settings),
            now=exchange.clock(),
            **values,
        )
        audit.record(
            session,
            caller=caller,
            action="source.create",
            subject=row.id,
            detail={"transport": row.transport},
            at=exchange.clock(),
        )
    base = exchange.settings.base_url.rstrip("/")
    return answer(shapes.source(row), status=201, headers={"Location": f"{base}/v1/sources/{row.id}"})


@router.get("/{source_id}", summary="One source", responses=answers("The source.", OBJECT))
def read_source(source_id: str, _caller: Operator, exchange: Running) -> Response:
    """How it is set up and how it is doing."""
    with exchange.database.read() as session:
        return answer(shapes.source(sources.get_source(session, source_id)))


@router.patch("/{source_id}", summary="Change a source", responses=answers("The source.", OBJECT))
def change_source(source_id: str, body: SourceChange, caller: Operator, exchange: Running) -> Response:
    """A source that was stopped because its shape changed goes on when it is set `active` again."""
    changes = given(body)
    with exchange.database.write() as session:
        row = sources.update_source(
            session, source_id, secret=secret_of(exchange.settings), now=exchange.clock(), **changes
        )
        audit.record(
            session,
            caller=caller,
            action="source.change",
            subject=row.id,
            detail={"fields": sorted(changes)},
            at=exchange.clock(),
        )
    return answer(shapes.source(row))


@router.post(
    "/{source_id}/polls", summary="Poll a source now", responses=answers("The source after it.", OBJECT) | refuses(409)
)
def poll_source(source_id: str, caller: Operator, exchange: Running) -> Response:
    """Fetch what is new and take it in, without waiting for its timetable. `lastError` says what went wrong, if anything."""
    with exchange.database.write() as session:
        row = sources.get_source(session, source_id)
        if row.transport not in sources.POLLED:
            raise Conflict("Only a polled feed or a folder can be polled; this one is pushed.")
        audit.record(session, caller=caller, action="source.poll", subject=source_id, at=exchange.clock())
    polling.poll(exchange.database, source_id, settings=exchange.settings, clock=exchange.clock)
    with exchange.database.read() as session:
        return answer(shapes.source(sources.get_source(session, source_id)))
