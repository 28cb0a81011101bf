"""Where the API server is and how to prove who we are: a kubeconfig, or the pod's service account."""

import os
import ssl as tls
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from aimctrl.runtime.errors import ConfigurationError
from aimctrl.runtime.kubeconfig import Kubeconfig, Place, existing, read
from aimctrl.runtime.proof import Followed, Plugin, ServiceAccount, Source, User
from aimctrl.runtime.trust import Trust

KUBECONFIG: Final = "~/.kube/config"

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where every pod has its account.

Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
"""

_PLUGINS: Final = ("exec", "auth-provider")


class Credentials(Protocol):
    """What proves who we are, kept fresh."""

    async def authorization(self) -> str | None:
        """The value of the Authorization header; None where client certificates or nothing are used."""
        ...

    async def renew(self) -> None:
        """Get new ones: the API server refused those there are."""
        ...


class Anonymous:
    """No credentials, as for a server that trusts whoever reaches it."""

    async def authorization(self) -> str | None:
        """No header."""
        return None

    async def renew(self) -> None:
        """There is nothing to renew."""


@dataclass(slots=True)
class Connection:
    """An API server's URL, its trust, and our credentials; `ssl` is None for plain HTTP.

    `ssl` is for new connections: another takes its place when the certificates it was made of have changed.
    `namespace` is the one of the context or of the pod. `server_name` replaces the URL's host in the TLS handshake.
    """

    server: str
    ssl: tls.SSLContext | None = None
    namespace: str = "default"
    credentials: Credentials = field(default_factory=Anonymous)
    proxy: str = ""
    server_name: str = ""

    async def authorization(self) -> str | None:
        """The value of the Authorization header, fresh; None for none."""
        return await self.credentials.authorization()

    async def renew(self) -> None:
        """Fetch new credentials, and trust, after a refusal; concurrent calls share one attempt."""
        await self.credentials.renew()

    async def close(self) -> None:
        """Nothing is held open; the counterpart of `connect`."""


async def connect(
    kubeconfig: str | None = None, context: str | None = None, environ: Mapping[str, str] = os.environ
) -> Connection:
    """Read the configuration: that kubeconfig, else $KUBECONFIG or ~/.kube/config if it exists, else the pod's own.

    Raises ConfigurationError, saying what is wrong with it and, for a context, which there are.
    """
    paths = kubeconfig or environ.get("KUBECONFIG") or KUBECONFIG
    files = existing(paths)
    if not files and (kubeconfig or context):
        raise ConfigurationError(f"there is no kubeconfig at {paths}")
    if not files:
        return await _from_service_account(paths, environ)
    try:
        config = read(files)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"kubeconfig {paths} cannot be read: {error}") from error
    return await _from_kubeconfig(paths, config, _context(paths, config, context))


def _context(paths: str, config: Kubeconfig, context: str | None) -> str:
    wanted = context or config.current
    if wanted not in config.contexts:
        what = f"context {wanted!r} is not" if wanted else "no current-context is"
        names = ", ".join(sorted(config.contexts)) or "none"
        raise ConfigurationError(f"{what} in kubeconfig {paths}; it has {names}")
    return wanted


async def _from_kubeconfig(paths: str, config: Kubeconfig, context: str) -> Connection:
    try:
        place = config.place(context)
        connection = Connection(
            _server(place.cluster.text("server")),
            namespace=place.namespace,
            proxy=place.cluster.text("proxy-url"),
            server_name=place.cluster.text("tls-server-name"),
        )
        await _follow(connection, _source(paths, place))
    except ConfigurationError:
        raise
    except Exception as error:  # plugins and their sections make kubernetes_asyncio raise anything
        raise ConfigurationError(f"kubeconfig {paths} cannot be used: {error}") from error
    return connection


def _source(paths: str, place: Place) -> Source:
    return Plugin(paths, place) if any(place.user.fields.get(name) for name in _PLUGINS) else User(place)


async def _from_service_account(looked_at: str, environ: Mapping[str, str]) -> Connection:
    try:
        connection = Connection(_server(_host(environ)))
        await _follow(connection, ServiceAccount(SERVICE_ACCOUNT))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"no kubeconfig at {looked_at}, and this is no pod with a service account: {error}"
        ) from error
    namespace = SERVICE_ACCOUNT / "namespace"
    if namespace.is_file():
        connection.namespace = namespace.read_text(encoding="utf-8").strip()
    return connection


def _host(environ: Mapping[str, str]) -> str:
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise ValueError("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


async def _follow(connection: Connection, source: Source) -> None:
    """Give the connection the source's credentials and trust, as they are and will be."""

    def adopt(trust: Trust) -> None:
        if connection.server.startswith("https://"):
            connection.ssl = trust.context()

    proof = await source.read(refused=False)
    try:
        adopt(proof.trust)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the certificates for {connection.server} cannot be used: {error}") from error
    connection.credentials = Followed(source, proof, adopt)


def _server(text: str) -> str:
    """The API server's URL, without a slash at its end."""
    server = text.rstrip("/")
    try:
        parts = urlsplit(server)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError as error:  # of the port, or of the brackets of an address
        raise ConfigurationError(f"the server {server!r} cannot be used: {error}") from error
    if not usable:
        raise ConfigurationError(f"the server {server!r} cannot be used: it is no URL such as https://host:6443")
    return server
