"""Traces for whoever runs the exchange (OpenTelemetry), when they are asked for: nothing of it is even imported otherwise.

A span says what was done, for how long and how it ended: names, routes, ids and counts; never a statement's values, an
address with its parameters, an error's message or anything that somebody sent.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol

import sqlalchemy as sa

from placefeed.service.config import Settings

ASKED_BY = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""The SDK's own variables; beside them it honours OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER and the others."""
_NOTHING: Final[AbstractContextManager[None]] = nullcontext()


class Telemetry(Protocol):
    """Makes spans, or does not."""

    @property
    def on(self) -> bool:
        """Whether it does."""
        ...

    def span(self, name: str, /, **about: str | int | bool) -> AbstractContextManager[None]:
        """A piece of work, below the one that is under way; `about` are ids and counts."""
        ...

    def note(self, **about: str | int | bool) -> None:
        """Say more about the span that is under way."""
        ...

    def watch(self, engine: sa.Engine, system: str, /) -> None:
        """Make a span of each statement that is part of another span."""
        ...

    def framework(self) -> Mapping[str, Any]:
        """What the web framework is told (`FastAPI(telemetry=...)`)."""
        ...

    def start(self) -> None:
        """Begin to send."""
        ...

    def close(self) -> None:
        """Send what is left, and end."""
        ...


class _Off:
    """No spans, and nothing imported."""

    on = False

    def span(self, _name: str, /, **_about: str | int | bool) -> AbstractContextManager[None]:
        return _NOTHING

    def note(self, **_about: str | int | bool) -> None:
        return

    def watch(self, _engine: sa.Engine, _system: str, /) -> None:
        return

    def framework(self) -> Mapping[str, Any]:
        # Asking for each request whether it is on costs a tenth of a ready answer.
        return {"tracing": False, "metrics": False, "logs": False}

    def start(self) -> None:
        return

    def close(self) -> None:
        return


OFF: Final[Telemetry] = _Off()


def asked_for(settings: Settings) -> bool:
    """Whether traces are wanted: by our setting, or by the SDK's own variables."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return bool(settings.otlp_endpoint or any(os.environ.get(name) for name in ASKED_BY))


def telemetry_of(settings: Settings, *, exporter: Any = None) -> Telemetry:
    """Traces as the settings want them. Raises ValueError where they are wanted and the libraries are missing.

    `exporter` takes the place of the one that sends: for tests.
    """
    if exporter is None and not asked_for(settings):
        return OFF
    try:
        from placefeed.service.tracing import Tracing, otlp_exporter

        return Tracing(exporter if exporter is not None else otlp_exporter(settings), at_once=exporter is not None)
    except ImportError:
        raise ValueError(
            "Traces are asked for (PLACEFEED_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT), but their libraries are missing: "
            "install placefeed[service,telemetry]."
        ) from None
