"""The columns of volumes, of claims to them, and of their classes."""

from collections.abc import Mapping

from aimctrl.sandbox.apiserver.builtin.printed import at, modes, truthful
from aimctrl.sandbox.apiserver.printing import (
    AGE,
    NAME,
    UNSET,
    Printer,
    Shown,
    named,
    number,
    text,
    truth,
    wide,
)
from aimctrl.sandbox.apiserver.resources import Column
from aimctrl.sandbox.apiserver.schema.node import Object

_GROUP = "storage.k8s.io"

_OLD_CLASS = "volume.beta.kubernetes.io/storage-class"


def _phase(thing: Object) -> str:
    return "Terminating" if "deletionTimestamp" in thing["metadata"] else at(thing, "status", "phase") or ""


def _bound(read: str) -> Shown:
    """What a claim has once it has a volume."""

    def held(claim: Object) -> str:
        if not at(claim, "spec", "volumeName"):
            return ""
        if read == "Capacity":
            return at(claim, "status", "capacity", "storage") or "0"
        return modes(at(claim, "status", "accessModes"))

    return text(read, held)


def _class(thing: Object) -> str:
    old: str | None = at(thing, "metadata", "annotations", _OLD_CLASS)
    return old or at(thing, "spec", "storageClassName") or ""


def _claim(volume: Object) -> str:
    claim: Object | None = at(volume, "spec", "claimRef")
    return f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else ""


def _attributes(thing: Object) -> str:
    return at(thing, "spec", "volumeAttributesClassName") or UNSET


def _mode(thing: Object) -> str:
    return at(thing, "spec", "volumeMode") or UNSET


def _marked(kind: str) -> Shown:
    """The name of a class, marked where it is the default."""

    def name(class_: Object) -> str:
        default = at(class_, "metadata", "annotations", f"{kind}.kubernetes.io/is-default-class") == "true"
        return f"{class_['metadata']['name']} (default)" if default else class_["metadata"]["name"]

    return named(name)


def _audiences(driver: Object) -> str:
    requests: list[Object] = at(driver, "spec", "tokenRequests") or []
    return ",".join(one.get("audience", "") for one in requests) or UNSET


STORAGE_PRINTERS: Mapping[tuple[str, str], Printer] = {
    ("", "persistentvolumeclaims"): Printer(
        (
            NAME,
            text("Status", _phase),
            text("Volume", lambda claim: at(claim, "spec", "volumeName") or ""),
            _bound("Capacity"),
            _bound("Access Modes"),
            text("StorageClass", _class),
            text("VolumeAttributesClass", _attributes),
            AGE,
            wide(text("VolumeMode", _mode)),
        )
    ),
    ("", "persistentvolumes"): Printer(
        (
            NAME,
            text("Capacity", lambda volume: at(volume, "spec", "capacity", "storage") or "0"),
            text("Access Modes", lambda volume: modes(at(volume, "spec", "accessModes"))),
            text("Reclaim Policy", lambda volume: at(volume, "spec", "persistentVolumeReclaimPolicy") or ""),
            text("Status", _phase),
            text("Claim", _claim),
            text("StorageClass", _class),
            text("VolumeAttributesClass", _attributes),
            text("Reason", lambda volume: at(volume, "status", "reason") or ""),
            AGE,
            wide(text("VolumeMode", _mode)),
        )
    ),
    (_GROUP, "csidrivers"): Printer(
        (
            NAME,
            truth("AttachRequired", lambda driver: truthful(at(driver, "spec", "attachRequired"), "true")),
            truth("PodInfoOnMount", lambda driver: at(driver, "spec", "podInfoOnMount")),
            truth("StorageCapacity", lambda driver: at(driver, "spec", "storageCapacity")),
            text("TokenRequests", _audiences),
            truth("RequiresRepublish", lambda driver: at(driver, "spec", "requiresRepublish")),
            text("Modes", lambda driver: ",".join(at(driver, "spec", "volumeLifecycleModes") or ())),
            AGE,
        )
    ),
    (_GROUP, "csinodes"): Printer((NAME, number("Drivers", lambda node: len(at(node, "spec", "drivers") or ())), AGE)),
    (_GROUP, "storageclasses"): Printer(
        (
            _marked("storageclass"),
            text("Provisioner", lambda class_: class_.get("provisioner", "")),
            text("ReclaimPolicy", lambda class_: class_.get("reclaimPolicy") or "Delete"),
            text("VolumeBindingMode", lambda class_: class_.get("volumeBindingMode") or "Immediate"),
            text("AllowVolumeExpansion", lambda class_: bool(class_.get("allowVolumeExpansion"))),
            AGE,
        )
    ),
    (_GROUP, "volumeattachments"): Printer(
        (
            NAME,
            Shown(Column("Attacher", "string", "", "name"), lambda thing, _now: at(thing, "spec", "attacher") or ""),
            text("PV", lambda thing: at(thing, "spec", "source", "persistentVolumeName") or ""),
            text("Node", lambda thing: at(thing, "spec", "nodeName") or ""),
            truth("Attached", lambda thing: at(thing, "status", "attached")),
            AGE,
        )
    ),
    (_GROUP, "volumeattributesclasses"): Printer(
        (_marked("volumeattributesclass"), text("DriverName", lambda class_: class_.get("driverName", "")), AGE)
    ),
}
"""By group and plural."""
