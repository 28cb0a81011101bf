"""Services: defaults, addresses and ports from the cluster's ranges, and what may not change.

Source: https://kubernetes.io/docs/concepts/services-networking/service/.
"""

import secrets
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from aimctrl.sandbox.apiserver.builtin.checks import dns_label as label_errors
from aimctrl.sandbox.apiserver.builtin.checks import (
    invalid,
    port_errors,
    required,
    unsupported,
)
from aimctrl.sandbox.apiserver.builtin.resetting import Resetting
from aimctrl.sandbox.apiserver.errors import Cause, FieldError, Subject
from aimctrl.sandbox.apiserver.errors import invalid as refused
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.storage import Storage

ADDRESSES = ip_network("10.0.0.0/24")
NODE_PORTS = range(30000, 32768)

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_EXTERNAL = ("LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_ADDRESSED = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy")
"""What a Service loses that becomes a mere name."""

_HEADLESS = "None"


class ServiceStrategy(Resetting):
    """A Service with an address of its own unless it is headless or a name for something external."""

    def default(self, thing: Object) -> None:
        """Its type, affinity and ports."""
        spec = thing["spec"]
        spec.setdefault("type", "ClusterIP")
        spec.setdefault("sessionAffinity", "None")
        if spec["sessionAffinity"] == "ClientIP":
            spec.setdefault("sessionAffinityConfig", {"clientIP": {"timeoutSeconds": 10800}})
        for port in spec.get("ports", ()):
            port.setdefault("protocol", "TCP")
            if port.get("targetPort") in {0, ""}:
                port["targetPort"] = port["port"]
        if spec["type"] in _EXTERNAL:
            spec.setdefault("externalTrafficPolicy", "Cluster")
        if spec["type"] == "LoadBalancer":
            spec.setdefault("allocateLoadBalancerNodePorts", True)
        if spec["type"] != "ExternalName":
            spec.setdefault("internalTrafficPolicy", "Cluster")

    def admit(self, storage: Storage, thing: Object, old: Object | None) -> None:
        """Keeps the addresses that an update leaves out, and gives what is missing where the Service is valid."""
        spec = thing["spec"]
        if spec["type"] == "ExternalName":
            for key in _ADDRESSED:
                if old is not None and spec.get(key) == old["spec"].get(key):
                    spec.pop(key, None)
            return
        if old is not None:
            _keep(spec, old["spec"])
        if _spec_errors(spec):
            return
        _default_families(spec)
        taken = [stored.object["spec"] for stored in storage.collection("", "services").all()]
        _allocate_address(thing, {part.get("clusterIP", "") for part in taken})
        if spec["type"] in _EXTERNAL and spec.get("allocateLoadBalancerNodePorts", True):
            _allocate_ports(spec, {port.get("nodePort", 0) for part in taken for port in part.get("ports", ())})

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """Its ports and type, and that its address stays."""
        if subresource:
            return []
        spec = thing["spec"]
        errors = _spec_errors(spec)
        before = (old or {}).get("spec", {})
        if before.get("clusterIP") and spec["type"] == before["type"] and spec.get("clusterIP") != before["clusterIP"]:
            errors.append(invalid("spec.clusterIPs[0]", [spec.get("clusterIP", "")], "may not change once set"))
        return errors


def _spec_errors(spec: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    ports = spec.get("ports", ())
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != _HEADLESS:
        errors.append(required("spec.ports"))
    if spec["type"] == "ExternalName" and not spec.get("externalName"):
        errors.append(required("spec.externalName"))
    names: set[str] = set()
    for index, port in enumerate(ports):
        errors += _port_errors(port, f"spec.ports[{index}]", names, single=len(ports) == 1)
    if spec["sessionAffinity"] not in {"ClientIP", "None"}:
        errors.append(unsupported("spec.sessionAffinity", spec["sessionAffinity"], ("ClientIP", "None")))
    if spec["type"] not in _TYPES:
        errors.append(unsupported("spec.type", spec["type"], _TYPES))
    return errors


def _port_errors(port: Object, where: str, names: set[str], *, single: bool) -> Iterator[FieldError]:
    name = port.get("name", "")
    if not name and not single:
        yield required(f"{where}.name")
    elif name:
        yield from label_errors(f"{where}.name", name)
        if name in names:
            yield FieldError(Cause.DUPLICATE, f"{where}.name", value=name)
        names.add(name)
    yield from port_errors(f"{where}.port", port["port"])
    if port["protocol"] not in _PROTOCOLS:
        yield unsupported(f"{where}.protocol", port["protocol"], _PROTOCOLS)
    yield from port_errors(f"{where}.targetPort", port["targetPort"])


def _keep(spec: Object, before: Object) -> None:
    for key in _ADDRESSED:
        if key not in spec and key in before:
            spec[key] = before[key]
    old_ports = {(port["port"], port["protocol"]): port for port in before.get("ports", ())}
    for port in spec.get("ports", ()):
        former = old_ports.get((port["port"], port["protocol"]), {})
        if "nodePort" in former and spec["type"] in _EXTERNAL:
            port.setdefault("nodePort", former["nodePort"])


def _default_families(spec: Object) -> None:
    both = spec.get("clusterIP") == _HEADLESS and not spec.get("selector")
    spec.setdefault("ipFamilyPolicy", "RequireDualStack" if both else "SingleStack")
    spec.setdefault("ipFamilies", ["IPv4", "IPv6"] if both else ["IPv4"])


def _allocate_address(thing: Object, taken: set[str]) -> None:
    spec = thing["spec"]
    address = spec.get("clusterIP") or next(iter(spec.get("clusterIPs", ())), "")
    if not address:
        free = [str(host) for host in ADDRESSES.hosts() if str(host) not in taken]
        address = secrets.choice(free)
    elif address != _HEADLESS and address not in taken and ip_address(address) not in ADDRESSES:
        words = (
            f"failed to allocate IP {address}: the provided IP ({address}) is not in the valid range. The range of "
            f"valid IPs is {ADDRESSES}"
        )
        subject = Subject("", "services", thing["metadata"].get("name", ""))
        raise refused("Service", subject, [invalid("spec.clusterIPs", [address], words)])
    spec["clusterIP"], spec["clusterIPs"] = address, [address]


def _allocate_ports(spec: Object, taken: set[int]) -> None:
    for port in spec["ports"]:
        if not port.get("nodePort"):
            port["nodePort"] = secrets.choice([number for number in NODE_PORTS if number not in taken])
        taken.add(port["nodePort"])
