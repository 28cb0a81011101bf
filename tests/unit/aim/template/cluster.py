"""The template family on a fake cluster: objects are put there, templates are looked at, Jobs end as a test says."""

from typing import Any

import msgspec

from aimctrl.aim.discovery.slots import SlotLedger, Waiter
from aimctrl.aim.options import OperatorOptions
from aimctrl.aim.shared import Shared
from aimctrl.aim.template.reconciler import TemplateReconciler
from aimctrl.api.kinds import AIM_CLUSTER_MODEL, AIM_SERVICE_TEMPLATE
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.kube.core import JOBS, NODES, PODS
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta
from aimctrl.runtime.applier import Applier
from aimctrl.runtime.client import Page
from aimctrl.runtime.errors import Answer, NotFoundError
from aimctrl.runtime.request import Request, Result
from support.fake_cluster import FakeCluster, FakeInformers, FakeRecorder
from unit.aim.template.samples import IMAGE, NOW, ago

OUTPUT = msgspec.json.encode(
    [
        {
            "profile": {"model": "llama", "metadata": {"gpu": "MI300X", "gpu_count": 4}},
            "models": [{"name": "llama", "source": "hf://x/llama", "size_gb": 16}],
        }
    ]
)


class Cluster(FakeCluster):
    """With logs of Pods, and lists of what there is behind the caches; the watch on the kind `stalled` brings nothing."""

    def __init__(self, informers: FakeInformers) -> None:
        super().__init__(informers)
        self.logs: dict[str, bytes | Exception] = {}
        self.read: list[tuple[str, int | None]] = []
        self.stalled: Kind[Any] | None = None

    async def create(self, kind: Kind[Any], manifest: Any, *, field_manager: str = "") -> Meta:
        meta = {**manifest["metadata"], "creationTimestamp": NOW.isoformat()}
        return await super().create(kind, {**manifest, "metadata": meta}, field_manager=field_manager)

    def _send(self, kind: Kind[Any], key: Key, live: Any, version: int) -> None:
        lagging, self.lagging = self.lagging, self.lagging or kind is self.stalled
        super()._send(kind, key, live, version)
        self.lagging = lagging

    async def pod_log(self, key: Key, *, container: str, limit_bytes: int, tail_lines: int | None = None) -> bytes:
        self.read.append((key.name, tail_lines))
        log = self.logs.get(key.name, NotFoundError(Answer(404, "NotFound", "no such pod")))
        if isinstance(log, Exception):
            raise log
        return log[:limit_bytes]

    async def list_page(self, kind: Kind[Any], namespace: str = "", *, selector: str = "", token: str = "") -> Page:
        wanted = dict(term.split("=") for term in selector.split(","))
        self.calls.append(f"list {kind.name} {namespace}")
        found = [
            live
            for (resource, key), live in sorted(self.objects.items())
            if resource == kind.resource and key.namespace == namespace
            if wanted.items() <= live["metadata"].get("labels", {}).items()
        ]
        page = msgspec.json.decode(b'{"metadata": {}, "items": []}', type=Page)
        page.items = [msgspec.Raw(msgspec.json.encode(live)) for live in found]
        return page


class Operator:
    """What the template family takes from the Manager."""

    def __init__(self) -> None:
        self.informers = FakeInformers()
        self.recorder = FakeRecorder()
        self.client = Cluster(self.informers)
        self.applier = Applier(self.client, self.informers, self.recorder, field_manager="aimctrl")  # type: ignore[arg-type]
        self.namespaces = ()


class World:
    """One node has MI300X, and the cluster has the model `llama`; templates of one kind, `limit` slots."""

    def __init__(self, kind: Kind[AIMServiceTemplate] = AIM_SERVICE_TEMPLATE, *, limit: int = 10) -> None:
        self.kind = kind
        self.home = "ns" if kind.namespaced else "kaiwo-system"
        operator = Operator()
        self.informers, self.cluster, self.recorder = operator.informers, operator.client, operator.recorder
        self.woken: list[str] = []
        self.ledger = SlotLedger(limit, self._wake)
        self.shared = Shared(operator, OperatorOptions())  # type: ignore[arg-type]
        self.informers.informer(JOBS).add_handler(self.ledger.on_change)
        self.reconciler = TemplateReconciler(self.shared, self.ledger, kind)
        self.controller = self.reconciler.controller()
        for watch in self.controller.watches:
            self.informers.informer(watch.kind).keep_managed_fields |= watch.keep_managed_fields
        self.node("mi300x")
        self.put(AIM_CLUSTER_MODEL, "llama", spec={"image": IMAGE})

    def _wake(self, waiter: Waiter) -> None:
        self.woken.append(waiter.key.name)

    def key(self, name: str = "t") -> Key:
        return Key("ns" if self.kind.namespaced else "", name)

    def put(self, kind: Kind[Any], name: str, namespace: str = "ns", **parts: Any) -> dict[str, Any]:
        meta = {"name": name, "uid": f"{name}-uid", "creationTimestamp": ago(900).isoformat(), "generation": 1}
        meta |= {"namespace": namespace} if kind.namespaced else {}
        return self.cluster.put(kind, {"metadata": meta | parts.pop("metadata", {}), **parts})

    def node(self, name: str, device: str = "74a1") -> None:
        self.put(NODES, name, metadata={"labels": {"amd.com/gpu.device-id": device}})

    def template(self, name: str = "t", *, age: float = 900, uid: str = "", **spec: Any) -> None:
        meta = {"creationTimestamp": ago(age).isoformat()} | ({"uid": uid} if uid else {})
        wanted = {"modelName": "llama", "gpuSelector": {"count": 1, "model": "MI300X"}} | spec
        status = self.status(name) if (self.kind.resource, self.key(name)) in self.cluster.objects else {}
        self.put(self.kind, name, metadata=meta, spec=wanted, status=status)

    async def look(self, name: str = "t", **how: Any) -> dict[str, Any]:
        """Reconcile once; the template's status then."""
        await self.reconcile(name, **how)
        return self.status(name)

    async def reconcile(self, name: str = "t", *, later: Any = None, failures: int = 0) -> Result:
        request = Request(self.key(name), NOW + later if later else NOW, failures=failures)
        return await self.reconciler.reconcile(request)

    def status(self, name: str = "t") -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.objects[self.kind.resource, self.key(name)].get("status", {})
        return found

    def said(self, kind: str, name: str = "t") -> str:
        condition = next(each for each in self.status(name)["conditions"] if each["type"] == kind)
        return f"{condition['status']} {condition['reason']}"

    def jobs(self) -> list[str]:
        return sorted(key.name for resource, key in self.cluster.objects if resource == JOBS.resource)

    def job(self, name: str = "t") -> dict[str, Any]:
        """The template's only Job."""
        owned = [
            live
            for (resource, _), live in self.cluster.objects.items()
            if resource == JOBS.resource and live["metadata"]["ownerReferences"][0]["name"] == name
        ]
        (only,) = owned
        return only

    def end(self, name: str = "t", *, outcome: str = "Complete", pod: str = "Succeeded", log: Any = OUTPUT) -> None:
        """The Job ends that way, having had a Pod in that phase with that log; the Pod's name is the template's."""
        job = self.job(name)
        if pod:
            self.pod(name, pod)
        self.cluster.logs[name] = log
        conditions = [{"type": outcome, "status": "True", "message": "said the Job"}]
        self.cluster.put(JOBS, {**job, "status": {"conditions": conditions}})

    def pod(self, name: str = "t", phase: str = "Running", *, behind: bool = False, **status: Any) -> None:
        """The Pod of the template's Job, created `behind` the cache."""
        meta = self.job(name)["metadata"]
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"], "controller": True}
        self.cluster.lagging = behind
        labels = self.job(name)["spec"]["template"]["metadata"]["labels"]
        self.put(
            PODS,
            name,
            self.home,
            metadata={"ownerReferences": [owner], "labels": labels, "creationTimestamp": meta["creationTimestamp"]},
            status={"phase": phase, **status},
        )
        self.cluster.lagging = False

    def queued(self, change: Any) -> list[str]:
        """The templates queued by what `change` does."""
        found: set[str] = set()
        handlers = []
        for watch in self.controller.watches:

            def handle(happened: Any, watch: Any = watch) -> None:
                if watch.predicate(happened):
                    found.update(str(key) for key in watch.map(happened))

            handlers.append((self.informers.informer(watch.kind), handle))
        for informer, handle in handlers:
            informer.add_handler(handle)
        change()
        for informer, handle in handlers:
            informer.handlers.remove(handle)
        return sorted(found)
