"""What makes a schema structural: a type at every level, and nothing but validation under allOf, anyOf, oneOf and not.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/ (Specifying a
structural schema).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.schema.node import is_object
from aimctrl.sandbox.apiserver.schema.patterns import PatternError, compiled

Schema = Mapping[str, Any]

_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]
_MUST_BE = {
    "type": "empty",
    "default": "undefined",
    "title": "empty",
    "description": "empty",
    "nullable": "false",
    "x-kubernetes-preserve-unknown-fields": "false",
    "x-kubernetes-embedded-resource": "false",
    "x-kubernetes-int-or-string": "false",
    "x-kubernetes-list-map-keys": "empty",
    "x-kubernetes-list-type": "undefined",
    "x-kubernetes-map-type": "undefined",
    "x-kubernetes-validations": "empty",
    "additionalProperties": "undefined",
}
"""What may not be said in a nested schema, and what it must be instead."""

_LEVELS = {
    "root": "at the root",
    "items": "for specified array items",
    "field": "for specified object fields",
}
_ONLY_NAMES = "must not specify anything other than name and generateName, but metadata is implicitly specified"


def check_structural(schema: Schema, path: str) -> list[FieldError]:
    """All that is not structural, ordered by what the errors say."""
    return sorted([*_level(schema, path, "root"), *_complete(schema, schema, path, path)], key=str)


def properties_of(schema: Schema) -> dict[str, Schema]:
    """The declared fields of a level."""
    declared: dict[str, Schema] | None = schema.get("properties")
    return declared or {}


def nested(schema: Schema, path: str) -> Iterator[tuple[Schema, str]]:
    """The schemas of `not`, `allOf`, `anyOf` and `oneOf`, with their paths."""
    if schema.get("not") is not None:
        yield schema["not"], f"{path}.not"
    for junctor in ("allOf", "anyOf", "oneOf"):
        for index, part in enumerate(schema.get(junctor) or ()):
            yield part, f"{path}.{junctor}[{index}]"


def _level(schema: Schema, path: str, level: str) -> Iterator[FieldError]:
    """One level of the structure itself and all below it."""
    yield from _type_errors(schema, path, level)
    yield from _extension_errors(schema, path)
    yield from _meta_errors(schema, path, level)
    yield from _pattern_errors(schema, path)
    for part, below in nested(schema, path):
        yield from _nested_level(part, below, excused=_is_int_or_string(schema, path, below))
    if schema.get("items") is not None:
        yield from _level(schema["items"], f"{path}.items", "items")
    elif schema.get("type") == "array":
        yield FieldError(Cause.REQUIRED, f"{path}.items", "must be specified")
    for name, part in properties_of(schema).items():
        yield from _level(part, f"{path}.properties[{name}]", "field")
    additional = schema.get("additionalProperties")
    if is_object(additional):
        yield from _level(additional, f"{path}.additionalProperties", "field")


def _type_errors(schema: Schema, path: str, level: str) -> Iterator[FieldError]:
    kind, at = schema.get("type") or "", f"{path}.type"
    if schema.get("x-kubernetes-embedded-resource") and kind != "object":
        says = "must be object if x-kubernetes-embedded-resource is true"
        yield FieldError(Cause.INVALID if kind else Cause.REQUIRED, at, says, kind)
    elif not (kind or schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")):
        yield FieldError(Cause.REQUIRED, at, f"must not be empty {_LEVELS[level]}")
    if level == "root" and kind not in {"", "object"}:
        yield FieldError(Cause.INVALID, at, "must be object at the root", kind)
    if level == "root" and schema.get("additionalProperties"):
        yield FieldError(Cause.FORBIDDEN, f"{path}.additionalProperties", "must not be used at the root")


def _extension_errors(schema: Schema, path: str) -> Iterator[FieldError]:
    if schema.get("x-kubernetes-int-or-string"):
        for key in ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"):
            if schema.get(key):
                yield FieldError(
                    Cause.INVALID, f"{path}.{key}", "must be false if x-kubernetes-int-or-string is true", value=True
                )
    if schema.get("x-kubernetes-embedded-resource"):
        if schema.get("additionalProperties"):
            says = "must not be used if x-kubernetes-embedded-resource is set"
            yield FieldError(Cause.FORBIDDEN, f"{path}.additionalProperties", says)
        if not schema.get("x-kubernetes-preserve-unknown-fields") and not schema.get("properties"):
            says = (
                "must not be empty if x-kubernetes-embedded-resource is true without "
                "x-kubernetes-preserve-unknown-fields"
            )
            yield FieldError(Cause.REQUIRED, f"{path}.properties", says)


def _meta_errors(schema: Schema, path: str, level: str) -> Iterator[FieldError]:
    """Of `apiVersion`, `kind` and `metadata` little may be said where they are there anyway."""
    properties = properties_of(schema)
    if level != "root" and not schema.get("x-kubernetes-embedded-resource"):
        return
    for name in ("kind", "apiVersion", "metadata"):
        expected = "object" if name == "metadata" else "string"
        if name in properties and (kind := properties[name].get("type") or "") != expected:
            yield FieldError(Cause.INVALID, f"{path}.properties[{name}].type", f"must be {expected}", kind)
    if level == "root" and "metadata" in properties and _says_more(properties["metadata"]):
        yield FieldError(Cause.FORBIDDEN, f"{path}.properties[metadata]", _ONLY_NAMES)


def _says_more(metadata: Schema) -> bool:
    """Whether a schema of metadata is about more than its names."""
    rest = set(metadata) - {"type", "default"}
    if set(properties_of(metadata)) <= {"name", "generateName"}:
        rest -= {"properties"}
    return bool(rest)


def _pattern_errors(schema: Schema, path: str) -> Iterator[FieldError]:
    if pattern := schema.get("pattern"):
        try:
            compiled(pattern)
        except PatternError as error:
            says = f"must be a valid regular expression, but isn't: {error}"
            yield FieldError(Cause.INVALID, f"{path}.pattern", says, pattern)


def _nested_level(schema: Schema, path: str, *, excused: bool) -> Iterator[FieldError]:
    """One level below a junctor; `excused` where it is part of how an int-or-string is written."""
    yield from _pattern_errors(schema, path)
    if excused:
        return
    for key, instead in _MUST_BE.items():
        if schema.get(key):
            yield FieldError(Cause.FORBIDDEN, f"{path}.{key}", f"must be {instead} to be structural")
    if "metadata" in properties_of(schema):
        yield FieldError(Cause.FORBIDDEN, f"{path}.properties[metadata]", "must not be specified in a nested context")
    for part, below in (*nested(schema, path), *_parts(schema, path)):
        yield from _nested_level(part, below, excused=_is_int_or_string(schema, path, below))


def _parts(schema: Schema, path: str) -> Iterator[tuple[Schema, str]]:
    if schema.get("items") is not None:
        yield schema["items"], f"{path}.items"
    for name, part in properties_of(schema).items():
        yield part, f"{path}.properties[{name}]"


def _is_int_or_string(schema: Schema, path: str, below: str) -> bool:
    """Whether the schema at `below` is one of the two types of an int-or-string."""
    return below.startswith(f"{path}.anyOf[") and schema.get("anyOf") == _INT_OR_STRING


def _complete(validation: Schema, schema: Schema, at: str, path: str) -> Iterator[FieldError]:
    """What is validated below a junctor of `validation` and not declared in the structure, `schema`."""
    for part, below in nested(validation, path):
        yield from _declared(part, schema, at, below)


def _declared(part: Schema, schema: Schema, at: str, path: str) -> Iterator[FieldError]:
    yield from _complete(part, schema, at, path)
    for deeper, below in _parts(part, path):
        step = below.removeprefix(path)
        if step == ".items":
            declared = schema.get("items")
        else:
            declared = properties_of(schema).get(step.removeprefix(".properties[").removesuffix("]"))
        if declared is None:
            yield FieldError(Cause.REQUIRED, at + step, f"because it is defined in {below}")
        else:
            yield from _declared(deeper, declared, at + step, below)
