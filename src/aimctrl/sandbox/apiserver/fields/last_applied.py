"""How kubectl changes over from applying by itself to server-side apply.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply.
"""

import msgspec

from aimctrl.sandbox.apiserver.fields.comparison import compared
from aimctrl.sandbox.apiserver.fields.contents import of
from aimctrl.sandbox.apiserver.fields.elements import ElementError
from aimctrl.sandbox.apiserver.fields.fieldset import LEAF, FieldSet, difference
from aimctrl.sandbox.apiserver.fields.grain import metadata_of
from aimctrl.sandbox.apiserver.fields.typed import faults
from aimctrl.sandbox.apiserver.gotext import compact
from aimctrl.sandbox.apiserver.schema.node import Node, Object, is_object

KUBECTL = "kubectl"
"""The only manager for which the annotation means anything."""

_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


def vouched(node: Node, live: Object) -> FieldSet:
    """The fields that kubectl once applied by itself and that are as it wanted them; conflicts are not about them."""
    try:
        wanted = msgspec.json.decode(_note(live))
        if not is_object(wanted) or wanted.get("apiVersion") != live.get("apiVersion") or faults(node, wanted):
            return LEAF
        changes = compared(node, wanted, live)
        return difference(difference(of(node, wanted), changes.changed), changes.removed)
    except (msgspec.DecodeError, ElementError):
        return LEAF


def noted(thing: Object, intent: Object) -> Object:
    """The object with the intent in its annotation, if it has that annotation."""
    if not _note(thing):
        return thing
    metadata = dict(metadata_of(intent))
    wanted: Object = metadata.pop("annotations", None) or {}
    annotations = {key: value for key, value in wanted.items() if key != _ANNOTATION}
    if annotations:
        metadata["annotations"] = annotations
    note = compact({**intent, "metadata": metadata}) + "\n"
    known: Object = thing["metadata"]["annotations"]
    return {**thing, "metadata": {**thing["metadata"], "annotations": {**known, _ANNOTATION: note}}}


def _note(thing: Object) -> str:
    annotations: Object = metadata_of(thing).get("annotations") or {}
    note: str = annotations.get(_ANNOTATION, "")
    return note
