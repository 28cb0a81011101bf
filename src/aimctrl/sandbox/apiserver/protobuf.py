"""Objects of built-in kinds in Protobuf, as `kubectl create` sends them; nothing is answered in it.

The numbers of fields are those of `protobuf.json`, which `hack/protobuf_fields.py` writes.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding.
"""

import base64
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from aimctrl.sandbox.apiserver.builtin.documents import document
from aimctrl.sandbox.apiserver.schema.node import Json, Object
from aimctrl.sandbox.apiserver.values import api_version

_MAGIC = b"k8s\0"

_META = "io.k8s.apimachinery.pkg.apis.meta.v1"

_ALSO = {
    ("authentication.k8s.io/v1", "TokenRequest"): "io.k8s.api.authentication.v1.TokenRequest",
    ("autoscaling/v1", "Scale"): "io.k8s.api.autoscaling.v1.Scale",
    ("policy/v1", "Eviction"): "io.k8s.api.policy.v1.Eviction",
}
"""What clients send and no resource is; DeleteOptions are of any version."""

Value = int | bytes


class ProtobufError(ValueError):
    """A body is not what its media type says, or of a kind that is not read."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a message. `shape` is `[]` for lists and `map[]` for maps; `name` is `-` where it stands beside."""

    name: str
    shape: str
    type: str


def object_from(body: bytes) -> Object:
    """The object that a body holds, as JSON would have it but for zeros, which are written.

    Raises:
        ProtobufError: where there is none.
    """
    if not body.startswith(_MAGIC):
        raise ProtobufError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        envelope = {number: value for number, value in _values(body[len(_MAGIC) :]) if isinstance(value, bytes)}
        head = {number: value.decode() for number, value in _values(envelope.get(1, b"")) if isinstance(value, bytes)}
        version, kind = head.get(1, ""), head.get(2, "")
        thing = _message(_schema(version, kind), envelope.get(2, b""))
    except (IndexError, struct.error, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise ProtobufError("unexpected EOF") from error
    return {"apiVersion": version, "kind": kind, **thing}


def _schema(version: str, kind: str) -> str:
    name = f"{_META}.DeleteOptions" if kind == "DeleteOptions" else _kinds().get((version, kind), "")
    if name not in _tables():
        raise ProtobufError(f'no kind "{kind}" is registered for version "{version}"')
    return name


@cache
def _kinds() -> Mapping[tuple[str, str], str]:
    entries: list[dict[str, Any]] = document()["resources"]
    known = {(api_version(entry["group"], entry["version"]), entry["kind"]): entry["schema"] for entry in entries}
    return {**known, **_ALSO}


@cache
def _tables() -> Mapping[str, Mapping[str, str]]:
    raw = files("aimctrl.sandbox.apiserver.builtin").joinpath("protobuf.json").read_bytes()
    return msgspec.json.decode(raw, type=dict[str, dict[str, str]])


@cache
def _fields(schema: str) -> Mapping[int, _Field]:
    fields: dict[int, _Field] = {}
    for number, text in _tables()[schema].items():
        name, _, type_ = text.partition(" ")
        shape = next((shape for shape in ("[]", "map[]") if type_.startswith(shape)), "")
        fields[int(number)] = _Field(name, shape, type_.removeprefix(shape))
    return fields


def _message(schema: str, data: bytes) -> Object:
    thing: Object = {}
    fields = _fields(schema)
    for number, value in _values(data):
        field = fields.get(number)
        if field is None:
            continue
        if field.name == "-":
            thing.update(_value(field.type, value))
        elif field.shape == "[]":
            thing.setdefault(field.name, []).append(_value(field.type, value))
        elif field.shape == "map[]":
            key, entry = _entry(field.type, value)
            thing.setdefault(field.name, {})[key] = entry
        else:
            thing[field.name] = _value(field.type, value)
    return thing


def _entry(type_: str, value: Value) -> tuple[str, Json]:
    """One entry of a map: a message of a key and a value, of which the zero may be left out."""
    parts = dict(_values(_text(value)))
    empty: Value = 0 if type_ in {"int", "bool"} else b""
    return _text(parts.get(1, b"")).decode(), _value(type_, parts.get(2, empty))


def _value(type_: str, value: Value) -> Json:
    read = _SCALARS.get(type_)
    if read is not None:
        return read(value)
    thing = _message(type_, _text(value))
    special = _SPECIAL.get(type_)
    return special(thing) if special else thing


def _text(value: Value) -> bytes:
    if isinstance(value, int):
        raise ProtobufError("wrong wireType = 0")
    return value


def _number(value: Value) -> int:
    if isinstance(value, bytes):
        raise ProtobufError("wrong wireType = 2")
    return value - (1 << 64) if value >= 1 << 63 else value


_SCALARS: Mapping[str, Callable[[Value], Json]] = {
    "string": lambda value: _text(value).decode(),
    "bytes": lambda value: base64.b64encode(_text(value)).decode(),
    "int": _number,
    "bool": lambda value: bool(_number(value)),
    "double": lambda value: struct.unpack("<d", _text(value))[0],
}


def _moment(thing: Object) -> str | None:
    if not thing:
        return None
    return datetime.fromtimestamp(thing.get("seconds", 0), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _exact_moment(thing: Object) -> str | None:
    if not thing:
        return None
    seconds = datetime.fromtimestamp(thing.get("seconds", 0), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{seconds}.{thing.get('nanos', 0) // 1000:06d}Z"


def _whole_or_text(thing: Object) -> Json:
    return thing.get("strVal", "") if thing.get("type") else thing.get("intVal", 0)


def _raw(key: str) -> Callable[[Object], Json]:
    def value(thing: Object) -> Json:
        raw = base64.b64decode(thing.get(key, ""))
        return msgspec.json.decode(raw) if raw else None

    return value


_SPECIAL: Mapping[str, Callable[[Object], Json]] = {
    f"{_META}.Time": _moment,
    f"{_META}.MicroTime": _exact_moment,
    f"{_META}.FieldsV1": _raw("Raw"),
    "io.k8s.apimachinery.pkg.api.resource.Quantity": lambda thing: thing.get("string", ""),
    "io.k8s.apimachinery.pkg.runtime.RawExtension": _raw("raw"),
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": _whole_or_text,
    "io.k8s.api.authentication.v1.ExtraValue": lambda thing: thing.get("items", []),
    "io.k8s.api.authorization.v1.ExtraValue": lambda thing: thing.get("items", []),
}
"""Messages that are no objects in JSON."""


def _values(data: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message: their numbers, and a number or bytes."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        kind = tag & 7
        if kind == 0:
            whole, place = _varint(data, place)
            yield tag >> 3, whole
            continue
        if kind not in _SIZES:
            raise ProtobufError(f"wrong wireType = {kind}")
        size = _SIZES[kind]
        if not size:
            size, place = _varint(data, place)
        if place + size > len(data):
            raise ProtobufError("unexpected EOF")
        yield tag >> 3, data[place : place + size]
        place += size


_SIZES = {1: 8, 2: 0, 5: 4}
"""The bytes of the kinds of values that are not varints; 0 stands for those that say it themselves."""


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number, and where it ends. Raises IndexError."""
    whole = shift = 0
    while True:
        byte = data[place]
        place += 1
        whole |= (byte & 0x7F) << shift
        if byte < 0x80:
            return whole & 0xFFFF_FFFF_FFFF_FFFF, place
        shift += 7
