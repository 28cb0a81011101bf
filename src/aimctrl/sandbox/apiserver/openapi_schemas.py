"""The schemas of kinds, as the components of an OpenAPI v3 document.

Those of built-in kinds have no descriptions; those of custom resources are what their CRDs say.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from aimctrl.sandbox.apiserver.builtin.documents import document
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Json, Object, is_array, is_object

_META = "io.k8s.apimachinery.pkg.apis.meta.v1"

_COMPONENTS = "#/components/schemas/"

_LIST_META: Object = {
    "type": "object",
    "properties": {
        "continue": {"type": "string"},
        "remainingItemCount": {"type": "integer", "format": "int64"},
        "resourceVersion": {"type": "string"},
        "selfLink": {"type": "string"},
    },
}

_SPECIAL: Mapping[str, Object] = {
    f"{_META}.ListMeta": _LIST_META,
    f"{_META}.Time": {"type": "string", "format": "date-time"},
    f"{_META}.MicroTime": {"type": "string", "format": "date-time"},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
        "format": "int-or-string",
        "oneOf": [{"type": "integer"}, {"type": "string"}],
    },
}
"""Types of which `types.json` keeps less than clients are told."""


_DESCRIPTIONS = {
    "apiVersion": "The group and the version of the schema that this object follows.",
    "kind": "What sort of object this is.",
    "metadata": "The name of this object, its labels, and whatever else objects of every kind have.",
}
"""What is told of the fields that every kind has where a CRD says nothing of them."""


def components(types: Sequence[ResourceType]) -> Object:
    """The schemas of these resources, of their lists, and of all that those refer to."""
    found: dict[str, Object] = {}
    for type_ in types:
        name = _name(type_)
        found[name] = {**_kind(type_), "x-kubernetes-group-version-kind": [_identity(type_, type_.kind)]}
        if "list" in type_.verbs:
            found[f"{name}List"] = _list(type_)
    todo = [name for part in found.values() for name in _references(part)]
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = _component(name)
            todo += _references(found[name])
    return {name: found[name] for name in sorted(found)}


def reference(type_: ResourceType, *, of_list: bool = False) -> Object:
    """A reference to the schema of a resource, or of its lists."""
    return _pointer(f"{_name(type_)}List" if of_list else _name(type_))


@cache
def _builtin_names() -> Mapping[tuple[str, str, str], str]:
    entries: list[dict[str, Any]] = document()["resources"]
    return {(entry["group"], entry["version"], entry["plural"]): entry["schema"] for entry in entries}


def _name(type_: ResourceType) -> str:
    """The name of a kind's schema; those of custom resources begin with the group, from its last part on."""
    if not type_.custom:
        return _builtin_names()[type_.group, type_.version, type_.plural]
    return ".".join((*reversed(type_.group.split(".")), type_.version, type_.kind))


def _identity(type_: ResourceType, kind: str) -> Object:
    return {"group": type_.group, "version": type_.version, "kind": kind}


def _kind(type_: ResourceType) -> Object:
    if not type_.custom:
        return _component(_name(type_))
    declared = dict(type_.declared)
    own: Mapping[str, Object] = declared.get("properties") or {}
    everywhere = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": _nested(f"{_META}.ObjectMeta"),
    }
    described = {
        name: {"description": own.get(name, {}).get("description", _DESCRIPTIONS[name]), **part}
        for name, part in everywhere.items()
    }
    return {**declared, "properties": {**own, **described}}


def _list(type_: ResourceType) -> Object:
    return {
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "items": {"type": "array", "items": _pointer(_name(type_))},
            "kind": {"type": "string"},
            "metadata": _nested(f"{_META}.ListMeta"),
        },
        "x-kubernetes-group-version-kind": [_identity(type_, type_.lists)],
    }


@cache
def _component(name: str) -> Object:
    return _SPECIAL.get(name) or _expanded(document()["schemas"][name])


def _expanded(part: Object) -> Object:
    """A schema of `types.json` as OpenAPI writes it."""
    schema = {key: value for key, value in part.items() if key not in {"$ref", "x-kubernetes-int-or-string"}}
    if "$ref" in part:
        schema |= _nested(part["$ref"])
    if "properties" in part:
        schema["properties"] = {key: _expanded(value) for key, value in part["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in part:
            schema[key] = _expanded(part[key])
    return schema


def _nested(name: str) -> Object:
    """A reference beside which a schema may say more."""
    return {"allOf": [_pointer(name)]}


def _pointer(name: str) -> Object:
    return {"$ref": f"{_COMPONENTS}{name}"}


def _references(part: Json) -> Iterator[str]:
    """The names of the schemas that a schema refers to."""
    if is_array(part):
        for item in part:
            yield from _references(item)
    elif is_object(part):
        for key, value in part.items():
            if key == "$ref" and isinstance(value, str):
                yield value.removeprefix(_COMPONENTS)
            else:
                yield from _references(value)
