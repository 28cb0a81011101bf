"""Sets of fields, in the form in which `managedFields` holds them (FieldsV1), and their algebra.

A set is a tree: each key is a path element, each value is what of the set is below it. An empty value says that the
element itself is in the set, and nothing below; one with a key `.` that it is, besides what is below. The elements of
each level stand in the server's order. The set itself is empty where it has no keys. Nothing here changes a set:
results share what they have in common with what they were made of.
"""

from collections.abc import Iterator
from typing import TypeAlias

from aimctrl.sandbox.apiserver.fields.elements import SELF, ElementError, normal, ordered, shown
from aimctrl.sandbox.apiserver.schema.node import Json, is_object

FieldSet: TypeAlias = "dict[str, FieldSet]"
Path: TypeAlias = tuple[str, ...]

LEAF: FieldSet = {}
"""The value of an element that is in a set without anything below it; nobody may put anything in."""


def read(value: Json) -> FieldSet:
    """A set that somebody sent, in normal form; elements of kinds that are not known are left out.

    Raises:
        ElementError: where it is none.
    """
    return {key: part for key, part in _read(value).items() if key != SELF}


def has(part: FieldSet) -> bool:
    """Whether an element is in the set, by its value; not only what is below it."""
    return not part or SELF in part


def level(parts: FieldSet) -> FieldSet:
    """The same elements, in order."""
    return {key: parts[key] for key in ordered(parts)} if len(parts) > 1 else parts


def with_self(parts: FieldSet) -> FieldSet:
    """The value of an element that is in the set and has these elements below it."""
    return {SELF: LEAF, **parts} if parts else LEAF


def union(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in either set."""
    if one is other or not other:
        return one
    if not one:
        return other
    joined, grown = dict(one), False
    for key, theirs in other.items():
        mine = joined.get(key)
        if mine is None:
            joined[key], grown = theirs, True
        elif mine is not theirs:
            joined[key] = _joined(mine, theirs)
    return level(joined) if grown else joined


def difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in the first set and not in the second; the very first set where that takes nothing from it.

    What is below an element goes only where the other set names it, not with the element.
    """
    return _without(one, other, recursive=False)


def difference_below(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in the first set and neither in the second nor below anything that is."""
    return _without(one, other, recursive=True)


def intersection(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in both sets."""
    if len(other) < len(one):
        one, other = other, one
    shared: FieldSet = {}
    for key, mine in one.items():
        theirs = other.get(key)
        if theirs is None:
            continue
        below = intersection(mine, theirs)
        if has(mine) and has(theirs):
            shared[key] = with_self({element: part for element, part in below.items() if element != SELF})
        elif below:
            shared[key] = below
    return level(shared)


def paths(fields: FieldSet) -> Iterator[Path]:
    """All that is in a set, each level's own elements before what is below them."""
    for key, part in fields.items():
        if key != SELF and has(part):
            yield (key,)
    for key, part in fields.items():
        for rest in paths(part):
            yield (key, *rest)


def of_path(path: Path) -> FieldSet:
    """The set of one field."""
    fields = LEAF
    for element in reversed(path):
        fields = {element: fields}
    return fields


def path_text(path: Path) -> str:
    """A path as messages show it, such as `.spec.containers[name="main"].image`."""
    return "".join(shown(element) for element in path)


def _read(value: Json) -> FieldSet:
    if not is_object(value):
        raise ElementError("a set of fields is an object")
    parts: FieldSet = {}
    for key, part in value.items():
        if key == SELF:
            parts[SELF] = LEAF
        elif element := normal(key):
            parts[element] = _read(part)
    return LEAF if len(parts) == 1 and SELF in parts else level(parts)


def _joined(mine: FieldSet, theirs: FieldSet) -> FieldSet:
    if not mine:
        return theirs if has(theirs) else with_self(theirs)
    if not theirs:
        return mine if has(mine) else with_self(mine)
    return union(mine, theirs)


def _without(one: FieldSet, other: FieldSet, *, recursive: bool) -> FieldSet:
    lost = [key for key in other if key in one] if len(other) < len(one) else [key for key in one if key in other]
    left: FieldSet | None = None
    for key in lost:
        mine = one[key]
        rest = _part_without(mine, other[key], recursive=recursive)
        if rest is mine:
            continue
        left = dict(one) if left is None else left
        if rest is None:
            del left[key]
        else:
            left[key] = rest
    return one if left is None else left


def _part_without(mine: FieldSet, theirs: FieldSet, *, recursive: bool) -> "FieldSet | None":
    """What is left of an element's value; None where the element goes, and all below it."""
    taken = has(theirs)
    if taken and (recursive or not mine):
        return None
    if not mine:
        return mine
    rest = _without(mine, theirs, recursive=recursive) if theirs else mine
    if taken and SELF in rest:
        rest = {key: part for key, part in rest.items() if key != SELF}
    if not rest:
        return None
    return LEAF if len(rest) == 1 and SELF in rest else rest
