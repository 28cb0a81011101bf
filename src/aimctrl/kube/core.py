"""The few fields we read of Kubernetes' own kinds; everything has a default, what is unknown is ignored.

Source: https://kubernetes.io/docs/reference/kubernetes-api/.
"""

from datetime import datetime
from typing import Any

import msgspec

from aimctrl.kube.conditions import Condition, find
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta


class Struct(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The base of every part of an object."""


class Object(Struct, frozen=True):
    """The base of whole objects."""

    metadata: Meta = Meta()

    @property
    def key(self) -> Key:
        """The object's name within its kind."""
        return Key(self.metadata.namespace, self.metadata.name)


class NodeAddress(Struct, frozen=True):
    """One way to reach a node."""

    type: str = ""
    address: str = ""


class NodeSpec(Struct, frozen=True):
    """What a node should be."""

    unschedulable: bool = False


class NodeStatus(Struct, frozen=True):
    """What a node has: quantities per resource, as text."""

    capacity: dict[str, str] = {}
    allocatable: dict[str, str] = {}
    conditions: tuple[Condition, ...] = ()
    addresses: tuple[NodeAddress, ...] = ()


class Node(Object, frozen=True):
    """A machine."""

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class Waiting(Struct, frozen=True):
    """Why a container does not run yet, e.g. `ErrImagePull`."""

    reason: str = ""
    message: str = ""


class Running(Struct, frozen=True):
    """Since when a container runs."""

    started_at: datetime | None = None


class Terminated(Struct, frozen=True):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ContainerState(Struct, frozen=True):
    """At most one of the three is set; none means waiting."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Struct, frozen=True):
    """One container as the kubelet sees it."""

    name: str = ""
    image: str = ""
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class Container(Struct, frozen=True):
    """One container as it was asked for; `env` entries and `resources` are plain JSON."""

    name: str = ""
    image: str = ""
    args: tuple[str, ...] = ()
    env: tuple[dict[str, Any], ...] = ()
    resources: dict[str, Any] = {}


class PodSpec(Struct, frozen=True):
    """What a pod should be."""

    node_name: str = ""
    service_account_name: str = ""
    restart_policy: str = "Always"
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()


class PodStatus(Struct, frozen=True):
    """What a pod is; `phase` is Pending, Running, Succeeded, Failed or Unknown."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    start_time: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Object, frozen=True):
    """A pod."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class PodTemplate(Struct, frozen=True):
    """The pod a job makes."""

    metadata: Meta = Meta()
    spec: PodSpec = PodSpec()


class JobSpec(Struct, frozen=True):
    """What a job should do; `ttl_seconds_after_finished` unset means it stays."""

    suspend: bool = False
    backoff_limit: int | None = None
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    template: PodTemplate = PodTemplate()


class JobStatus(Struct, frozen=True):
    """How far a job is: pods now active, and pods that succeeded or failed."""

    active: int = 0
    succeeded: int = 0
    failed: int = 0
    start_time: datetime | None = None
    completion_time: datetime | None = None
    conditions: tuple[Condition, ...] = ()


class Job(Object, frozen=True):
    """A job."""

    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()

    @property
    def succeeded(self) -> bool:
        """Whether it has ended well (condition `Complete`)."""
        return _holds(self.status.conditions, "Complete")

    @property
    def failed(self) -> bool:
        """Whether it has ended badly (condition `Failed`)."""
        return _holds(self.status.conditions, "Failed")

    @property
    def finished(self) -> bool:
        """Whether it has ended."""
        return self.succeeded or self.failed


class ObjectReference(Struct, frozen=True):
    """An object somewhere else in the cluster."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    field_path: str = ""


class EventSeries(Struct, frozen=True):
    """How often an event repeated, and when last."""

    count: int = 0
    last_observed_time: datetime | None = None


class Event(Object, frozen=True):
    """An event of `events.k8s.io/v1`."""

    event_time: datetime | None = None
    series: EventSeries | None = None
    reporting_controller: str = ""
    reporting_instance: str = ""
    action: str = ""
    reason: str = ""
    regarding: ObjectReference = ObjectReference()
    related: ObjectReference | None = None
    note: str = ""
    type: str = ""


class LeaseSpec(Struct, frozen=True):
    """Who holds a lease, since when and for how long (seconds)."""

    holder_identity: str = ""
    lease_duration_seconds: int = 0
    acquire_time: datetime | None = None
    renew_time: datetime | None = None
    lease_transitions: int = 0


class Lease(Object, frozen=True):
    """A lease."""

    spec: LeaseSpec = LeaseSpec()


class DefinedNames(Struct, frozen=True):
    """What a defined kind is called."""

    plural: str = ""
    kind: str = ""


class DefinedVersion(Struct, frozen=True):
    """One version of a defined kind."""

    name: str = ""
    served: bool = False


class CustomResourceDefinitionSpec(Struct, frozen=True):
    """The kind that is defined."""

    group: str = ""
    scope: str = ""
    names: DefinedNames = DefinedNames()
    versions: tuple[DefinedVersion, ...] = ()


class CustomResourceDefinitionStatus(Struct, frozen=True):
    """Whether the API server serves it."""

    conditions: tuple[Condition, ...] = ()


class CustomResourceDefinition(Object, frozen=True):
    """The definition of a kind."""

    spec: CustomResourceDefinitionSpec = CustomResourceDefinitionSpec()
    status: CustomResourceDefinitionStatus = CustomResourceDefinitionStatus()

    @property
    def established(self) -> bool:
        """Whether objects of the kind can be made."""
        return _holds(self.status.conditions, "Established")


class Secret(Object, frozen=True):
    """A secret; `data` is decoded from base64."""

    type: str = ""
    data: dict[str, bytes] = {}


class ConfigMap(Object, frozen=True):
    """A config map."""

    data: dict[str, str] = {}


class PersistentVolumeClaimSpec(Struct, frozen=True):
    """The volume that is wanted; `storage_class_name` None means the cluster's default, `""` none."""

    access_modes: tuple[str, ...] = ()
    storage_class_name: str | None = None
    volume_name: str = ""
    resources: dict[str, dict[str, str]] = {}


class PersistentVolumeClaimStatus(Struct, frozen=True):
    """The volume there is; `phase` is Pending, Bound or Lost."""

    phase: str = ""
    capacity: dict[str, str] = {}


class PersistentVolumeClaim(Object, frozen=True):
    """A claim on storage."""

    spec: PersistentVolumeClaimSpec = PersistentVolumeClaimSpec()
    status: PersistentVolumeClaimStatus = PersistentVolumeClaimStatus()


class StorageClass(Object, frozen=True):
    """A kind of storage."""

    provisioner: str = ""
    volume_binding_mode: str = "Immediate"
    allow_volume_expansion: bool = False

    @property
    def is_default(self) -> bool:
        """Whether claims without a class get this one."""
        return self.metadata.annotations.get("storageclass.kubernetes.io/is-default-class") == "true"


class NamespaceStatus(Struct, frozen=True):
    """`phase` is Active or Terminating."""

    phase: str = ""


class Namespace(Object, frozen=True):
    """A namespace."""

    status: NamespaceStatus = NamespaceStatus()


class ServicePort(Struct, frozen=True):
    """One port of a service; `target_port` is a number or a name."""

    name: str = ""
    port: int = 0
    target_port: int | str = 0


class ServiceSpec(Struct, frozen=True):
    """Where a service leads."""

    type: str = ""
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    selector: dict[str, str] = {}
    ports: tuple[ServicePort, ...] = ()


class Service(Object, frozen=True):
    """A service of Kubernetes (not of AIM)."""

    spec: ServiceSpec = ServiceSpec()


def _holds(conditions: tuple[Condition, ...], kind: str) -> bool:
    found = find(conditions, kind)
    return found is not None and found.is_true


NODES = Kind("", "v1", "Node", "nodes", Node, namespaced=False)
PODS = Kind("", "v1", "Pod", "pods", Pod)
SECRETS = Kind("", "v1", "Secret", "secrets", Secret)
CONFIGMAPS = Kind("", "v1", "ConfigMap", "configmaps", ConfigMap)
PVCS = Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", PersistentVolumeClaim)
NAMESPACES = Kind("", "v1", "Namespace", "namespaces", Namespace, namespaced=False)
SERVICES = Kind("", "v1", "Service", "services", Service)
JOBS = Kind("batch", "v1", "Job", "jobs", Job)
EVENTS = Kind("events.k8s.io", "v1", "Event", "events", Event)
LEASES = Kind("coordination.k8s.io", "v1", "Lease", "leases", Lease)
STORAGE_CLASSES = Kind("storage.k8s.io", "v1", "StorageClass", "storageclasses", StorageClass, namespaced=False)
CRDS = Kind(
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    CustomResourceDefinition,
    namespaced=False,
)
