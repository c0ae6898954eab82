"""Traces: none and nothing imported unless they are asked for; then one for each piece of work, that says nothing anybody sent."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient

from placefeed.service.app import create_app
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.intake import submit
from placefeed.service.telemetry import OFF, asked_for, telemetry_of
from placefeed.service.worker import Worker
from tests.service.api.exchange import BASE, OURS, World, feed_of, peopled
from tests.service.conftest import MovableClock

IDLE = """
import sys
from placefeed.service.cli import register
from placefeed.service.app import create_app
from placefeed.service.config import Settings
from placefeed.service.worker import Worker
create_app(Settings())
print(sorted(name for name in sys.modules if name.startswith("opentelemetry.sdk") or name.startswith("opentelemetry.exporter")))
"""


class Traced(World):
    """A running exchange whose spans are kept."""

    exporter: InMemorySpanExporter

    def spans(self) -> list[ReadableSpan]:
        """What was traced since it was last asked."""
        done = list(self.exporter.get_finished_spans())
        self.exporter.clear()
        return done


@pytest.fixture
def traced(settings: Settings, clock: MovableClock) -> Iterator[Traced]:
    exporter = InMemorySpanExporter()
    chosen = settings.model_copy(update={"base_url": BASE})
    app = create_app(chosen, clock=clock, telemetry=telemetry_of(chosen, exporter=exporter))
    with TestClient(app, base_url=BASE) as client:
        world = Traced(client, app, chosen, clock)
        world.exporter = exporter
        peopled(world)
        world.spans()
        yield world


def named(spans: list[ReadableSpan], name: str) -> ReadableSpan:
    (found,) = (span for span in spans if span.name == name)
    return found


def below(spans: list[ReadableSpan], parent: ReadableSpan) -> list[str]:
    return [span.name for span in spans if span.parent is not None and span.parent.span_id == parent.context.span_id]


def test_nothing_is_imported_or_traced_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}

    done = subprocess.run([sys.executable, "-c", IDLE], capture_output=True, text=True, check=True, env=clean)

    assert done.stdout.strip() == "[]"
    for name in os.environ:
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    assert telemetry_of(Settings()) is OFF


def test_our_setting_and_the_librarys_own_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_for(Settings(otlp_endpoint="http://127.0.0.1:4318"))
    assert not asked_for(Settings())
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert asked_for(Settings())
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert not asked_for(Settings(otlp_endpoint="http://127.0.0.1:4318"))


def test_asked_for_without_the_libraries_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(ValueError, match=r"install placefeed\[service,telemetry\]"):
        create_app(Settings(otlp_endpoint="http://127.0.0.1:4318"))


def test_a_submission_is_traced_from_the_request_to_its_statements(traced: Traced) -> None:
    taken = traced.push("provider", feed_of(OURS), headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})

    spans = traced.spans()
    request, intake = named(spans, "POST /v1/submissions"), named(spans, "intake")
    assert format(request.context.trace_id, "032x") == "a" * 32, "it goes on with the caller's trace"
    assert intake.parent is not None
    assert intake.parent.span_id == request.context.span_id
    assert intake.attributes is not None
    assert intake.attributes["placefeed.submission"] == taken.json()["submission"]
    statements = below(spans, intake)
    assert "INSERT submission" in statements
    assert "INSERT pending" in statements


def test_a_publication_is_traced_and_a_look_at_nothing_is_not(traced: Traced) -> None:
    worker = Worker(traced.database, traced.settings, traced.clock, schedule=False)
    submission = traced.push("provider", feed_of(OURS)).json()["submission"]
    traced.spans()

    worker._publish_step()
    spans = traced.spans()
    publish = named(spans, "publish")
    assert publish.attributes is not None
    assert publish.attributes["placefeed.submissions"] == submission
    assert "INSERT listing" in below(spans, publish)

    worker._publish_step()
    assert traced.spans() == []


def test_the_work_of_a_large_submission_is_traced(settings: Settings, database: Database, clock: MovableClock) -> None:
    from tests.service.feeds import Desk, feed, record, urns

    exporter = InMemorySpanExporter()
    telemetry = telemetry_of(settings, exporter=exporter)
    telemetry.start()
    database.trace(telemetry)
    desk = Desk(database, settings, clock)
    desk.provider(speaks_for=urns(1))
    taken = desk.send_large(json.dumps(feed([record("SC000001", desk.ago(minutes=5))], desk.now)).encode(), work=False)

    assert submit.work(database, settings=settings, clock=clock)

    work = named(list(exporter.get_finished_spans()), "intake.work")
    assert dict(work.attributes or {}) == {
        "placefeed.submission": taken.submission_id,
        "placefeed.source": "example-homes-push",
    }
    telemetry.close()


def test_no_span_says_what_anybody_sent(traced: Traced) -> None:
    traced.call("member", "GET", "/v1/listings?text=sesame")
    traced.call("nobody", "GET", "/sesame?sesame=sesame", headers={"Host": "sesame"})
    traced.call("provider", "PUT", f"/v1/settings/{OURS}/vacancies/sesame", json={"places": "sesame"})
    traced.push("provider", {"standard": "sesame"})
    with pytest.raises(sa.exc.DBAPIError), traced.database.telemetry.span("wrong"), traced.database.read() as session:
        session.execute(sa.text("SELECT 'sesame' FROM nowhere_at_all"))

    spans = traced.spans()
    told = json.dumps([json.loads(span.to_json()) for span in spans])
    assert "sesame" not in told
    wrong = named(spans, "wrong")
    assert wrong.attributes is not None
    assert wrong.attributes["error.type"] in ("OperationalError", "ProgrammingError")
    assert "SELECT nowhere_at_all" in below(spans, wrong)


def test_health_and_metrics_are_not_traced(traced: Traced) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert traced.call("nobody", "GET", path).status_code == 200

    assert traced.spans() == []


def test_the_log_names_the_trace(traced: Traced) -> None:
    from placefeed.service.tracing import trace_ids

    event: dict[str, Any] = {}
    with traced.database.telemetry.span("piece"):
        trace_ids(None, "info", event)

    assert event["trace_id"] == format(traced.spans()[0].context.trace_id, "032x")
    assert trace_ids(None, "info", {}) == {}
