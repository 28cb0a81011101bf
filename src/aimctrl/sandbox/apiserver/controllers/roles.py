"""ClusterRoles that are put together out of others, which their labels choose.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles.
"""

from collections.abc import Iterator

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.internal import Internal
from aimctrl.sandbox.apiserver.rbac import RBAC
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.selectors import selected
from aimctrl.sandbox.apiserver.storage import Collection, Event

PLURAL = "clusterroles"


class Roles:
    """Keeps the rules of aggregated roles."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._internal = Internal(cluster, "clusterrole-aggregation-controller")

    def hear(self, collection: Collection, event: Event) -> list[str]:
        """The aggregated roles, where a role has changed."""
        del event
        if (collection.group, collection.plural) != (RBAC, PLURAL):
            return []
        return [stored.key for stored in collection.all() if stored.object.get("aggregationRule")]

    def look(self, name: str) -> float | None:
        """Looks at one aggregated role."""
        type_ = self._cluster.registry.find(RBAC, "v1", PLURAL)
        assert type_ is not None
        stored = self._cluster.collection(type_).get(name)
        if stored is None or not stored.object.get("aggregationRule"):
            return None
        rules: list[Object] = []
        for rule in self._rules(stored.object):
            if rule not in rules:
                rules.append(rule)
        if rules != (stored.object.get("rules") or []):
            self._internal.change(type_, name, lambda thing: thing.update(rules=rules))
        return None

    def _rules(self, role: Object) -> Iterator[Object]:
        chosen = role["aggregationRule"].get("clusterRoleSelectors") or ()
        for selector in chosen:
            for other in self._cluster.storage.collection(RBAC, PLURAL).all():
                if other.key != role["metadata"]["name"] and selected(
                    selector, other.object["metadata"].get("labels", {})
                ):
                    yield from other.object.get("rules") or ()
