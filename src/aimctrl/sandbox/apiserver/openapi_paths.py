"""What may be asked of a resource, as the paths of an OpenAPI v3 document.

Clients look at the kind of a path, and at the parameters of its operations: whether `fieldValidation` and `dryRun` are
understood. Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris.
"""

from collections.abc import Iterator, Sequence

from aimctrl.sandbox.apiserver.openapi_schemas import reference
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import path_of_version

_WRITE = {"dryRun": "string", "fieldManager": "string", "fieldValidation": "string"}

_LIST = {
    "allowWatchBookmarks": "boolean",
    "continue": "string",
    "fieldSelector": "string",
    "labelSelector": "string",
    "limit": "integer",
    "resourceVersion": "string",
    "resourceVersionMatch": "string",
    "sendInitialEvents": "boolean",
    "timeoutSeconds": "integer",
    "watch": "boolean",
}

_DELETE = {
    "dryRun": "string",
    "gracePeriodSeconds": "integer",
    "orphanDependents": "boolean",
    "propagationPolicy": "string",
}

_PARAMETERS = {
    "create": _WRITE,
    "update": _WRITE,
    "patch": {**_WRITE, "force": "boolean"},
    "list": _LIST,
    "deletecollection": {**_LIST, **_DELETE},
    "delete": _DELETE,
    "get": {},
}

_METHODS = {
    "get": "get",
    "list": "get",
    "create": "post",
    "update": "put",
    "patch": "patch",
    "delete": "delete",
    "deletecollection": "delete",
}

_PATCHES = ("apply-patch+yaml", "json-patch+json", "merge-patch+json", "strategic-merge-patch+json")

_OF_ALL, _OF_ONE = ("list", "create", "deletecollection"), ("get", "update", "patch", "delete")


def paths(type_: ResourceType) -> Iterator[tuple[str, Object]]:
    """The paths of a resource, each with its operations."""
    root = f"/{path_of_version(type_.group, type_.version)}"
    if type_.namespaced:
        everywhere = [verb for verb in ("list",) if verb in type_.verbs]
        yield f"{root}/{type_.plural}", _operations(type_, everywhere)
        root += "/namespaces/{namespace}"
    of_all, of_one = ([verb for verb in part if verb in type_.verbs] for part in (_OF_ALL, _OF_ONE))
    if of_all:
        yield f"{root}/{type_.plural}", _operations(type_, of_all, "namespace" if type_.namespaced else "")
    if of_one:
        below = ("namespace", "name") if type_.namespaced else ("name",)
        yield f"{root}/{type_.plural}/{{name}}", _operations(type_, of_one, *below)
        if type_.status:
            changes = ("get", "update", "patch")
            yield f"{root}/{type_.plural}/{{name}}/status", _operations(type_, changes, *below)


def _operations(type_: ResourceType, verbs: Sequence[str], *places: str) -> Object:
    inside = [
        {"name": place, "in": "path", "required": True, "schema": {"type": "string"}} for place in places if place
    ]
    return {**{_METHODS[verb]: _operation(type_, verb) for verb in verbs}, "parameters": inside}


def _operation(type_: ResourceType, verb: str) -> Object:
    shown = reference(type_, of_list=verb == "list")
    operation: Object = {
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": kind}} for name, kind in _PARAMETERS[verb].items()
        ],
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": shown}}}},
        "x-kubernetes-action": {"create": "post", "update": "put"}.get(verb, verb),
        "x-kubernetes-group-version-kind": {"group": type_.group, "version": type_.version, "kind": type_.kind},
    }
    if verb in {"create", "update"}:
        operation["requestBody"] = {"content": {"*/*": {"schema": reference(type_)}}, "required": True}
    elif verb == "patch":
        patches = [patch for patch in _PATCHES if not (type_.custom and patch.startswith("strategic"))]
        content = {f"application/{patch}": {"schema": {"type": "object"}} for patch in patches}
        operation["requestBody"] = {"content": content, "required": True}
    return operation
