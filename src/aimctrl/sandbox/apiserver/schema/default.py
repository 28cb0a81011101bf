"""Filling in what a schema says by default."""

from aimctrl.sandbox.apiserver.schema.node import NOTHING, Json, Node, Object, is_array, is_object
from aimctrl.sandbox.apiserver.values import copied


def default(node: Node, value: Json) -> None:
    """Sets fields that are absent, or null without being nullable, to their defaults, in place.

    A default that is set is filled in further by the defaults below it.
    """
    if not node.defaulted:
        return
    if is_object(value):
        _default_object(node, value)
    elif is_array(value) and node.items is not None:
        items = node.items
        for index, part in enumerate(value):
            if _gives_way(items, part):
                value[index] = copied(items.default)
            default(items, value[index])


def _default_object(node: Node, value: Object) -> None:
    for key, child in node.properties.items():
        if child.default is not NOTHING and (key not in value or _gives_way(child, value[key])):
            value[key] = copied(child.default)
    for key, part in value.items():
        below = node.child(key)
        if below is None:
            continue
        if _gives_way(below, part) and key not in node.properties:
            value[key] = copied(below.default)
        default(below, value[key])


def _gives_way(node: Node, part: Json) -> bool:
    """Whether a part is a null that is not allowed, where there is something to put in its place."""
    return part is None and not node.nullable and node.default is not NOTHING
