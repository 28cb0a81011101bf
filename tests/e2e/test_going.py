"""Objects that go while others are at work with them: nothing is left behind, nothing is left waiting (SPEC §6)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from aimctrl.api.kinds import AIM_MODEL_CACHE, AIM_SERVICE, AIM_SERVICE_TEMPLATE, AIM_TEMPLATE_CACHE
from aimctrl.kube.core import JOBS, PVCS
from aimctrl.kube.external import INFERENCE_SERVICES
from e2e.conftest import Stage
from e2e.homes import Home, storage_class
from support.world import World, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def storage(stage: Stage) -> AsyncIterator[None]:
    """A default storage class."""
    world = World(stage.world.client)
    await world.put(storage_class("default-of-going", default=True))
    yield
    await world.clean()


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


def artifact(home: Home) -> str:
    return f"w-{home.namespace[-8:]}"


def sources(home: Home) -> list[dict[str, str]]:
    return [{"name": artifact(home), "sourceURI": f"hf://org/{artifact(home)}", "size": "1Gi"}]


@pytest.mark.parametrize("asker", ["template", "service"])
async def test_a_template_cache_that_goes_while_it_warms_is_made_again_for_whoever_waits(
    home: Home, stage: Stage, asker: str
):
    claim = f"{artifact(home)}-cache"
    stage.scripts.set_claim(claim, "pending")
    await home.model()
    await home.template(modelSources=sources(home), caching={"enabled": asker == "template"})
    await home.service(cacheModel=asker == "service", templateRef="fast")
    first = await home.world.reaches(AIM_TEMPLATE_CACHE, "fast", home.namespace, status="Pending")
    await home.world.until(AIM_MODEL_CACHE, artifact(home), home.namespace, lambda c: bool(c.status.conditions))
    await home.world.delete(AIM_TEMPLATE_CACHE, "fast", home.namespace)
    second = await home.world.until(
        AIM_TEMPLATE_CACHE, "fast", home.namespace, lambda c: c.metadata.uid != first.metadata.uid
    )
    stage.scripts.set_claim(claim, "bound")
    await home.world.reaches(AIM_TEMPLATE_CACHE, "fast", home.namespace, status="Available")
    await home.runs()
    assert second.metadata.deletion_timestamp is None


MOMENTS = {
    "made": lambda _: True,
    "held": lambda cache: bool(cache.metadata.finalizers),
    "looked-at": lambda cache: bool(cache.status.conditions),
    "filled": lambda cache: any(entry.uid for entry in cache.status.model_caches.values()),
}


async def test_caches_that_go_at_any_moment_leave_nothing(home: Home, stage: Stage):
    stage.scripts.set_claim(f"{artifact(home)}-cache", "pending")
    for moment, here in MOMENTS.items():
        for number in range(2):
            name = f"{moment}-{number}"
            spec = {"templateRef": "none", "modelSources": sources(home)}
            await home.world.have(AIM_TEMPLATE_CACHE, name, home.namespace, **spec)
            await home.world.until(AIM_TEMPLATE_CACHE, name, home.namespace, here)
            await home.world.delete(AIM_TEMPLATE_CACHE, name, home.namespace)
            await home.loses(AIM_TEMPLATE_CACHE, name)

    left: list[str] = []

    async def clean() -> bool:
        kinds = (AIM_TEMPLATE_CACHE, AIM_MODEL_CACHE, PVCS, JOBS)
        left[:] = [f"{kind} {thing.key}" for kind in kinds for thing in await home.world.all(kind, home.namespace)]
        return not left

    with contextlib.suppress(TimeoutError):  # the garbage collector of a busy cluster takes its time
        await eventually(clean, timeout=180)
    assert left == []


async def test_of_two_caches_with_one_artifact_the_one_that_stays_keeps_it(home: Home, stage: Stage):
    stage.scripts.set_claim(f"{artifact(home)}-cache", "pending")
    for name in ("first", "second"):
        await home.world.have(AIM_TEMPLATE_CACHE, name, home.namespace, templateRef="none", modelSources=sources(home))
        await home.world.until(
            AIM_TEMPLATE_CACHE,
            name,
            home.namespace,
            lambda c: [e.uid != "" for e in c.status.model_caches.values()] == [True],
        )
    before = await home.world.get(AIM_MODEL_CACHE, artifact(home), home.namespace)
    await home.world.delete(AIM_TEMPLATE_CACHE, "first", home.namespace)
    await home.loses(AIM_TEMPLATE_CACHE, "first")
    after = await home.world.until(
        AIM_MODEL_CACHE,
        artifact(home),
        home.namespace,
        lambda c: c.metadata.labels["aim.silogen.ai/template-cache"] == "second",
    )
    assert after.metadata.uid == before.metadata.uid
    await home.world.delete(AIM_TEMPLATE_CACHE, "second", home.namespace)
    await home.loses(AIM_TEMPLATE_CACHE, "second")
    await home.loses(AIM_MODEL_CACHE, artifact(home))


async def test_a_model_cache_that_goes_under_a_running_service_comes_back_and_nothing_restarts(home: Home):
    await home.model()
    await home.template(modelSources=sources(home))
    await home.service(cacheModel=True)
    await home.runs()
    before = await home.world.get(INFERENCE_SERVICES, "chat", home.namespace)
    first = await home.world.get(AIM_MODEL_CACHE, artifact(home), home.namespace)
    await home.world.delete(AIM_MODEL_CACHE, artifact(home), home.namespace)
    await home.world.until(
        AIM_MODEL_CACHE,
        artifact(home),
        home.namespace,
        lambda c: c.metadata.uid != first.metadata.uid and c.status.status == "Available",
    )
    await home.runs(CacheReady=("True", "CacheWarm"))
    after = await home.world.get(INFERENCE_SERVICES, "chat", home.namespace)
    assert (after.metadata.uid, after.metadata.generation) == (before.metadata.uid, before.metadata.generation)


async def test_everything_at_once_may_go_while_it_is_being_made(home: Home, stage: Stage):
    stage.scripts.set_claim(f"{artifact(home)}-cache", "pending")
    await home.model()
    await home.template(modelSources=sources(home))
    await home.service(cacheModel=True)
    await home.becomes("Starting", "WaitingForCache")
    doomed = ((AIM_SERVICE, "chat"), (AIM_TEMPLATE_CACHE, "fast"), (AIM_SERVICE_TEMPLATE, "fast"))
    async with asyncio.TaskGroup() as tasks:
        for kind, name in doomed:
            tasks.create_task(home.world.delete(kind, name, home.namespace))
    for kind, name in (*doomed, (AIM_MODEL_CACHE, artifact(home)), (PVCS, f"{artifact(home)}-cache")):
        await home.loses(kind, name)
