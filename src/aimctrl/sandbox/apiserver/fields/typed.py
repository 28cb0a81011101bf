"""Whether an applied object fits its kind, as far as server-side apply has to know.

Source: the answers of a kube-apiserver v1.36 to applied objects of all shapes.
"""

from collections.abc import Callable

from aimctrl.sandbox.apiserver.fields.elements import ElementError, item_element, shown
from aimctrl.sandbox.apiserver.fields.grain import below, items, known
from aimctrl.sandbox.apiserver.gotext import printed, source, type_name
from aimctrl.sandbox.apiserver.schema.node import Json, ListType, Node, Object, is_array, is_object

Faults = list[str]

_STRICT_FORMATS = ("", "byte")
"""Text of other formats may be sent as any scalar."""


def faults(node: Node, value: Object) -> Faults:
    """What is wrong with an applied object; empty if nothing is.

    Fields that are not known, values of the wrong type, and items of lists that cannot be told from each other.
    """
    found: Faults = []
    _check(node, value, "", found)
    return found


def _check(node: Node, value: Json, path: str, found: Faults) -> None:
    kind = node.type or _kind(value)
    if value is None or not kind:
        return
    if kind == "object":
        _check_object(node, value, path, found)
    elif kind == "array":
        _check_array(node, value, path, found)
    elif fault := _SCALARS[kind](node, value):
        found.append(_at(path, fault))


def _kind(value: Json) -> str:
    """Which of the types with parts a value of any type has."""
    if is_object(value):
        return "object"
    return "array" if is_array(value) else ""


def _check_object(node: Node, value: Json, path: str, found: Faults) -> None:
    if not is_object(value):
        found.append(_at(path, f"expected map, got &{{{printed(value)}}}"))
        return
    for key in sorted(value):
        if not known(node, key):
            found.append(_at(f"{path}.{key}", "field not declared in schema"))
            return
        _check(below(node, key), value[key], f"{path}.{key}", found)


def _check_array(node: Node, value: Json, path: str, found: Faults) -> None:
    if not is_array(value):
        found.append(_at(path, f"expected list, got &{{{printed(value)}}}"))
        return
    child = items(node)
    seen: set[str] = set()
    for index, item in enumerate(value):
        where = f"[{index}]"
        if node.list_type is not ListType.ATOMIC:
            try:
                element = item_element(node, item)
            except ElementError as error:
                found.append(_at(path, f"element {index}: {error}"))
                return
            where = shown(element)
            if element in seen:
                found.append(_at(path, f"duplicate entries for key {where}"))
            seen.add(element)
        _check(child, item, path + where, found)


def _at(path: str, fault: str) -> str:
    return f"{path}: {fault}" if path else fault


def _number(_node: Node, value: Json) -> str:
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    return "" if good else f"expected numeric (int or float), got {type_name(value)}"


def _text(node: Node, value: Json) -> str:
    if isinstance(value, str) or (node.bounds.format not in _STRICT_FORMATS and not isinstance(value, (dict, list))):
        return ""
    return f"expected string, got &value.valueUnstructured{{Value:{source(value)}}}"


def _boolean(_node: Node, value: Json) -> str:
    return "" if isinstance(value, bool) else f"expected boolean, got &{{{printed(value)}}}"


_SCALARS: dict[str, Callable[[Node, Json], str]] = {
    "integer": _number,
    "number": _number,
    "string": _text,
    "boolean": _boolean,
}
