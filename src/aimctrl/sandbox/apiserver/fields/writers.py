"""Who writes, as far as it matters to who manages what."""

from collections.abc import Callable
from functools import cache

import msgspec

from aimctrl.sandbox.apiserver.fields.entries import UPDATE, Manager
from aimctrl.sandbox.apiserver.fields.fieldset import LEAF, FieldSet
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object

_STATUS: FieldSet = {"f:status": LEAF}
_SPEC: FieldSet = {"f:spec": LEAF}
_ALL_BUT_STATUS: FieldSet = {"f:metadata": LEAF, "f:spec": LEAF}
_PECULIAR: dict[tuple[str, str], FieldSet] = {
    ("", "pods"): {"f:metadata": {"f:deletionTimestamp": LEAF, "f:ownerReferences": LEAF}, **_SPEC},
    ("apps", "deployments"): {"f:metadata": {"f:labels": LEAF}, **_SPEC},
    ("storage.k8s.io", "volumeattachments"): _ALL_BUT_STATUS,
}
"""What a status update of these kinds does not change; that of the other built-in ones is the spec."""


class Writer(msgspec.Struct, frozen=True):
    """Who writes, when, what and in which way.

    `operation` is Apply or Update; `time` is as metadata has it, and `""` where it is not kept. `reset` is what a
    request for this resource or subresource does not change whatever it says, `blank` an object on which nothing is
    set.
    """

    manager: str
    operation: str
    api_version: str
    kind: str
    subresource: str
    time: str
    reset: FieldSet
    blank: Object

    @property
    def identity(self) -> Manager:
        """Under whose name its fields are kept."""
        version = self.api_version if self.operation == UPDATE else ""
        return Manager(self.manager, self.operation, version, self.subresource)


def writer(type_: ResourceType, subresource: str, manager: str, operation: str, time: str) -> Writer:
    """Who writes an object of that resource, or a subresource of it."""
    return Writer(
        manager=manager,
        operation=operation,
        api_version=type_.api_version,
        kind=type_.kind,
        subresource=subresource,
        time="" if subresource == "scale" else time,
        reset=_reset(type_, subresource),
        blank=_blank(type_.decode),
    )


def _reset(type_: ResourceType, subresource: str) -> FieldSet:
    if subresource == "status":
        return _ALL_BUT_STATUS if type_.custom else _PECULIAR.get((type_.group, type_.plural), _SPEC)
    return _STATUS if type_.status and subresource in {"", "finalize"} else LEAF


@cache
def _blank(decode: Callable[[Object], object] | None) -> Object:
    """An object of a kind that is read by that function, as it is when nothing is set; custom ones are empty then."""
    thing: Object = {}
    if decode is not None:
        decode(thing)
    return thing
