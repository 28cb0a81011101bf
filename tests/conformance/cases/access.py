"""RBAC, impersonation, reviews, tokens."""

from typing import Any

from conformance.script import CM, CORE, WIDGETS, case, cm, delete, get, once, patch, post, put, widget

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLES, BINDINGS = f"{RBAC}/namespaces/$(ns)/roles", f"{RBAC}/namespaces/$(ns)/rolebindings"
REVIEWS = "/apis/authorization.k8s.io/v1"


def role(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "r"}, "rules": list(rules)}


READS = {"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["configmaps"]}
BINDING = {
    "metadata": {"name": "b"},
    "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "alice"}],
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
}


def review(verb: str, resource: str, group: str = "", **more: str) -> dict[str, Any]:
    return {
        "spec": {
            "resourceAttributes": {"verb": verb, "resource": resource, "group": group, "namespace": "$(ns)", **more}
        }
    }


SEEN = once(get(f"{CM}?labelSelector=nobody", Impersonate_User="alice"), 200)
BOTH = review("get", "pods")["spec"] | {"nonResourceAttributes": {"verb": "get", "path": "/version"}}
LOCAL = f"{REVIEWS}/namespaces/$(ns)/localsubjectaccessreviews"

CASES = (
    case(
        "nobody may do anything",
        get(CM, Impersonate_User="alice"),
        get(f"{CM}/a", Impersonate_User="alice"),
        post(CM, cm("a"), Impersonate_User="alice"),
        put(f"{CM}/a", cm("a"), Impersonate_User="alice"),
        patch(f"{CM}/a", {}, Impersonate_User="alice"),
        delete(f"{CM}/a", Impersonate_User="alice"),
        delete(CM, Impersonate_User="alice"),
        get(f"{CM}?watch=true", Impersonate_User="alice"),
        get("/api/v1/nodes", Impersonate_User="alice"),
        get("/api/v1/configmaps", Impersonate_User="alice"),
    ),
    case(
        "nobody may touch Widgets",
        get(WIDGETS, Impersonate_User="alice"),
        post(WIDGETS, widget("a"), Impersonate_User="alice"),
        patch(f"{WIDGETS}/a/status", {}, Impersonate_User="alice"),
    ),
    case(
        "a role lets read",
        post(ROLES, role(READS)),
        post(BINDINGS, BINDING),
        SEEN,
        get(f"{CM}/a", Impersonate_User="alice"),
        post(CM, cm("a"), Impersonate_User="alice"),
        get("/api/v1/namespaces/default/configmaps", Impersonate_User="alice"),
        get(f"{CM}?labelSelector=nobody", Impersonate_User="bob"),
    ),
    case(
        "a role names objects",
        post(ROLES, role(READS | {"resourceNames": ["a"]})),
        post(BINDINGS, BINDING),
        post(CM, cm("a")),
        once(get(f"{CM}/a", Impersonate_User="alice"), 200),
        get(f"{CM}/b", Impersonate_User="alice"),
        get(CM, Impersonate_User="alice"),
    ),
    case(
        "a role of a subresource",
        post(
            ROLES, role({"verbs": ["patch"], "apiGroups": ["conformance.example.com"], "resources": ["widgets/status"]})
        ),
        post(BINDINGS, BINDING),
        post(WIDGETS, widget("a")),
        once(patch(f"{WIDGETS}/a/status", {"status": {"phase": "Up"}}, Impersonate_User="alice"), 200),
        patch(f"{WIDGETS}/a", {"spec": {"size": 4}}, Impersonate_User="alice"),
    ),
    case(
        "a role of all",
        post(ROLES, role({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})),
        post(
            BINDINGS,
            BINDING | {"subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "staff"}]},
        ),
        once(post(CM, cm("a"), Impersonate_User="alice", Impersonate_Group="staff"), 201),
        post(WIDGETS, widget("a"), Impersonate_User="alice", Impersonate_Group="staff"),
    ),
    case(
        "a service account",
        post(f"{CORE}/serviceaccounts", {"metadata": {"name": "robot"}}),
        post(ROLES, role(READS)),
        post(BINDINGS, BINDING | {"subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": "$(ns)"}]}),
        once(get(f"{CM}/a", Impersonate_User="system:serviceaccount:$(ns):robot"), 404),
        get(f"{CORE}/secrets", Impersonate_User="system:serviceaccount:$(ns):robot"),
    ),
    case(
        "paths that are no resources",
        get("/metrics", Impersonate_User="alice"),
        get("/nothing", Impersonate_User="alice"),
    ),
    case(
        "a bad role",
        post(ROLES, role({"verbs": [], "apiGroups": [""], "resources": ["configmaps"]})),
        post(ROLES, role({"verbs": ["get"]})),
        post(ROLES, role({"verbs": ["get"], "nonResourceURLs": ["/a"]})),
    ),
    case(
        "a bad binding",
        post(BINDINGS, BINDING | {"roleRef": {}}),
        post(BINDINGS, BINDING | {"subjects": [{"kind": "Robot", "name": "a"}]}),
    ),
    case("a binding's role stays", post(BINDINGS, BINDING), patch(f"{BINDINGS}/b", {"roleRef": {"name": "other"}})),
    case(
        "a role is not for more than its maker has",
        post(ROLES, role({"verbs": ["create"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"]})),
        post(BINDINGS, BINDING),
        once(post(f"{ROLES}?dryRun=All", {"metadata": {"name": "none"}}, Impersonate_User="alice"), 201),
        post(ROLES, role(READS) | {"metadata": {"name": "s"}}, Impersonate_User="alice"),
    ),
    case(
        "may I",
        post(f"{REVIEWS}/selfsubjectaccessreviews", review("get", "configmaps")),
        post(f"{REVIEWS}/selfsubjectaccessreviews", review("get", "configmaps"), Impersonate_User="alice"),
    ),
    case(
        "may they",
        post(f"{REVIEWS}/subjectaccessreviews", {"spec": review("get", "configmaps")["spec"] | {"user": "alice"}}),
        post(
            f"{REVIEWS}/subjectaccessreviews",
            {"spec": {"user": "alice", "nonResourceAttributes": {"verb": "get", "path": "/version"}}},
        ),
    ),
    case(
        "a review of nothing",
        post(f"{REVIEWS}/selfsubjectaccessreviews", {"spec": {}}),
        post(f"{REVIEWS}/subjectaccessreviews", {"spec": {}}),
    ),
    case(
        "a review in a namespace",
        post(
            f"{REVIEWS}/namespaces/$(ns)/localsubjectaccessreviews",
            {"metadata": {"namespace": "$(ns)"}, "spec": review("get", "configmaps")["spec"] | {"user": "alice"}},
        ),
    ),
    case(
        "a review that was allowed by a role",
        post(ROLES, role(READS)),
        post(BINDINGS, BINDING),
        SEEN,
        post(f"{REVIEWS}/selfsubjectaccessreviews", review("get", "configmaps"), Impersonate_User="alice"),
    ),
    case(
        "rules of mine",
        post(f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": "$(ns)"}}, Impersonate_User="alice"),
    ),
    case("who am I", post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, Impersonate_User="alice")),
    case(
        "an unknown token",
        post("/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": "nobody"}}),
        post("/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {}}),
    ),
    case(
        "reviews are not listed",
        get(f"{REVIEWS}/selfsubjectaccessreviews"),
        get(f"{REVIEWS}/selfsubjectaccessreviews/a"),
        put(f"{REVIEWS}/selfsubjectaccessreviews/a", {"spec": {}}),
        patch(f"{REVIEWS}/selfsubjectaccessreviews/a", {}),
        delete(f"{REVIEWS}/selfsubjectaccessreviews"),
        get(f"{REVIEWS}/namespaces/$(ns)/localsubjectaccessreviews"),
        get(f"{CORE}/bindings"),
    ),
    case(
        "why they may",
        post(ROLES, role(READS)),
        post(BINDINGS, BINDING),
        SEEN,
        post(f"{REVIEWS}/subjectaccessreviews", {"spec": review("get", "configmaps")["spec"] | {"user": "alice"}}),
        post(f"{REVIEWS}/subjectaccessreviews", {"spec": review("get", "secrets")["spec"] | {"user": "alice"}}),
        post(
            f"{REVIEWS}/subjectaccessreviews",
            {"spec": review("get", "secrets")["spec"] | {"groups": ["system:masters"]}},
        ),
        post(
            f"{REVIEWS}/subjectaccessreviews",
            {
                "spec": {
                    "groups": ["system:authenticated"],
                    "nonResourceAttributes": {"verb": "get", "path": "/openapi/v2"},
                }
            },
        ),
    ),
    case(
        "a review of too much",
        post(f"{REVIEWS}/subjectaccessreviews", {"spec": BOTH | {"user": "alice"}}),
        post(f"{REVIEWS}/subjectaccessreviews", {"spec": {"user": "alice", "resourceAttributes": {}}}),
        post(LOCAL, {"metadata": {"namespace": "other"}, "spec": review("get", "pods")["spec"] | {"user": "alice"}}),
        post(LOCAL, {"spec": {"user": "alice", "resourceAttributes": {"namespace": "default"}}}),
        post(LOCAL, {"spec": {"user": "alice", "nonResourceAttributes": BOTH["nonResourceAttributes"]}}),
        post(f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {}}),
    ),
)
