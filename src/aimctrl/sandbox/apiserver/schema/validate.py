"""Validation of an object by its schema, as the API server does it on create and update.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
"""

from collections.abc import Sequence
from dataclasses import replace

from aimctrl.sandbox.apiserver.errors import NO_PATH, Cause, FieldError
from aimctrl.sandbox.apiserver.schema.embedded import check_embedded
from aimctrl.sandbox.apiserver.schema.lists import duplicates
from aimctrl.sandbox.apiserver.schema.node import NOTHING, Json, Node
from aimctrl.sandbox.apiserver.schema.rules import check_rules
from aimctrl.sandbox.apiserver.schema.shape import shape

_BLOCKING = frozenset({Cause.NOT_SUPPORTED, Cause.REQUIRED, Cause.TOO_LONG, Cause.TOO_MANY, Cause.TYPE_INVALID})
_SKIPPED = (
    "some validation rules were not checked because the object was invalid; correct the existing errors to complete "
    "validation"
)


def validate(
    node: Node, new: Json, old: Json = NOTHING, *, path: str = "", earlier: Sequence[FieldError] = ()
) -> list[FieldError]:
    """What is wrong with a value, by shape, list types and rules; `old` is the value that it replaces.

    Parts that are as they were are not complained of. With `path`, such as `status`, only the shape of that part of the
    object is checked, and messages are relative to it: that is how the server takes an update of a subresource.
    `earlier` are errors that were found before, which may keep the rules from being run; they are not returned.
    """
    errors = validate_shape(node, new, old, path=path)
    return [*errors, *validate_rules(node, new, old, (*earlier, *errors))]


def validate_shape(node: Node, new: Json, old: Json = NOTHING, *, path: str = "") -> list[FieldError]:
    """The first half of `validate`: what is wrong by shape and list types."""
    part: Node | None = node.child(path) if path else node
    errors: list[FieldError] = []
    if part is not None and (value := _part(new, path)) is not NOTHING:
        errors += placed(shape(part, value, _part(old, path)), path)
    errors += check_embedded(node, new)
    if repeated := list(duplicates(node, new)):
        errors += repeated if old is NOTHING or not any(duplicates(node, old)) else ()
    return errors


def validate_rules(node: Node, new: Json, old: Json, earlier: Sequence[FieldError]) -> list[FieldError]:
    """The second half of `validate`: what the rules say, where `earlier` errors do not keep them from being run."""
    if not node.ruled:
        return []
    if any(error.cause in _BLOCKING for error in earlier):
        return [FieldError(Cause.INVALID, NO_PATH, _SKIPPED)]
    return placed(check_rules(node, new, old), "")


def _part(value: Json, path: str) -> Json:
    if not path or value is NOTHING:
        return value
    return value.get(path, NOTHING)


def placed(errors: list[FieldError], path: str) -> list[FieldError]:
    """Errors of a part of an object, with the paths of the object."""
    return [replace(error, path=_joined(path, error.path)) for error in errors]


def _joined(path: str, below: str) -> str:
    return f"{path}.{below}" if path and below else path or below or NO_PATH
