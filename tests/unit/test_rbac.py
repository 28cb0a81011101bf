"""What the generated roles hold, and what they must never hold."""

from collections import Counter
from typing import Any

import pytest
import yaml

from aimctrl import cli, rbac
from aimctrl.api.kinds import ALL
from aimctrl.kube.core import CRDS, LEASES, NODES, SECRETS, STORAGE_CLASSES
from aimctrl.settings import OPTIONS
from support.rights import granted

NAMES = {
    "cluster": [
        ("ClusterRole", "", "aimctrl"),
        ("ClusterRoleBinding", "", "aimctrl"),
        ("Role", "kaiwo-system", "aimctrl-leader-election"),
        ("RoleBinding", "kaiwo-system", "aimctrl-leader-election"),
        ("ClusterRole", "", "aimctrl-admin"),
        ("ClusterRole", "", "aimctrl-editor"),
        ("ClusterRole", "", "aimctrl-viewer"),
    ],
    "namespaces": [
        ("ClusterRole", "", "aimctrl-reader"),
        ("ClusterRoleBinding", "", "aimctrl-reader"),
        ("Role", "a", "aimctrl"),
        ("RoleBinding", "a", "aimctrl"),
        ("Role", "b", "aimctrl"),
        ("RoleBinding", "b", "aimctrl"),
        ("Role", "ops", "aimctrl-leader-election"),
        ("RoleBinding", "ops", "aimctrl-leader-election"),
        ("ClusterRole", "", "aimctrl-admin"),
        ("ClusterRole", "", "aimctrl-editor"),
        ("ClusterRole", "", "aimctrl-viewer"),
    ],
}
OURS = {"app.kubernetes.io/name": "aimctrl"}
CLUSTER = rbac.manifests()
NAMESPACES = rbac.manifests(("b", "a", "b"), operator_namespace="ops", service_account="robot")
BOTH = pytest.mark.parametrize("manifests", [CLUSTER, NAMESPACES], ids=["cluster", "namespaces"])


def names(manifests: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in manifests]


def role(manifests: list[dict[str, Any]], name: str, namespace: str = "") -> dict[str, Any]:
    kind = "Role" if namespace else "ClusterRole"
    [found] = (
        one
        for one in manifests
        if one["kind"] == kind
        and one["metadata"] == {**one["metadata"], "name": name}
        and one["metadata"].get("namespace", "") == namespace
    )
    return found


def test_an_operator_of_the_cluster_has_one_cluster_role():
    assert names(CLUSTER) == NAMES["cluster"]


def test_an_operator_of_namespaces_has_a_role_in_each_and_one_to_read_the_rest():
    assert names(NAMESPACES) == NAMES["namespaces"]


@BOTH
def test_each_role_of_the_operator_is_bound_to_its_account_and_the_users_are_not(manifests):
    bindings = [one for one in manifests if "roleRef" in one]
    bound = [(one["roleRef"]["kind"], one["metadata"].get("namespace", ""), one["roleRef"]["name"]) for one in bindings]
    roles = [one for one in names(manifests) if one[0] in {"Role", "ClusterRole"}]
    assert bound == roles[:-3]
    [subject] = {tuple(sorted(subject.items())) for one in bindings for subject in one["subjects"]}
    account, namespace = ("robot", "ops") if manifests is NAMESPACES else ("aimctrl", "kaiwo-system")
    assert dict(subject) == {"kind": "ServiceAccount", "name": account, "namespace": namespace}


@BOTH
def test_nothing_is_granted_by_a_wildcard(manifests):
    assert not [
        text
        for one in manifests
        for rule in one.get("rules", ())
        for texts in rule.values()
        for text in texts
        if "*" in text
    ]


@BOTH
def test_secrets_are_read_by_name_and_never_listed(manifests):
    verbs = {right.verb for right in granted(manifests) if right.resource.startswith(SECRETS.plural)}
    assert verbs == {"get"}


@BOTH
def test_no_right_is_given_twice_to_the_operator_in_one_place(manifests):
    """So that each is missed where it is taken away."""
    for namespace in ("a", "ops", "kaiwo-system"):
        here = [
            one
            for one in manifests
            if "rules" in one
            and not any("aggregate-to" in label for label in one["metadata"]["labels"])
            and one["metadata"].get("namespace", "") in {"", namespace}
        ]
        rules = [right for one in here for rule in one["rules"] for right in granted([{"rules": [rule]}])]
        assert not {right for right, times in Counter(rules).items() if times > 1}
        unlimited = {right for right in rules if not right.name}
        assert not {right for right in rules if right.name and right._replace(name="") in unlimited}


def test_the_role_for_what_is_cluster_scoped_only_reads():
    rights = granted([role(NAMESPACES, "aimctrl-reader")])
    kinds = [kind for kind in (*ALL, NODES, STORAGE_CLASSES, CRDS) if not kind.namespaced]
    assert {(right.group, right.resource) for right in rights} == {(kind.group, kind.plural) for kind in kinds}
    assert {right.verb for right in rights} == {"list", "watch"}


def test_in_a_namespace_the_operator_may_do_there_what_it_may_do_everywhere():
    everywhere, here = granted([role(CLUSTER, "aimctrl")]), granted([role(NAMESPACES, "aimctrl", "a")])
    outside = {right for right in everywhere - here if right.resource.split("/")[0] not in {"namespaces", "nodes"}}
    assert here < everywhere
    assert all("cluster" in right.resource or right.resource in {"storageclasses", CRDS.plural} for right in outside)


def test_leases_are_written_by_name_and_only_where_the_operator_is():
    assert not [right for right in granted([role(CLUSTER, "aimctrl")]) if right.resource == LEASES.plural]
    found = {(right.verb, right.name) for right in granted([role(NAMESPACES, "aimctrl-leader-election", "ops")])}
    assert found == {("create", ""), ("get", "aimctrl"), ("patch", "aimctrl")}


@pytest.mark.parametrize(
    ("name", "into", "writes", "denied"),
    [
        ("aimctrl-admin", "admin", {"aimservices", "aimruntimeconfigs"}, {"aimclustermodels"}),
        ("aimctrl-editor", "edit", {"aimservices"}, {"aimruntimeconfigs", "aimclustermodels"}),
        ("aimctrl-viewer", "view", set(), {"aimservices", "aimruntimeconfigs"}),
    ],
)
def test_people_get_their_rights_through_the_roles_that_the_cluster_has(name, into, writes, denied):
    found = role(CLUSTER, name)
    assert found["metadata"]["labels"] == {
        "app.kubernetes.io/name": "aimctrl",
        f"rbac.authorization.k8s.io/aggregate-to-{into}": "true",
    }
    rights = granted([found])
    written = {right.resource for right in rights if right.verb not in {"get", "list", "watch"}}
    assert writes <= written
    assert not denied & written
    assert {right.resource for right in rights if right.verb == "list"} == {kind.plural for kind in ALL}
    assert {right.group for right in rights} == {"aim.silogen.ai"}


@BOTH
def test_everything_carries_the_name_of_the_program(manifests):
    assert all(one["metadata"]["labels"].items() >= OURS.items() for one in manifests)


def test_two_runs_give_the_same():
    assert rbac.manifests() == CLUSTER


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param([], CLUSTER, id="cluster"),
        pytest.param(
            ["--namespace=b", "--namespace", "a,b", "--operator-namespace=ops", "--service-account=robot"],
            NAMESPACES,
            id="namespaces",
        ),
    ],
)
def test_the_command_prints_them_as_plain_yaml(
    arguments: list[str],
    expected: list[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    for option in OPTIONS:
        monkeypatch.delenv(option.variable, raising=False)
    assert cli.main(["rbac", *arguments]) == 0
    said = capsys.readouterr().out
    assert list(yaml.safe_load_all(said)) == expected
    assert "&id" not in said


@pytest.mark.parametrize("option", ["--namespace=Not_A_Name", "--operator-namespace=x.y"])
def test_names_that_nothing_can_have_are_refused(option: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["rbac", option]) == 2
    assert option.partition("=")[0] in capsys.readouterr().err
