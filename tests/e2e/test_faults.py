"""An API server that answers now and then: what passes is nobody's failure, and a status is of what was looked at.

The operator's own requests fail, before and after they were carried out; those of the user do not.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from aimctrl.aim.operator import add_controllers
from aimctrl.aim.options import OperatorOptions
from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_MODEL,
    AIM_MODEL_CACHE,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
    AIM_TEMPLATE_CACHE,
    ALL,
)
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import connect
from aimctrl.runtime.diff import without_unset
from aimctrl.runtime.errors import Answer, ApiError, ConflictError, ConnectionFailedError, ServerError, ThrottledError
from aimctrl.runtime.manager import Manager, ManagerOptions
from aimctrl.runtime.plan import Plan, Refusal
from controlplane import ControlPlane
from e2e.conftest import Stage
from e2e.homes import GATEWAY, SOURCES, Home, storage_class
from support import identity
from support.history import History, history
from support.world import Json

pytestmark = pytest.mark.asyncio(loop_scope="module")

T = TypeVar("T")
GPUS: dict[str, Any] = {"metric": "latency", "precision": "fp16", "gpuSelector": {"count": 1, "model": "MI300X"}}

FAULTS: tuple[Callable[[], ApiError], ...] = (
    lambda: ServerError(Answer(500, "InternalError", "etcdserver: leader changed")),
    lambda: ThrottledError(Answer(429, "TooManyRequests", "too many requests", retry_after=0.01)),
    lambda: ConnectionFailedError(Answer(reason="TimeoutError", message="timed out")),
    lambda: ServerError(Answer(504, "Timeout", "request did not complete within the allotted duration")),
    lambda: ConflictError(Answer(409, "Conflict", "the object has been modified")),
)


class Shaky(Client):
    """With `trying`, each request about an object fails once: every other one only after it was carried out."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self.trying = False
        self.before: Callable[[Plan], Awaitable[None]] | None = None
        self.failed: Counter[str] = Counter()
        self._tried: set[tuple[str, Kind[Any], Key]] = set()

    async def get(self, kind: Kind[Any], key: Key) -> bytes:
        return await self._shaken("get", kind, key, lambda: super(Shaky, self).get(kind, key))

    async def create(self, kind: Kind[Any], manifest: Any, **more: Any) -> Any:
        return await self._shaken(
            "create", kind, _key(manifest), lambda: super(Shaky, self).create(kind, manifest, **more)
        )

    async def apply(self, kind: Kind[Any], manifest: Any, **more: Any) -> Any:
        return await self._shaken(
            "apply", kind, _key(manifest), lambda: super(Shaky, self).apply(kind, manifest, **more)
        )

    async def patch(self, kind: Kind[Any], key: Key, body: Any, *, subresource: str = "") -> Any:
        verb = f"patch/{subresource}"
        return await self._shaken(
            verb, kind, key, lambda: super(Shaky, self).patch(kind, key, body, subresource=subresource)
        )

    async def delete(self, kind: Kind[Any], key: Key, **more: Any) -> None:
        await self._shaken("delete", kind, key, lambda: super(Shaky, self).delete(kind, key, **more))

    async def pod_log(self, key: Key, **more: Any) -> bytes:
        return await self._shaken("log", AIM_SERVICE, key, lambda: super(Shaky, self).pod_log(key, **more))

    async def _shaken(self, verb: str, kind: Kind[Any], key: Key, ask: Callable[[], Awaitable[T]]) -> T:
        if not self.trying or (verb, kind, key) in self._tried:
            return await ask()
        self._tried.add((verb, kind, key))
        self.failed[f"{verb} {kind.name}"] += 1
        if len(self._tried) % 2:
            await ask()
        fault = FAULTS[len(self._tried) % len(FAULTS)]
        raise fault()

    def forget(self) -> None:
        """From now on, everything is answered."""
        self.trying, self.before = False, None


def _key(manifest: Json) -> Key:
    return Key(manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shaky(control_plane: ControlPlane, unmanned: Stage) -> AsyncIterator[Shaky]:
    """An operator on the stage with such a client, which is as good as any until a test says otherwise."""
    async with Shaky(await connect(str(identity.of(control_plane)))) as client:
        manager = Manager(client, options=ManagerOptions(grace_period=10.0))
        add_controllers(manager, OperatorOptions())
        carry_out = manager.applier.carry_out

        async def after_the_user(plan: Plan) -> tuple[Refusal, ...]:
            if client.before is not None:
                await client.before(plan)
            return await carry_out(plan)

        manager.applier.carry_out = after_the_user
        running = asyncio.create_task(manager.run())
        yield client
        client.forget()
        await unmanned.world.clean()
        manager.stop()
        await running


@pytest.fixture
def home(unmanned: Stage, shaky: Shaky, namespace: str) -> Iterator[Home]:
    yield Home(unmanned.world, namespace)
    shaky.forget()


async def test_what_passes_never_shows_as_a_failure(home: Home, shaky: Shaky):
    shaky.trying = True
    await home.world.put(storage_class("default-of-faults", default=True))
    cluster = f"c-{home.namespace}"
    async with AsyncExitStack() as stack:
        kinds = [kind for kind in ALL if kind.namespaced and "Config" not in kind.name]
        seen = {kind: await stack.enter_async_context(history(home.world, kind, home.namespace)) for kind in kinds}
        shared = (AIM_CLUSTER_MODEL, AIM_CLUSTER_SERVICE_TEMPLATE)
        seen |= {kind: await stack.enter_async_context(history(home.world, kind, "")) for kind in shared}
        await home.model()
        await home.world.have(AIM_CLUSTER_MODEL, cluster, image=home.image)
        await home.world.reaches(AIM_MODEL, "llama", home.namespace, status="Ready")
        await home.world.reaches(AIM_CLUSTER_MODEL, cluster, status="Ready")
        await home.discovered(**GPUS, caching={"enabled": True})
        await home.template("plain", **GPUS)
        await home.world.have(AIM_CLUSTER_SERVICE_TEMPLATE, cluster, modelName=cluster, **GPUS)
        for name in ("fast", "plain"):
            await home.world.reaches(AIM_SERVICE_TEMPLATE, name, home.namespace, status="Ready")
        await home.world.reaches(AIM_CLUSTER_SERVICE_TEMPLATE, cluster, status="Ready")
        routing = {"enabled": True, "gatewayRef": GATEWAY}
        await home.service(templateRef="fast", cacheModel=True, routing=routing)
        await home.service("talk", templateRef="plain", overrides={"precision": "fp8"})
        await home.service("other", model={"ref": cluster}, cacheModel=True)
        for name in ("chat", "talk", "other"):
            await home.runs(name)
        await home.service(templateRef="fast", env=[{"name": "A", "value": "1"}])
        await home.service("talk", templateRef="plain")
        for name in ("chat", "talk"):
            await home.runs(name)
        for name in ("chat", "talk", "other"):
            await home.world.delete(AIM_SERVICE, name, home.namespace)
            await home.loses(AIM_SERVICE, name)
    assert not [told for states in seen.values() for told in failures(states)]
    assert {kind.name for kind, states in seen.items() if states} >= {
        "AIMModel",
        "AIMServiceTemplate",
        "AIMService",
        "AIMTemplateCache",
        "AIMModelCache",
        "AIMClusterModel",
        "AIMClusterServiceTemplate",
    }
    assert {
        "apply InferenceService",
        "apply HTTPRoute",
        "apply ServingRuntime",
        "apply ClusterServingRuntime",
        "create Job",
        "create PersistentVolumeClaim",
        "create AIMServiceTemplate",
        "create AIMTemplateCache",
        "create AIMModelCache",
        "delete HTTPRoute",
        "delete AIMServiceTemplate",
        "log AIMService",
        *(f"patch/status {kind.name}" for kind in seen if kind.name != "AIMImage"),
    } <= set(shaky.failed)


def failures(seen: History) -> list[str]:
    """What was said of each failure there was."""
    told = [
        (live, said)
        for live in seen
        for said in live.get("status", {}).get("conditions", [])
        if (said["type"], said["status"]) == ("Failure", "True")
    ]
    return [f"{live['kind']} {live['metadata']['name']} {said['reason']}: {said['message']}" for live, said in told]


CHANGES = [
    pytest.param(AIM_SERVICE, {"env": [{"name": "A", "value": "1"}]}, id="service"),
    pytest.param(AIM_SERVICE_TEMPLATE, {"env": [{"name": "A", "value": "1"}]}, id="template"),
    pytest.param(AIM_MODEL, {"imagePullSecrets": [{"name": "late"}]}, id="model"),
    pytest.param(AIM_TEMPLATE_CACHE, {"env": [{"name": "A", "value": "1"}]}, id="template-cache"),
    pytest.param(AIM_MODEL_CACHE, {"env": [{"name": "A", "value": "1"}]}, id="model-cache"),
]


@pytest.mark.parametrize(("kind", "change"), CHANGES)
async def test_a_status_has_the_generation_that_it_was_computed_from(
    home: Home, shaky: Shaky, kind: Kind[Any], change: Json
):
    await home.world.put(storage_class("default-of-faults", default=True))
    changed: list[int] = []

    async def change_behind(plan: Plan) -> None:
        """The user is faster than what a decision leads to; one that holds the object first would be made again."""
        target = plan.target
        holds = not set(plan.finalizers or ()) <= set(target.meta.finalizers)
        about_it = (target.kind, target.key) == (kind, Key(home.namespace, "it"))
        if about_it and not holds and not changed and without_unset(plan.status or {}) not in ({}, target.status):
            await home.world.client.patch(kind, target.key, {"spec": change})
            changed.append((await home.world.get(kind, "it", home.namespace)).metadata.generation)

    shaky.before = change_behind
    specs: dict[Kind[Any], Json] = {
        AIM_SERVICE: {"model": {"ref": "llama"}},
        AIM_SERVICE_TEMPLATE: {"modelName": "llama", "modelSources": SOURCES},
        AIM_MODEL: {"image": home.image},
        AIM_TEMPLATE_CACHE: {"templateRef": "none", "modelSources": SOURCES},
        AIM_MODEL_CACHE: {"sourceURI": "hf://org/weights", "size": "1Gi"},
    }
    async with history(home.world, kind, home.namespace) as seen:
        await home.world.have(kind, "it", home.namespace, **specs[kind])
        found = await home.world.until(kind, "it", home.namespace, lambda o: o.status.observed_generation == 2)
        await seen.reaches(found.metadata.resource_version)
    assert changed == [2]
    told = [live for before, live in pairwise(seen.of("it")) if live.get("status") != before.get("status")]
    first = next(live for live in told if live["metadata"]["generation"] == 2)
    assert first["status"]["observedGeneration"] == 1
    assert {said["observedGeneration"] for said in first["status"]["conditions"]} == {1}
