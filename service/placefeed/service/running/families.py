"""The figures of the whole exchange under their names for Prometheus: the same from every process."""

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily

from placefeed.service.figures import Figures, Told


def families(seen: Figures) -> Iterator[GaugeMetricFamily]:
    """Every gauge, in the order of the house: log, publisher, intake, sources, schedule, subscribers."""
    now = seen.vitals
    yield _one("position", "The log's highest position.", now.position)
    yield _one("epoch", "Rises when a backup is put back.", now.epoch)
    pending = _by("pending", "Settings that wait for the publisher.", "kind")
    pending.add_metric(["small"], now.pending_small)
    pending.add_metric(["bulk"], now.pending_bulk)
    yield pending
    yield _one("pending_oldest_seconds", "Age of the oldest that waits.", now.pending_age.total_seconds())
    yield _one("due", "Settings that time alone has changed and nobody published.", now.due)
    yield _one("due_oldest_seconds", "How late the first of them is.", now.due_age.total_seconds())
    yield _one("submissions_working", "Large submissions not yet worked.", now.working)
    yield _one("submissions_oldest_seconds", "Age of the oldest of them.", seen.working_age.total_seconds())
    yield _one("alerts_open", "Alerts that nobody has resolved.", now.alerts)
    sources = _by("sources", "Sources by state.", "state")
    for state, count in sorted(seen.sources.items()):
        sources.add_metric([state], count)
    yield sources
    yield _one("sources_late", "Sources that have been silent for longer than expected.", seen.late)
    yield _one(
        "sources_oldest_word_seconds",
        "Since the last good word of the expected source that was silent longest.",
        seen.oldest_word.total_seconds(),
    )
    yield _one("job_slots_open", "Slots of the schedule that are claimed and not finished.", seen.slots_open)
    yield _one("job_slots_abandoned", "Of those, the ones whose worker died.", seen.slots_abandoned)
    if seen.schedule_age is not None:
        yield _one(
            "schedule_age_seconds",
            "Since the newest slot of a job that runs each minute: whether anybody runs the schedule.",
            seen.schedule_age.total_seconds(),
        )
    yield _one("matcher_behind", "Positions that no subscription has been matched with yet.", seen.matcher_behind)
    yield from _subscribers(seen)


def _subscribers(seen: Figures) -> Iterator[GaugeMetricFamily]:
    told: list[tuple[GaugeMetricFamily, Callable[[Told], float]]] = [
        (_by("subscriptions", "Subscriptions.", "channel", "state"), lambda row: row.count),
        (
            _by("subscriptions_failing", "Subscriptions whose last attempt failed.", "channel", "state"),
            lambda row: row.failing,
        ),
        (_by("notices_waiting", "Notices that have not arrived.", "channel", "state"), lambda row: row.waiting),
        (
            _by("notices_oldest_seconds", "Age of the oldest of them.", "channel", "state"),
            lambda row: row.oldest.total_seconds(),
        ),
    ]
    for family, figure in told:
        for row in seen.told:
            family.add_metric([row.channel, row.state], figure(row))
        yield family
    behind = _by(
        "subscription_behind", "Positions by which subscriptions are behind the log.", "channel", "state", "share"
    )
    for row in seen.told:
        for share, positions in _shares(row):
            behind.add_metric([row.channel, row.state, share], positions)
    yield behind


def _shares(row: Told) -> list[tuple[str, int]]:
    return [("median", row.behind.median), ("p99", row.behind.p99), ("most", row.behind.most)]


def _one(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"placefeed_{name}", what, value=value)


def _by(name: str, what: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"placefeed_{name}", what, labels=list(labels))
