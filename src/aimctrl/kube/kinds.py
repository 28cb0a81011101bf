"""A kind of object: where the API serves it and how its bytes become a value."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec
from pydantic import AliasGenerator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from aimctrl.kube import pruning
from aimctrl.kube.meta import Meta, Metadata

T_co = TypeVar("T_co", covariant=True)


class UndecodableObjectError(ValueError):
    """The bytes of one object do not fit its kind's model; the message says where."""


class Key(NamedTuple):
    """An object's name within its kind; cluster-scoped objects have the namespace `""`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Model(BaseModel):  # noqa: PLW1641 - pydantic adds the hash of what is frozen
    """The base of typed objects: frozen, snake_case here and camelCase on the wire, unknown fields ignored."""

    model_config = ConfigDict(
        frozen=True,
        populate_by_name=True,
        extra="ignore",
        defer_build=True,  # most programs meet only some kinds
        alias_generator=AliasGenerator(validation_alias=to_camel, serialization_alias=to_camel),
    )

    def __eq__(self, other: object) -> bool:
        """As pydantic's, which looks closer than most need: fields that are the same are enough."""
        same = type(self) is type(other) and vars(self) == vars(other)
        if same and self.__pydantic_extra__ is None and self.__pydantic_private__ is None:
            return True
        return super().__eq__(other)

    def wire(self) -> dict[str, Any]:
        """The JSON object the API server knows: camelCase, what is unset left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=False)


class Resource(Model):
    """A whole typed object; subclasses add `spec` and `status`."""

    metadata: Metadata = Meta()

    @property
    def key(self) -> Key:
        """The object's name within its kind."""
        return Key(self.metadata.namespace, self.metadata.name)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T_co]):
    """A kind: group (`""` for core), version, name, plural, the model its objects decode to, and its scope.

    The model is a pydantic model, a msgspec Struct, or `dict` for plain JSON.
    """

    group: str
    version: str
    name: str
    plural: str
    model: type[T_co]
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`group/version`, or the version alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """`plural.group`, the way kubectl and RBAC messages name it (and the name of its CRD)."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, an object in it, or its subresource; names are percent-encoded."""
        parts = ["/apis" if self.group else "/api", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", _quoted(namespace)]
        parts.append(self.plural)
        if name:
            parts.append(_quoted(name))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)

    def decode(self, raw: bytes) -> T_co:
        """The typed value of one object's JSON.

        Raises UndecodableObjectError, naming the kind and the fields, as many as 1,000 characters hold.
        """
        decode = _decoders.get(self.model) or _decoder(self.model)
        try:
            value: T_co = decode(raw)
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            text = str(error)  # of ten thousand faulty list items, one line each
            told = text if len(text) <= _TOLD else f"{text[:_TOLD]}…"
            raise UndecodableObjectError(f"{self.name}: {told}") from error
        return value

    def __str__(self) -> str:
        return self.resource


_TOLD = 1000

_is_plain = re.compile(r"[A-Za-z0-9_.~-]*").fullmatch


def _quoted(part: str) -> str:
    """One segment of a path; nearly all names need no quoting, and looking is quicker."""
    return part if _is_plain(part) else quote(part, safe="")


_decoders: dict[type[Any], Callable[[bytes], Any]] = {}


def _decoder(model: type[Any]) -> Callable[[bytes], Any]:
    of_pydantic = issubclass(model, BaseModel)
    decode = _decoders[model] = pruning.decoder(model) if of_pydantic else msgspec.json.Decoder(model).decode
    return decode
