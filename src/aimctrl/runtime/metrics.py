"""The metrics of the runtime, under the names controller-runtime and client-go give them, on a registry of one's own.

`DEFINITIONS` is the whole list, as data. What is counted is pushed by the part that knows it (`Metrics.request`,
`ControllerMetrics`, `QueueMetrics`); what is a state is read when somebody scrapes.
Source: https://book.kubebuilder.io/reference/metrics-reference
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec

from aimctrl.runtime.informer import Freshness
from aimctrl.runtime.tallies import Family, Spread, Tally

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

RECONCILE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
QUEUE_BUCKETS = (0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0, 1000.0)

Outcome = Literal["success", "error", "terminal", "requeue", "requeue_after"]
"""How a reconcile ended; `terminal` is counted as an error of its own and as an error."""


class Definition(msgspec.Struct, frozen=True):
    """One metric: `type` decides how it is kept, `state` ones are read at each scrape and hold nothing."""

    name: str
    type: Literal["counter", "gauge", "histogram", "state"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


Read = Callable[[], Iterable[tuple[tuple[str, ...], float]]]
"""Label values, in the order of the definition's labels, and the number to each; must not block."""

_CONTROLLER = ("controller",)
_QUEUE = ("name", "controller")
_INFORMER = ("kind", "scope")

DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "controller_runtime_reconcile_total",
        "counter",
        "Reconciles by how they ended: success, error, requeue, requeue_after.",
        (*_CONTROLLER, "result"),
    ),
    Definition(
        "controller_runtime_reconcile_errors_total",
        "counter",
        "Reconciles that failed, terminal ones included.",
        _CONTROLLER,
    ),
    Definition(
        "controller_runtime_terminal_reconcile_errors_total",
        "counter",
        "Reconciles that failed and are not retried until the object changes.",
        _CONTROLLER,
    ),
    Definition(
        "controller_runtime_reconcile_panics_total",
        "counter",
        "Reconciles that raised an exception nobody foresaw.",
        _CONTROLLER,
    ),
    Definition(
        "controller_runtime_reconcile_timeouts_total",
        "counter",
        "Reconciles that were cancelled because they took longer than allowed.",
        _CONTROLLER,
    ),
    Definition(
        "controller_runtime_reconcile_time_seconds",
        "histogram",
        "Seconds a reconcile took.",
        _CONTROLLER,
        RECONCILE_BUCKETS,
    ),
    Definition("controller_runtime_active_workers", "gauge", "Reconciles running now.", _CONTROLLER),
    Definition(
        "controller_runtime_max_concurrent_reconciles", "gauge", "Reconciles that may run at once.", _CONTROLLER
    ),
    Definition("workqueue_depth", "gauge", "Keys waiting to be worked on now.", _QUEUE),
    Definition("workqueue_adds_total", "counter", "Keys added to the queue.", _QUEUE),
    Definition("workqueue_retries_total", "counter", "Keys put back with a backoff after a failure.", _QUEUE),
    Definition(
        "workqueue_queue_duration_seconds", "histogram", "Seconds a key waited for a worker.", _QUEUE, QUEUE_BUCKETS
    ),
    Definition("workqueue_work_duration_seconds", "histogram", "Seconds a worker had a key.", _QUEUE, QUEUE_BUCKETS),
    Definition("workqueue_unfinished_work_seconds", "state", "Seconds of the work that is under way, summed.", _QUEUE),
    Definition(
        "workqueue_longest_running_processor_seconds",
        "state",
        "Seconds the worker that has its key the longest has had it.",
        _QUEUE,
    ),
    Definition(
        "rest_client_requests_total",
        "counter",
        "Requests to the API server by status code (<error> where no answer came), method and host.",
        ("code", "method", "host"),
    ),
    Definition("leader_election_master_status", "state", "1 while this process leads, else 0.", ("name",)),
    Definition(
        "aimctrl_reconcile_set_aside_total",
        "counter",
        "Objects set aside because their stored form fits no model.",
        _CONTROLLER,
    ),
    Definition(
        "aimctrl_reconcile_stale_total",
        "counter",
        "Reconciles that went on although the cache had not shown their own last writes in time.",
        _CONTROLLER,
    ),
    Definition(
        "aimctrl_events_total",
        "counter",
        "Kubernetes events by what became of them: sent, dropped, failed.",
        ("outcome",),
    ),
    Definition(
        "aimctrl_informer_last_contact_seconds",
        "state",
        "Seconds since the API server last said anything on the watch of a kind.",
        _INFORMER,
    ),
    Definition("aimctrl_informer_synced", "state", "1 while the cache of a kind can be relied on, else 0.", _INFORMER),
    Definition(
        "aimctrl_informer_unavailable",
        "state",
        "1 for why a kind cannot be relied on: Syncing, KindMissing, Forbidden or Unreachable.",
        (*_INFORMER, "reason"),
    ),
    Definition("aimctrl_informer_objects", "state", "Objects in the cache of a kind.", _INFORMER),
    Definition("aimctrl_informer_relists_total", "state", "Times the whole collection was listed.", _INFORMER),
    Definition("aimctrl_informer_failures_total", "state", "Lists and watches that failed.", _INFORMER),
    Definition("aimctrl_informer_broken_lines_total", "state", "Lines of a watch that could not be read.", _INFORMER),
)


class QueueMetrics:
    """What a workqueue reports (the `QueueMetrics` protocol of runtime/workqueue.py); durations are seconds."""

    def __init__(self, metrics: "Metrics", name: str, running: Callable[[], Iterable[float]]) -> None:
        labels = (name, name)
        self.running = running
        self._depth = metrics.tally("workqueue_depth").labels(*labels)
        self._adds = metrics.tally("workqueue_adds_total").labels(*labels)
        self._retries = metrics.tally("workqueue_retries_total").labels(*labels)
        self._waited = metrics.spread("workqueue_queue_duration_seconds").labels(*labels)
        self._worked = metrics.spread("workqueue_work_duration_seconds").labels(*labels)

    def added(self, depth: int) -> None:
        """A key became ready; that many wait now."""
        self._adds.value += 1  # a call would cost more, here and wherever each reconcile passes
        self._depth.value = depth

    def taken(self, waited: float, depth: int) -> None:
        """A worker took a key that had waited that long."""
        self._waited.observe(waited)
        self._depth.value = depth

    def finished(self, worked: float) -> None:
        """A worker gave a key back after that long."""
        self._worked.observe(worked)

    def retried(self) -> None:
        """A key was put back with a backoff."""
        self._retries.inc()


class ControllerMetrics:
    """What a controller reports."""

    def __init__(self, metrics: "Metrics", name: str) -> None:
        self._total = metrics.tally("controller_runtime_reconcile_total")
        self._name = name
        self._ended: dict[Outcome, tuple[Tally, ...]] = {}
        self._errors = metrics.tally("controller_runtime_reconcile_errors_total").labels(name)
        self._terminal = metrics.tally("controller_runtime_terminal_reconcile_errors_total").labels(name)
        self._panics = metrics.tally("controller_runtime_reconcile_panics_total").labels(name)
        self._timeouts = metrics.tally("controller_runtime_reconcile_timeouts_total").labels(name)
        self._seconds = metrics.spread("controller_runtime_reconcile_time_seconds").labels(name)
        self._active = metrics.tally("controller_runtime_active_workers").labels(name)
        self._allowed = metrics.tally("controller_runtime_max_concurrent_reconciles").labels(name)
        self._set_aside = metrics.tally("aimctrl_reconcile_set_aside_total").labels(name)
        self._stale = metrics.tally("aimctrl_reconcile_stale_total").labels(name)

    def allowed(self, workers: int) -> None:
        """So many reconciles may run at once."""
        self._allowed.set(workers)

    def started(self) -> None:
        """A reconcile begins."""
        self._active.value += 1

    def finished(self, outcome: Outcome, seconds: float) -> None:
        """The reconcile that began has ended."""
        self._active.value -= 1
        self._seconds.observe(seconds)
        for tally in self._ended.get(outcome) or self._counting(outcome):
            tally.value += 1

    def _counting(self, outcome: Outcome) -> tuple[Tally, ...]:
        """What such an end is counted in; kept from the first one on."""
        failed = {"error": (self._errors,), "terminal": (self._errors, self._terminal)}.get(outcome, ())
        result = "error" if outcome == "terminal" else outcome
        ended = self._ended[outcome] = (self._total.labels(self._name, result), *failed)
        return ended

    def panicked(self) -> None:
        """It raised what nobody foresaw; `finished` is told too."""
        self._panics.inc()

    def timed_out(self) -> None:
        """It took longer than allowed; `finished` is told too."""
        self._timeouts.inc()

    def set_aside(self) -> None:
        """The object fits no model and waits for its next change."""
        self._set_aside.inc()

    def stale(self) -> None:
        """It went on without having seen its own last writes."""
        self._stale.inc()


class Metrics:
    """All metrics of one manager on a registry of their own, so that two managers in one process do not mix.

    On a `registry` that is given, at once; else on one that is made when somebody wants to see them.
    """

    def __init__(self, registry: "CollectorRegistry | None" = None) -> None:
        self._tallies = {d.name: Family(Tally) for d in DEFINITIONS if d.type in {"counter", "gauge"}}
        self._spreads = {d.name: Family(partial(Spread, d.buckets)) for d in DEFINITIONS if d.type == "histogram"}
        self._queues: dict[str, QueueMetrics] = {}
        self.elections: dict[str, Callable[[], bool]] = {}
        self.watches: Callable[[], Iterable[Freshness]] = tuple
        self.added: dict[Definition, Read] = {}
        self._registry = registry
        if registry is not None:
            self._expose(registry)

    @property
    def registry(self) -> "CollectorRegistry":
        """What all of it is registered on; the first use imports prometheus_client, which takes a moment."""
        if self._registry is None:
            from prometheus_client import CollectorRegistry

            self._registry = self._expose(CollectorRegistry())
        return self._registry

    def _expose(self, registry: "CollectorRegistry") -> "CollectorRegistry":
        from aimctrl.runtime.exposition import register

        register(self, registry)
        return registry

    def tally(self, name: str) -> Family[Tally]:
        """The counter or gauge of that name in DEFINITIONS."""
        return self._tallies[name]

    def spread(self, name: str) -> Family[Spread]:
        """The histogram of that name in DEFINITIONS."""
        return self._spreads[name]

    def request(self, code: str, method: str, host: str) -> None:
        """A request to the API server was answered, or failed to be (`code` is `<error>`)."""
        self.tally("rest_client_requests_total").labels(code, method, host).inc()

    def event(self, outcome: Literal["sent", "dropped", "failed"]) -> None:
        """What became of one Kubernetes event."""
        self.tally("aimctrl_events_total").labels(outcome).inc()

    def leading(self, name: str, is_leader: Callable[[], bool]) -> None:
        """Whether this process leads under the Lease of that name is asked at each scrape."""
        self.elections[name] = is_leader

    def add(self, definition: Definition, read: Read) -> None:
        """Show one more metric, of type `state`: what `read` gives at each scrape.

        Raises ValueError where there is one of that name.
        """
        if definition.name in {one.name for one in (*DEFINITIONS, *self.added)}:
            raise ValueError(f"there is a metric {definition.name} already")
        self.added[definition] = read

    def queue(self, name: str, running: Callable[[], Iterable[float]]) -> QueueMetrics:
        """The metrics of the workqueue of that name; `running` tells how long each key under way has been."""
        self._queues[name] = QueueMetrics(self, name, running)
        return self._queues[name]

    def controller(self, name: str) -> ControllerMetrics:
        """The metrics of the controller of that name."""
        return ControllerMetrics(self, name)

    def queues(self) -> list[tuple[str, QueueMetrics]]:
        """All queues so far, sorted by name."""
        return sorted(self._queues.items())

    def observe_watches(self, watches: Callable[[], Iterable[Freshness]]) -> None:
        """`watches` is asked for all watches at each scrape."""
        self.watches = watches

    def exposition(self) -> bytes:
        """Everything in the text format of `CONTENT_TYPE`, without the client library's `_created` series."""
        from aimctrl.runtime.exposition import exposition

        return exposition(self.registry)
