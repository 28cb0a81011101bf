from ipaddress import ip_address
from typing import Any

import pytest

from aimctrl.sandbox.apiserver.builtin.service import ADDRESSES, NODE_PORTS
from support.requests import Server

SERVICES = "/api/v1/namespaces/here/services"

Json = dict[str, Any]


@pytest.fixture
def server() -> Server:
    return Server()


def service(name: str = "s", **spec: Any) -> Json:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


def test_a_service_is_given_an_address_and_defaults(server: Server) -> None:
    body = server.post(SERVICES, service()).body
    address = body["spec"].pop("clusterIP")
    assert ip_address(address) in ADDRESSES
    assert body["status"] == {"loadBalancer": {}}
    assert body["spec"] == {
        "clusterIPs": [address],
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "ports": [{"protocol": "TCP", "port": 80, "targetPort": 80}],
        "sessionAffinity": "None",
        "type": "ClusterIP",
    }


def test_each_has_another_address(server: Server) -> None:
    found = [server.post(SERVICES, service(f"s{n}")).body["spec"]["clusterIP"] for n in range(40)]
    assert len(set(found)) == 40


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
def test_ports_of_nodes_are_given_and_kept(server: Server, kind: str) -> None:
    body = server.post(SERVICES, service(type=kind)).body
    port = body["spec"]["ports"][0]["nodePort"]
    assert port in NODE_PORTS
    assert body["spec"]["externalTrafficPolicy"] == "Cluster"
    changed = server.patch(f"{SERVICES}/s", {"spec": {"ports": [{"port": 80, "targetPort": 8080}]}}).body
    assert changed["spec"]["ports"] == [{"protocol": "TCP", "port": 80, "targetPort": 8080, "nodePort": port}]


def test_a_headless_service_has_no_address(server: Server) -> None:
    spec = server.post(SERVICES, service(clusterIP="None", selector={"a": "b"})).body["spec"]
    assert (spec["clusterIP"], spec["clusterIPs"], spec["ipFamilyPolicy"]) == ("None", ["None"], "SingleStack")


def test_a_service_that_becomes_a_name_loses_its_address(server: Server) -> None:
    server.post(SERVICES, service())
    spec = server.patch(f"{SERVICES}/s", {"spec": {"type": "ExternalName", "externalName": "a.b"}}).body["spec"]
    assert {"clusterIP", "clusterIPs", "ipFamilies"}.isdisjoint(spec)


def test_an_update_that_leaves_the_address_out_keeps_it(server: Server) -> None:
    made = server.post(SERVICES, service()).body
    put = server.ask("PUT", f"{SERVICES}/s", service(ports=[{"port": 81}]))
    assert put.body["spec"]["clusterIP"] == made["spec"]["clusterIP"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param({"ports": []}, "spec.ports: Required value", id="no-ports"),
        pytest.param(
            {"ports": [{"port": 80}, {"port": 81}]},
            "[spec.ports[0].name: Required value, spec.ports[1].name: Required value]",
            id="unnamed-ports",
        ),
        pytest.param(
            {"type": "x", "ports": [{"port": 0}]},
            "[spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive, spec.ports[0].targetPort: "
            'Invalid value: 0: must be between 1 and 65535, inclusive, spec.type: Unsupported value: "x": supported '
            'values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]',
            id="type-and-port",
        ),
        pytest.param(
            {"clusterIP": "10.1.0.1"},
            'spec.clusterIPs: Invalid value: ["10.1.0.1"]: failed to allocate IP 10.1.0.1: the provided IP (10.1.0.1) is '
            "not in the valid range. The range of valid IPs is 10.0.0.0/24",
            id="address-of-elsewhere",
        ),
    ],
)
def test_an_invalid_service_is_refused(server: Server, spec: Json, words: str) -> None:
    reply = server.post(SERVICES, service(**spec))
    assert (reply.code, reply.message) == (422, f'Service "s" is invalid: {words}')


def test_the_address_may_not_change(server: Server) -> None:
    server.post(SERVICES, service(clusterIP="10.0.0.9"))
    reply = server.patch(f"{SERVICES}/s", {"spec": {"clusterIP": "10.0.0.10"}})
    assert reply.code == 422
    assert "may not change once set" in reply.message
