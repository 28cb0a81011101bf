"""The `fieldPath` of a rule: which field below the rule's own is to blame.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#field-path
"""

import re

from aimctrl.sandbox.apiserver.schema.node import Node

_STEP = re.compile(r"\.([^.\[\]]+)|\['((?:\\.|[^'\\])*)'\]")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "'": "'", "\\": "\\"}


class FieldPathError(ValueError):
    """A path that leads to no field of the schema."""


def resolved(path: str, node: Node) -> str:
    """The path as errors write it: `spec.labels[app]`.

    Raises:
        FieldPathError: for what is no path, or names what the schema does not have.
    """
    at, written = 0, ""
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise FieldPathError(path)
        at = match.end()
        name = match[1] if match[1] is not None else _unescaped(match[2])
        written, node = _step(written, name, node)
    return written


def normalized(path: str, node: Node) -> str:
    """The path as errors write it; empty where there is none or it leads nowhere."""
    try:
        return resolved(path, node)
    except FieldPathError:
        return ""


def _step(written: str, name: str, node: Node) -> tuple[str, Node]:
    if node.properties:
        if name not in node.properties:
            raise FieldPathError(name)
        return (f"{written}.{name}" if written else name), node.properties[name]
    if node.additional is None:
        raise FieldPathError(name)
    return f"{written}[{name}]", node.additional


def _unescaped(text: str) -> str:
    def replaced(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise FieldPathError(text)
        return _ESCAPES[match[1]]

    return re.sub(r"\\(.)", replaced, text)
