"""What Prometheus may ask: requests, latencies, and how far the publisher is. A registry of its own for each application."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from placefeed.service.vitals import Vitals

QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The counters of one application. Labels are routes and statuses, never who asked or for what."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "placefeed_requests", "Requests answered.", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "placefeed_request_seconds",
            "Time to the end of the answer.",
            ["route"],
            buckets=QUICK,
            registry=self.registry,
        )
        self._intake = Histogram(
            "placefeed_intake_seconds",
            "Time to take in a submission or update, durably.",
            ["kind"],
            buckets=QUICK,
            registry=self.registry,
        )
        self._publish = Histogram(
            "placefeed_publish_seconds",
            "Time that a publishing transaction took.",
            buckets=QUICK,
            registry=self.registry,
        )
        self._changed = Counter("placefeed_published", "Settings published by this process.", registry=self.registry)
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._watch = _Watch()
        self.registry.register(self._watch)

    def answered(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer."""
        key = (route, method, status)
        children = self._children.get(key)
        if children is None:  # routes, methods and statuses are few; looking up their labels costs more than counting
            children = self._children[key] = (
                self._requests.labels(route, method, str(status)),
                self._seconds.labels(route),
            )
        children[0].inc()
        children[1].observe(seconds)

    def took_in(self, kind: str, seconds: float) -> None:
        """Count an intake: `submission`, `large` (spooled only) or `update`."""
        self._intake.labels(kind).observe(seconds)

    def published(self, settings: int, seconds: float) -> None:
        """Count a publication made by this process."""
        self._publish.observe(seconds)
        self._changed.inc(settings)

    def watch(self, look: Callable[[], Vitals] | None) -> None:
        """Ask `look` at each scrape for what stands in the database; None while it is closed."""
        self._watch.look = look

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)


class _Watch(Collector):
    def __init__(self) -> None:
        self.look: Callable[[], Vitals] | None = None

    def describe(self) -> Iterator[GaugeMetricFamily]:
        # Registering must not read the database, which is what the default does to learn the names.
        yield GaugeMetricFamily("placefeed_position", "The log's highest position.")

    def collect(self) -> Iterator[GaugeMetricFamily]:
        if self.look is None:
            return
        seen = self.look()
        yield GaugeMetricFamily("placefeed_position", "The log's highest position.", value=seen.position)
        yield GaugeMetricFamily("placefeed_epoch", "Rises when a backup is put back.", value=seen.epoch)
        pending = GaugeMetricFamily("placefeed_pending", "Settings that wait for the publisher.", labels=["kind"])
        pending.add_metric(["small"], seen.pending_small)
        pending.add_metric(["bulk"], seen.pending_bulk)
        yield pending
        yield GaugeMetricFamily(
            "placefeed_pending_oldest_seconds", "Age of the oldest that waits.", value=seen.pending_age.total_seconds()
        )
        yield GaugeMetricFamily(
            "placefeed_due", "Settings that time alone has changed and nobody published.", value=seen.due
        )
        yield GaugeMetricFamily(
            "placefeed_due_oldest_seconds", "How late the first of them is.", value=seen.due_age.total_seconds()
        )
        yield GaugeMetricFamily(
            "placefeed_submissions_working", "Large submissions not yet worked.", value=seen.working
        )
        yield GaugeMetricFamily("placefeed_alerts_open", "Alerts that nobody has resolved.", value=seen.alerts)
