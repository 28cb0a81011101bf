"""What is checked of a value without looking below it: type, text, number, enum, count; in the API server's words.

Source: https://github.com/kubernetes/kube-openapi/tree/master/pkg/validation/errors
"""

from collections.abc import Callable, Mapping
from typing import Any

from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.gotext import compact, quoted
from aimctrl.sandbox.apiserver.schema import formats, numbers
from aimctrl.sandbox.apiserver.schema.node import Bounds, Json, Node
from aimctrl.sandbox.apiserver.schema.patterns import compiled

Errors = list[FieldError]

TYPES: Mapping[type, str] = {
    bool: "boolean",
    str: "string",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}
"""The JSON types of Python's values."""

_FORMATS: Mapping[str, str] = {"integer": "int64", "number": "float64"}
_SAFE = 2.0**53


def invalid(path: str, value: Json, says: str) -> FieldError:
    """A value that is refused with a sentence about its path."""
    return FieldError(Cause.INVALID, path, f"{path} in body {says}", value)


def mismatch(path: str, expected: str, value: str) -> FieldError:
    """A value of another type or format than is expected; `value` is the name of its type, or itself."""
    return FieldError(Cause.TYPE_INVALID, path, f"{path} in body must be of type {expected}: {quoted(value)}", value)


def types_of(node: Node) -> tuple[str, ...]:
    """The types that a schema allows; none for any."""
    if node.int_or_string:
        return ("integer", "string")
    return (node.type,) if node.type else ()


def fits(node: Node, value: Json, kind: str) -> bool:
    """Whether a value of that kind is of a type that the schema allows; whole numbers are integers."""
    types = types_of(node)
    if kind in types or (kind == "integer" and "number" in types):
        return True
    return kind == "number" and "integer" in types and value.is_integer() and abs(value) <= _SAFE


def wrong_type(node: Node, value: Json) -> tuple[str, str] | None:
    """The type or format that is expected of a value, and what it is instead; None where it fits or anything does."""
    types, wanted = types_of(node), node.bounds.format
    if not types and not wanted:
        return None
    if value is None:
        return (",".join(types), "null") if types and not node.nullable else None
    kind = TYPES[type(value)]
    fit = fits(node, value, kind)
    if kind not in {"string", "array"} and wanted and not fit and _FORMATS.get(kind) != wanted:
        return wanted, _FORMATS.get(kind, "")
    if kind in {"string", "array"} and wanted and not {"number", "integer"} & set(types):
        return None
    return None if fit else (",".join(types), kind)


def check_type(node: Node, value: Json, path: str, errors: Errors) -> None:
    """Adds that a value is of a type that the schema does not allow."""
    if wrong := wrong_type(node, value):
        errors.append(mismatch(path, *wrong))


def check_count(counted: str, size: int, bounds: tuple[int | None, int | None], path: str, errors: Errors) -> None:
    """Adds that there are too few or too many items or properties."""
    least, most = bounds
    if least is not None and size < least:
        errors.append(invalid(path, size, f"should have at least {least} {counted}"))
    if most is not None and size > most:
        detail = f"must have at most {most} {'item' if most == 1 else 'items'}"
        errors.append(FieldError(Cause.TOO_MANY, path, detail, size))


def check_enum(bounds: Bounds, value: Json, path: str, errors: Errors) -> None:
    """Adds that a value is none of those that are allowed; null never is."""
    if value is None or not any(value == allowed and _alike(value, allowed) for allowed in bounds.enum):
        words = ", ".join(quoted(each if isinstance(each, str) else compact(each)) for each in bounds.enum)
        errors.append(FieldError(Cause.NOT_SUPPORTED, path, f"supported values: {words}", value))


def _alike(one: Json, other: Json) -> bool:
    return isinstance(one, bool) == isinstance(other, bool)


def _check_text(node: Node, value: str, path: str, errors: Errors) -> None:
    """Of length and pattern, only the first that is wrong is told."""
    bounds = node.bounds
    if bounds.max_length is not None and len(value) > bounds.max_length:
        unit = "byte" if bounds.max_length == 1 else "bytes"
        errors.append(FieldError(Cause.TOO_LONG, path, f"may not be more than {bounds.max_length} {unit}"))
    elif bounds.min_length is not None and len(value) < bounds.min_length:
        errors.append(invalid(path, value, f"should be at least {bounds.min_length} chars long"))
    elif bounds.pattern and not compiled(bounds.pattern).search(value):
        errors.append(invalid(path, value, f"should match '{bounds.pattern}'"))
    if bounds.format and node.type not in {"integer", "number"} and not formats.conforms(bounds.format, value):
        errors.append(mismatch(path, bounds.format, value))


def _check_number(node: Node, value: float, path: str, errors: Errors) -> None:
    bounds = node.bounds
    if kind := numbers.out_of_range(node.type, bounds.format, value):
        errors.append(FieldError(Cause.INVALID, "", f"Checked value must be of {kind} in {path}", ""))
    if bounds.multiple_of is not None and isinstance(value, int) and not int(bounds.multiple_of):
        says = f"factor MultipleOf declared for {path} must be positive: 0"
        errors.append(FieldError(Cause.INVALID, path, says, 0))
    errors.extend(invalid(path, value, f"should be {says}") for says in numbers.complaints(bounds, value))


SCALARS: Mapping[str, Callable[[Node, Any, str, Errors], None]] = {
    "string": _check_text,
    "integer": _check_number,
    "number": _check_number,
}
"""What is checked of a value of a type."""
