"""The volume of a model cache: how large and of which class it is made, and how far it is; pure (SPEC §6).

Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from aimctrl.aim.cache.names import claim_name, labels
from aimctrl.kube import quantity
from aimctrl.kube.core import PVCS, PersistentVolumeClaim, StorageClass
from aimctrl.kube.quantity import Quantity
from aimctrl.runtime.plan import Child, Target

GIB: Final = quantity.parse("1Gi")
ON_FIRST_USE: Final = "WaitForFirstConsumer"
"""The binding mode of a storage class whose claims are bound once a Pod with them is scheduled."""


@dataclass(frozen=True, slots=True)
class ClaimParts:
    """What a claim is made of; no `storage_class` leaves it to the cluster, `labels` are those propagated."""

    size: Quantity
    storage_class: str | None
    labels: Mapping[str, str]


def volume_size(artifact: str | int, headroom_percent: int) -> Quantity:
    """The size of an artifact and the headroom, rounded up to whole Gi; at least one."""
    grown = quantity.parse(artifact) * (1 + Decimal(headroom_percent) / 100)
    return max(grown, GIB).rounded_up(GIB)


def claim(cache: Target, parts: ClaimParts) -> Child:
    """The claim, made once: what exists is neither shrunk nor given another class."""
    name = cache.meta.name
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": str(parts.size)}},
    }
    if parts.storage_class:
        spec["storageClassName"] = parts.storage_class
    manifest = {
        "apiVersion": PVCS.api_version,
        "kind": PVCS.name,
        "metadata": {
            "name": claim_name(name),
            "namespace": cache.meta.namespace,
            "labels": {**parts.labels, **labels(name)},
            "ownerReferences": [cache.owner_reference()],
        },
        "spec": spec,
    }
    return Child(PVCS, manifest, mode="create")


def growth(live: PersistentVolumeClaim, size: Quantity, storage_class: StorageClass) -> tuple[Child, ...]:
    """The patch that makes a bound claim larger, where it is to be and its class allows that."""
    has = quantity.parse(live.spec.resources.get("requests", {}).get("storage", 0))
    if live.status.phase != "Bound" or not storage_class.allow_volume_expansion or size <= has:
        return ()
    manifest = {
        "apiVersion": PVCS.api_version,
        "kind": PVCS.name,
        "metadata": {"name": live.metadata.name, "namespace": live.metadata.namespace},
        "spec": {"resources": {"requests": {"storage": str(size)}}},
    }
    return (Child(PVCS, manifest, mode="patch", uid=live.metadata.uid),)
