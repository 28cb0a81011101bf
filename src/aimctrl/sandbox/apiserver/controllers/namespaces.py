"""Namespaces: what new ones are given, and how old ones are emptied.

Source: https://kubernetes.io/docs/tasks/administer-cluster/namespaces/#deleting-a-namespace.
"""

from collections import Counter

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.internal import Internal
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.storage import Collection, Event
from aimctrl.sandbox.apiserver.values import deleting, timestamp

_PAUSE = 0.1

ROOT_CA = "kube-root-ca.crt"

_NO_FAILURES = (
    (
        "NamespaceDeletionDiscoveryFailure",
        "False",
        "ResourcesDiscovered",
        "All resources successfully discovered",
    ),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "False",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "False",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
)
_HELD = "Some content in the namespace has finalizers remaining"
_NOT_HELD = "All content-preserving finalizers finished"

_GIVEN = (("", "serviceaccounts", "default"), ("", "configmaps", ROOT_CA))
_ABOUT_ROOT_CA = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


class Namespaces:
    """Gives each namespace its ServiceAccount `default` and the CA's certificate; empties it on its way out.

    `ca` is that certificate in PEM.
    """

    def __init__(self, cluster: Cluster, ca: str) -> None:
        self._cluster, self._ca = cluster, ca
        self._internal = Internal(cluster, "kube-controller-manager")

    def hear(self, collection: Collection, event: Event) -> list[str]:
        """The namespaces to look at after an event: the one that changed, or that has lost what it is given."""
        if (collection.group, collection.plural) == ("", "namespaces"):
            return [event.now.key]
        given = (collection.group, collection.plural, event.now.key.partition("/")[2]) in _GIVEN
        return [event.now.namespace] if given else []

    def look(self, name: str) -> float | None:
        """Looks at one namespace."""
        namespace = self._cluster.namespace(name)
        if namespace is None:
            return None
        if deleting(namespace):
            return self._empty(name)
        self._give(name)
        return None

    def _give(self, name: str) -> None:
        accounts, maps = self._type("serviceaccounts"), self._type("configmaps")
        if not self._internal.has(accounts, "default", name):
            self._internal.create(accounts, {"metadata": {"name": "default"}}, namespace=name)
        told = self._cluster.collection(maps).get(f"{name}/{ROOT_CA}")
        data = {"ca.crt": self._ca}
        if told is None:
            meta = {"name": ROOT_CA, "annotations": {"kubernetes.io/description": _ABOUT_ROOT_CA}}
            self._internal.create(maps, {"metadata": meta, "data": data}, namespace=name)
        elif told.object.get("data") != data:
            self._internal.change(maps, told.key, lambda thing: thing.update(data=data))

    def _empty(self, name: str) -> float | None:
        """Deletes what is in a namespace, says what is left of that, and lets the namespace go once it is nothing."""
        left, held = Counter[str](), Counter[str]()
        for type_ in self._stored_types():
            for stored in self._cluster.collection(type_).all(name):
                if not deleting(stored.object):
                    self._internal.delete(type_, stored.key)
            rest = self._cluster.collection(type_).all(name)
            left[f"{type_.plural}.{type_.group}"] += len(rest)
            held.update(finalizer for stored in rest for finalizer in stored.object["metadata"].get("finalizers", ()))
        type_ = self._type("namespaces")
        if left.total():
            now = timestamp(self._cluster.now())
            self._internal.change(type_, name, lambda thing: _say(thing, left, held, now), subresource="status")
            return _PAUSE
        self._internal.change(type_, name, _finalized, subresource="finalize")
        return None

    def _stored_types(self) -> list[ResourceType]:
        """One version of each namespaced resource that has objects."""
        found: dict[tuple[str, str], ResourceType] = {}
        for type_ in self._cluster.registry:
            if type_.namespaced and "delete" in type_.verbs:
                found.setdefault((type_.group, type_.plural), type_)
        return list(found.values())

    def _type(self, plural: str) -> ResourceType:
        type_ = self._cluster.registry.find("", "v1", plural)
        assert type_ is not None
        return type_


def _say(namespace: Object, left: Counter[str], held: Counter[str], now: str) -> None:
    """Sets the conditions of a namespace on its way out."""
    resources = ", ".join(f"{name} has {count} resource instances" for name, count in sorted(left.items()) if count)
    finalizers = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(held.items()))
    said = [
        *_NO_FAILURES,
        ("NamespaceContentRemaining", "True", "SomeResourcesRemain", f"Some resources are remaining: {resources}"),
        (
            ("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", f"{_HELD}: {finalizers}")
            if held
            else ("NamespaceFinalizersRemaining", "False", "ContentHasNoFinalizers", _NOT_HELD)
        ),
    ]
    before = {each["type"]: each for each in namespace["status"].get("conditions") or ()}
    namespace["status"]["conditions"] = [_condition(each, before.get(each[0]), now) for each in said]


def _condition(said: tuple[str, str, str, str], before: Object | None, now: str) -> Object:
    kind, holds, reason, message = said
    since = before["lastTransitionTime"] if before and before["status"] == holds else now
    return {"type": kind, "status": holds, "lastTransitionTime": since, "reason": reason, "message": message}


def _finalized(thing: Object) -> None:
    thing["spec"]["finalizers"] = []
