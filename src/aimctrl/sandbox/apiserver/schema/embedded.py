"""Objects within objects (`x-kubernetes-embedded-resource`): what they have to say of themselves.

What is known to differ: their metadata is not checked.
Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#rawextension
"""

import re
from collections.abc import Iterator

from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.schema.node import Json, Node, Object, is_array, is_object

_KIND = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_BAD_KIND = (
    "may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case alphanumeric "
    "characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  "
    "or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)


def check_embedded(node: Node, value: Json, path: str = "") -> Iterator[FieldError]:
    """What is missing or wrong in `apiVersion` and `kind` of every embedded object below a value."""
    if not node.embedding:
        return
    if is_object(value):
        for key in sorted(value):
            child = node.child(key)
            if child is not None and isinstance(value[key], (dict, list)):
                yield from _check(child, value[key], _below(node, path, key))
    elif is_array(value) and node.items is not None:
        for index, part in enumerate(value):
            yield from _check(node.items, part, f"{path}[{index}]")


def _check(node: Node, value: Json, path: str) -> Iterator[FieldError]:
    if node.embedded and is_object(value):
        yield from _type_errors(value, path)
    yield from check_embedded(node, value, path)


def _below(node: Node, path: str, key: str) -> str:
    if key not in node.properties:
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _type_errors(value: Object, path: str) -> Iterator[FieldError]:
    for key in ("apiVersion", "kind"):
        if key not in value:
            yield FieldError(Cause.REQUIRED, f"{path}.{key}")
    for key in ("apiVersion", "kind"):
        if key in value and (says := _complaint(key, value[key])):
            yield FieldError(Cause.INVALID, f"{path}.{key}", says, value[key])


def _complaint(key: str, text: Json) -> str:
    if not isinstance(text, str):
        return "must be a string"
    if not text:
        return "must not be empty"
    if key == "apiVersion":
        return f"unexpected GroupVersion string: {text}" if text.count("/") > 1 else ""
    return "" if len(text) <= 63 and _KIND.fullmatch(text.lower()) else _BAD_KIND
