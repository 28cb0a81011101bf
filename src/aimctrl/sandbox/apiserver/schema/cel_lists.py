"""CEL's functions for lists and sets.

Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-list-library
"""

from collections.abc import Callable, Sequence
from typing import Any

from aimctrl.sandbox.apiserver.schema.cel_function import Function, on_list
from aimctrl.sandbox.apiserver.schema.node import is_array


def _extreme(name: str, choose: Callable[[Sequence[Any]], Any]) -> Callable[[list[Any]], Any]:
    def chosen(items: list[Any]) -> Any:
        if not items:
            raise ValueError(f"{name} called on empty list")
        return choose(items)

    return chosen


def _index_of(items: list[Any], wanted: Any) -> int:
    return items.index(wanted) if wanted in items else -1


def _last_index_of(items: list[Any], wanted: Any) -> int:
    return len(items) - 1 - items[::-1].index(wanted) if wanted in items else -1


def _distinct(items: list[Any]) -> list[Any]:
    found: list[Any] = []
    found.extend(item for item in items if item not in found)
    return found


def _flatten(items: list[Any], depth: int = 1) -> list[Any]:
    if depth < 0:
        raise ValueError("level must be non-negative")
    flat: list[Any] = []
    for item in items:
        flat.extend(_flatten(item, depth - 1) if is_array(item) and depth else [item])
    return flat


def _slice(items: list[Any], start: int, end: int) -> list[Any]:
    if not 0 <= start <= end <= len(items):
        raise ValueError(f"cannot slice({start}, {end}), list is length {len(items)}")
    return items[start:end]


def _subset(items: list[Any], wanted: list[Any]) -> bool:
    return all(item in items for item in wanted)


def _equivalent(one: list[Any], two: list[Any]) -> bool:
    return _subset(one, two) and _subset(two, one)


def _intersects(one: list[Any], two: list[Any]) -> bool:
    return any(item in one for item in two)


def _range(count: int) -> list[int]:
    return list(range(count))


FUNCTIONS = (
    on_list("isSorted", "bool", lambda items: items == sorted(items)),
    on_list("sum", "dyn", sum),
    on_list("min", "dyn", _extreme("min", min)),
    on_list("max", "dyn", _extreme("max", max)),
    Function("indexOf", "int", ("list", "dyn"), _index_of),
    Function("lastIndexOf", "int", ("list", "dyn"), _last_index_of),
    on_list("distinct", "list", _distinct),
    on_list("flatten", "list", _flatten),
    Function("flatten", "list", ("list", "int"), _flatten),
    Function("slice", "list", ("list", "int", "int"), _slice),
    on_list("sort", "list", sorted),
    on_list("reverse", "list", lambda items: items[::-1]),
    Function("lists.range", "list", ("int",), _range, method=False),
    Function("sets.contains", "bool", ("list", "list"), _subset, method=False),
    Function("sets.equivalent", "bool", ("list", "list"), _equivalent, method=False),
    Function("sets.intersects", "bool", ("list", "list"), _intersects, method=False),
)
