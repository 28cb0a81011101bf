"""The Manager: what controllers share, started and stopped in order.

Start: endpoints and election; informers; when all of them have settled and this process leads, the `on_elected` hooks,
then controllers and runnables. Stop: informers, so that nothing new comes in; controllers, which end what is under way
within the grace period; runnables; events still to be written; endpoints; and the Lease last of all.

Signals, the event loop and logging belong to the program.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import structlog

from aimctrl.runtime.access import Access, following_definitions, recording
from aimctrl.runtime.applier import Applier
from aimctrl.runtime.client import Client
from aimctrl.runtime.controller import Controller, Host
from aimctrl.runtime.events import EventRecorder
from aimctrl.runtime.informer import RESYNC_SECONDS, Freshness
from aimctrl.runtime.informers import Informers
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.metrics import Metrics
from aimctrl.runtime.reflector import IDLE_SECONDS
from aimctrl.runtime.serving import Guard, Protection, Serving, parse_address
from aimctrl.runtime.tracing import Tracer
from aimctrl.runtime.watchdog import watched

if TYPE_CHECKING:
    from aimctrl.runtime.leader import LeaderElector

log = structlog.get_logger(__name__)

DRAIN_SHARE, EVENTS_SHARE = 0.8, 0.05
"""Parts of the grace period that reconciles under way and the last events may take; the Lease has the rest."""

Run = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ManagerOptions:
    """How a manager shows itself and stops; times in seconds, addresses as `parse_address` reads them."""

    component: str = "aimctrl"
    """Who events are from."""
    health_address: str = "0"
    metrics_address: str = "0"
    metrics_cert_dir: str = ""
    """The folder of `tls.crt` and `tls.key` for the metrics; plain HTTP without one."""
    metrics_guard: Guard | None = None
    """Who is asked whether somebody may see the metrics, such as guard.TokenGuard; without one, everybody may."""
    grace_period: float = 25.0
    """For a stop in order; what is not done then is cancelled."""
    stale_after: float = 120.0
    """Silence on a watch after which the program is no longer ready; the API server speaks each minute."""
    blocked_after: float = 2.0
    """Without a turn of the event loop for as long, what keeps it is logged with its stack."""
    resync_seconds: float = RESYNC_SECONDS
    """How often everything is looked at again though nothing has changed; stretched by up to a tenth."""
    watch_idle_seconds: float = IDLE_SECONDS
    """Silence after which a watch is taken for dead and opened anew; less than a minute is for restless networks."""


class Manager:
    """Runs controllers that share a client, informers, an event recorder and metrics; used for one `run`.

    With a `leader`, controllers work only while it leads, and `client` refuses every write when it does not. Without,
    they work at once. `namespaces` limits what is watched of namespaced kinds; empty means all. A `tracer` is told of
    each reconcile; the client is given it, too.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespaces: Iterable[str] = (),
        leader: "LeaderElector | None" = None,
        metrics: Metrics | None = None,
        tracer: Tracer | None = None,
        options: ManagerOptions = ManagerOptions(),
    ) -> None:
        self.client = client
        self.namespaces = tuple(sorted(set(namespaces)))
        self.metrics = metrics if metrics is not None else Metrics()
        self.informers = Informers(
            client,
            namespaces=self.namespaces,
            resync_seconds=options.resync_seconds,
            idle_seconds=options.watch_idle_seconds,
        )
        self.recorder = EventRecorder(client, component=options.component, clock=_now, observe=self.metrics.event)
        self.applier = Applier(client, self.informers, self.recorder, field_manager=client.field_manager)
        self.serving = Serving(
            self.metrics.exposition,
            health=parse_address(options.health_address),
            metrics=parse_address(options.metrics_address),
            protection=Protection(options.metrics_cert_dir, options.metrics_guard),
        )
        self._options = options
        self._tracer = tracer
        self._leader = leader
        self._controllers: list[Controller] = []
        self._runnables: list[tuple[str, Run, bool]] = []
        self._hooks: list[Run] = []
        self._stopping = asyncio.Event()
        self._working = False
        self.serving.ready.add("watches", self._stale_watches)
        self.metrics.observe_watches(self.informers.freshness)
        if leader is not None:
            client.fence = leader.is_leader
            self.metrics.leading(leader.options.name, leader.is_leader)

    @property
    def is_leader(self) -> bool:
        """Whether this process may act: it leads, or there is no election."""
        return self._leader is None or self._leader.is_leader()

    def access(self) -> tuple[Access, ...]:
        """Every right that the manager and what it was given needs, but for the Lease; nothing needs to run for it.

        `policy_rules` makes a role of it.
        """
        watched = (Access.watches(kind) for kind in self.informers.kinds)
        declared = (access for controller in self._controllers for access in controller.access)
        return (*watched, *declared, *recording(), *following_definitions())

    def add(self, controller: Controller) -> None:
        """Have the controller run; its watches are registered now."""
        controller.bind(Host(self.informers, self.metrics, self.recorder, self._tracer))
        self._controllers.append(controller)

    def add_runnable(self, run: Run, *, name: str, leader_only: bool = True) -> None:
        """Have `run` called once and cancelled at the stop; what it raises stops the manager, its return does not.

        With `leader_only` it starts along with the controllers, else along with the informers.
        """
        self._runnables.append((name, run, leader_only))

    def on_elected(self, hook: Run) -> None:
        """Have `hook` awaited once this process leads and the informers have settled, before any controller works."""
        self._hooks.append(hook)

    def stop(self) -> None:
        """Begin the stop in order; `run` returns when it is done. May be called at any time, and again."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until `stop`, or until something breaks that everything rests on.

        Raises that, as itself where it is alone and in an ExceptionGroup otherwise: LeadershipLostError, AddressError,
        what a runnable or a hook raised. Cancelling cancels what runs at once; the Lease is given back all the same.
        """
        failure: BaseException | None = None
        with watched(self._options.blocked_after):
            try:
                async with self.serving.serve(), asyncio.TaskGroup() as group:
                    await self._run(group)
            except BaseExceptionGroup as errors:
                failure = _alone(errors)
            finally:
                if self._leader is not None:
                    await self._leader.release()
        if failure is not None:
            raise failure
        log.info("stopped")

    async def _run(self, group: asyncio.TaskGroup) -> None:
        informers = group.create_task(_endless("informers", self.informers.run), name="informers")
        recorder = group.create_task(self.recorder.run(), name="events")
        lasting = [recorder]
        if self._leader is not None:
            lasting.append(group.create_task(self._leader.run(), name="leader election"))
        work = group.create_task(self._work(), name="work")
        await self._stopping.wait()
        log.info("stopping", grace_period=self._options.grace_period)
        informers.cancel()
        await self._drain(work)
        self.recorder.stop()
        await asyncio.wait({recorder}, timeout=EVENTS_SHARE * self._options.grace_period)
        for task in lasting:
            task.cancel()

    async def _work(self) -> None:
        """Everything that ends before the election does."""
        async with asyncio.TaskGroup() as runnables:
            tasks = [_start(runnables, name, run) for name, run, leader_only in self._runnables if not leader_only]
            await self.informers.wait_settled()
            if self._leader is not None:
                await self._leader.elected.wait()
            for hook in self._hooks:
                await hook()
            self._working = True
            tasks += [_start(runnables, name, run) for name, run, leader_only in self._runnables if leader_only]
            async with asyncio.TaskGroup() as controllers:
                for controller in self._controllers:
                    controllers.create_task(controller.run(), name=controller.name)
                await self._stopping.wait()
                for controller in self._controllers:
                    controller.stop()
            for task in tasks:
                task.cancel()

    async def _drain(self, work: asyncio.Task[None]) -> None:
        if not self._working:
            work.cancel()
        _, pending = await asyncio.wait({work}, timeout=DRAIN_SHARE * self._options.grace_period)
        if pending:
            log.warning("reconciles cut off at the end of the grace period")
            work.cancel()
            await asyncio.wait({work})

    def _stale_watches(self) -> str:
        """A kind that is missing or forbidden is known to be so; that is no reason not to be ready."""
        watches = [watch for watch in self.informers.freshness() if not _is_absent(watch)]
        waiting = sorted({watch.kind for watch in watches if not watch.synced})
        if waiting:
            return f"not synced: {', '.join(waiting)}"
        limit = self._options.stale_after
        silent = sorted({watch.kind for watch in watches if watch.seconds > limit})
        return f"nothing heard for {limit:g} s: {', '.join(silent)}" if silent else ""


def _is_absent(watch: Freshness) -> bool:
    state = watch.availability
    return isinstance(state, Unavailable) and state.reason in ("KindMissing", "Forbidden")


async def _endless(name: str, run: Run) -> None:
    await run()
    raise RuntimeError(f"{name} ended without being asked to")


def _start(group: asyncio.TaskGroup, name: str, run: Run) -> asyncio.Task[None]:
    async def call() -> None:
        await run()

    return group.create_task(call(), name=name)


def _alone(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one exception in a group, however deep; a group where there are several."""
    if len(errors.exceptions) != 1:
        return errors
    inner = errors.exceptions[0]
    return _alone(cast("BaseExceptionGroup[BaseException]", inner)) if isinstance(inner, BaseExceptionGroup) else inner


def _now() -> datetime:
    return datetime.now(UTC)
