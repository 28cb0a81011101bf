"""What cannot be read now is not missing: a service that an operator has just begun to look at stays as it is."""

from typing import Any

import pytest

from aimctrl.api.kinds import AIM_CLUSTER_MODEL, AIM_MODEL, AIM_SERVICE, AIM_SERVICE_TEMPLATE, AIM_TEMPLATE_CACHE
from aimctrl.kube.core import NODES
from aimctrl.kube.external import INFERENCE_SERVICES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.request import Request
from unit.aim.service.cluster import CHAT, World
from unit.aim.service.samples import NOW

CACHED = {
    "status": "Available",
    "modelCaches": {"w": {"name": "w", "status": "Available", "persistentVolumeClaim": "w-cache", "mountPoint": "/w"}},
}
NEEDED: list[Kind[Any]] = [NODES, AIM_MODEL, AIM_CLUSTER_MODEL, AIM_SERVICE_TEMPLATE, AIM_TEMPLATE_CACHE]


async def running() -> World:
    """The service `chat` runs a template of the namespace, whose model is the cluster's, with a cache."""
    world = World()
    world.model()
    world.template(kind=AIM_SERVICE_TEMPLATE)
    world.put(AIM_TEMPLATE_CACHE, "fast", spec={"templateRef": "fast"}, status=CACHED)
    world.service(cacheModel=True)
    await world.look()
    live = world.live(INFERENCE_SERVICES)
    world.cluster.put(INFERENCE_SERVICES, {**live, "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    assert (await world.look())["status"] == "Running"
    return world


def hidden(world: World, kind: Kind[Any], reason: str) -> None:
    """The operator is new, and has no list of that kind yet."""
    informer = world.informers.informer(kind)
    for key in informer.store.keys(""):
        informer.see(key, None, 10_000)
    informer.availability = Unavailable(reason, "no answer")  # type: ignore[arg-type]
    for node in ("mi300x",) if kind == NODES else ():
        world.reconciler._shared.inventory.remove_node(node)


@pytest.mark.parametrize("reason", ["Unreachable", "Syncing", "Forbidden"])
@pytest.mark.parametrize("kind", NEEDED, ids=str)
async def test_what_cannot_be_read_leaves_a_running_service_as_it_is(kind: Kind[Any], reason: str) -> None:
    world = await running()
    before = world.live(AIM_SERVICE)["status"]
    world.cluster.calls.clear()
    hidden(world, kind, reason)
    result = await world.reconciler.reconcile(Request(CHAT, NOW))
    assert world.live(AIM_SERVICE)["status"] == before
    assert (world.cluster.calls, result.requeue_after) == ([], 30)


@pytest.mark.parametrize("kind", [AIM_SERVICE_TEMPLATE, AIM_TEMPLATE_CACHE, NODES], ids=str)
async def test_and_a_new_one_pending_with_the_reason(kind: Kind[Any]) -> None:
    world = await running()
    hidden(world, kind, "Unreachable")
    world.service("new", cacheModel=True)
    status = await world.look(Key("ml", "new"))
    assert status["status"] == "Pending"
    said = {c["type"]: (c["status"], c["message"]) for c in status["conditions"]}
    assert said["Resolved"] == ("Unknown", f"{kind.name} cannot be read: no answer")
    assert said["Failure"][0] == "False"


async def test_what_a_service_does_not_stand_on_need_not_be_read() -> None:
    world = await running()
    world.service("new", templateRef="fast")
    hidden(world, AIM_TEMPLATE_CACHE, "Unreachable")
    assert (await world.look(Key("ml", "new")))["status"] == "Starting"
