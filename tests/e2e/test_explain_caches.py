"""`aimctrl explain` down to caches on a real API server: volume, download Job, and what stands on them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from aimctrl.api.kinds import AIM_MODEL_CACHE, AIM_SERVICE_TEMPLATE, AIM_TEMPLATE_CACHE
from aimctrl.kube.core import PVCS
from aimctrl.sandbox.script import ImageScript
from controlplane import ControlPlane
from e2e.conftest import Stage
from e2e.explaining import Case, Scene, Scenes, complaints, each, parts, play
from e2e.homes import storage_class
from support.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

PART = (AIM_MODEL_CACHE, "weights")
LOST = (AIM_MODEL_CACHE, "lost")
WHOLE = (AIM_TEMPLATE_CACHE, "all")
TEMPLATE = (AIM_SERVICE_TEMPLATE, "fast")
SOURCE = {"name": "weights", "sourceURI": "hf://org/weights", "size": "1Gi"}


async def cache(s: Scene, **spec: Any) -> None:
    await s.world.have(AIM_MODEL_CACHE, "weights", s.namespace, sourceURI="hf://org/weights", size="1Gi", **spec)


async def whole(s: Scene, **spec: Any) -> None:
    await s.world.have(AIM_TEMPLATE_CACHE, "all", s.namespace, **{"templateRef": "fast", **spec})


def image(s: Scene, script: ImageScript) -> str:
    """A download image that behaves so."""
    name = f"{s.image}.download"
    s.stage.scripts.set(name, script)
    return name


async def no_storage_class(s: Scene) -> None:
    await cache(s, storageClassName="nowhere")


async def a_volume_that_is_not_bound(s: Scene) -> None:
    await cache(s, storageClassName="nobodys")


async def a_volume_that_is_lost(s: Scene) -> None:
    spec = {"sourceURI": "hf://org/weights", "size": "1Gi"}
    await s.world.have(AIM_MODEL_CACHE, "lost", s.namespace, **spec)
    await s.world.reaches(AIM_MODEL_CACHE, "lost", s.namespace, status="Available")
    s.stage.scripts.set_claim("lost-cache", "lost")


async def a_strangers_volume(s: Scene) -> None:
    asked = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    await s.world.have(PVCS, "weights-cache", s.namespace, storageClassName="nobodys", **asked)
    await cache(s)


async def a_download_that_fails(s: Scene) -> None:
    await cache(s, modelDownloadImage=image(s, ImageScript(log="401 Unauthorized\n", exit_code=1)))


async def a_download_image_that_is_not_there(s: Scene) -> None:
    await cache(s, modelDownloadImage=image(s, ImageScript(pull_error="not-found")))


async def a_download_that_runs(s: Scene) -> None:
    await cache(s, modelDownloadImage=image(s, ImageScript(run_seconds=3600.0)))


async def no_runtime_config(s: Scene) -> None:
    await cache(s, runtimeConfigName="ours")


async def no_template(s: Scene) -> None:
    await whole(s)


async def a_template_that_is_not_discovered(s: Scene) -> None:
    await s.template(gpuSelector={"model": "MI355X", "count": 1})
    await whole(s)


async def a_part_without_storage_class(s: Scene) -> None:
    await whole(
        s, modelSources=[SOURCE, SOURCE | {"name": "draft", "sourceURI": "s3://b/d"}], storageClassName="nowhere"
    )


async def a_part_of_unknown_size(s: Scene) -> None:
    await whole(s, modelSources=[{"name": "weights", "sourceURI": "hf://org/weights"}])


async def a_part_that_is_not_bound(s: Scene) -> None:
    await whole(s, modelSources=[SOURCE], storageClassName="nobodys")


async def a_part_that_is_downloaded(s: Scene) -> None:
    await whole(s, modelSources=[SOURCE], downloadImage=image(s, ImageScript(run_seconds=3600.0)))


async def served(s: Scene, **spec: Any) -> None:
    await s.model()
    await s.template(modelSources=[SOURCE])
    await whole(s, **spec)
    await s.service(cacheModel=True)


async def a_service_whose_cache_failed(s: Scene) -> None:
    await served(s, downloadImage=image(s, ImageScript(log="403 Forbidden\n", exit_code=1)))


async def a_service_whose_cache_is_not_bound(s: Scene) -> None:
    await served(s, storageClassName="nobodys")


async def a_service_whose_cache_is_downloaded(s: Scene) -> None:
    await served(s, downloadImage=image(s, ImageScript(run_seconds=3600.0)))


async def a_template_whose_cache_failed(s: Scene) -> None:
    await cache(s, storageClassName="nowhere")
    await s.model()
    await s.template(modelSources=[SOURCE], caching={"enabled": True})


async def a_template_whose_cache_is_not_bound(s: Scene) -> None:
    await cache(s, storageClassName="nobodys")
    await s.model()
    await s.template(modelSources=[SOURCE], caching={"enabled": True})


async def a_template_whose_cache_is_downloaded(s: Scene) -> None:
    await cache(s, modelDownloadImage=image(s, ImageScript(run_seconds=3600.0)))
    await s.model()
    await s.template(modelSources=[SOURCE], caching={"enabled": True})


CLAIM, JOB = '/weights-cache"', '/weights-cache-download"'
NOWHERE = 'there is no StorageClass "nowhere"'
UNBOUND = 'waits for StorageClass "nobodys" to bind it'
SEE = "→ aimctrl explain modelcache "
SEE_ALL = "→ aimctrl explain templatecache "

CASES = (
    Case(no_storage_class, "Failed", "StorageFailed", (NOWHERE, CLAIM), (), PART),
    Case(a_volume_that_is_not_bound, "Pending", "StoragePending", (UNBOUND, CLAIM), (), PART),
    Case(a_volume_that_is_lost, "Failed", "StorageLost", ("has lost its volume", '/lost-cache"'), (), LOST),
    Case(a_strangers_volume, "Failed", "NameConflict", ('PersistentVolumeClaim "weights-cache"',), (), PART),
    Case(a_download_that_fails, "Failed", "DownloadFailed", ("401 Unauthorized", JOB, "failed once"), (), PART),
    Case(a_download_image_that_is_not_there, "Failed", "DownloadFailed", (".download cannot be pulled", JOB), (), PART),
    Case(a_download_that_runs, "Progressing", "Downloading", ("is being downloaded", JOB), (), PART),
    Case(no_runtime_config, "Failed", "RuntimeConfigMissing", ('AIMRuntimeConfig "ours"',), (), PART),
    Case(no_template, "Failed", "TemplateNotFound", ('ServiceTemplate "fast" not found', "template: none"), (), WHOLE),
    Case(a_template_that_is_not_discovered, "Pending", "TemplateNotReady", ("fast", "not discovered"), (), WHOLE),
    Case(
        a_part_without_storage_class, "Failed", "CacheFailed", (NOWHERE, CLAIM, '/draft-cache"', SEE),
        ("StorageFailed",), WHOLE,
    ),
    Case(a_part_of_unknown_size, "Failed", "CacheFailed", ('size of "weights" is not known',), (), WHOLE),
    Case(a_part_that_is_not_bound, "Pending", "CachePending", (UNBOUND, CLAIM, SEE), ("StoragePending",), WHOLE),
    Case(a_part_that_is_downloaded, "Progressing", "CacheWarming", (JOB, SEE), ("Downloading",), WHOLE),
    Case(
        a_service_whose_cache_failed, "Failed", "CacheFailed", ("403 Forbidden", JOB, "failed once", SEE_ALL, SEE),
        ("DownloadFailed",),
    ),
    Case(
        a_service_whose_cache_is_not_bound, "Starting", "WaitingForCache", (UNBOUND, CLAIM, SEE_ALL, SEE),
        ("StoragePending",),
    ),
    Case(
        a_service_whose_cache_is_downloaded, "Starting", "CacheWarming", (JOB, SEE_ALL, SEE), ("Downloading",),
    ),
    Case(
        a_template_whose_cache_failed, "Degraded", "WarmFailed", (NOWHERE, CLAIM, SEE_ALL, SEE), ("StorageFailed",),
        TEMPLATE,
    ),
    Case(
        a_template_whose_cache_is_not_bound, "Progressing", "WarmRequested", (UNBOUND, CLAIM, SEE_ALL, SEE),
        ("StoragePending",), TEMPLATE,
    ),
    Case(
        a_template_whose_cache_is_downloaded, "Progressing", "Warming", (JOB, SEE_ALL, SEE), ("Downloading",), TEMPLATE,
    ),
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scenes(stage: Stage, control_plane: ControlPlane) -> AsyncIterator[Scenes]:
    """With a class that binds at once, the default, and one that nobody provisions for."""
    world = World(stage.world.client)
    await world.put(storage_class("at-once", default=True))
    await world.put(storage_class("nobodys") | {"provisioner": "nobody.example/none"})
    yield await play(stage, control_plane, CASES)
    await world.clean()


@each(*CASES)
async def test_why_something_is_not_cached_is_told_with_what_can_be_done(case: Case, scenes: Scenes):
    told = scenes[case.name]
    assert complaints(case, told) == [], told.text


async def test_a_service_goes_down_to_the_download_that_failed(scenes: Scenes):
    told = scenes["a service whose cache failed"].explanation
    download = parts(told, "cache", "artifact", "download")
    assert download.value == f'Job "{told.namespace}/weights-cache-download"'
    assert download.trouble is not None
    assert download.trouble.reason == "DownloadFailed"
    assert parts(told, "cache", "artifact", "volume").state == "Bound"
