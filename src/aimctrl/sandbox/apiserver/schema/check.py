"""Whether the schemas of a CRD may be: structural, consistent, with defaults that are valid and rules that compile.

What is known to differ: the cost of rules is not estimated, and of the types that a rule deals with only scalars, and
the fields that it names as in `self.a.b`, are checked.
Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.schema.check_defaults import check_defaults
from aimctrl.sandbox.apiserver.schema.check_lists import check_lists
from aimctrl.sandbox.apiserver.schema.check_rules import check_expressions, check_rule
from aimctrl.sandbox.apiserver.schema.node import is_array, is_object
from aimctrl.sandbox.apiserver.schema.structural import Schema, check_structural, nested, properties_of

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_NOT_SUPPORTED = ("id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref")
_IS_NOT = "is not supported"
_META = frozenset({"metadata", "kind", "apiVersion"})


@dataclass(frozen=True, slots=True)
class _Here:
    """A level's path, and what holds there because of the levels above."""

    path: str
    root: bool = False
    no_default: str = ""
    in_meta: bool = False

    def below(self, step: str, **changes: Any) -> "_Here":
        return replace(self, **{"path": self.path + step, "root": False, **changes})


def check_schemas(spec: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong with the schemas of a CRD's versions; where all have the same one, it is spoken of once."""
    schemas: list[Schema] = []
    for version in spec.get("versions") or ():
        validation: Schema | None = version.get("schema")
        schema = validation.get("openAPIV3Schema") if validation else None
        if not is_object(schema):
            return []
        schemas.append(schema)
    if all(schema == schemas[0] for schema in schemas):
        return check(schemas[0], "spec.validation.openAPIV3Schema") if schemas else []
    paths = [f"spec.versions[{place}].schema.openAPIV3Schema" for place in range(len(schemas))]
    return [error for schema, path in zip(schemas, paths, strict=True) for error in check(schema, path)]


def check(schema: Schema, path: str) -> list[FieldError]:
    """What is wrong with the schema of a version, which stands at that path of the CRD."""
    arrays = [*_arrays(schema, path)]
    if arrays:
        return arrays
    errors: list[FieldError] = []
    if schema.get("nullable"):
        errors.append(FieldError(Cause.FORBIDDEN, f"{path}.nullable", "nullable cannot be true at the root"))
    found = list(_level(schema, _Here(path, root=True)))
    unsound: list[FieldError] = []
    if not any(error.detail.endswith(_IS_NOT) for error in found):
        unsound = check_structural(schema, path) or check_defaults(schema, path)
    errors += [*unsound, *found]
    if not unsound:
        errors += check_expressions(schema, path, {error.path for error in found})
    return errors


def _arrays(schema: Schema, path: str) -> Iterator[FieldError]:
    """Where `items` is an array of schemas; nothing else reads such a schema."""
    items, additional = schema.get("items"), schema.get("additionalProperties")
    if is_array(items):
        yield FieldError(Cause.FORBIDDEN, f"{path}.items", "items must be a schema object and not an array")
    elif is_object(items):
        yield from _arrays(items, f"{path}.items")
    if is_object(additional):
        yield from _arrays(additional, f"{path}.additionalProperties")
    for name, part in sorted(properties_of(schema).items()):
        yield from _arrays(part, f"{path}.properties[{name}]")
    for part, below in nested(schema, path):
        yield from _arrays(part, below)


def _level(schema: Schema, here: _Here) -> Iterator[FieldError]:
    yield from _standard(schema, here)
    path = here.path
    if schema.get("uniqueItems"):
        says = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield FieldError(Cause.FORBIDDEN, f"{path}.uniqueItems", says)
    if schema.get("additionalProperties") is not None:
        yield from _additional(schema, here)
    for name, part in sorted(properties_of(schema).items()):
        yield from _level(part, _at_property(schema, name, here))
    for part, below in nested(schema, path):
        yield from _level(part, replace(here, path=below, root=False))
    if schema.get("items") is not None:
        yield from _level(schema["items"], here.below(".items"))
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        at = f"{path}.x-kubernetes-preserve-unknown-fields"
        yield FieldError(Cause.INVALID, at, "must be true or undefined", value=False)
    yield from check_lists(schema, path)
    for index, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
        yield from check_rule(rule, schema, f"{path}.x-kubernetes-validations[{index}]")


def _at_property(schema: Schema, name: str, here: _Here) -> _Here:
    step = f".properties[{name}]"
    if name in _META and (here.root or schema.get("x-kubernetes-embedded-resource")):
        reason = f"in top-level {name}" if here.root else here.no_default
        return here.below(step, in_meta=True, no_default=reason)
    return here.below(step)


def _additional(schema: Schema, here: _Here) -> Iterator[FieldError]:
    part, at = schema["additionalProperties"], f"{here.path}.additionalProperties"
    if schema.get("properties") and part is not True:
        yield FieldError(Cause.FORBIDDEN, at, "additionalProperties and properties are mutual exclusive")
    if is_object(part):
        reason = "inside additionalProperties applying to object metadata" if here.in_meta else here.no_default
        yield from _level(part, here.below(".additionalProperties", no_default=reason))


def _standard(schema: Schema, here: _Here) -> Iterator[FieldError]:
    """What OpenAPI has and a CRD may not have."""
    path, kind = here.path, schema.get("type") or ""
    if kind and kind not in _TYPES:
        words = ", ".join(f'"{name}"' for name in _TYPES)
        yield FieldError(Cause.NOT_SUPPORTED, f"{path}.type", f"supported values: {words}", kind)
    if schema.get("default") is not None and here.no_default:
        yield FieldError(Cause.FORBIDDEN, f"{path}.default", f"must not be set {here.no_default}")
    for key in _NOT_SUPPORTED:
        if schema.get(key) is not None:
            yield FieldError(Cause.FORBIDDEN, f"{path}.{key}", f"{key} {_IS_NOT}")
    if kind == "null":
        says = "type cannot be set to null, use nullable as an alternative"
        yield FieldError(Cause.FORBIDDEN, f"{path}.type", says)
    if here.in_meta and schema.get("x-kubernetes-embedded-resource"):
        at = f"{path}.x-kubernetes-embedded-resource"
        yield FieldError(Cause.FORBIDDEN, at, "must not be used inside of resource meta")
