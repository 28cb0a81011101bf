from typing import Any

import pytest

from aimctrl.sandbox.apiserver.schema.parse import parse, parse_part
from aimctrl.sandbox.apiserver.schema.prune import drop_nulls, prune

TEXT = {"type": "string"}
LEAF = {"type": "object", "properties": {"a": TEXT}}
SPEC = {
    "type": "object",
    "properties": {
        "leaf": LEAF,
        "list": {"type": "array", "items": LEAF},
        "map": {"type": "object", "additionalProperties": LEAF},
        "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"leaf": LEAF}},
        "anyList": {"type": "array", "x-kubernetes-preserve-unknown-fields": True, "items": LEAF},
        "anyItems": {"type": "array", "x-kubernetes-preserve-unknown-fields": True},
        "maybe": {"type": "string", "nullable": True},
        "given": {"type": "string", "default": "x"},
        "open": {"type": "object", "additionalProperties": True},
    },
}
ROOT = parse({"type": "object", "properties": {"spec": SPEC}})


@pytest.mark.parametrize(
    ("spec", "kept", "unknown"),
    [
        ({"leaf": {"a": "x", "b": 1}}, {"leaf": {"a": "x"}}, ["spec.leaf.b"]),
        ({"list": [{"b": 1}, {"a": "x"}]}, {"list": [{}, {"a": "x"}]}, ["spec.list[0].b"]),
        ({"map": {"k": {"b": 1}}}, {"map": {"k": {}}}, ["spec.map.k.b"]),
        ({"z": 1, "b": {"c": 1}}, {}, ["spec.b", "spec.z"]),
        ({"any": {"z": {"y": 1}, "leaf": {"b": 1}}}, {"any": {"z": {"y": 1}, "leaf": {}}}, ["spec.any.leaf.b"]),
        ({"anyList": [{"b": 1}]}, {"anyList": [{"b": 1}]}, []),
        ({"anyItems": [{"b": 1}]}, {"anyItems": [{"b": 1}]}, []),
        ({"leaf": "not an object"}, {"leaf": "not an object"}, []),
        ({"open": {"a": 1, "b": {"c": 1}}}, {"open": {"a": 1, "b": {}}}, ["spec.open.b.c"]),
    ],
)
def test_unknown_fields_are_dropped_and_named(spec: dict[str, Any], kept: dict[str, Any], unknown: list[str]):
    thing = {"spec": spec}
    assert prune(ROOT, thing) == unknown
    assert thing == {"spec": kept}


def test_a_resource_keeps_its_type_and_metadata():
    thing = {"apiVersion": "v1", "kind": "K", "metadata": {"anything": 1}, "other": 1}
    assert prune(ROOT, thing) == ["other"]
    assert thing == {"apiVersion": "v1", "kind": "K", "metadata": {"anything": 1}}


def test_what_is_no_resource_has_no_metadata_of_its_own():
    thing = {"metadata": {"name": "x"}, "a": "x"}
    assert prune(parse_part(LEAF), thing) == ["metadata"]


def test_only_nulls_without_a_use_are_dropped():
    spec: dict[str, Any] = {"leaf": None, "maybe": None, "given": None, "unknown": None, "list": [{"a": None}, None]}
    drop_nulls(ROOT, thing := {"spec": spec})
    assert thing == {"spec": {"maybe": None, "given": None, "unknown": None, "list": [{}, None]}}
