"""Claims of volumes, volumes, and their classes: defaults, protection, and what may not change.

Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/.
"""

from collections.abc import Iterator

from aimctrl.sandbox.apiserver.builtin.amounts import parse
from aimctrl.sandbox.apiserver.builtin.checks import immutable, invalid, required, unsupported
from aimctrl.sandbox.apiserver.builtin.resetting import Resetting
from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.resources import Strategy
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.storage import Storage

CLAIM_PROTECTION = "kubernetes.io/pvc-protection"
VOLUME_PROTECTION = "kubernetes.io/pv-protection"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"

_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_FIXED_CLAIM = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)
_CHOICES = {"reclaimPolicy": ("Delete", "Retain"), "volumeBindingMode": ("Immediate", "WaitForFirstConsumer")}
_FIXED_CLASS = ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode")
_FIXED_SOURCE = "spec.persistentvolumesource is immutable after creation"
_NOT_SOURCES = frozenset(
    {
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    }
)


class ClaimStrategy(Resetting):
    """A PersistentVolumeClaim is pending until something binds it."""

    def __init__(self) -> None:
        super().__init__(lambda: {"phase": "Pending"})

    def default(self, thing: Object) -> None:
        """It is for a file system."""
        thing["spec"].setdefault("volumeMode", "Filesystem")

    def admit(self, storage: Storage, thing: Object, old: Object | None) -> None:
        """Protects a new claim from deletion while it is used, and gives it the default class."""
        if old is not None:
            return
        _protect(thing, CLAIM_PROTECTION)
        if "storageClassName" not in thing["spec"]:
            _give_class(storage, thing["spec"])

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """The modes, the size, and that the rest stays as it is."""
        if subresource:
            return []
        spec = thing["spec"]
        errors = [*_mode_errors(spec, "at least 1 access mode is required"), *_size_errors(spec)]
        if old is not None and _fixed(spec, old["spec"]) != _fixed(old["spec"], old["spec"]):
            errors.append(FieldError(Cause.FORBIDDEN, "spec", _FIXED_CLAIM))
        elif old is not None:
            errors += _shrink_errors(spec, old)
        return errors


class VolumeStrategy(Resetting):
    """A PersistentVolume is pending until something makes it available."""

    def __init__(self) -> None:
        super().__init__(lambda: {"phase": "Pending"})

    def prepare_create(self, thing: Object) -> None:
        """It is pending from the moment of its creation."""
        super().prepare_create(thing)
        thing["status"]["lastPhaseTransitionTime"] = thing["metadata"]["creationTimestamp"]

    def default(self, thing: Object) -> None:
        """It stays when its claim goes, and is for a file system."""
        spec = thing["spec"]
        spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
        spec.setdefault("volumeMode", "Filesystem")
        if "hostPath" in spec:
            spec["hostPath"].setdefault("type", "")

    def admit(self, storage: Storage, thing: Object, old: Object | None) -> None:
        """Protects a new volume from deletion while it is bound."""
        del storage
        if old is None:
            _protect(thing, VOLUME_PROTECTION)

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """The modes, the capacity and the source."""
        if subresource:
            return []
        spec = thing["spec"]
        errors = [*_mode_errors(spec, "")]
        if not spec.get("capacity"):
            errors.append(required("spec.capacity"))
            errors.append(unsupported("spec.capacity", None, ("storage",)))
        if not spec.keys() - _NOT_SOURCES:
            errors.append(required("spec", "must specify a volume type"))
        if old is not None and _source(spec) != _source(old["spec"]):
            errors.append(FieldError(Cause.FORBIDDEN, "spec.persistentvolumesource", _FIXED_SOURCE))
        return errors


class StorageClassStrategy(Strategy):
    """How volumes are provisioned."""

    def default(self, thing: Object) -> None:
        """Volumes are deleted with their claims, and bound at once."""
        thing.setdefault("reclaimPolicy", "Delete")
        thing.setdefault("volumeBindingMode", "Immediate")

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """That nothing but metadata and expansion changes."""
        del subresource
        errors = [] if thing.get("provisioner") else [required("provisioner")]
        for key, values in _CHOICES.items():
            if thing[key] not in values:
                errors.append(unsupported(key, thing[key], values))
        if old is not None:
            errors += [immutable(key, thing.get(key)) for key in _FIXED_CLASS if thing.get(key) != old.get(key)]
        return errors


def _protect(thing: Object, finalizer: str) -> None:
    meta = thing["metadata"]
    if finalizer not in meta.get("finalizers", ()):
        meta["finalizers"] = [*meta.get("finalizers", ()), finalizer]


def _give_class(storage: Storage, spec: Object) -> None:
    """The default class: the newest of those that say they are."""
    marked = [
        stored.object["metadata"]
        for stored in storage.collection("storage.k8s.io", "storageclasses").all()
        if stored.object["metadata"].get("annotations", {}).get(DEFAULT_CLASS) == "true"
    ]
    if marked:
        newest = max(meta["creationTimestamp"] for meta in marked)
        spec["storageClassName"] = min(meta["name"] for meta in marked if meta["creationTimestamp"] == newest)


def _source(spec: Object) -> Object:
    return {key: value for key, value in spec.items() if key not in _NOT_SOURCES}


def _mode_errors(spec: Object, words: str) -> Iterator[FieldError]:
    modes = spec.get("accessModes") or ()
    if not modes:
        yield required("spec.accessModes", words)
    for mode in modes:
        if mode not in _MODES:
            yield unsupported("spec.accessModes", mode, _MODES)


def _size_errors(spec: Object) -> Iterator[FieldError]:
    size = spec["resources"].get("requests", {}).get("storage")
    if size is None:
        yield required("spec.resources[storage]")
    elif parse(size).amount <= 0:
        yield invalid("spec.resources[storage]", size, "must be greater than zero")


def _fixed(spec: Object, old: Object) -> Object:
    """The part of a claim that stays; a volume is named once."""
    free = {"resources", "volumeAttributesClassName", *(() if old.get("volumeName") else ("volumeName",))}
    kept = {key: value for key, value in spec.items() if key not in free}
    return {**kept, "resources": {key: value for key, value in spec["resources"].items() if key != "requests"}}


def _shrink_errors(spec: Object, old: Object) -> Iterator[FieldError]:
    before = old["spec"]["resources"].get("requests", {}).get("storage", "0")
    now = spec["resources"].get("requests", {}).get("storage", "0")
    if parse(now) == parse(before):
        return
    if old.get("status", {}).get("phase") != "Bound":
        yield FieldError(Cause.FORBIDDEN, "spec", _FIXED_CLAIM)
    elif parse(now) < parse(before):
        words = "field can not be less than status.capacity"
        yield FieldError(Cause.FORBIDDEN, "spec.resources.requests.storage", words)
