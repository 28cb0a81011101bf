"""Dropping what a schema does not know, and nulls that it does not allow."""

from aimctrl.sandbox.apiserver.schema.node import NOTHING, Json, Node, Object, is_array, is_object

TYPE_AND_META = frozenset({"apiVersion", "kind", "metadata"})
"""The fields that every resource has without declaring them."""


def prune(node: Node, value: Json) -> list[str]:
    """Drops the unknown fields of a value, in place.

    Returns:
        Their paths, sorted, as strict field validation names them: `spec.foo`, `spec.list[0].bar`.
    """
    unknown: list[str] = []
    _prune(node, value, "", unknown)
    unknown.sort()
    return unknown


def drop_nulls(node: Node | None, value: Json) -> None:
    """Drops the nulls of an object's fields that are neither nullable nor have a default, in place."""
    if node is None:
        return
    if is_object(value):
        for key, part in list(value.items()):
            if part is None or isinstance(part, (dict, list)):
                _drop_null(node.properties.get(key, node.additional), value, key)
    elif is_array(value):
        for part in value:
            if isinstance(part, (dict, list)):
                drop_nulls(node.items, part)


def _drop_null(node: Node | None, value: Object, key: str) -> None:
    if node is None:
        return
    if value[key] is not None:
        drop_nulls(node, value[key])
    elif not node.nullable and node.default is NOTHING:
        del value[key]


def _prune(node: Node | None, value: Json, path: str, unknown: list[str], *, keeps: bool = False) -> None:
    """`keeps`: whether unknown fields stay since the array that holds the value keeps them."""
    if is_object(value):
        _prune_object(node or Node(), value, path, unknown, keeps=keeps)
    elif is_array(value):
        items = node.items if node else None
        keeps = keeps or (node is not None and node.preserve_unknown)
        for index, part in enumerate(value):
            if isinstance(part, (dict, list)):
                _prune(items, part, f"{path}[{index}]", unknown, keeps=keeps)


def _prune_object(node: Node, value: Object, path: str, unknown: list[str], *, keeps: bool) -> None:
    prefix = f"{path}." if path else ""
    for key in list(value):
        if node.embedded and key in TYPE_AND_META:
            continue
        child = node.properties.get(key, node.additional)
        if child is not None:
            if isinstance(value[key], (dict, list)):
                _prune(child, value[key], prefix + key, unknown)
        elif not (keeps or node.preserve_unknown):
            del value[key]
            unknown.append(prefix + key)
