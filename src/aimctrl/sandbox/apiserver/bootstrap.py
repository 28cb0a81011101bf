"""What is in every cluster from its first moment: the system's namespaces and priorities, and everybody's roles.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings.
"""

from collections.abc import Mapping

from aimctrl.sandbox.apiserver.access import AUTHENTICATED
from aimctrl.sandbox.apiserver.builtin.small import SYSTEM_CLASSES
from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.default_roles import user_facing_roles
from aimctrl.sandbox.apiserver.internal import Internal
from aimctrl.sandbox.apiserver.rbac import MASTERS, RBAC
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")

UNAUTHENTICATED = "system:unauthenticated"

_HEALTH = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
_API = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"]

_ROLES: Mapping[str, list[Object]] = {
    "cluster-admin": [
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
        {"verbs": ["*"], "nonResourceURLs": ["*"]},
    ],
    "system:basic-user": [
        {
            "verbs": ["create"],
            "apiGroups": ["authorization.k8s.io"],
            "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        },
        {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
    ],
    "system:discovery": [{"verbs": ["get"], "nonResourceURLs": sorted([*_API, *_HEALTH])}],
    "system:public-info-viewer": [{"verbs": ["get"], "nonResourceURLs": _HEALTH}],
}

_BINDINGS: Mapping[str, tuple[str, ...]] = {
    "cluster-admin": (MASTERS,),
    "system:basic-user": (AUTHENTICATED,),
    "system:discovery": (AUTHENTICATED,),
    "system:public-info-viewer": (AUTHENTICATED, UNAUTHENTICATED),
}

_DESCRIPTIONS = {
    "system-cluster-critical": "Used for system critical pods that must run in the cluster, but can be moved to "
    "another node if necessary.",
    "system-node-critical": "Used for system critical pods that must not be moved from their current node.",
}

_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_META = {"labels": _LABELS, "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"}}


def bootstrap(cluster: Cluster) -> None:
    """Creates all that."""
    internal = Internal(cluster, "kube-apiserver")
    for name in NAMESPACES:
        internal.create(_type(cluster, "", "namespaces"), {"metadata": {"name": name}})
    for name, value in SYSTEM_CLASSES.items():
        class_ = {"metadata": {"name": name}, "value": value, "description": _DESCRIPTIONS[name]}
        internal.create(_type(cluster, "scheduling.k8s.io", "priorityclasses"), class_)
    for name, rules in _ROLES.items():
        internal.create(_type(cluster, RBAC, "clusterroles"), {"metadata": {"name": name, **_META}, "rules": rules})
    for name, role in user_facing_roles():
        labels = {**_LABELS, **role["metadata"]["labels"]}
        whole = {**role, "metadata": {"name": name, **_META, "labels": labels}}
        internal.create(_type(cluster, RBAC, "clusterroles"), whole)
    for name, groups in _BINDINGS.items():
        internal.create(_type(cluster, RBAC, "clusterrolebindings"), _binding(name, groups))


def _binding(name: str, groups: tuple[str, ...]) -> Object:
    subjects = [{"kind": "Group", "apiGroup": RBAC, "name": group} for group in groups]
    role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": name}
    return {"metadata": {"name": name, **_META}, "subjects": subjects, "roleRef": role}


def _type(cluster: Cluster, group: str, plural: str) -> ResourceType:
    found = cluster.registry.find(group, "v1", plural)
    assert found is not None, plural
    return found
