"""Which part of an object's earlier state a part of it is compared with.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#transition-rules
"""

from collections.abc import Hashable

import msgspec

from aimctrl.sandbox.apiserver.schema.node import NOTHING, Json, ListType, Node, is_array, is_object


def same(one: Json, other: Json) -> bool:
    """Whether two values are equal; unlike in Python, 1, 1.0 and true are not."""
    if one is other or one != other:
        return one is other
    return msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")


def old_items(node: Node, items: list[Json], old: Json) -> list[Json] | None:
    """The former item of each, NOTHING where it has none; None for an array whose items have no identity."""
    if node.list_type is not ListType.MAP or not is_array(old):
        return None
    former: dict[Hashable, Json] = {}
    for item in old:
        former.setdefault(key_of(node, item), item)
    return [former.get(key_of(node, item), NOTHING) for item in items]


def key_of(node: Node, item: Json) -> Hashable:
    """What tells an item of a map-like list from the others."""
    if not is_object(item):
        return None
    return tuple(repr(item.get(key, NOTHING)) for key in node.list_keys)
