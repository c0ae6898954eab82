"""What Prometheus may ask: what this process did, and how the whole exchange is. A registry of its own for each application.

Labels are routes, statuses and kinds, of which there are few: never who asked, for what, or which subscription.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from placefeed.schema.issues import ENGINE
from placefeed.service.figures import Figures
from placefeed.service.replica import Replica
from placefeed.service.running.families import families

log = structlog.get_logger(__name__)

QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
PATIENT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
LEADER, LEADS = "placefeed_leader", "Whether this process runs the schedule."
DELIVERED, REFUSED, UNREACHABLE = "delivered", "refused", "unreachable"

Look = Callable[[], Figures]
Ask = Callable[[], float]


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._requests = Counter(
            "placefeed_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self._seconds = Histogram(
            "placefeed_request_seconds", "Time to the end of the answer.", ["route"], buckets=QUICK, registry=registry
        )
        self._intake = Histogram(
            "placefeed_intake_seconds",
            "From received to committed: a submission or update at once (`large`: kept safe only), `worked`: to its end.",
            ["kind"],
            buckets=PATIENT,
            registry=registry,
        )
        self._publish = Histogram(
            "placefeed_publish_seconds", "Time that a publishing transaction took.", buckets=QUICK, registry=registry
        )
        self._delay = Histogram(
            "placefeed_publish_delay_seconds",
            "From a setting's touch (small, bulk), or from when time alone changed it (due), to a position that all can see.",
            ["kind"],
            buckets=PATIENT,
            registry=registry,
        )
        self._changed = Counter("placefeed_published", "Settings published by this process.", registry=registry)
        self._positions = Counter("placefeed_positions", "Positions that this process has written.", registry=registry)
        self._failed = Counter(
            "placefeed_steps_failed",
            "Steps of a background loop that failed and are tried again.",
            ["loop"],
            registry=registry,
        )
        self._deliveries = Counter(
            "placefeed_deliveries", "Attempts to tell a subscriber.", ["channel", "outcome"], registry=registry
        )
        self._delivery = Histogram(
            "placefeed_delivery_seconds", "Time that an attempt took.", ["channel"], buckets=PATIENT, registry=registry
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._watch = _Watch()
        self._own = _Own()
        registry.register(self._watch)
        registry.register(self._own)
        ProcessCollector(registry=registry)

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
        """Count an intake: `submission`, `large` (spooled only), `worked` (a large one, to its end) or `update`."""
        self._intake.labels(kind).observe(seconds)

    def published(
        self, settings: int, seconds: float, *, positions: int = 0, delays: Iterable[tuple[str, float]] = ()
    ) -> None:
        """Count a publication made by this process; `delays`: for how long each waited that was in it."""
        self._publish.observe(seconds)
        self._changed.inc(settings)
        self._positions.inc(positions)
        for kind, waited in delays:
            self._delay.labels(kind).observe(max(0.0, waited))

    def failed(self, loop: str) -> None:
        """Count a step of a background loop that failed."""
        self._failed.labels(loop).inc()

    def delivered(self, channel: str, *, ok: bool, status: int | None, seconds: float) -> None:
        """Count an attempt to tell a subscriber; `status` is None where no answer came."""
        outcome = DELIVERED if ok else UNREACHABLE if status is None else REFUSED
        self._deliveries.labels(channel, outcome).inc()
        self._delivery.labels(channel).observe(seconds)

    def gauge(self, name: str, what: str, ask: Ask, **labels: str) -> None:
        """Ask `ask` at each scrape for something of this process; it must be quick and need no database."""
        self._own.add(name, what, ask, labels, rising=False)

    def counter(self, name: str, what: str, ask: Ask, **labels: str) -> None:
        """The same for something that only rises; `name` is without `_total`."""
        self._own.add(name, what, ask, labels, rising=True)

    def replica(self, replica: Replica) -> None:
        """Tell how the read replica is used."""
        self.gauge("placefeed_replica_up", "Whether the read replica is used just now.", lambda: float(replica.up))
        self.gauge("placefeed_replica_position", "Where the replica was when last asked.", lambda: replica.position)
        for how in replica.reads:
            self.counter(
                "placefeed_replica_reads",
                "Reads that the replica might have answered: it did, was behind, or away.",
                lambda how=how: float(replica.reads[how]),  # type: ignore[misc]  # bound now, not at the last turn
                outcome=how,
            )

    def watch(self, look: Look | None) -> None:
        """Ask `look` at each scrape for what stands in the database; None while it is closed."""
        self._watch.look = look

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition in the form that is asked for (OpenMetrics or Prometheus' own), and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


@contextmanager
def exposed(metrics: Metrics, *, host: str, port: int) -> Iterator[int]:
    """Serve the metrics over HTTP from a thread, for a process that has no other; yields the port (0 chooses one)."""
    server, thread = start_http_server(port, addr=host, registry=metrics.registry)
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Watch(Collector):
    """What stands in the database."""

    def __init__(self) -> None:
        self.look: Look | None = None

    def describe(self) -> Iterator[Metric]:
        # Registering must not read the database, which is what the default does to learn the names.
        yield GaugeMetricFamily("placefeed_position", "The log's highest position.")

    def collect(self) -> Iterator[Metric]:
        if self.look is None:
            return
        try:
            seen = self.look()
        except SQLAlchemyError as error:  # what this process did can be told all the same
            log.warning("the database did not answer for the metrics", error=type(error).__name__)
            yield _up(False)
            return
        yield _up(True)
        yield from families(seen)


def _up(answers: bool) -> Metric:
    return GaugeMetricFamily("placefeed_database_up", "Whether the database answers.", value=float(answers))


class _Own(Collector):
    """What parts of this process say of themselves."""

    def __init__(self) -> None:
        self._asks: dict[str, tuple[str, bool, dict[tuple[tuple[str, str], ...], Ask]]] = {}
        self._lock = threading.Lock()

    def add(self, name: str, what: str, ask: Ask, labels: dict[str, str], *, rising: bool) -> None:
        with self._lock:
            self._asks.setdefault(name, (what, rising, {}))[2][tuple(sorted(labels.items()))] = ask

    def describe(self) -> Iterator[Metric]:
        yield InfoMetricFamily("placefeed_build", "What runs.")

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("placefeed_build", "What runs.", value={"version": ENGINE["version"]})
        with self._lock:
            asks = [(name, what, rising, list(each.items())) for name, (what, rising, each) in self._asks.items()]
        for name, what, rising, each in asks:
            names = [label for label, _value in each[0][0]]
            family = (CounterMetricFamily if rising else GaugeMetricFamily)(name, what, labels=names)
            for labels, ask in each:
                family.add_metric([value for _label, value in labels], ask())
            yield family
