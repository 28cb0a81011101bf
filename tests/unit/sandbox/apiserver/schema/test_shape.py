"""Types and bounds of values that replace others; the recordings of the real server have the rest."""

from typing import Any

import pytest

from aimctrl.sandbox.apiserver.schema.parse import parse_part
from aimctrl.sandbox.apiserver.schema.shape import shape

SMALL = {"type": "integer", "maximum": 5}
ITEM = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "n": SMALL}}
KEYED = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
NODE = parse_part(
    {
        "type": "object",
        "properties": {
            "n": SMALL,
            "map": {"type": "object", "additionalProperties": SMALL},
            "list": {"type": "array", "items": ITEM},
            "keyed": {"type": "array", **KEYED, "items": ITEM},
            "either": {
                "type": "object",
                "properties": {"n": SMALL},
                "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
            },
        },
    }
)


@pytest.mark.parametrize(
    ("new", "old", "wrong"),
    [
        ({"n": 9}, {"n": 9}, []),
        ({"n": 9}, {"n": 8}, ["n"]),
        ({"n": 9}, {}, ["n"]),
        ({"n": "x"}, {"n": "x"}, []),
        ({"n": True}, {"n": 1}, ["n"]),
        ({"map": {"a": 9, "b": 9}}, {"map": {"a": 9}}, ["map.b"]),
        ({"list": [{"name": "a", "n": 9}]}, {"list": [{"name": "a", "n": 9}]}, []),
        ({"list": [{"name": "a", "n": 9}, {"name": "b"}]}, {"list": [{"name": "a", "n": 9}]}, ["list[0].n"]),
        (
            {"keyed": [{"name": "b", "n": 9}, {"name": "a", "n": 9}]},
            {"keyed": [{"name": "a", "n": 9}]},
            ["keyed[0].n"],
        ),
        ({"either": {}, "n": 1}, {"either": {}}, []),
        ({"either": {"n": 9}}, {"either": {}}, ["", "either.a", "either.n"]),
    ],
)
def test_only_what_was_changed_is_complained_of(new: dict[str, Any], old: dict[str, Any], wrong: list[str]):
    assert sorted(error.path for error in shape(NODE, new, old)) == wrong


def test_the_same_complaint_of_two_schemas_is_told_once():
    twice = parse_part({"type": "string", "allOf": [{"minLength": 2}, {"minLength": 2}]})
    assert [error.detail for error in shape(twice, "a")] == [
        " in body should be at least 2 chars long",
        '"" must validate all the schemas (allOf). None validated',
    ]
