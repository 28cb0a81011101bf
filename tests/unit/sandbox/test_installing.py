"""Definitions put into a cluster: the stand-ins' own, and whose kinds are served afterwards."""

import pytest

from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.client import Client
from aimctrl.runtime.errors import InvalidError
from aimctrl.sandbox.apiserver.server import api_server
from aimctrl.sandbox.definitions import foreign_crds
from aimctrl.sandbox.external import CLUSTER_SERVING_RUNTIMES, SERVING_RUNTIMES
from aimctrl.sandbox.installing import DEFINITIONS, install


def test_definitions_are_those_of_the_kinds_that_stand_ins_know() -> None:
    kinds = (CLUSTER_SERVING_RUNTIMES, HTTPROUTES, INFERENCE_SERVICES, SERVING_RUNTIMES)
    assert [crd["metadata"]["name"] for crd in foreign_crds()] == sorted(kind.resource for kind in kinds)


async def test_kinds_are_served_once_they_are_installed() -> None:
    async with api_server() as server, Client(server.connection()) as client:
        await install(client, foreign_crds())
        spec = {"predictor": {"model": {"args": ["--any", "thing"]}}}
        await client.apply(INFERENCE_SERVICES, {"metadata": {"name": "a", "namespace": "default"}, "spec": spec})
        found = INFERENCE_SERVICES.decode(await client.get(INFERENCE_SERVICES, Key("default", "a")))
        assert found.spec == spec


async def test_installing_again_changes_nothing() -> None:
    async with api_server() as server, Client(server.connection()) as client:
        await install(client, foreign_crds())
        before = await _versions(client, DEFINITIONS)
        await install(client, foreign_crds())
        assert await _versions(client, DEFINITIONS) == before


async def test_a_definition_that_is_refused_is_told_as_itself() -> None:
    async with api_server() as server, Client(server.connection()) as client:
        wrong = foreign_crds()[0]
        wrong["spec"]["scope"] = "Everywhere"
        with pytest.raises(InvalidError, match="Everywhere"):
            await install(client, [wrong])


async def _versions(client: Client, kind: "Kind[object]") -> list[str]:
    page = await client.list_page(kind)
    return [DEFINITIONS.decode(bytes(raw)).metadata.resource_version for raw in page.items]
