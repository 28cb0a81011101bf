"""Whether a policy, or a binding of one, is about a request.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-rules.
"""

from collections.abc import Iterable, Iterator

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.policies.attempt import Attempt, namespace_labels
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.selectors import selected, selector_text

Rules = list[Object]


def matched(cluster: Cluster, resources: Object, attempt: Attempt) -> ResourceType | None:
    """The resource as which a request is seen by whoever has these `matchResources`; None where they are not about it.

    With the match policy `Equivalent` that may be another version than was asked for.
    """
    if not _in_chosen_namespace(cluster, resources, attempt) or not _of_chosen_object(resources, attempt):
        return None
    served = tuple(_versions(cluster, resources, attempt))
    if _first(served, resources.get("excludeResourceRules") or [], attempt) is not None:
        return None
    rules: Rules = resources.get("resourceRules") or []
    return _first(served, rules, attempt) if rules else attempt.call.type


def _in_chosen_namespace(cluster: Cluster, resources: Object, attempt: Attempt) -> bool:
    """Whether the namespace is one of those that the selector chooses; what is in none is always."""
    selector = resources.get("namespaceSelector")
    if not selector_text(selector) or not (attempt.namespace or attempt.of_namespace):
        return True
    return selected(selector, namespace_labels(cluster, attempt))


def _of_chosen_object(resources: Object, attempt: Attempt) -> bool:
    """Whether the selector chooses the object as it was or as it will be."""
    selector = resources.get("objectSelector")
    if not selector_text(selector):
        return True
    states = (attempt.thing, attempt.old)
    return any(selected(selector, state["metadata"].get("labels") or {}) for state in states if state is not None)


def _versions(cluster: Cluster, resources: Object, attempt: Attempt) -> Iterator[ResourceType]:
    """The resource that was asked for, and with `Equivalent` all others that show the same objects."""
    asked = attempt.call.type
    yield asked
    if resources.get("matchPolicy") == "Equivalent":
        objects = cluster.collection(asked)
        yield from (each for each in cluster.registry if each is not asked and cluster.collection(each) is objects)


def _first(types: Iterable[ResourceType], rules: Rules, attempt: Attempt) -> ResourceType | None:
    return next((type_ for type_ in types for rule in rules if _holds(rule, type_, attempt)), None)


def _holds(rule: Object, type_: ResourceType, attempt: Attempt) -> bool:
    names = rule.get("resourceNames") or [attempt.name]
    return (
        _scoped(rule.get("scope", "*"), attempt)
        and bool({"*", attempt.operation} & set(rule.get("operations") or ()))
        and bool({"*", type_.group} & set(rule.get("apiGroups") or ()))
        and bool({"*", type_.version} & set(rule.get("apiVersions") or ()))
        and any(_is_resource(each, type_, attempt) for each in rule.get("resources") or ())
        and attempt.name in names
    )


def _scoped(scope: str, attempt: Attempt) -> bool:
    namespaced = bool(attempt.namespace) and not attempt.of_namespace
    return scope == "*" or namespaced is (scope == "Namespaced")


def _is_resource(text: str, type_: ResourceType, attempt: Attempt) -> bool:
    """Whether a text such as `pods`, `pods/status` or `*/*` means the resource, or the part of it that is written."""
    resource, _, subresource = text.partition("/")
    return resource in {"*", type_.plural} and subresource in {"*", attempt.call.place.subresource}
