"""The parts of one running application, and how a request finds them: routes and pages ask here for the list, the streams and the audit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

from anyio.to_thread import run_sync
from starlette.requests import Request

from placefeed.service.access.audit import ReadAudit
from placefeed.service.access.keyring import Keyring
from placefeed.service.access.sign_ins import SignIns, Visitor
from placefeed.service.access.who import Caller
from placefeed.service.channels.lists import Lists
from placefeed.service.channels.stream.hub import Hub
from placefeed.service.clock import Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.errors import Unavailable
from placefeed.service.publishing.sight import View
from placefeed.service.running.limits import RateLimiter
from placefeed.service.running.metrics import Metrics
from placefeed.service.running.origin import cookie_of

T = TypeVar("T")


@dataclass(slots=True)
class Exchange:
    """The parts of one running application; `create_app` makes it, the lifespan opens and closes it."""

    settings: Settings
    clock: Clock
    database: Database
    keyring: Keyring
    sign_ins: SignIns
    reads: ReadAudit
    limiter: RateLimiter
    metrics: Metrics
    started_at: datetime
    kept: dict[type[Any], Any] = field(default_factory=dict)

    def keep(self, kind: type[T], make: Callable[[], T]) -> T:
        """The one `kind` of this application (a snapshot, a cache), made at first use."""
        if kind not in self.kept:
            self.kept.setdefault(kind, make())
        return cast("T", self.kept[kind])


def exchange_of(request: Request) -> Exchange:
    """The running exchange behind a request."""
    return cast("Exchange", request.app.state.exchange)


async def visitor_of(request: Request) -> Visitor | None:
    """Who is signed in in the browser that sent this request, by its cookie; None for nobody."""
    exchange = exchange_of(request)
    cookie = cookie_of(request, exchange.settings)
    if cookie is None:
        return None
    return exchange.sign_ins.remembered(cookie) or await run_sync(exchange.sign_ins.visitor, cookie)


def lists_of(exchange: Exchange) -> Lists:
    """The list of this application, made and started at first use; the lifespan asks for it, and closes it."""

    def start() -> Lists:
        lists = Lists(exchange.database, settings=exchange.settings, clock=exchange.clock)
        lists.start()
        return lists

    return exchange.keep(Lists, start)


def hub_of(exchange: Exchange) -> Hub:
    """The streams of this application. The lifespan asks for them first, on the loop, and closes them."""

    def start() -> Hub:
        snapshot = lists_of(exchange).snapshot
        hub = Hub(snapshot, exchange.database, settings=exchange.settings, clock=exchange.clock)
        metrics = exchange.metrics
        metrics.gauge("placefeed_streams", "Streams that are open.", lambda: hub.open)
        metrics.counter("placefeed_stream_events", "Events written to streams.", lambda: hub.told)
        for why in hub.ended:
            metrics.counter(
                "placefeed_streams_ended",
                "Streams that are over, by why: the reader left, or how we ended it.",
                lambda why=why: hub.ended[why],  # type: ignore[misc]  # bound now, not at the last turn
                reason=why,
            )
        return hub

    return exchange.keep(Hub, start)


async def view_for(exchange: Exchange, caller: Caller) -> View:
    """What the caller may see, from memory where it was asked a moment ago."""
    views = lists_of(exchange).views
    view = views.remembered(caller)
    return view if view is not None else await run_sync(views.of, caller)


def note_read(exchange: Exchange, caller: Caller, action: str, subject: str) -> None:
    """Audit a read; raises Unavailable when reads can't be recorded any more, rather than let one go unrecorded."""
    if not exchange.reads.record(caller=caller, action=action, subject=subject, at=exchange.clock()):
        raise Unavailable(
            "Reads cannot be recorded just now, so none are answered. Try again in a minute.",
            headers={"Retry-After": "60"},
        )
