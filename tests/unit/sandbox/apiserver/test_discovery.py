"""What the server tells of itself, in the forms that kubectl asks for."""

from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request

from aimctrl.sandbox.apiserver.builtin.kinds import builtin_registry
from aimctrl.sandbox.apiserver.discovery import VERSION, Discovery
from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.openapi import OpenApi
from aimctrl.sandbox.apiserver.resources import ResourceType, Scale

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

WIDGETS = ResourceType(
    "shown.example.org",
    "v1",
    "Widget",
    "widgets",
    "widget",
    namespaced=True,
    status=True,
    scale=Scale(".spec.replicas", ".status.replicas"),
    short_names=("wi",),
    custom=True,
)


@pytest.fixture
def discovery() -> Discovery:
    registry = builtin_registry()
    registry.add(WIDGETS)
    return Discovery(registry, OpenApi(registry))


async def asked(discovery: Discovery, path: str, **headers: str) -> Any:
    return await discovery.answer(make_mocked_request("GET", path, headers))


async def body(discovery: Discovery, path: str, **headers: str) -> Any:
    return msgspec.json.decode((await asked(discovery, path, **headers)).body)


async def test_resources_are_told_with_what_is_below_them(discovery: Discovery):
    found = (await body(discovery, "/apis/shown.example.org/v1"))["resources"]
    assert [entry["name"] for entry in found] == ["widgets", "widgets/status", "widgets/scale"]
    assert found[0]["verbs"] == ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
    assert found[0]["shortNames"] == ["wi"]
    assert (found[2]["group"], found[2]["version"], found[2]["kind"]) == ("autoscaling", "v1", "Scale")


async def test_everything_is_told_at_once_to_those_who_ask(discovery: Discovery):
    found = await body(discovery, "/apis", Accept=AGGREGATED)
    assert found["apiVersion"] == "apidiscovery.k8s.io/v2"
    groups = {item["metadata"]["name"]: item["versions"] for item in found["items"]}
    (widgets,) = groups["shown.example.org"][0]["resources"]
    assert widgets["responseKind"] == {"group": "shown.example.org", "version": "v1", "kind": "Widget"}
    assert [part["subresource"] for part in widgets["subresources"]] == ["status", "scale"]
    assert (await body(discovery, "/api", Accept=AGGREGATED))["items"][0]["versions"][0]["version"] == "v1"


async def test_what_was_told_once_is_not_told_again(discovery: Discovery):
    first = await asked(discovery, "/apis", Accept=AGGREGATED)
    again = await asked(discovery, "/apis", Accept=AGGREGATED, **{"If-None-Match": first.headers["ETag"]})
    assert (first.status, again.status) == (200, 304)


async def test_groups_are_told_with_the_version_to_prefer(discovery: Discovery):
    group = await body(discovery, "/apis/batch")
    assert group["preferredVersion"] == {"groupVersion": "batch/v1", "version": "v1"}
    names = [one["name"] for one in (await body(discovery, "/apis"))["groups"]]
    assert {"apps", "shown.example.org"} <= set(names)
    assert (await body(discovery, "/api"))["versions"] == ["v1"]


async def test_the_version_is_that_of_kubernetes(discovery: Discovery):
    assert (await body(discovery, "/version"))["gitVersion"] == VERSION


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/readyz/ping"])
async def test_the_server_is_well(discovery: Discovery, path: str):
    assert (await asked(discovery, path)).text == "ok"


async def test_a_version_that_is_not_served_is_not_found(discovery: Discovery):
    with pytest.raises(StatusError) as refused:
        await asked(discovery, "/apis/batch/v9")
    assert refused.value.code == 404


@pytest.mark.parametrize("path", ["/nope", "/apis/nope", "/apis/nope/v1"])
async def test_what_is_not_there_is_not_found(discovery: Discovery, path: str):
    assert (await asked(discovery, path)).status == 404
