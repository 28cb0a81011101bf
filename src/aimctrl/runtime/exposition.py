"""The metrics as prometheus_client shows them; imported when somebody wants to see them, not before.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Callable, Iterable, Iterator
from math import inf

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from aimctrl.runtime.informer import Freshness
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.metrics import DEFINITIONS, Definition, Metrics

log = structlog.get_logger(__name__)

_BY_NAME = {d.name: d for d in DEFINITIONS}

_OF_A_WATCH: dict[str, Callable[[Freshness], float]] = {
    "aimctrl_informer_last_contact_seconds": lambda watch: watch.seconds,
    "aimctrl_informer_synced": lambda watch: watch.synced,
    "aimctrl_informer_objects": lambda watch: watch.objects,
    "aimctrl_informer_relists_total": lambda watch: watch.relists,
    "aimctrl_informer_failures_total": lambda watch: watch.failures,
    "aimctrl_informer_broken_lines_total": lambda watch: watch.broken_lines,
}


def register(metrics: Metrics, registry: CollectorRegistry) -> None:
    """Have the registry show the metrics, and those of the process."""
    registry.register(_States(metrics))
    ProcessCollector(registry=registry)


def exposition(registry: CollectorRegistry) -> bytes:
    """Everything on the registry as text, without the library's `_created` series."""
    return generate_latest(_WithoutCreated(registry))


class _States(Collector):
    """What was counted, and what is read at each scrape."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        return [_family(d) for d in DEFINITIONS]

    def collect(self) -> Iterable[Metric]:
        for definition in DEFINITIONS:
            if definition.type != "state":
                yield self._counted(definition)
        yield from self._work()
        yield from self._watches()
        yield from self._added()
        leading = _family(_BY_NAME["leader_election_master_status"])
        for name, is_leader in sorted(self._metrics.elections.items()):
            leading.add_metric((name,), is_leader())
        yield leading

    def _counted(self, definition: Definition) -> Metric:
        if definition.type == "histogram":
            spreads = HistogramMetricFamily(definition.name, definition.help, labels=definition.labels)
            for labels, spread in self._metrics.spread(definition.name).all():
                buckets = [("+Inf" if bound == inf else str(bound), count) for bound, count in spread.cumulated()]
                spreads.add_metric(labels, buckets, spread.total)
            return spreads
        family = _family(definition)
        for labels, tally in self._metrics.tally(definition.name).all():
            family.add_metric(labels, tally.value)
        return family

    def _work(self) -> Iterator[Metric]:
        unfinished = _family(_BY_NAME["workqueue_unfinished_work_seconds"])
        longest = _family(_BY_NAME["workqueue_longest_running_processor_seconds"])
        for name, queue in self._metrics.queues():
            running = tuple(queue.running())
            unfinished.add_metric((name, name), sum(running))
            longest.add_metric((name, name), max(running, default=0.0))
        yield unfinished
        yield longest

    def _watches(self) -> Iterator[Metric]:
        watches = list(self._metrics.watches())
        for name, value in _OF_A_WATCH.items():
            family = _family(_BY_NAME[name])
            for watch in watches:
                family.add_metric((watch.kind, watch.scope), value(watch))
            yield family
        unavailable = _family(_BY_NAME["aimctrl_informer_unavailable"])
        for watch in watches:
            if isinstance(watch.availability, Unavailable):
                unavailable.add_metric((watch.kind, watch.scope, watch.availability.reason), 1)
        yield unavailable

    def _added(self) -> Iterator[Metric]:
        for definition, read in self._metrics.added.items():
            family = _family(definition)
            try:
                for labels, value in read():
                    family.add_metric(labels, value)
            except Exception:  # all other metrics are still to be seen
                log.exception("metric not read", metric=definition.name)
                continue
            yield family


class _WithoutCreated(Collector):
    """A registry seen without `_created`: the library has but a process-wide switch for them, which is not ours."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            if metric.type in ("counter", "histogram", "summary"):
                metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield metric


def _family(definition: Definition) -> GaugeMetricFamily | CounterMetricFamily:
    family = CounterMetricFamily if definition.name.endswith("_total") else GaugeMetricFamily
    return family(definition.name, definition.help, labels=definition.labels)
