"""Who asks, and whether they may: by bearer tokens and RBAC.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.errors import StatusError, Subject, forbidden
from aimctrl.sandbox.apiserver.rbac import Attributes, Rbac
from aimctrl.sandbox.apiserver.request import Call, User
from aimctrl.sandbox.apiserver.tokens import TokenError, Tokens

AUTHENTICATED = "system:authenticated"
ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))

_READS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def service_account(namespace: str, name: str, uid: str, extra: Mapping[str, tuple[str, ...]]) -> User:
    """The user that a ServiceAccount is; `extra` is what is known of the token beside it."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
    return User(f"system:serviceaccount:{namespace}:{name}", groups, uid, extra)


@dataclass(frozen=True, slots=True)
class Access:
    """Authentication by bearer token, and authorization by RBAC."""

    cluster: Cluster
    tokens: Tokens

    @property
    def rbac(self) -> Rbac:
        """Who may do what."""
        return Rbac(self.cluster)

    def authenticated(self, headers: Mapping[str, str]) -> User:
        """The user of a request; anonymous without a token, another one where `Impersonate-User` says so.

        Raises:
            StatusError: 401 for a token that nobody has, or no more; 403 for an impersonation that is not allowed.
        """
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        user = ANONYMOUS
        if scheme.lower() == "bearer" and token.strip():
            try:
                user = self.tokens.user(token.strip())
            except TokenError as error:
                raise StatusError(401, "Unauthorized", "Unauthorized") from error
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
        if not self.rbac.allows(user, Attributes(verb, path=path)):
            message = f'forbidden: User "{user.name}" cannot {verb} path "{path}"'
            raise StatusError(403, "Forbidden", message, details={})

    def _demand(self, user: User, wanted: Attributes, subject: Subject) -> None:
        if self.rbac.allows(user, wanted):
            return
        where = f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
        raise forbidden(
            subject,
            f'User "{user.name}" cannot {wanted.verb} resource "{wanted.resource}" in API group "{wanted.group}" '
            + where,
        )
