"""Builds the application: `create_app(settings)` puts the parts together, the lifespan opens and closes them."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from anyio.to_thread import run_sync
from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from placefeed.schema.issues import ENGINE
from placefeed.service.access.audit import ReadAudit
from placefeed.service.access.keyring import Keyring
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
from placefeed.service.api.deps import Exchange
from placefeed.service.api.edge import Edge
from placefeed.service.api.farewell import farewell
from placefeed.service.api.limits import RateLimiter
from placefeed.service.api.metrics import LEADER, LEADS, Metrics
from placefeed.service.api.wire import Application
from placefeed.service.clock import Clock, system_clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
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
"""Addresses whose bodies are files; all others are small documents."""


def create_app(settings: Settings, *, clock: Clock = system_clock, telemetry: Telemetry | None = None) -> FastAPI:
    """The exchange as an ASGI application. Nothing is opened before its lifespan begins.

    `telemetry`: instead of what the settings ask for. Raises ValueError where they ask for traces and the libraries are missing.
    """
    traces = telemetry_of(settings) if telemetry is None else telemetry

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        exchange = await run_sync(_open, settings, clock, metrics, traces)
        app.state.exchange = exchange
        hub = stream.hub_of(exchange)
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
    problems.install(app, base_url=settings.base_url)
    app.add_middleware(
        Edge, metrics=metrics, base_url=settings.base_url, body_limit=_body_limit(settings), paths=_paths(plain)
    )
    app.openapi = _once(app, settings)  # type: ignore[method-assign]  # the documented way to give one's own
    return app


def _open(settings: Settings, clock: Clock, metrics: Metrics, telemetry: Telemetry) -> Exchange:
    database = Database(settings)
    telemetry.start()
    database.trace(telemetry)
    exchange = Exchange(
        settings=settings,
        clock=clock,
        database=database,
        keyring=Keyring(database, clock),
        reads=ReadAudit(database),
        limiter=RateLimiter(settings.rate_per_minute),
        metrics=metrics,
        started_at=clock(),
    )
    database.listen()
    exchange.reads.start()
    listings.lists_of(exchange)  # read before the first request is answered
    health.watch(exchange)
    return exchange


def _close(exchange: Exchange) -> None:
    exchange.metrics.watch(None)
    listings.lists_of(exchange).close()
    exchange.reads.close()
    exchange.keyring.close()
    exchange.database.close()
    exchange.database.telemetry.close()


def _body_limit(settings: Settings) -> Any:
    def limit(scope: Scope) -> int:
        return settings.max_body if scope["path"] in LARGE else settings.max_update

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
