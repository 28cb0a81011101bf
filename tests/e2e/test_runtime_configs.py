"""Runtime configs on a real API server: whatever uses one hears of every change, and without polling (SPEC §7)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from aimctrl.api.common import ResolvedConfig
from aimctrl.api.kinds import (
    AIM_CLUSTER_IMAGE,
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_RUNTIME_CONFIG,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_IMAGE,
    AIM_MODEL,
    AIM_MODEL_CACHE,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
    AIM_TEMPLATE_CACHE,
)
from aimctrl.kube.core import Event
from aimctrl.kube.external import INFERENCE_SERVICES
from aimctrl.kube.kinds import Key, Kind
from e2e.conftest import OPERATOR_NAMESPACE, Stage
from e2e.homes import Home
from support.world import World, becomes_equal, reasons

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE = 20.0
"""Seconds: shorter than any pause after which something would be looked at again unasked."""

CONSUMERS: dict[str, tuple[Kind[Any], dict[str, Any]]] = {
    "model": (AIM_MODEL, {"image": "registry.test/none:v1"}),
    "image": (AIM_IMAGE, {"image": "registry.test/none:v1"}),
    "cluster-model": (AIM_CLUSTER_MODEL, {"image": "registry.test/none:v1"}),
    "cluster-image": (AIM_CLUSTER_IMAGE, {"image": "registry.test/none:v1"}),
    "template": (AIM_SERVICE_TEMPLATE, {"modelName": "none"}),
    "cluster-template": (AIM_CLUSTER_SERVICE_TEMPLATE, {"modelName": "none"}),
    "service": (AIM_SERVICE, {"model": {"ref": "none"}}),
    "template-cache": (AIM_TEMPLATE_CACHE, {"templateRef": "none"}),
    "model-cache": (
        AIM_MODEL_CACHE,
        {"sourceURI": "hf://org/none", "size": "1Gi", "storageClassName": "none"},
    ),
}


@dataclass(frozen=True)
class Consumer:
    """An object of one kind that uses a runtime config; `where` is the namespace in which that is looked for first."""

    world: World
    kind: Kind[Any]
    spec: dict[str, Any]
    name: str
    namespace: str
    where: str

    async def applies(self, **spec: Any) -> None:
        """Have the object."""
        await self.world.have(self.kind, self.name, self.namespace, **self.spec | spec)

    async def until(self, holds: Callable[[Any], bool]) -> Any:
        """The object once `holds` says so of it, soon."""
        return await self.world.until(self.kind, self.name, self.namespace, holds, timeout=AT_ONCE)

    async def resolves(self, kind: Kind[Any], name: str, *, not_hash: str = "") -> ResolvedConfig:
        """What it says of its runtime config once it is that one, with another content than `not_hash` told."""

        def there(found: Any) -> bool:
            resolved = found.status.resolved_runtime_config
            return resolved is not None and resolved.kind == kind.name and resolved.hash != not_hash

        found = (await self.until(there)).status.resolved_runtime_config
        place = self.where if kind.namespaced else ""
        live = await self.world.get(kind, name, place)
        assert (found.key, found.uid, found.scope.value) == (
            Key(place, name),
            live.metadata.uid,
            "Namespace" if place else "Cluster",
        )
        assert found.hash
        return found

    async def events(self, reason: str) -> list[Event]:
        """The events of that reason about it."""
        found = await self.world.events(self.namespace or "default", self.name)
        return [e for e in found if e.reason == reason and e.regarding.kind == self.kind.name]


@pytest.fixture(params=CONSUMERS.values(), ids=list(CONSUMERS))
def consumer(stage: Stage, namespace: str, request: pytest.FixtureRequest) -> Consumer:
    kind, spec = request.param
    here = kind.namespaced
    return Consumer(
        stage.world, kind, spec, namespace[-48:].lstrip("-"), namespace if here else "",
        namespace if here else OPERATOR_NAMESPACE,
    )  # fmt: skip


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


async def test_every_change_of_its_runtime_config_reaches_what_uses_it(consumer: Consumer):
    world, name = consumer.world, consumer.name
    cluster, own = AIM_CLUSTER_RUNTIME_CONFIG, AIM_RUNTIME_CONFIG
    await world.have(cluster, name, env=[{"name": "A", "value": "1"}])
    await consumer.applies(runtimeConfigName=name)
    first = await consumer.resolves(cluster, name)
    await world.have(cluster, name, env=[{"name": "A", "value": "2"}])
    second = await consumer.resolves(cluster, name, not_hash=first.hash)
    await world.have(own, name, consumer.where, env=[{"name": "A", "value": "2"}])
    hiding = await consumer.resolves(own, name)
    assert hiding.hash == second.hash, "the hash is of what a config says"
    await world.have(own, name, consumer.where, imagePullSecrets=[{"name": "pull"}])
    await consumer.resolves(own, name, not_hash=hiding.hash)
    await world.delete(own, name, consumer.where)
    assert await consumer.resolves(cluster, name) == second


async def test_a_runtime_config_that_is_named_has_to_be_there(consumer: Consumer):
    world, name = consumer.world, consumer.name
    await world.have(AIM_RUNTIME_CONFIG, name, f"{name}-z")

    async def misses() -> None:
        state = "Failed" if consumer.kind in {AIM_TEMPLATE_CACHE, AIM_MODEL_CACHE} else "Degraded"
        found = await consumer.until(
            lambda o: o.status.status == state and reasons(o)["Ready"] == ("False", "RuntimeConfigMissing")
        )
        assert reasons(found)["Failure"] == ("True", "RuntimeConfigMissing")
        assert name in {c.type: c.message for c in found.status.conditions}["Failure"]
        assert found.status.resolved_runtime_config is None

    await consumer.applies(runtimeConfigName=name)
    await misses()
    for kind, place in ((AIM_CLUSTER_RUNTIME_CONFIG, ""), (AIM_RUNTIME_CONFIG, consumer.where)):
        await world.have(kind, name, place)
        await consumer.resolves(kind, name)
        assert reasons(await consumer.until(lambda _: True))["Ready"][1] != "RuntimeConfigMissing"
        await world.delete(kind, name, place)
        await misses()
    assert not await consumer.events("DefaultRuntimeConfigNotFound")


async def test_the_default_one_is_missed_once_and_taken_up_when_it_comes(consumer: Consumer):
    world, event = consumer.world, "DefaultRuntimeConfigNotFound"
    await consumer.applies()
    found = await consumer.until(lambda o: bool(o.status.conditions))
    assert found.status.resolved_runtime_config is None

    async def told() -> list[str]:
        return [one.type for one in await consumer.events(event)]

    await becomes_equal(told, ["Warning"])
    await consumer.applies(imagePullSecrets=[{"name": "another"}])
    found = await consumer.until(lambda o: o.status.observed_generation == o.metadata.generation)
    assert found.status.resolved_runtime_config is None
    await world.have(AIM_RUNTIME_CONFIG, "default", consumer.where)
    try:
        await consumer.resolves(AIM_RUNTIME_CONFIG, "default")
        [only] = await consumer.events(event)
        assert only.series is None
    finally:  # the next one may be in this namespace, too
        await world.delete(AIM_RUNTIME_CONFIG, "default", consumer.where)
    await consumer.until(lambda o: o.status.resolved_runtime_config is None)


async def test_a_service_is_told_of_each_move_and_not_of_what_a_config_says(home: Home):
    world, name = home.world, home.namespace
    await home.model()
    await home.template()
    await world.have(AIM_CLUSTER_RUNTIME_CONFIG, name)
    await home.service(runtimeConfigName=name)
    await home.runs()

    async def says(value: str) -> None:
        """What a config says reaches the InferenceService."""
        env = [{"name": "LEVEL", "value": value}]
        await world.until(
            INFERENCE_SERVICES, "chat", name, lambda o: o.spec["predictor"]["model"].get("env") == env, timeout=AT_ONCE
        )

    async def told() -> list[str]:
        return [e.note for e in await world.events(name, "chat") if e.reason == "RuntimeConfigResolved"]

    for value in ("one", "two"):
        await world.have(AIM_CLUSTER_RUNTIME_CONFIG, name, env=[{"name": "LEVEL", "value": value}])
        await says(value)
    await world.have(AIM_RUNTIME_CONFIG, name, name, env=[{"name": "LEVEL", "value": "three"}])
    await says("three")

    await becomes_equal(told, [f'uses AIMClusterRuntimeConfig "{name}"', f'uses AIMRuntimeConfig "{name}"'])
    await world.delete(AIM_RUNTIME_CONFIG, name, name)
    await says("two")
    await home.runs()
