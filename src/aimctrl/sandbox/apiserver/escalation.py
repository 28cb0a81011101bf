"""Nobody gives away more than they have: roles and bindings beyond the rights of who writes them are refused.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping.
"""

from collections.abc import Iterable, Iterator
from itertools import product

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.errors import StatusError, forbidden
from aimctrl.sandbox.apiserver.gotext import quoted
from aimctrl.sandbox.apiserver.rbac import MASTERS, RBAC, Attributes, Rbac
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.schema.node import Object

_ROLES = ("roles", "clusterroles")
_BINDINGS = ("rolebindings", "clusterrolebindings")
_PARTS = ("apiGroups", "resources", "resourceNames", "nonResourceURLs")
_SHOWN = (
    ("apiGroups", "APIGroups"),
    ("resources", "Resources"),
    ("resourceNames", "ResourceNames"),
    ("nonResourceURLs", "NonResourceURLs"),
    ("verbs", "Verbs"),
)
_EVERYTHING = [
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
]


def check_escalation(cluster: Cluster, call: Call, thing: Object, old: Object | None) -> None:
    """Refuses a role or a binding that gives rights which its writer has not; `old` is None on creation.

    Raises:
        StatusError: 403, or 404 for a binding to a role that is not there.
    """
    if call.type.group != RBAC or MASTERS in call.user.groups:
        return
    if call.type.plural in _ROLES:
        _check_role(Rbac(cluster), call, thing, old)
    elif call.type.plural in _BINDINGS:
        _check_binding(Rbac(cluster), call, thing)


def _check_role(rbac: Rbac, call: Call, thing: Object, old: Object | None) -> None:
    parts = ("rules", "aggregationRule")
    if old is not None and all((thing.get(part) or None) == (old.get(part) or None) for part in parts):
        return
    if rbac.allows(call.user, Attributes("escalate", RBAC, call.type.plural, call.namespace, call.name)):
        return
    name = thing["metadata"].get("name", "")
    if thing.get("aggregationRule") and _missing(rbac, call, _EVERYTHING):
        raise forbidden(call.type.subject(name), "must have cluster-admin privileges to use the aggregationRule")
    _check_rules(rbac, call, name, thing.get("rules") or ())


def _check_binding(rbac: Rbac, call: Call, thing: Object) -> None:
    role = thing["roleRef"]
    plural = "clusterroles" if role["kind"] == "ClusterRole" else "roles"
    if rbac.allows(call.user, Attributes("bind", RBAC, plural, call.namespace, role["name"])):
        return
    _check_rules(rbac, call, thing["metadata"].get("name", ""), rbac.rules_of(role, call.namespace))


def _check_rules(rbac: Rbac, call: Call, name: str, rules: Iterable[Object]) -> None:
    missing = _missing(rbac, call, rules)
    if missing:
        raise _refusal(call, name, missing)


def _refusal(call: Call, name: str, missing: list[Object]) -> StatusError:
    groups = " ".join(map(quoted, call.user.groups))
    rights = "\n".join(map(_shown, missing))
    why = f"(groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n{rights}"
    return forbidden(call.type.subject(name), f"user {quoted(call.user.name)} {why}")


def _missing(rbac: Rbac, call: Call, rules: Iterable[Object]) -> list[Object]:
    """The rights that these rules give and the caller has not, in the order in which a refusal tells them."""
    held = [grant.rule for grant in rbac.grants(call.user, call.namespace)]
    missing: dict[tuple[object, ...], Object] = {}
    for rule in rules:
        for right in _rights(rule):
            if any(_includes(each, right) for each in held):
                continue
            verb = right["verbs"][0]
            own = verb if "nonResourceURLs" in right else ""  # those of one path are not told together
            known = missing.setdefault((*(str(right.get(part)) for part in _PARTS), own), {**right, "verbs": []})
            known["verbs"].append(verb)
    return sorted(missing.values(), key=_order)


def _rights(rule: Object) -> Iterator[Object]:
    """What a rule allows, right by right: one verb for one resource, one name of it where it has names, or one path."""
    verbs, names = rule.get("verbs") or (), rule.get("resourceNames") or ()
    for group, resource, verb in product(rule.get("apiGroups") or (), rule.get("resources") or (), verbs):
        right = {"verbs": [verb], "apiGroups": [group], "resources": [resource]}
        yield from ({**right, "resourceNames": [name]} for name in names)
        if not names:
            yield right
    for path, verb in product(rule.get("nonResourceURLs") or (), verbs):
        yield {"verbs": [verb], "nonResourceURLs": [path]}


def _includes(held: Object, right: Object) -> bool:
    """Whether a rule gives a right."""
    if not {"*", *right["verbs"]} & set(held.get("verbs") or ()):
        return False
    if "nonResourceURLs" in right:
        return any(_path_within(right["nonResourceURLs"][0], path) for path in held.get("nonResourceURLs") or ())
    (group,), (resource,), names = right["apiGroups"], right["resources"], held.get("resourceNames") or ()
    below = resource.partition("/")[2]
    return bool(
        {"*", group} & set(held.get("apiGroups") or ())
        and {"*", resource, f"*/{below}" if below else "*"} & set(held.get("resources") or ())
        and (not names or set(right.get("resourceNames") or [""]) <= set(names))
    )


def _path_within(path: str, held: str) -> bool:
    return path == held or (held.endswith("*") and path.startswith(held.rstrip("*")))


def _order(right: Object) -> str:
    """The text of a right by which kube-apiserver sorts them."""
    parts = ("verbs", *_PARTS)
    return ",".join(f"{part}:[{' '.join(right.get(part) or ())}]" for part in parts)


def _shown(right: Object) -> str:
    texts = (f"{name}:[{' '.join(map(quoted, right[part]))}]" for part, name in _SHOWN if right.get(part))
    return f"{{{', '.join(texts)}}}"
