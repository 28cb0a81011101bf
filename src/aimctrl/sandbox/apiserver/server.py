"""The embedded API server as its users start it: on a free port of this machine, with TLS and a kubeconfig.

    async with api_server() as server:
        async with Client(server.connection()) as client:
            ...

It starts in a fraction of a second, and everything is gone with it.
"""

import asyncio
import base64
import os
import ssl
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from aimctrl.runtime.connection import Connection
from aimctrl.sandbox.apiserver.access import AUTHENTICATED, Access
from aimctrl.sandbox.apiserver.app import App
from aimctrl.sandbox.apiserver.audit import AuditLog
from aimctrl.sandbox.apiserver.bootstrap import bootstrap
from aimctrl.sandbox.apiserver.builtin.kinds import builtin_registry
from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.controllers.run import run_controllers
from aimctrl.sandbox.apiserver.discovery import Discovery
from aimctrl.sandbox.apiserver.extensions import extensions
from aimctrl.sandbox.apiserver.faults import Faults
from aimctrl.sandbox.apiserver.internal import Internal
from aimctrl.sandbox.apiserver.openapi import OpenApi
from aimctrl.sandbox.apiserver.rbac import MASTERS
from aimctrl.sandbox.apiserver.request import User
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.tokens import Credential, Tokens
from aimctrl.sandbox.pki import server_identity

HOST = "127.0.0.1"

ADMIN = User("kubernetes-admin", (MASTERS, AUTHENTICATED))


@dataclass(frozen=True, slots=True)
class BearerToken:
    """Credentials that never change."""

    token: str

    async def authorization(self) -> str | None:
        """The header."""
        return f"Bearer {self.token}"

    async def renew(self) -> None:
        """There is no other."""


@dataclass(frozen=True, slots=True)
class ApiServer:
    """A server that runs. `url` is where; `ca` is the certificate to trust, in PEM; `faults` may be added to.

    `admin_token` is that of a member of system:masters.
    """

    cluster: Cluster
    access: Access
    faults: Faults
    url: str
    ca: str
    admin_token: str = field(repr=False)

    def token(self, user: User) -> str:
        """A new bearer token of that user, whom RBAC allows what its roles say."""
        return self.access.tokens.new(Credential(user))

    def connection(self, token: str = "", *, namespace: str = "default") -> Connection:
        """What a Client connects with: as the user of that token, by default as the administrator."""
        trust = ssl.create_default_context(cadata=self.ca)
        return Connection(self.url, trust, namespace, BearerToken(token or self.admin_token))

    def kubeconfig(self, token: str = "") -> Object:
        """A kubeconfig for kubectl and others, with one context, `aimctrl-sandbox`."""
        name = "aimctrl-sandbox"
        authority = base64.b64encode(self.ca.encode()).decode()
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": self.url, "certificate-authority-data": authority}}],
            "users": [{"name": name, "user": {"token": token or self.admin_token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
            "current-context": name,
        }

    def write_kubeconfig(self, path: Path, token: str = "") -> None:
        """Writes such a kubeconfig to a file that only its owner may read."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(self.kubeconfig(token)), indent=2))

    def install(self, manifests: Iterable[Object]) -> None:
        """Creates objects of any kind that is served by now, in that order, such as CRDs.

        Raises:
            StatusError: where one is refused.
        """
        internal = Internal(self.cluster, "aimctrl-sandbox")
        for manifest in manifests:
            type_ = self.cluster.registry.of_kind(manifest["apiVersion"], manifest["kind"])
            if type_ is None:
                raise ValueError(f"{manifest['kind']} of {manifest['apiVersion']} is not served")
            namespace = manifest["metadata"].get("namespace", "default") if type_.namespaced else ""
            internal.create(type_, msgspec.json.decode(msgspec.json.encode(manifest)), namespace=namespace)

    def hang_up(self) -> None:
        """Ends all open watches at once, as a server that restarts."""
        self.faults.hang_up()


@asynccontextmanager
async def api_server(
    *, port: int = 0, cluster: Cluster | None = None, audit: AuditLog | None = None
) -> AsyncGenerator[ApiServer]:
    """A server at work while the block runs; port 0 is a free one, `audit` is told of every request.

    Its controllers run beside it: garbage collection, namespaces, Jobs, CRDs.
    """
    state = cluster or Cluster(registry=builtin_registry())
    access, faults = Access(state, Tokens(state)), Faults(state)
    discovery = Discovery(state.registry, OpenApi(state.registry))
    app = App(state, access, discovery, faults, extensions(access), audit=audit)
    context, ca = server_identity(HOST, datetime.now(UTC))
    admin_token = access.tokens.new(Credential(ADMIN))
    bootstrap(state)
    server = web.Server(app.handle, access_log=None)
    listener = await asyncio.get_running_loop().create_server(server, HOST, port, ssl=context)
    sockets: Any = listener.sockets
    url = f"https://{HOST}:{sockets[0].getsockname()[1]}"
    try:
        async with run_controllers(state, ca):
            yield ApiServer(state, access, faults, url, ca, admin_token)
    finally:
        listener.close()
        faults.hang_up()
        await _end(server)


async def _end(server: web.Server) -> None:
    """Closes all connections; who does not say goodbye is not waited for, and the loop may end with nothing open."""
    transports = [connection.transport for connection in server.connections]
    await server.shutdown(2.0)
    for transport in transports:
        if transport is not None:
            transport.abort()
    for _ in range(3):  # TLS closes in steps, each a turn of the loop
        await asyncio.sleep(0)
