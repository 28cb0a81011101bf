"""`aimctrl run`: the operator as a program; the only place that wires it together."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from aimctrl.commands.codes import BROKEN, CANNOT_START, LEADERSHIP_LOST
from aimctrl.settings import Settings

if TYPE_CHECKING:
    from aimctrl.runtime.connection import Connection
    from aimctrl.runtime.guard import TokenGuard
    from aimctrl.runtime.leader import LeaderElector
    from aimctrl.runtime.metrics import Metrics
    from aimctrl.runtime.otel import OtelTracer

LEASE_TIMEOUT = 5.0
"""Seconds a request about the Lease may take: it has to be tried again well within the deadline."""

GUARD_TIMEOUT = 5.0
"""Seconds a request about who scrapes may take: Prometheus gives up after ten."""


def run(settings: Settings) -> int:
    """Run the operator until it is told to stop; the exit code."""
    import uvloop

    from aimctrl.commands.lean import import_aiohttp
    from aimctrl.runtime.logs import configure_logging

    configure_logging(settings.log_format, settings.log_level)
    import_aiohttp()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(_operate(settings))
        except asyncio.CancelledError:  # by a signal, while there was nothing yet to stop in order
            return 0


async def _operate(settings: Settings) -> int:
    """Run the operator until it is told to stop; the exit code, the reason having been logged."""
    import structlog

    from aimctrl.preflight import PreflightError
    from aimctrl.runtime.errors import ConfigurationError, LeadershipLostError
    from aimctrl.runtime.serving import AddressError

    log = structlog.get_logger(__name__)
    task = asyncio.current_task()
    assert task is not None
    _on_signals(task.cancel)
    try:
        await _work(settings)
    except (PreflightError, ConfigurationError, AddressError) as error:
        log.error("cannot start", reason=str(error))  # noqa: TRY400 - its message is for people
        return CANNOT_START
    except LeadershipLostError as error:
        log.error("leadership lost", reason=str(error))  # noqa: TRY400 - no trace helps here
        return LEADERSHIP_LOST
    except Exception:
        log.exception("broken")
        return BROKEN
    return 0


async def _work(settings: Settings) -> None:
    from aimctrl.aim.operator import add_controllers
    from aimctrl.aim.options import OperatorOptions
    from aimctrl.api.config import TemplateSelection
    from aimctrl.api.kinds import ALL
    from aimctrl.kube.core import JOBS, NODES, PODS
    from aimctrl.preflight import preflight
    from aimctrl.runtime.client import Client
    from aimctrl.runtime.connection import connect
    from aimctrl.runtime.manager import Manager, ManagerOptions
    from aimctrl.runtime.metrics import Metrics

    gc.enable()
    connection = await connect(settings.kubeconfig or None, settings.context or None)
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        tracer = _tracer(settings.otlp_endpoint, stack) if settings.otlp_endpoint else None
        client = await stack.enter_async_context(Client(connection, metrics=metrics, tracer=tracer))
        await preflight(client, (*ALL, JOBS, NODES, PODS), settings.namespaces)
        manager = Manager(
            client,
            namespaces=settings.namespaces,
            leader=await _elector(settings, connection, stack) if settings.leader_elect else None,
            metrics=metrics,
            tracer=tracer,
            options=ManagerOptions(
                health_address=settings.health_probe_bind_address,
                metrics_address=settings.metrics_bind_address,
                metrics_cert_dir=settings.metrics_cert_dir,
                metrics_guard=await _guard(connection, metrics, stack) if settings.metrics_secure else None,
                grace_period=settings.grace_period,
                resync_seconds=settings.resync_seconds,
            ),
        )
        add_controllers(
            manager,
            OperatorOptions(
                operator_namespace=settings.operator_namespace,
                max_discovery_jobs=settings.max_discovery_jobs,
                max_concurrent_reconciles=settings.max_concurrent_reconciles,
                template_selection=TemplateSelection(settings.template_selection),
                insecure_registries=settings.insecure_registries,
            ),
        )
        manager.on_elected(_freeze)
        _on_signals(manager.stop)
        await manager.run()


def _tracer(endpoint: str, stack: AsyncExitStack) -> "OtelTracer":
    """A tracer that sends to that endpoint; what is left is sent at the end, in a thread, since that waits."""
    from aimctrl.preflight import PreflightError

    try:
        from aimctrl.runtime.otel import OtelTracer, exporting
    except ModuleNotFoundError as error:
        raise PreflightError(f"--otlp-endpoint needs {error.name}: pip install 'aimctrl[otel]'") from error
    provider = exporting(endpoint)
    stack.push_async_callback(asyncio.to_thread, provider.shutdown)
    return OtelTracer(provider)


async def _guard(connection: "Connection", metrics: "Metrics", stack: AsyncExitStack) -> "TokenGuard":
    """A guard with a client of its own, for the same reasons as the elector."""
    from aimctrl.runtime.client import Client
    from aimctrl.runtime.guard import TokenGuard

    return TokenGuard(await stack.enter_async_context(Client(connection, metrics=metrics, timeout=GUARD_TIMEOUT)))


async def _elector(settings: Settings, connection: "Connection", stack: AsyncExitStack) -> "LeaderElector":
    """An elector with a client of its own: its requests neither wait behind the operator's nor are fenced."""
    from aimctrl.aim.options import LEASE
    from aimctrl.runtime.client import Client
    from aimctrl.runtime.election import LeaderOptions
    from aimctrl.runtime.leader import LeaderElector, unique_identity

    client = await stack.enter_async_context(Client(connection, timeout=LEASE_TIMEOUT))
    options = LeaderOptions(LEASE, settings.operator_namespace, unique_identity())
    return LeaderElector(client, options, self_fencing=True)


def _on_signals(stop: Callable[[], object]) -> None:
    """The first SIGTERM or SIGINT calls `stop`, the next one ends the process where it stands."""
    loop = asyncio.get_running_loop()
    seen: list[int] = []

    def handle(number: int) -> None:
        if seen:
            os._exit(128 + number)
        seen.append(number)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle, number)


async def _freeze() -> None:
    """What the caches hold by now stays: the collector need not walk it again."""
    gc.collect()
    gc.freeze()
