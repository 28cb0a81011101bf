"""Who asks, and whether they may: bearer tokens, and RBAC over the roles that are stored.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/ and
https://kubernetes.io/docs/reference/access-authn-authz/rbac/.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.errors import StatusError, Subject, forbidden
from aimctrl.sandbox.apiserver.request import Call, User
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import entries, section

RBAC = "rbac.authorization.k8s.io"
MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))

_READS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Attributes:
    """What somebody wants to do: with a resource, or where `path` is not `""`, with a path that is none."""

    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


def service_account(namespace: str, name: str, uid: str = "") -> User:
    """The user that a ServiceAccount is."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
    return User(f"system:serviceaccount:{namespace}:{name}", groups, uid)


@dataclass(frozen=True, slots=True)
class Access:
    """Authentication by bearer token, and authorization by RBAC; members of system:masters may do everything.

    `tokens` may grow and shrink while the server runs.
    """

    cluster: Cluster
    tokens: dict[str, User] = field(default_factory=dict[str, User])

    def authenticated(self, headers: Mapping[str, str]) -> User:
        """The user of a request; anonymous without a token, another one where `Impersonate-User` says so.

        Raises:
            StatusError: 401 for a token that nobody has, 403 for an impersonation that is not allowed.
        """
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        user = ANONYMOUS
        if scheme.lower() == "bearer":
            known = self.tokens.get(token.strip())
            if known is None:
                raise StatusError(401, "Unauthorized", "Unauthorized")
            user = known
        other = headers.get("Impersonate-User", "")
        if not other:
            return user
        self._demand(user, Attributes("impersonate", "", "users", "", other), Subject("", "users", other))
        groups = [value for key, value in headers.items() if key.lower() == "impersonate-group"]
        return User(other, (*groups, AUTHENTICATED))

    def check(self, call: Call) -> None:
        """Refuses a call that its user may not make.

        Raises:
            StatusError: 403.
        """
        place = call.place
        resource = f"{place.plural}/{place.subresource}" if place.subresource else place.plural
        wanted = Attributes(call.verb, place.group, resource, call.namespace, place.name)
        self._demand(call.user, wanted, call.type.subject(place.name))

    def check_path(self, user: User, method: str, path: str) -> None:
        """Refuses a request for a path that is no resource.

        Raises:
            StatusError: 403.
        """
        verb = _READS.get(method, method.lower())
        if not self.allows(user, Attributes(verb, path=path)):
            message = f'forbidden: User "{user.name}" cannot {verb} path "{path}"'
            raise StatusError(403, "Forbidden", message, details={})

    def allows(self, user: User, wanted: Attributes) -> bool:
        """Whether a user may do that."""
        return MASTERS in user.groups or any(_covers(rule, wanted) for rule in self.rules(user, wanted.namespace))

    def rules(self, user: User, namespace: str) -> Iterator[Object]:
        """The rules that a user has: everywhere, and in that namespace."""
        for stored in self.cluster.storage.collection(RBAC, "clusterrolebindings").all():
            if _binds(stored.object, user, ""):
                yield from self._role_rules(stored.object, "")
        if namespace:
            for stored in self.cluster.storage.collection(RBAC, "rolebindings").all(namespace):
                if _binds(stored.object, user, namespace):
                    yield from self._role_rules(stored.object, namespace)

    def _role_rules(self, binding: Object, namespace: str) -> Iterable[Object]:
        ref = section(binding, "roleRef")
        cluster_wide = ref.get("kind") == "ClusterRole"
        collection = self.cluster.storage.collection(RBAC, "clusterroles" if cluster_wide else "roles")
        role = collection.get(ref.get("name", "") if cluster_wide else f"{namespace}/{ref.get('name', '')}")
        return entries(role.object, "rules") if role else ()

    def _demand(self, user: User, wanted: Attributes, subject: Subject) -> None:
        if self.allows(user, wanted):
            return
        where = f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
        raise forbidden(
            subject,
            f'User "{user.name}" cannot {wanted.verb} resource "{wanted.resource}" in API group "{wanted.group}" '
            + where,
        )


def _binds(binding: Object, user: User, namespace: str) -> bool:
    for subject in binding.get("subjects") or ():
        name = subject.get("name", "")
        match subject.get("kind"):
            case "User" if name == user.name:
                return True
            case "Group" if name in user.groups:
                return True
            case "ServiceAccount" if (
                user.name == f"system:serviceaccount:{subject.get('namespace') or namespace}:{name}"
            ):
                return True
            case _:
                pass
    return False


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
