"""Who may do what: the objects of `aimctrl rbac`, for all namespaces or for some."""

from collections.abc import Iterable, Sequence
from typing import Any

from aimctrl import rbac
from aimctrl.aim.options import LABELS
from aimctrl.runtime.access import policy_rules
from aimctrl.runtime.guard import guarding
from shipping.objects import NAME, NAMESPACE, Object

Identity = tuple[str, str, str]


def rights(namespaces: Sequence[str] = ()) -> list[Object]:
    """Roles and bindings of the operator that watches these namespaces, or all, and the roles of its users."""
    return rbac.manifests(namespaces, operator_namespace=NAMESPACE, service_account=NAME)


def metrics_rights() -> list[Object]:
    """What the operator needs to look at the tokens of who asks for metrics, and a role for those who may see them."""
    guard, reader = f"{NAME}-metrics-guard", f"{NAME}-metrics-reader"
    account = {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}
    return [
        _of_cluster("ClusterRole", guard, rules=policy_rules(guarding())),
        _of_cluster(
            "ClusterRoleBinding",
            guard,
            roleRef={"apiGroup": rbac.GROUP, "kind": "ClusterRole", "name": guard},
            subjects=[account],
        ),
        _of_cluster("ClusterRole", reader, rules=[{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]),
    ]


def _of_cluster(kind: str, name: str, **parts: Any) -> Object:
    metadata = {"name": name, "labels": LABELS}
    return {"apiVersion": f"{rbac.GROUP}/v1", "kind": kind, "metadata": metadata, **parts}


def identity(manifest: Object) -> Identity:
    """What tells the object from all others: its kind, namespace (empty without one) and name."""
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def lacking(manifests: Iterable[Object], others: Iterable[Object]) -> list[Object]:
    """Those of the first that are not among the second."""
    there = {identity(manifest) for manifest in others}
    return [manifest for manifest in manifests if identity(manifest) not in there]
