"""What an update changes, field by field."""

import msgspec

from aimctrl.sandbox.apiserver.fields.contents import PARTED, grouped, inside, whole
from aimctrl.sandbox.apiserver.fields.elements import FIELD
from aimctrl.sandbox.apiserver.fields.fieldset import LEAF, FieldSet, level, with_self
from aimctrl.sandbox.apiserver.fields.grain import below, granular, items
from aimctrl.sandbox.apiserver.schema.node import NOTHING, Json, Node, Object, is_object


class Changes(msgspec.Struct, frozen=True):
    """The fields that are new or have another value, and those that are gone; none is in both."""

    changed: FieldSet
    removed: FieldSet


def compared(node: Node, old: Object, new: Object) -> Changes:
    """What is different in the new object.

    Raises:
        ElementError: where an item of a list cannot be told from the others.
    """
    changed: FieldSet = {}
    removed: FieldSet = {}
    _compare_maps(node, old, new, changed, removed)
    return Changes(level(changed), level(removed))


def _compare_maps(node: Node, old: Object, new: Object, changed: FieldSet, removed: FieldSet) -> None:
    for key, value in new.items():
        before = old.get(key, NOTHING)
        if before is NOTHING:
            changed[FIELD + key] = whole(below(node, key), value) if type(value) in PARTED else LEAF
        elif before is not value and before != value:
            _compare(below(node, key), FIELD + key, (before, value), changed, removed)
    for key, value in old.items():
        if key not in new:
            removed[FIELD + key] = whole(below(node, key), value)


def _compare(node: Node, name: str, values: tuple[Json, Json], changed: FieldSet, removed: FieldSet) -> None:
    """Adds what is different in one part, which both objects have and which differs."""
    old, new = values
    parts_changed: FieldSet = {}
    parts_removed: FieldSet = {}
    if not (old or new) or not _matching(node, old, new):
        changed[name] = with_self(inside(node, new))
        parts_removed = inside(node, old)
    elif is_object(old or new):
        _compare_maps(node, old or {}, new or {}, parts_changed, parts_removed)
    else:
        _compare_items(node, (old or [], new or []), parts_changed, parts_removed)
    if parts_changed:
        changed[name] = level(parts_changed)
    if parts_removed:
        removed[name] = level(parts_removed)


def _matching(node: Node, old: Json, new: Json) -> bool:
    """Whether the parts of both values can be compared; null is like an empty value of the other's kind."""
    if old is None or new is None:
        return granular(node, new if old is None else old)
    return type(old) is type(new) and granular(node, new)


def _compare_items(node: Node, values: tuple[list[Json], list[Json]], changed: FieldSet, removed: FieldSet) -> None:
    """Compares sets and maps; items that are there twice count as one that is owned as a whole."""
    child = items(node)
    old, new = dict(grouped(node, values[0])), dict(grouped(node, values[1]))
    for element, now in new.items():
        before = old.get(element, [])
        if before == now:
            continue
        if len(before) == len(now) == 1:
            _compare(child, element, (before[0], now[0]), changed, removed)
            continue
        changed[element] = LEAF if len(now) > 1 else whole(child, now[0])
        if len(before) == 1:
            removed[element] = whole(child, before[0])
    for element, before in old.items():
        if element not in new:
            removed[element] = LEAF if len(before) > 1 else whole(child, before[0])
