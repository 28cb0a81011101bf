"""A cache on its way, held at each step: template, template cache, model cache and service all say how far it is."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from aimctrl.api.kinds import AIM_MODEL_CACHE, AIM_SERVICE_TEMPLATE, AIM_TEMPLATE_CACHE
from aimctrl.kube.kinds import Kind
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import ImageScript
from e2e.conftest import Stage
from e2e.homes import Home, storage_class
from support.world import World, is_told, reasons

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def storage(stage: Stage) -> AsyncIterator[None]:
    """A default storage class."""
    world = World(stage.world.client)
    await world.put(storage_class("held", default=True))
    yield
    await world.clean()


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


async def becomes(
    home: Home, kind: Kind[Any], name: str, state: str, reason: str, **conditions: tuple[str, str]
) -> None:
    """Wait until the object is in that state for that reason, with those conditions."""
    await home.world.until(
        kind,
        name,
        home.namespace,
        lambda found: (
            is_told(found)
            and found.status.status == state
            and reasons(found).get("Ready") == (str(state in {"Available", "Ready"}), reason)
            and conditions.items() <= reasons(found).items()
        ),
    )


async def test_a_template_cache_waits_for_what_discovery_finds(stage: Stage, home: Home):
    stage.scripts.set(home.image, AimImage(run_seconds=3600.0))
    await home.model()
    await home.discovered()
    await home.world.have(AIM_TEMPLATE_CACHE, "all", home.namespace, templateRef="fast")
    waits = ("False", "TemplateNotReady")
    await becomes(home, AIM_TEMPLATE_CACHE, "all", "Pending", "TemplateNotReady", Resolved=waits, CacheWarm=waits)
    stage.scripts.remove(home.image)
    await becomes(home, AIM_TEMPLATE_CACHE, "all", "Available", "CacheWarm", Resolved=("True", "Resolved"))


async def test_everybody_says_how_far_a_cache_is(stage: Stage, home: Home):
    name, download = f"w-{home.namespace[-8:]}", f"registry.test/{home.namespace}:download"
    sources = [{"name": name, "sourceURI": f"hf://org/{name}", "size": "1Gi"}]
    stage.scripts.set_claim(f"{name}-cache", "pending")
    stage.scripts.set(download, ImageScript(run_seconds=3600.0))
    await home.model()
    await home.template(modelSources=sources)
    await home.world.have(AIM_TEMPLATE_CACHE, "all", home.namespace, templateRef="fast", downloadImage=download)
    await home.service(templateRef="fast", cacheModel=True)

    async def parts_are(state: str, storage: tuple[str, str], part: str, whole: str) -> None:
        await becomes(home, AIM_MODEL_CACHE, name, state, part, StorageReady=storage)
        await becomes(home, AIM_TEMPLATE_CACHE, "all", state, whole, CacheWarm=(str(whole == "CacheWarm"), whole))

    await parts_are("Pending", ("False", "StoragePending"), "StoragePending", "CachePending")
    await home.template("warm", modelSources=sources, metric="latency", caching={"enabled": True})
    asked = ("False", "WarmRequested")
    await becomes(home, AIM_SERVICE_TEMPLATE, "warm", "Progressing", "WarmRequested", CacheWarm=asked)
    await home.becomes("Starting", "WaitingForCache", CacheReady=("False", "WaitingForCache"))

    stage.scripts.set_claim(f"{name}-cache", "bound")
    await parts_are("Progressing", ("True", "StorageBound"), "Downloading", "CacheWarming")
    await becomes(home, AIM_SERVICE_TEMPLATE, "warm", "Progressing", "Warming", CacheWarm=("False", "Warming"))
    await home.becomes("Starting", "CacheWarming", CacheReady=("False", "CacheWarming"))

    stage.scripts.set(download, ImageScript())
    await parts_are("Available", ("True", "StorageBound"), "Downloaded", "CacheWarm")
    await becomes(home, AIM_SERVICE_TEMPLATE, "warm", "Ready", "InlineModelSources", CacheWarm=("True", "Warm"))
    await home.runs(CacheReady=("True", "CacheWarm"))
