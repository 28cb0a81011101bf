"""The ClusterRoles admin, edit and view: put together out of those that are labelled for them, an operator's own too.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles; the rules are those that
kube-apiserver 1.36 makes.
"""

from collections.abc import Iterator, Mapping

from aimctrl.sandbox.apiserver.schema.node import Object

_AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"
_READ = "get list watch"
_WRITE = "create delete deletecollection patch update"
_ALL = "create delete deletecollection get list patch update watch"

_WORKLOADS = (
    "daemonsets daemonsets/status deployments deployments/scale deployments/status {} replicasets replicasets/scale "
    "replicasets/status"
)
_WRITTEN = "daemonsets deployments deployments/rollback deployments/scale {} replicasets replicasets/scale"
_INGRESSES = "ingresses ingresses/status networkpolicies"

_View = tuple[tuple[str, str, str], ...]
"""Rules as verbs, groups and resources, each a list of words; `core` is the group without a name."""

_VIEW: _View = (
    (
        _READ,
        "core",
        (
            "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers "
            "replicationcontrollers/scale serviceaccounts services services/status"
        ),
    ),
    (
        _READ,
        "core",
        (
            "bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas "
            "resourcequotas/status"
        ),
    ),
    (_READ, "core", "namespaces"),
    (_READ, "core events.k8s.io", "events"),
    (_READ, "discovery.k8s.io", "endpointslices"),
    (
        _READ,
        "apps",
        f"controllerrevisions {_WORKLOADS.format('')} statefulsets statefulsets/scale statefulsets/status",
    ),
    (_READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
    (_READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
    (_READ, "extensions", f"{_WORKLOADS.format(_INGRESSES)} replicationcontrollers/scale"),
    (_READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
    (_READ, "networking.k8s.io", _INGRESSES),
    (_READ, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
)
_EDIT: _View = (
    (_READ, "core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
    ("impersonate", "core", "serviceaccounts"),
    (_WRITE, "core", "pods pods/attach pods/exec pods/portforward pods/proxy"),
    ("create", "core", "pods/eviction"),
    (
        _WRITE,
        "core",
        (
            "configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets "
            "serviceaccounts services services/proxy"
        ),
    ),
    ("create", "core", "serviceaccounts/token"),
    (_WRITE, "core events.k8s.io", "events"),
    (_WRITE, "apps", f"{_WRITTEN.format('')} statefulsets statefulsets/scale"),
    (_WRITE, "autoscaling", "horizontalpodautoscalers"),
    (_WRITE, "batch", "cronjobs jobs"),
    (_WRITE, "extensions", f"{_WRITTEN.format('ingresses networkpolicies')} replicationcontrollers/scale"),
    (_WRITE, "policy", "poddisruptionbudgets"),
    (_WRITE, "networking.k8s.io", "ingresses networkpolicies"),
    (_ALL, "coordination.k8s.io", "leases"),
    (_WRITE, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
)
_ADMIN: _View = (
    ("create", "authorization.k8s.io", "localsubjectaccessreviews"),
    (_ALL, "rbac.authorization.k8s.io", "rolebindings roles"),
)

_PARTS: Mapping[str, _View] = {"view": _VIEW, "edit": _EDIT, "admin": _ADMIN}
_WITHIN = {"view": "edit", "edit": "admin"}
"""The role that has all rules of another."""


def user_facing_roles() -> Iterator[tuple[str, Object]]:
    """The roles by name, without what all default roles have."""
    for name, rules in _PARTS.items():
        listed = [_rule(*rule) for rule in rules]
        yield f"system:aggregate-to-{name}", {"metadata": {"labels": _aggregated(name)}, "rules": listed}
        selector = {"clusterRoleSelectors": [{"matchLabels": _aggregated(name)}]}
        labels = _aggregated(_WITHIN[name]) if name in _WITHIN else {}
        yield name, {"metadata": {"labels": labels}, "aggregationRule": selector}


def _aggregated(name: str) -> dict[str, str]:
    return {f"{_AGGREGATE}{name}": "true"}


def _rule(verbs: str, groups: str, resources: str) -> Object:
    named = ["" if group == "core" else group for group in groups.split()]
    return {"verbs": verbs.split(), "apiGroups": named, "resources": resources.split()}
