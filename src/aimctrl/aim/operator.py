"""The AIM operator as controllers to add to a manager: one's own, or that of `aimctrl run`."""

from aimctrl.aim.discovery.job import SELECTOR
from aimctrl.aim.discovery.slots import SlotLedger, Waiter
from aimctrl.aim.model.reconciler import ModelReconciler
from aimctrl.aim.options import OperatorOptions
from aimctrl.aim.service.reconciler import ServiceReconciler
from aimctrl.aim.shared import MODEL_KINDS, TEMPLATE_KINDS, Shared
from aimctrl.aim.template.reconciler import TemplateReconciler
from aimctrl.kube.core import JOBS
from aimctrl.kube.kinds import Key
from aimctrl.runtime.client import Client
from aimctrl.runtime.controller import Controller
from aimctrl.runtime.index import decode_meta
from aimctrl.runtime.manager import Manager


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
    manager.on_elected(lambda: _take_stock(manager.client, manager.namespaces, ledger))
    whole_cluster = not manager.namespaces
    for kind in TEMPLATE_KINDS:
        if whole_cluster or kind.namespaced:
            controllers[kind.name] = TemplateReconciler(shared, ledger, kind).controller()
    for model in MODEL_KINDS:
        if whole_cluster or model.namespaced:
            controllers[model.name] = ModelReconciler(shared, model).controller()
    controllers["AIMService"] = ServiceReconciler(shared).controller()
    for controller in controllers.values():
        manager.add(controller)


async def _take_stock(client: Client, namespaces: tuple[str, ...], ledger: SlotLedger) -> None:
    """Count the discovery Jobs there are now: the cache may not show yet what a former leader did last."""
    for namespace in namespaces or ("",):
        token = ""
        while True:
            page = await client.list_page(JOBS, namespace, selector=SELECTOR, token=token)
            for raw in page.items:
                meta = decode_meta(bytes(raw))
                ledger.job_found(Key(meta.namespace, meta.name), bytes(raw))
            token = page.token
            if not token:
                break
