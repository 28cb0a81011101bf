"""Garbage collection: objects go with the last of their owners.

Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/.
"""

from collections import defaultdict
from enum import Enum, auto
from typing import Any

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.controllers.recording import Recorder
from aimctrl.sandbox.apiserver.deleting import FOREGROUND, ORPHAN, DeleteOptions
from aimctrl.sandbox.apiserver.internal import Internal
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.storage import Collection, Event, EventType, Stored
from aimctrl.sandbox.apiserver.values import deleting, entries, key_of

Ref = tuple[str, str, str]
"""Group, plural and key of an object."""

_UNKNOWN_SECONDS = 5.0


class OwnerState(Enum):
    """What an owner is to an object: there, being deleted after what it owns, gone, or of a kind nobody knows."""

    SOLID = auto()
    WAITING = auto()
    ABSENT = auto()
    UNKNOWN = auto()


class Garbage:
    """Knows who is owned by whom, of all objects."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._internal = Internal(cluster, "kube-controller-manager")
        self._recorder = Recorder(cluster, "garbage-collector-controller")
        self._alive: dict[str, Ref] = {}
        self._owned: dict[str, set[Ref]] = defaultdict(set)

    def hear(self, collection: Collection, event: Event) -> list[Ref]:
        """What to look at after an event."""
        ref = (collection.group, collection.plural, event.now.key)
        meta = event.now.object["metadata"]
        if event.type is EventType.DELETED:
            return self._gone(ref, event)
        self._alive[meta["uid"]] = ref
        before = _owner_uids(event.before.object) if event.before else set[str]()
        now = _owner_uids(event.now.object)
        for uid in before - now:
            self._owned[uid].discard(ref)
        for uid in now - before:
            self._owned[uid].add(ref)
        if now or deleting(event.now.object):
            return [ref, *self._owners(event.now.object)]
        return []

    def look(self, ref: Ref) -> float | None:
        """Looks at one object: whether its owners let it live, and whether it lets go of what it owns."""
        stored = self._stored(ref)
        type_ = self._type(ref)
        if stored is None or type_ is None:
            return None
        if deleting(stored.object) and self._release(type_, stored):
            return None
        return None if deleting(stored.object) else self._check_owners(type_, stored)

    def _gone(self, ref: Ref, event: Event) -> list[Ref]:
        before = (event.before or event.now).object
        uid = before["metadata"]["uid"]
        self._alive.pop(uid, None)
        for owner in _owner_uids(before):
            self._owned[owner].discard(ref)
        return [*self._owned.get(uid, ()), *self._owners(before)]

    def _owners(self, thing: Object) -> list[Ref]:
        """The owners of an object that wait for what they own to go."""
        refs = [self._alive[uid] for uid in _owner_uids(thing) if uid in self._alive]
        return [ref for ref in refs if (stored := self._stored(ref)) is not None and deleting(stored.object)]

    def _check_owners(self, type_: ResourceType, stored: Stored) -> float | None:
        """Deletes an object that has no owner left, or has it forget those it has lost; gives when to look again."""
        owners: list[dict[str, Any]] = stored.object["metadata"].get("ownerReferences", [])
        states = {owner["uid"]: self._owner_state(stored, owner) for owner in owners}
        if OwnerState.UNKNOWN in states.values():
            return _UNKNOWN_SECONDS
        solid = {uid for uid, state in states.items() if state is OwnerState.SOLID}
        if solid and len(solid) < len(states):
            self._internal.change(type_, stored.key, lambda thing: _keep_owners(thing, solid))
        elif states and not solid:
            waiting = OwnerState.WAITING in states.values() and self._has_blocking(stored)
            if waiting and self._owns_one_that_waits(stored):
                self._internal.change(type_, stored.key, _unblock)
            finalizers = stored.object["metadata"].get("finalizers", [])
            policy = "Foreground" if waiting or FOREGROUND in finalizers else "Background"
            self._internal.delete(type_, stored.key, DeleteOptions(policy="Orphan" if ORPHAN in finalizers else policy))
        return None

    def _owner_state(self, stored: Stored, owner: dict[str, Any]) -> "OwnerState":
        """What is known of an owner: one in another namespace, or of another kind, is none."""
        type_ = self._cluster.registry.of_kind(owner["apiVersion"], owner["kind"])
        if type_ is None or (type_.namespaced and not stored.namespace):
            return OwnerState.UNKNOWN
        key = key_of(stored.namespace if type_.namespaced else "", owner["name"])
        found = self._cluster.collection(type_).get(key)
        if found is None or found.object["metadata"]["uid"] != owner["uid"]:
            self._warn_of_namespace(stored, owner)
            return OwnerState.ABSENT
        return OwnerState.WAITING if _waits(found.object) else OwnerState.SOLID

    def _warn_of_namespace(self, stored: Stored, owner: dict[str, Any]) -> None:
        ref = self._alive.get(owner["uid"])
        alive = self._stored(ref) if ref else None
        if alive is not None and alive.namespace != stored.namespace and alive.object["kind"] == owner["kind"]:
            named = f"{owner['apiVersion']}/{owner['kind']}, namespace: {stored.namespace}, name: {owner['name']}"
            words = f'ownerRef [{named}, uid: {owner["uid"]}] does not exist in namespace "{stored.namespace}"'
            self._recorder.say(stored.object, "Warning", "OwnerRefInvalidNamespace", words)

    def _owns_one_that_waits(self, stored: Stored) -> bool:
        owned = (self._stored(ref) for ref in self._owned.get(stored.object["metadata"]["uid"], ()))
        return any(each is not None and _waits(each.object) for each in owned)

    def _has_blocking(self, stored: Stored) -> bool:
        return bool(self._owned.get(stored.object["metadata"]["uid"]))

    def _release(self, type_: ResourceType, stored: Stored) -> bool:
        """Orphans or awaits what an object owns that is being deleted; says whether it was about that."""
        meta = stored.object["metadata"]
        finalizers = meta.get("finalizers", [])
        owned = self._owned.get(meta["uid"], set())
        if ORPHAN in finalizers:
            for ref in sorted(owned):
                self._disown(ref, meta["uid"])
            self._internal.change(type_, stored.key, lambda thing: _drop_finalizer(thing, ORPHAN))
            return True
        if FOREGROUND not in finalizers:
            return False
        blocking = [ref for ref in owned if self._blocks(ref, meta["uid"])]
        for ref in sorted(owned):
            child, child_type = self._stored(ref), self._type(ref)
            if child is not None and child_type is not None and not deleting(child.object):
                self._check_owners(child_type, child)
        if not blocking:
            self._internal.change(type_, stored.key, lambda thing: _drop_finalizer(thing, FOREGROUND))
        return True

    def _blocks(self, ref: Ref, uid: str) -> bool:
        stored = self._stored(ref)
        owners = entries(stored.object, "metadata", "ownerReferences") if stored else []
        return any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in owners)

    def _disown(self, ref: Ref, uid: str) -> None:
        type_ = self._type(ref)
        if type_ is not None:
            self._internal.change(type_, ref[2], lambda thing: _keep_owners(thing, _owner_uids(thing) - {uid}))

    def _stored(self, ref: Ref) -> Stored | None:
        return self._cluster.storage.collection(ref[0], ref[1]).get(ref[2])

    def _type(self, ref: Ref) -> ResourceType | None:
        return next((t for t in self._cluster.registry if (t.group, t.plural) == ref[:2]), None)


def _owner_uids(thing: Object) -> set[str]:
    return {owner["uid"] for owner in thing["metadata"].get("ownerReferences", [])}


def _keep_owners(thing: Object, uids: set[str]) -> None:
    meta = thing["metadata"]
    meta["ownerReferences"] = [owner for owner in meta.get("ownerReferences", []) if owner["uid"] in uids]
    if not meta["ownerReferences"]:
        del meta["ownerReferences"]


def _drop_finalizer(thing: Object, name: str) -> None:
    meta = thing["metadata"]
    meta["finalizers"] = [finalizer for finalizer in meta.get("finalizers", []) if finalizer != name]
    if not meta["finalizers"]:
        del meta["finalizers"]


def _waits(thing: Object) -> bool:
    """Whether it is being deleted after what it owns."""
    return deleting(thing) and FOREGROUND in thing["metadata"].get("finalizers", [])


def _unblock(thing: Object) -> None:
    """Has its owners wait for it no more."""
    for owner in thing["metadata"].get("ownerReferences", []):
        owner["blockOwnerDeletion"] = False
