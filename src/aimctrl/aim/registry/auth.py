"""Answering a registry's challenge with a credential, or with none, without giving it to anybody else.

Sources: https://distribution.github.io/distribution/spec/auth/token/ (GET), .../spec/auth/oauth/ (POST).
"""

import base64
import re
from typing import Final

import msgspec
from yarl import URL

from aimctrl.aim.registry.challenge import Challenge, parse_challenges
from aimctrl.aim.registry.docker_config import Credential
from aimctrl.aim.registry.hosts import place
from aimctrl.aim.registry.outcomes import AuthFailure, FailedError
from aimctrl.aim.registry.reference import Reference
from aimctrl.aim.registry.transport import Response, Transport

ANONYMOUS: Final = Credential()
"""No credential: public images need none, but may take a token that anybody gets."""

_CLIENT_ID = "aimctrl"
_TOKEN_LIMIT = 256 * 2**10
_SENDABLE = re.compile(r"[A-Za-z0-9._~+/=-]+")


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""


class Authorization:
    """The Authorization of the requests for one image; `headers` are what to send now, nothing until asked for."""

    def __init__(self, transport: Transport, base: URL, reference: Reference, credential: Credential) -> None:
        self.headers: dict[str, str] = {}
        self._transport = transport
        self._base = base
        self._reference = reference
        self._credential = credential

    async def answer(self, response: Response) -> None:
        """Take up what a 401 asks for.

        Raises FailedError: AuthFailure where this credential cannot, RegistryUnreachable where the token service is.
        """
        challenges = parse_challenges(response.challenges)
        if response.url.origin() != self._base.origin():
            raise self.refusal(f"{place(response.url)}, where it redirects to, wants credentials of its own")
        bearer = next((one for one in challenges if one.scheme == "bearer" and "realm" in one.params), None)
        if bearer is not None:
            self.headers = {"Authorization": f"Bearer {await self._token(bearer)}"}
        elif any(one.scheme == "basic" for one in challenges):
            self.headers = self._basic()
            if not self.headers:
                raise self.refusal()
        else:
            known = ", ".join(sorted({one.scheme for one in challenges})) or "nothing"
            raise self.refusal(f"it asks for {known}, where Bearer or Basic is known")

    def refusal(self, why: str = "") -> FailedError:
        """The error for a registry that does not let this credential in."""
        registry = self._reference.registry
        if self._credential == ANONYMOUS:
            told = f"{registry} wants credentials for {self._reference.repository}, and no pull secret has any for it"
        else:
            told = f"{registry} refuses the credentials for {self._reference.repository}"
        return FailedError(AuthFailure(f"{told}: {why}" if why else told))

    async def _token(self, challenge: Challenge) -> str:
        realm = self._realm(challenge.params["realm"])
        asked = {
            "service": challenge.params.get("service", ""),
            "scope": challenge.params.get("scope") or f"repository:{self._reference.repository}:pull",
        }
        query = {name: value for name, value in asked.items() if value}
        if self._credential.identity_token:
            bought = {"grant_type": "refresh_token", "refresh_token": self._credential.identity_token}
            form = {**query, **bought, "client_id": _CLIENT_ID}
            response = await self._transport.post(realm, form, limit=_TOKEN_LIMIT)
        else:
            response = await self._transport.get(realm.extend_query(query), self._basic(), limit=_TOKEN_LIMIT)
        if response.status != 200:
            raise self.refusal(f"the token service {place(realm)} answers {response.status}")
        return self._read(response.body, realm)

    def _read(self, body: bytes, realm: URL) -> str:
        try:
            found = msgspec.json.decode(body, type=_Token)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = _Token()
        token = found.token or found.access_token
        if not _SENDABLE.fullmatch(token):
            raise self.refusal(f"the token service {place(realm)} gives no token")
        return token

    def _realm(self, text: str) -> URL:
        """Credentials leave by HTTPS, or by plain HTTP to where the registry itself may be spoken to so."""
        try:
            realm = URL(text, encoded=True)
            known = realm.scheme in {"http", "https"} and bool(realm.host) and realm.user is None
        except ValueError:
            raise self.refusal("its token service has no valid address") from None
        if not known:
            raise self.refusal("its token service has no valid address")
        plain = self._base.scheme == "http" and (
            realm.host == self._base.host or self._transport.plain.allows(realm.authority)
        )
        if realm.scheme == "http" and not plain:
            raise self.refusal("its token service would have them by plain HTTP")
        return realm

    def _basic(self) -> dict[str, str]:
        credential = self._credential
        if not credential.username:
            return {}
        packed = base64.b64encode(f"{credential.username}:{credential.password}".encode()).decode()
        return {"Authorization": f"Basic {packed}"}
