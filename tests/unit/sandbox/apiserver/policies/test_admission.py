"""Policies on a server: what they see, and what they refuse. What a real server says is compared in conformance."""

from typing import Any

import pytest

from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.internal import Internal
from support.requests import Json, Reply, Server

GROUP = "/apis/admissionregistration.k8s.io/v1"
POLICIES, BINDINGS = f"{GROUP}/validatingadmissionpolicies", f"{GROUP}/validatingadmissionpolicybindings"
CM = "/api/v1/namespaces/here/configmaps"
CONFIG_MAPS = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}


@pytest.fixture
def server() -> Server:
    return Server()


def in_force(server: Server, *validations: Json, binding: Json | None = None, match: Any = None, **spec: Any) -> None:
    """Has a policy `p`, bound by `b`."""
    constraints = {"resourceRules": [CONFIG_MAPS], **(match or {})}
    whole = {"matchConstraints": constraints, "validations": [*validations] or [{"expression": "false"}], **spec}
    made = server.post(POLICIES, {"metadata": {"name": "p"}, "spec": whole})
    assert made.code == 201, made.message
    bound = {"policyName": "p", "validationActions": ["Deny"], **(binding or {})}
    made = server.post(BINDINGS, {"metadata": {"name": "b"}, "spec": bound})
    assert made.code == 201, made.message


def created(server: Server, name: str = "a", **meta: Any) -> Reply:
    return server.post(CM, {"metadata": {"name": name, **meta}})


def test_a_policy_refuses_nothing_before_it_is_bound_nor_after(server: Server):
    in_force(server)
    assert created(server).code == 422
    server.delete(f"{BINDINGS}/b")
    assert created(server).code == 201


def test_the_refusal_says_which_policy_it_was_and_by_which_binding(server: Server):
    in_force(server, {"expression": "false", "message": "no such thing", "reason": "Forbidden"})
    reply = created(server)
    words = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no such thing"
    assert (reply.code, reply.body["reason"]) == (403, "Forbidden")
    assert reply.message == f'configmaps "a" is forbidden: {words}'
    assert reply.body["details"] == {"name": "a", "kind": "configmaps", "causes": [{"message": words}]}


def test_what_is_refused_is_not_stored(server: Server):
    created(server)
    in_force(server)
    assert server.patch(f"{CM}/a", {"data": {"a": "b"}}).code == 422
    assert server.delete(f"{CM}/a").code == 422
    assert server.get(f"{CM}/a").body.get("data") is None


def test_policies_do_not_stand_in_the_way_of_policies(server: Server):
    everything = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
    in_force(server, match={"resourceRules": [everything]})
    assert server.patch(f"{POLICIES}/p", {"metadata": {"labels": {"a": "b"}}}).code == 200
    assert server.delete(f"{POLICIES}/p").code == 200


def test_the_servers_own_controllers_are_refused_too(server: Server):
    created(server)
    in_force(server)
    type_ = server.cluster.registry.find("", "v1", "configmaps")
    assert type_ is not None
    internal = Internal(server.cluster, "somebody")
    with pytest.raises(StatusError, match="denied request"):
        internal.delete(type_, "here/a")
    with pytest.raises(StatusError, match="denied request"):
        internal.create(type_, {"metadata": {"name": "b"}}, namespace="here")


def test_warnings_come_with_the_answer(server: Server):
    says = {"expression": "false", "message": "better not"}
    in_force(server, says, binding={"validationActions": ["Warn", "Audit"]})
    reply = created(server)
    words = "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': better not"
    assert (reply.code, reply.warnings) == (201, (words,))


CHOICES = [
    pytest.param({"objectSelector": {"matchLabels": {"a": "b"}}}, False, id="other-labels"),
    pytest.param({"objectSelector": {"matchLabels": {"is": "x"}}}, True, id="labels"),
    pytest.param({"namespaceSelector": {"matchLabels": {"a": "b"}}}, False, id="other-namespaces"),
    pytest.param(
        {"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}}, True, id="namespaces"
    ),
    pytest.param({"excludeResourceRules": [CONFIG_MAPS]}, False, id="excluded"),
    pytest.param({"excludeResourceRules": [CONFIG_MAPS | {"operations": ["DELETE"]}]}, True, id="excluded-otherwise"),
    pytest.param({"resourceRules": [CONFIG_MAPS | {"resources": ["pods", "*"]}]}, True, id="any-resource"),
    pytest.param({"resourceRules": [CONFIG_MAPS | {"resources": ["*/*"]}]}, True, id="anything"),
    pytest.param({"resourceRules": [CONFIG_MAPS | {"resources": ["configmaps/status"]}]}, False, id="a-part"),
    pytest.param({"resourceRules": [CONFIG_MAPS | {"apiGroups": ["apps"]}]}, False, id="another-group"),
    pytest.param({"resourceRules": [CONFIG_MAPS | {"apiVersions": ["v2", "v1"]}]}, True, id="a-version"),
    pytest.param({"resourceRules": [CONFIG_MAPS | {"operations": ["UPDATE"]}]}, False, id="another-operation"),
    pytest.param({"resourceRules": [CONFIG_MAPS | {"scope": "Cluster"}]}, False, id="another-scope"),
    pytest.param({"resourceRules": [CONFIG_MAPS | {"scope": "Namespaced"}]}, True, id="its-scope"),
    pytest.param({"resourceRules": [CONFIG_MAPS | {"resourceNames": ["b", "a"]}]}, True, id="its-name"),
    pytest.param({"resourceRules": [CONFIG_MAPS | {"resourceNames": ["b"]}]}, False, id="another-name"),
]


@pytest.mark.parametrize("whose", ["policy", "binding"])
@pytest.mark.parametrize(("choice", "chosen"), CHOICES)
def test_both_a_policy_and_its_binding_choose_what_they_are_about(
    server: Server, choice: Json, chosen: bool, whose: str
):
    if whose == "policy":
        in_force(server, match=choice)
    else:
        in_force(server, binding={"matchResources": choice})
    assert created(server, labels={"is": "x"}).code == (422 if chosen else 201)


def test_a_namespace_is_judged_by_the_labels_that_it_will_have(server: Server):
    rule = {**CONFIG_MAPS, "resources": ["namespaces"]}
    in_force(server, match={"resourceRules": [rule], "namespaceSelector": {"matchLabels": {"a": "b"}}})
    path = "/api/v1/namespaces/here"
    assert server.patch(path, {"metadata": {"labels": {"c": "d"}}}).code == 200
    assert server.patch(path, {"metadata": {"labels": {"a": "b"}}}).code == 422
    assert server.delete(path).code == 200


LIMIT = {"expression": "params == null || object.metadata.name.size() <= int(params.data.most)"}
KIND = {"apiVersion": "v1", "kind": "ConfigMap"}
NODES = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["nodes"]}

PARAMETERS = [
    pytest.param({"name": "limit", "namespace": "default"}, "long-name", "failed expression", id="broken"),
    pytest.param({"name": "limit", "namespace": "default"}, "a", "", id="kept"),
    pytest.param({"name": "nothing"}, "a", "no params found for policy binding with `Deny`", id="not-there"),
    pytest.param({"name": "nothing", "parameterNotFoundAction": "Allow"}, "a", "", id="not-needed"),
    pytest.param({"name": "limit"}, "a", "no params found", id="of-the-same-namespace"),
    pytest.param({"selector": {}, "namespace": "default"}, "long-name", "failed expression", id="all"),
    pytest.param(None, "long-name", "", id="none"),
]


@pytest.mark.parametrize(("reference", "name", "words"), PARAMETERS)
def test_parameters_are_objects(server: Server, reference: Json | None, name: str, words: str):
    server.post("/api/v1/namespaces/default/configmaps", {"metadata": {"name": "limit"}, "data": {"most": "3"}})
    whole = None if reference is None else {"parameterNotFoundAction": "Deny", **reference}
    in_force(server, LIMIT, binding={"paramRef": whole} if whole else {}, paramKind=KIND)
    reply = created(server, name)
    assert words in reply.message
    assert reply.code == (422 if words else 201)


def test_parameters_in_no_namespace_are_refused_for_what_has_none(server: Server):
    reference = {"name": "limit", "parameterNotFoundAction": "Allow"}
    in_force(server, LIMIT, match={"resourceRules": [NODES]}, binding={"paramRef": reference}, paramKind=KIND)
    reply = server.post("/api/v1/nodes", {"metadata": {"name": "n"}})
    assert "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources" in reply.message


def test_a_kind_of_parameters_that_is_not_there_refuses_unless_failures_are_ignored(server: Server):
    unknown = {"apiVersion": "a.example.com/v1", "kind": "Thing"}
    in_force(server, paramKind=unknown)
    words = (
        "failed to configure policy: failed to find resource referenced by paramKind: 'a.example.com/v1, Kind=Thing'"
    )
    assert (
        created(server).message
        == f"configmaps \"a\" is forbidden: ValidatingAdmissionPolicy 'p' denied request: {words}"
    )
    assert server.patch(f"{POLICIES}/p", {"spec": {"failurePolicy": "Ignore"}}).code == 200
    assert created(server).code == 201
