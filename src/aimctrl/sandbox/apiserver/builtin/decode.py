"""Reads objects of built-in kinds as Go does: wrong types are refused, unknown fields dropped, and what is empty is
left out or written, whichever the Go type of its field says.

The types are those of `go.json`, which `hack/go_structs.py` writes from the sources of Kubernetes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from aimctrl.sandbox.apiserver.builtin import scalars
from aimctrl.sandbox.apiserver.builtin.documents import Document, document
from aimctrl.sandbox.apiserver.builtin.scalars import Mistyped, Read
from aimctrl.sandbox.apiserver.builtin.timestamps import MICROSECONDS, SECONDS
from aimctrl.sandbox.apiserver.errors import bad_request
from aimctrl.sandbox.apiserver.metadata import go_type
from aimctrl.sandbox.apiserver.schema.node import Json, Object, is_array, is_object

_ROOT_ONLY = frozenset({"apiVersion", "kind"})

_SCHEMA = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"

_META = "io.k8s.apimachinery.pkg"

_OPAQUE: Mapping[str, tuple[Read, Json]] = {
    f"{_META}.apis.meta.v1.Time": (scalars.moment(SECONDS), None),
    f"{_META}.apis.meta.v1.MicroTime": (scalars.moment(MICROSECONDS), None),
    f"{_META}.api.resource.Quantity": (scalars.amount, "0"),
    f"{_META}.util.intstr.IntOrString": (scalars.whole_or_text, 0),
}
"""Types that read themselves, each with what stands for its zero."""


class Value:
    """What is no struct, array or map. `zero` stands for one that was left out; `solid` is never left out as empty."""

    def __init__(self, read: Read, zero: Json, *, solid: bool = False) -> None:
        self._read, self._zero, self.solid = read, zero, solid

    def read(self, value: Json, unknown: list[str]) -> Json:
        """The value as it is kept."""
        del unknown
        return self._read(value)

    def zero(self) -> Json:
        """What an absent one is."""
        return self._zero


class Items:
    """An array whose items are all of one type."""

    solid = False

    def __init__(self, item: "Codec", wanted: str) -> None:
        self._item, self._wanted = item, wanted

    def read(self, value: Json, unknown: list[str]) -> Json:
        """The array, changed in place."""
        if not is_array(value):
            raise Mistyped(go_type(value), self._wanted)
        for index, part in enumerate(value):
            before = len(unknown)
            value[index] = self._item.zero() if part is None else self._item.read(part, unknown)
            if len(unknown) > before:
                unknown[before:] = [f"[{index}].{path}" for path in unknown[before:]]
        return value

    def zero(self) -> Json:
        """Null."""
        return None


class Entries:
    """A map whose values are all of one type."""

    solid = False

    def __init__(self, item: "Codec", wanted: str) -> None:
        self._item, self._wanted = item, wanted

    def read(self, value: Json, unknown: list[str]) -> Json:
        """The map, changed in place."""
        if not is_object(value):
            raise Mistyped(go_type(value), self._wanted)
        for key, part in value.items():
            before = len(unknown)
            value[key] = self._item.zero() if part is None else self._item.read(part, unknown)
            if len(unknown) > before:
                unknown[before:] = [f"{key}.{path}" for path in unknown[before:]]
        return value

    def zero(self) -> Json:
        """Null."""
        return None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct. `path` names it, with the embedded structs that hold it."""

    codec: "Codec"
    path: str
    pointer: bool
    omitted: bool
    omitted_zero: bool

    @property
    def shown_when_absent(self) -> bool:
        """Whether an answer has it though nobody set it."""
        return not self.omitted or (self.codec.solid and not self.pointer and not self.omitted_zero)

    def read(self, owner: Object, key: str, unknown: list[str]) -> None:
        """Reads the value in that place of an object, or takes it out."""
        value = owner[key]
        if value is not None:
            value = self.codec.read(value, unknown)
            if value or not self.omitted or self.pointer or self.codec.solid:
                owner[key] = None if value == [] and not self.pointer else value
                return
        del owner[key]


@dataclass(frozen=True, slots=True)
class Struct:
    """An object with known fields."""

    go: str
    name: str
    fields: Mapping[str, Field]
    absent: tuple[tuple[str, Callable[[], Json]], ...]
    solid: bool = field(default=True)

    def read(self, value: Json, unknown: list[str]) -> Json:
        """The object, changed in place."""
        if not is_object(value):
            raise Mistyped(go_type(value), self.go)
        for key in tuple(value):
            known = self.fields.get(key)
            if known is None:
                del value[key]
                unknown.append(key)
                continue
            before = len(unknown)
            try:
                known.read(value, key, unknown)
            except Mistyped as error:
                error.within(self.name, known.path)
                raise
            if len(unknown) > before:
                unknown[before:] = [f"{key}{'' if path[0] == '[' else '.'}{path}" for path in unknown[before:]]
        self.complete(value)
        return value

    def complete(self, thing: Object) -> None:
        """Adds what an answer always has."""
        for key, zero in self.absent:
            if key not in thing:
                thing[key] = zero()

    def zero(self) -> Json:
        """An object of zeros."""
        thing: Object = {}
        self.complete(thing)
        return thing


class Schema:
    """A JSON schema, which may hold others: those are read when they are met."""

    solid = True

    def read(self, value: Json, unknown: list[str]) -> Json:
        """The schema, changed in place."""
        return _struct(_SCHEMA).read(value, unknown)

    def zero(self) -> Json:
        """One that says nothing."""
        return {}


class SchemaOr:
    """A JSON schema, or something else: a boolean, or an array of schemas or of texts. It reads itself, as in Go."""

    solid = False

    def __init__(self, others: "Codec | None") -> None:
        self._others = others

    def read(self, value: Json, unknown: list[str]) -> Json:
        """The value; what is unknown in it is dropped and not told."""
        del unknown
        if is_object(value):
            return Schema().read(value, [])
        if self._others is None:
            return self._boolean(value)
        return self._others.read(value, []) if is_array(value) else None

    def zero(self) -> Json:
        """Null."""
        return None

    def _boolean(self, value: Json) -> Json:
        if not isinstance(value, bool):
            raise ValueError("boolean or JSON schema expected")  # noqa: TRY004 - Go's words, which are a refusal
        return value


Codec = Value | Items | Entries | Struct | Schema | SchemaOr


@dataclass(frozen=True, slots=True)
class Decoder:
    """Reads the objects of one kind; `schema` names their type."""

    schema: str
    kind: str
    version: str

    def __call__(self, thing: Object) -> list[str]:
        """Reads an object in place; gives the paths of its unknown fields, in their order.

        Raises:
            StatusError: 400, where a field has a wrong type.
        """
        unknown: list[str] = []
        head = {key: thing.pop(key) for key in _ROOT_ONLY if key in thing}
        read_as(self.schema, thing, unknown, (self.kind, self.version))
        thing.update(head)
        return unknown


def read_as(schema: str, value: Json, unknown: list[str], named: tuple[str, str]) -> Object:
    """Reads an object of a type in place, and adds the paths of its unknown fields; `named` is a kind and a version.

    Raises:
        StatusError: 400, where a field has a wrong type.
    """
    kind, version = named
    try:
        thing: Object = _struct(schema).read(value, unknown)
    except (Mistyped, ValueError) as error:
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {error}') from error
    return thing


def zero(schema: str) -> Object:
    """An object of a type with nothing in it, as an answer shows it."""
    thing: Object = _struct(schema).zero()
    return thing


@cache
def go_types() -> Mapping[str, Mapping[str, str]]:
    """Of each struct its fields: flags (p pointer, o omitempty, z omitzero), type, and embedded structs on the way."""
    raw = files("aimctrl.sandbox.apiserver.builtin").joinpath("go.json").read_bytes()
    return msgspec.json.decode(raw, type=dict[str, dict[str, str]])


@cache
def _struct(schema: str) -> Struct:
    package, _, kind = schema.rpartition(".")
    properties: Mapping[str, Document] = document()["schemas"][schema].get("properties", {})
    fields: dict[str, Field] = {}
    for key, text in go_types()[schema].items():
        flags, wanted, inline = (*text.split(" "), "")[:3]
        codec = _codec(properties.get(key, {}), wanted)
        path = f"{inline}.{key}" if inline else key
        fields[key] = Field(codec, path, "p" in flags, "o" in flags, "z" in flags)
    absent = tuple((key, _zero(part)) for key, part in fields.items() if part.shown_when_absent)
    return Struct(f"{package.rpartition('.')[2]}.{kind}", kind, fields, absent)


def _zero(part: Field) -> Callable[[], Json]:
    return (lambda: None) if part.pointer else part.codec.zero


def _codec(part: Document, wanted: str) -> Codec:
    """How to read a value of that Go type, of which the schema says more."""
    reference: str = part.get("$ref", "")
    if reference.startswith(_SCHEMA):
        return _schema(reference.removeprefix(_SCHEMA))
    if reference in go_types():
        return _struct(reference)
    if reference in _OPAQUE:
        return Value(*_OPAQUE[reference], solid=True)
    if wanted == "[]uint8":
        return Value(scalars.encoded, None)
    return _many(part, wanted) or _scalar(part.get("type", ""), wanted)


def _schema(variant: str) -> Codec:
    """How to read a JSON schema, or one of the types that hold one or something else."""
    if not variant:
        return Schema()
    texts = Items(Value(scalars.typed(str, "string"), ""), "[]string")
    others = {"OrArray": Items(Schema(), "[]v1.JSONSchemaProps"), "OrStringArray": texts}
    return SchemaOr(others.get(variant))


def _many(part: Document, wanted: str) -> Codec | None:
    """How to read an array or a map; None where it is neither."""
    if "items" in part:
        return Items(_codec(part["items"], _inner(wanted, "[]")), wanted)
    if wanted == "v1.ResourceList":
        return Entries(Value(scalars.amount_of_resource, "0"), wanted)
    if "additionalProperties" in part:
        return Entries(_codec(part["additionalProperties"], _inner(wanted, "map[")), wanted)
    return None


def _inner(wanted: str, start: str) -> str:
    """The type of the items of an array or a map; named ones are of strings, where it matters."""
    if not wanted.startswith(start):
        return "string"
    return wanted.partition("]")[2].removeprefix("*")


def _scalar(kind: str, wanted: str) -> Codec:
    readers: dict[str, tuple[Callable[[], Read], Any]] = {
        "string": (lambda: scalars.typed(str, wanted), ""),
        "boolean": (lambda: scalars.typed(bool, wanted), False),
        "integer": (lambda: scalars.whole(wanted), 0),
        "number": (lambda: scalars.real, 0),
    }
    reader, zero = readers.get(kind, (lambda: scalars.anything, None))
    return Value(reader(), zero)
