"""Who may see the metrics: a bearer token whose owner may `get` their path, as the API server says.

The same questions that controller-runtime's WithAuthenticationAndAuthorization asks:
https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication (TokenReview) and
https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access (SubjectAccessReview).
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog

from aimctrl.kube.core import Object
from aimctrl.kube.kinds import Kind
from aimctrl.runtime.access import Access
from aimctrl.runtime.client import Client
from aimctrl.runtime.errors import ApiError
from aimctrl.runtime.serving import Page

log = structlog.get_logger(__name__)

TOKEN_REVIEWS = Kind("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", Object, namespaced=False)
ACCESS_REVIEWS = Kind(
    "authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", Object, namespaced=False
)

GRANTED_SECONDS, REFUSED_SECONDS = 60.0, 10.0
"""How long an answer holds; a right that was given is to be of use soon."""

MOST_ANSWERS = 1000

_WELCOME: Page | None = None


class _User(msgspec.Struct):
    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = {}


class _TokenStatus(msgspec.Struct):
    authenticated: bool = False
    user: _User = msgspec.field(default_factory=_User)


class _TokenReview(msgspec.Struct):
    status: _TokenStatus = msgspec.field(default_factory=_TokenStatus)


class _AccessStatus(msgspec.Struct):
    allowed: bool = False


class _AccessReview(msgspec.Struct):
    status: _AccessStatus = msgspec.field(default_factory=_AccessStatus)


def guarding() -> tuple[Access, ...]:
    """What a guard needs."""
    return Access(TOKEN_REVIEWS, ("create",)), Access(ACCESS_REVIEWS, ("create",))


class TokenGuard:
    """Asks the API server about each token, and remembers what it said for a short time; tokens are not kept.

    The client must not be fenced: a standby is asked for its metrics, too.
    """

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._answers: dict[tuple[str, bytes], tuple[float, Page | None]] = {}

    async def __call__(self, path: str, authorization: str) -> Page | None:
        """The refusal to show `path` to who sent that Authorization header; None where it may be shown."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return Page(b"a bearer token is needed\n", 401)
        question = (path, hashlib.sha256(token.encode()).digest())
        until, answer = self._answers.get(question, (0.0, _WELCOME))
        if self._clock() < until:
            return answer
        try:
            answer = await self._ask(path, token.strip())
        except (ApiError, msgspec.DecodeError) as error:
            log.warning("metrics not shown", path=path, error=str(error))
            return Page(b"the API server could not be asked about the token; the log says why\n", 500)
        self._remember(question, answer)
        return answer

    async def _ask(self, path: str, token: str) -> Page | None:
        review = msgspec.json.decode(await self._put(TOKEN_REVIEWS, {"token": token}), type=_TokenReview)
        if not review.status.authenticated:
            return Page(b"the token is not valid\n", 401)
        user = review.status.user
        spec: dict[str, Any] = {
            "nonResourceAttributes": {"path": path, "verb": "get"},
            "user": user.username,
            "uid": user.uid,
            "groups": user.groups,
            "extra": user.extra,
        }
        access = msgspec.json.decode(await self._put(ACCESS_REVIEWS, spec), type=_AccessReview)
        if access.status.allowed:
            return _WELCOME
        return Page(f"{user.username} may not get the non-resource URL {path}\n".encode(), 403)

    async def _put(self, kind: Kind[Any], spec: Mapping[str, Any]) -> bytes:
        """The API server's answer to a question of that kind."""
        body = {"apiVersion": kind.api_version, "kind": kind.name, "spec": spec}
        return await self._client.request("POST", kind.path(), body=body)

    def _remember(self, question: tuple[str, bytes], answer: Page | None) -> None:
        now = self._clock()
        if len(self._answers) >= MOST_ANSWERS:
            self._answers = {held: kept for held, kept in self._answers.items() if now < kept[0]}
        if len(self._answers) >= MOST_ANSWERS:
            self._answers.clear()
        self._answers[question] = (now + (GRANTED_SECONDS if answer is _WELCOME else REFUSED_SECONDS), answer)
