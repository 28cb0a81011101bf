from typing import Any

import pytest

from support.requests import Server

RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/here"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/here/leases"
BUDGETS = "/apis/policy/v1/namespaces/here/poddisruptionbudgets"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/here/endpointslices"

Json = dict[str, Any]


@pytest.fixture
def server() -> Server:
    return Server()


def test_a_node_may_use_all_it_has(server: Server) -> None:
    body = server.post("/api/v1/nodes", {"metadata": {"name": "n"}, "status": {"capacity": {"cpu": "4000m"}}}).body
    assert body["status"]["allocatable"] == {"cpu": "4"}
    assert (
        server.get("/api/v1/nodes?fieldSelector=spec.unschedulable=false").body["items"][0]["metadata"]["name"] == "n"
    )


def test_subjects_and_roles_are_given_their_groups(server: Server) -> None:
    subjects = [
        {"kind": "ServiceAccount", "name": "x", "namespace": "here"},
        {"kind": "User", "name": "u"},
        {"kind": "Group", "name": "g"},
    ]
    body = {"metadata": {"name": "b"}, "roleRef": {"kind": "Role", "name": "r"}, "subjects": subjects}
    made = server.post(f"{RBAC}/rolebindings", body).body
    group = "rbac.authorization.k8s.io"
    assert made["roleRef"] == {"apiGroup": group, "kind": "Role", "name": "r"}
    assert [subject.get("apiGroup", "") for subject in made["subjects"]] == ["", group, group]


VERBS = "rules[0].verbs: Required value: verbs must contain at least one value"
GROUPS = "rules[0].apiGroups: Required value: resource rules must supply at least one api group"
RESOURCES = "rules[0].resources: Required value: resource rules must supply at least one resource"

REFUSED = [
    pytest.param(
        f"{RBAC}/roles",
        {"rules": [{}]},
        f'Role.rbac.authorization.k8s.io "x" is invalid: [{VERBS}, {GROUPS}, {RESOURCES}]',
        id="empty-rule",
    ),
    pytest.param(
        f"{RBAC}/roles",
        {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}]},
        'Role.rbac.authorization.k8s.io "x" is invalid: rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced '
        "rules cannot apply to non-resource URLs",
        id="paths-in-a-namespace",
    ),
    pytest.param(
        f"{RBAC}/rolebindings",
        {"roleRef": {}},
        'RoleBinding.rbac.authorization.k8s.io "x" is invalid: [roleRef.kind: Unsupported value: "": supported values: '
        '"Role", "ClusterRole", roleRef.name: Required value]',
        id="no-role",
    ),
    pytest.param(
        LEASES,
        {"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}},
        'Lease.coordination.k8s.io "x" is invalid: [spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0, '
        "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0]",
        id="lease",
    ),
    pytest.param(
        BUDGETS,
        {"spec": {"minAvailable": -1}},
        'PodDisruptionBudget.policy "x" is invalid: spec.minAvailable: Invalid value: -1: must be greater than or equal '
        "to 0",
        id="budget",
    ),
    pytest.param(
        SLICES,
        {"addressType": "X", "endpoints": []},
        'EndpointSlice.discovery.k8s.io "x" is invalid: addressType: Unsupported value: "X": supported values: "FQDN", '
        '"IPv4", "IPv6"',
        id="addresses",
    ),
]


@pytest.mark.parametrize(("path", "body", "words"), REFUSED)
def test_invalid_objects_are_refused(server: Server, path: str, body: Json, words: str) -> None:
    reply = server.post(path, {"metadata": {"name": "x"}, **body})
    assert (reply.code, reply.message) == (422, words)


def test_a_binding_keeps_its_role(server: Server) -> None:
    server.post(f"{RBAC}/rolebindings", {"metadata": {"name": "b"}, "roleRef": {"kind": "Role", "name": "r"}})
    reply = server.patch(f"{RBAC}/rolebindings/b", {"roleRef": {"name": "s"}})
    assert reply.code == 422
    assert reply.message.endswith("cannot change roleRef")


def test_rules_that_are_empty_are_null(server: Server) -> None:
    assert server.post(f"{RBAC}/roles", {"metadata": {"name": "r"}, "rules": []}).body["rules"] is None


@pytest.mark.parametrize(
    ("path", "body", "field", "value"),
    [
        pytest.param(
            "/api/v1/namespaces/here/endpoints",
            {"subsets": [{"addresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 80}]}]},
            "subsets",
            [{"addresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 80, "protocol": "TCP"}]}],
            id="endpoints",
        ),
        pytest.param(
            "/api/v1/namespaces/here/limitranges",
            {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}},
            "spec",
            {
                "limits": [
                    {"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}}
                ]
            },
            id="limits",
        ),
        pytest.param(
            SLICES,
            {"addressType": "IPv4", "endpoints": [], "ports": [{"port": 80}]},
            "ports",
            [{"name": "", "port": 80, "protocol": "TCP"}],
            id="slice",
        ),
        pytest.param(
            BUDGETS,
            {"spec": {}},
            "status",
            {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0},
            id="budget",
        ),
    ],
)
def test_defaults_are_those_of_a_real_server(server: Server, path: str, body: Json, field: str, value: Any) -> None:
    assert server.post(path, {"metadata": {"name": "x"}, **body}).body[field] == value


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/api/v1/namespaces/here/services", {"spec": {"ports": [{"port": 1}]}}, "Service"),
        ("/api/v1/namespaces/here/serviceaccounts", {}, "ServiceAccount"),
        ("/api/v1/namespaces/here/configmaps", {}, "Status"),
        ("/api/v1/nodes", {}, "Status"),
        ("/apis/storage.k8s.io/v1/storageclasses", {"provisioner": "x"}, "StorageClass"),
    ],
)
def test_some_kinds_are_shown_when_they_go(server: Server, path: str, body: Json, kind: str) -> None:
    server.post(path, {"metadata": {"name": "x"}, **body})
    assert server.delete(f"{path}/x").body["kind"] == kind
