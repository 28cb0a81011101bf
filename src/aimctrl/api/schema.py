"""From pydantic's JSON schema of a model to the structural schema that a CRD takes.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core.core_schema import ModelSchema

from aimctrl.api.docs import described

Schema = dict[str, Any]

KEPT = frozenset({
    "type", "format", "description", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum",
    "minItems", "maxItems", "minProperties", "maxProperties",
    "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys", "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations",
})  # fmt: skip
"""Keywords that mean the same on both sides."""

DROPPED = frozenset({"title", "$defs"})
"""Keywords of pydantic's that say nothing a CRD needs."""


class SchemaError(ValueError):
    """A model holds something that a structural schema cannot say; the message gives the path."""


class _Generate(GenerateJsonSchema):
    """Metadata's default is no JSON; a CRD has no place for it anyway."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - pydantic's own declaration

    def model_schema(self, schema: ModelSchema) -> Schema:
        """Pydantic's, with what the source says of each field."""
        found = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        for name, text in described(model).items():
            alias = model.model_fields[name].validation_alias if name in model.model_fields else None
            if alias in found["properties"]:
                found["properties"][alias] = found["properties"][alias] | {"description": text}
        return found


def structural(model: type[BaseModel], *, defaults: bool, among: tuple[type[BaseModel], ...] = ()) -> Schema:
    """The structural schema of a model, `$ref` resolved and null left out; equal models give equal schemas.

    `defaults` keeps those defaults that are one scalar; in a status, a default would claim what nobody observed.
    `among` are all models that are to be asked for, this one too: they have much in common, and so cost less.
    Raises SchemaError where the model cannot be said structurally.
    """
    sources, definitions = _sources(among or (model,))
    return _Conversion(definitions, defaults).convert(sources[model], model.__name__)


@cache
def _sources(models: tuple[type[BaseModel], ...]) -> tuple[Mapping[type[Any], Schema], Mapping[str, Schema]]:
    """Pydantic's schemas, not to be changed, and the definitions that they refer to."""
    found, shared = models_json_schema([(m, "validation") for m in models], by_alias=True, schema_generator=_Generate)
    return {model: schema for (model, _), schema in found.items()}, shared.get("$defs", {})


@dataclass(frozen=True, slots=True)
class _Conversion:
    definitions: Mapping[str, Schema]
    defaults: bool

    def convert(self, source: Schema, path: str) -> Schema:
        """The structural form of `source`; nothing of it is shared with the result."""
        flat = self._flatten(source)
        return {key: value for name in sorted(flat) for key, value in self._keyword(name, flat[name], path).items()}

    def _flatten(self, source: Schema) -> Schema:
        """`source` with `$ref` and `X | null` replaced by what they stand for; what stands beside them wins."""
        if "$ref" in source:
            inner = self.definitions[source["$ref"].removeprefix("#/$defs/")]
            return self._flatten(inner | {key: value for key, value in source.items() if key != "$ref"})
        options = source.get("anyOf", [])
        rest = [option for option in options if option != {"type": "null"}]
        if len(rest) == 1 and len(options) > 1:
            return self._flatten(rest[0] | {key: value for key, value in source.items() if key != "anyOf"})
        return source

    def _keyword(self, name: str, value: Any, path: str) -> Schema:
        if name in KEPT:
            return {name: _copy(value)}
        if name in DROPPED or (name == "additionalProperties" and value is True):
            return {}
        if name == "default":
            return {name: value} if self.defaults and isinstance(value, bool | int | str) else {}
        if name == "required":
            return {name: sorted(value)}
        return {name: self._nested(name, value, path)}

    def _nested(self, name: str, value: Any, path: str) -> Any:
        match name:
            case "properties":
                return {key: self.convert(value[key], f"{path}.{key}") for key in sorted(value)}
            case "items":
                return self.convert(value, f"{path}[]")
            case "additionalProperties":
                return self.convert(value, f"{path}{{}}")
            case "anyOf" if value == [{"type": "integer"}, {"type": "string"}]:
                return _copy(value)
            case _:
                raise SchemaError(f"{path}: a structural schema has no {name}: {value!r}")


def _copy(value: Any) -> Any:
    """A copy that shares nothing, so that YAML writes no anchors."""
    return json.loads(json.dumps(value))
