"""Every error as an RFC 9457 problem document, from the one table in `errors`; the input is never echoed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from placefeed.adapters import base as adapters
from placefeed.service import errors
from placefeed.service.errors import PlacefeedError

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"


class MethodNotAllowed(PlacefeedError):
    """The address exists, but takes other methods; `Allow` names them."""

    status, slug, title = 405, "method-not-allowed", "This address does not take that method"


# Statuses that the web framework itself raises.
_BY_STATUS: dict[int, type[PlacefeedError]] = {
    400: errors.BadRequest,
    401: errors.NotAuthenticated,
    403: errors.NotAllowed,
    404: errors.NotFound,
    405: MethodNotAllowed,
    406: errors.NotAcceptable,
    413: errors.TooLarge,
    415: errors.UnsupportedMediaType,
    422: errors.Invalid,
    503: errors.Unavailable,
}

# What a failure to read somebody's file means for the one who sent it.
_BY_ADAPTER_ERROR: tuple[tuple[type[adapters.AdapterError], type[PlacefeedError]], ...] = (
    (adapters.TooLarge, errors.TooLarge),
    (adapters.Unreachable, errors.Unavailable),
    (adapters.AdapterError, errors.Invalid),
)

# Messages of our own for what pydantic finds, so that nothing of the input is repeated.
_WORDS = {
    "missing": "This is missing.",
    "extra_forbidden": "This is not known here; check its spelling.",
    "int_type": "This must be a whole number.",
    "int_parsing": "This must be a whole number.",
    "bool_type": "This must be true or false.",
    "bool_parsing": "This must be true or false.",
    "string_type": "This must be text.",
    "string_too_long": "This is too long.",
    "string_too_short": "This is too short.",
    "string_pattern_mismatch": "This is not in the form that is expected here.",
    "literal_error": "This is not one of the words that are taken here.",
    "list_type": "This must be a list.",
    "dict_type": "This must be an object.",
    "model_attributes_type": "This must be an object.",
    "greater_than_equal": "This number is too small.",
    "less_than_equal": "This number is too large.",
}


def problem(error: PlacefeedError, *, base_url: str, request_id: str | None = None) -> dict[str, Any]:
    """The problem document of a refusal: type (a page that explains it), title, status, detail, errors, requestId."""
    document: dict[str, Any] = {
        "type": f"{base_url.rstrip('/')}/problems/{error.slug}",
        "title": error.title,
        "status": error.status,
        "detail": str(error),
        **error.extra,
    }
    if error.errors:
        document["errors"] = error.errors
    if request_id:
        document["requestId"] = request_id
    return document


def answer(error: PlacefeedError, *, base_url: str, request_id: str | None = None) -> Response:
    """The problem document as a response, with the headers that the error asks for."""
    headers = {"Cache-Control": "no-store", **error.headers}
    if error.status == 401:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="placefeed"')
    body = orjson.dumps(problem(error, base_url=base_url, request_id=request_id), option=orjson.OPT_UTC_Z)
    return Response(body, status_code=error.status, headers=headers, media_type=MEDIA_TYPE)


Respond = Callable[[Request, PlacefeedError], Response]
"""How a refusal is answered."""


def responder(base_url: str) -> Respond:
    """With a problem document."""

    def respond(request: Request, error: PlacefeedError) -> Response:
        return answer(error, base_url=base_url, request_id=request.scope.get("request_id"))

    return respond


def install(app: FastAPI, respond: Respond) -> None:
    """Make the application answer every refusal, its own and the framework's, in this way."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, PlacefeedError)
        return respond(request, error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return respond(request, from_validation(error.errors()))

    async def framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return respond(request, _from_framework(request, error))

    async def adapter(request: Request, error: Exception) -> Response:
        kind = next(made for known, made in _BY_ADAPTER_ERROR if isinstance(error, known))
        return respond(request, kind(str(error)))

    async def database(request: Request, error: Exception) -> Response:
        # The statement and its values stay out of the log: they may hold anything.
        log.error("the database did not answer", error=type(error).__name__)
        return respond(
            request,
            errors.Unavailable("The database did not answer. Try again in a moment.", headers={"Retry-After": "5"}),
        )

    app.add_exception_handler(PlacefeedError, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, framework)
    app.add_exception_handler(adapters.AdapterError, adapter)
    app.add_exception_handler(sa.exc.OperationalError, database)
    app.add_exception_handler(sa.exc.TimeoutError, database)


def from_validation(found: Sequence[Mapping[str, Any]]) -> PlacefeedError:
    """What pydantic found, with JSON Pointers (body) or parameter names, and none of the input."""
    if any(entry["type"] == "json_invalid" for entry in found):
        return errors.BadRequest("The body is not JSON.")
    if any(entry["loc"][:1] == ("path",) for entry in found):
        return errors.NotFound("There is nothing at this address that you can see. GET /v1 lists what there is.")
    details: list[dict[str, Any]] = []
    for entry in found:
        where, *path = entry["loc"] or ("body",)
        detail = {"detail": _words(entry)}
        if where == "body":
            detail["pointer"] = pointer(path)
        else:
            detail["parameter"] = str(path[0]) if path else str(where)
        details.append(detail)
    named = ", ".join(sorted({entry.get("pointer") or entry.get("parameter") or "the body" for entry in details}))
    if all("parameter" in entry for entry in details):
        return errors.BadRequest(f"Check the parameters: {named}.", errors=details)
    return errors.Invalid(f"Check these parts of the document: {named}.", errors=details)


def _words(entry: Mapping[str, Any]) -> str:
    if entry["type"] == "value_error":  # raised by our own checks, whose messages never repeat the value
        return str(entry.get("ctx", {}).get("error", "")) or "This is not in the form that is expected here."
    return _WORDS.get(entry["type"], "This is not in the form that is expected here.")


def pointer(path: Iterable[Any]) -> str:
    """A JSON Pointer (RFC 6901) from the steps of a path."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _from_framework(request: Request, error: HTTPException) -> PlacefeedError:
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        kind = errors.BadRequest if error.status_code < 500 else PlacefeedError
    if kind is MethodNotAllowed:
        allowed = sorted(methods_at(request.app.router.routes, request.scope))
        return MethodNotAllowed(f"This address takes {', '.join(allowed)}.", headers={"Allow": ", ".join(allowed)})
    if kind is errors.TooLarge:
        return errors.TooLarge(str(error.detail))  # raised by `edge`, while the body was being read
    if kind is errors.NotFound:
        return errors.NotFound("There is nothing at this address that you can see. GET /v1 lists what there is.")
    return kind()


def methods_at(routes: Iterable[BaseRoute], scope: Mapping[str, Any]) -> set[str]:
    """All methods that an address takes; the framework's own `Allow` names only those of one route."""
    return {
        method
        for route in routes
        if route.matches(dict(scope))[0] is not Match.NONE
        for method in (getattr(route, "methods", None) or ())
    }
