"""Which hosts may be spoken to without TLS, and which through a proxy."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
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
    host, proxies = url.host or "", getproxies()
    if is_loopback(host) or proxy_bypass(f"{host}:{url.port}") or _is_within(host, proxies.get("no", "")):
        return None
    return proxies.get(url.scheme)


def _is_within(host: str, no_proxy: str) -> bool:
    """Whether the host is an address in one of the networks (`10.0.0.0/8`) that NO_PROXY lists among other things."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _networks(no_proxy))


def _networks(no_proxy: str) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for entry in no_proxy.split(","):
        with suppress(ValueError):
            yield ipaddress.ip_network(entry.strip(), strict=False)
