"""The two servers: kube-apiserver with its etcd and controllers, and the embedded one; the CRDs are in both."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from conformance.embedded import embedded
from conformance.peer import Peer
from conformance.widgets import WIDGET_CRD
from controlplane import ControlPlane
from controlplane.api import crd_documents

AIM_CRDS = Path(__file__).parents[2] / "deploy" / "crds"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PATIENCE = 30.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="package")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    widgets = tmp_path_factory.mktemp("crds") / "widgets.yaml"  # before the controllers start: they look again late
    widgets.write_text(yaml.safe_dump(WIDGET_CRD), encoding="utf-8")
    with ControlPlane(crds=[AIM_CRDS, widgets]) as plane:
        config = yaml.safe_load(plane.kubeconfig.read_text(encoding="utf-8"))
        peer = Peer(plane.server, plane.ca.read_text(encoding="utf-8"), config["users"][0]["user"]["token"])
        install(peer)
        yield peer
        peer.close()


@pytest.fixture(scope="package")
def ours() -> Iterator[Peer]:
    with embedded() as server:
        peer = Peer(server.url, server.ca, server.admin_token)
        install(peer)
        yield peer
        peer.close()


def install(peer: Peer) -> None:
    """Has a server have the CRDs; those it has already stay."""
    for name, document in crd_documents(AIM_CRDS):
        path = f"{CRDS}/{name}?fieldManager=controlplane&force=true"
        status, answer = peer.ask("PATCH", path, document.encode(), "application/apply-patch+yaml")
        assert status in {200, 201}, answer
    status, answer = peer.ask("POST", CRDS, WIDGET_CRD)
    assert status in {201, 409}, answer
    end = time.monotonic() + PATIENCE
    while not all(established(crd) for crd in peer.ask("GET", CRDS)[1]["items"]):
        assert time.monotonic() < end, "a CRD is not Established"
        time.sleep(0.02)


def established(crd: dict[str, object]) -> bool:
    status = crd.get("status")
    conditions = (status.get("conditions") if isinstance(status, dict) else None) or []
    return any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions)
