"""One level of a structural schema, in the form that pruning, validation, patches and server-side apply walk.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/ for CRDs, and
the `x-kubernetes-*` extensions of the OpenAPI documents for built-in kinds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeGuard

Json = Any
"""A JSON value as msgspec decodes it: dict with str keys, list, str, int, float, bool or None."""

Object = dict[str, Any]
"""A JSON object. One that is stored or was sent is never changed; `copied` makes one that may be."""


class Missing:
    """The type of NOTHING: no value, which is not null."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING = Missing()
"""Stands for a field that is absent."""


def is_object(value: Json) -> TypeGuard[Object]:
    """Whether a value is a JSON object."""
    return isinstance(value, dict)


def is_array(value: Json) -> TypeGuard[list[Json]]:
    """Whether a value is a JSON array."""
    return isinstance(value, list)


class ListType(StrEnum):
    """How the parts of an array are merged and owned (`x-kubernetes-list-type`)."""

    ATOMIC = "atomic"
    SET = "set"
    MAP = "map"


@dataclass(frozen=True, slots=True)
class Rule:
    """One of `x-kubernetes-validations`; `field_path` is as written there, such as `.spec.metric`.

    `timed` is the rule in which fields that are times are told from texts, as it is run.
    """

    rule: str
    message: str = ""
    message_expression: str = ""
    reason: str = ""
    field_path: str = ""
    optional_old_self: bool = False
    timed: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The value validations of one level; None and empty where there is none."""

    enum: tuple[Json, ...] = ()
    pattern: str = ""
    format: str = ""
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    unique_items: bool = False
    min_properties: int | None = None
    max_properties: int | None = None
    required: tuple[str, ...] = ()
    all_of: "tuple[Node, ...]" = ()
    any_of: "tuple[Node, ...]" = ()
    one_of: "tuple[Node, ...]" = ()
    not_: "Node | None" = None


UNBOUND = Bounds()
"""The bounds of whatever has none."""


@dataclass(frozen=True, slots=True)
class Node:
    """One level of a schema. `type` is `object`, `array`, `string`, `integer`, `number`, `boolean`, or `""` for any.

    `properties` are the declared fields, `additional` is the schema of all other keys of a map (None: there is none),
    `items` that of an array's items. `list_keys` are the keys of a map-like list; `atomic_map` says that an object is
    owned as a whole. `merge_key` and `merge_strategy` are strategic merge patch's, of built-in kinds only. `ruled`,
    `transitional`, `defaulted` and `keyed` say that there are rules, rules about the former value, defaults, or sets
    and map-like lists here or below, `embedding` that there are embedded objects below, so that nobody need look where
    there are none; they are set for custom kinds.
    """

    type: str = ""
    properties: "Mapping[str, Node]" = field(default_factory=dict[str, "Node"])
    additional: "Node | None" = None
    items: "Node | None" = None
    nullable: bool = False
    default: Json = NOTHING
    preserve_unknown: bool = False
    int_or_string: bool = False
    embedded: bool = False
    list_type: ListType = ListType.ATOMIC
    list_keys: tuple[str, ...] = ()
    atomic_map: bool = False
    merge_key: str = ""
    merge_strategy: str = ""
    bounds: Bounds = UNBOUND
    rules: tuple[Rule, ...] = ()
    ruled: bool = False
    transitional: bool = False
    defaulted: bool = False
    keyed: bool = False
    embedding: bool = False

    def child(self, key: str) -> "Node | None":
        """The schema of that key of an object: its own, else that of all others; None where it is unknown."""
        return self.properties.get(key, self.additional)


ANY = Node(preserve_unknown=True)
"""The schema of whatever is below a field that keeps unknown fields."""
