"""Claims on storage: one that a pod on a node uses is not deleted until no such pod is left.

Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection.
"""

from collections import defaultdict

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.internal import Internal
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.storage import Collection, Event, EventType
from aimctrl.sandbox.apiserver.values import deleting, entries

PROTECTION = "kubernetes.io/pvc-protection"
PLURAL = "persistentvolumeclaims"


class Claims:
    """Takes the finalizer off claims that may go. Pods count that have a node, even when they are over."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._internal = Internal(cluster, "kube-controller-manager")
        self._users: dict[str, set[str]] = defaultdict(set)

    def hear(self, collection: Collection, event: Event) -> list[str]:
        """The claims to look at after an event."""
        resource = (collection.group, collection.plural)
        if resource == ("", PLURAL):
            return [event.now.key]
        if resource != ("", "pods"):
            return []
        keys = _claims_of(event.now.object)
        on_node = event.type is not EventType.DELETED and bool(event.now.object["spec"].get("nodeName"))
        for key in keys:
            if on_node:
                self._users[key].add(event.now.key)
            else:
                self._users[key].discard(event.now.key)
        return keys

    def look(self, key: str) -> float | None:
        """Looks at one claim."""
        type_ = self._cluster.registry.find("", "v1", PLURAL)
        assert type_ is not None
        stored = self._cluster.collection(type_).get(key)
        if stored is None:
            return None
        protected = PROTECTION in stored.object["metadata"].get("finalizers", [])
        if not deleting(stored.object):
            if not protected:
                self._internal.change(type_, key, _protect)
        elif protected and not self._users[key]:
            self._internal.change(type_, key, _release)
        return None


def _claims_of(pod: Object) -> list[str]:
    """The keys of the claims that a pod's volumes are, its own ephemeral ones among them."""
    meta = pod["metadata"]
    found: list[str] = []
    for volume in entries(pod, "spec", "volumes"):
        if volume.get("persistentVolumeClaim"):
            found.append(volume["persistentVolumeClaim"].get("claimName", ""))
        elif volume.get("ephemeral"):
            found.append(f"{meta['name']}-{volume['name']}")
    return [f"{meta['namespace']}/{name}" for name in sorted(found)]


def _protect(claim: Object) -> None:
    meta = claim["metadata"]
    meta["finalizers"] = [*meta.get("finalizers", []), PROTECTION]


def _release(claim: Object) -> None:
    meta = claim["metadata"]
    left = [name for name in meta.pop("finalizers", []) if name != PROTECTION]
    if left:
        meta["finalizers"] = left
