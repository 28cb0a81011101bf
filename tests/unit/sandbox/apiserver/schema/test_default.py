from typing import Any

import pytest

from aimctrl.sandbox.apiserver.schema.default import default
from aimctrl.sandbox.apiserver.schema.parse import parse_part

INNER = {"type": "object", "properties": {"size": {"type": "integer", "default": 3}, "name": {"type": "string"}}}
NODE = parse_part(
    {
        "type": "object",
        "properties": {
            "text": {"type": "string", "default": "x"},
            "maybe": {"type": "string", "nullable": True, "default": "y"},
            "inner": {**INNER, "default": {}},
            "absent": INNER,
            "list": {"type": "array", "items": INNER},
            "map": {"type": "object", "additionalProperties": {**INNER, "default": {"name": "d"}}},
        },
    }
)
ALWAYS = {"text": "x", "maybe": "y", "inner": {"size": 3}}


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ({}, {}),
        ({"text": None, "maybe": None}, {"text": "x", "maybe": None}),
        ({"text": ""}, {"text": ""}),
        ({"inner": {"name": "n"}}, {"inner": {"name": "n", "size": 3}}),
        ({"absent": {}}, {"absent": {"size": 3}}),
        ({"list": [{}, {"size": 1}, None]}, {"list": [{"size": 3}, {"size": 1}, None]}),
        ({"map": {"a": {}, "b": None}}, {"map": {"a": {"size": 3}, "b": {"name": "d", "size": 3}}}),
        ({"list": "no list"}, {"list": "no list"}),
    ],
)
def test_defaults_fill_what_is_absent_or_a_null_that_may_not_be(given: dict[str, Any], filled: dict[str, Any]):
    default(NODE, given)
    assert given == {**ALWAYS, **filled}


def test_a_default_is_each_object_s_own():
    first: dict[str, Any] = {}
    second: dict[str, Any] = {}
    default(NODE, first)
    first["inner"]["size"] = 5
    default(NODE, second)
    assert second["inner"] == {"size": 3}
