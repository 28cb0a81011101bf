"""KServe as one reconciler: reads an InferenceService and what it depends on, and carries out what `predictor` says."""

from collections.abc import Callable, Iterable

from aimctrl.kube.core import SERVICES
from aimctrl.kube.kinds import Key
from aimctrl.runtime.applier import Applier
from aimctrl.runtime.lister import Lister
from aimctrl.runtime.plan import Plan
from aimctrl.runtime.planning import PlanReconciler
from aimctrl.runtime.request import Request
from aimctrl.runtime.store import Change
from aimctrl.runtime.triggers import Watch, owns
from aimctrl.sandbox import predictor
from aimctrl.sandbox.external import CLUSTER_SERVING_RUNTIMES, INFERENCE_SERVICES, SERVING_RUNTIMES, Plain
from aimctrl.sandbox.kubelet import matters_to_pods
from aimctrl.sandbox.node_life import is_claimed
from aimctrl.sandbox.predictor import SERVING_CONTAINER, Stage
from aimctrl.sandbox.scheduling import Occupancy, place
from aimctrl.sandbox.script import Launch, Scripts
from aimctrl.sandbox.wire import NODES, Node


class KServe(PlanReconciler[Stage]):
    """Reports an InferenceService ready where its runtime is there, a node fits and its image's script does not object.

    The stand-in's pods are imagined: they take up nothing on the nodes.
    """

    def __init__(
        self,
        applier: Applier,
        scripts: Scripts,
        *,
        services: Lister[Plain],
        runtimes: tuple[Lister[Plain], Lister[Plain]],
        nodes: Lister[Node],
    ) -> None:
        """`runtimes` are those of namespaces and those of the cluster."""
        super().__init__(applier)
        self._scripts = scripts
        self._services = services
        self._runtimes = runtimes
        self._nodes = nodes

    async def observe(self, request: Request) -> Stage | None:
        """The InferenceService with its runtime, its image's script and a node for it."""
        service = self._services.get(request.namespace, request.name)
        if service is None or service.metadata.deletion_timestamp:
            return None
        runtime = self._runtime(request.namespace, predictor.runtime_name(service))
        container = predictor.container_of(service, runtime)
        launch = Launch(
            image=container.image,
            namespace=request.namespace,
            name=request.name,
            container=SERVING_CONTAINER,
            args=container.args,
            env={entry["name"]: entry.get("value", "") for entry in container.env},
        )
        nodes = [node for node in self._nodes.list() if is_claimed(node)]
        return Stage(
            service=service,
            runtime=runtime,
            script=self._scripts.find(launch),
            place=place(predictor.demand_of(service, container), nodes, Occupancy()),
            now=request.now,
        )

    def decide(self, observed: Stage) -> Plan:
        """What KServe would write."""
        return predictor.decide(observed)

    def _runtime(self, namespace: str, name: str) -> Plain | None:
        own, shared = self._runtimes
        return own.get(namespace, name) or shared.get("", name)


def watches(everything: Callable[[], Iterable[Key]]) -> tuple[Watch, ...]:
    """What may change the outlook of an InferenceService; `everything` gives the keys of all of them."""

    def all_of_them(change: Change) -> Iterable[Key]:
        del change
        return everything()

    return (
        owns(SERVICES, INFERENCE_SERVICES),
        Watch(SERVING_RUNTIMES, all_of_them),
        Watch(CLUSTER_SERVING_RUNTIMES, all_of_them),
        Watch(NODES, all_of_them, matters_to_pods),
    )
