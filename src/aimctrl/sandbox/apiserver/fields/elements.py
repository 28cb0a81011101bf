"""One step from an object or a list to a part of it, as `managedFields` writes it.

`f:name` is a field, `k:{"name":"main"}` an item of a list by its keys, `v:"main"` one of a set, `i:3` one by position.
Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/ (FieldsV1) and
https://pkg.go.dev/sigs.k8s.io/structured-merge-diff/v6/fieldpath#PathElement, which also has the order.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from aimctrl.sandbox.apiserver.gotext import compact, plain, quoted
from aimctrl.sandbox.apiserver.schema.node import NOTHING, Json, Node, is_array, is_object

FIELD = "f:"
SELF = "."
"""In the place of an element: the object or list that holds it, itself."""

_KINDS = "fkvi"


class ElementError(ValueError):
    """An item of a list that cannot be told from the others, or a text that is no element."""


def item_element(node: Node, item: Json) -> str:
    """The element of an item of a list that is a set or a map; `node` is the list's.

    Raises:
        ElementError: for an item without any key, or one that a set cannot have.
    """
    keys = node.list_keys
    if not keys:
        return f"v:{_set_value(item)}"
    if not is_object(item):
        kind = "a null element" if item is None else "non-map elements"
        raise ElementError(f"associative list with keys may not have {kind}")
    if len(keys) == 1 and type(item.get(keys[0])) is str:
        return _by_text(keys[0], item[keys[0]])
    values = ((key, item.get(key, NOTHING)) for key in _in_order(keys))
    pairs = ((key, _default(node, key) if value is NOTHING else value) for key, value in values)
    parts = [f'"{key}":{_written(value)}' for key, value in pairs if value is not NOTHING]
    if not parts:
        names = " ".join(map(quoted, keys))
        raise ElementError(
            f"associative list with keys has an element that omits all key fields [{names}] (and doesn't have default "
            "values for any key fields)"
        )
    return f"k:{{{','.join(parts)}}}"


def ordered(names: Iterable[str]) -> list[str]:
    """Elements in the server's order: the holder itself, fields, items by keys, set items, positions."""
    line = sorted(names)
    return line if not line or line[-1] < "g" else sorted(line, key=_rank)


@lru_cache(maxsize=4096)
def normal(element: str) -> str:
    """The element as the server writes it; `""` for a kind that it does not know.

    Raises:
        ElementError: where it is none.
    """
    if element[1:2] != ":":
        raise ElementError(f"missing colon: {element}" if len(element) > 1 else "key must be 2 characters long:")
    kind = element[0]
    if kind == "f":
        return element
    if kind not in _KINDS:
        return ""
    value = _decoded(element)
    if kind == "i" and not isinstance(value, int):
        raise ElementError(f"not a position: {element}")
    if kind == "k" and not is_object(value):
        raise ElementError(f"not keys: {element}")
    return f"{kind}:{compact(value)}"


@lru_cache(maxsize=4096)
def shown(element: str) -> str:
    """The element as messages show it: `.name`, `[name="main"]`, `[="main"]`, `[3]`."""
    if element.startswith(FIELD):
        return f".{element[2:]}"
    value = _decoded(element)
    if element[0] == "k":
        return f"[{','.join(f'{key}={_shown(part)}' for key, part in sorted(value.items()))}]"
    return f"[={_shown(value)}]" if element[0] == "v" else f"[{value}]"


_SCALARS = frozenset((str, int, bool, float))


@lru_cache(maxsize=65536)
def _by_text(key: str, value: str) -> str:
    """The element of an item whose only key is a text, as most are."""
    return f'k:{{"{key}":{compact(value)}}}'


def _written(value: Json) -> str:
    return _scalar(value) if type(value) in _SCALARS else compact(value)


def _set_value(item: Json) -> str:
    if type(item) in _SCALARS:
        return _scalar(item)
    if is_object(item):
        raise ElementError("associative list without keys has an element that's a map type")
    if is_array(item):
        raise ElementError("not supported: associative list with lists as elements")
    raise ElementError("associative list without keys has an element that's an explicit null")


def _default(node: Node, key: str) -> Json:
    child = node.items.child(key) if node.items else None
    return child.default if child else NOTHING


@lru_cache(maxsize=1024)
def _in_order(keys: tuple[str, ...]) -> list[str]:
    return sorted(keys)


@lru_cache(maxsize=65536, typed=True)
def _scalar(value: Json) -> str:
    return compact(value)


def _decoded(element: str) -> Any:
    try:
        return msgspec.json.decode(element[2:])
    except msgspec.DecodeError as error:
        raise ElementError(f"not JSON: {element}") from error


@lru_cache(maxsize=65536)
def _rank(element: str) -> tuple[Any, ...]:
    kind = element[0]
    if kind not in "kvi":
        return (0, element)
    value = _decoded(element)
    if kind == "k":
        return (1, [(key, _order(part)) for key, part in sorted(value.items())])
    return (2, _order(value)) if kind == "v" else (3, value)


def _order(value: Json) -> tuple[int, Json]:
    """Numbers before texts before booleans; what else there is goes by its JSON."""
    if isinstance(value, bool):
        return (2, value)
    if isinstance(value, (int, float)):
        return (0, value)
    return (1, value) if isinstance(value, str) else (3, compact(value))


def _shown(value: Json) -> str:
    if is_object(value):
        return "".join(f"{key}={_shown(part)}" for key, part in sorted(value.items()))
    if is_array(value):
        return f"[{','.join(map(_shown, value))}]"
    if value is None:
        return "null"
    return quoted(value) if isinstance(value, str) else plain(value)
