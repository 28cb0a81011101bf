"""Services on a real API server: what unit tests cannot know of server-side apply, pruning and garbage collection."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_MODEL,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
)
from aimctrl.kube.core import NODES
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from e2e.conftest import Stage
from support.world import World, eventually, reasons

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCES = [{"name": "m", "sourceURI": "hf://m", "size": "1Gi"}]
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
    yield world
    for service in await world.all(AIM_SERVICE):
        await world.delete(AIM_SERVICE, service.metadata.name, service.metadata.namespace)
    await world.clean()


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
    await serve(
        world, "chat", space, routing=routing, env=[{"name": "A", "value": "1"}], imagePullSecrets=[{"name": "s"}],
        resources={"requests": {"cpu": "1000m"}, "limits": {"memory": "1024Mi"}},
    )  # fmt: skip
    await world.reaches(AIM_SERVICE, "chat", space, status="Running")

    async def versions() -> list[str]:
        kinds = (AIM_SERVICE, INFERENCE_SERVICES, HTTPROUTES)
        return [str((await world.json(kind, "chat", space))["metadata"]["resourceVersion"]) for kind in kinds]

    await asyncio.sleep(1)
    before = await versions()
    live = await world.json(AIM_SERVICE, "chat", space)
    await world.put(
        {
            **_manifest("chat", space, live["spec"]),
            "metadata": {"name": "chat", "namespace": space, "labels": {"team": "a"}},
        }
    )
    await world.until(INFERENCE_SERVICES, "chat", space, lambda found: found.metadata.labels.get("team") == "a")
    await asyncio.sleep(1)
    settled = await versions()
    assert settled[2] == before[2], "the route has nothing to do with it"
    await asyncio.sleep(1)
    assert await versions() == settled


def _manifest(name: str, space: str, spec: Any) -> dict[str, Any]:
    kind = AIM_SERVICE
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": name, "namespace": space},
        "spec": spec,
    }


async def test_nothing_of_an_inference_service_is_pruned(world: World, space: str) -> None:
    scaling = {
        "metrics": [
            {
                "type": "PodMetric",
                "podmetric": {
                    "metric": {"backend": "opentelemetry", "metricNames": ["vllm:x"], "query": "vllm:x"},
                    "target": {"type": "Value", "value": "1"},
                },
            }
        ]
    }
    await serve(world, "chat", space, autoScaling=scaling, minReplicas=1, maxReplicas=3, serviceAccountName="sa")
    await world.until(INFERENCE_SERVICES, "chat", space, lambda _: True)
    predictor = (await world.json(INFERENCE_SERVICES, "chat", space))["spec"]["predictor"]
    assert predictor["autoScaling"] == scaling
    assert predictor["serviceAccountName"] == "sa"
    assert predictor["model"]["runtime"] == "fast"
    assert predictor["model"]["resources"]["limits"] == {"amd.com/gpu": "1", "memory": "48Gi"}
    assert predictor["affinity"]["nodeAffinity"]


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
    service = await world.reaches(AIM_SERVICE, "chat", space, status="Degraded")
    assert reasons(service)["RuntimeReady"] == ("False", "NameConflict")
    assert not (await world.get(INFERENCE_SERVICES, "chat", space)).metadata.owner_references
    await world.delete(INFERENCE_SERVICES, "chat", space)
    await world.reaches(AIM_SERVICE, "chat", space, status="Running")


async def test_two_services_race_for_an_image_and_make_one_model(world: World, space: str) -> None:
    image = "ghcr.io/x/painter:2"
    await asyncio.gather(*(serve(world, name, space, model={"image": image}) for name in ("a", "b")))

    async def both() -> bool:
        found = [await world.get(AIM_SERVICE, name, space) for name in ("a", "b")]
        return all(service is not None and service.status.resolved_image is not None for service in found)

    await eventually(both)
    models = await world.all(AIM_MODEL, space)
    assert [model.spec.image for model in models] == [image]


async def test_the_younger_of_two_services_gives_way_and_takes_over(world: World, space: str) -> None:
    routing = {"enabled": True, "gatewayRef": {"name": "gw"}, "routeTemplate": "/shared/{.metadata.namespace}"}
    await serve(world, "elder", space, routing=routing)
    await world.reaches(AIM_SERVICE, "elder", space, status="Running")
    await asyncio.sleep(1.1)
    await serve(world, "junior", space, routing=routing)
    junior = await world.reaches(AIM_SERVICE, "junior", space, status="Degraded")
    assert reasons(junior)["RoutingReady"] == ("False", "RoutePathConflict")
    assert await world.get(HTTPROUTES, "junior", space) is None
    await world.delete(AIM_SERVICE, "elder", space)
    await world.reaches(AIM_SERVICE, "junior", space, status="Running")


async def test_a_gpu_that_goes_degrades_a_running_service_until_it_is_back(world: World, space: str) -> None:
    gpu = {"count": 1, "model": "MI325X"}
    await world.have(NODES, "mi325x", labels={"amd.com/gpu.device-id": "74a5"})
    await world.have(AIM_SERVICE_TEMPLATE, "big", space, modelName="llama", gpuSelector=gpu, modelSources=SOURCES)
    await serve(world, "chat", space, templateRef="big")
    await world.reaches(AIM_SERVICE, "chat", space, status="Running")
    generation = (await world.get(INFERENCE_SERVICES, "chat", space)).metadata.generation
    await world.delete(NODES, "mi325x")
    service = await world.until(
        AIM_SERVICE, "chat", space, lambda found: reasons(found)["RuntimeReady"][1] == "TemplateNotAvailable"
    )
    assert service.status.status in {"Degraded", "Starting"}
    assert (await world.get(INFERENCE_SERVICES, "chat", space)).metadata.generation == generation
    await world.have(NODES, "mi325x", labels={"amd.com/gpu.device-id": "74a5"})
    await world.reaches(AIM_SERVICE, "chat", space, status="Running")


async def test_a_broken_route_template_takes_the_route_and_leaves_the_runtime(world: World, space: str) -> None:
    routing = {"enabled": True, "gatewayRef": {"name": "gw"}}
    await serve(world, "chat", space, routing=routing)
    await world.reaches(AIM_SERVICE, "chat", space, status="Running")
    await serve(world, "chat", space, routing={**routing, "routeTemplate": "/{.metadata.labels['team']}"})
    service = await world.reaches(AIM_SERVICE, "chat", space, status="Degraded")
    assert reasons(service)["RoutingReady"] == ("False", "RouteTemplateInvalid")
    assert reasons(service)["RuntimeReady"] == ("True", "RuntimeReady")

    async def gone() -> bool:
        return await world.get(HTTPROUTES, "chat", space) is None

    await eventually(gone)
    assert await world.get(INFERENCE_SERVICES, "chat", space) is not None

    async def told() -> bool:
        return "RouteTemplateInvalid" in [event.reason for event in await world.events(space, "chat")]

    await eventually(told)
