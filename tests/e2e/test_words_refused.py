"""What is said where the API server refuses an object, or a stranger has its name (docs/conditions.md)."""

from typing import Any

import pytest

from aimctrl.api.kinds import AIM_MODEL_CACHE, AIM_SERVICE_TEMPLATE, AIM_TEMPLATE_CACHE
from aimctrl.kube.core import JOBS, PVCS
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES, SERVING_RUNTIMES
from aimctrl.kube.kinds import Kind
from e2e.conftest import Stage
from e2e.homes import Home, message, storage_class
from e2e.places import Place
from support.refusing import WORDS, refusing
from support.world import is_told, reasons
from support.world import reason as why

pytestmark = pytest.mark.asyncio(loop_scope="module")

ARTIFACT = {"sourceURI": "hf://org/weights", "size": "1Gi"}


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


async def weights(home: Home, **spec: Any) -> None:
    """Have the model cache `weights`, and a storage class for it."""
    await home.world.put(storage_class(home.namespace))
    await home.world.have(
        AIM_MODEL_CACHE, "weights", home.namespace, **ARTIFACT, storageClassName=home.namespace, **spec
    )


async def model_cache(home: Home, state: str, reason: str) -> Any:
    """The model cache `weights` once it is in that state for that reason."""
    return await home.world.until(
        AIM_MODEL_CACHE,
        "weights",
        home.namespace,
        lambda cache: is_told(cache) and (cache.status.status, why(cache)) == (state, reason),
    )


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(JOBS, "DiscoveryFailed"), (SERVING_RUNTIMES, "ServingRuntimeRefused"), (AIM_TEMPLATE_CACHE, "WarmFailed")],
    ids=["job", "runtime", "cache"],
)
async def test_a_template_whose_object_is_refused_is_degraded_until_it_is_mended(
    home: Home, kind: Kind[Any], reason: str
):
    place = Place(home.world, home.namespace, home.namespace, home.namespace)
    await place.model()
    async with refusing(home.world, home.namespace, kind):
        await place.template(caching={"enabled": kind is AIM_TEMPLATE_CACHE})
        template = await place.becomes("Degraded", reason)
        assert WORDS in message(template, "Failure")
    await place.template(env=[{"name": "MORE", "value": "1"}])
    await place.becomes("Ready", "ProfilesDiscovered")


async def test_an_inference_service_that_is_refused_fails_a_service_but_not_one_that_runs(home: Home):
    await home.model()
    await home.template()
    await home.service()
    await home.runs()
    async with refusing(home.world, home.namespace, INFERENCE_SERVICES):
        env = [{"name": "MORE", "value": "1"}]
        await home.service(env=env)
        service = await home.becomes("Degraded", "RuntimeFailed", RuntimeReady=("False", "RuntimeFailed"))
        assert WORDS in message(service, "RuntimeReady")
        await home.service("late")
        await home.becomes("Failed", "RuntimeFailed", "late", RuntimeReady=("False", "RuntimeFailed"))
    for name in ("chat", "late"):
        await home.service(name, env=env, replicas=2)
        await home.runs(name)


async def test_a_route_that_is_refused_degrades_the_service(home: Home):
    await home.model()
    await home.template()
    async with refusing(home.world, home.namespace, HTTPROUTES):
        await home.routed()
        service = await home.becomes("Degraded", "RouteFailed", RoutingReady=("False", "RouteFailed"))
        assert WORDS in message(service, "RoutingReady")
    await home.routed(annotations={"a": "b"})
    await home.runs(RoutingReady=("True", "RouteReady"))


async def test_a_template_cache_that_is_refused_fails_the_service_that_asks_for_it(home: Home):
    await home.model()
    await home.template()
    async with refusing(home.world, home.namespace, AIM_TEMPLATE_CACHE):
        await home.service(cacheModel=True)
        service = await home.becomes("Failed", "CacheFailed", CacheReady=("False", "CacheFailed"))
        assert WORDS in message(service, "CacheReady")
    await home.service()
    await home.runs()


async def test_a_derived_template_that_is_refused_degrades_the_service(home: Home):
    await home.model()
    await home.template()
    async with refusing(home.world, home.namespace, AIM_SERVICE_TEMPLATE):
        await home.service(templateRef="fast", overrides={"metric": "latency"})
        service = await home.becomes("Degraded", "TemplateNotReady", RuntimeReady=("False", "TemplateNotReady"))
        assert WORDS in message(service, "RuntimeReady")


@pytest.mark.parametrize(("kind", "reason"), [(PVCS, "StorageFailed"), (JOBS, "DownloadFailed")], ids=["volume", "job"])
async def test_a_model_cache_whose_object_is_refused_has_failed(home: Home, kind: Kind[Any], reason: str):
    async with refusing(home.world, home.namespace, kind):
        await weights(home)
        cache = await model_cache(home, "Failed", reason)
        assert WORDS in message(cache, "Failure")


@pytest.mark.parametrize(
    ("kind", "name", "stored"),
    [
        (PVCS, "weights-cache", ("False", "NameConflict")),
        (JOBS, "weights-cache-download", ("True", "StorageBound")),
    ],
    ids=["volume", "job"],
)
async def test_a_model_cache_leaves_alone_what_a_stranger_has_under_its_names(
    home: Home, kind: Kind[Any], name: str, stored: tuple[str, str]
):
    volume = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.test/strangers:v1"}]}
    theirs = volume if kind is PVCS else {"suspend": True, "template": {"spec": pod}}
    await home.world.have(kind, name, home.namespace, **theirs)
    await weights(home)
    cache = await model_cache(home, "Failed", "NameConflict")
    assert reasons(cache)["StorageReady"] == stored
    assert not (await home.world.get(kind, name, home.namespace)).metadata.owner_references
    await home.world.delete(kind, name, home.namespace)
    await home.loses(kind, name)
    await weights(home, env=[{"name": "HF_TOKEN", "value": "x"}])
    await model_cache(home, "Available", "Downloaded")
