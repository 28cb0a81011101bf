"""What a kube-apiserver v1.36 finds wrong with applied objects."""

from typing import Any

import pytest

from aimctrl.sandbox.apiserver.fields.typed import faults
from aimctrl.sandbox.apiserver.schema.node import Bounds, Node
from support.fields import SPEC, THINGS, thing

NO_KEY = (
    'associative list with keys has an element that omits all key fields ["name"] (and doesn\'t have default values for '
    "any key fields)"
)
DEEP = 'map[string]interface {}{"a":[]interface {}{interface {}(nil), 1.5, "x"}}'
TIMED = Node(type="object", properties={"at": Node(type="string", bounds=Bounds(format="date-time"))})


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"replicas": 1.5, "paused": True}, [], id="fine"),
        pytest.param({"replicas": None, "containers": None, "selector": None}, [], id="nulls"),
        pytest.param({"free": {"any": [{"thing": 1}]}}, [], id="schemaless"),
        pytest.param({"foo": 1}, [".foo: field not declared in schema"], id="unknown"),
        pytest.param({"bar": 1, "foo": 1}, [".bar: field not declared in schema"], id="first-of-several-unknown"),
        pytest.param({"replicas": "x"}, [".replicas: expected numeric (int or float), got string"], id="number"),
        pytest.param({"replicas": True}, [".replicas: expected numeric (int or float), got bool"], id="boolean"),
        pytest.param({"paused": "true"}, [".paused: expected boolean, got &{true}"], id="text-for-boolean"),
        pytest.param({"selector": ["x"]}, [".selector: expected map, got &{[x]}"], id="list-for-object"),
        pytest.param({"selector": "x"}, [".selector: expected map, got &{x}"], id="text-for-object"),
        pytest.param({"containers": {"x": "y"}}, [".containers: expected list, got &{map[x:y]}"], id="object-for-list"),
        pytest.param(
            {"containers": [{"image": "i"}]},
            [f".containers: element 0: {NO_KEY}"],
            id="no-key",
        ),
        pytest.param(
            {"containers": [{"name": "c", "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}]}]},
            ['.containers[name="c"].ports: duplicate entries for key [containerPort=80,protocol="TCP"]'],
            id="duplicates",
        ),
        pytest.param(
            {"containers": [{"name": "c", "args": ["x", 1]}]},
            ['.containers[name="c"].args[1]: expected string, got &value.valueUnstructured{Value:1}'],
            id="item-of-a-list",
        ),
        pytest.param(
            {"containers": [{"name": {"a": [None, 1.5, "x"]}}]},
            [f'.containers[name=a=[null,1.5,"x"]].name: expected string, got &value.valueUnstructured{{Value:{DEEP}}}'],
            id="object-for-text",
        ),
        pytest.param({"groups": ["a", "a"]}, ['.groups: duplicate entries for key [="a"]'], id="duplicates-in-a-set"),
    ],
)
def test_faults_are_named_by_path(spec: Any, expected: list[str]) -> None:
    assert faults(SPEC, spec) == expected


def test_text_of_a_format_may_be_any_scalar() -> None:
    assert faults(TIMED, {"at": 5}) == []
    assert faults(TIMED, {"at": [5]}) == [".at: expected string, got &value.valueUnstructured{Value:[]interface {}{5}}"]


def test_metadata_is_known_though_it_is_not_declared() -> None:
    assert faults(THINGS, thing(metadata={"labels": {"a": 1}})) == [
        ".metadata.labels.a: expected string, got &value.valueUnstructured{Value:1}"
    ]
