"""Whether list types, map types and the keys of map-like lists fit the schema that they stand in.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#custom-resources-and-server-side-apply
"""

from collections.abc import Iterator
from typing import Any

from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.schema.structural import Schema, properties_of

_LIST, _MAP, _KEYS = "x-kubernetes-list-type", "x-kubernetes-map-type", "x-kubernetes-list-map-keys"


def check_lists(schema: Schema, path: str) -> Iterator[FieldError]:
    """What is wrong with the three at one level."""
    list_type, map_type = schema.get(_LIST), schema.get(_MAP)
    keys: list[str] = schema.get(_KEYS) or list[str]()
    yield from _placed(schema, path, _MAP, "object")
    if map_type is not None and map_type not in {"atomic", "granular"}:
        words = 'supported values: "atomic", "granular"'
        yield FieldError(Cause.NOT_SUPPORTED, f"{path}.{_MAP}", words, map_type)
    yield from _placed(schema, path, _LIST, "array")
    if list_type == "set":
        yield from _set_errors(schema, path)
    if list_type is not None and list_type not in {"atomic", "set", "map"}:
        words = 'supported values: "atomic", "set", "map"'
        yield FieldError(Cause.NOT_SUPPORTED, f"{path}.{_LIST}", words, list_type)
    if keys and list_type != "map":
        says = f"must be map if {_KEYS} is non-empty"
        yield FieldError(Cause.INVALID if list_type else Cause.REQUIRED, f"{path}.{_LIST}", says, list_type)
    if list_type == "map":
        yield from _map_errors(schema, path, keys)
    if list_type in {"set", "map"} and schema.get("items") is not None:
        yield from _item_errors(schema, path, keys if list_type == "map" else [])


def _placed(schema: Schema, path: str, key: str, expected: str) -> Iterator[FieldError]:
    kind = schema.get("type") or ""
    if schema.get(key) is not None and kind != expected:
        says = f"must be {expected} if {key} is specified"
        yield FieldError(Cause.INVALID if kind else Cause.REQUIRED, f"{path}.type", says, kind)


def _set_errors(schema: Schema, path: str) -> Iterator[FieldError]:
    items: dict[str, Any] = schema.get("items") or {}
    says = "must be atomic as item of a list with x-kubernetes-list-type=set"
    list_type, map_type = items.get(_LIST), items.get(_MAP)
    if schema.get("type") != "array":
        return
    if items.get("type") == "array" and list_type not in {None, "atomic"}:
        yield FieldError(Cause.INVALID, f"{path}.items.{_LIST}", says, list_type)
    elif items.get("type") == "object" and map_type != "atomic":
        yield FieldError(Cause.INVALID, f"{path}.items.{_MAP}", says, list_type)


def _map_errors(schema: Schema, path: str, keys: list[str]) -> Iterator[FieldError]:
    if not keys:
        says = "must not be empty if x-kubernetes-list-type is map"
        yield FieldError(Cause.REQUIRED, f"{path}.{_KEYS}", says)
    items: dict[str, Any] | None = schema.get("items")
    if items is None:
        yield FieldError(Cause.REQUIRED, f"{path}.items", "must have a schema if x-kubernetes-list-type is map")
    elif (kind := items.get("type") or "") != "object":
        says = "must be object if parent array's x-kubernetes-list-type is map"
        yield FieldError(Cause.INVALID, f"{path}.items.type", says, kind)
    else:
        for place, key in enumerate(keys):
            yield from _key_errors(items, path, keys, place, key)


def _key_errors(items: Schema, path: str, keys: list[str], place: int, key: str) -> Iterator[FieldError]:
    declared = properties_of(items).get(key)
    if declared is None:
        yield FieldError(Cause.INVALID, f"{path}.{_KEYS}", "entries must all be names of item properties", keys)
    elif declared.get("type") in {"array", "object"}:
        says = "must be a scalar type if parent array's x-kubernetes-list-type is map"
        yield FieldError(Cause.INVALID, f"{path}.items.properties[{key}].type", says, items.get("type"))
    if key in keys[:place]:
        yield FieldError(Cause.INVALID, f"{path}.{_KEYS}", "must not contain duplicate entries", keys)


def _item_errors(schema: Schema, path: str, keys: list[str]) -> Iterator[FieldError]:
    """Neither an item nor what tells it from others may be absent."""
    items: dict[str, Any] = schema["items"]
    properties, required = properties_of(items), items.get("required") or ()
    if items.get("nullable"):
        says = f"cannot be nullable when x-kubernetes-list-type is {schema[_LIST]}"
        yield FieldError(Cause.FORBIDDEN, f"{path}.items.nullable", says)
    for key in keys:
        declared, at = properties.get(key), f"{path}.items.properties[{key}]"
        if declared is None:
            continue
        if key not in required and declared.get("default") is None:
            says = f"this property is in {_KEYS}, so it must have a default or be a required property"
            yield FieldError(Cause.REQUIRED, f"{at}.default", says)
        if declared.get("nullable"):
            says = f"this property is in {_KEYS}, so it cannot be nullable"
            yield FieldError(Cause.FORBIDDEN, f"{at}.nullable", says)
