"""The operator's own reconcilers, asked what they would do; on a fake cluster."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from aimctrl.aim.explain.explainer import Explainer
from aimctrl.aim.explain.explanation import Explanation
from aimctrl.aim.options import OperatorOptions
from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_MODEL,
    AIM_MODEL_CACHE,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
    AIM_TEMPLATE_CACHE,
)
from aimctrl.kube.core import JOBS, NAMESPACES, NODES, PODS
from aimctrl.kube.external import INFERENCE_SERVICES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.applier import Applier
from aimctrl.runtime.client import Page
from aimctrl.runtime.errors import Answer, ApiError, ForbiddenError
from aimctrl.runtime.informer import Freshness
from aimctrl.runtime.lister import Unavailable
from support.fake_cluster import FakeCluster, FakeInformers, FakeRecorder
from unit.aim.explain.look import fact, words

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
NOT_LISTED = Unavailable("Forbidden", "nodes is forbidden")


class Informers(FakeInformers):
    def freshness(self) -> list[Freshness]:
        return [
            Freshness(str(one.kind), "", 0.0, one.availability, 0, 0, 0, 0) for one in self.held.values() for _ in "ab"
        ]


class Cluster(FakeCluster):
    """A cluster with these events."""

    def __init__(self, informers: FakeInformers) -> None:
        super().__init__(informers)
        self.events: list[dict[str, Any]] = []
        self.forbidden: ApiError | None = None
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def request(self, method: str, path: str, *, query: dict[str, str]) -> bytes:
        assert method == "GET"
        self.asked.append((path, query))
        if self.forbidden is not None:
            raise self.forbidden
        return msgspec.json.encode({"metadata": {}, "items": self.events})

    async def list_page(self, kind: Kind[Any], namespace: str = "", *, selector: str = "") -> Page:
        assert (kind, namespace, selector) == (PODS, "ml", "serving.kserve.io/inferenceservice=chat")
        if self.forbidden is not None:
            raise self.forbidden
        pods = [live for (resource, _), live in self.objects.items() if resource == PODS.resource]
        return msgspec.json.decode(msgspec.json.encode({"metadata": {}, "items": pods}), type=Page)


@dataclass
class Manager:
    """What the explainer takes from the Manager."""

    informers: Informers
    client: Cluster
    applier: Applier
    namespaces: tuple[str, ...] = ()


class World:
    """A cluster with one node, seen by an explainer of one kind that allows one discovery Job."""

    def __init__(self, kind: Kind[Any]) -> None:
        self.informers = Informers()
        self.cluster = Cluster(self.informers)
        applier = Applier(self.cluster, self.informers, FakeRecorder(), field_manager="aimctrl")  # type: ignore[arg-type]
        manager: Any = Manager(self.informers, self.cluster, applier)
        self.explainer = Explainer(manager, OperatorOptions(max_discovery_jobs=1), kind)
        self.put(NAMESPACES, "ml")
        self.put(NODES, "n", labels={"amd.com/gpu.family": "MI300X"}, status={"capacity": {"amd.com/gpu": "8"}})

    def put(
        self, kind: Kind[Any], name: str, *, age: int = 60, labels: dict[str, str] | None = None, **parts: Any
    ) -> None:
        meta = {"name": name, "namespace": "ml" if kind.namespaced else "", "uid": f"{kind.name}-{name}"}
        created = datetime.fromtimestamp(NOW.timestamp() - age, UTC).isoformat()
        meta |= {"creationTimestamp": created, "generation": 1, "labels": labels or {}}
        self.cluster.put(kind, {"metadata": meta, **parts})

    def template(self, name: str, kind: Kind[Any] = AIM_SERVICE_TEMPLATE, *, age: int = 60, **status: Any) -> None:
        self.put(kind, name, age=age, spec={"modelName": "llama"}, status=status)

    async def explain(self, name: str, namespace: str = "ml") -> Explanation:
        told = await self.explainer.explain(Key(namespace, name), NOW, ("said before",))
        assert told is not None
        assert told.warnings[0] == "said before"
        assert all(call.startswith("get ") for call in self.cluster.calls)
        return told


WAITING = {"status": "Pending", "conditions": [{"type": "Ready", "status": "False", "reason": "AwaitingDiscovery"}]}


async def test_what_is_not_there_is_not_explained() -> None:
    assert await World(AIM_SERVICE).explainer.explain(Key("ml", "chat"), NOW) is None


async def test_a_service_is_explained_with_what_its_model_says_of_itself() -> None:
    world = World(AIM_SERVICE)
    said = {"type": "Ready", "status": "False", "reason": "ImageNotFound", "message": "no such tag"}
    world.put(AIM_CLUSTER_MODEL, "llama", spec={"image": "i:1"}, status={"status": "Failed", "conditions": [said]})
    world.put(AIM_SERVICE, "chat", spec={"model": {"ref": "llama"}})
    told = await world.explain("chat")
    assert (told.status, told.trouble.reason) == ("Failed", "ModelNotReady")
    trouble = fact(told, "model").trouble
    assert trouble is not None
    assert (trouble.reason, trouble.message) == ("ImageNotFound", "no such tag")
    assert [gpu.model for gpu in told.gpus] == ["MI300X"]


async def test_a_template_stands_in_the_line_where_the_operator_has_it() -> None:
    world = World(AIM_SERVICE_TEMPLATE)
    world.put(AIM_CLUSTER_MODEL, "llama", spec={"image": "i:1"})
    world.template("mine", age=60, **WAITING)
    world.template("older", AIM_CLUSTER_SERVICE_TEMPLATE, age=90, **WAITING)
    world.template("younger", age=30, **WAITING)
    world.template("new", age=120)
    told = await world.explain("mine")
    assert words(told, "discovery")[:2] == ("waits for a slot", "0 of 1 slots are taken, 1 older templates wait too")
    assert told.trouble.reason == "AwaitingDiscovery"
    assert told.next.steps == ()


async def test_running_jobs_take_slots() -> None:
    world = World(AIM_SERVICE_TEMPLATE)
    world.put(AIM_CLUSTER_MODEL, "llama", spec={"image": "i:1"})
    world.template("mine")
    told = await world.explain("mine")
    assert words(told, "discovery")[0] == "about to begin"
    assert [(step.action, step.kind) for step in told.next.steps] == [("create", "Job")]
    world.put(JOBS, "other", spec={}, status={})
    told = await world.explain("mine")
    assert words(told, "discovery")[:2] == ("waits for a slot", "1 of 1 slots are taken, 0 older templates wait too")


async def test_a_model_is_explained_with_the_templates_that_find_it() -> None:
    world = World(AIM_CLUSTER_MODEL)
    for kind in (AIM_MODEL, AIM_CLUSTER_MODEL):
        world.put(kind, "llama", spec={"image": "i:1"})
    world.template("everywhere", AIM_CLUSTER_SERVICE_TEMPLATE, status="Ready")
    world.template("here", status="Ready")
    told = await world.explain("llama", "")
    assert [template.name for template in told.templates] == ["everywhere"]
    assert told.trouble.reason == "DiscoveryDisabled"


async def test_what_cannot_be_seen_is_warned_of() -> None:
    world = World(AIM_SERVICE)
    world.put(AIM_SERVICE, "chat", spec={"model": {"ref": "llama"}})
    world.informers.informer(NODES).availability = NOT_LISTED
    routes = next(one for name, one in world.informers.held.items() if name.startswith("httproutes"))
    routes.availability = Unavailable("KindMissing", "no such thing")
    told = await world.explain("chat")
    assert told.warnings[1:3] == (
        "The API server does not know httproutes.gateway.networking.k8s.io: its CRD is not installed.",
        "nodes cannot be read from here, the operator may know more: nodes is forbidden",
    )
    assert told.gpus is None


def event(name: str, second: int, **parts: Any) -> dict[str, Any]:
    said = {"reason": name, "note": f"{name} happened", "type": "Normal", "eventTime": f"2030-01-01T11:00:{second:02}Z"}
    return {"metadata": {"name": name}} | said | parts


async def test_the_latest_events_are_told_in_their_order() -> None:
    world = World(AIM_SERVICE)
    world.put(AIM_SERVICE, "chat", spec={"model": {"ref": "llama"}})
    series = {"count": 3, "lastObservedTime": "2030-01-01T11:59:00Z"}
    old = [event(f"Old{second}", second) for second in range(9)]
    world.cluster.events = [
        event("Repeated", 0, series=series, type="Warning"),
        event("Latest", 50),
        *old,
        {"metadata": {"name": "junk"}, "series": 7},
        {"metadata": {"name": "core", "creationTimestamp": "2030-01-01T11:30:00Z"}, "reason": "Untimed"},
    ]
    told = await world.explain("chat")
    assert [line.reason for line in told.events] == [f"Old{n}" for n in range(2, 9)] + ["Latest", "Untimed", "Repeated"]
    assert told.events[-1].count == 3
    assert told.events[-1].at == datetime(2030, 1, 1, 11, 59, tzinfo=UTC)
    assert world.cluster.asked == [
        (
            "/apis/events.k8s.io/v1/namespaces/ml/events",
            {"fieldSelector": "regarding.uid=AIMService-chat", "limit": "500"},
        )
    ]


async def test_events_of_cluster_scoped_objects_are_in_the_default_namespace() -> None:
    world = World(AIM_CLUSTER_MODEL)
    world.put(AIM_CLUSTER_MODEL, "llama", spec={"image": "i:1"})
    await world.explain("llama", "")
    assert world.cluster.asked[0][0] == "/apis/events.k8s.io/v1/namespaces/default/events"


async def test_events_that_may_not_be_read_are_no_failure() -> None:
    world = World(AIM_SERVICE)
    world.put(AIM_SERVICE, "chat", spec={"model": {"ref": "llama"}})
    world.cluster.forbidden = ForbiddenError(Answer(403, "Forbidden", "events is forbidden"))
    told = await world.explain("chat")
    assert told.events == ()
    assert any("events is forbidden" in warning for warning in told.warnings)


SERVED = {"controller": True, "kind": "AIMService", "name": "chat", "uid": "AIMService-chat"}


def serving(world: World, ready: str) -> None:
    """A service whose InferenceService says that it is ready, or not, and four Pods of it."""
    world.put(AIM_CLUSTER_MODEL, "llama", spec={"image": "i:1"})
    world.template("fast", status="Ready", conditions=[{"type": "Ready", "status": "True"}])
    world.put(AIM_SERVICE, "chat", spec={"model": {"ref": "llama"}})
    meta = {"name": "chat", "namespace": "ml", "uid": "i", "ownerReferences": [SERVED]}
    conditions = {"conditions": [{"type": "Ready", "status": ready}]}
    world.cluster.put(INFERENCE_SERVICES, {"metadata": meta, "spec": {}, "status": conditions})
    lacking = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no GPU is free"}
    for number in (3, 2, 1, 0):
        world.put(PODS, f"chat-{number}", status={"phase": "Pending", "conditions": [lacking]})


async def test_of_a_runtime_that_is_not_ready_the_first_pods_are_told() -> None:
    world = World(AIM_SERVICE)
    serving(world, "False")
    runtime = fact(await world.explain("chat"), "runtime")
    assert [part.value for part in runtime.parts] == [f'Pod "ml/chat-{number}"' for number in range(3)]
    trouble = runtime.parts[0].trouble
    assert trouble is not None
    assert (trouble.reason, trouble.message) == ("Unschedulable", "no GPU is free")


async def test_of_a_runtime_that_is_ready_no_pods_are_asked_for() -> None:
    world = World(AIM_SERVICE)
    serving(world, "True")
    assert fact(await world.explain("chat"), "runtime").parts == ()


async def test_pods_that_may_not_be_read_are_no_failure() -> None:
    world = World(AIM_SERVICE)
    serving(world, "False")
    world.cluster.forbidden = ForbiddenError(Answer(403, "Forbidden", "pods is forbidden"))
    told = await world.explain("chat")
    assert fact(told, "runtime").parts == ()
    assert any(warning.startswith("Pods cannot be read: ") for warning in told.warnings)


FAILED = [{"type": "Ready", "status": "False", "reason": "StorageFailed", "message": "no such class"}]


@pytest.mark.parametrize("kind", [AIM_SERVICE, AIM_SERVICE_TEMPLATE], ids=lambda kind: kind.name)
async def test_a_cache_that_something_stands_on_is_told_with_its_artifacts(kind: Kind[Any]) -> None:
    world = World(kind)
    world.put(AIM_CLUSTER_MODEL, "llama", spec={"image": "i:1"})
    caching = {"caching": {"enabled": True}, "modelSources": [{"name": "w", "sourceURI": "hf://w", "size": "1Gi"}]}
    template = {"name": "fast", "namespace": "ml", "uid": "t", "generation": 1}
    world.cluster.put(
        AIM_SERVICE_TEMPLATE,
        {"metadata": template, "spec": {"modelName": "llama", **caching}, "status": {"status": "Ready"}},
    )
    owner = {"controller": True, "kind": "AIMServiceTemplate", "name": "fast", "uid": "t"}
    parts = {"w": {"name": "weights", "uid": "u", "status": "Failed", "model": "w"}}
    status = {"status": "Failed", "conditions": FAILED, "modelCaches": parts}
    meta = {"name": "fast", "namespace": "ml", "uid": "c", "ownerReferences": [owner]}
    world.cluster.put(AIM_TEMPLATE_CACHE, {"metadata": meta, "spec": {"templateRef": "fast"}, "status": status})
    part = {"spec": {"sourceURI": "hf://w", "size": "1Gi"}, "status": {"status": "Failed", "conditions": FAILED}}
    world.put(AIM_MODEL_CACHE, "weights", **part)
    world.put(AIM_SERVICE, "chat", spec={"model": {"ref": "llama"}, "templateRef": "fast", "cacheModel": True})
    told = await world.explain("chat" if kind == AIM_SERVICE else "fast")
    (artifact,) = fact(told, "cache").parts
    assert (artifact.value, artifact.see) == ('AIMModelCache "ml/weights"', "aimctrl explain modelcache ml/weights")
    assert artifact.trouble is not None
    assert artifact.trouble.message == "no such class"


@pytest.mark.parametrize("kind", [AIM_TEMPLATE_CACHE, AIM_MODEL_CACHE], ids=lambda kind: kind.name)
async def test_caches_are_explained_themselves(kind: Kind[Any]) -> None:
    world = World(kind)
    world.put(kind, "weights", spec={"templateRef": "fast", "sourceURI": "hf://w", "size": "1Gi"})
    told = await world.explain("weights")
    assert (told.kind, told.status) == (kind.name, "Failed")


@pytest.mark.parametrize("kind", [AIM_SERVICE, AIM_MODEL, AIM_SERVICE_TEMPLATE], ids=lambda kind: kind.name)
def test_only_what_the_kind_needs_is_watched(kind: Kind[Any]) -> None:
    watched = set(World(kind).informers.held)
    assert (JOBS.resource in watched) is (kind is AIM_SERVICE_TEMPLATE)
    assert (AIM_SERVICE.resource in watched) is (kind is AIM_SERVICE)
