"""The status a stand-in kubelet gives a node: where its logs are served, what it has, and that it is ready; pure.

Source: https://kubernetes.io/docs/reference/node/node-status/.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aimctrl.kube import quantity
from aimctrl.kube.conditions import Condition, condition, settle
from aimctrl.kube.core import NodeAddress
from aimctrl.sandbox.wire import DaemonEndpoints, Endpoint, Node, NodeInfo, NodeStatus

VERSION = "v1.36.0-aimctrl-sandbox"
CAPACITY = "sandbox.aimctrl.dev/capacity"
"""Annotation with capacities that outrank all others: `amd.com/gpu=4,nvidia.com/mig-1g.10gb=7,pods=20`."""

DEFAULTS: Mapping[str, str] = {"cpu": "128", "memory": "1Ti", "ephemeral-storage": "1Ti", "pods": "1000"}
DEFAULT_GPUS = "8"
VENDORS = ("amd.com", "nvidia.com")

_INFO = NodeInfo(
    architecture="amd64",
    boot_id="sandbox",
    container_runtime_version="containerd://2.1.0",
    kernel_version="6.12.0",
    kubelet_version=VERSION,
    machine_id="sandbox",
    operating_system="linux",
    os_image="aimctrl sandbox",
    system_uuid="sandbox",
)
_COUNTED = re.compile(r"(?:beta\.)?amd\.com/gpu\.(?:device-id|product-name|family)\..+|nvidia\.com/gpu\.count")


def node(name: str, labels: Mapping[str, str] = {}, devices: Mapping[str, int] = {}) -> dict[str, Any]:
    """The manifest of a node to be claimed; `devices` by resource name, where the labels do not tell their number."""
    counts = ",".join(f"{resource}={count}" for resource, count in sorted(devices.items()))
    return {"metadata": {"name": name, "labels": dict(labels), "annotations": {CAPACITY: counts} if counts else {}}}


def is_claimable(node: Node) -> bool:
    """Whether the node is a stand-in's already, or no kubelet has spoken for it yet."""
    status = node.status
    return status.node_info.kubelet_version == VERSION or not status.daemon_endpoints.kubelet_endpoint.port


def is_claimed(node: Node) -> bool:
    """Whether a stand-in kubelet serves the node."""
    return node.status.node_info.kubelet_version == VERSION


def claimed(node: Node, *, address: str, port: int, now: datetime) -> NodeStatus:
    """The status to have; it differs from the one there is only where the node or the endpoint has changed."""
    amounts = capacity(node)
    wanted = tuple(_conditions())
    own = {c.type for c in wanted}
    settled = settle(wanted, node.status.conditions, generation=0, now=now)
    return NodeStatus(
        capacity=amounts,
        allocatable=amounts,
        addresses=(NodeAddress("InternalIP", address), NodeAddress("Hostname", node.metadata.name)),
        daemon_endpoints=DaemonEndpoints(Endpoint(port)),
        node_info=_INFO,
        conditions=(*(c for c in node.status.conditions if c.type not in own), *settled),
    )


def capacity(node: Node) -> dict[str, str]:
    """What the node has: the annotation, else what its GPU labels count, else its own status, else the defaults.

    A node with labels of a GPU vendor has GPUs of it, eight where nothing counts them; one without has none.
    """
    labels, given = node.metadata.labels, node.status.capacity
    amounts = {**DEFAULTS, **given}
    for vendor in VENDORS:
        resource = f"{vendor}/gpu"
        if _carries(labels, vendor):
            amounts[resource] = _counted(labels, vendor) or given.get(resource, DEFAULT_GPUS)
        else:
            amounts.pop(resource, None)
    amounts.update(_annotated(node.metadata.annotations.get(CAPACITY, "")))
    return dict(sorted(amounts.items()))


def _carries(labels: Mapping[str, str], vendor: str) -> bool:
    prefixes = (f"{vendor}/", f"beta.{vendor}/", "feature.node.kubernetes.io/" + vendor.partition(".")[0])
    return any(label.startswith(prefixes) for label in labels)


def _counted(labels: Mapping[str, str], vendor: str) -> str:
    """The number that a label of the vendor's counts GPUs with, empty where there is none."""
    counts = (labels[k] for k in sorted(labels) if vendor in k.partition("/")[0] and _COUNTED.fullmatch(k))
    return next((count for count in counts if count.isdecimal()), "")


def _annotated(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {name.strip(): str(quantity.parse(amount.strip())) for name, _, amount in pairs}


def _conditions() -> list[Condition]:
    """The conditions of a healthy node."""
    pressures = (
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    )
    ready = condition("Ready", "True", "KubeletReady", "kubelet is posting ready status")
    return [*(condition(kind, "False", reason, message) for kind, reason, message in pressures), ready]
