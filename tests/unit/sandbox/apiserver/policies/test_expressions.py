"""What the expressions of policies may be about."""

from collections.abc import Mapping

import pytest

from aimctrl.sandbox.apiserver.policies.expressions import result_of, variables
from aimctrl.sandbox.apiserver.schema.cel_env import CompileError
from aimctrl.sandbox.apiserver.schema.node import Node

REFUSED = [
    pytest.param("object.a", variables(), "must evaluate to bool but got dyn", id="anything"),
    pytest.param("[[1]]", variables(), "must evaluate to bool but got list(list(int))", id="lists"),
    pytest.param("{'a': 1u}", variables(), "must evaluate to bool but got map(string, uint)", id="a-map"),
    pytest.param("null", variables(), "must evaluate to bool but got null_type", id="null"),
    pytest.param(
        "timestamp('2020-01-01T00:00:00Z')",
        variables(),
        "must evaluate to bool but got google.protobuf.Timestamp",
        id="a-time",
    ),
    pytest.param("request.userInfo.groups", variables(), "must evaluate to bool but got list(string)", id="groups"),
    pytest.param(
        "request.user == ''",
        variables(),
        "compilation failed: ERROR: <input>:1:8: undefined field 'user'\n | request.user == ''\n | .......^",
        id="an-unknown-field",
    ),
    pytest.param(
        "true && params.a",
        variables(),
        "compilation failed: ERROR: <input>:1:9: undeclared reference to 'params' (in container '')\n"
        " | true && params.a\n | ........^",
        id="parameters-of-a-policy-without",
    ),
    pytest.param(
        "variables.b",
        variables(declared={"a": Node(type="boolean")}),
        "compilation failed: ERROR: <input>:1:10: undefined field 'b'\n | variables.b\n | .........^",
        id="an-undeclared-variable",
    ),
]


@pytest.mark.parametrize(("text", "known", "words"), REFUSED)
def test_what_does_not_compile_is_refused_in_the_servers_words(text: str, known: Mapping[str, Node], words: str):
    with pytest.raises(CompileError) as caught:
        result_of(text, known, "bool")
    assert str(caught.value) == words


TAKEN = [
    pytest.param("request.dryRun", variables(), id="a-flag"),
    pytest.param("params.a == 1", variables(params=True), id="parameters"),
    pytest.param("has(object.a.b)", variables(), id="a-field-or-none"),
    pytest.param("namespaceObject.metadata.labels['a'] == 'b'", variables(), id="labels"),
    pytest.param("oldObject == null", variables(), id="no-former-state"),
]


@pytest.mark.parametrize(("text", "known"), TAKEN)
def test_what_compiles_is_taken(text: str, known: Mapping[str, Node]):
    result_of(text, known, "bool")


def test_a_variable_has_the_type_of_its_expression():
    for expression, use in (
        ("1 == 1", "variables.a"),
        ("['a']", "variables.a[0] == 'b'"),
        ("{'a': true}", "variables.a.all(k, k == 'a')"),
        ("{'a': true}", "variables.a['a']"),
    ):
        declared = {"a": result_of(expression, variables())}
        result_of(use, variables(declared=declared), "bool")
