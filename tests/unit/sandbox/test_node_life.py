from datetime import UTC, datetime

import msgspec
import pytest

from aimctrl.kube.conditions import Condition, find
from aimctrl.kube.meta import Meta
from aimctrl.sandbox.node_life import CAPACITY, capacity, claimed, is_claimable, is_claimed, node
from aimctrl.sandbox.wire import NODES, DaemonEndpoints, Endpoint, Node, NodeInfo, NodeStatus

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def one(labels=None, annotations=None, **status):
    return Node(Meta(name="n", labels=labels or {}, annotations=annotations or {}), status=NodeStatus(**status))


def test_a_claimed_node_serves_logs_here_and_is_ready():
    status = claimed(one(), address="127.0.0.1", port=4242, now=NOW)
    assert status.daemon_endpoints.kubelet_endpoint.port == 4242
    assert [(a.type, a.address) for a in status.addresses] == [("InternalIP", "127.0.0.1"), ("Hostname", "n")]
    ready = find(status.conditions, "Ready")
    assert ready is not None
    assert ready.is_true
    assert ready.last_transition_time == NOW
    assert status.allocatable == status.capacity
    assert is_claimed(Node(Meta(name="n"), status=status))


def test_a_claimed_node_is_left_alone_until_something_changes():
    status = claimed(one({"amd.com/gpu.family": "AI"}), address="127.0.0.1", port=1, now=NOW)
    later = NOW.replace(hour=13)
    again = Node(Meta(name="n", labels={"amd.com/gpu.family": "AI"}), status=status)
    assert claimed(again, address="127.0.0.1", port=1, now=later) == status
    assert claimed(again, address="127.0.0.1", port=2, now=later) != status


def test_conditions_of_others_stay():
    strange = Condition("Strange", "True", "Why", "", 0, NOW)
    status = claimed(one(conditions=(strange,)), address="127.0.0.1", port=1, now=NOW)
    assert status.conditions[0] == strange


@pytest.mark.parametrize(
    ("status", "claimable"),
    [
        pytest.param({}, True, id="nobody serves it"),
        pytest.param({"daemon_endpoints": DaemonEndpoints(Endpoint(10250))}, False, id="a real kubelet does"),
        pytest.param(
            {
                "daemon_endpoints": DaemonEndpoints(Endpoint(1)),
                "node_info": NodeInfo(kubelet_version="v1.36.0-aimctrl-sandbox"),
            },
            True,
            id="an earlier stand-in did",
        ),
    ],
)
def test_only_nodes_without_a_kubelet_are_claimed(status, claimable):
    assert is_claimable(one(**status)) is claimable


@pytest.mark.parametrize(
    ("labels", "given", "annotation", "gpus"),
    [
        pytest.param({}, {}, "", {}, id="no labels"),
        pytest.param({"amd.com/gpu.device-id": "74a1"}, {}, "", {"amd.com/gpu": "8"}, id="AMD, uncounted"),
        pytest.param({"amd.com/gpu.device-id.74a1": "4"}, {}, "", {"amd.com/gpu": "4"}, id="AMD, counted in the label"),
        pytest.param({"beta.amd.com/gpu.family.AI": "2"}, {}, "", {"amd.com/gpu": "2"}, id="AMD, an older label"),
        pytest.param({"nvidia.com/gpu.product": "T4"}, {}, "", {"nvidia.com/gpu": "8"}, id="NVIDIA, uncounted"),
        pytest.param({"nvidia.com/gpu.count": "2"}, {}, "", {"nvidia.com/gpu": "2"}, id="NVIDIA, counted"),
        pytest.param(
            {"feature.node.kubernetes.io/nvidia-gpu-model": "T4"}, {}, "", {"nvidia.com/gpu": "8"}, id="by NFD"
        ),
        pytest.param(
            {"amd.com/gpu.family": "AI"}, {"amd.com/gpu": "3"}, "", {"amd.com/gpu": "3"}, id="the node's own count"
        ),
        pytest.param({}, {"amd.com/gpu": "3"}, "", {}, id="the labels have gone"),
        pytest.param(
            {"amd.com/gpu.family": "AI"}, {}, "amd.com/gpu=1, x.io/net=2", {"amd.com/gpu": "1", "x.io/net": "2"},
            id="the annotation outranks all",
        ),
    ],
)  # fmt: skip
def test_gpus_follow_the_labels(labels, given, annotation, gpus):
    amounts = capacity(one(labels, {CAPACITY: annotation} if annotation else {}, capacity=given))
    assert {name: amount for name, amount in amounts.items() if "/" in name} == gpus


def test_other_capacities_are_the_nodes_own_or_plenty():
    amounts = capacity(one(capacity={"cpu": "4"}, annotations={CAPACITY: "memory=1024Mi"}))
    assert amounts == {"cpu": "4", "ephemeral-storage": "1Ti", "memory": "1Gi", "pods": "1000"}


def test_a_manifest_has_labels_and_devices():
    manifest = node("n", {"amd.com/gpu.family": "AI"}, {"amd.com/gpu": 4})
    made = NODES.decode(msgspec.json.encode(manifest))
    assert made.metadata.name == "n"
    assert capacity(made)["amd.com/gpu"] == "4"
    assert node("n") == {"metadata": {"name": "n", "labels": {}, "annotations": {}}}
