"""One reconcile of one key: its time limit, its log context, and what follows from how it ended."""

import asyncio
import random
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
from aimctrl.runtime.metrics import ControllerMetrics, Outcome
from aimctrl.runtime.plan import Note, Target
from aimctrl.runtime.request import Reconciler, Request, Result
from aimctrl.runtime.workqueue import MENDABLE, RETRY, Item, Priority, WorkQueue
from aimctrl.runtime.writes import collect

log = structlog.get_logger(__name__)

POLICIES: tuple[type[Exception], ...] = (
    TransientError,
    MendableError,
    UndecodableObjectError,
    TerminalError,
)
"""From the one tried again soonest to the one never tried again; anything else is unforeseen and comes before them."""


class OvertimeError(TransientError):
    """The reconcile took longer than it may, and was cancelled."""


class StrayCancellationError(Exception):
    """The reconciler let a CancelledError out although nobody had cancelled it."""


def policy(error: BaseException) -> type[Exception]:
    """The class in the error tree that says how to go on; of a group, the one that is tried again soonest."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        parts = {policy(part) for part in group.exceptions}
        return next((known for known in (Exception, *POLICIES) if known in parts), Exception)
    return next((known for known in POLICIES if isinstance(error, known)), Exception)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Runs reconciles for one controller; any number at once."""

    controller: str
    kind: Kind[Any]
    reconciler: Reconciler
    timeout: float
    queue: WorkQueue
    informer: Informer[Any]
    metrics: ControllerMetrics
    recorder: EventRecorder
    barrier: Barrier

    async def run(self, item: Item) -> None:
        """Reconcile a key that `queue.get` handed out; raises nothing but CancelledError, on cancellation from outside.

        What it wrote is held against the caches even where it failed or was cancelled.
        """
        request = Request(item.key, datetime.now(UTC), item.reasons, item.failures)
        loop = asyncio.get_running_loop()
        began = loop.time()
        outcome: Outcome = "error"
        bound = bind_contextvars(
            controller=self.controller,
            namespace=request.namespace,
            name=request.name,
            reconcileID=f"{random.getrandbits(128):032x}",
            reasons=request.reasons,
        )
        self.metrics.started()
        try:
            with collect() as writes:
                try:
                    outcome = await self._outcome(request, item.priority)
                finally:
                    self.metrics.finished(outcome, loop.time() - began)
                    self.barrier.hold(item.key, writes)
        finally:
            reset_contextvars(**bound)

    async def _outcome(self, request: Request, priority: Priority) -> Outcome:
        try:
            if not await self.barrier.is_sure(request.key):
                self.queue.add(request.key, priority=priority, reason="own writes found")
                return "requeue"
            result = await self._within_time(request)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            stray = StrayCancellationError("the reconciler raised CancelledError of its own accord")
            stray.__cause__ = error
            return self._failed(request, stray)
        except Exception as error:  # noqa: BLE001 - one object's failure must not end the worker
            return self._failed(request, error)
        return self._ended(request, result)

    async def _within_time(self, request: Request) -> Result:
        limit = asyncio.timeout(self.timeout)
        try:
            async with limit:
                return await self.reconciler.reconcile(request)
        except TimeoutError as error:
            if not limit.expired():
                raise
            self.metrics.timed_out()
            raise OvertimeError(f"not done after {self.timeout:g} s") from error

    def _ended(self, request: Request, result: Result) -> Outcome:
        after = result.requeue_after
        if after is not None and after <= 0:
            self.queue.retry(request.key, reason="requeue")
            return "requeue"
        self.queue.forget(request.key)
        if after is None:
            return "success"
        self.queue.add(request.key, priority=Priority.RETRY, reason="requeue", after=after)
        return "requeue_after"

    def _failed(self, request: Request, error: Exception) -> Outcome:
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
