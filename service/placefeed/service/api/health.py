"""Is it alive, is it ready, and how is it: for whoever runs the exchange."""

import structlog
from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.api.deps import Anyone, Running, answer
from placefeed.service.api.openapi import OBJECT, TEXT, answers, refuses
from placefeed.service.errors import Unavailable
from placefeed.service.figures import watched
from placefeed.service.migrations import at_head
from placefeed.service.running.parts import Exchange, lists_of
from placefeed.service.vitals import vitals

log = structlog.get_logger(__name__)
router = APIRouter(tags=["about"], default_response_class=Response)
NOT_KEPT = {"Cache-Control": "no-store"}


@router.get("/healthz", summary="Whether the process answers", responses=answers("It does.", OBJECT))
async def healthz(_caller: Anyone) -> Response:
    """Asks nothing of the database: a process is not restarted because the database is away."""
    return answer({"status": "ok"}, headers=NOT_KEPT)


@router.get(
    "/readyz",
    summary="Whether the exchange may be relied upon now",
    responses=answers("It may.", OBJECT) | refuses(503),
)
def readyz(_caller: Anyone, exchange: Running) -> Response:
    """The database answers, has the shape that this version expects, and the publisher has caught up.

    A publisher that is behind would leave stale places standing as free; until it has caught up this answers 503.
    """
    try:
        with exchange.database.read() as session:
            shaped = at_head(session.connection())
            seen = vitals(session, exchange.clock()) if shaped else None
    except SQLAlchemyError as error:
        log.warning("not ready: the database did not answer", error=type(error).__name__)
        raise Unavailable("The database does not answer.", headers={"Retry-After": "5"}) from None
    if seen is None:
        raise Unavailable(
            "The database has another shape than this version expects. Run: placefeed db upgrade.",
            headers={"Retry-After": "30"},
        )
    if seen.behind(exchange.settings.behind_after):
        raise Unavailable(
            f"The publisher is behind: {seen.pending_small + seen.pending_bulk} settings wait, the oldest for {seen.pending_age.total_seconds():.0f} s; "
            f"{seen.due} are due, the first for {seen.due_age.total_seconds():.0f} s.",
            headers={"Retry-After": "5"},
        )
    return answer({"status": "ready", "position": seen.position, "epoch": seen.epoch}, headers=NOT_KEPT)


@router.get(
    "/metrics",
    summary="What Prometheus may ask",
    responses=answers("The exposition.", {"text/plain": TEXT, "application/openmetrics-text": TEXT}),
)
def metrics(_caller: Anyone, request: Request, exchange: Running) -> Response:
    """Counts by route and status, latencies, what waits, and how far the log is. Nothing says who asked or for what."""
    text, content_type = exchange.metrics.text(request.headers.get("accept", ""))
    return Response(text, headers={"Content-Type": content_type, **NOT_KEPT})


def watch(exchange: Exchange) -> None:
    """Let the metrics look at the database (at most every few seconds), and at the list in memory."""
    metrics, snapshot = exchange.metrics, lists_of(exchange).snapshot
    metrics.watch(watched(exchange.database, exchange.clock))
    metrics.gauge(
        "placefeed_snapshot_position", "How far the list in this process has come.", lambda: snapshot.state.position
    )
    if exchange.database.replica is not None:
        metrics.replica(exchange.database.replica)
