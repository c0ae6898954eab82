"""The traces themselves: imported by `telemetry` only when they are asked for, since it needs OpenTelemetry's SDK."""

import os
import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from placefeed.service.config import Settings

UNTRACED = frozenset({"/healthz", "/readyz", "/metrics", "/v1/listings/stream"})
"""Asked every few seconds, or open for hours."""
HIDDEN = ("url.path", "url.query", "server.address", "http.request.method_original")
"""A caller may have written anything into them; the route is told."""
SUMMARY = re.compile(r"\s*(\w+)(?:.*?\b(?:FROM|INTO|UPDATE)\s+\"?([a-z_]+))?", re.IGNORECASE | re.DOTALL)


class Tracing:
    """Spans by a provider of our own: nothing global is set, so that two applications in one process trace apart."""

    on = True

    def __init__(self, exporter: SpanExporter, *, at_once: bool = False) -> None:
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "placefeed"}
        self.provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        self.provider.add_span_processor(_Discreet())
        self._exporter = exporter
        self._at_once = at_once
        self._tracer = self.provider.get_tracer("placefeed")

    def start(self) -> None:
        """Begin to send: a thread does, a batch at a time."""
        processor = SimpleSpanProcessor(self._exporter) if self._at_once else BatchSpanProcessor(self._exporter)
        self.provider.add_span_processor(processor)

    def close(self) -> None:
        """Send what is left, and end."""
        self.provider.shutdown()

    @contextmanager
    def span(self, name: str, /, **about: str | int | bool) -> Iterator[None]:
        """A piece of work. How it failed is told by the error's class alone."""
        # Not the library's own record of an exception: its message may hold what somebody sent.
        with self._tracer.start_as_current_span(
            name, attributes=_named(about), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise

    def note(self, **about: str | int | bool) -> None:
        """Say more about the span that is under way."""
        trace.get_current_span().set_attributes(_named(about))

    def framework(self) -> Mapping[str, Any]:
        """A span for each request. Its own logs would repeat exceptions' messages; its metrics are ours already."""
        return {
            "tracer_provider": self.provider,
            "tracing": True,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
            "exclude": _untraced,
        }

    def watch(self, engine: sa.Engine, system: str, /) -> None:
        """A span for each statement below another span: its verb and first table, never its text or values."""

        def begin(connection: sa.Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
            span = None
            if trace.get_current_span().is_recording():  # a look of the background at an empty table is no trace
                verb, table = _summary(statement)
                about = {
                    "db.system.name": system,
                    "db.operation.name": verb,
                    "db.query.summary": f"{verb} {table}".strip(),
                }
                span = self._tracer.start_span(about["db.query.summary"], kind=SpanKind.CLIENT, attributes=about)
            connection.info.setdefault("placefeed.spans", []).append(span)

        def end(connection: sa.Connection, *_rest: Any) -> None:
            open_spans = connection.info.get("placefeed.spans")
            span = open_spans.pop() if open_spans else None
            if span is not None:
                span.end()

        def failed(context: Any) -> None:
            open_spans = context.connection.info.get("placefeed.spans") if context.connection is not None else None
            span = open_spans.pop() if open_spans else None
            if span is not None:
                span.set_attribute("error.type", type(context.original_exception).__name__)
                span.set_status(StatusCode.ERROR)
                span.end()

        sa.event.listen(engine, "before_cursor_execute", begin)
        sa.event.listen(engine, "after_cursor_execute", end)
        sa.event.listen(engine, "handle_error", failed)


class _Discreet(SpanProcessor):
    """Takes out of the framework's spans what a caller may have written anything into."""

    def on_start(self, span: Span, parent_context: Any = None) -> None:  # noqa: ARG002 - the SDK gives it by name
        for name in HIDDEN:
            if span.attributes and name in span.attributes:
                span.set_attribute(name, "-")


def otlp_exporter(settings: Settings) -> SpanExporter:
    """Sends to a collector over HTTP. Raises ImportError where the exporter is not installed."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # type: ignore[import-not-found,unused-ignore]
        OTLPSpanExporter,
    )

    if settings.otlp_endpoint is None:
        return OTLPSpanExporter()  # type: ignore[no-any-return,unused-ignore]  # untyped where it is not installed
    return OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")  # type: ignore[no-any-return,unused-ignore]


def trace_ids(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of the log: which trace a line belongs to."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _untraced(scope: MutableMapping[str, Any]) -> bool:
    return scope["type"] != "http" or scope["path"] in UNTRACED


def _named(about: Mapping[str, str | int | bool]) -> dict[str, str | int | bool]:
    return {f"placefeed.{name}": value for name, value in about.items()}


def _summary(statement: str) -> tuple[str, str]:
    found = SUMMARY.match(statement)
    return (found[1].upper(), (found[2] or "").lower()) if found else ("", "")
