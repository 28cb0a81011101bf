"""Claims are bound as their class has it, and lost on demand."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from aimctrl.kube.core import STORAGE_CLASSES
from aimctrl.kube.kinds import Key
from aimctrl.runtime.errors import ConflictError
from aimctrl.runtime.request import Request
from aimctrl.runtime.store import Change
from aimctrl.sandbox.script import Scripts
from aimctrl.sandbox.volumes import BY_CLAIM, PROVISIONER, ClaimReconciler, Volumes, fate
from aimctrl.sandbox.wire import CLAIMS, PODS, Claim
from support.fake_cluster import FakeCluster, FakeInformers, refused

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DATA = Key("ns", "data")


def claim(**spec: Any) -> Claim:
    asked = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "2Gi"}}}
    return msgspec.convert(
        {"metadata": {"name": "data"}, "spec": {**asked, **spec}, "status": {"phase": "Pending"}}, Claim
    )


@pytest.mark.parametrize(
    ("volume", "verdict", "wanted", "phase", "binds"),
    [
        pytest.param("", "bound", True, "Bound", True, id="bound"),
        pytest.param("", "bound", False, "Pending", False, id="not-wanted-yet"),
        pytest.param("", "pending", True, "Pending", False, id="kept-waiting"),
        pytest.param("", "lost", True, "Pending", False, id="nothing-to-lose"),
        pytest.param("v", "pending", False, "Bound", False, id="bound-before"),
        pytest.param("v", "lost", True, "Lost", False, id="lost"),
    ],
)
def test_what_becomes_of_a_claim(volume: str, verdict: Any, wanted: bool, phase: str, binds: bool) -> None:
    comes = fate(claim(volumeName=volume), verdict, wanted=wanted)
    assert (comes.status.phase, comes.binds) == (phase, binds)


class World:
    """Claims of one class and pods with them."""

    def __init__(self, mode: str = "Immediate", provisioner: str = PROVISIONER) -> None:
        informers = FakeInformers()
        self.cluster = FakeCluster(informers)
        for kind in (CLAIMS, PODS, STORAGE_CLASSES):
            informers.informer(kind)
        informers.informer(PODS).add_index(BY_CLAIM)
        claims, pods, classes = (informers.informer(kind).lister for kind in (CLAIMS, PODS, STORAGE_CLASSES))
        self.scripts = Scripts()
        self.reconciler = ClaimReconciler(self.cluster, claims, pods, Volumes(claims, classes), self.scripts)  # type: ignore[arg-type]
        self.cluster.put(
            STORAGE_CLASSES, {"metadata": {"name": "fast"}, "provisioner": provisioner, "volumeBindingMode": mode}
        )
        asked = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "2Gi"}}}
        spec = {"storageClassName": "fast", **asked}
        self.cluster.put(
            CLAIMS, {"metadata": {"name": "data", "namespace": "ns"}, "spec": spec, "status": {"phase": "Pending"}}
        )

    def pod(self, node: str = "") -> None:
        volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
        self.cluster.put(
            PODS,
            {
                "metadata": {"name": "p", "namespace": "ns", "uid": "p-uid"},
                "spec": {"volumes": volumes, "nodeName": node},
            },
        )

    async def look(self) -> dict[str, Any]:
        await self.reconciler.reconcile(Request(DATA, NOW))
        return self.cluster.live(CLAIMS, "data")

    async def phase(self) -> str:
        return (await self.look())["status"]["phase"]


async def test_a_claim_of_a_class_that_binds_at_once_is_bound_at_once() -> None:
    world = World()
    live = await world.look()
    assert live["status"] == {"phase": "Bound", "accessModes": ["ReadWriteMany"], "capacity": {"storage": "2Gi"}}
    assert live["spec"]["volumeName"] == f"pvc-{live['metadata']['uid']}"
    world.cluster.calls.clear()
    await world.look()
    assert world.cluster.calls == []


async def test_one_of_a_class_that_waits_is_bound_when_a_pod_with_it_has_a_node() -> None:
    world = World("WaitForFirstConsumer")
    assert await world.phase() == "Pending"
    world.pod()
    assert await world.phase() == "Pending"
    world.pod("n")
    entry = world.cluster.informers.informer(PODS).lister.entry(Key("ns", "p"))
    assert world.reconciler.used(Change(Key("ns", "p"), None, entry)) == [DATA]
    assert await world.phase() == "Bound"


async def test_a_volume_is_lost_on_demand_and_found_again() -> None:
    world = World()
    await world.look()
    world.scripts.set_claim("data", "lost")
    assert await world.phase() == "Lost"
    world.scripts.set_claim("data", "bound")
    assert await world.phase() == "Bound"


async def test_a_claim_that_asks_for_more_gets_it() -> None:
    world = World()
    live = await world.look()
    more = live["spec"] | {"resources": {"requests": {"storage": "5Gi"}}}
    world.cluster.put(CLAIMS, {**live, "spec": more})
    assert (await world.look())["status"]["capacity"] == {"storage": "5Gi"}


async def test_claims_of_other_provisioners_are_left_alone() -> None:
    assert await World(provisioner="example.com/other").phase() == "Pending"


async def test_a_claim_that_has_changed_since_is_looked_at_again() -> None:
    world = World()
    world.cluster.refuse = lambda verb, _kind, _key: refused(ConflictError, 409) if verb == "patch" else None
    assert await world.phase() == "Pending"
