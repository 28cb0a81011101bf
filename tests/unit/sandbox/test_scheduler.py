import pytest

from aimctrl.kube.core import Container
from aimctrl.kube.kinds import Key
from aimctrl.kube.meta import Meta
from aimctrl.sandbox.scheduler import Scheduler
from aimctrl.sandbox.scheduling import Placed, Unschedulable
from aimctrl.sandbox.wire import Node, NodeStatus, Pod, PodMeta, PodSpec

GPU = "amd.com/gpu"


class Stage:
    """A scheduler on one node with four GPUs, and whom it woke."""

    def __init__(self):
        self.nodes = [Node(Meta(name="n"), status=NodeStatus(allocatable={GPU: "4", "pods": "10"}))]
        self.woken: list[Key] = []
        self.scheduler = Scheduler(lambda: self.nodes, self.woken.append)


@pytest.fixture
def stage():
    return Stage()


def pod(name, gpus, *, uid="", node=""):
    container = Container(name="c", resources={"limits": {GPU: gpus}})
    return Pod(PodMeta(name=name, namespace="x", uid=uid or name), PodSpec(node_name=node, containers=(container,)))


def test_what_is_chosen_is_held_from_then_on(stage):
    assert stage.scheduler.choose(pod("a", 3)) == Placed("n")
    assert isinstance(stage.scheduler.choose(pod("b", 2)), Unschedulable)
    assert stage.scheduler.has_chosen(pod("a", 3))
    assert not stage.scheduler.has_chosen(pod("a", 3, uid="its successor"))


def test_room_is_given_to_waiting_pods_one_after_another(stage):
    stage.scheduler.choose(pod("a", 4))
    for name, gpus in (("b", 5), ("c", 2), ("d", 2)):
        stage.scheduler.choose(pod(name, gpus))
    assert stage.scheduler.waiting == (Key("x", "b"), Key("x", "c"), Key("x", "d"))
    stage.scheduler.release(Key("x", "a"))
    assert stage.woken == [Key("x", "c")]
    stage.scheduler.choose(pod("c", 2))
    assert stage.woken == [Key("x", "c"), Key("x", "d")]
    stage.scheduler.choose(pod("d", 2))
    assert stage.scheduler.waiting == (Key("x", "b"),)
    assert stage.woken == [Key("x", "c"), Key("x", "d")]


def test_a_waiting_pod_that_goes_waits_no_more(stage):
    stage.scheduler.choose(pod("b", 5))
    stage.scheduler.release(Key("x", "b"))
    assert stage.scheduler.waiting == ()


def test_pods_bound_by_others_count_too(stage):
    stage.scheduler.occupied(pod("a", 4, node="n"))
    assert isinstance(stage.scheduler.choose(pod("b", 1)), Unschedulable)
