"""RBAC over the roles that are stored: who may do what, and by which binding.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.errors import Subject, not_found
from aimctrl.sandbox.apiserver.request import User
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import entries, section

RBAC = "rbac.authorization.k8s.io"
MASTERS = "system:masters"


class Attributes(msgspec.Struct, frozen=True):
    """What somebody wants to do: with a resource, or where `path` is not `""`, with a path that is none."""

    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """A rule that somebody has, and the binding that gives it to which of its subjects."""

    rule: Object
    binding: Object
    subject: Object

    @property
    def reason(self) -> str:
        """Why what the rule allows is allowed, as reviews say it."""
        meta, role, subject = self.binding["metadata"], self.binding["roleRef"], self.subject
        binding, name = meta["name"], subject["name"]
        if meta.get("namespace"):
            binding = f"{binding}/{meta['namespace']}"
        if subject["kind"] == "ServiceAccount":
            name = f"{name}/{subject.get('namespace') or meta.get('namespace', '')}"
        return (
            f'RBAC: allowed by {self.binding["kind"]} "{binding}" of {role["kind"]} "{role["name"]}" '
            f'to {subject["kind"]} "{name}"'
        )


@dataclass(frozen=True, slots=True)
class Rbac:
    """Whom the stored roles and bindings allow what; members of system:masters may do everything."""

    cluster: Cluster

    def allows(self, user: User, wanted: Attributes) -> bool:
        """Whether a user may do that."""
        return MASTERS in user.groups or self.grant(user, wanted) is not None

    def grant(self, user: User, wanted: Attributes) -> Grant | None:
        """The first rule that lets a user do that."""
        return next((grant for grant in self.grants(user, wanted.namespace) if _covers(grant.rule, wanted)), None)

    def grants(self, user: User, namespace: str) -> Iterator[Grant]:
        """The rules that a user has: everywhere, and in that namespace."""
        storage = self.cluster.storage
        bindings = storage.collection(RBAC, "clusterrolebindings").all()
        if namespace:
            bindings += storage.collection(RBAC, "rolebindings").all(namespace)
        for stored in bindings:
            subject = _subject(stored.object, user, stored.namespace)
            if subject is not None:
                role = self._role(section(stored.object, "roleRef"), stored.namespace)
                for rule in entries(role or {}, "rules"):
                    yield Grant(rule, stored.object, subject)

    def rules_of(self, ref: Object, namespace: str) -> list[Object]:
        """The rules of the role that a binding in that namespace refers to; the namespace is `""` for none.

        Raises:
            StatusError: 404, where there is no such role.
        """
        role = self._role(ref, namespace)
        if role is None:
            raise not_found(Subject(RBAC, "rolebindings" if namespace else "clusterrolebindings", ref.get("name", "")))
        return entries(role, "rules")

    def _role(self, ref: Object, namespace: str) -> Object | None:
        everywhere, name = ref.get("kind") == "ClusterRole", ref.get("name", "")
        collection = self.cluster.storage.collection(RBAC, "clusterroles" if everywhere else "roles")
        stored = collection.get(name if everywhere else f"{namespace}/{name}")
        return stored.object if stored else None


def _subject(binding: Object, user: User, namespace: str) -> Object | None:
    """Which of the subjects of a binding a user is, or is in."""
    for subject in entries(binding, "subjects"):
        name = subject.get("name", "")
        match subject.get("kind"):
            case "User" if name == user.name:
                return subject
            case "Group" if name in user.groups:
                return subject
            case "ServiceAccount" if (
                user.name == f"system:serviceaccount:{subject.get('namespace') or namespace}:{name}"
            ):
                return subject
            case _:
                pass
    return None


def _covers(rule: Object, wanted: Attributes) -> bool:
    if not {"*", wanted.verb} & set(rule.get("verbs") or ()):
        return False
    if wanted.path:
        return any(_path_matches(pattern, wanted.path) for pattern in rule.get("nonResourceURLs") or ())
    if not {"*", wanted.group} & set(rule.get("apiGroups") or ()):
        return False
    subresource = wanted.resource.partition("/")[2]
    resources = {"*", wanted.resource, f"*/{subresource}" if subresource else "*"}
    names = rule.get("resourceNames") or ()
    return bool(resources & set(rule.get("resources") or ())) and (not names or wanted.name in names)


def _path_matches(pattern: str, path: str) -> bool:
    return pattern == path or (pattern.endswith("*") and path.startswith(pattern[:-1]))
