"""CustomResourceDefinitions: names are accepted, what they declare is served, and their objects go with them."""

from collections.abc import Iterator

from aimctrl.sandbox.apiserver.builtin.crd import CLEANUP
from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.crds import served_types
from aimctrl.sandbox.apiserver.internal import Internal
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.storage import Collection, Event, EventType
from aimctrl.sandbox.apiserver.values import deleting, section, timestamp

GROUP, PLURAL = "apiextensions.k8s.io", "customresourcedefinitions"

_NAMES = (
    ("plural", "PluralConflict"),
    ("singular", "SingularConflict"),
    ("kind", "KindConflict"),
    ("listKind", "ListKindConflict"),
)


class Definitions:
    """Keeps the registry and the status of CRDs as their specs say."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._internal = Internal(cluster, "kube-apiserver")
        self._served: dict[str, int] = {}

    def hear(self, collection: Collection, event: Event) -> list[str]:
        """The name of a CRD to look at, for an event of its collection."""
        if (collection.group, collection.plural) != (GROUP, PLURAL):
            return []
        if event.type is EventType.DELETED:
            self._withdraw(event.now.object)
        return [event.now.key]

    def look(self, name: str) -> float | None:
        """Looks at one CRD."""
        stored = self._cluster.storage.collection(GROUP, PLURAL).get(name)
        if stored is None:
            self._retry_refused()
            return None
        crd = stored.object
        if deleting(crd):
            return self._clean(crd)
        conflicts = tuple(self._conflicts(crd))
        if not conflicts:
            self._serve(crd)
        self._internal.change(self._type(), name, lambda thing: self._settle(thing, conflicts), subresource="status")
        return None

    def _type(self) -> ResourceType:
        found = self._cluster.registry.find(GROUP, "v1", PLURAL)
        assert found is not None
        return found

    def _serve(self, crd: Object) -> None:
        name, generation = crd["metadata"]["name"], crd["metadata"].get("generation", 1)
        if self._served.get(name) == generation:
            return
        group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        if name not in self._served:
            self._cluster.storage.collection(group, plural).compact()  # a cache of events that begins now
        self._cluster.registry.remove(group, plural)
        for type_ in served_types(crd):
            self._cluster.registry.add(type_)
        self._served[name] = generation

    def _withdraw(self, crd: Object) -> None:
        if self._served.pop(crd["metadata"]["name"], None) is not None:
            self._cluster.registry.remove(crd["spec"]["group"], crd["spec"]["names"]["plural"])

    def _retry_refused(self) -> None:
        """A name that came free may be another's now."""
        for stored in self._cluster.storage.collection(GROUP, PLURAL).all():
            if stored.key not in self._served and not deleting(stored.object):
                self.look(stored.key)

    def _conflicts(self, crd: Object) -> Iterator[tuple[str, str]]:
        """The names that others of the group have, with the reason that says which."""
        group, names = crd["spec"]["group"], crd["spec"]["names"]
        taken: set[str] = set()
        for stored in self._cluster.storage.collection(GROUP, PLURAL).all():
            other = stored.object
            if other["metadata"]["name"] != crd["metadata"]["name"] and other["spec"]["group"] == group:
                accepted = section(other, "status", "acceptedNames")
                taken |= {accepted.get(part, "") for part, _ in _NAMES} - {""}
        for part, reason in _NAMES:
            if names.get(part) in taken:
                yield names[part], reason

    def _settle(self, crd: Object, conflicts: tuple[tuple[str, str], ...]) -> None:
        status = crd.setdefault("status", {})
        names = crd["spec"]["names"]
        taken = [name for name, _ in conflicts]
        status["acceptedNames"] = {key: value for key, value in names.items() if value not in taken}
        now = timestamp(self._cluster.now())
        established = any(c["type"] == "Established" and c["status"] == "True" for c in status.get("conditions") or ())
        if conflicts:
            name, reason = conflicts[-1]
            _set(status, ("NamesAccepted", "False", reason, f'"{name}" is already in use'), now)
            if not established:
                _set(status, ("Established", "False", "NotAccepted", "not all names are accepted"), now)
            return
        _set(status, ("NamesAccepted", "True", "NoConflicts", "no conflicts found"), now)
        if not established:
            words = "the initial names have been accepted"
            _set(status, ("Established", "True", "InitialNamesAccepted", words), now)

    def _clean(self, crd: Object) -> float | None:
        """Deletes the objects of a CRD that is on its way out, and lets it go once they are gone."""
        spec, name = crd["spec"], crd["metadata"]["name"]
        types = [t for t in self._cluster.registry if (t.group, t.plural) == (spec["group"], spec["names"]["plural"])]
        collection = self._cluster.storage.collection(spec["group"], spec["names"]["plural"])
        if types and name in self._served:
            self._internal.change(self._type(), name, self._say_progress, subresource="status")
            for stored in collection.all():
                if not deleting(stored.object):
                    self._internal.delete(types[0], stored.key)
            if len(collection):
                return 0.2
        self._withdraw(crd)
        self._internal.change(self._type(), name, _without_cleanup)
        return None

    def _say_progress(self, crd: Object) -> None:
        now, words = timestamp(self._cluster.now()), "CustomResource deletion is in progress"
        _set(crd["status"], ("Terminating", "True", "InstanceDeletionInProgress", words), now)


def _without_cleanup(thing: Object) -> None:
    thing["metadata"]["finalizers"] = [f for f in thing["metadata"].get("finalizers", []) if f != CLEANUP]
    if not thing["metadata"]["finalizers"]:
        del thing["metadata"]["finalizers"]


def _set(status: Object, said: tuple[str, str, str, str], now: str) -> None:
    kind, holds, reason, message = said
    conditions: list[Object] = list(status.get("conditions") or ())
    before = next((c for c in conditions if c["type"] == kind), None)
    since = before["lastTransitionTime"] if before and before["status"] == holds else now
    condition = {"type": kind, "status": holds, "lastTransitionTime": since, "reason": reason, "message": message}
    if before is None:
        conditions.append(condition)
    else:
        conditions[conditions.index(before)] = condition
    status["conditions"] = conditions
