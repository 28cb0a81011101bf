"""What the families share: who uses a runtime config or a model, and what is found from where."""

from datetime import UTC, datetime
from typing import Any

import pytest

from aimctrl.aim.indexes import TEMPLATES_BY_CONFIG
from aimctrl.aim.options import OperatorOptions
from aimctrl.aim.resolution import DefaultNotFound
from aimctrl.aim.shared import CONFIG_KINDS, MODEL_KINDS, TEMPLATE_KINDS, Shared, target_of
from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_RUNTIME_CONFIG,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_MODEL,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE_TEMPLATE,
)
from aimctrl.kube.core import NODES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.lookup import Found, Missing
from aimctrl.runtime.store import Change
from support.fake_cluster import FakeCluster, FakeInformers

SYSTEM = "kaiwo-system"


class World:
    """What the families share takes of the Manager its informers alone."""

    def __init__(self, **options: Any) -> None:
        self.informers = FakeInformers()
        self.cluster = FakeCluster(self.informers)
        self.shared = Shared(self, OperatorOptions(**options))  # type: ignore[arg-type]

    def put(self, kind: Kind[Any], name: str, namespace: str = "ns", **spec: Any) -> Change:
        """Have the object; the change that its informer told of."""
        told: list[Change] = []
        self.informers.informer(kind).add_handler(told.append)
        meta = {"name": name, "uid": f"{name}-uid"} | ({"namespace": namespace} if kind.namespaced else {})
        self.cluster.put(kind, {"metadata": meta, "spec": spec})
        return told[0]

    def template(self, name: str, namespace: str = "ns", **spec: Any) -> None:
        kind = AIM_SERVICE_TEMPLATE if namespace else AIM_CLUSTER_SERVICE_TEMPLATE
        self.put(kind, name, namespace, **({"modelName": "llama"} | spec))

    def config_users(self, change: Change) -> list[str]:
        return [str(key) for each in self.shared.templates for key in self.shared.config_users(each)(change)]

    def model_users(self, change: Change) -> list[str]:
        return [str(key) for each in self.shared.templates for key in self.shared.model_users(each)(change)]


@pytest.fixture
def world() -> World:
    world = World()
    for namespace in ("ns", "other", SYSTEM, ""):
        world.template(f"default-{namespace or 'cluster'}", namespace)
        world.template(f"named-{namespace or 'cluster'}", namespace, runtimeConfigName="big", modelName="qwen")
    return world


@pytest.mark.parametrize(
    ("kind", "name", "namespace", "users"),
    [
        (AIM_RUNTIME_CONFIG, "default", "ns", ["ns/default-ns"]),
        (AIM_RUNTIME_CONFIG, "big", "ns", ["ns/named-ns"]),
        (AIM_RUNTIME_CONFIG, "big", SYSTEM, [f"{SYSTEM}/named-{SYSTEM}", "named-cluster"]),
        (AIM_RUNTIME_CONFIG, "big", "empty", []),
        (AIM_RUNTIME_CONFIG, "unused", "ns", []),
        (
            AIM_CLUSTER_RUNTIME_CONFIG,
            "default",
            "",
            [f"{SYSTEM}/default-{SYSTEM}", "ns/default-ns", "other/default-other", "default-cluster"],
        ),
        (
            AIM_CLUSTER_RUNTIME_CONFIG,
            "big",
            "",
            [f"{SYSTEM}/named-{SYSTEM}", "ns/named-ns", "other/named-other", "named-cluster"],
        ),
    ],
    ids=[
        "of a namespace, by default",
        "of a namespace, by name",
        "of the operator's namespace",
        "of an empty namespace",
        "of a name nobody uses",
        "of the cluster, by default",
        "of the cluster, by name",
    ],
)
def test_a_config_is_used_by_those_that_may_resolve_to_it(
    world: World, kind: Kind[Any], name: str, namespace: str, users: list[str]
) -> None:
    assert world.config_users(world.put(kind, name, namespace)) == users


def test_the_operator_namespace_is_the_one_of_the_options() -> None:
    world = World(operator_namespace="ops")
    world.template("t", "")
    assert world.config_users(world.put(AIM_RUNTIME_CONFIG, "default", SYSTEM)) == []
    assert world.config_users(world.put(AIM_RUNTIME_CONFIG, "default", "ops")) == ["t"]


@pytest.mark.parametrize(
    ("kind", "namespace", "users"),
    [
        (AIM_MODEL, "ns", ["ns/named-ns"]),
        (AIM_MODEL, SYSTEM, [f"{SYSTEM}/named-{SYSTEM}"]),
        (AIM_MODEL, "empty", []),
        (AIM_CLUSTER_MODEL, "", [f"{SYSTEM}/named-{SYSTEM}", "ns/named-ns", "other/named-other", "named-cluster"]),
    ],
    ids=["of a namespace", "of the operator's namespace", "of an empty namespace", "of the cluster"],
)
def test_a_model_is_used_by_those_that_may_resolve_to_it(
    world: World, kind: Kind[Any], namespace: str, users: list[str]
) -> None:
    assert world.model_users(world.put(kind, "qwen", namespace, image="i")) == users


def test_both_words_for_a_model_are_one() -> None:
    world = World()
    world.template("new", modelName="llama")
    world.template("old", modelName=None, aimImageName="llama")
    for kind in MODEL_KINDS:
        assert world.model_users(world.put(kind, "llama", image="i")) == ["ns/new", "ns/old"]


def test_users_are_found_by_what_they_say_now() -> None:
    world = World()
    world.template("t", runtimeConfigName="big")
    world.template("t", runtimeConfigName="small")
    assert world.config_users(world.put(AIM_RUNTIME_CONFIG, "big")) == []
    assert world.config_users(world.put(AIM_RUNTIME_CONFIG, "small")) == ["ns/t"]


def test_a_config_named_empty_is_the_default_one() -> None:
    world = World()
    world.template("t", runtimeConfigName="")
    (found,) = world.shared.templates[0].keys_by_index(TEMPLATES_BY_CONFIG.name, "default")
    assert found == Key("ns", "t")


def test_models_and_configs_are_found_from_where_one_stands() -> None:
    world = World()
    world.put(AIM_MODEL, "llama", image="of the namespace")
    world.put(AIM_CLUSTER_MODEL, "llama", image="of the cluster")
    world.put(AIM_RUNTIME_CONFIG, "default", SYSTEM)
    images = [
        found.value.spec.image
        for namespace in ("ns", "other", "")
        if isinstance(found := world.shared.find_model("llama", namespace), Found)
    ]
    assert images == ["of the namespace", "of the cluster", "of the cluster"]
    assert isinstance(world.shared.find_config(None, ""), Found)
    assert world.shared.find_config(None, "ns") == DefaultNotFound()
    assert isinstance(world.shared.find_config("big", "ns"), Missing)


def test_templates_are_found_by_their_gpu_however_it_is_spelled() -> None:
    world = World()
    world.template("a", gpuSelector={"model": "AMD Instinct MI300X"})
    world.template("b", gpuSelector={"count": 1})
    assert world.shared.templates[0].keys_by_index("gpu", "MI300X") == [Key("ns", "a")]


def test_the_inventory_follows_the_nodes() -> None:
    world = World()
    world.cluster.put(NODES, {"metadata": {"name": "n", "uid": "n", "labels": {"amd.com/gpu.device-id": "74a1"}}})
    assert world.shared.inventory.has("MI300X")
    world.cluster.drop(NODES, Key("", "n"))
    assert not world.shared.inventory.has("MI300X")


def test_a_target_is_the_object_as_it_was_seen() -> None:
    world = World()
    live = {
        "metadata": {"name": "t", "namespace": "ns", "uid": "u", "creationTimestamp": "2029-01-01T00:00:00Z"},
        "spec": {"modelName": "llama"},
        "status": {"profile": {"engine_args": {"unknown": [1, None]}}},
    }
    world.cluster.put(AIM_SERVICE_TEMPLATE, live)
    entry = world.shared.templates[0].entry(Key("ns", "t"))
    assert entry is not None
    target = target_of(AIM_SERVICE_TEMPLATE, entry)
    assert (target.key, target.meta.uid, target.meta.generation) == (Key("ns", "t"), "u", 1)
    assert target.meta.creation_timestamp == datetime(2029, 1, 1, tzinfo=UTC)
    assert target.status == live["status"]


def test_the_kinds_are_in_the_order_they_are_looked_up() -> None:
    assert [kind.name for kind in MODEL_KINDS] == ["AIMModel", "AIMImage", "AIMClusterModel", "AIMClusterImage"]
    assert [kind.name for kind in CONFIG_KINDS] == ["AIMRuntimeConfig", "AIMClusterRuntimeConfig"]
    assert [kind.name for kind in TEMPLATE_KINDS] == ["AIMServiceTemplate", "AIMClusterServiceTemplate"]
