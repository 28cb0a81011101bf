"""Nobody gives away more than they have: roles and bindings that are written by alice, who has little."""

from typing import Any

from conformance.cases.access import BINDING, BINDINGS, RBAC, READS, ROLES, role
from conformance.script import apply, case, delete, once, patch, post, put

CLUSTER_ROLES, CLUSTER_BINDINGS = f"{RBAC}/clusterroles", f"{RBAC}/clusterrolebindings"
GROUP = "rbac.authorization.k8s.io"
MAKES = {"verbs": ["create", "update", "patch"], "apiGroups": [GROUP], "resources": ["roles", "rolebindings"]}
ALICE = {"Impersonate_User": "alice"}
SEEN = once(post(f"{ROLES}?dryRun=All", {"metadata": {"name": "none"}}, **ALICE), 201)
MADE = (post(ROLES, role(MAKES)), post(BINDINGS, BINDING), SEEN)


def named(name: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": {"name": name}, "rules": list(rules)}


def binding(name: str, to: str, kind: str = "Role", /, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "roleRef": {"apiGroup": GROUP, "kind": kind, "name": to}, **more}


CASES = (
    case(
        "a role is for what its maker has",
        *MADE,
        post(ROLES, named("a", MAKES), **ALICE),
        post(ROLES, named("b", READS), **ALICE),
        post(f"{ROLES}?dryRun=All", named("b", READS), **ALICE),
        post(ROLES, named("b", READS), **ALICE, Impersonate_Group="staff"),
        post(ROLES, named("c", {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}), **ALICE),
        apply(f"{ROLES}/d", named("d", READS)),
    ),
    case(
        "a role with many rules",
        *MADE,
        post(
            ROLES,
            named(
                "a",
                READS,
                {
                    "verbs": ["get"],
                    "apiGroups": ["", "apps"],
                    "resources": ["pods", "deployments/scale"],
                    "resourceNames": ["a", "b"],
                },
                {"verbs": ["get", "delete"], "apiGroups": [""], "resources": ["configmaps", "configmaps"]},
                {"verbs": ["update"], "apiGroups": [GROUP], "resources": ["roles"], "resourceNames": ["a"]},
            ),
            **ALICE,
        ),
    ),
    case(
        "a role is changed",
        *MADE,
        put(f"{ROLES}/r", named("r", READS), **ALICE),
        patch(f"{ROLES}/r", {"rules": [READS]}, **ALICE),
        patch(f"{ROLES}/r", {"metadata": {"labels": {"a": "b"}}}, **ALICE),
        patch(f"{ROLES}/r?dryRun=All", {"rules": []}, **ALICE),
    ),
    case(
        "a role by somebody who may escalate",
        post(ROLES, role({"verbs": ["create", "escalate"], "apiGroups": [GROUP], "resources": ["roles"]})),
        post(BINDINGS, BINDING),
        SEEN,
        once(post(ROLES, named("a", READS), **ALICE), 201),
    ),
    case(
        "a binding to what its maker has",
        *MADE,
        post(ROLES, named("more", READS)),
        post(ROLES, named("same", MAKES)),
        once(post(BINDINGS, binding("a", "same"), **ALICE), 201),
        once(post(BINDINGS, binding("b", "more"), **ALICE), 403),
        post(BINDINGS, binding("c", "none"), **ALICE),
        post(BINDINGS, binding("d", "none", "ClusterRole"), **ALICE),
        patch(f"{BINDINGS}/a", {"subjects": [{"kind": "User", "name": "carol"}]}, **ALICE),
    ),
    case(
        "a binding by somebody who may bind",
        post(
            ROLES,
            role(
                {"verbs": ["create"], "apiGroups": [GROUP], "resources": ["rolebindings"]},
                {"verbs": ["bind"], "apiGroups": [GROUP], "resources": ["roles"], "resourceNames": ["s"]},
            ),
        ),
        post(BINDINGS, BINDING),
        post(ROLES, named("s", READS)),
        post(ROLES, named("t", READS)),
        once(post(BINDINGS, binding("a", "s"), **ALICE), 201),
        once(post(BINDINGS, binding("b", "t"), **ALICE), 403),
    ),
    case(
        "roles of the cluster",
        post(
            CLUSTER_ROLES,
            {
                "metadata": {"name": "$(ns)"},
                "rules": [
                    {"verbs": ["create"], "apiGroups": [GROUP], "resources": ["clusterroles", "clusterrolebindings"]}
                ],
            },
        ),
        post(CLUSTER_BINDINGS, binding("$(ns)", "$(ns)", "ClusterRole", subjects=[{"kind": "User", "name": "alice"}])),
        once(post(f"{CLUSTER_ROLES}?dryRun=All", {"metadata": {"name": "none-$(ns)"}}, **ALICE), 201),
        post(CLUSTER_ROLES, {"metadata": {"name": "a-$(ns)"}, "rules": [READS]}, **ALICE),
        post(
            CLUSTER_ROLES,
            {"metadata": {"name": "b-$(ns)"}, "rules": [{"verbs": ["get"], "nonResourceURLs": ["/metrics", "/a/*"]}]},
            **ALICE,
        ),
        post(
            CLUSTER_ROLES,
            {
                "metadata": {"name": "c-$(ns)"},
                "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
            },
            **ALICE,
        ),
        post(CLUSTER_BINDINGS, binding("d-$(ns)", "cluster-admin", "ClusterRole"), **ALICE),
        post(CLUSTER_BINDINGS, binding("e-$(ns)", "none-$(ns)", "ClusterRole"), **ALICE),
        delete(f"{CLUSTER_BINDINGS}/$(ns)"),
    ),
)
