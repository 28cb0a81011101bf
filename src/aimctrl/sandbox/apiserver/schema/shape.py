"""Types, bounds and formats of a value, in the words of the API server.

Each level is checked in the server's order: type, anyOf and its like, text, number, array, enum, object. What is known
to differ: properties go by name, where the server takes Go's random order.
Source: https://github.com/kubernetes/kube-openapi/tree/master/pkg/validation/validate
"""

from collections.abc import Mapping
from typing import Any

from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.gotext import quoted
from aimctrl.sandbox.apiserver.schema.correlation import old_items, same
from aimctrl.sandbox.apiserver.schema.matching import passed
from aimctrl.sandbox.apiserver.schema.node import NOTHING, UNBOUND, Bounds, Json, Node, Object, is_object
from aimctrl.sandbox.apiserver.schema.scalars import SCALARS, TYPES, Errors, check_count, check_enum, check_type


def shape(node: Node, value: Json, old: Json = NOTHING) -> Errors:
    """What is wrong with a value's types and bounds, with paths and messages relative to the value; each error once.

    What is as it was in `old` is not complained of.
    """
    errors: Errors = []
    _check(node, value, old, "", errors)
    return list({(error.path, error.cause, error.detail): error for error in errors}.values())


def _check(node: Node, value: Json, old: Json, path: str, errors: Errors) -> None:
    """Adds what is wrong with a value and all below it."""
    if value is old:
        return
    before = len(errors)
    kind = TYPES[type(value)]
    if kind != node.type:
        check_type(node, value, path, errors)
    if node.bounds is not UNBOUND or kind == "number":
        _check_bounds(node, value, old, path, errors)
    elif kind == "array":
        _check_items(node, value, old, path, errors)
    elif kind == "object":
        _check_fields(node, value, old, path, errors)
    if len(errors) > before and old is not NOTHING and same(value, old):
        del errors[before:]


def _check_bounds(node: Node, value: Json, old: Json, path: str, errors: Errors) -> None:
    """Adds what is wrong with a value whose schema has bounds, and all below it."""
    bounds, kind = node.bounds, TYPES[type(value)]
    if kind != "null" and (bounds.any_of or bounds.one_of or bounds.all_of or bounds.not_ is not None):
        _check_alternatives(bounds, value, old, path, errors)
    if look := SCALARS.get(kind):
        look(node, value, path, errors)
    elif kind == "array":
        _check_items(node, value, old, path, errors)
        check_count("items", len(value), (bounds.min_items, bounds.max_items), path, errors)
    if bounds.enum:
        check_enum(bounds, value, path, errors)
    if kind == "object":
        check_count("properties", len(value), (bounds.min_properties, bounds.max_properties), path, errors)
        _check_fields(node, value, old, path, errors)
        prefix = f"{path}." if path else ""
        errors.extend(FieldError(Cause.REQUIRED, prefix + key) for key in bounds.required if key not in value)


def _check_items(node: Node, value: list[Json], old: Json, path: str, errors: Errors) -> None:
    if node.items is not None:
        before = old_items(node, value, old)
        for index, part in enumerate(value):
            _check(node.items, part, before[index] if before else NOTHING, f"{path}[{index}]", errors)


def _check_fields(node: Node, value: Object, old: Json, path: str, errors: Errors) -> None:
    prefix = f"{path}." if path else ""
    before: Mapping[str, Any] = old if is_object(old) else {}
    for key in sorted(value):
        child = node.properties.get(key, node.additional)
        if child is not None:
            _check(child, value[key], before.get(key, NOTHING), prefix + key, errors)


def _check_alternatives(bounds: Bounds, value: Json, old: Json, path: str, errors: Errors) -> None:
    if bounds.any_of:
        _check_any_of(bounds.any_of, value, old, path, errors)
    if bounds.one_of:
        _check_one_of(bounds.one_of, value, old, path, errors)
    if bounds.all_of:
        _check_all_of(bounds.all_of, value, old, path, errors)
    if bounds.not_ is not None and not _wrong(bounds.not_, value, old, path):
        errors.append(_refused(path, "must not validate the schema (not)"))


def _check_any_of(nodes: tuple[Node, ...], value: Json, old: Json, path: str, errors: Errors) -> None:
    found: list[Errors] = []
    for node in nodes:
        found.append(_wrong(node, value, old, path))
        if not found[-1]:
            return
    errors.append(_refused(path, "must validate at least one schema (anyOf)"))
    errors.extend(_best(nodes, found, value))


def _check_one_of(nodes: tuple[Node, ...], value: Json, old: Json, path: str, errors: Errors) -> None:
    found = [_wrong(node, value, old, path) for node in nodes]
    valid = sum(not wrong for wrong in found)
    if valid == 1:
        return
    counted = f"Found {valid} valid alternatives" if valid else "Found none valid"
    errors.append(_refused(path, f"must validate one and only one schema (oneOf). {counted}"))
    if not valid:
        errors.extend(_best(nodes, found, value))


def _check_all_of(nodes: tuple[Node, ...], value: Json, old: Json, path: str, errors: Errors) -> None:
    found = [_wrong(node, value, old, path) for node in nodes]
    for wrong in found:
        errors.extend(wrong)
    if any(found):
        none = ". None validated" if all(found) else ""
        errors.append(_refused(path, f"must validate all the schemas (allOf){none}"))


def _wrong(node: Node, value: Json, old: Json, path: str) -> Errors:
    """What is wrong by one of several schemas."""
    errors: Errors = []
    _check(node, value, old, path, errors)
    return errors


def _refused(path: str, says: str) -> FieldError:
    """The server blames the object itself, and names the path in the message."""
    return FieldError(Cause.INVALID, "", f"{quoted(path)} {says}", "")


def _best(nodes: tuple[Node, ...], found: list[Errors], value: Json) -> Errors:
    """The errors of the alternative that the value matches best, the first of equals."""
    counts = [passed(node, value) for node in nodes]
    return found[counts.index(max(counts))]
