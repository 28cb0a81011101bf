"""Kinds, writers and a short notation for tests of who manages which field.

The nodes say of each kind what a kube-apiserver v1.36 knows of it, as far as the tests need it.
"""

from typing import Any

from aimctrl.sandbox.apiserver.fields.entries import APPLY, UPDATE, Entries
from aimctrl.sandbox.apiserver.fields.fieldset import FieldSet, of_path, path_text, paths, union
from aimctrl.sandbox.apiserver.fields.managers import managed
from aimctrl.sandbox.apiserver.fields.writers import Writer, writer
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import ListType, Node, Object

TEXT = Node(type="string")
NUMBER = Node(type="integer")
TEXTS = Node(type="object", additional=TEXT)

ENV = Node(
    type="array",
    items=Node(type="object", properties={"name": TEXT, "value": TEXT}),
    list_type=ListType.MAP,
    list_keys=("name",),
)
PORT = Node(
    type="object",
    properties={"containerPort": NUMBER, "name": TEXT, "protocol": Node(type="string", default="TCP")},
)
PORTS = Node(type="array", items=PORT, list_type=ListType.MAP, list_keys=("containerPort", "protocol"))
CONTAINER = Node(
    type="object",
    properties={
        "name": TEXT,
        "image": TEXT,
        "args": Node(type="array", items=TEXT),
        "env": ENV,
        "ports": PORTS,
        "resources": Node(type="object", properties={"limits": TEXTS}, default={}),
    },
)
CONTAINERS = Node(type="array", items=CONTAINER, list_type=ListType.MAP, list_keys=("name",))
SPEC = Node(
    type="object",
    properties={
        "replicas": NUMBER,
        "paused": Node(type="boolean"),
        "selector": Node(type="object", properties={"matchLabels": TEXTS}, atomic_map=True),
        "containers": CONTAINERS,
        "groups": Node(type="array", items=TEXT, list_type=ListType.SET),
        "free": Node(type="object", preserve_unknown=True),
    },
)
STATUS = Node(type="object", properties={"phase": TEXT})

THINGS = Node(type="object", properties={"spec": SPEC, "status": STATUS, "data": TEXTS}, embedded=True)
"""A custom kind with all sorts of fields."""

TYPE = ResourceType(
    group="t.io",
    version="v1",
    kind="Thing",
    plural="things",
    singular="thing",
    namespaced=True,
    schema=lambda: THINGS,
    status=True,
    custom=True,
)


def thing(**parts: Any) -> Object:
    """A Thing that a user sends."""
    return {"apiVersion": "t.io/v1", "kind": "Thing", "metadata": {"name": "x"}, **parts}


def stored(**parts: Any) -> Object:
    """A Thing that is there already, and that nobody manages."""
    return thing(**{"metadata": {"name": "x", "uid": "u"}, **parts})


def updater(name: str, time: str = "2026-01-01T00:00:00Z", subresource: str = "") -> Writer:
    """Somebody who creates and updates Things."""
    return writer(TYPE, subresource, name, UPDATE, time)


def applier(name: str, time: str = "2026-01-01T00:00:00Z", subresource: str = "") -> Writer:
    """Somebody who applies Things."""
    return writer(TYPE, subresource, name, APPLY, time)


def owned(of: Object) -> dict[str, list[str]]:
    """Who manages what: `m1` for what m1 applied, `m1 updates` for the rest, with ` of status` of a subresource."""
    entries: Entries = managed(of)
    return {
        f"{manager.name}{' updates' if manager.operation == UPDATE else ''}"
        f"{f' of {manager.subresource}' if manager.subresource else ''}": texts(entry.fields)
        for manager, entry in entries.items()
    }


def texts(fields: FieldSet) -> list[str]:
    """A set as the paths that messages show."""
    return [path_text(path) for path in paths(fields)]


def fields(*lines: str) -> FieldSet:
    """A set of fields from lines of elements such as `f:spec f:env k:{"name":"A"}`."""
    result: FieldSet = {}
    for line in lines:
        result = union(result, of_path(tuple(line.split())))
    return result
