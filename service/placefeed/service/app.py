"""Builds the application: `create_app(settings)` puts the parts together, the lifespan opens and closes them."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from anyio.to_thread import run_sync
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from placefeed.schema.issues import ENGINE
from placefeed.service.access.audit import ReadAudit
from placefeed.service.access.keyring import Keyring
from placefeed.service.access.sign_ins import SignIns
from placefeed.service.api import (
    asyncapi,
    docs,
    editions,
    feeds,
    health,
    keys,
    listings,
    open_feed,
    openapi,
    organisations,
    oversight,
    problems,
    public,
    register,
    root,
    sources,
    stream,
    submissions,
    subscriptions,
    terms,
    updates,
)
from placefeed.service.api import (
    settings as setting_routes,
)
from placefeed.service.api.edge import Edge
from placefeed.service.api.farewell import farewell
from placefeed.service.api.wire import Application
from placefeed.service.clock import Clock, system_clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.errors import PlacefeedError
from placefeed.service.pages import refusals
from placefeed.service.pages.routers import PAGES, UPLOADS
from placefeed.service.running.limits import RateLimiter
from placefeed.service.running.metrics import LEADER, LEADS, Metrics
from placefeed.service.running.parts import Exchange, hub_of, lists_of
from placefeed.service.telemetry import Telemetry, telemetry_of
from placefeed.service.worker import Worker

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

ROUTERS: tuple[APIRouter, ...] = (
    submissions.router,
    updates.router,
    setting_routes.router,
    register.router,
    organisations.router,
    keys.router,
    sources.router,
    subscriptions.router,
    oversight.router,
    root.router,
    docs.router,
    asyncapi.router,
    terms.router,
    health.router,
)

PLAIN = (stream, listings, feeds, editions, public, open_feed)
"""Modules with plain ASGI routes, where the framework would cost more than the answer: `routes()`, `openapi()`, `ALLOWED`."""

LARGE = {"/v1/submissions", "/v1/register/imports"}
"""Addresses whose bodies are files; all others are small documents or forms."""


def create_app(settings: Settings, *, clock: Clock = system_clock, telemetry: Telemetry | None = None) -> FastAPI:
    """The exchange as an ASGI application. Nothing is opened before its lifespan begins.

    `telemetry`: instead of what the settings ask for. Raises ValueError where they ask for traces and the libraries are missing.
    """
    traces = telemetry_of(settings) if telemetry is None else telemetry

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        exchange = await run_sync(_open, settings, clock, metrics, traces)
        app.state.exchange = exchange
        hub = hub_of(exchange)
        worker = Worker(exchange.database, settings, clock, metrics=metrics) if settings.worker else None
        metrics.gauge(LEADER, LEADS, lambda: float(worker is not None and worker.leads))
        if worker is not None:
            worker.start()
        try:
            with farewell(hub.part):
                yield
        finally:
            await hub.close()
            if worker is not None:
                await run_sync(worker.stop)
            await run_sync(_close, exchange)

    metrics = Metrics()
    app = Application(
        title=openapi.TITLE,
        version=ENGINE["version"],
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=cast("TelemetryConfig", traces.framework()),
    )
    # Flat, and not included one in the other: then an address that several routers serve is one address, and a test can
    # walk through all routes.
    plain = [route for module in PLAIN for route in module.routes()]
    app.router.routes.extend(plain)
    for router in ROUTERS:
        app.router.routes.extend(router.routes)
    for router in PAGES:
        app.router.routes.extend(router.routes)
    respond = _responder(settings)
    problems.install(app, respond)
    app.add_middleware(
        Edge,
        metrics=metrics,
        base_url=settings.base_url,
        respond=respond,
        body_limit=_body_limit(settings),
        paths=_paths(plain),
    )
    app.openapi = _once(app, settings)  # type: ignore[method-assign]  # the documented way to give one's own
    return app


def _responder(settings: Settings) -> problems.Respond:
    """Refusals as problem documents, and as pages for people."""
    document = problems.responder(settings.base_url)

    def respond(request: Request, error: PlacefeedError) -> Response:
        return refusals.refusal(request, error) if refusals.is_for_people(request) else document(request, error)

    return respond


def _open(settings: Settings, clock: Clock, metrics: Metrics, telemetry: Telemetry) -> Exchange:
    database = Database(settings)
    telemetry.start()
    database.trace(telemetry)
    exchange = Exchange(
        settings=settings,
        clock=clock,
        database=database,
        keyring=Keyring(database, clock),
        sign_ins=SignIns(database, clock),
        reads=ReadAudit(database),
        limiter=RateLimiter(settings.rate_per_minute),
        metrics=metrics,
        started_at=clock(),
    )
    database.listen()
    exchange.reads.start()
    lists_of(exchange)  # read before the first request is answered
    health.watch(exchange)
    return exchange


def _close(exchange: Exchange) -> None:
    exchange.metrics.watch(None)
    lists_of(exchange).close()
    exchange.reads.close()
    exchange.keyring.close()
    exchange.sign_ins.close()
    exchange.database.close()
    exchange.database.telemetry.close()


def _body_limit(settings: Settings) -> Any:
    def limit(scope: Scope) -> int:
        if scope["path"] in LARGE:
            return settings.max_body
        return settings.max_upload if scope["path"] in UPLOADS else settings.max_update

    return limit


def _paths(routes: Iterable[BaseRoute]) -> dict[int, str]:
    return {id(route.endpoint): route.path for route in routes if isinstance(route, Route)}


def _once(app: FastAPI, settings: Settings) -> Any:
    made: dict[str, Any] = {}

    plain = [(module.openapi(), module.ALLOWED) for module in PLAIN]

    def document() -> dict[str, Any]:
        if not made:
            made.update(openapi.document(app, version=ENGINE["version"], base_url=settings.base_url, plain=plain))
        return made

    return document
