"""How finely the parts of a value are owned, as its schema says.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy.
"""

from collections.abc import Mapping

from aimctrl.sandbox.apiserver.schema.node import ANY, Json, ListType, Node, Object, is_array, is_object

_TEXT = Node(type="string")
_TEXTS = Node(type="object", additional=_TEXT)
_OWNER = Node(
    type="object",
    properties={
        "apiVersion": _TEXT,
        "blockOwnerDeletion": Node(type="boolean"),
        "controller": Node(type="boolean"),
        "kind": _TEXT,
        "name": _TEXT,
        "uid": _TEXT,
    },
    atomic_map=True,
)
_METADATA = Node(
    type="object",
    properties={
        "annotations": _TEXTS,
        "creationTimestamp": Node(),
        "deletionGracePeriodSeconds": Node(type="integer"),
        "deletionTimestamp": Node(),
        "finalizers": Node(type="array", items=_TEXT, list_type=ListType.SET),
        "generateName": _TEXT,
        "generation": Node(type="integer"),
        "labels": _TEXTS,
        "managedFields": Node(type="array", items=ANY),
        "name": _TEXT,
        "namespace": _TEXT,
        "ownerReferences": Node(type="array", items=_OWNER, list_type=ListType.MAP, list_keys=("uid",)),
        "resourceVersion": _TEXT,
        "selfLink": _TEXT,
        "uid": _TEXT,
    },
)
_EMBEDDED: Mapping[str, Node] = {"apiVersion": _TEXT, "kind": _TEXT, "metadata": _METADATA}
"""What every object that is a resource of its own has, though a CRD's schema does not say so."""


def below(node: Node, key: str) -> Node:
    """The schema of a field; that of anything, where none is known."""
    if node.embedded and key in _EMBEDDED:
        return _EMBEDDED[key]
    return node.child(key) or ANY


def items(node: Node) -> Node:
    """The schema of a list's items."""
    return node.items or ANY


def declared(node: Node, key: str) -> bool:
    """Whether the schema has a field of that name, rather than a map's key."""
    return key in node.properties or (node.embedded and key in _EMBEDDED)


def known(node: Node, key: str) -> bool:
    """Whether an object may have that key."""
    free = node.preserve_unknown or not node.properties
    return free or node.additional is not None or declared(node, key)


def granular(node: Node, value: Json) -> bool:
    """Whether the parts of a value are owned, each by itself."""
    if is_object(value):
        return not node.atomic_map
    return is_array(value) and node.list_type is not ListType.ATOMIC


def metadata_of(thing: Object) -> Object:
    """An object's metadata; nothing, where it has none, or something else in its place."""
    metadata = thing.get("metadata")
    return metadata if is_object(metadata) else {}
