"""What a request is about to do to an object, as policies see it.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request.
"""

from collections.abc import Mapping

import msgspec

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.negotiation import decoded
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object

_OWN_KINDS = {
    "binding": ("", "v1", "Binding"),
    "eviction": ("policy", "v1", "Eviction"),
    "scale": ("autoscaling", "v1", "Scale"),
}
"""The subresources whose objects are of a kind of their own, which is the same in every version of the resource."""

_NAMESPACE_FIELDS = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "finalizers",
)


class Attempt(msgspec.Struct, frozen=True):
    """A write that is allowed by all else. `thing` is None for a deletion, `old` for a creation."""

    call: Call
    operation: str
    thing: Object | None
    old: Object | None

    @property
    def of_namespace(self) -> bool:
        """Whether it is about a Namespace, or a part of one."""
        return (self.call.place.group, self.call.place.plural) == ("", "namespaces")

    @property
    def namespace(self) -> str:
        """The namespace that it is in; a Namespace is in itself."""
        return self.name if self.of_namespace else self.call.namespace

    @property
    def name(self) -> str:
        """The name of the object; `""` where a whole collection is deleted."""
        if self.call.name or self.thing is None:
            return self.call.name
        name: str = self.thing["metadata"].get("name", "")
        return name

    def kind(self, type_: ResourceType) -> Object:
        """The kind of its object where the resource is seen as that one, which may be of another version."""
        own = _OWN_KINDS.get(self.call.place.subresource, (type_.group, type_.version, type_.kind))
        return dict(zip(("group", "version", "kind"), own, strict=True))

    def seen_as(self, thing: Object | None, type_: ResourceType) -> Object | None:
        """One of its objects as one of that resource."""
        if thing is None or type_ is self.call.type or self.call.place.subresource in _OWN_KINDS:
            return thing
        return type_.strategy.convert(thing, type_.api_version)

    def request(self, type_: ResourceType) -> Object:
        """The variable `request`, of which nothing is null."""
        call = self.call
        own, subresource = call.type, call.place.subresource
        parts = {"subResource": subresource, "requestSubResource": subresource}
        parts |= {"name": self.name, "namespace": self.namespace}
        return {
            "kind": self.kind(type_),
            "resource": {"group": type_.group, "version": type_.version, "resource": type_.plural},
            "requestKind": self.kind(own),
            "requestResource": {"group": own.group, "version": own.version, "resource": own.plural},
            **{key: value for key, value in parts.items() if value},
            "operation": self.operation,
            "userInfo": self._user(),
            "dryRun": call.dry_run,
            "options": self._options(),
        }

    def _user(self) -> Object:
        user = self.call.user
        extra = {key: list(values) for key, values in user.extra.items()}
        whole = {"username": user.name, "uid": user.uid, "groups": list(user.groups), "extra": extra}
        return {key: value for key, value in whole.items() if value}

    def _options(self) -> Object:
        call, kind = self.call, f"{self.operation.capitalize()}Options"
        head: Object = {"kind": kind, "apiVersion": "meta.k8s.io/v1"}
        if self.thing is None and call.body.strip():
            return {**decoded(call.body, call.content_type), **head}
        names = ("propagationPolicy",) if self.thing is None else ("fieldManager", "fieldValidation")
        told: Object = {name: call.query[name] for name in names if call.query.get(name)}
        return {**head, **told, **({"dryRun": ["All"]} if call.dry_run else {})}


def namespace_labels(cluster: Cluster, attempt: Attempt) -> Mapping[str, str]:
    """The labels of the namespace that something is in; a Namespace that is written is judged by those it will have."""
    if attempt.of_namespace and attempt.thing is not None and not attempt.call.place.subresource:
        return attempt.thing["metadata"].get("labels") or {}
    namespace = cluster.namespace(attempt.namespace)
    return (namespace["metadata"].get("labels") or {}) if namespace else {}


def namespace_object(cluster: Cluster, attempt: Attempt) -> Object:
    """The variable `namespaceObject`; an empty one for what is in no namespace."""
    if attempt.of_namespace or not attempt.namespace:
        return {}
    namespace = cluster.namespace(attempt.namespace)
    if namespace is None:
        return {}
    meta = {key: namespace["metadata"][key] for key in _NAMESPACE_FIELDS if key in namespace["metadata"]}
    return {**namespace, "metadata": meta}
