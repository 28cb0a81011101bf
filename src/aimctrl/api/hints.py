"""What the CRD says beyond the Python types. Decoding ignores it all: validation is the API server's business.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, GetJsonSchemaHandler, JsonValue, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `x-kubernetes-validations`: a CEL expression that must hold, and what to say where it does not.

    `field` is the path, relative to the schema that carries the rule, under which the API server reports it.
    """

    rule: str
    message: str
    field: str = ""
    reason: str = ""

    def wire(self) -> dict[str, str]:
        """The entry as the CRD has it."""
        entry = {"rule": self.rule, "message": self.message, "fieldPath": self.field, "reason": self.reason}
        return {key: value for key, value in entry.items() if value}


def validated(*rules: Rule) -> ConfigDict:
    """The `model_config` of a model whose schema carries these rules in place of those of its base."""
    entries: list[JsonValue] = [dict[str, JsonValue](rule.wire()) for rule in rules]
    return ConfigDict(json_schema_extra={"x-kubernetes-validations": entries})


def immutable(field: str) -> Rule:
    """On a `spec`: the field can never change; to set it later or to take it away is a change too."""
    unchanged = f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    return Rule(unchanged, f"{field} is immutable", f".{field}", "FieldValueForbidden")


def forbidden(field: str, why: str, *, is_list: bool = False) -> Rule:
    """On a whole object: the field of `spec` is declared, but only to be refused; undeclared it is pruned silently."""
    empty = f" || size(self.spec.{field}) == 0" if is_list else ""
    rule = f"!has(self.spec) || !has(self.spec.{field}){empty}"
    return Rule(rule, f"{field} {why}", f".spec.{field}", "FieldValueForbidden")


def name_at_most(length: int) -> Rule:
    """On a whole object: a limit on `metadata.name` below the 253 characters Kubernetes allows."""
    return Rule(f"size(self.metadata.name) <= {length}", f"metadata.name must have at most {length} characters")


class Hint:
    """In `Annotated`: keys that the schema of this type gets, such as `pattern` or `x-kubernetes-list-type`."""

    def __init__(self, **keys: Any) -> None:
        """Each `_` of a key stands for `-` where the key starts with `x_`."""
        self._keys = {key.replace("_", "-") if key.startswith("x_") else key: value for key, value in keys.items()}

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(core_schema) | self._keys


def text(limit: int, pattern: str = "", *, least: int = 1) -> Hint:
    """A string of `least` to `limit` characters that matches `pattern`."""
    return Hint(minLength=least, maxLength=limit, **({"pattern": pattern} if pattern else {}))


def mapped(limit: int, key: str = "name") -> Hint:
    """A list of at most `limit` objects with distinct values of `key`, each merged on its own by server-side apply."""
    return Hint(maxItems=limit, x_kubernetes_list_type="map", x_kubernetes_list_map_keys=[key])


def atomic() -> Hint:
    """A list that is replaced as a whole; without a limit, since in a status one would only stop the status."""
    return Hint(x_kubernetes_list_type="atomic")


def distinct(limit: int) -> Hint:
    """A list of at most `limit` scalars, all different."""
    return Hint(maxItems=limit, x_kubernetes_list_type="set")


OBJECT_NAME = text(253)
"""The name of another object, as long as Kubernetes allows."""

LABEL_NAME = text(63)
"""A name that is used as a label value or a label of DNS too."""

IMAGE = text(1024, r"^\S+$")
"""A reference to a container image."""

QUANTITY_PATTERN = r"^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,3})?$"
"""A Kubernetes quantity that is not negative."""

Quantity = Annotated[
    str | int,
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "minimum": 0,
            "maxLength": 64,
            "pattern": QUANTITY_PATTERN,
        }
    ),
]
"""A Kubernetes quantity as it was written: `16Gi`, `500m` or a whole number."""

FreeForm = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})]
"""A JSON object of somebody else's schema, kept as it is."""
