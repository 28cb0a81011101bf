"""Templates on a real API server: every status and reason of SPEC §3, in both scopes."""

from typing import Any

import pytest

from aimctrl.api.common import DiscoveredSource
from aimctrl.api.kinds import (
    AIM_CLUSTER_RUNTIME_CONFIG,
    AIM_MODEL,
    AIM_MODEL_CACHE,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE_TEMPLATE,
)
from aimctrl.kube.core import JOBS, NODES, STORAGE_CLASSES
from aimctrl.kube.external import SERVING_RUNTIMES
from aimctrl.kube.kinds import Key
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import ImageScript
from e2e.conftest import OPERATOR_NAMESPACE, Stage
from e2e.homes import storage_class
from e2e.places import Place
from support.world import eventually, reasons

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCES: list[dict[str, Any]] = [{"name": "weights", "sourceURI": "hf://org/weights", "size": "1Gi"}]
DOWNLOADER = "kserve/storage-initializer*"
AT_ONCE = 25.0
"""Seconds: shorter than any pause after which something would be looked at again unasked."""


@pytest.fixture(params=["namespace", "cluster"])
def place(stage: Stage, namespace: str, request: pytest.FixtureRequest) -> Place:
    here = request.param == "namespace"
    return Place(stage.world, namespace, namespace if here else "", namespace if here else OPERATOR_NAMESPACE)


@pytest.fixture
def here(stage: Stage, namespace: str) -> Place:
    return Place(stage.world, namespace, namespace, namespace)


async def test_an_explicit_runtime_config_has_to_be_there_when_it_comes_and_when_it_goes(place: Place):
    await place.model()
    await place.template(runtimeConfigName=place.name)
    template = await place.becomes("Degraded", "RuntimeConfigMissing")
    assert place.name in {c.type: c.message for c in template.status.conditions}["Failure"]
    assert template.status.resolved_runtime_config is None
    await place.config()
    template = await place.becomes("Ready", "ProfilesDiscovered")
    assert template.status.resolved_runtime_config.key == Key(place.namespace, place.name)
    await place.world.delete(place.config_kind, place.name, place.namespace)
    template = await place.becomes("Degraded", "RuntimeConfigMissing", timeout=AT_ONCE)
    assert len(template.status.model_sources) == 1, "what was discovered stays"


async def test_a_namespace_config_that_comes_or_goes_moves_its_users_over(here: Place):
    await here.model()
    await here.world.have(AIM_CLUSTER_RUNTIME_CONFIG, here.name)
    await here.template(runtimeConfigName=here.name)
    template = await here.becomes("Ready", "ProfilesDiscovered")
    assert template.status.resolved_runtime_config.kind == "AIMClusterRuntimeConfig"

    async def moves_to(kind: str) -> None:
        await here.world.until(
            AIM_SERVICE_TEMPLATE,
            here.name,
            here.namespace,
            lambda t: t.status.resolved_runtime_config is not None and t.status.resolved_runtime_config.kind == kind,
            timeout=AT_ONCE,
        )

    await here.config()
    await moves_to("AIMRuntimeConfig")
    await here.world.delete(AIM_RUNTIME_CONFIG, here.name, here.namespace)
    await moves_to("AIMClusterRuntimeConfig")


async def test_a_missing_model_is_noticed_the_moment_it_comes(place: Place):
    await place.template()
    template = await place.becomes("Degraded", "ModelNotFound")
    assert template.status.resolved_image is None
    await place.model()
    template = await place.becomes("Ready", "ProfilesDiscovered", timeout=AT_ONCE)
    assert template.status.resolved_image.name == place.name
    assert template.status.resolved_image.kind == place.model_kind.name


async def test_a_cluster_template_does_not_see_the_models_of_namespaces(stage: Stage, namespace: str):
    place = Place(stage.world, namespace, "", OPERATOR_NAMESPACE)
    await stage.world.have(AIM_MODEL, namespace, namespace, image=place.image)
    await place.template()
    await place.becomes("Degraded", "ModelNotFound")


async def test_a_missing_runtime_config_outranks_a_missing_model_and_that_a_missing_gpu(here: Place):
    await here.template(runtimeConfigName=here.name, gpuSelector={"model": "MI100"})
    await here.becomes("Degraded", "RuntimeConfigMissing")
    await here.config()
    await here.becomes("Degraded", "ModelNotFound")
    await here.model()
    await here.becomes("NotAvailable", "GPUNotAvailable")


@pytest.mark.parametrize(
    ("gpu", "device", "place"),
    [("MI210", "740f", "namespace"), ("Instinct MI250X", "740c", "cluster")],
    indirect=["place"],
)
async def test_a_template_follows_its_gpu_and_is_discovered_once(stage: Stage, place: Place, gpu: str, device: str):
    await place.model()
    await place.template(gpuSelector={"count": 2, "model": gpu})
    await place.becomes("NotAvailable", "GPUNotAvailable")
    assert stage.jobs.of(place.name) == []
    await place.world.have(NODES, place.name, labels={"amd.com/gpu.device-id": device})
    before = await place.becomes("Ready", "ProfilesDiscovered")
    await place.world.delete(NODES, place.name)
    gone = await place.becomes("NotAvailable", "GPUNotAvailable")
    assert gone.status.model_sources == before.status.model_sources
    assert gone.status.profile == before.status.profile
    await place.world.have(NODES, place.name, labels={f"beta.amd.com/gpu.device-id.{device}": "8"})
    back = await place.becomes("Ready", "ProfilesDiscovered")
    assert back.status.discovery == before.status.discovery
    assert len(stage.jobs.of(place.name)) == 1


async def test_inline_sources_are_taken_without_a_job(stage: Stage, place: Place):
    await place.model()
    await place.template(modelSources=SOURCES)
    template = await place.becomes("Ready", "InlineModelSources")
    assert reasons(template)["Discovered"] == ("True", "InlineModelSources")
    sources = (DiscoveredSource(name="weights", source="hf://org/weights", size_bytes=2**30),)
    assert template.status.model_sources == sources
    assert stage.jobs.of(place.name) == []
    assert await place.world.get(place.runtime_kind, place.name, place.namespace)


async def test_inline_sources_do_not_make_up_for_a_missing_gpu(here: Place):
    await here.model()
    await here.template(modelSources=SOURCES, gpuSelector={"model": "MI100"})
    await here.becomes("NotAvailable", "GPUNotAvailable")


async def test_a_ready_template_has_a_serving_runtime_that_the_real_crd_keeps_whole(place: Place):
    await place.model(imagePullSecrets=[{"name": "of-model"}])
    await place.template(gpuSelector={"count": 4, "model": "MI300X"}, imagePullSecrets=[{"name": "of-template"}])
    template = await place.becomes("Ready", "ProfilesDiscovered")
    runtime = await place.world.json(place.runtime_kind, place.name, place.namespace)
    owner = runtime["metadata"]["ownerReferences"][0]
    assert (owner["uid"], owner["controller"]) == (template.metadata.uid, True)
    spec = runtime["spec"]
    container = spec["containers"][0]
    assert spec["supportedModelFormats"] == [{"name": "aim", "version": "1"}]
    assert spec["storageHelper"] == {"disabled": True}
    assert spec["volumes"] == [{"name": "dshm", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}}]
    assert sorted(secret["name"] for secret in spec["imagePullSecrets"]) == ["of-model", "of-template"]
    assert container["name"] == "kserve-container"
    assert container["image"] == place.image
    assert container["ports"] == [{"name": "http", "containerPort": 8000, "protocol": "TCP"}]
    assert {entry["name"]: entry["value"] for entry in container["env"]} == {
        "VLLM_ENABLE_METRICS": "true",
        "AIM_GPU_MODEL": "MI300X",
        "AIM_GPU_COUNT": "4",
    }
    assert container["volumeMounts"] == [{"name": "dshm", "mountPath": "/dev/shm"}]
    assert container["resources"] == {"requests": {"amd.com/gpu": "4"}, "limits": {"amd.com/gpu": "4"}}


async def test_a_serving_runtime_that_somebody_edits_or_removes_is_put_back(here: Place):
    await here.model()
    await here.template(modelSources=SOURCES)
    await here.becomes("Ready", "InlineModelSources")
    key = Key(here.namespace, here.name)
    before = await here.world.json(SERVING_RUNTIMES, *reversed(key))
    await here.world.client.patch(SERVING_RUNTIMES, key, {"spec": {"supportedModelFormats": [{"name": "other"}]}})

    async def mended() -> bool:
        found = await here.world.get(SERVING_RUNTIMES, here.name, here.namespace)
        return found is not None and found.spec == before["spec"]

    assert await eventually(mended)
    await here.world.delete(SERVING_RUNTIMES, here.name, here.namespace)
    assert await eventually(mended)


async def test_a_serving_runtime_of_somebody_else_is_left_alone_until_it_goes(place: Place):
    stranger = {"containers": [{"name": "kserve-container", "image": "registry.test/stranger:v1"}]}
    await place.world.have(place.runtime_kind, place.name, place.namespace, **stranger)
    await place.model()
    await place.template(modelSources=SOURCES)
    await place.becomes("Degraded", "NameConflict")
    found = await place.world.get(place.runtime_kind, place.name, place.namespace)
    assert found.spec == stranger
    assert not found.metadata.owner_references
    await place.world.delete(place.runtime_kind, place.name, place.namespace)
    await place.becomes("Ready", "InlineModelSources", timeout=10.0)  # what somebody has to mend is tried again soon


async def test_a_template_with_caching_says_how_its_cache_is(stage: Stage, here: Place):
    await here.world.put(storage_class(here.name, default=True))
    stage.scripts.set_claim("*", "pending")
    stage.scripts.set(DOWNLOADER, ImageScript(log="no space left on device", exit_code=1))
    await here.model()
    await here.template(modelSources=SOURCES, caching={"enabled": True})
    waits = await here.world.reaches(AIM_SERVICE_TEMPLATE, here.name, here.namespace, status="Progressing")
    assert reasons(waits)["Discovered"] == ("True", "InlineModelSources")
    assert reasons(waits)["CacheWarm"] in {("False", "WarmRequested"), ("False", "Warming")}
    assert await here.world.get(SERVING_RUNTIMES, here.name, here.namespace) is None
    stage.scripts.set_claim("*", "bound")
    failed = await here.becomes("Degraded", "WarmFailed")
    assert reasons(failed)["CacheWarm"] == ("False", "WarmFailed")
    stage.scripts.remove(DOWNLOADER)
    await here.world.delete(AIM_MODEL_CACHE, "weights", here.namespace)
    warm = await here.becomes("Ready", "InlineModelSources")
    assert reasons(warm)["CacheWarm"] == ("True", "Warm")
    await here.world.delete(STORAGE_CLASSES, here.name)


async def test_without_caching_the_condition_says_so(here: Place):
    await here.model()
    await here.template(modelSources=SOURCES)
    template = await here.becomes("Ready", "InlineModelSources")
    assert reasons(template)["CacheWarm"] == ("False", "CacheNotRequested")


async def test_templates_beyond_the_limit_wait_in_line_the_oldest_first(stage: Stage, here: Place):
    await here.model()
    stage.scripts.set(here.image, AimImage(run_seconds=3600.0))
    names = [f"{here.name}-{number:02}" for number in range(12)]
    for name in names:
        await here.world.have(AIM_SERVICE_TEMPLATE, name, here.namespace, modelName=here.name)

    async def of(status: str) -> list[str]:
        """The templates the operator says this of; one it has not seen yet has no conditions, and is none of them."""
        found = await here.world.all(AIM_SERVICE_TEMPLATE, here.namespace)
        return sorted(t.metadata.name for t in found if t.status.status == status and t.status.conditions)

    async def settled() -> bool:
        return len(await of("Progressing")) + len(await of("Pending")) == len(names)

    await eventually(settled)
    assert await of("Pending") == names[10:]
    waiting = await here.world.get(AIM_SERVICE_TEMPLATE, names[-1], here.namespace)
    assert reasons(waiting)["Discovered"] == ("False", "AwaitingDiscovery")
    assert reasons(waiting)["Progressing"][0] == "True"
    stage.scripts.remove(here.image)

    async def all_ready() -> bool:
        return await of("Ready") == names

    assert await eventually(all_ready)


async def test_a_template_that_is_deleted_takes_its_job_and_its_runtime_along(stage: Stage, place: Place):
    await place.model()
    await place.template()
    template = await place.becomes("Ready", "ProfilesDiscovered")
    await place.world.delete(place.template_kind, place.name, place.namespace)

    async def gone() -> bool:
        runtime = await place.world.get(place.runtime_kind, place.name, place.namespace)
        job = await place.world.get(JOBS, template.status.discovery.job_name, place.jobs)
        return runtime is None and job is None

    assert await eventually(gone)
