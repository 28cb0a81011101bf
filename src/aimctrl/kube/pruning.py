"""Decoding of pydantic models from JSON without what they have no field for.

pydantic reads a whole document before it looks at it. Of most Kubernetes objects a model reads a part, so that it is
quicker to have msgspec decode the fields there are, skipping all else, and to have pydantic validate these. Whatever
does not go this way goes pydantic's own, errors too: they are its own in either case.
"""

from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, TypedDict, TypeVar, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aimctrl.kube.conditions import Condition
from aimctrl.kube.meta import Meta

M = TypeVar("M", bound=BaseModel)

_STRUCTS: tuple[Any, ...] = (Meta, Condition)
"""Types whose validators (kube/meta.py, kube/conditions.py) take an instance for what it is."""

_LISTS = (list, tuple, set, frozenset, Sequence)
_MAPS = (dict, Mapping)


def decoder(model: type[M]) -> Callable[[bytes], M]:
    """What decodes the model from JSON, as `model_validate_json` does, ValidationErrors included."""
    model.model_rebuild()
    whole = model.__pydantic_validator__.validate_json
    shape = _Shapes().of_model(model)
    if shape is Any:
        return whole
    read, validate = msgspec.json.Decoder(shape).decode, model.__pydantic_validator__.validate_python

    def decode(raw: bytes) -> M:
        try:
            value: M = validate(read(raw))
        except (ValueError, RecursionError):  # msgspec's and pydantic's errors are ValueErrors
            value = whole(raw)
        return value

    return decode


class _Shapes:
    """The types that msgspec is to decode: dictionaries of the fields there are; where in doubt Any, which is all."""

    def __init__(self) -> None:
        self._made: dict[type[BaseModel], Any] = {}

    def of_model(self, model: type[BaseModel]) -> Any:
        """A model's fields by each name they may have in JSON; Any where something sees more than the fields."""
        if model not in self._made:
            self._made[model] = Any  # of one that contains itself
            if not _sees_everything(model):
                self._made[model] = self._fields(model)
        return self._made[model]

    def _fields(self, model: type[BaseModel]) -> Any:
        watched = _with_validators(model)
        fields: dict[str, Any] = {}
        for name, field in model.model_fields.items():
            alias = field.validation_alias or name
            if not isinstance(alias, str):  # a path, or a choice
                return Any
            shape = Any if name in watched else self._of_field(field)
            fields |= {name: shape, alias: shape}
        return TypedDict(model.__name__, fields, total=False)  # type: ignore[operator] # pyright: ignore[reportArgumentType, reportGeneralTypeIssues]

    def _of_field(self, field: FieldInfo) -> Any:
        if field.annotation in _STRUCTS:
            return field.annotation
        return Any if any(map(_validates, field.metadata)) else self._of(field.annotation)

    def _of(self, annotation: Any) -> Any:
        origin, parts = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            plain = parts[0] in _STRUCTS
            return parts[0] if plain else Any if any(map(_validates, parts[1:])) else self._of(parts[0])
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self.of_model(annotation)
        if origin in (Union, UnionType):
            return self._of_union(parts)
        if origin in _LISTS and (len(parts) == 1 or (len(parts) == 2 and parts[1] is Ellipsis)):
            return _nested(list, self._of(parts[0]))
        if origin in _MAPS and len(parts) == 2 and parts[0] is str:
            return _nested(dict, self._of(parts[1]))
        return Any

    def _of_union(self, parts: tuple[Any, ...]) -> Any:
        others = [part for part in parts if part is not NoneType]
        shape = self._of(others[0]) if len(others) == 1 else Any
        return Any if shape is Any else shape | None


def _nested(container: type[Any], shape: Any) -> Any:
    if shape is Any:
        return Any
    return list[shape] if container is list else dict[str, shape]


def _sees_everything(model: type[BaseModel]) -> bool:
    """Whether the model does something with what it has no field for."""
    config = model.model_config
    keeps = config.get("extra", "ignore") != "ignore" or config.get("strict", False)
    checks = model.__pydantic_decorators__.model_validators.values()
    built = model.__pydantic_root_model__ or model.__pydantic_custom_init__
    return keeps or built or any(check.info.mode != "after" for check in checks)


def _with_validators(model: type[BaseModel]) -> set[str]:
    """The fields that a method validates before pydantic does, or in its place."""
    checks = model.__pydantic_decorators__.field_validators.values()
    return {name for check in checks if check.info.mode != "after" for name in check.info.fields}


def _validates(metadata: Any) -> bool:
    """Whether what annotates a type sees its input."""
    return hasattr(metadata, "func") or hasattr(metadata, "__get_pydantic_core_schema__")
