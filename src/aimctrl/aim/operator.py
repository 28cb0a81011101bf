"""The AIM operator as controllers to add to a manager: one's own, or that of `aimctrl run`."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

from tenacity import retry, retry_if_exception_type, wait_random_exponential

from aimctrl.aim.discovery.job import SELECTOR
from aimctrl.aim.discovery.slots import SlotLedger, Waiter
from aimctrl.aim.metrics import add_metrics
from aimctrl.aim.model.inspect import Asker, Inspector
from aimctrl.aim.options import OperatorOptions
from aimctrl.aim.reconcilers import RECONCILED, Basis, reconciler
from aimctrl.aim.registry.client import RegistryClient
from aimctrl.aim.shared import Shared
from aimctrl.kube.core import JOBS
from aimctrl.kube.kinds import Key
from aimctrl.runtime.client import Client, all_items
from aimctrl.runtime.controller import Controller
from aimctrl.runtime.errors import TransientError
from aimctrl.runtime.index import decode_meta
from aimctrl.runtime.manager import Manager
from aimctrl.runtime.workqueue import Priority


def add_controllers(manager: Manager, options: OperatorOptions = OperatorOptions()) -> None:  # noqa: B008 - frozen
    """Have the manager run the AIM operator.

    A manager that watches only some namespaces reconciles no cluster-scoped kind, but reads them (SPEC §8).
    """
    shared = Shared(manager, options)
    controllers: dict[str, Controller] = {}

    def wake(waiter: Waiter) -> None:
        controllers[waiter.kind].enqueue(waiter.key, reason="discovery slot free")

    ledger = SlotLedger(options.max_discovery_jobs, wake)
    manager.informers.informer(JOBS, selector=SELECTOR).add_handler(ledger.on_change)
    inspector = _inspector(manager, options, controllers)
    manager.on_elected(lambda: _take_stock(manager.client, manager.namespaces, ledger))
    basis = Basis(shared, ledger, inspector)
    for kind in RECONCILED:
        if kind.namespaced or not manager.namespaces:
            controllers[kind.name] = reconciler(kind, basis).controller()
    for controller in controllers.values():
        manager.add(controller)
    add_metrics(manager, ledger, options.max_discovery_jobs)


def _inspector(manager: Manager, options: OperatorOptions, controllers: Mapping[str, Controller]) -> Inspector:
    def wake(asker: Asker) -> None:
        controllers[asker.kind].enqueue(asker.key, reason="image inspected", priority=Priority.CHILD)

    registry = RegistryClient(options.insecure_registries)
    inspector = Inspector(manager.client, registry, wake, lambda: datetime.now(UTC))
    manager.add_runnable(inspector.run, name="image inspection")
    return inspector


@retry(retry=retry_if_exception_type(TransientError), wait=wait_random_exponential(max=10))
async def _take_stock(client: Client, namespaces: tuple[str, ...], ledger: SlotLedger) -> None:
    """Count the discovery Jobs there are now: the cache may not show yet what a former leader did last.

    Until the API server has told, nothing is reconciled. Cancelling leaves what was counted so far.
    """
    for namespace in namespaces or ("",):
        async for raw in _discovery_jobs(client, namespace):
            meta = decode_meta(raw)
            ledger.job_found(Key(meta.namespace, meta.name), raw)


def _discovery_jobs(client: Client, namespace: str) -> AsyncIterator[bytes]:
    return all_items(lambda token: client.list_page(JOBS, namespace, selector=SELECTOR, token=token))
