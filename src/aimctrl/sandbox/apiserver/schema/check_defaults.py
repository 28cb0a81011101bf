"""Whether the defaults of a schema are valid themselves.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting
"""

from collections.abc import Iterator

from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.schema.parse import parse_part
from aimctrl.sandbox.apiserver.schema.prune import prune
from aimctrl.sandbox.apiserver.schema.rules import check_rules
from aimctrl.sandbox.apiserver.schema.shape import shape
from aimctrl.sandbox.apiserver.schema.structural import Schema, properties_of
from aimctrl.sandbox.apiserver.schema.validate import placed
from aimctrl.sandbox.apiserver.values import copied


def check_defaults(schema: Schema, path: str) -> list[FieldError]:
    """What is wrong with the defaults of a level and all below it; those in additionalProperties are not looked at."""
    return [*_level(schema, path)]


def _level(schema: Schema, path: str) -> Iterator[FieldError]:
    if schema.get("default") is not None:
        yield from _default(schema, f"{path}.default")
    if schema.get("items") is not None:
        yield from _level(schema["items"], f"{path}.items")
    for name, below in sorted(properties_of(schema).items()):
        yield from _level(below, f"{path}.properties[{name}]")


def _default(schema: Schema, path: str) -> Iterator[FieldError]:
    node, value = parse_part(schema), schema["default"]
    if prune(node, copied(value)):
        yield FieldError(Cause.INVALID, path, "must not have unknown fields", value)
    if errors := shape(node, value):
        yield from placed(errors, path)
    else:
        yield from placed(check_rules(node, value), path)
