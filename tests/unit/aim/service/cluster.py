"""The service family on a fake cluster: objects are put there, and services are looked at."""

from dataclasses import dataclass, field
from typing import Any

from aimctrl.aim.options import OperatorOptions
from aimctrl.aim.service.reconciler import ServiceReconciler
from aimctrl.aim.shared import Shared
from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_SERVICE,
)
from aimctrl.kube.core import NODES
from aimctrl.kube.external import HTTPROUTES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.applier import Applier
from aimctrl.runtime.request import Request
from support.fake_cluster import FakeCluster, FakeInformers, FakeRecorder
from unit.aim.service.samples import NOW

CHAT = Key("ml", "chat")
GATEWAY = {"name": "gw", "namespace": "gateways"}


@dataclass
class Operator:
    """What the service family takes from the Manager."""

    informers: FakeInformers
    applier: Applier
    client: FakeCluster
    namespaces: tuple[str, ...] = ()


@dataclass
class World:
    informers: FakeInformers = field(default_factory=FakeInformers)
    recorder: FakeRecorder = field(default_factory=FakeRecorder)

    def __post_init__(self) -> None:
        self.cluster = FakeCluster(self.informers)
        applier = Applier(self.cluster, self.informers, self.recorder, field_manager="aimctrl")  # type: ignore[arg-type]
        operator = Operator(self.informers, applier, self.cluster)
        shared = Shared(operator, OperatorOptions())  # type: ignore[arg-type]
        self.reconciler = ServiceReconciler(shared)
        self.controller = self.reconciler.controller()
        for watch in self.controller.watches:
            self.informers.informer(watch.kind).keep_managed_fields |= watch.keep_managed_fields
        self.node("mi300x")

    def put(self, kind: Kind[Any], name: str, namespace: str = "ml", **parts: Any) -> dict[str, Any]:
        meta = {
            "name": name,
            "uid": f"{kind.name}-{name}",
            "creationTimestamp": "2029-01-01T00:00:00Z",
            "generation": 1,
        }
        if kind.namespaced:
            meta["namespace"] = namespace
        meta |= parts.pop("metadata", {})
        return self.cluster.put(kind, {"metadata": meta, **parts})

    def live(self, kind: Kind[Any], name: str = "chat") -> dict[str, Any]:
        return self.cluster.live(kind, name, "ml")

    def node(self, name: str, device: str = "74a1") -> None:
        self.put(
            NODES,
            name,
            metadata={"labels": {"amd.com/gpu.device-id": device}},
            status={"capacity": {"amd.com/gpu": "8"}},
        )

    def service(self, name: str = "chat", namespace: str = "ml", **spec: Any) -> None:
        meta = spec.pop("metadata", {})
        self.put(AIM_SERVICE, name, namespace, metadata=meta, spec={"model": {"ref": "llama"}, **spec})

    def model(self, kind: Kind[Any] = AIM_CLUSTER_MODEL, name: str = "llama", image: str = "i:1", **spec: Any) -> None:
        self.put(kind, name, spec={"image": image, **spec}, status={"status": "Ready"})

    def template(self, name: str = "fast", kind: Kind[Any] = AIM_CLUSTER_SERVICE_TEMPLATE, **parts: Any) -> None:
        spec = {"modelName": "llama", "metric": "latency", "gpuSelector": {"count": 1, "model": "MI300X"}} | parts.pop(
            "spec", {}
        )
        self.put(kind, name, spec=spec, status={"status": parts.pop("state", "Ready")}, **parts)

    def route(self, name: str, namespace: str = "ml", path: str = "/shared") -> None:
        owner = {
            "apiVersion": "aim.silogen.ai/v1alpha1",
            "kind": "AIMService",
            "name": name,
            "uid": f"AIMService-{name}",
            "controller": True,
        }
        self.put(
            HTTPROUTES, name, namespace, metadata={"ownerReferences": [owner]},
            spec={"parentRefs": [GATEWAY], "rules": [{"matches": [{"path": {"value": path}}]}]},
        )  # fmt: skip

    async def look(self, key: Key = CHAT) -> dict[str, Any]:
        """Reconcile once; the service's status then."""
        await self.reconciler.reconcile(Request(key, NOW))
        found: dict[str, Any] = self.cluster.live(AIM_SERVICE, key.name, key.namespace)["status"]
        return found

    async def resolved(self) -> str:
        status = await self.look()
        condition = next(c for c in status["conditions"] if c["type"] == "Resolved")
        found = status.get("resolvedTemplate")
        return f"{found['kind']}/{found['name']}" if condition["status"] == "True" else condition["reason"]

    def woken(self, change: Any) -> list[str]:
        """The services queued by what `change` does."""
        added: list[Key] = []
        handlers = []
        for watch in self.controller.watches:

            def handle(change: Any, watch: Any = watch) -> None:
                if watch.predicate(change):
                    added.extend(watch.map(change))

            handlers.append((self.informers.informer(watch.kind), handle))
        for informer, handle in handlers:
            informer.add_handler(handle)
        change()
        for informer, handle in handlers:
            informer.handlers.remove(handle)
        return sorted({str(key) for key in added})
