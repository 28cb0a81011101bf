"""The columns of Services, of what is behind them, and of what leads to them."""

from collections.abc import Iterator, Mapping
from typing import Any

from aimctrl.sandbox.apiserver.builtin.printed import at, labels, selector, some, truthful
from aimctrl.sandbox.apiserver.printing import AGE, NAME, NONE, UNSET, Printer, text, wide
from aimctrl.sandbox.apiserver.schema.node import Object


def _service_address(service: Object) -> str:
    addresses: list[str] = at(service, "spec", "clusterIPs") or []
    return addresses[0] if addresses else NONE


def _service_outside(service: Object) -> str:
    spec: Object = service.get("spec") or {}
    outside: list[str] = list(spec.get("externalIPs") or ())
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    if spec.get("type") == "LoadBalancer":
        return ",".join((*_balancers(service), *outside)) or "<pending>"
    return ",".join(outside) or NONE


def _balancers(thing: Object) -> list[str]:
    found: list[Object] = at(thing, "status", "loadBalancer", "ingress") or []
    return sorted({one.get("ip") or one.get("hostname", "") for one in found})


def _service_ports(service: Object) -> str:
    ports: list[Object] = at(service, "spec", "ports") or []
    parts: list[str] = []
    for port in ports:
        outside = f":{port['nodePort']}" if port.get("nodePort") else ""
        parts.append(f"{port['port']}{outside}/{port.get('protocol', 'TCP')}")
    return ",".join(parts) or NONE


def _joined(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _endpoints(endpoints: Object) -> Iterator[str]:
    subsets: list[Object] = endpoints.get("subsets") or []
    for subset in subsets:
        addresses = [address["ip"] for address in subset.get("addresses") or ()]
        ports: list[Object] = subset.get("ports") or []
        if not ports:
            yield from addresses
        for port in ports:
            yield from (_joined(address, port["port"]) for address in addresses)


def _slice_ports(part: Object) -> str:
    ports: list[Object] = part.get("ports") or []
    return some((truthful(port.get("port"), "*") for port in ports), UNSET)


def _slice_addresses(part: Object) -> str:
    endpoints: list[Object] = part.get("endpoints") or []
    return some((address for one in endpoints for address in one.get("addresses") or ()), UNSET)


def _ingress_hosts(ingress: Object) -> str:
    rules: list[Object] = at(ingress, "spec", "rules") or []
    return some((rule.get("host") or "*" for rule in rules), "*")


def _ingress_parameters(class_: Object) -> str:
    target: dict[str, Any] | None = at(class_, "spec", "parameters")
    if target is None:
        return NONE
    kind = f"{target['kind']}.{target['apiGroup']}" if target.get("apiGroup") else target["kind"]
    return f"{kind}/{target['name']}"


def _parent(address: Object) -> str:
    parent: Object = at(address, "spec", "parentRef") or {}
    resource = ".".join(part for part in (parent.get("resource"), parent.get("group")) if part)
    return "/".join(part for part in (resource, parent.get("namespace"), parent.get("name")) if part)


_GROUP = "networking.k8s.io"

NETWORK_PRINTERS: Mapping[tuple[str, str], Printer] = {
    ("", "endpoints"): Printer((NAME, text("Endpoints", lambda thing: some(_endpoints(thing), NONE)), AGE)),
    ("", "services"): Printer(
        (
            NAME,
            text("Type", lambda service: at(service, "spec", "type") or ""),
            text("Cluster-IP", _service_address),
            text("External-IP", _service_outside),
            text("Port(s)", _service_ports),
            AGE,
            wide(text("Selector", lambda service: labels(at(service, "spec", "selector")))),
        )
    ),
    ("discovery.k8s.io", "endpointslices"): Printer(
        (
            NAME,
            text("AddressType", lambda part: part.get("addressType", "")),
            text("Ports", _slice_ports),
            text("Endpoints", _slice_addresses),
            AGE,
        )
    ),
    (_GROUP, "ingressclasses"): Printer(
        (
            NAME,
            text("Controller", lambda class_: at(class_, "spec", "controller") or ""),
            text("Parameters", _ingress_parameters),
            AGE,
        )
    ),
    (_GROUP, "ingresses"): Printer(
        (
            NAME,
            text("Class", lambda ingress: truthful(at(ingress, "spec", "ingressClassName"), NONE)),
            text("Hosts", _ingress_hosts),
            text("Address", lambda ingress: ",".join(_balancers(ingress))),
            text("Ports", lambda ingress: "80, 443" if at(ingress, "spec", "tls") else "80"),
            AGE,
        )
    ),
    (_GROUP, "ipaddresses"): Printer((NAME, text("ParentRef", _parent))),
    (_GROUP, "networkpolicies"): Printer(
        (NAME, text("Pod-Selector", lambda policy: selector(at(policy, "spec", "podSelector"))), AGE)
    ),
    (_GROUP, "servicecidrs"): Printer(
        (NAME, text("CIDRs", lambda range_: ",".join(at(range_, "spec", "cidrs") or ())), AGE)
    ),
}
"""By group and plural."""
