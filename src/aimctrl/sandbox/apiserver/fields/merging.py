"""Merging an applied object into the stored one, and taking out what is not applied any more.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy.
"""

from collections.abc import Sequence
from typing import Any

from aimctrl.sandbox.apiserver.fields.contents import grouped
from aimctrl.sandbox.apiserver.fields.elements import FIELD, item_element
from aimctrl.sandbox.apiserver.fields.fieldset import FieldSet, has
from aimctrl.sandbox.apiserver.fields.grain import below, granular, items
from aimctrl.sandbox.apiserver.schema.node import NOTHING, Json, Node, Object, is_array, is_object


def merged(node: Node, live: Json, applied: Json) -> Any:
    """The stored value with the applied one in it; either may be NOTHING. Shares parts with both.

    A null takes the place of a leaf, not of what has parts. A list that both have is in the applied order, with what
    only the stored one has where it was.

    Raises:
        ElementError: where an item of a list cannot be told from the others.
    """
    if applied is NOTHING:
        return live
    if live is NOTHING or not (live or applied) or not _mergeable(node, live, applied):
        return applied
    if is_object(live or applied):
        return _merged_maps(node, live or {}, applied or {})
    return _merged_lists(node, live or [], applied or [])


def without(node: Node, value: Json, fields: FieldSet) -> Any:
    """The value without these parts of it; None where none are left. What is owned as a whole goes with any part."""
    if is_object(value):
        return _map_without(node, value, fields) or None
    if is_array(value):
        return _list_without(node, value, fields) or None
    return value


def _mergeable(node: Node, live: Json, applied: Json) -> bool:
    if live is None or applied is None:
        return granular(node, applied if live is None else live)
    return type(live) is type(applied) and granular(node, applied)


def _merged_maps(node: Node, live: Object, applied: Object) -> Object:
    result = dict(live)
    for key, part in applied.items():
        result[key] = merged(below(node, key), live.get(key, NOTHING), part)
    return result


def _merged_lists(node: Node, live: list[Json], applied: list[Json]) -> list[Json]:
    child = items(node)
    wanted = {element: same[0] for element, same in grouped(node, applied)}
    there: dict[str, Json] = {}
    for item in live:
        element = item_element(node, item)
        there[element] = None if element in there else item
    result: list[Json] = []
    for element, item in _in_order([(item_element(node, item), item) for item in live], list(wanted), there):
        if element not in wanted:
            result.append(item)
        else:
            result.append(merged(child, there.get(element, NOTHING), wanted[element]))
    return result


def _in_order(
    live: Sequence[tuple[str, Json]], wanted: Sequence[str], there: dict[str, Json]
) -> list[tuple[str, Json]]:
    """The elements of a merged list, in order, each with its live item where nothing is merged into it.

    They are as wanted. What only the live list has comes before the next of them that the live list has later
    on; before one that it has no more, all the rest of it comes.
    """
    wants = set(wanted)
    line: list[tuple[str, Json]] = []
    at = 0
    for element, target in zip(wanted, _targets(wanted, there), strict=True):
        while at < len(live) and live[at][0] != target:
            if live[at][0] not in wants:
                line.append(live[at])
            at += 1
        line.append((element, None))
    return line + [pair for pair in live[at:] if pair[0] not in wants]


def _targets(wanted: Sequence[str], there: dict[str, Json]) -> list[str]:
    """For each element the first one from there on that the live list has too; `""` for none."""
    target = ""
    targets: list[str] = []
    for element in reversed(wanted):
        target = element if element in there else target
        targets.append(target)
    return targets[::-1]


def _map_without(node: Node, value: Object, fields: FieldSet) -> Object:
    result: Object = {}
    if not granular(node, value):
        return result
    for key, part in value.items():
        lost = fields.get(FIELD + key)
        if lost is None:
            result[key] = part
        elif not has(lost):
            result[key] = without(below(node, key), part, lost)
    return result


def _list_without(node: Node, value: list[Json], fields: FieldSet) -> list[Json]:
    result: list[Json] = []
    if not granular(node, value):
        return result
    child = items(node)
    for item in value:
        lost = fields.get(item_element(node, item))
        if lost is None:
            result.append(item)
        elif not has(lost):
            result.append(without(child, item, lost))
    return result
