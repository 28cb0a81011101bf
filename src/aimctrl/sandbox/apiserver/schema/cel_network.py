"""CEL's functions for IP addresses, CIDRs and URLs.

Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-ip-address-library and what follows there.
"""

import ipaddress
import re
from urllib.parse import parse_qs, quote, unquote, urlsplit

from aimctrl.sandbox.apiserver.gotext import quoted
from aimctrl.sandbox.apiserver.schema.cel_function import Function, Made, function, on_made, tried
from aimctrl.sandbox.apiserver.schema.formats import conforms

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NO_CIDR = f"{'network address parse error during conversion from string: ' * 2}netip.ParsePrefix({{}}): {{}}"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _address(text: str) -> Address:
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        says = f"IP Address {quoted(text)} parse error during conversion from string: ParseAddr({quoted(text)}): "
        raise ValueError(f"{says}unable to parse IP") from error
    if "%" in text:
        raise ValueError(f"IP address {quoted(text)} with zone value is not allowed")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        raise ValueError(f"IPv4-mapped IPv6 address {quoted(text)} is not allowed")
    return address


def _ip(text: str) -> Made:
    return {"ip": str(_address(text))}


def _is_canonical(text: str) -> bool:
    return str(_address(text)) == text


def _family(made: Made) -> int:
    return _address(made["ip"]).version


def _is_global_unicast(made: Made) -> bool:
    address = _address(made["ip"])
    special = address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local
    return not special and str(address) != "255.255.255.255"


def _is_link_local_multicast(made: Made) -> bool:
    address = _address(made["ip"])
    if isinstance(address, ipaddress.IPv4Address):
        return address in ipaddress.ip_network("224.0.0.0/24")
    return address.packed[0] == 0xFF and address.packed[1] & 0x0F == 0x02


def _cidr(text: str) -> Made:
    address, slash, bits = text.partition("/")
    parsed = _address(address) if tried(_address)(address) else None
    if not slash:
        raise ValueError(_NO_CIDR.format(quoted(text), "no '/'"))
    if parsed is None:
        raise ValueError(_NO_CIDR.format(quoted(text), f"ParseAddr({quoted(address)}): unable to parse IP"))
    if not bits.isdigit() or int(bits) > parsed.max_prefixlen:
        raise ValueError(_NO_CIDR.format(quoted(text), "prefix length out of range"))
    return {"cidr": f"{parsed}/{int(bits)}"}


def _network(made: Made | str) -> Network:
    text = (_cidr(made) if isinstance(made, str) else made)["cidr"]
    return ipaddress.ip_network(text, strict=False)


def _contains_ip(made: Made, other: Made | str) -> bool:
    return _address(other if isinstance(other, str) else other["ip"]) in _network(made)


def _contains_cidr(made: Made, other: Made | str) -> bool:
    outer, inner = _network(made), _network(other)
    same_family = outer.version == inner.version
    return same_family and inner.network_address in outer and inner.prefixlen >= outer.prefixlen


def _masked(made: Made) -> Made:
    return {"cidr": str(_network(made))}


def _prefix_length(made: Made) -> int:
    return int(made["cidr"].partition("/")[2])


def _cidr_ip(made: Made) -> Made:
    return {"ip": made["cidr"].partition("/")[0]}


def _string(made: Made) -> str:
    (text,) = made.values()
    return str(text)


# URLs


def _url(text: str) -> Made:
    if not conforms("uri", text):
        says = f"URL parse error during conversion from string: parse {quoted(text)}: invalid URI for request"
        raise ValueError(says)
    return {"url": text}


def _host(made: Made) -> str:
    return urlsplit(str(made["url"])).netloc.rpartition("@")[2]


def _hostname(made: Made) -> str:
    return re.sub(r":\d*$", "", _host(made)).strip("[]")


def _port(made: Made) -> str:
    match = re.search(r":(\d*)$", _host(made))
    return match[1] if match else ""


def _escaped_path(made: Made) -> str:
    return quote(unquote(urlsplit(str(made["url"])).path), safe="/!$&'()*+,;=:@-._~")


def _query(made: Made) -> dict[str, list[str]]:
    return parse_qs(urlsplit(str(made["url"])).query, keep_blank_values=True)


FUNCTIONS = (
    function("isIP", "bool", "string", tried(_ip)),
    function("ip", "map", "string", _ip),
    function("ip.isCanonical", "bool", "string", _is_canonical),
    on_made("family", "int", _family),
    on_made("isUnspecified", "bool", lambda made: _address(made["ip"]).is_unspecified),
    on_made("isLoopback", "bool", lambda made: _address(made["ip"]).is_loopback),
    on_made("isLinkLocalUnicast", "bool", lambda made: _address(made["ip"]).is_link_local),
    on_made("isLinkLocalMulticast", "bool", _is_link_local_multicast),
    on_made("isGlobalUnicast", "bool", _is_global_unicast),
    function("isCIDR", "bool", "string", tried(_cidr)),
    function("cidr", "map", "string", _cidr),
    on_made("ip", "map", _cidr_ip),
    on_made("masked", "map", _masked),
    on_made("prefixLength", "int", _prefix_length),
    Function("containsIP", "bool", ("map", "string"), _contains_ip),
    Function("containsIP", "bool", ("map", "map"), _contains_ip),
    Function("containsCIDR", "bool", ("map", "string"), _contains_cidr),
    Function("containsCIDR", "bool", ("map", "map"), _contains_cidr),
    Function("string", "string", ("map",), _string, method=False),
    function("isURL", "bool", "string", tried(_url)),
    function("url", "map", "string", _url),
    on_made("getScheme", "string", lambda made: urlsplit(str(made["url"])).scheme),
    on_made("getHost", "string", _host),
    on_made("getHostname", "string", _hostname),
    on_made("getPort", "string", _port),
    on_made("getEscapedPath", "string", _escaped_path),
    on_made("getQuery", "map", _query),
)
