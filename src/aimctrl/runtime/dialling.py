"""Making connections to the API server: names, addresses, proxies, TLS."""

import asyncio
import socket
import ssl
from base64 import b64encode
from urllib.parse import SplitResult, unquote, urlsplit

import aiohappyeyeballs

from aimctrl.runtime.connection import Connection
from aimctrl.runtime.fence import dial
from aimctrl.runtime.wire import Wire

_NEXT_ADDRESS = 0.25
"""Seconds after which the next address of a name is tried beside the first.

Source: https://www.rfc-editor.org/rfc/rfc8305#section-8
"""

_PORTS = {"http": 80, "https": 443}


class ConnectError(ConnectionError):
    """No connection came about, so that nothing was sent; its cause says why."""


class UntrustedError(ConnectError):
    """The server's certificate is not to be trusted, by what we know."""


async def dialled(connection: Connection, buffer: memoryview) -> Wire:
    """A new connection, that trusts what is to be trusted by now; `buffer` is for what it reads (`read_buffer`).

    Raises ConnectError. Cancelling closes what there is of it.
    """
    server = urlsplit(connection.server)
    try:
        if connection.proxy:
            return await _through_proxy(connection, server, buffer)
        return await _direct(server, _trust(connection, server), buffer, connection.server_name)
    except ssl.SSLCertVerificationError as error:
        raise UntrustedError(f"cannot connect to {server.netloc}: {error}") from error
    except (OSError, ValueError) as error:  # a name that is none is a ValueError
        raise ConnectError(f"cannot connect to {server.netloc}: {error or type(error).__name__}") from error


async def _direct(place: SplitResult, trust: ssl.SSLContext | None, buffer: memoryview, server_name: str = "") -> Wire:
    host = place.hostname or ""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, place.port or _PORTS[place.scheme], type=socket.SOCK_STREAM)
    made = await aiohappyeyeballs.start_connection(  # pyright: ignore[reportUnknownMemberType] - an address, to it, is any tuple
        found, happy_eyeballs_delay=_NEXT_ADDRESS, socket_factory=dial
    )
    name = (server_name or host) if trust else None
    try:
        _, wire = await loop.create_connection(lambda: Wire(buffer), sock=made, ssl=trust, server_hostname=name)
    except BaseException:
        made.close()
        raise
    return wire


async def _through_proxy(connection: Connection, server: SplitResult, buffer: memoryview) -> Wire:
    """A tunnel for TLS; a proxy that is told the whole URL for what is not encrypted (`target`)."""
    proxy = urlsplit(connection.proxy)
    if proxy.scheme not in _PORTS:
        raise ValueError(f"the proxy {connection.proxy!r} is no http or https proxy")
    trust = (connection.ssl or ssl.create_default_context()) if proxy.scheme == "https" else None
    wire = await _direct(proxy, trust, buffer)
    if server.scheme == "http":
        return wire
    try:
        return await _tunnel(wire, connection, server, buffer)
    except BaseException:
        wire.abort()
        raise


async def _tunnel(outer: Wire, connection: Connection, server: SplitResult, buffer: memoryview) -> Wire:
    host = server.hostname or ""
    place = f"{f'[{host}]' if ':' in host else host}:{server.port or _PORTS[server.scheme]}"
    outer.send(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{proxy_proof(connection)}\r\n".encode(), streams=True)
    status = await outer.head()
    if not 200 <= status < 300:
        raise ConnectError(f"the proxy answered {status}")
    inner, trust = Wire(buffer), _trust(connection, server)
    assert outer.transport is not None, "it has answered"
    assert trust is not None, "a tunnel is for TLS"
    loop = asyncio.get_running_loop()
    made = await loop.start_tls(outer.transport, inner, trust, server_hostname=connection.server_name or host)
    if made is None:
        raise ConnectError("the connection was closed during the TLS handshake")
    inner.connection_made(made)
    return inner


def target(connection: Connection) -> str:
    """What stands before the path in a request: the server URL's own path, all of that URL for a plain proxy."""
    server = urlsplit(connection.server)
    if connection.proxy and server.scheme == "http":
        return connection.server
    return server.path


def proxy_proof(connection: Connection) -> str:
    """The header that says to the proxy who we are, with its line end; `""` where its URL names nobody."""
    proxy = urlsplit(connection.proxy)
    if not proxy.username:
        return ""
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return f"Proxy-Authorization: Basic {b64encode(pair.encode()).decode()}\r\n"


def _trust(connection: Connection, server: SplitResult) -> ssl.SSLContext | None:
    if server.scheme != "https":
        return None
    return connection.ssl or ssl.create_default_context()
