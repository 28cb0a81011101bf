"""One reconcile of one key: its time limit, its log context, and what follows from how it ended."""

import asyncio
import random
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import structlog
from structlog.contextvars import bind_contextvars, reset_contextvars

from aimctrl.kube.kinds import Kind, UndecodableObjectError
from aimctrl.runtime.barrier import Barrier
from aimctrl.runtime.errors import ApiError, MendableError, TerminalError, TransientError
from aimctrl.runtime.events import EventRecorder
from aimctrl.runtime.informer import Informer
from aimctrl.runtime.limit import OvertimeError, TimeLimit
from aimctrl.runtime.metrics import ControllerMetrics, Outcome
from aimctrl.runtime.pacing import MENDABLE, RETRY
from aimctrl.runtime.plan import Note, Target
from aimctrl.runtime.request import Reconciler, Request, Result
from aimctrl.runtime.tracing import Tracer, Work
from aimctrl.runtime.workqueue import Item, Priority, WorkQueue
from aimctrl.runtime.writes import collect

log = structlog.get_logger(__name__)

POLICIES: tuple[type[Exception], ...] = (
    TransientError,
    MendableError,
    UndecodableObjectError,
    TerminalError,
)
"""From the one tried again soonest to the one never tried again; anything else is unforeseen and comes before them."""


class StrayCancellationError(Exception):
    """The reconciler let a CancelledError out although nobody had cancelled it."""


def policy(error: BaseException) -> type[Exception]:
    """The class in the error tree that says how to go on; of a group, the one that is tried again soonest."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        parts = {policy(part) for part in group.exceptions}
        return next((known for known in (Exception, *POLICIES) if known in parts), Exception)
    return next((known for known in POLICIES if isinstance(error, known)), Exception)


def _variables(*fields: str) -> tuple[ContextVar[Any], ...]:
    """Where structlog keeps these fields of the log context: `bind_contextvars` takes three times as long."""
    bound = bind_contextvars(**dict.fromkeys(fields))
    reset_contextvars(**bound)
    return tuple(token.var for token in bound.values())


_CONTROLLER, _NAMESPACE, _NAME, _ID, _REASONS = _variables("controller", "namespace", "name", "reconcileID", "reasons")


@dataclass(frozen=True, slots=True)
class Attempts:
    """Runs reconciles for one controller; any number at once."""

    controller: str
    kind: Kind[Any]
    reconciler: Reconciler
    queue: WorkQueue
    informer: Informer[Any]
    metrics: ControllerMetrics
    recorder: EventRecorder
    barrier: Barrier
    tracer: Tracer | None = None

    async def run(self, item: Item, limit: TimeLimit) -> None:
        """Reconcile a key that `queue.get` handed out; raises nothing but CancelledError, on cancellation from outside.

        What it wrote is held against the caches even where it failed or was cancelled. The log context of the task is
        that of its last reconcile: a worker logs nothing outside of them.
        """
        key, reasons = item.key, item.reasons
        request = Request(key, datetime.now(UTC), reasons, item.failures)
        if _CONTROLLER.get(None) is not self.controller:
            _CONTROLLER.set(self.controller)
        _NAMESPACE.set(key.namespace)
        _NAME.set(key.name)
        _ID.set(f"{random.getrandbits(128):032x}")
        if _REASONS.get(None) is not reasons:
            _REASONS.set(reasons)
        began = self.queue.time()
        outcome: Outcome = "error"
        self.metrics.started()
        with collect(self.barrier.unborn(key)) as writes:
            try:
                if self.tracer is None:
                    outcome = await self._outcome(request, item.priority, limit)
                else:
                    outcome = await self._traced(self.tracer, request, item, limit)
            finally:
                self.metrics.finished(outcome, self.queue.time() - began)
                self.barrier.hold(key, writes)

    async def _traced(self, tracer: Tracer, request: Request, item: Item, limit: TimeLimit) -> Outcome:
        waited = self.queue.waited(item.key)
        work = Work(self.controller, request.namespace, request.name, _ID.get(), item.reasons, waited)
        with tracer.reconcile(work) as ended:
            outcome = await self._outcome(request, item.priority, limit)
            ended(outcome)
            return outcome

    async def _outcome(self, request: Request, priority: Priority, limit: TimeLimit) -> Outcome:
        try:
            if self.barrier.doubts(request.key) and not await self.barrier.is_sure(request.key):
                self.queue.add(request.key, priority=priority, reason="own writes found")
                return "requeue"
            with limit:
                result = await self.reconciler.reconcile(request)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            stray = StrayCancellationError("the reconciler raised CancelledError of its own accord")
            stray.__cause__ = error
            return self._failed(request, stray)
        except Exception as error:  # noqa: BLE001 - one object's failure must not end the worker
            if isinstance(error, OvertimeError):
                self.metrics.timed_out()
            return self._failed(request, error)
        return self._ended(request, result)

    def _ended(self, request: Request, result: Result) -> Outcome:
        after = result.requeue_after
        if after is not None and after <= 0:
            self.queue.retry(request.key, reason="requeue")
            return "requeue"
        self.queue.forget(request.key)
        self.barrier.forget(request.key)
        if after is None:
            return "success"
        self.queue.add(request.key, priority=Priority.RETRY, reason="requeue", after=after)
        return "requeue_after"

    def _failed(self, request: Request, error: Exception) -> Outcome:
        if self.tracer is not None:
            self.tracer.failed(error)
        kind = policy(error)
        if kind is TerminalError or kind is UndecodableObjectError:
            self.queue.forget(request.key)
            log.error("reconcile failed for good", error=str(error))
            if kind is UndecodableObjectError:
                self._set_aside(request, error)
            return "terminal"
        answered = error.answer.retry_after if isinstance(error, ApiError) else None
        backoff = MENDABLE if kind is MendableError else RETRY
        pause = round(self.queue.retry(request.key, backoff=backoff, at_least=answered or 0.0), 3)
        if kind is Exception:
            self.metrics.panicked()
            log.error("reconcile raised", retry_in=pause, exc_info=error)
        else:
            log.warning("reconcile failed", error=str(error), retry_in=pause)
        return "error"

    def _set_aside(self, request: Request, error: Exception) -> None:
        self.metrics.set_aside()
        meta = self.informer.lister.meta(request.key)
        if meta is not None:
            self.recorder.note(Target(self.kind, meta, {}), Note("Undecodable", str(error), "Warning"))
