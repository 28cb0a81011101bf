"""What makes services look again, on a fake cluster."""

from typing import Any

import pytest

from aimctrl.api.kinds import (
    AIM_CLUSTER_RUNTIME_CONFIG,
    AIM_MODEL,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE_TEMPLATE,
)
from aimctrl.kube.core import NODES
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.kinds import Key
from aimctrl.runtime.workqueue import Item
from unit.aim.service.cluster import GATEWAY, World


@pytest.fixture
async def busy() -> World:
    """Services that depend on all sorts of things, in two namespaces; each has been looked at."""
    world = World()
    world.model()
    world.model(name="painter", image="p:1")
    world.template()
    world.service()
    world.service("named", templateRef="fast")
    world.service("changed", templateRef="fast", overrides={"metric": "throughput"})
    world.service("painting", model={"image": "p:1"})
    world.service("configured", runtimeConfigName="rc")
    world.service("elsewhere", "other")
    for name, namespace in [
        ("chat", "ml"),
        ("named", "ml"),
        ("changed", "ml"),
        ("painting", "ml"),
        ("configured", "ml"),
        ("elsewhere", "other"),
    ]:
        await world.look(Key(namespace, name))
    return world


LLAMAS = ["ml/changed", "ml/chat", "ml/configured", "ml/named", "other/elsewhere"]
CHOOSING = ["ml/changed", "ml/chat", "ml/configured", "other/elsewhere"]


def in_ml(keys: list[str]) -> list[str]:
    return [key for key in keys if key.startswith("ml/")]


WAKEUPS: dict[str, tuple[Any, list[str]]] = {
    "a cluster template's state": (lambda w: w.template(state="Failed"), LLAMAS),
    "a new cluster template": (lambda w: w.template("new"), CHOOSING),
    "a new template of the namespace": (lambda w: w.template("new", AIM_SERVICE_TEMPLATE), in_ml(CHOOSING)),
    "another model's template that hides the cluster's": (
        lambda w: w.template("fast", AIM_SERVICE_TEMPLATE, spec={"modelName": "mistral"}), in_ml(LLAMAS),
    ),
    "another model's template": (lambda w: w.template("m", spec={"modelName": "mistral"}), []),
    "a template of an image's model": (lambda w: w.template("p", spec={"modelName": "painter"}), ["ml/painting"]),
    "the model": (lambda w: w.model(image="i:2"), LLAMAS),
    "a model of the namespace": (lambda w: w.model(AIM_MODEL), in_ml(LLAMAS)),
    "a model takes up the image": (lambda w: w.model(name="x", image="p:1"), ["ml/painting"]),
    "the model lets go of the image": (lambda w: w.model(name="painter", image="p:2"), ["ml/painting"]),
    "the default runtime config": (
        lambda w: w.put(AIM_RUNTIME_CONFIG, "default", spec={}), ["ml/changed", "ml/chat", "ml/named", "ml/painting"],
    ),
    "a cluster runtime config": (lambda w: w.put(AIM_CLUSTER_RUNTIME_CONFIG, "rc", spec={}), ["ml/configured"]),
    "its InferenceService": (
        lambda w: w.put(INFERENCE_SERVICES, "chat", spec={}, status={"x": 1}), ["ml/chat"],
    ),
    "a stranger's InferenceService of another name": (lambda w: w.put(INFERENCE_SERVICES, "zzz", spec={}), []),
    "a stranger's HTTPRoute of its name": (lambda w: w.put(HTTPROUTES, "chat", spec={}), ["ml/chat"]),
}  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), WAKEUPS.values(), ids=list(WAKEUPS))
async def test_a_change_wakes_the_services_it_is_about(busy: World, change: Any, expected: list[str]) -> None:
    assert busy.woken(lambda: change(busy)) == expected


async def queued(world: World) -> list[str]:
    found: list[str] = []
    while world.controller.queue.depth:
        item: Item = await world.controller.queue.get()
        found.append(str(item.key))
        world.controller.queue.done(item.key)
    return sorted(found)


async def test_a_gpu_that_comes_or_goes_wakes_the_services_of_its_templates(busy: World) -> None:
    busy.template("big", spec={"gpuSelector": {"model": "MI325X"}})
    await queued(busy)
    busy.node("second")
    assert await queued(busy) == []
    busy.node("mi325x", device="74a5")
    assert await queued(busy) == CHOOSING
    busy.cluster.drop(NODES, Key("", "mi325x"))
    assert await queued(busy) == CHOOSING


async def test_a_template_wakes_the_services_that_hold_on_to_it(busy: World) -> None:
    owner = {
        "apiVersion": "aim.silogen.ai/v1alpha1",
        "kind": "AIMService",
        "name": "painting",
        "uid": "AIMService-painting",
    }
    meta = {"ownerReferences": [owner], "labels": {"aim.silogen.ai/derived-template": "true"}}
    spec = {"modelName": "mistral"}
    made = busy.woken(lambda: busy.template("d", AIM_SERVICE_TEMPLATE, spec=spec, metadata=meta))
    left = busy.woken(
        lambda: busy.template("d", AIM_SERVICE_TEMPLATE, spec=spec, metadata={**meta, "ownerReferences": []})
    )
    assert (made, left) == (["ml/painting"], ["ml/painting"])


async def test_services_that_wait_for_a_path_look_again_when_any_route_goes() -> None:
    world = World()
    world.model()
    world.template()
    routing = {"enabled": True, "gatewayRef": GATEWAY, "routeTemplate": "/shared"}
    world.service(routing=routing, metadata={"creationTimestamp": "2029-06-01T00:00:00Z"})
    world.service("elder", "other", routing=routing)
    world.route("elder", "other")
    await world.look()
    assert world.woken(lambda: world.cluster.drop(HTTPROUTES, Key("other", "elder"))) == ["ml/chat", "other/elder"]


async def test_a_gateways_word_wakes_none_but_the_routes_own_service(busy: World) -> None:
    busy.route("chat")
    busy.route("named", path="/shared")
    live = busy.live(HTTPROUTES)
    assert busy.woken(lambda: busy.cluster.put(HTTPROUTES, {**live, "status": {"parents": []}})) == ["ml/chat"]
