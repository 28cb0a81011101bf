"""The cache family on a fake cluster: objects are put there, and caches are looked at."""

from dataclasses import dataclass, field
from typing import Any

from aimctrl.aim.cache.model_cache_reconciler import ModelCacheReconciler
from aimctrl.aim.cache.template_cache_reconciler import TemplateCacheReconciler
from aimctrl.aim.options import OperatorOptions
from aimctrl.aim.shared import Shared
from aimctrl.api.kinds import AIM_MODEL_CACHE, AIM_TEMPLATE_CACHE
from aimctrl.kube.core import STORAGE_CLASSES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.applier import Applier
from aimctrl.runtime.errors import NotFoundError
from aimctrl.runtime.request import Request, Result
from aimctrl.runtime.store import Change
from support.fake_cluster import FakeCluster, FakeInformers, FakeRecorder, refused
from unit.aim.cache.samples import NOW

SOURCE = "hf://meta/llama"


class Cluster(FakeCluster):
    """With the logs of Pods, by name, or what keeps them from being read."""

    def __init__(self, informers: FakeInformers) -> None:
        super().__init__(informers)
        self.logs: dict[str, bytes | Exception] = {}

    async def pod_log(self, key: Key, *, container: str, limit_bytes: int, tail_lines: int | None = None) -> bytes:
        assert (container, limit_bytes, tail_lines) == ("download", 2**16, 20)
        if key.name not in self.logs:
            raise refused(NotFoundError, 404)
        found = self.logs[key.name]
        if isinstance(found, Exception):
            raise found
        return found


@dataclass
class Operator:
    """What the cache family takes from the Manager."""

    informers: FakeInformers
    applier: Applier
    client: Cluster
    namespaces: tuple[str, ...] = ()


@dataclass
class World:
    informers: FakeInformers = field(default_factory=FakeInformers)
    recorder: FakeRecorder = field(default_factory=FakeRecorder)

    def __post_init__(self) -> None:
        self.cluster = Cluster(self.informers)
        applier = Applier(self.cluster, self.informers, self.recorder, field_manager="aimctrl")  # type: ignore[arg-type]
        shared = Shared(Operator(self.informers, applier, self.cluster), OperatorOptions())  # type: ignore[arg-type]
        self.models = ModelCacheReconciler(shared)
        self.templates = TemplateCacheReconciler(shared)
        self.controllers = {AIM_MODEL_CACHE: self.models.controller(), AIM_TEMPLATE_CACHE: self.templates.controller()}

    def put(self, kind: Kind[Any], name: str, namespace: str = "ns", **parts: Any) -> dict[str, Any]:
        meta = {"name": name, "uid": f"{kind.name}-{name}", "creationTimestamp": "2029-01-01T00:00:00Z"}
        meta |= {"generation": 1} | ({"namespace": namespace} if kind.namespaced else {}) | parts.pop("metadata", {})
        return self.cluster.put(kind, {"metadata": meta, **parts})

    def live(self, kind: Kind[Any], name: str) -> dict[str, Any]:
        return self.cluster.live(kind, name)

    def names(self, kind: Kind[Any]) -> list[str]:
        return sorted(key.name for resource, key in self.cluster.objects if resource == kind.resource)

    def storage(self, name: str = "fast", *, default: bool = True, created: str = "", **parts: Any) -> None:
        annotations = {"storageclass.kubernetes.io/is-default-class": str(default).lower()}
        meta: dict[str, Any] = {"annotations": annotations} | ({"creationTimestamp": created} if created else {})
        self.put(STORAGE_CLASSES, name, metadata=meta, **parts)

    def model_cache(self, name: str = "llama", namespace: str = "ns", **spec: Any) -> None:
        meta, status = spec.pop("metadata", {}), spec.pop("status", None)
        parts = {} if status is None else {"status": {"status": status}}
        whole = {"sourceURI": SOURCE, "size": "16Gi", **spec}
        self.put(AIM_MODEL_CACHE, name, namespace, metadata=meta, spec=whole, **parts)

    def template_cache(self, name: str = "all", namespace: str = "ns", **spec: Any) -> None:
        meta, status = spec.pop("metadata", {}), spec.pop("status", {})
        self.put(
            AIM_TEMPLATE_CACHE, name, namespace, metadata=meta, spec={"templateRef": "fast", **spec}, status=status
        )

    def template(self, kind: Kind[Any], name: str = "fast", *sources: str, discovered: bool = True) -> None:
        said = {"type": "Discovered", "status": str(discovered)}
        listed = [{"name": source.rpartition("/")[2], "source": source, "sizeBytes": 2**30} for source in sources]
        self.put(kind, name, spec={"modelName": "m"}, status={"conditions": [said], "modelSources": listed})

    def change(self, kind: Kind[Any], name: str, **parts: Any) -> None:
        """Somebody writes these parts of an object."""
        self.cluster.put(kind, {**self.live(kind, name), **parts})

    async def look(self, kind: Kind[Any] = AIM_MODEL_CACHE, name: str = "llama") -> tuple[str, Result]:
        """Reconcile; the state, and when to look again."""
        reconciler = self.models if kind is AIM_MODEL_CACHE else self.templates
        result = await reconciler.reconcile(Request(Key("ns", name), NOW))
        entry = self.cluster.objects.get((kind.resource, Key("ns", name)), {})
        return entry.get("status", {}).get("status", ""), result

    def woken(self, kind: Kind[Any], by: Kind[Any], name: str, namespace: str = "ns") -> list[str]:
        """The caches of a kind that a change of an object makes look again."""
        key = Key(namespace if by.namespaced else "", name)
        change = Change(key, None, self.informers.informer(by).lister.entry(key))
        found = [watch for watch in self.controllers[kind].watches if watch.kind == by]
        return sorted({str(key) for watch in found if watch.predicate(change) for key in watch.map(change)})
