"""Builds the application: `create_app(settings)` puts the parts together, the lifespan opens and closes them."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from placefeed.schema.issues import ENGINE
from placefeed.service.access.audit import ReadAudit
from placefeed.service.access.keyring import Keyring
from placefeed.service.api import (
    docs,
    editions,
    health,
    keys,
    listings,
    openapi,
    organisations,
    oversight,
    problems,
    public,
    register,
    root,
    sources,
    submissions,
    updates,
)
from placefeed.service.api import (
    settings as setting_routes,
)
from placefeed.service.api.deps import Exchange
from placefeed.service.api.edge import Edge
from placefeed.service.api.limits import RateLimiter
from placefeed.service.api.metrics import Metrics
from placefeed.service.clock import Clock, system_clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.worker import Worker

ROUTERS: tuple[APIRouter, ...] = (
    submissions.router,
    updates.router,
    setting_routes.router,
    register.router,
    organisations.router,
    keys.router,
    sources.router,
    oversight.router,
    root.router,
    docs.router,
    health.router,
)

PLAIN = (listings, editions, public)
"""Modules with plain ASGI routes, where the framework would cost more than the answer: `routes()`, `openapi()`, `ALLOWED`."""

LARGE = {"/v1/submissions", "/v1/register/imports"}
"""Addresses whose bodies are files; all others are small documents."""


def create_app(settings: Settings, *, clock: Clock = system_clock) -> FastAPI:
    """The exchange as an ASGI application. Nothing is opened before its lifespan begins."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        exchange = await run_sync(_open, settings, clock, metrics)
        app.state.exchange = exchange
        worker = Worker(exchange.database, settings, clock, published=metrics.published) if settings.worker else None
        if worker is not None:
            worker.start()
        try:
            yield
        finally:
            if worker is not None:
                await run_sync(worker.stop)
            await run_sync(_close, exchange)

    metrics = Metrics()
    app = FastAPI(
        title=openapi.TITLE,
        version=ENGINE["version"],
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Off until it is configured (a later issue): asking whether it is on costs a tenth of a ready answer.
        telemetry={"tracing": False, "metrics": False, "logs": False},
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


def _open(settings: Settings, clock: Clock, metrics: Metrics) -> Exchange:
    database = Database(settings)
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
