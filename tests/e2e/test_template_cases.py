"""What a template stands on goes away, on a real API server: its model, its GPU, under whatever uses it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from aimctrl.api.kinds import AIM_CLUSTER_MODEL, AIM_MODEL, AIM_SERVICE_TEMPLATE
from aimctrl.kube.core import JOBS, NODES
from aimctrl.kube.external import INFERENCE_SERVICES, SERVING_RUNTIMES
from controlplane import ensure
from e2e.conftest import OPERATOR_NAMESPACE, Stage
from e2e.homes import SOURCES, Home, message
from e2e.places import Place
from support.crane import Crane, crane_registry
from support.world import Json, World, reasons

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE = 25.0
"""Seconds: shorter than any pause after which something would be looked at again unasked."""


@pytest.fixture(params=["namespace", "cluster"])
def place(stage: Stage, namespace: str, request: pytest.FixtureRequest) -> Place:
    here = request.param == "namespace"
    return Place(stage.world, namespace, namespace if here else "", namespace if here else OPERATOR_NAMESPACE)


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crane() -> AsyncIterator[Crane]:
    async with crane_registry(ensure("crane")["crane"]) as crane:
        yield crane


async def test_a_ready_template_keeps_what_it_knows_while_its_model_is_gone(stage: Stage, place: Place):
    await place.model()
    await place.template()
    before = await place.becomes("Ready", "ProfilesDiscovered")
    await place.world.delete(place.model_kind, place.name, place.namespace)
    lost = await place.becomes("Degraded", "ModelNotFound", timeout=AT_ONCE)
    assert place.name in {c.type: c.message for c in lost.status.conditions}["Failure"]
    assert lost.status.resolved_image is None
    assert reasons(lost)["Discovered"] == ("True", "ProfilesDiscovered")
    assert (lost.status.model_sources, lost.status.profile) == (before.status.model_sources, before.status.profile)
    assert await place.world.get(place.runtime_kind, place.name, place.namespace), "what runs on it is left alone"
    await place.model()
    back = await place.becomes("Ready", "ProfilesDiscovered", timeout=AT_ONCE)
    assert back.status.discovery == before.status.discovery
    assert len(stage.jobs.of(place.name)) == 1
    await place.world.delete(place.model_kind, place.name, place.namespace)
    await place.becomes("Degraded", "ModelNotFound", timeout=AT_ONCE)
    await place.model(image=f"{place.image}.1")
    other = await place.becomes("Ready", "ProfilesDiscovered")
    assert other.status.discovery.inputs_hash != before.status.discovery.inputs_hash
    assert len(stage.jobs.of(place.name)) == 2


async def test_a_template_goes_over_to_the_cluster_s_model_when_its_own_is_deleted(stage: Stage, namespace: str):
    here = Place(stage.world, namespace, namespace, namespace)
    await here.world.have(AIM_CLUSTER_MODEL, here.name, image=here.image)
    await here.model()
    await here.template()
    assert (await here.becomes("Ready", "ProfilesDiscovered")).status.resolved_image.kind == "AIMModel"
    await here.world.delete(AIM_MODEL, here.name, here.namespace)
    moved = await here.world.until(
        AIM_SERVICE_TEMPLATE,
        here.name,
        here.namespace,
        lambda t: t.status.resolved_image is not None and t.status.resolved_image.kind == "AIMClusterModel",
        timeout=AT_ONCE,
    )
    assert moved.status.status == "Ready"
    assert len(stage.jobs.of(here.name)) == 1, "the image is the same"


NAMED = {"Resolved": ("True", "Resolved"), "RuntimeReady": ("False", "TemplateNotAvailable")}
SELECTED = {"Resolved": ("False", "TemplateNotAvailable")}


@pytest.mark.parametrize(
    ("spec", "gpu", "device", "conditions"),
    [
        pytest.param({"templateRef": "fast"}, "MI355X", "75a3", NAMED, id="named-template"),
        pytest.param({}, "MI350X", "75a0", SELECTED, id="selected-template"),
    ],
)
async def test_the_last_gpu_leaves_under_a_running_service(
    home: Home, spec: dict[str, Any], gpu: str, device: str, conditions: dict[str, Any]
):
    """Its predictor has lost its node too, so that it is Starting; while KServe calls it ready it is Degraded."""
    node = home.namespace
    await home.world.have(NODES, node, labels={"amd.com/gpu.device-id": device})
    await home.model()
    await home.template(gpuSelector={"count": 1, "model": gpu})
    await home.service(**spec)
    running = await home.runs()
    before = await home.inference_service()
    await home.world.delete(NODES, node)
    lost = await home.becomes("Starting", "TemplateNotAvailable", timeout=AT_ONCE, **conditions)
    assert gpu in message(lost, "Ready")
    await home.world.reaches(AIM_SERVICE_TEMPLATE, "fast", home.namespace, status="NotAvailable")
    assert unchanged(before, await home.inference_service())
    assert await home.world.get(SERVING_RUNTIMES, "fast", home.namespace), "its predictor restarts with this"
    await home.world.have(NODES, node, labels={"amd.com/gpu.device-id": device})
    back = await home.runs()
    assert back.status.resolved_template == running.status.resolved_template
    assert unchanged(before, await home.inference_service())
    await home.world.delete(NODES, node)


def unchanged(before: Json, after: Json) -> bool:
    return before["spec"] == after["spec"] and all(
        before["metadata"][part] == after["metadata"][part] for part in ("uid", "generation", "labels", "annotations")
    )


async def test_one_node_of_two_that_leaves_changes_nothing(home: Home):
    nodes = [f"{home.namespace}-{number}" for number in range(2)]
    for node in nodes:
        await home.world.have(NODES, node, labels={"amd.com/gpu.device-id": "740f"})
    await home.model()
    await home.template(gpuSelector={"count": 1, "model": "MI210"})
    await home.service()
    await home.runs()
    await home.world.reaches(AIM_SERVICE_TEMPLATE, "fast", home.namespace, status="Ready")
    before = [
        (await home.world.json(kind, name, home.namespace))["metadata"]["resourceVersion"]
        for kind, name in ((AIM_SERVICE_TEMPLATE, "fast"), (INFERENCE_SERVICES, "chat"))
    ]
    await home.world.delete(NODES, nodes[0])
    await home.template("later", gpuSelector={"count": 1, "model": "MI210"}, metric="latency")
    await home.world.reaches(AIM_SERVICE_TEMPLATE, "later", home.namespace, status="Ready")
    assert before == [
        (await home.world.json(kind, name, home.namespace))["metadata"]["resourceVersion"]
        for kind, name in ((AIM_SERVICE_TEMPLATE, "fast"), (INFERENCE_SERVICES, "chat"))
    ]


async def test_inline_sources_run_nowhere_without_their_gpu(place: Place):
    await place.model()
    await place.template(modelSources=SOURCES, gpuSelector={"count": 1, "model": "MI100"})
    template = await place.becomes("NotAvailable", "GPUNotAvailable")
    assert template.status.model_sources == ()
    assert await place.world.get(place.runtime_kind, place.name, place.namespace) is None
    await place.world.have(NODES, place.name, labels={"amd.com/gpu.device-id": "738c"})
    try:
        await place.becomes("Ready", "InlineModelSources", timeout=AT_ONCE)
    finally:  # the other scope wants to be without it, too
        await place.world.delete(NODES, place.name)
    gone = await place.becomes("NotAvailable", "GPUNotAvailable", timeout=AT_ONCE)
    assert len(gone.status.model_sources) == 1


async def test_a_model_none_of_whose_templates_has_its_gpu_is_not_available(stage: Stage, crane: Crane, namespace: str):
    world: World = stage.world
    offered = [
        {"gpuModel": gpu, "gpuCount": 1, "precision": "fp8", "metric": "latency"} for gpu in ("H200", "Tesla-V100")
    ]
    image = await crane.push(
        f"cases/{namespace}",
        labels={
            "com.amd.aim.model.canonicalName": "org/llama",
            "com.amd.aim.model.recommendedDeployments": ", ".join(map(str, offered)),
        },
    )
    await world.have(AIM_MODEL, "llama", namespace, image=image, discovery={"enabled": True})
    model = await world.reaches(AIM_MODEL, "llama", namespace, status="NotAvailable")
    assert {kind: reasons(model)[kind][0] for kind in ("Ready", "Progressing", "Failure")} == {
        "Ready": "False",
        "Progressing": "False",
        "Failure": "False",
    }
    assert [t.status.status for t in await world.all(AIM_SERVICE_TEMPLATE, namespace)] == ["NotAvailable"] * 2
    assert await world.all(JOBS, namespace) == []
    await world.have(NODES, namespace, labels={"nvidia.com/gpu.product": "NVIDIA-H200"})
    await world.reaches(AIM_MODEL, "llama", namespace, status="Ready")
    await world.delete(NODES, namespace)
    await world.reaches(AIM_MODEL, "llama", namespace, status="NotAvailable", timeout=AT_ONCE)
