"""The fields of Nodes, Pods and claims that kubelet, scheduler and provisioner know, beyond those everybody reads.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/,
https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/ and
https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1/.
"""

from datetime import datetime

import msgspec

from aimctrl.kube.conditions import Condition
from aimctrl.kube.core import (
    Container,
    ContainerState,
    NodeAddress,
    NodeSpec,
    Object,
    PersistentVolumeClaimSpec,
    Struct,
)
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta


class Requirement(Struct, frozen=True):
    """One expression of a node selector term."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class Term(Struct, frozen=True):
    """One node selector term: all its expressions have to hold."""

    match_expressions: tuple[Requirement, ...] = ()
    match_fields: tuple[Requirement, ...] = ()


class NodeSelector(Struct, frozen=True):
    """Terms of which one has to hold."""

    node_selector_terms: tuple[Term, ...] = ()


class NodeAffinity(Struct, frozen=True):
    """The affinity that is a condition; preferences are not read."""

    required: NodeSelector | None = msgspec.field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")


class Affinity(Struct, frozen=True):
    """Which nodes a pod wants; other kinds of affinity are not read."""

    node_affinity: NodeAffinity | None = None


class Gate(Struct, frozen=True):
    """What keeps a pod from being scheduled."""

    name: str = ""


class ClaimSource(Struct, frozen=True):
    """The claim that a volume stands for."""

    claim_name: str = ""


class Volume(Struct, frozen=True):
    """A volume of a pod; only claims are read."""

    persistent_volume_claim: ClaimSource | None = None


class PodSpec(Struct, frozen=True):
    """What a pod is to run, and where."""

    node_name: str = ""
    node_selector: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    affinity: Affinity | None = None
    scheduling_gates: tuple[Gate, ...] = ()
    restart_policy: str = "Always"
    init_containers: tuple[Container, ...] = ()
    containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()

    @property
    def claims(self) -> tuple[str, ...]:
        """The names of the claims that its volumes stand for."""
        found = {v.persistent_volume_claim.claim_name for v in self.volumes if v.persistent_volume_claim}
        return tuple(sorted(found))


class ContainerStatus(Struct, frozen=True):
    """What became of one container."""

    name: str
    image: str = ""
    image_id: str = msgspec.field(default="", name="imageID")
    ready: bool = False
    started: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodStatus(Struct, frozen=True):
    """What the kubelet says of a pod."""

    phase: str = ""
    start_time: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class PodMeta(Meta, frozen=True, rename="camel", omit_defaults=True):
    """A pod's metadata; the grace period (seconds) is 0 once its kubelet has let go of it."""

    deletion_grace_period_seconds: int | None = None


class Pod(Struct, frozen=True):
    """A pod."""

    metadata: PodMeta = PodMeta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def key(self) -> Key:
        """The pod's name within its kind."""
        return Key(self.metadata.namespace, self.metadata.name)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will run again."""
        return self.status.phase in {"Succeeded", "Failed"}


class Endpoint(Struct, frozen=True):
    """Where a daemon listens; the API spells this field with a capital."""

    port: int = msgspec.field(default=0, name="Port")


class DaemonEndpoints(Struct, frozen=True):
    """The endpoints of a node's daemons."""

    kubelet_endpoint: Endpoint = Endpoint()


class NodeInfo(Struct, frozen=True):
    """What runs on a node; the API requires all of its fields."""

    architecture: str = ""
    boot_id: str = msgspec.field(default="", name="bootID")
    container_runtime_version: str = ""
    kernel_version: str = ""
    kube_proxy_version: str = ""
    kubelet_version: str = ""
    machine_id: str = msgspec.field(default="", name="machineID")
    operating_system: str = ""
    os_image: str = ""
    system_uuid: str = msgspec.field(default="", name="systemUUID")


class NodeStatus(Struct, frozen=True):
    """What a node has, as quantities by resource name, and who serves it."""

    capacity: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    allocatable: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    addresses: tuple[NodeAddress, ...] = ()
    daemon_endpoints: DaemonEndpoints = DaemonEndpoints()
    node_info: NodeInfo = NodeInfo()
    conditions: tuple[Condition, ...] = ()


class Node(Object, frozen=True):
    """A node."""

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class ClaimStatus(Struct, frozen=True):
    """What volume a claim has; `phase` is Pending, Bound or Lost."""

    phase: str = ""
    access_modes: tuple[str, ...] = ()
    capacity: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class Claim(Object, frozen=True):
    """A claim on storage."""

    spec: PersistentVolumeClaimSpec = PersistentVolumeClaimSpec()
    status: ClaimStatus = ClaimStatus()


NODES = Kind("", "v1", "Node", "nodes", Node, namespaced=False)
PODS = Kind("", "v1", "Pod", "pods", Pod)
CLAIMS = Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", Claim)
