"""The roles of the operator and of its users, generated from what the controllers declare: no right that none needs.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from collections.abc import Iterable
from typing import Any, Final

from aimctrl.aim.operator import add_controllers
from aimctrl.aim.options import LABELS, LEASE, NAMESPACE
from aimctrl.api.kinds import AIM_RUNTIME_CONFIG, ALL
from aimctrl.runtime.access import READS, Access, RuleJson, leading, policy_rules
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import Connection
from aimctrl.runtime.manager import Manager

Json = dict[str, Any]

GROUP: Final = "rbac.authorization.k8s.io"
OPERATOR: Final = "aimctrl"
ACCOUNT: Final = "aimctrl"

WRITES: Final = ("create", "delete", "deletecollection", "patch", "update")


def manifests(
    namespaces: Iterable[str] = (), *, operator_namespace: str = NAMESPACE, service_account: str = ACCOUNT
) -> list[Json]:
    """The roles and bindings of an operator of these namespaces, of all where none is named, and its users' roles.

    The service account, which is not among them, is in the operator namespace.
    """
    account = {"kind": "ServiceAccount", "name": service_account, "namespace": operator_namespace}
    roles = operator_roles(namespaces, operator_namespace)
    return [*(one for role in roles for one in (role, _binding(role, account))), *user_roles()]


def operator_roles(namespaces: Iterable[str] = (), operator_namespace: str = NAMESPACE) -> list[Json]:
    """What the operator may do: everywhere or in these namespaces, and to the Lease in its own."""
    election = _role(f"{OPERATOR}-leader-election", policy_rules(leading(LEASE)), operator_namespace)
    places = sorted(set(namespaces))
    needed = _needed(places)
    if not places:
        return [_role(OPERATOR, policy_rules(needed)), election]
    inside = policy_rules(access for access in needed if access.kind.namespaced)
    outside = policy_rules(access for access in needed if not access.kind.namespaced and access.changes_nothing)
    return [
        _role(f"{OPERATOR}-reader", outside),
        *(_role(OPERATOR, inside, namespace) for namespace in places),
        election,
    ]


def user_roles() -> list[Json]:
    """The rights of people to AIM kinds, which the cluster's own roles `admin`, `edit` and `view` take in.

    Who edits does not write runtime configs: they say which credentials and gateways a namespace uses. What is
    cluster-scoped is for those who administer the cluster; where `view` is granted cluster-wide, it is seen.
    """
    reads = [Access(kind, READS) for kind in ALL]
    own = [kind for kind in ALL if kind.namespaced]
    edits = [*reads, *(Access(kind, WRITES) for kind in own if kind != AIM_RUNTIME_CONFIG)]
    administers = [*reads, *(Access(kind, WRITES) for kind in own)]
    return [
        _user_role("admin", "admin", administers),
        _user_role("editor", "edit", edits),
        _user_role("viewer", "view", reads),
    ]


def _needed(namespaces: Iterable[str]) -> tuple[Access, ...]:
    """What the operator's controllers declare; no API server is asked.

    Of named namespaces, nothing that is cluster-scoped is reconciled (SPEC §8).
    """
    manager = Manager(Client(Connection("")), namespaces=namespaces)
    add_controllers(manager)
    return manager.access()


def _role(name: str, allowed: list[RuleJson], namespace: str = "") -> Json:
    meta: Json = {"name": name, "namespace": namespace} if namespace else {"name": name}
    meta["labels"] = dict(LABELS)
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Role" if namespace else "ClusterRole",
        "metadata": meta,
        "rules": allowed,
    }


def _user_role(name: str, aggregate_to: str, allowed: Iterable[Access]) -> Json:
    role = _role(f"{OPERATOR}-{name}", policy_rules(allowed))
    role["metadata"]["labels"][f"{GROUP}/aggregate-to-{aggregate_to}"] = "true"
    return role


def _binding(role: Json, account: Json) -> Json:
    """Binds a role to the account, where the role is."""
    return {
        "apiVersion": role["apiVersion"],
        "kind": f"{role['kind']}Binding",
        "metadata": {**role["metadata"], "labels": dict(LABELS)},
        "roleRef": {"apiGroup": GROUP, "kind": role["kind"], "name": role["metadata"]["name"]},
        "subjects": [dict(account)],
    }
