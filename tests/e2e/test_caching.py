"""Artifacts on volumes: downloaded once, shared, mounted, lost and found, and cleaned up after (SPEC §6)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_MODEL_CACHE,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
    AIM_TEMPLATE_CACHE,
)
from aimctrl.kube.core import JOBS, NAMESPACES, PVCS
from aimctrl.kube.external import INFERENCE_SERVICES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.sandbox.script import ImageScript
from e2e.conftest import Stage
from e2e.homes import SOURCES, Home, storage_class
from support.world import World, eventually, is_told, reasons
from support.world import reason as why

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEIGHTS = "hf://org/weights"


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def storage(stage: Stage) -> AsyncIterator[None]:
    """Storage classes of both binding modes; the one that binds at once is the default."""
    world = World(stage.world.client)
    await world.put(storage_class("at-once", default=True))
    await world.put(storage_class("on-use", "WaitForFirstConsumer"))
    yield
    await world.clean()


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def doomed(stage: Stage, storage: None) -> Home:
    """A namespace with caches at every stage that is being deleted, which takes a while: begun first, looked at last."""
    home = Home(stage.world, f"doomed-{uuid4().hex[:8]}")
    stage.scripts.set_claim("stuck-cache", "pending")
    await home.model()
    stuck = {"name": "stuck", "sourceURI": "s3://bucket/stuck", "size": "1Gi"}
    await home.template(modelSources=[*SOURCES, stuck])
    await home.service(cacheModel=True)
    await home.becomes("Starting", "WaitingForCache")
    await available(home)
    await home.world.client.delete(NAMESPACES, Key("", home.namespace))
    return home


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


async def gone(home: Home, *objects: tuple[Kind[Any], str]) -> None:
    """Wait until all of these are gone."""
    for kind, name in objects:
        await home.loses(kind, name)


async def model_cache(home: Home, name: str = "weights", **spec: Any) -> None:
    await home.world.have(AIM_MODEL_CACHE, name, home.namespace, **{"sourceURI": WEIGHTS, "size": "16Gi", **spec})


async def template_cache(home: Home, name: str = "all", **spec: Any) -> None:
    await home.world.have(AIM_TEMPLATE_CACHE, name, home.namespace, **{"templateRef": "fast", **spec})


def ready(state: str, reason: str) -> Callable[[Any], bool]:
    return lambda found: is_told(found) and (found.status.status, why(found)) == (state, reason)


async def becomes(home: Home, kind: Kind[Any], name: str, state: str, reason: str) -> Any:
    return await home.world.until(kind, name, home.namespace, ready(state, reason))


async def available(home: Home, name: str = "weights") -> Any:
    return await becomes(home, AIM_MODEL_CACHE, name, "Available", "Downloaded")


async def read(home: Home, kind: Kind[Any], name: str) -> Any:
    return await home.world.get(kind, name, home.namespace)


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    assert await eventually(look)


async def test_an_artifact_is_downloaded_onto_a_volume_of_its_own(home: Home):
    await model_cache(home, imagePullSecrets=[{"name": "pull"}], env=[{"name": "HF_TOKEN", "value": "x"}])
    cache = await available(home)
    assert reasons(cache)["StorageReady"] == ("True", "StorageBound")
    claim = await read(home, PVCS, "weights-cache")
    assert (claim.spec.storage_class_name, claim.status.phase) == ("at-once", "Bound")
    assert claim.spec.access_modes == ("ReadWriteMany",)
    assert claim.status.capacity == {"storage": "18Gi"}
    assert cache.status.persistent_volume_claim == "weights-cache"
    assert cache.status.persistent_volume_claim_uid == claim.metadata.uid
    job = await read(home, JOBS, "weights-cache-download")
    (container,) = job.spec.template.spec.containers
    assert container.args == (WEIGHTS, "/cache")
    assert claim.metadata.owned_by(cache.metadata.uid)
    assert job.metadata.owned_by(cache.metadata.uid)
    await home.world.until(
        JOBS, "weights-cache-download", home.namespace, lambda j: j.spec.ttl_seconds_after_finished == 600
    )


async def test_a_class_that_binds_on_first_use_is_used_by_the_download(home: Home):
    await model_cache(home, storageClassName="on-use")
    await available(home)
    assert (await read(home, PVCS, "weights-cache")).spec.storage_class_name == "on-use"


async def test_a_download_runs_where_only_restricted_pods_may(home: Home):
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    await home.world.client.patch(NAMESPACES, Key("", home.namespace), {"metadata": {"labels": labels}})
    await model_cache(home)
    await available(home)


async def test_a_missing_storage_class_is_named_and_healed(home: Home):
    name = f"late-{home.namespace}"
    await model_cache(home, storageClassName=name)
    cache = await becomes(home, AIM_MODEL_CACHE, "weights", "Failed", "StorageFailed")
    assert reasons(cache)["StorageReady"] == ("False", "StorageFailed")
    await home.world.put(storage_class(name))
    await available(home)


async def test_a_missing_runtime_config_is_named_and_healed(home: Home):
    await model_cache(home, runtimeConfigName="big")
    await template_cache(home, runtimeConfigName="big")
    for kind, name in ((AIM_MODEL_CACHE, "weights"), (AIM_TEMPLATE_CACHE, "all")):
        await becomes(home, kind, name, "Failed", "RuntimeConfigMissing")
    manifest = {"apiVersion": "aim.silogen.ai/v1alpha1", "kind": "AIMRuntimeConfig"}
    spec = {"pvcHeadroomPercent": 100, "defaultStorageClassName": "on-use"}
    await home.world.put(manifest | {"metadata": {"name": "big", "namespace": home.namespace}, "spec": spec})
    cache = await available(home)
    assert cache.status.resolved_runtime_config.name == "big"
    claim = await read(home, PVCS, "weights-cache")
    assert (claim.spec.storage_class_name, claim.spec.resources["requests"]) == ("on-use", {"storage": "32Gi"})
    await becomes(home, AIM_TEMPLATE_CACHE, "all", "Failed", "TemplateNotFound")


async def test_a_failed_download_waits_before_it_is_tried_again_unless_it_is_mended(home: Home, stage: Stage):
    image = f"registry.test/{home.namespace}:download"
    stage.scripts.set(image, ImageScript(log="401 Unauthorized\n", exit_code=1))
    await model_cache(home, modelDownloadImage=image)
    cache = await becomes(home, AIM_MODEL_CACHE, "weights", "Failed", "DownloadFailed")
    assert {c.type: c.message for c in cache.status.conditions}["Failure"] == "the download failed: 401 Unauthorized"
    assert cache.status.download.failures == 1
    assert cache.status.download.retry_at is not None
    stage.scripts.set(image, ImageScript())
    await home.world.delete(JOBS, "weights-cache-download", home.namespace)
    await home.loses(JOBS, "weights-cache-download")
    assert (await read(home, AIM_MODEL_CACHE, "weights")).status.status == "Failed"
    await model_cache(home, modelDownloadImage=image, env=[{"name": "HF_TOKEN", "value": "mended"}])
    cache = await available(home)
    assert cache.status.download is None


async def test_an_image_that_cannot_be_pulled_is_told_while_that_lasts(home: Home, stage: Stage):
    image = f"registry.test/{home.namespace}:download"
    stage.scripts.set(image, ImageScript(pull_error="not-found"))
    await model_cache(home, modelDownloadImage=image)
    await becomes(home, AIM_MODEL_CACHE, "weights", "Failed", "DownloadFailed")
    stage.scripts.remove(image)
    stage.scripts.set(image, ImageScript())
    await available(home)


async def test_only_the_loss_of_its_volume_undoes_an_artifact(home: Home, stage: Stage):
    name = f"w-{home.namespace[-8:]}"
    await model_cache(home, name)
    first = (await available(home, name)).status.persistent_volume_claim_uid
    await home.world.delete(JOBS, f"{name}-cache-download", home.namespace)
    await home.loses(JOBS, f"{name}-cache-download")
    assert (await read(home, AIM_MODEL_CACHE, name)).status.status == "Available"
    stage.scripts.set_claim(f"{name}-cache", "lost")
    await becomes(home, AIM_MODEL_CACHE, name, "Failed", "StorageLost")
    stage.scripts.set_claim(f"{name}-cache", "bound")
    await home.world.delete(PVCS, f"{name}-cache", home.namespace)
    cache = await home.world.until(
        AIM_MODEL_CACHE,
        name,
        home.namespace,
        lambda c: c.status.status == "Available" and c.status.persistent_volume_claim_uid != first,
    )
    assert cache.status.persistent_volume_claim_uid == (await read(home, PVCS, f"{name}-cache")).metadata.uid


async def test_a_model_cache_takes_volume_and_job_with_it(home: Home):
    await model_cache(home)
    await available(home)
    await home.world.delete(AIM_MODEL_CACHE, "weights", home.namespace)
    await gone(home, (AIM_MODEL_CACHE, "weights"), (PVCS, "weights-cache"), (JOBS, "weights-cache-download"))


async def test_a_cluster_template_is_cached_into_a_namespace(home: Home):
    model, template = f"m-{home.namespace}", f"t-{home.namespace}"
    await home.world.have(AIM_CLUSTER_MODEL, model, image=home.image)
    await home.world.have(AIM_CLUSTER_SERVICE_TEMPLATE, template, modelName=model)
    await template_cache(home, templateRef=template)
    cache = await becomes(home, AIM_TEMPLATE_CACHE, "all", "Available", "CacheWarm")
    assert cache.status.resolved_template.kind == "AIMClusterServiceTemplate"
    (entry,) = cache.status.model_caches.values()
    assert entry.mount_point == "/workspace/model-cache/meta-llama/Llama-3.1-8B-Instruct"
    part = await read(home, AIM_MODEL_CACHE, entry.name)
    assert (part.metadata.uid, part.metadata.owner_references) == (entry.uid, ())
    assert part.spec.source_uri == "hf://meta-llama/Llama-3.1-8B-Instruct"


async def test_an_available_artifact_outlives_its_template_cache_and_is_shared(home: Home):
    sources = {"modelSources": SOURCES}
    await template_cache(home, "first", **sources)
    await becomes(home, AIM_TEMPLATE_CACHE, "first", "Available", "CacheWarm")
    part = await read(home, AIM_MODEL_CACHE, "weights")
    await home.world.delete(AIM_TEMPLATE_CACHE, "first", home.namespace)
    await home.loses(AIM_TEMPLATE_CACHE, "first")
    await template_cache(home, "second", **sources)
    second = await becomes(home, AIM_TEMPLATE_CACHE, "second", "Available", "CacheWarm")
    assert [entry.uid for entry in second.status.model_caches.values()] == [part.metadata.uid]
    assert len(await home.world.all(AIM_MODEL_CACHE, home.namespace)) == 1


async def test_a_template_cache_takes_along_what_it_made_in_vain(home: Home, stage: Stage):
    stage.scripts.set_claim("never-cache", "pending")
    never = {"name": "never", "sourceURI": "s3://bucket/never", "size": "1Gi"}
    await template_cache(home, modelSources=[*SOURCES, never])
    await available(home)
    await becomes(home, AIM_TEMPLATE_CACHE, "all", "Pending", "CachePending")
    await home.world.delete(AIM_TEMPLATE_CACHE, "all", home.namespace)
    await gone(home, (AIM_TEMPLATE_CACHE, "all"), (AIM_MODEL_CACHE, "never"), (PVCS, "never-cache"))
    assert (await read(home, AIM_MODEL_CACHE, "weights")).status.status == "Available"


async def test_a_template_with_caching_is_ready_once_it_is_warm(home: Home):
    await home.model()
    await home.template(caching={"enabled": True})
    template = await home.world.reaches(AIM_SERVICE_TEMPLATE, "fast", home.namespace, status="Ready")
    assert reasons(template)["CacheWarm"] == ("True", "Warm")
    cache = await read(home, AIM_TEMPLATE_CACHE, "fast")
    assert cache.metadata.owned_by(template.metadata.uid)
    await home.world.delete(AIM_SERVICE_TEMPLATE, "fast", home.namespace)
    await gone(home, (AIM_TEMPLATE_CACHE, "fast"))
    assert await read(home, AIM_MODEL_CACHE, "weights")


async def test_a_service_waits_for_its_cache_and_mounts_it_read_only(home: Home):
    await home.model()
    await home.template()
    await home.service(cacheModel=True)
    service = await home.runs(CacheReady=("True", "CacheWarm"))
    cache = await read(home, AIM_TEMPLATE_CACHE, "fast")
    assert service.status.resolved_template_cache.uid == cache.metadata.uid
    assert cache.metadata.owned_by((await read(home, AIM_SERVICE_TEMPLATE, "fast")).metadata.uid)
    predictor = (await home.inference_service())["spec"]["predictor"]
    (volume,) = predictor["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == "weights-cache"
    mount = {"name": volume["name"], "mountPath": "/workspace/model-cache/weights", "readOnly": True}
    assert predictor["model"]["volumeMounts"] == [mount]
    await home.world.delete(AIM_SERVICE, "chat", home.namespace)
    await home.loses(AIM_SERVICE, "chat")
    assert (await read(home, AIM_TEMPLATE_CACHE, "fast")).status.status == "Available"


async def test_a_cache_that_is_gone_for_a_moment_changes_nothing_of_what_runs(home: Home, stage: Stage):
    await home.model()
    await home.template()
    await home.service(cacheModel=True)
    await home.runs()
    before = await home.inference_service()
    stage.scripts.set_claim("weights-cache", "pending")
    await home.world.delete(AIM_MODEL_CACHE, "weights", home.namespace)
    await home.becomes("Degraded", "WaitingForCache", CacheReady=("False", "WaitingForCache"))
    after = await home.inference_service()
    assert (after["metadata"]["uid"], after["spec"]) == (before["metadata"]["uid"], before["spec"])
    stage.scripts.set_claim("weights-cache", "bound")
    await home.runs(CacheReady=("True", "CacheWarm"))
    assert (await home.inference_service())["metadata"]["generation"] == before["metadata"]["generation"]


async def test_a_cache_that_failed_fails_a_service_that_does_not_run_yet(home: Home, stage: Stage):
    image = f"registry.test/{home.namespace}:download"
    stage.scripts.set(image, ImageScript(exit_code=1))
    await home.model()
    await home.template()
    await template_cache(home, downloadImage=image)
    await home.service(cacheModel=True)
    await home.becomes("Failed", "CacheFailed", CacheReady=("False", "CacheFailed"))
    assert await read(home, INFERENCE_SERVICES, "chat") is None
    assert await read(home, AIM_TEMPLATE_CACHE, "fast") is None


async def test_services_that_go_before_their_cache_is_there_take_it_along(home: Home, stage: Stage):
    artifact = f"never-{home.namespace[-8:]}"
    stage.scripts.set_claim(f"{artifact}-cache", "pending")
    await home.model()
    await home.template(modelSources=[{"name": artifact, "sourceURI": "s3://bucket/never", "size": "1Gi"}])
    for name in ("chat", "other"):
        await home.service(name, cacheModel=True)
        await home.becomes("Starting", "WaitingForCache", name, CacheReady=("False", "WaitingForCache"))
    cache = await read(home, AIM_TEMPLATE_CACHE, "fast")
    await home.world.delete(AIM_SERVICE, "chat", home.namespace)
    await home.loses(AIM_SERVICE, "chat")
    assert (await read(home, AIM_TEMPLATE_CACHE, "fast")).metadata.uid == cache.metadata.uid
    await home.world.delete(AIM_SERVICE, "other", home.namespace)
    await gone(
        home,
        (AIM_SERVICE, "other"),
        (AIM_TEMPLATE_CACHE, "fast"),
        (AIM_MODEL_CACHE, artifact),
        (PVCS, f"{artifact}-cache"),
    )


async def test_a_namespace_with_caches_at_every_stage_can_be_deleted(doomed: Home):
    async def is_gone() -> bool:
        return await doomed.world.get(NAMESPACES, doomed.namespace) is None

    await until(is_gone)
