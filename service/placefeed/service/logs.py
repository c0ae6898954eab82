"""The log, for people or as JSON lines: what happened, never what somebody sent.

A JSON line begins with `time`, `level`, `event` and `logger`; then come, where they are known, `request_id`, `submission`,
`source`, `subscription`, and whatever else the event has to say. They are bound where work begins, so that every line of that
work carries them: one request is followed by its `request_id` through intake, and by its submission through the worker to
the line that says it was published.
"""

import contextlib
import logging
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from placefeed.service.config import Settings
from placefeed.service.telemetry import asked_for

FIRST = (
    "time", "level", "event", "logger", "request_id", "submission", "source", "subscription", "trace_id", "span_id",
)  # fmt: skip
FRAMES = 12  # of a traceback, the innermost
PLAIN = ("OperationalError", "InterfaceError", "PoolTimeout")
"""Errors of a connection: their words are the database's own, and the operator needs them."""


def configure(settings: Settings) -> None:
    """Set up logging for this process; commands call it, `create_app` does not."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    if asked_for(settings):
        with contextlib.suppress(ImportError):  # whoever makes traces says what is missing
            from placefeed.service.tracing import trace_ids

            shared.append(trace_ids)
    renderers: list[Processor] = (
        [in_order, structlog.processors.JSONRenderer()]
        if settings.log_json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), timestamp_key="time")]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, discreet, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("httpx2", "httpcore2", "apscheduler", "uvicorn.access", "asyncssh"):
        # These log whole addresses, which may carry keys.
        logging.getLogger(chatty).setLevel(logging.WARNING)


def request_id() -> str | None:
    """The id of the request that is being answered, if one is: kept with what it brings."""
    return structlog.contextvars.get_contextvars().get("request_id")


def discreet(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """An exception as its class and the places it passed: its message, and the values of variables, may be what somebody sent."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else None
    if given is True:
        error = sys.exc_info()[1]
    if error is not None:
        event["exception"] = told(error)
    return event


def told(error: BaseException) -> str:
    """An exception, and what it came from, without their words."""
    parts: list[str] = []
    one: BaseException | None = error
    while one is not None and len(parts) < 5:
        name = type(one).__name__
        original = getattr(one, "orig", None)  # the driver's, inside SQLAlchemy's
        words = str(original or one).strip().partition("\n")[0] if name in PLAIN else ""
        places = [
            f"  {frame.filename.rpartition('/placefeed/')[2]}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(one.__traceback__)[-FRAMES:]
        ]
        parts.append("\n".join([f"{name}: {words}" if words else name, *places]))
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\nfrom ".join(parts)


def in_order(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """The keys that every line has come first, always in the same order."""
    return {name: event[name] for name in FIRST if name in event} | {
        name: value for name, value in event.items() if name not in FIRST
    }
