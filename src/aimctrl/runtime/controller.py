"""A controller: takes keys off its queue, reconciles them, and acts on how that ended.

What an error means is its class (`runtime.errors`): transient and unforeseen ones are retried with backoff, mendable
ones with a long one, terminal ones wait for a change. No error of one object ever stops another.
"""

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self, cast

import structlog

from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.access import Access, reconciling
from aimctrl.runtime.attempt import Attempts
from aimctrl.runtime.barrier import Barrier
from aimctrl.runtime.events import EventRecorder
from aimctrl.runtime.informer import Informer
from aimctrl.runtime.informers import Informers
from aimctrl.runtime.limit import TimeLimit
from aimctrl.runtime.metrics import Metrics
from aimctrl.runtime.request import Reconciler
from aimctrl.runtime.store import Change
from aimctrl.runtime.tracing import Tracer
from aimctrl.runtime.triggers import Predicate, Watch, spec_changed
from aimctrl.runtime.watchdog import doing
from aimctrl.runtime.workqueue import Item, Priority, WorkQueue

log = structlog.get_logger(__name__)

SLICE = 0.005
"""Seconds a worker may keep the event loop before it lets others have it, where reconciles await nothing."""


@dataclass(frozen=True, slots=True)
class ControllerOptions:
    """How many reconciles run at once, and the seconds after which one is cancelled and tried again."""

    max_concurrent: int = 4
    timeout: float = 120.0
    settle_warning: float = 60.0
    """Seconds without a first list or refusal from its watches after which a waiting controller says so."""


@dataclass(frozen=True, slots=True)
class Host:
    """What a controller runs on; the Manager's."""

    informers: Informers
    metrics: Metrics
    recorder: EventRecorder
    tracer: Tracer | None = None


class Controller:
    """Reconciles the objects of one kind; `watches` are further kinds whose changes matter to them."""

    def __init__(
        self,
        name: str,
        kind: Kind[Any],
        reconciler: Reconciler,
        *,
        watches: tuple[Watch, ...] = (),
        predicate: Predicate = spec_changed,
        options: ControllerOptions = ControllerOptions(),
    ) -> None:
        self.name = name
        self.kind = kind
        self.watches = watches
        self.access = reconciling(kind)
        self.queue = WorkQueue()
        self._reconciler = reconciler
        self._predicate = predicate
        self._options = options
        self._informers: tuple[Informer[Any], ...] = ()
        self._attempts: Attempts | None = None

    def needs(self, *access: Access) -> Self:
        """Declare what the reconciler does beyond watching, and writing the status of its own kind; the controller.

        Roles are made of it (`Manager.access`).
        """
        self.access += access
        return self

    def bind(self, host: Host) -> None:
        """Register the watches; changes are queued from now on, and worked on once `run` is called."""
        metrics = host.metrics.controller(self.name)
        metrics.allowed(self._options.max_concurrent)
        self.queue.metrics = host.metrics.queue(self.name, self.queue.running_for)
        own = host.informers.informer(self.kind)
        own.add_handler(self._handler(Watch(self.kind, lambda change: (change.key,), self._predicate), Priority.USER))
        own.add_handler(self._reindexed)
        others: list[Informer[Any]] = []
        for watch in self.watches:
            informer = host.informers.informer(watch.kind, selector=watch.selector)
            informer.keep_managed_fields |= watch.keep_managed_fields
            informer.add_handler(self._handler(watch, Priority.CHILD))
            informer.add_served_handler(self._served_handler(own, informer))
            others.append(informer)
        self._informers = (own, *others)
        self._attempts = Attempts(
            controller=self.name,
            kind=self.kind,
            reconciler=self._reconciler,
            queue=self.queue,
            informer=own,
            metrics=metrics,
            recorder=host.recorder,
            barrier=Barrier(self.queue, host.informers, stale=metrics.stale),
            tracer=host.tracer,
        )

    def enqueue(self, key: Key, *, reason: str, priority: Priority = Priority.USER, after: float = 0.0) -> None:
        """Look at an object, now or in `after` seconds, for a reason no watch knows of."""
        self.queue.add(key, reason=reason, priority=priority, after=after)

    async def run(self) -> None:
        """Reconcile until `stop`, once every watch has its first list or has said why not.

        Returns when the reconciles under way have ended. Cancelling cancels them, or the wait for the watches; what is
        left undone is found again at the next start.
        """
        await self._settled()
        log.info("controller started", controller=self.name, workers=self._options.max_concurrent)
        async with asyncio.TaskGroup() as workers:
            for number in range(self._options.max_concurrent):
                workers.create_task(self._work(), name=f"{self.name}/{number}")

    def stop(self) -> None:
        """Take nothing more off the queue; `run` returns when what is under way has ended."""
        self.queue.shutdown()

    def _handler(self, watch: Watch, priority: Priority) -> Callable[[Change], None]:
        label, predicate, mapper, add = watch.label, watch.predicate, watch.map, self.queue.add

        def handle(change: Change) -> None:
            if not predicate(change):
                return
            level, reason = priority, label
            if change.initial:
                level, reason = Priority.INITIAL, "initial list"
            elif change.old is change.new:
                level, reason = Priority.RESYNC, "resync"
            for key in mapper(change):
                add(key, priority=level, reason=reason)

        return handle

    def _reindexed(self, change: Change) -> None:
        """Look again at what an index finds by other values than before, by what its status says now, say.

        A change of what it depends on that came after it had been observed, and before this, was mapped to others.
        """
        if change.reindexed and change.old is not None and change.new is not None:
            self.queue.add(change.key, priority=Priority.CHILD, reason="found by other values")

    def _served_handler(self, own: Informer[Any], informer: Informer[Any]) -> Callable[[], None]:
        """A kind that comes or goes as a whole matters to every object, not only to those it has had children of."""

        def handle() -> None:
            for key in own.lister.keys():  # noqa: SIM118 - a lister is no dict
                self.queue.add(key, priority=Priority.RESYNC, reason=f"{informer.kind.name} came or went")

        return handle

    async def _settled(self) -> None:
        for informer in self._informers:
            while not informer.settled.is_set():
                try:
                    async with asyncio.timeout(self._options.settle_warning):
                        await informer.settled.wait()
                except TimeoutError:
                    log.warning("controller waits for a watch", controller=self.name, kind=str(informer.kind))

    async def _work(self) -> None:
        assert self._attempts is not None, "bind comes before run"
        loop = asyncio.get_running_loop()
        began = loop.time()
        worker = cast("asyncio.Task[None]", asyncio.current_task())
        item: Item | None = None

        def key() -> str:
            return f"{self.name} {item.key}" if item is not None else self.name

        with closing(TimeLimit(worker, self._options.timeout)) as limit, doing(key):
            while (item := await self.queue.get()) is not None:
                try:
                    await self._attempts.run(item, limit)
                except asyncio.CancelledError:
                    self.queue.add(item.key, priority=item.priority, reason="interrupted")
                    raise
                finally:
                    self.queue.done(item.key)
                if loop.time() - began >= SLICE:
                    await asyncio.sleep(0)
                    began = loop.time()
