"""Bearer tokens: whose each is, until when, and without which objects it is no longer good.

Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.request import User

AUDIENCE = "https://kubernetes.default.svc"
"""For whom a token must be that is shown to this server."""


class TokenError(Exception):
    """A token that is none, or none any more."""


@dataclass(frozen=True, slots=True)
class Bond:
    """An object without which a token is not good; another one of its name does not count."""

    group: str
    plural: str
    key: str
    uid: str


@dataclass(frozen=True, slots=True)
class Credential:
    """What a token stands for; without `expires` it is good for ever. `audiences` are those whom it is for."""

    user: User
    expires: datetime | None = None
    bonds: tuple[Bond, ...] = ()
    audiences: tuple[str, ...] = (AUDIENCE,)


class Tokens:
    """The tokens that were handed out."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[str, Credential] = {}

    def new(self, credential: Credential) -> str:
        """A new token."""
        token = secrets.token_urlsafe(32)
        self._known[token] = credential
        return token

    def user(self, token: str) -> User:
        """Whose a token is.

        Raises:
            TokenError: where it is nobody's or for others, has expired, or what it is bound to is gone.
        """
        found = self._known.get(token)
        if found is None or AUDIENCE not in found.audiences:
            raise TokenError("invalid bearer token")
        if found.expires is not None and found.expires <= self._cluster.now():
            raise TokenError("[invalid bearer token, service account token has expired]")
        if not all(map(self._holds, found.bonds)):
            raise TokenError("[invalid bearer token, service account token has been invalidated]")
        return found.user

    def _holds(self, bond: Bond) -> bool:
        stored = self._cluster.storage.collection(bond.group, bond.plural).get(bond.key)
        return stored is not None and stored.object["metadata"]["uid"] == bond.uid
