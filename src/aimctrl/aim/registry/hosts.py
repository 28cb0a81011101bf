"""Which hosts may be spoken to without TLS, and which through a proxy."""

import ipaddress
import re
from collections.abc import Iterable
from urllib.request import getproxies, proxy_bypass

from yarl import URL

_PORT = re.compile(r":\d+$")


class PlainHosts:
    """The hosts that may be plain HTTP: this machine's, and those that are listed as `host` or `host:port`."""

    def __init__(self, insecure: Iterable[str] = ()) -> None:
        self._insecure = frozenset(name.lower() for name in insecure)

    def allows(self, authority: str) -> bool:
        """Whether `host[:port]` is one of them; a listed host without a port stands for all its ports."""
        host = _PORT.sub("", authority).lower()
        return is_loopback(host.strip("[]")) or not self._insecure.isdisjoint({authority.lower(), host})


def is_loopback(host: str) -> bool:
    """Whether the host is this machine: `localhost`, a name below it, or a loopback address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def place(url: URL) -> str:
    """`host[:port]` of a URL, as people write it: without the port that goes without saying."""
    return url.host_port_subcomponent or ""


def proxy_for(url: URL) -> str | None:
    """The proxy of the environment (HTTPS_PROXY, HTTP_PROXY) for a URL, None where NO_PROXY or loopback says so.

    aiohttp's `trust_env` would take credentials from a .netrc, too, and send them along.
    """
    host = url.host or ""
    if is_loopback(host) or proxy_bypass(f"{host}:{url.port}"):
        return None
    return getproxies().get(url.scheme)
