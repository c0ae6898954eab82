"""What happens to every request and answer: an id, limits, security headers, a count, one line in the log, and a last net."""

import itertools
import re
import secrets
import time
import traceback
from collections.abc import Callable, Mapping

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from placefeed.service.api.problems import Respond
from placefeed.service.errors import BadRequest, PlacefeedError
from placefeed.service.running.limits import check_length, too_large
from placefeed.service.running.metrics import Metrics

log = structlog.get_logger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# An API has no scripts, frames or pictures; the few pages bring their own, narrower permission for their style sheet.
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


class Edge:
    """The outermost layer of our own, in plain ASGI: nothing is buffered, streams pass through."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        base_url: str,
        respond: Respond,
        body_limit: Callable[[Scope], int],
        paths: Mapping[int, str],
    ) -> None:
        self._app = app
        self._paths = (
            paths  # id of a plain route's endpoint -> its path: unlike the framework's, it does not say it itself
        )
        self._metrics = metrics
        self._respond = respond
        self._body_limit = body_limit
        self._https = base_url.startswith("https://")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send, https=self._https)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=exchange.request_id)
        started = time.perf_counter()
        try:
            if "\0" in scope["path"] or b"%00" in scope["query_string"]:  # no database keeps one in a text
                raise BadRequest("The address has a character (NUL) that nothing here has in its name.")
            limit = self._body_limit(scope)
            if scope["method"] not in READS:
                check_length(Request(scope), limit)
            await self._app(scope, _counted(receive, limit), exchange.send)
        except PlacefeedError as refusal:  # the limit, before any route
            await self._refuse(scope, receive, exchange, refusal)
        except Exception as error:  # the last net: whatever it was, the answer is a problem document
            # Neither the message nor the values are logged: they may hold what somebody sent.
            log.error("unexpected error", error=type(error).__name__, where=where(error))
            if exchange.status is not None:
                raise
            await self._refuse(
                scope,
                receive,
                exchange,
                PlacefeedError(
                    "This is our fault, and it has been noted. Try again later, or tell the operator the requestId."
                ),
            )
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", None) or self._paths.get(id(scope.get("endpoint")), "(none)")
            status = exchange.status or 499
            self._metrics.answered(route=route, method=_method(scope), status=status, seconds=seconds)
            # A read that went well is in the metrics and the audit; a line for each would cost more than the answer.
            slow = seconds > SLOW and route not in LASTING
            if scope["method"] not in READS or ((status >= 400 or slow) and route not in QUIET):
                log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))

    async def _refuse(self, scope: Scope, receive: Receive, exchange: "_Exchange", error: PlacefeedError) -> None:
        if exchange.status is None:
            await self._respond(Request(scope), error)(scope, receive, exchange.send)


QUIET = {"/healthz", "/readyz", "/metrics"}
LASTING = {"/v1/listings/stream"}  # answers that are meant to take long
READS = {"GET", "HEAD"}
SLOW = 1.0  # seconds
PROCESS = secrets.token_hex(4)  # the first half of the ids that this process gives; the second counts its requests
REQUESTS = itertools.count(1)
KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class _Exchange:
    """One request and its answer on the way out."""

    def __init__(self, scope: Scope, send: Send, *, https: bool) -> None:
        given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
        self.request_id = given if given and REQUEST_ID.fullmatch(given) else f"{PROCESS}{next(REQUESTS):08x}"
        self.status: int | None = None
        self._send = send
        self._https = https
        scope["request_id"] = self.request_id

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            # As bytes, in one go: this runs for every answer, and the list is often ready within microseconds.
            given = {name for name, _value in message["headers"]}
            wanted = [*RAW_HEADERS, HSTS] if self._https else RAW_HEADERS
            message["headers"] = [
                *(header for header in message["headers"] if header[0] != b"x-request-id"),
                *(header for header in wanted if header[0] not in given),
                (b"x-request-id", self.request_id.encode()),
            ]
        await self._send(message)


def _counted(receive: Receive, limit: int) -> Receive:
    """Count the bytes of a body that does not say its length; over the limit, refuse it while it is being read."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > limit:
                # The framework turns any other exception here into a 400.
                raise HTTPException(413, detail=str(too_large(limit)))
        return message

    return counted


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in KNOWN_METHODS else "OTHER"


def where(error: BaseException) -> list[str]:
    """The last steps to an error as file, line and function: no messages and no values."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return [f"{frame.filename.rpartition('/placefeed/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
