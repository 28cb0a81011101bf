"""How well a value matches a schema: of alternatives that all fail, the API server tells the errors of the best one.

Each check that applies to a value counts as one, at every level.
Source: https://github.com/kubernetes/kube-openapi/blob/master/pkg/validation/validate/schema.go (MatchCount)
"""

from aimctrl.sandbox.apiserver.schema.node import Json, Node, is_array
from aimctrl.sandbox.apiserver.schema.scalars import wrong_type

_ALWAYS = 4
"""The value itself, its enum, and twice its alternatives."""


def passed(node: Node, value: Json) -> int:
    """How many checks of a value count for a schema."""
    right = wrong_type(node, value) is None
    if value is None:
        return int(right)
    typed = bool(node.type or node.int_or_string or node.bounds.format)
    count = _ALWAYS + (1 + right if typed else 0) + sum(passed(each, value) for each in node.bounds.all_of)
    if isinstance(value, bool):
        return count
    if isinstance(value, str):
        return count + 1 + bool(node.bounds.format)
    if isinstance(value, (int, float)):
        return count + 2
    return count + (_items(node, value) if is_array(value) else _fields(node, value))


def _items(node: Node, value: list[Json]) -> int:
    return 2 + sum(passed(node.items, part) for part in value if node.items is not None)


def _fields(node: Node, value: dict[str, Json]) -> int:
    return 1 + sum(passed(child, part) for key, part in value.items() if (child := node.child(key)) is not None)
