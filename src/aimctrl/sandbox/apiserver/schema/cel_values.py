"""Objects as CEL sees them: by the schema, with names that are CEL's.

What is known to differ: times and durations are texts to the macros that go through items.
Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
"""

import base64
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from aimctrl.sandbox.apiserver.schema.correlation import key_of
from aimctrl.sandbox.apiserver.schema.durations import parse_duration
from aimctrl.sandbox.apiserver.schema.node import NOTHING, Json, ListType, Node, Object, is_array, is_object
from aimctrl.sandbox.apiserver.schema.prune import TYPE_AND_META

DYN = "dyn"
"""The type of what has none."""

_RESERVED = re.compile(
    "true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void"
    "|while"
)
_PARTS = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
TEXTS = {"date-time": "timestamp", "date": "timestamp", "duration": "duration", "byte": "bytes"}
"""What CEL has types for among the formats of texts."""

_SCALARS = {"boolean": "bool", "integer": DYN, "number": DYN}
_TEXT = Node(type="string")
ROOT = {
    "apiVersion": _TEXT,
    "kind": _TEXT,
    "metadata": Node(type="object", properties={"name": _TEXT, "generateName": _TEXT}),
}


def type_of(node: Node) -> Any:
    """The type of a value in CEL: a name, or `list` or `map` with the type of what is in it."""
    if node.int_or_string:
        return DYN
    if node.type == "string":
        return TEXTS.get(node.bounds.format, "string")
    if node.type == "array" and node.items is not None:
        return ("list", _inner(node.items))
    if node.type == "object" and not node.properties and not node.embedded and node.additional is not None:
        return ("map", _inner(node.additional))
    return _SCALARS.get(node.type, DYN)


def _inner(node: Node) -> Any:
    inner = type_of(node)
    return DYN if inner in {"timestamp", "duration"} or isinstance(inner, tuple) else inner


@lru_cache(maxsize=4096)
def escape(name: str) -> str:
    """A field's name as CEL spells it; empty for what cannot be spelt."""
    if _RESERVED.fullmatch(name):
        return f"__{name}__"
    if re.fullmatch(r"[a-zA-Z_./-][\w./-]*", name, re.ASCII) is None:
        return ""
    return re.sub(r"__|[-./]", lambda match: _PARTS[match[0]], name)


def variable(node: Node, value: Json, names: frozenset[str] | None = None, like: Json = NOTHING) -> Any:
    """A value for a variable of its schema's type; of an object only the fields of those names, if any are given.

    The items of sets and map-like lists come in the order of `like`, so that equal ones compare as equal.
    """
    kind = type_of(node)
    if kind == "timestamp":
        return _moment(value)
    return _span(value) if kind == "duration" else _converted(node, value, names, like)


def _converted(node: Node, value: Json, names: frozenset[str] | None, like: Json) -> Any:
    if is_object(value):
        return _fields(node, value, names, like)
    if is_array(value):
        return _items(node, value, like)
    if node.type == "number" and isinstance(value, int):
        return float(value)
    return _text(node.bounds.format, value) if node.bounds.format and isinstance(value, str) else value


def _text(named: str, text: str) -> str | bytes:
    """A text of a format, so that CEL's functions `timestamp` and `duration` read it."""
    if named == "byte":
        return base64.b64decode(text)
    if named == "duration":
        return f"{(parse_duration(text) or 0) / 1e9:.9f}s"
    return _moment(text).isoformat() if named in {"date", "date-time"} else text


def _items(node: Node, value: list[Json], like: Json) -> list[Any]:
    if node.items is None:
        return value
    former: list[Json] = like if is_array(like) else []
    likes = [*former, *[NOTHING] * len(value)]
    return [_converted(node.items, item, None, likes[at]) for at, item in enumerate(_ordered(node, value, like))]


def _fields(node: Node, value: Object, names: frozenset[str] | None, like: Json) -> dict[str, Any]:
    former: Object = like if is_object(like) else {}
    declared = bool(node.properties) or node.embedded
    fields: dict[str, Any] = {}
    for key, part in value.items():
        name = escape(key) if declared else key
        if (declared and names is not None and not {name, key} & names) or (part is None and declared) or not name:
            continue
        child = _child(node, key)
        if child is None and node is ROOT["metadata"]:  # of which rules see no more than the names
            continue
        fields[name] = part if child is None else _converted(child, part, None, former.get(key, NOTHING))
        if declared and name != key:
            fields[key] = fields[name]
    return fields


def _child(node: Node, key: str) -> Node | None:
    if node.embedded and key in TYPE_AND_META:
        return ROOT[key]
    return node.child(key)


def _ordered(node: Node, items: list[Json], like: Json) -> list[Json]:
    if node.list_type is ListType.ATOMIC or not is_array(like):
        return items

    def key(item: Json) -> Any:
        return key_of(node, item) if node.list_type is ListType.MAP else repr(item)

    places = {key(item): place for place, item in enumerate(like)}
    return sorted(items, key=lambda item: places.get(key(item), len(places)))


def _moment(text: str) -> datetime:
    parsed = datetime.fromisoformat(text.upper())
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _span(text: str) -> timedelta:
    """A duration, to the microsecond."""
    return timedelta(microseconds=(parse_duration(text) or 0) / 1000)
