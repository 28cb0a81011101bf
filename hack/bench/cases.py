"""The cases of the benchmark on Widgets: each runs one program once, and answers what it measured.

Each program starts anew for each measurement, so that its start counts as part of it. Seconds are wall-clock or CPU as
the name says, memory is in MB.
"""

import asyncio
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import Load
from bench.programs import GENERATION_ONLY, Program
from bench.running import Running, at_rest, cpu, running
from bench.written import AuditLog
from controlplane import ControlPlane

Figures = dict[str, float]
"""What a measurement gave, by name."""

PATIENCE = 900.0

_CRD = Path(__file__).with_name("widgets.yaml")


@dataclass(frozen=True, slots=True)
class Place:
    """A control plane with so many Widgets on it."""

    plane: ControlPlane
    widgets: int

    @property
    def load(self) -> Load:
        """What changes its Widgets."""
        return Load(str(self.plane.kubeconfig))

    @property
    def writes(self) -> AuditLog:
        """Who has written what on it."""
        return AuditLog(self.plane.audit_log)

    def cpu(self) -> float:
        """CPU seconds of its API server so far."""
        return cpu(int((self.plane.folder / "kube-apiserver.pid").read_text()))

    @contextmanager
    def running(self, program: Program) -> Iterator[Running]:
        """The program at work here."""
        with running(program, self.plane.kubeconfig, self.plane.folder) as peer:
            yield peer


@contextmanager
def place(widgets: int, *, converged: bool = True) -> Iterator[Place]:
    """A control plane of its own with so many Widgets, nobody at work on them yet."""
    with ControlPlane(crds=[_CRD], controllers=False) as plane:
        there = Place(plane, widgets)
        there.load.make(widgets, converged=converged)
        at_rest(there.cpu, PATIENCE)
        yield there


def start(there: Place, program: Program) -> Figures:
    """From exec to the first reconcile, and what it occupies once it has nothing to do."""
    with there.running(program) as peer:
        first = peer.wait("first", PATIENCE)
        used = peer.settle()
        return {"first reconcile s": first["time"] - peer.started, "CPU s": used, "RSS MB": peer.memory().now}


def sync(there: Place, program: Program) -> Figures:
    """Everything is listed and reconciled once, and nothing is to be done about it."""
    with there.running(program) as peer:
        return _synced(there, peer)


def warm(there: Place, program: Program, changes: int, touches: int) -> dict[str, Figures]:
    """`sync`; then one spec change after the other; then changes that mean nothing, each of which is reconciled."""
    with there.running(program) as peer:
        figures = {"sync": _synced(there, peer)}
        if changes:
            figures["reaction"] = _reaction(there, peer, changes)
        figures["no-op"] = _touched(there, peer, touches)
        return figures


def dropped(there: Place, program: Program, touches: int) -> Figures:
    """Changes that mean nothing, each of which a predicate drops."""
    with there.running(program.with_options(GENERATION_ONLY)) as peer:
        peer.wait("drained", PATIENCE)
        peer.settle()
        return _touched(there, peer, touches)


def cold(there: Place, program: Program) -> Figures:
    """New Widgets, each of which gets a ConfigMap and a status."""
    there.load.wipe()
    there.load.make(there.widgets, converged=False)
    at_rest(there.cpu, PATIENCE)
    mark, done = there.writes.mark(), _Ready(there)
    with there.running(program) as peer:
        took = done.wait() - peer.started
        used = peer.settle()
        memory = peer.memory()
    writes = there.writes.since(mark) / there.widgets
    return {"wall s": took, "CPU s": used, "RSS MB": memory.now, "writes an object": writes}


def _synced(there: Place, peer: Running) -> Figures:
    before = there.cpu()
    first = peer.wait("first", PATIENCE)
    drained = peer.wait("drained", PATIENCE)
    used = peer.settle()
    memory = peer.memory()
    return {
        "first reconcile s": first["time"] - peer.started,
        "wall s": drained["time"] - peer.started,
        "CPU s": used,
        "RSS MB": memory.now,
        "peak RSS MB": memory.peak,
        "API server CPU s": there.cpu() - before,
    }


def _reaction(there: Place, peer: Running, changes: int) -> Figures:
    before = peer.cpu()
    took = there.load.change(there.widgets, changes)
    used = peer.settle() - before
    percentiles = statistics.quantiles(took, n=100)
    return {"p50 ms": percentiles[49], "p99 ms": percentiles[98], "CPU ms a change": used / changes * 1000}


def _touched(there: Place, peer: Running, touches: int) -> Figures:
    before = peer.cpu()
    there.load.touch(there.widgets, touches)
    return {"CPU us an event": (peer.settle() - before) / touches * 1e6}


class _Ready:
    """Watches in the background until all Widgets have their status."""

    def __init__(self, there: Place) -> None:
        self._there = there
        self._when = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        time.sleep(0.5)  # it watches before anybody works

    def wait(self) -> float:
        """When the last of them had it, in seconds since the epoch; 0 where that took too long."""
        self._thread.join(PATIENCE)
        return self._when

    def _run(self) -> None:
        self._when = asyncio.run(self._there.load.ready(self._there.widgets))
