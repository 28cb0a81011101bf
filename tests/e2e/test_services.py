"""Services on a real API server: what unit tests cannot know of server-side apply, pruning and garbage collection."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from aimctrl.aim.naming import model_name
from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_MODEL,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
)
from aimctrl.api.service import AIMService
from aimctrl.kube.core import NODES
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.kinds import Kind
from aimctrl.sandbox.aim_image import AimImage
from e2e.conftest import Stage
from e2e.homes import SOURCES, Home, message
from support.world import World, eventually, reasons
from support.world import reason as why

pytestmark = pytest.mark.asyncio(loop_scope="module")

GPU = {"count": 1, "model": "MI300X"}


@pytest_asyncio.fixture(loop_scope="module")
async def world(stage: Stage) -> AsyncIterator[World]:
    """A model `llama` of the cluster with one template, `fast`, that needs no discovery."""
    world = World(stage.world.client)
    await world.have(AIM_CLUSTER_MODEL, "llama", image="ghcr.io/x/llama:1")
    await world.have(
        AIM_CLUSTER_SERVICE_TEMPLATE, "fast", modelName="llama", metric="latency", precision="fp16", gpuSelector=GPU,
        modelSources=SOURCES,
    )  # fmt: skip
    await world.reaches(AIM_CLUSTER_SERVICE_TEMPLATE, "fast", status="Ready")
    yield world
    for service in await world.all(AIM_SERVICE):
        await world.delete(AIM_SERVICE, service.metadata.name, service.metadata.namespace)
    await world.clean()


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


@pytest.fixture
def space() -> str:
    return f"services-{uuid4().hex[:8]}"


async def serve(world: World, name: str, space: str, **spec: Any) -> None:
    await world.have(AIM_SERVICE, name, space, **{"model": {"ref": "llama"}, **spec})


async def owners(world: World, space: str) -> list[list[str]]:
    """The services that hold on to each template of the namespace."""
    found = await world.all(AIM_SERVICE_TEMPLATE, space)
    return [sorted(ref.name for ref in template.metadata.owner_references) for template in found]


async def test_a_running_service_costs_no_writes(world: World, space: str) -> None:
    routing = {"enabled": True, "gatewayRef": {"name": "gw", "namespace": "gw"}, "requestTimeout": "90s"}
    spec = {
        "routing": routing,
        "env": [{"name": "A", "value": "1"}],
        "imagePullSecrets": [{"name": "s"}],
        "resources": {"requests": {"cpu": "1000m"}, "limits": {"memory": "1024Mi"}},
    }
    await serve(world, "chat", space, **spec)
    await world.reaches(AIM_SERVICE, "chat", space, status="Running")

    async def versions() -> list[str]:
        kinds = (AIM_SERVICE, INFERENCE_SERVICES, HTTPROUTES)
        return [str((await world.json(kind, "chat", space))["metadata"]["resourceVersion"]) for kind in kinds]

    async def others_come_and_go(name: str) -> None:
        await serve(world, name, space)
        await world.reaches(AIM_SERVICE, name, space, status="Running")
        await world.delete(AIM_SERVICE, name, space)

    await others_come_and_go("first")
    before = await versions()
    await serve(world, "chat", space, labels={"team": "a"}, **spec)
    await world.until(INFERENCE_SERVICES, "chat", space, lambda found: found.metadata.labels.get("team") == "a")
    await others_come_and_go("second")
    settled = await versions()
    assert settled[2] == before[2], "the route has nothing to do with it"
    await others_come_and_go("third")
    assert await versions() == settled


async def test_services_share_a_derived_template_until_the_last_has_left(world: World, space: str) -> None:
    overrides = {"metric": "throughput"}
    for name in ("a", "b", "c"):
        await serve(world, name, space, templateRef="fast", overrides=overrides)
    await eventually(lambda: _is(world, space, [["a", "b", "c"]]))
    await world.delete(AIM_SERVICE, "a", space)
    await eventually(lambda: _is(world, space, [["b", "c"]]))
    await asyncio.gather(*(_drop_overrides(world, name, space) for name in ("b", "c")))
    await eventually(lambda: _is(world, space, []))


async def _is(world: World, space: str, expected: list[list[str]]) -> bool:
    return await owners(world, space) == expected


async def _drop_overrides(world: World, name: str, space: str) -> None:
    await serve(world, name, space, templateRef="fast")


async def test_a_derived_template_that_is_deleted_by_hand_comes_back(world: World, space: str) -> None:
    await serve(world, "chat", space, templateRef="fast", overrides={"precision": "fp8"})
    await eventually(lambda: _is(world, space, [["chat"]]))
    (template,) = await world.all(AIM_SERVICE_TEMPLATE, space)
    await world.delete(AIM_SERVICE_TEMPLATE, template.metadata.name, space)

    async def another() -> bool:
        found = await world.all(AIM_SERVICE_TEMPLATE, space)
        return bool(found) and found[0].metadata.uid != template.metadata.uid

    await eventually(another)
    await eventually(lambda: _is(world, space, [["chat"]]))


async def test_an_inference_service_of_somebody_else_is_left_alone_until_it_goes(world: World, space: str) -> None:
    await world.have(INFERENCE_SERVICES, "chat", space, predictor={"model": {"modelFormat": {"name": "sklearn"}}})
    await serve(world, "chat", space)
    service = await world.until(AIM_SERVICE, "chat", space, lambda found: why(found) == "NameConflict")
    assert service.status.status == "Degraded"
    assert reasons(service)["RuntimeReady"] == ("False", "NameConflict")
    assert not (await world.get(INFERENCE_SERVICES, "chat", space)).metadata.owner_references
    await world.delete(INFERENCE_SERVICES, "chat", space)
    await world.reaches(AIM_SERVICE, "chat", space, status="Running")


@pytest.mark.parametrize(
    ("scope", "kind"), [("Namespace", AIM_MODEL), ("Cluster", AIM_CLUSTER_MODEL)], ids=["namespace", "cluster"]
)
async def test_services_that_race_for_an_image_make_one_model(
    world: World, space: str, scope: str, kind: Kind[Any]
) -> None:
    image, names = f"registry.test/{space}:2", ("a", "b", "c")
    await world.have(AIM_RUNTIME_CONFIG, "default", space, model={"creationScope": scope, "autoDiscovery": False})
    await asyncio.gather(*(serve(world, name, space, model={"image": image}) for name in names))
    for name in names:
        await world.until(AIM_SERVICE, name, space, lambda found: found.status.resolved_image is not None)
    models = await world.all(kind, space if kind.namespaced else "")
    [made] = [model for model in models if model.spec.image == image]
    for name in names:
        await world.delete(AIM_SERVICE, name, space)
    await world.delete(kind, made.metadata.name, made.metadata.namespace)


async def test_a_created_model_that_is_given_another_image_is_told_until_it_is_gone(home: Home) -> None:
    name = model_name(home.image)
    await home.model(name, image=f"{home.image}.1")
    await home.service(model={"image": home.image})
    service = await home.becomes("Degraded", "ModelNotFound", Resolved=("False", "ModelNotFound"))
    assert name in message(service, "Resolved")
    await home.world.delete(AIM_MODEL, name, home.namespace)
    await home.template(modelName=name)
    assert (await home.runs()).status.resolved_image.name == name
    assert (await home.world.get(AIM_MODEL, name, home.namespace)).spec.image == home.image


async def test_nothing_is_derived_where_the_model_s_name_is_another_s(home: Home) -> None:
    name = home.namespace
    await home.world.have(AIM_CLUSTER_MODEL, name, image=home.image)
    await home.world.have(AIM_CLUSTER_SERVICE_TEMPLATE, name, modelName=name, metric="latency", modelSources=SOURCES)
    await home.model(name, image=f"{home.image}.1")
    await home.service(model={"image": home.image}, overrides={"metric": "throughput"})
    await home.becomes("Degraded", "TemplateModelMismatch", Resolved=("False", "TemplateModelMismatch"))
    assert not await home.world.all(AIM_SERVICE_TEMPLATE, name)
    await home.service("plain", model={"image": home.image})
    assert (await home.runs("plain")).status.resolved_image.kind == "AIMClusterModel"
    await home.world.delete(AIM_MODEL, name, name)
    assert (await home.runs()).status.resolved_template.name.startswith(f"{name}-ovr-"[:20])


def report(service: AIMService) -> dict[str, tuple[str, str]]:
    return {c.name: (c.status.value, c.reason) for c in service.status.template_matching.candidates}


async def test_a_preference_is_told_for_as_long_as_it_holds(home: Home) -> None:
    await home.world.have(AIM_RUNTIME_CONFIG, "default", home.namespace, templateSelection="Preferred")
    await home.model()
    for name, precision in (("best", "fp8"), ("good", "fp16")):
        await home.template(name, precision=precision)
        await home.world.reaches(AIM_SERVICE_TEMPLATE, name, home.namespace, status="Ready")
    await home.service()
    expected = {"best": ("chosen", "Preferred"), "good": ("dropped", "NotPreferred")}
    assert report(await home.runs()) == expected
    for value in ("1", "2"):
        await home.service(env=[{"name": "A", "value": value}])
        assert report(await home.runs()) == expected
    await home.template("better", metric="latency", precision="fp8")
    await home.world.reaches(AIM_SERVICE_TEMPLATE, "better", home.namespace, status="Ready")
    kept = dict.fromkeys(("better", "good"), ("dropped", "AnotherIsInUse"))
    await home.world.until(
        AIM_SERVICE, "chat", home.namespace, lambda s: report(s) == {"best": ("chosen", "InUse"), **kept}
    )


async def test_overrides_do_not_bring_in_what_is_not_allowed(stage: Stage, home: Home) -> None:
    stage.scripts.set(home.image, AimImage(profile_type="unoptimized"))
    await home.model()
    await home.template(metric="latency")
    await home.service(overrides={"metric": "throughput"}, template={"allowUnoptimized": False})
    service = await home.becomes("Degraded", "TemplateNotFound", Resolved=("False", "TemplateNotFound"))
    assert set(report(service).values()) == {("dropped", "OverridesMismatch"), ("dropped", "Unoptimized")}
    assert await home.world.get(INFERENCE_SERVICES, "chat", home.namespace) is None
    await home.service(overrides={"metric": "throughput"})
    assert (await home.runs()).status.resolved_template.name.startswith("fast-ovr-")


async def test_no_gpu_is_asked_for_where_the_service_says_none(home: Home) -> None:
    await home.model()
    await home.template(gpuSelector={"count": 2, "model": "MI300X"})
    await home.service(resources={"limits": {"amd.com/gpu": 0}}, minReplicas=0, maxReplicas=4)
    await home.runs()
    predictor = (await home.inference_service())["spec"]["predictor"]
    assert predictor["model"]["resources"] == {
        "requests": {"amd.com/gpu": "0", "cpu": "4", "memory": "32Gi"},
        "limits": {"amd.com/gpu": "0", "memory": "48Gi"},
    }
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (0, 4)


async def test_a_gpu_that_goes_degrades_a_running_service_until_it_is_back(world: World, space: str) -> None:
    gpu = {"count": 1, "model": "MI325X"}
    await world.have(NODES, "mi325x", labels={"amd.com/gpu.device-id": "74a5"})
    await world.have(AIM_SERVICE_TEMPLATE, "big", space, modelName="llama", gpuSelector=gpu, modelSources=SOURCES)
    await serve(world, "chat", space, templateRef="big")
    await world.reaches(AIM_SERVICE, "chat", space, status="Running")
    generation = (await world.get(INFERENCE_SERVICES, "chat", space)).metadata.generation
    await world.delete(NODES, "mi325x")
    service = await world.until(AIM_SERVICE, "chat", space, lambda found: why(found) == "TemplateNotAvailable")
    assert service.status.status in {"Degraded", "Starting"}
    assert (await world.get(INFERENCE_SERVICES, "chat", space)).metadata.generation == generation
    await world.have(NODES, "mi325x", labels={"amd.com/gpu.device-id": "74a5"})
    await world.reaches(AIM_SERVICE, "chat", space, status="Running")
