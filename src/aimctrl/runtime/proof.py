"""What proves who we are, and to whom: read from a kubeconfig, from a pod's service account, or got from a plugin.

All of it may change while the program runs: the kubelet rotates a pod's token and the cluster's authorities, tools
write new client certificates. So it is read again every minute, and after a refusal.
"""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import structlog

from aimctrl.runtime.kubeconfig import Place
from aimctrl.runtime.trust import Pem, Trust

log = structlog.get_logger(__name__)

_REFRESH_SECONDS = 60.0
_REPEAT_SECONDS = 5.0
_EARLY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Proof:
    """What there is at one time: the value of the Authorization header, and the material of a TLS handshake."""

    authorization: str | None = field(default=None, repr=False)
    trust: Trust = field(default_factory=Trust)


class Source(Protocol):
    """Where a proof is from."""

    async def read(self, *, refused: bool) -> Proof:
        """What it is now; `refused` says that the last one did not do.

        Raises any exception where it cannot be had.
        """
        ...


class ServiceAccount:
    """A pod's own account, in the folder that the kubelet keeps up to date."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, *, refused: bool) -> Proof:
        """Token and authorities; whether they were refused makes no difference.

        Raises OSError and ValueError.
        """
        del refused
        return Proof(f"Bearer {_token(self._folder / 'token')}", Trust(Pem.of(self._folder / "ca.crt")))


class User:
    """The user of a kubeconfig: token, file with a token, name and password, client certificate, or nothing."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def read(self, *, refused: bool) -> Proof:
        """What its files hold now, which only they can change.

        Raises OSError and ValueError.
        """
        del refused
        return Proof(self._authorization(), self._place.trust())

    def _authorization(self) -> str | None:
        """As kubectl: a file with a token goes before a token, which is used where the file cannot be."""
        user = self._place.user
        token, file = user.text("token"), user.path("tokenFile")
        if file and (file.is_file() or not token):
            token = _token(file)
        if token:
            return f"Bearer {token}"
        if name := user.text("username"):
            pair = f"{name}:{user.text('password')}".encode()
            return f"Basic {base64.standard_b64encode(pair).decode()}"
        return None


class Plugin:
    """The user of a kubeconfig whose credentials a program or an identity provider gives.

    kubernetes_asyncio runs the one and asks the other. It takes a second and 50 MB to import, which nobody else pays.
    """

    def __init__(self, paths: str, place: Place) -> None:
        self._paths = paths
        self._place = place
        self._loader: Any = None
        self._configuration: Any = None

    async def read(self, *, refused: bool) -> Proof:
        """What the plugin gives; it is asked again where what it gave has expired, or was refused.

        Raises whatever a plugin or its section makes kubernetes_asyncio raise.
        """
        if self._loader is None:
            await self._load()
        elif refused or self._is_due():
            await self._loader.load_and_set(self._configuration)
        trust = self._place.trust()
        certificate, key = self._configuration.cert_file, self._configuration.key_file
        if certificate and key:
            trust = replace(trust, certificate=Pem.of(Path(certificate)), key=Pem.of(Path(key)))
        return Proof(self._configuration.api_key.get("BearerToken") or None, trust)

    async def _load(self) -> None:
        from kubernetes_asyncio.client.configuration import Configuration
        from kubernetes_asyncio.config import kube_config

        untyped: Any = kube_config
        configuration: Any = Configuration()
        self._loader = await untyped.load_kube_config(
            config_file=self._paths, context=self._place.context, client_configuration=configuration
        )
        self._configuration = configuration

    def _is_due(self) -> bool:
        """Whether asking again may give something new; a program that names no expiry is run on a 401 only."""
        if "exec" not in self._place.user.fields:
            return True
        expiry = getattr(self._loader, "exec_plugin_expiry", None)
        return expiry is not None and expiry - _EARLY <= datetime.now(UTC)


class Followed:
    """Credentials that are read again now and then, and after a refusal; `adopt` is called with new trust.

    What cannot be read leaves what there is in use: it may still do.
    """

    def __init__(self, source: Source, proof: Proof, adopt: Callable[[Trust], None]) -> None:
        self._source = source
        self._proof = proof
        self._adopt = adopt
        self._read_at = monotonic()
        self._lock = asyncio.Lock()

    async def authorization(self) -> str | None:
        """The header as it was at most a minute ago."""
        if monotonic() - self._read_at > _REFRESH_SECONDS:
            await self._read(_REFRESH_SECONDS, refused=False)
        return self._proof.authorization

    async def renew(self) -> None:
        """Read it now, unless that was done within seconds."""
        await self._read(_REPEAT_SECONDS, refused=True)

    async def _read(self, at_most_every: float, *, refused: bool) -> None:
        async with self._lock:
            if monotonic() - self._read_at < at_most_every:
                return
            self._read_at = monotonic()
            try:
                proof = await self._source.read(refused=refused)
                old, self._proof = self._proof.trust, replace(proof, trust=self._proof.trust)
                if proof.trust != old:
                    self._adopt(proof.trust)
                    self._proof = proof
                    log.info("certificates read anew")
            except Exception as error:  # noqa: BLE001 - sources raise anything
                log.warning("credentials not renewed", error=str(error))


def _token(file: Path) -> str:
    token = file.read_text(encoding="utf-8").strip()
    if not token:
        raise ValueError(f"{file} is empty")
    return token
