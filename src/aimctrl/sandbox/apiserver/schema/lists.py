"""Duplicates in set-like and map-like lists.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

from collections.abc import Iterator

import msgspec

from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.schema.node import Json, ListType, Node, Object, is_array, is_object


def duplicates(node: Node, value: Json, path: str = "") -> Iterator[FieldError]:
    """Every item of a set or map that was there already; of one that is there often, the second is named."""
    if not node.keyed:
        return
    if is_object(value):
        for key in sorted(value):
            if (child := node.child(key)) is not None and isinstance(value[key], (dict, list)):
                yield from duplicates(child, value[key], _below(node, path, key))
    elif is_array(value):
        yield from _in_list(node, value, path)


def _in_list(node: Node, items: list[Json], path: str) -> Iterator[FieldError]:
    if node.list_type is ListType.SET:
        yield from _repeated(items, path)
    elif node.list_type is ListType.MAP:
        yield from _repeated_keys(node, items, path)
    if node.items is not None:
        for index, item in enumerate(items):
            yield from duplicates(node.items, item, f"{path}[{index}]")


def _below(node: Node, path: str, key: str) -> str:
    if key not in node.properties:
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _repeated_keys(node: Node, items: list[Json], path: str) -> Iterator[FieldError]:
    for index, item in enumerate(items):
        if item is not None and not is_object(item):
            says = "must be an object for an array of list-type map"
            yield FieldError(Cause.INVALID, f"{path}[{index}]", says, item)
            return
    keys = [_keys(node, item or {}) for item in items]
    yield from _repeated(keys, path)


def _keys(node: Node, item: Object) -> Object:
    return {key: item[key] for key in node.list_keys if key in item}


def _repeated(values: list[Json], path: str) -> Iterator[FieldError]:
    if len(values) < 2:
        return
    seen: dict[bytes, int] = {}
    for index, value in enumerate(values):
        text = msgspec.json.encode(value, order="sorted")
        seen[text] = seen.get(text, 0) + 1
        if seen[text] == 2:
            yield FieldError(Cause.DUPLICATE, f"{path}[{index}]", "", value)
