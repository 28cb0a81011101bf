"""Which fields an object has."""

from aimctrl.sandbox.apiserver.fields.elements import FIELD, item_element
from aimctrl.sandbox.apiserver.fields.fieldset import LEAF, FieldSet, difference, level, with_self
from aimctrl.sandbox.apiserver.fields.grain import below, declared, granular, items
from aimctrl.sandbox.apiserver.schema.node import Json, Node, Object, is_array, is_object

_NEVER_OWNED: FieldSet = {
    "f:apiVersion": LEAF,
    "f:kind": LEAF,
    "f:metadata": {
        ".": LEAF,
        "f:clusterName": LEAF,
        "f:creationTimestamp": LEAF,
        "f:generation": LEAF,
        "f:managedFields": LEAF,
        "f:name": LEAF,
        "f:namespace": LEAF,
        "f:resourceVersion": LEAF,
        "f:selfLink": LEAF,
        "f:uid": LEAF,
    },
}


_NOTHING_IN_IT: tuple[Json, ...] = (None, {})

PARTED = frozenset((dict, list))
"""The types of values that have parts."""


def ownable(fields: FieldSet) -> FieldSet:
    """Without what nobody ever owns: the type, the name, and what the server alone sets."""
    return difference(fields, _NEVER_OWNED)


def of(node: Node, value: Object) -> FieldSet:
    """The fields that an applied object claims: all leaves, items of lists, and keys of maps.

    Raises:
        ElementError: where an item of a list cannot be told from the others.
    """
    parts: FieldSet = {}
    for key, part in value.items():
        if type(part) not in PARTED:
            parts[FIELD + key] = LEAF
            continue
        child = below(node, key)
        itself = not declared(node, key) or part in _NOTHING_IN_IT
        if not granular(child, part):
            parts[FIELD + key] = LEAF
            continue
        inner = _of_items(child, part) if is_array(part) else of(child, part)
        if itself:
            parts[FIELD + key] = with_self(inner)
        elif inner:
            parts[FIELD + key] = inner
    return level(parts)


def whole(node: Node, value: Json) -> FieldSet:
    """The value of an element that is in a set with all that is below it.

    Raises:
        ElementError: where an item of a list cannot be told from the others.
    """
    return with_self(inside(node, value))


def inside(node: Node, value: Json) -> FieldSet:
    """All that is below a value, each level included; nothing for what is owned as a whole.

    Raises:
        ElementError: where an item of a list cannot be told from the others.
    """
    if not granular(node, value):
        return LEAF
    if is_object(value):
        return level(
            {
                FIELD + key: whole(below(node, key), part) if type(part) in PARTED else LEAF
                for key, part in value.items()
            }
        )
    child = items(node)
    return level({element: whole(child, same[0]) if len(same) == 1 else LEAF for element, same in grouped(node, value)})


def grouped(node: Node, value: list[Json]) -> list[tuple[str, list[Json]]]:
    """The items of a set or a map, by element in order of appearance; those that share one are duplicates.

    Raises:
        ElementError: where an item of a list cannot be told from the others.
    """
    groups: dict[str, list[Json]] = {}
    for item in value:
        groups.setdefault(item_element(node, item), []).append(item)
    return list(groups.items())


def named(node: Node, fields: FieldSet) -> FieldSet:
    """The set, and each declared object of which it has a part."""
    return {key: _named(node, key, part) for key, part in fields.items()}


def _named(node: Node, key: str, part: FieldSet) -> FieldSet:
    if not part:
        return part
    if not key.startswith(FIELD):
        return named(items(node), part)
    name = key.removeprefix(FIELD)
    inner = named(below(node, name), part)
    return {".": LEAF, **inner} if declared(node, name) else inner


def _of_items(node: Node, value: list[Json]) -> FieldSet:
    child = items(node)
    parts: FieldSet = {}
    for element, same in grouped(node, value):
        item = same[0]
        inner = of(child, item) if len(same) == 1 and is_object(item) and granular(child, item) else LEAF
        parts[element] = with_self(inner)
    return level(parts)
