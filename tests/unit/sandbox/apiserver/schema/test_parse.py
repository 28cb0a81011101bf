import pytest

from aimctrl.sandbox.apiserver.schema.node import NOTHING, UNBOUND, ListType, Node
from aimctrl.sandbox.apiserver.schema.parse import parse, parse_part


def test_a_root_is_a_resource():
    root = parse({"type": "object", "properties": {"spec": {"type": "object"}}})
    assert root.embedded
    assert not root.properties["spec"].embedded


def test_scalars_of_one_type_are_one_node():
    node = parse_part(
        {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string", "description": "x"}}}
    )
    assert node.properties["a"] is node.properties["b"]
    assert node.properties["a"].bounds is UNBOUND


@pytest.mark.parametrize(
    ("schema", "kept"),
    [
        ({"type": "string", "format": "date-time"}, "date-time"),
        ({"type": "string", "format": "nonsense"}, ""),
        ({"type": "string", "format": "int32"}, ""),
        ({"type": "integer", "format": "int32"}, "int32"),
        ({"type": "integer", "format": "uint8"}, ""),
        ({"type": "number", "format": "double"}, "double"),
        ({"type": "object", "format": "uuid"}, ""),
        ({"x-kubernetes-int-or-string": True, "format": "int32"}, ""),
        ({"format": "ipv4", "minLength": 2}, "ipv4"),
    ],
)
def test_only_formats_that_the_server_heeds_are_kept(schema: dict[str, object], kept: str):
    assert parse_part(schema).bounds.format == kept


def test_whoever_holds_rules_or_defaults_below_says_so():
    ruled = {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}
    node = parse_part(
        {
            "type": "object",
            "properties": {
                "list": {"type": "array", "items": {"type": "object", "additionalProperties": ruled}},
                "other": {"type": "object", "properties": {"a": {"type": "integer", "default": 0}}},
                "plain": {"type": "string"},
            },
        }
    )
    flags = {name: (child.ruled, child.transitional, child.defaulted) for name, child in node.properties.items()}
    assert flags == {"list": (True, True, False), "other": (False, False, True), "plain": (False, False, False)}
    assert (node.ruled, node.transitional, node.defaulted) == (True, True, True)


def test_what_a_list_and_a_map_are_is_read():
    node = parse_part(
        {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "x-kubernetes-map-type": "atomic"},
        }
    )
    assert (node.list_type, node.list_keys) == (ListType.MAP, ("name",))
    assert node.items is not None
    assert node.items.atomic_map


def test_any_further_property_is_an_empty_schema_and_none_is_none():
    assert parse_part({"type": "object", "additionalProperties": True}).additional == Node()
    assert parse_part({"type": "object", "additionalProperties": False}).additional is None


def test_a_default_of_null_is_none():
    assert parse_part({"type": "string", "default": None, "nullable": True}).default is NOTHING
