"""A service that is deleted and made again at once, of the same name, with another spec: nothing of the former is left.

Its children are still there then, and so may be their former owner's reconciles.
"""

from typing import Any

import pytest

from aimctrl.api.kinds import AIM_CLUSTER_SERVICE_TEMPLATE, AIM_SERVICE, AIM_SERVICE_TEMPLATE, AIM_TEMPLATE_CACHE
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.kinds import Kind
from aimctrl.runtime.errors import AlreadyExistsError
from e2e.conftest import Stage
from e2e.homes import GATEWAY, Home, storage_class
from support.history import History, history
from support.world import Json, becomes_equal, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

BASE: dict[str, Any] = {"metric": "latency", "precision": "fp16", "gpuSelector": {"count": 1, "model": "MI300X"}}


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


def spec(home: Home, precision: str, **more: Any) -> Json:
    routing = {"enabled": True, "gatewayRef": GATEWAY, "routeTemplate": f"/{home.namespace}/{precision}"}
    overrides = {"precision": precision}
    return {"model": {"ref": "llama"}, "templateRef": "fast", "overrides": overrides, "routing": routing, **more}


async def made_anew(home: Home, wanted: Json) -> str:
    """The uid of a new service `chat`, made the moment the API server lets it be."""
    await home.world.delete(AIM_SERVICE, "chat", home.namespace)
    manifest = {"metadata": {"name": "chat", "namespace": home.namespace}, "spec": wanted}

    async def make() -> str:
        try:
            return (await home.world.client.create(AIM_SERVICE, manifest)).uid
        except AlreadyExistsError:
            return ""

    return await eventually(make, every=0.01)


async def owner(home: Home, kind: Kind[Any], name: str = "chat") -> list[str]:
    found = await home.world.get(kind, name, home.namespace)
    return [] if found is None else [ref.uid for ref in found.metadata.owner_references]


async def is_served(home: Home, uid: str, precision: str) -> None:
    """The service of that uid runs with children of its own, made from its own spec."""

    async def whole() -> bool:
        service = await home.world.get(AIM_SERVICE, "chat", home.namespace)
        children = [await owner(home, kind) for kind in (INFERENCE_SERVICES, HTTPROUTES)]
        return service is not None and service.status.status == "Running" and children == [[uid], [uid]]

    assert await eventually(whole)
    service = await home.runs()
    assert service.metadata.uid == uid
    template = service.status.resolved_template
    found = await home.world.get(AIM_SERVICE_TEMPLATE, template.name, home.namespace)
    assert (found.metadata.uid, found.spec.precision) == (template.uid, precision)
    await becomes_equal(lambda: owner(home, AIM_SERVICE_TEMPLATE, template.name), [uid])
    assert (await home.inference_service())["spec"]["predictor"]["model"]["runtime"] == template.name
    path = f"/{home.namespace}/{precision}"
    [rule] = (await home.route())["spec"]["rules"]
    assert (service.status.routing.path, rule["matches"][0]["path"]["value"]) == (path, path)


def checked(seen: History, uid: str, path: str) -> None:
    """No status that the service ever had was computed from another one."""
    for live in seen.of("chat", uid):
        status = live.get("status", {})
        said = status.get("conditions", [])
        assert {c["observedGeneration"] for c in said} | {status.get("observedGeneration", 0)} <= {0, 1}
        assert all(c["lastTransitionTime"] >= live["metadata"]["creationTimestamp"] for c in said)
        assert "NameConflict" not in {c["reason"] for c in said}, "what the former one left is nobody's"
        assert status.get("routing", {}).get("path", path) == path


async def test_a_service_made_anew_at_once_has_children_and_status_of_its_own(home: Home):
    await home.model()
    await home.template(**BASE)
    await home.service(**spec(home, "fp8"))
    await home.runs()
    async with history(home.world, AIM_SERVICE, home.namespace) as seen:
        for precision in ("int8", "fp8", "int8"):
            uid = await made_anew(home, spec(home, precision))
            await is_served(home, uid, precision)
            await seen.reaches((await home.world.get(AIM_SERVICE, "chat", home.namespace)).metadata.resource_version)
            checked(seen, uid, f"/{home.namespace}/{precision}")
    templates = await home.world.all(AIM_SERVICE_TEMPLATE, home.namespace)
    former = {t.metadata.name for t in templates if t.spec.precision == "fp8"}
    for name in former:
        await home.loses(AIM_SERVICE_TEMPLATE, name)


async def test_so_has_one_that_comes_and_goes_before_anything_of_it_is_done(home: Home):
    await home.model()
    await home.template(**BASE)
    await home.service(**spec(home, "fp8"))
    async with history(home.world, AIM_SERVICE, home.namespace) as seen:
        for number in range(10):
            uid = await made_anew(home, spec(home, ("int8", "fp8")[number % 2]))
        await is_served(home, uid, "fp8")
        checked(seen, uid, f"/{home.namespace}/fp8")


async def test_so_has_one_whose_former_self_had_a_cache_to_let_go_of(home: Home, stage: Stage):
    await home.world.put(storage_class("default-of-recreated", default=True))
    artifact = f"never-{home.namespace[-8:]}"
    stage.scripts.set_claim(f"{artifact}-cache", "pending")
    never = [{"name": artifact, "sourceURI": "s3://bucket/never", "size": "1Gi"}]
    await home.model()
    await home.template("slow", modelSources=never)
    await home.template(**BASE)
    await home.service(templateRef="slow", cacheModel=True)
    await home.becomes("Starting", "WaitingForCache", CacheReady=("False", "WaitingForCache"))
    uid = await made_anew(home, spec(home, "fp8"))
    await is_served(home, uid, "fp8")
    await home.loses(AIM_TEMPLATE_CACHE, "slow")
    assert (await home.runs()).status.resolved_template_cache is None


async def test_a_service_without_routing_leaves_no_route_of_the_one_before(home: Home):
    await home.model()
    await home.template(**BASE)
    await home.routed()
    await home.runs()
    uid = await made_anew(home, {"model": {"ref": "llama"}, "templateRef": "fast"})
    await home.loses(HTTPROUTES, "chat")
    service = await home.runs(RoutingReady=("False", "RoutingDisabled"))
    assert (service.metadata.uid, service.status.routing) == (uid, None)


async def test_a_template_made_anew_at_once_has_a_runtime_and_a_status_of_its_own(home: Home):
    await home.model()
    await home.template(**BASE)
    first = await home.world.reaches(AIM_SERVICE_TEMPLATE, "fast", home.namespace, status="Ready")
    await home.service(templateRef="fast")
    await home.runs()
    await home.world.delete(AIM_SERVICE_TEMPLATE, "fast", home.namespace)
    await home.template(**{**BASE, "precision": "fp8"})
    service = await home.world.until(
        AIM_SERVICE,
        "chat",
        home.namespace,
        lambda s: (
            s.status.status == "Running"
            and s.status.resolved_template is not None
            and s.status.resolved_template.uid not in {"", first.metadata.uid}
        ),
    )
    found = await home.world.get(AIM_SERVICE_TEMPLATE, "fast", home.namespace)
    assert service.status.resolved_template.uid == found.metadata.uid
    mine = {"fast", "chat"}
    assert not [t for t in await home.world.all(AIM_CLUSTER_SERVICE_TEMPLATE) if t.metadata.name.split("-")[0] in mine]
    labels = (await home.inference_service())["metadata"]["labels"]
    assert labels["aim.silogen.ai/template.precision"] == "fp8"
