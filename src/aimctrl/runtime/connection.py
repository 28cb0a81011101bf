"""Where the API server is and how to prove who we are: kubeconfig, exec plugins, or the pod's service account.

kubernetes_asyncio reads the configuration, and only that; it is imported when connecting, since it takes seconds.
"""

import asyncio
import os
import ssl as tls
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Protocol
from urllib.parse import urlsplit

import structlog

from aimctrl.runtime.errors import ConfigurationError

log = structlog.get_logger(__name__)

_REFRESH_SECONDS = 60.0
_REPEAT_SECONDS = 5.0
_EARLY = timedelta(minutes=5)


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
        """Fetch new credentials after a 401; concurrent calls share one attempt."""
        await self.credentials.renew()

    async def close(self) -> None:
        """Nothing is held open; the counterpart of `connect`."""


async def connect(kubeconfig: str | None = None, context: str | None = None) -> Connection:
    """Read the configuration: that kubeconfig, else $KUBECONFIG or ~/.kube/config if it exists, else the pod's own.

    Raises ConfigurationError, saying what is wrong with it and, for a context, which there are.
    """
    from kubernetes_asyncio.config import kube_config

    paths = kubeconfig or str(kube_config.KUBE_CONFIG_DEFAULT_LOCATION)
    found = _is_any_there(paths)
    if not found and (kubeconfig or context):
        raise ConfigurationError(f"there is no kubeconfig at {paths}")
    if found:
        return await _from_kubeconfig(paths, context)
    return await _from_service_account(paths)


def _is_any_there(paths: str) -> bool:
    return any(Path(path).expanduser().is_file() for path in paths.split(os.pathsep) if path)


async def _from_kubeconfig(paths: str, context: str | None) -> Connection:
    from kubernetes_asyncio.client.configuration import Configuration
    from kubernetes_asyncio.config import kube_config

    untyped: Any = kube_config
    _check_context(paths, context)
    configuration: Any = Configuration()
    try:
        loader: Any = await untyped.load_kube_config(
            config_file=paths, context=context, client_configuration=configuration
        )
    except Exception as error:  # the loader raises whatever a malformed file or a failing plugin makes it raise
        raise ConfigurationError(f"kubeconfig {paths} cannot be used: {error}") from error

    async def reload() -> None:
        await loader.load_and_set(configuration)

    namespace = loader.current_context["context"].get("namespace") or "default"
    return _connection(configuration, namespace, _Loaded(configuration, reload, lambda: _is_due(loader)))


def _check_context(paths: str, context: str | None) -> None:
    from kubernetes_asyncio.config import kube_config

    try:
        merged: Any = kube_config.KubeConfigMerger(paths).config
        names = sorted(str(entry["name"]) for entry in merged.value["contexts"])
        current = merged.value.get("current-context")
    except Exception as error:
        raise ConfigurationError(f"kubeconfig {paths} cannot be read: {error}") from error
    wanted = context or current
    if wanted not in names:
        what = f"context {wanted!r} is not" if wanted else "no current-context is"
        raise ConfigurationError(f"{what} in kubeconfig {paths}; it has {', '.join(names) or 'none'}")


async def _from_service_account(looked_at: str) -> Connection:
    from kubernetes_asyncio.client.configuration import Configuration
    from kubernetes_asyncio.config import ConfigException, incluster_config

    configuration: Any = Configuration()
    untyped: Any = incluster_config

    async def reload() -> None:
        untyped.load_incluster_config(client_configuration=configuration)  # reads the token file anew

    try:
        await reload()
    except (ConfigException, OSError) as error:
        raise ConfigurationError(
            f"no kubeconfig at {looked_at}, and this is no pod with a service account: {error}"
        ) from error
    beside = Path(incluster_config.SERVICE_TOKEN_FILENAME).with_name("namespace")
    namespace = beside.read_text(encoding="utf-8").strip() if beside.is_file() else "default"
    return _connection(configuration, namespace, _Loaded(configuration, reload, lambda: True))


def _connection(configuration: Any, namespace: str, credentials: "_Loaded") -> Connection:
    server = _server(configuration)
    context: tls.SSLContext | None = None
    if server.startswith("https://"):
        context = credentials.context = _tls(configuration)
    return Connection(
        server=server,
        ssl=context,
        namespace=namespace,
        credentials=credentials,
        proxy=configuration.proxy or "",
        server_name=configuration.tls_server_name or "",
    )


def _server(configuration: Any) -> str:
    """The API server's URL, without a slash at its end."""
    server = str(configuration.host).rstrip("/")
    try:
        parts = urlsplit(server)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError as error:  # of the port, or of the brackets of an address
        raise ConfigurationError(f"the server {server!r} cannot be used: {error}") from error
    if not usable:
        raise ConfigurationError(f"the server {server!r} cannot be used: it is no URL such as https://host:6443")
    return server


def _tls(configuration: Any) -> tls.SSLContext:
    try:
        context = tls.create_default_context(cafile=configuration.ssl_ca_cert)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the certificates for {configuration.host} cannot be used: {error}") from error
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = tls.CERT_NONE
    return context


def _is_due(loader: Any) -> bool:
    """Whether loading again may give something new; a plugin that names no expiry is run on a 401 only."""
    user: Any = loader._user  # noqa: SLF001 - the loader keeps the user section to itself
    if not user or "exec" not in user:
        return True
    expiry = getattr(loader, "exec_plugin_expiry", None)
    return expiry is not None and expiry - _EARLY <= datetime.now(UTC)


class _Loaded:
    """Credentials out of a configuration that is loaded again now and then, and after a refusal."""

    def __init__(self, configuration: Any, reload: Callable[[], Awaitable[None]], due: Callable[[], bool]) -> None:
        self.context: tls.SSLContext | None = None
        self._configuration = configuration
        self._reload = reload
        self._due = due
        self._loaded_at = monotonic()
        self._lock = asyncio.Lock()

    async def authorization(self) -> str | None:
        if monotonic() - self._loaded_at > _REFRESH_SECONDS and self._due():
            await self._load(_REFRESH_SECONDS)
        return self._configuration.api_key.get("BearerToken") or None

    async def renew(self) -> None:
        await self._load(_REPEAT_SECONDS)

    async def _load(self, at_most_every: float) -> None:
        async with self._lock:
            if monotonic() - self._loaded_at < at_most_every:
                return
            self._loaded_at = monotonic()
            try:
                await self._reload()
                if self.context is not None and self._configuration.cert_file:
                    self.context.load_cert_chain(self._configuration.cert_file, self._configuration.key_file)
            except Exception as error:  # noqa: BLE001 - the loader raises anything; what we have may still do
                log.warning("credentials not renewed", error=str(error))
