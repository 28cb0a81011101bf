"""The few fields we read of kinds that other projects define: KServe's and the Gateway API's.

Sources: https://kserve.github.io/website/docs/reference/crd-api,
https://gateway-api.sigs.k8s.io/reference/spec/.
"""

from typing import Any

import msgspec

from aimctrl.kube.conditions import Condition, find
from aimctrl.kube.core import Object, Struct
from aimctrl.kube.kinds import Kind


class FailureInfo(Struct, frozen=True):
    """Why KServe's last attempt to run the model failed."""

    reason: str = ""
    message: str = ""
    exit_code: int = 0


class ModelStatus(Struct, frozen=True):
    """How far KServe is with the model; `transition_status` is e.g. InProgress, UpToDate, BlockedByFailedLoad."""

    transition_status: str = ""
    last_failure_info: FailureInfo | None = None


class InferenceServiceStatus(Struct, frozen=True):
    """What KServe reports; `observed_generation` is the spec it speaks of."""

    observed_generation: int = 0
    url: str = ""
    conditions: tuple[Condition, ...] = ()
    model_status: ModelStatus = ModelStatus()


class InferenceService(Object, frozen=True):
    """KServe's inference service; `spec` is plain JSON."""

    spec: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    status: InferenceServiceStatus = InferenceServiceStatus()

    @property
    def ready(self) -> bool:
        """Whether KServe says it serves."""
        found = find(self.status.conditions, "Ready")
        return found is not None and found.is_true


class ServingRuntime(Object, frozen=True):
    """KServe's runtime, of either scope; `spec` is plain JSON."""

    spec: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])


class ParentReference(Struct, frozen=True):
    """The gateway (or one of its listeners) a route attaches to; `namespace` empty means the route's own."""

    group: str = "gateway.networking.k8s.io"
    kind: str = "Gateway"
    namespace: str = ""
    name: str = ""
    section_name: str = ""
    port: int = 0


class PathMatch(Struct, frozen=True):
    """The path a rule matches."""

    type: str = "PathPrefix"
    value: str = "/"


class RouteMatch(Struct, frozen=True):
    """One alternative of a rule."""

    path: PathMatch = PathMatch()


class RouteRule(Struct, frozen=True):
    """One rule of a route; `backend_refs` and `filters` are plain JSON."""

    matches: tuple[RouteMatch, ...] = ()
    backend_refs: tuple[dict[str, Any], ...] = ()
    filters: tuple[dict[str, Any], ...] = ()


class HTTPRouteSpec(Struct, frozen=True):
    """Where a route leads."""

    parent_refs: tuple[ParentReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[RouteRule, ...] = ()


class RouteParentStatus(Struct, frozen=True):
    """What one gateway's controller says of a route."""

    parent_ref: ParentReference = ParentReference()
    controller_name: str = ""
    conditions: tuple[Condition, ...] = ()


class HTTPRouteStatus(Struct, frozen=True):
    """What the gateways say of a route."""

    parents: tuple[RouteParentStatus, ...] = ()


class HTTPRoute(Object, frozen=True):
    """A route of the Gateway API."""

    spec: HTTPRouteSpec = HTTPRouteSpec()
    status: HTTPRouteStatus = HTTPRouteStatus()


_KSERVE = "serving.kserve.io"

INFERENCE_SERVICES = Kind(_KSERVE, "v1beta1", "InferenceService", "inferenceservices", InferenceService)
SERVING_RUNTIMES = Kind(_KSERVE, "v1alpha1", "ServingRuntime", "servingruntimes", ServingRuntime)
CLUSTER_SERVING_RUNTIMES = Kind(
    _KSERVE, "v1alpha1", "ClusterServingRuntime", "clusterservingruntimes", ServingRuntime, namespaced=False
)
HTTPROUTES = Kind("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes", HTTPRoute)
