"""The rights that controllers need: declared where they are used, and from there the rules of a role.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from aimctrl.kube.core import CRDS, EVENTS, LEASES
from aimctrl.kube.kinds import Kind

RuleJson = dict[str, list[str]]

READS = ("get", "list", "watch")


@dataclass(frozen=True, slots=True)
class Access:
    """A right to the objects of a kind, or to a subresource of theirs: `verbs` as RBAC has them.

    `names` limits it to the objects of those names, which no `create`, `list` or `watch` can be.
    """

    kind: Kind[Any]
    verbs: tuple[str, ...]
    subresource: str = ""
    names: tuple[str, ...] = ()

    @classmethod
    def watches(cls, kind: Kind[Any]) -> Self:
        """To keep them in a cache."""
        return cls(kind, ("list", "watch"))

    @classmethod
    def applies(cls, kind: Kind[Any]) -> Self:
        """To have children of the mode `apply`: one that the cache does not show is asked for, then made or changed."""
        return cls(kind, ("create", "get", "patch"))

    @classmethod
    def creates(cls, kind: Kind[Any]) -> Self:
        """To have children of the mode `create`: of one that is there already it is asked whose it is."""
        return cls(kind, ("create", "get"))

    @classmethod
    def patches(cls, kind: Kind[Any]) -> Self:
        """To have children of the mode `patch`, or finalizers; what became of a lost answer is asked."""
        return cls(kind, ("get", "patch"))

    @classmethod
    def deletes(cls, kind: Kind[Any]) -> Self:
        """To remove them; what became of a lost answer is asked."""
        return cls(kind, ("delete", "get"))

    @classmethod
    def owns(cls, kind: Kind[Any]) -> Self:
        """To be the controller of children (`Target.owner_reference`).

        That an owner waits for a child is only for those who may finalize it to say, where the API server has the
        admission plug-in OwnerReferencesPermissionEnforcement, as OpenShift's has.
        """
        return cls(kind, ("update",), subresource="finalizers")

    @property
    def changes_nothing(self) -> bool:
        """Whether it only reads."""
        return set(self.verbs) <= set(READS)


def reconciling(kind: Kind[Any]) -> tuple[Access, ...]:
    """What every controller of a kind needs: to read its objects, and to say how they are."""
    return Access(kind, READS), Access(kind, ("patch",), subresource="status")


def recording() -> tuple[Access, ...]:
    """What the event recorder needs; a repeat is a patch of the first."""
    return (Access(EVENTS, ("create", "patch")),)


def following_definitions() -> tuple[Access, ...]:
    """What it takes to see a kind that is missing come; without it, it is tried now and then."""
    return (Access.watches(CRDS),)


def leading(lease: str) -> tuple[Access, ...]:
    """What the election needs, in the namespace of that Lease."""
    return Access(LEASES, ("create",)), Access(LEASES, ("get", "patch"), names=(lease,))


def policy_rules(accesses: Iterable[Access]) -> list[RuleJson]:
    """The least rules that allow all of it: the `rules` of a Role or ClusterRole, sorted.

    No two of them allow the same, so that each is missed where it is taken away; resources of a group that are used
    alike share one.
    """
    verbs: defaultdict[tuple[str, str, tuple[str, ...]], set[str]] = defaultdict(set)
    for access in accesses:
        resource = "/".join(part for part in (access.kind.plural, access.subresource) if part)
        verbs[access.kind.group, resource, tuple(sorted(access.names))] |= set(access.verbs)
    alike: defaultdict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = defaultdict(list)
    for (group, resource, names), some in sorted(verbs.items()):
        of_all = verbs.get((group, resource, ()), set()) if names else set[str]()
        if some - of_all:
            alike[group, names, tuple(sorted(some - of_all))].append(resource)
    found = sorted((group, resources, names, some) for (group, names, some), resources in alike.items())
    return [_rule(*one) for one in found]


def _rule(group: str, resources: list[str], names: tuple[str, ...], verbs: tuple[str, ...]) -> RuleJson:
    rule = {"apiGroups": [group], "resources": resources}
    if names:
        rule["resourceNames"] = list(names)
    return {**rule, "verbs": list(verbs)}
