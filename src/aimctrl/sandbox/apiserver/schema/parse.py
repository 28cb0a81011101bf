"""Structural schemas from the OpenAPI v3 of a CRD's version.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from aimctrl.sandbox.apiserver.schema.cel_fields import with_times
from aimctrl.sandbox.apiserver.schema.formats import supported
from aimctrl.sandbox.apiserver.schema.node import UNBOUND, Bounds, Json, ListType, Node, Rule, is_array

Schema = Mapping[str, Json]

Fields = dict[str, Any]
"""The arguments of a Node, or of its Bounds, as far as they are known."""

Reader = Callable[[Any, Fields, Fields], None]

_PLAIN = frozenset({"type", "format", "description"})
_LIST_TYPES = frozenset(ListType)


def parse(schema: Schema) -> Node:
    """The root of a CRD's `openAPIV3Schema`, which is taken to be sound: `check` tells whether it is.

    Like every root of a resource it is embedded: `apiVersion`, `kind` and `metadata` are there undeclared.
    """
    return replace(parse_part(schema), embedded=True)


def parse_part(schema: Schema) -> Node:
    """The node of one level of a schema."""
    if schema.keys() <= _PLAIN:
        return _plain(schema.get("type", ""), schema.get("format", ""))
    fields: Fields = {}
    bounds: Fields = {}
    for key, value in schema.items():
        if value is not None and (read := _READERS.get(key)):
            read(value, fields, bounds)
    kind = "" if fields.get("int_or_string") else fields.get("type", "")
    if kept := supported(schema.get("format", ""), kind):
        bounds["format"] = kept
    node = Node(**fields, bounds=Bounds(**bounds) if bounds else UNBOUND)
    if not node.rules:
        return node
    return replace(node, rules=tuple(replace(rule, timed=with_times(rule.rule, node)) for rule in node.rules))


@cache
def _plain(kind: str, named: str) -> Node:
    """The node of a scalar, as most are: they share it."""
    kept = supported(named, kind) if named else ""
    return Node(type=kind, bounds=Bounds(format=kept)) if kept else Node(type=kind)


def _below(node: Node, fields: Fields) -> None:
    """Marks the parent of a node that holds what not every node does."""
    for mark in ("ruled", "transitional", "defaulted", "keyed", "embedding"):
        if getattr(node, mark):
            fields[mark] = True
    if node.embedded:
        fields["embedding"] = True


def _properties(value: Mapping[str, Schema], fields: Fields, _: Fields) -> None:
    nodes = fields["properties"] = {name: parse_part(part) for name, part in value.items()}
    for node in nodes.values():
        _below(node, fields)


def _items(value: Schema, fields: Fields, _: Fields) -> None:
    node = fields["items"] = parse_part(value)
    _below(node, fields)


def _additional(value: Any, fields: Fields, _: Fields) -> None:
    if value is not False:
        node = fields["additional"] = Node() if value is True else parse_part(value)
        _below(node, fields)


def _rules(value: list[Fields], fields: Fields, _: Fields) -> None:
    fields["rules"] = tuple(_rule(rule) for rule in value)
    fields["ruled"] = True
    if any("oldSelf" in rule.rule for rule in fields["rules"]):
        fields["transitional"] = True


def _rule(rule: Fields) -> Rule:
    return Rule(
        rule.get("rule", ""),
        rule.get("message", ""),
        rule.get("messageExpression", ""),
        rule.get("reason", ""),
        rule.get("fieldPath", ""),
        rule.get("optionalOldSelf", False),
    )


def _default(value: Json, fields: Fields, _: Fields) -> None:
    fields["default"] = value
    fields["defaulted"] = True


def _list_type(value: str, fields: Fields, _: Fields) -> None:
    if value in _LIST_TYPES:
        fields["list_type"] = ListType(value)
        if value != ListType.ATOMIC:
            fields["keyed"] = True


def _list_keys(value: list[str], fields: Fields, _: Fields) -> None:
    fields["list_keys"] = tuple(value)


def _map_type(value: str, fields: Fields, _: Fields) -> None:
    fields["atomic_map"] = value == "atomic"


def _not(value: Schema, _: Fields, bounds: Fields) -> None:
    bounds["not_"] = parse_part(value)


def _field(name: str) -> Reader:
    def read(value: Any, fields: Fields, _: Fields) -> None:
        fields[name] = value

    return read


def _bound(name: str) -> Reader:
    def read(value: Any, _: Fields, bounds: Fields) -> None:
        bounds[name] = tuple(value) if is_array(value) else value

    return read


def _schemas(name: str) -> Reader:
    def read(value: list[Schema], _: Fields, bounds: Fields) -> None:
        bounds[name] = tuple(parse_part(part) for part in value)

    return read


_READERS: Mapping[str, Reader] = {
    "type": _field("type"),
    "nullable": _field("nullable"),
    "properties": _properties,
    "items": _items,
    "additionalProperties": _additional,
    "default": _default,
    "x-kubernetes-preserve-unknown-fields": _field("preserve_unknown"),
    "x-kubernetes-int-or-string": _field("int_or_string"),
    "x-kubernetes-embedded-resource": _field("embedded"),
    "x-kubernetes-validations": _rules,
    "x-kubernetes-list-type": _list_type,
    "x-kubernetes-list-map-keys": _list_keys,
    "x-kubernetes-map-type": _map_type,
    "enum": _bound("enum"),
    "pattern": _bound("pattern"),
    "minimum": _bound("minimum"),
    "maximum": _bound("maximum"),
    "exclusiveMinimum": _bound("exclusive_minimum"),
    "exclusiveMaximum": _bound("exclusive_maximum"),
    "multipleOf": _bound("multiple_of"),
    "minLength": _bound("min_length"),
    "maxLength": _bound("max_length"),
    "minItems": _bound("min_items"),
    "maxItems": _bound("max_items"),
    "uniqueItems": _bound("unique_items"),
    "minProperties": _bound("min_properties"),
    "maxProperties": _bound("max_properties"),
    "required": _bound("required"),
    "allOf": _schemas("all_of"),
    "anyOf": _schemas("any_of"),
    "oneOf": _schemas("one_of"),
    "not": _not,
}
