"""Routes on a real API server: their path, who gets it, and when they are rewritten or removed (SPEC §5, Routing)."""

from typing import Any

import pytest

from aimctrl.api.kinds import AIM_RUNTIME_CONFIG, AIM_SERVICE
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from e2e.conftest import Stage
from e2e.homes import GATEWAY, Home, message
from support.world import Json, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


async def serving(home: Home) -> None:
    await home.model()
    await home.template()


def path_of(route: Json) -> str:
    return route["spec"]["rules"][0]["matches"][0]["path"]["value"]


async def test_without_a_template_the_path_is_namespace_and_uid(home: Home):
    await serving(home)
    await home.routed()
    service = await home.runs()
    path = f"/{home.namespace}/{service.metadata.uid}"
    assert service.status.routing.path == path
    route = await home.route()
    owner = route["metadata"]["ownerReferences"][0]
    assert (owner["uid"], owner["controller"]) == (service.metadata.uid, True)
    [parent] = route["spec"]["parentRefs"]
    assert (parent["namespace"], parent["name"]) == ("gateways", "gateway")
    [rule] = route["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": path}}]
    assert rule["filters"] == [
        {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}
    ]
    assert [(ref["name"], ref["port"]) for ref in rule["backendRefs"]] == [("chat-predictor", 80)]
    assert "timeouts" not in rule


async def test_what_the_service_leaves_open_its_runtime_config_says(home: Home):
    defaults = {
        "enabled": True,
        "gatewayRef": GATEWAY,
        "routeTemplate": "/config/{.metadata.name}",
        "requestTimeout": "90s",
        "annotations": {"example.com/of": "config"},
    }
    await serving(home)
    await home.world.have(AIM_RUNTIME_CONFIG, "default", home.namespace, routing=defaults)
    await home.service()
    await home.service("own", routing={"pathTemplate": "/own/{.spec.model}", "requestTimeout": "5s"})
    await home.service("none", routing={"enabled": False})
    assert (await home.runs()).status.routing.path == "/config/chat"
    assert (await home.runs("own")).status.routing.path == "/own/llama"
    await home.runs("none", RoutingReady=("False", "RoutingDisabled"))
    route, own = await home.route(), await home.route("own")
    assert route["spec"]["rules"][0]["timeouts"] == {"request": "90s"}
    assert own["spec"]["rules"][0]["timeouts"] == {"request": "5s"}
    assert own["metadata"]["annotations"] == {"example.com/of": "config"}
    changed = {**defaults, "routeTemplate": "/changed/{.metadata.name}"}
    await home.world.have(AIM_RUNTIME_CONFIG, "default", home.namespace, routing=changed)

    async def moved() -> bool:
        return path_of(await home.route()) == "/changed/chat"

    assert await eventually(moved)
    await home.world.until(AIM_SERVICE, "chat", home.namespace, lambda s: s.status.routing.path == "/changed/chat")
    assert path_of(await home.route("own")) == "/own/llama"


async def test_a_route_follows_its_service_and_goes_with_its_routing(home: Home):
    await serving(home)
    await home.routed(routeTemplate="/{.metadata.annotations['team']}/x")
    await home.becomes("Degraded", "RouteTemplateInvalid")
    routing = {"enabled": True, "gatewayRef": GATEWAY, "routeTemplate": "/{.metadata.annotations['team']}/x"}
    await home.service(annotations={"team": "Blue Sky"}, routing=routing)
    assert (await home.runs()).status.routing.path == "/blue%20sky/x"
    before = await home.route()
    await home.service(annotations={"team": "red"}, routing={**routing, "gatewayRef": {"name": "another"}})
    assert (await home.runs()).status.routing.path == "/red/x"
    after = await home.route()
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert path_of(after) == "/red/x"
    [parent] = after["spec"]["parentRefs"]
    assert (parent["namespace"], parent["name"]) == (home.namespace, "another")
    await home.service(annotations={"team": "red"})
    service = await home.runs(RoutingReady=("False", "RoutingDisabled"))
    assert service.status.routing is None
    await home.loses(HTTPROUTES, "chat")
    assert await home.world.get(INFERENCE_SERVICES, "chat", home.namespace)


@pytest.mark.parametrize(
    "template",
    [
        pytest.param("/{.metadata.labels['absent']}", id="missing-data"),
        pytest.param("/{.metadata[", id="invalid-expression"),
        pytest.param("/{.metadata}", id="not-a-scalar"),
        pytest.param("/a/../b", id="dots"),
        pytest.param("/" + "é" * 40, id="too-long-once-encoded"),
    ],
)
async def test_a_route_template_that_gives_no_path_degrades_and_leaves_the_runtime(home: Home, template: str):
    await serving(home)
    await home.routed()
    await home.runs()
    before = await home.inference_service()
    await home.routed(routeTemplate=template)
    service = await home.becomes(
        "Degraded",
        "RouteTemplateInvalid",
        RuntimeReady=("True", "RuntimeReady"),
        RoutingReady=("False", "RouteTemplateInvalid"),
    )
    assert service.status.routing is None
    await home.loses(HTTPROUTES, "chat")
    after = await home.inference_service()
    assert (after["metadata"]["uid"], after["spec"]) == (before["metadata"]["uid"], before["spec"])

    async def warned() -> list[str]:
        events = await home.world.events(home.namespace, "chat")
        return [event.type for event in events if event.reason == "RouteTemplateInvalid"]

    assert await eventually(warned) == ["Warning"]


async def in_turn(home: Home, *names: str, **routing: Any) -> None:
    """Services of which each is older than the next: the API keeps whole seconds, and of one age the name counts."""
    for name in sorted(names):
        await home.routed(name, **routing)


async def test_of_two_services_with_one_path_the_older_keeps_it(home: Home):
    await serving(home)
    shared = {"gatewayRef": {"name": home.namespace}, "routeTemplate": "/shared"}
    await in_turn(home, "chat-1", "chat-2", **shared)
    await home.runs("chat-1")
    conflict = {"RoutingReady": ("False", "RoutePathConflict"), "RuntimeReady": ("True", "RuntimeReady")}
    service = await home.becomes("Degraded", "RoutePathConflict", "chat-2", **conflict)
    assert "chat-1" in message(service, "RoutingReady")
    assert await home.world.get(HTTPROUTES, "chat-2", home.namespace) is None
    await home.routed("chat-1", **shared | {"routeTemplate": "/elsewhere"})
    await home.runs("chat-2", RoutingReady=("True", "RouteReady"))
    await home.routed("chat-1", **shared)
    await home.runs("chat-1")
    await home.becomes("Degraded", "RoutePathConflict", "chat-2", **conflict)
    await home.world.delete(AIM_SERVICE, "chat-1", home.namespace)
    await home.runs("chat-2")


async def test_one_path_on_two_gateways_is_no_conflict(home: Home):
    await serving(home)
    for name in ("chat", "talk"):
        await home.routed(name, gatewayRef={"name": name, "namespace": home.namespace}, routeTemplate="/shared")
    for name in ("chat", "talk"):
        await home.runs(name, RoutingReady=("True", "RouteReady"))


async def test_services_of_two_namespaces_share_a_gateway_and_its_paths(stage: Stage, home: Home):
    other = Home(stage.world, f"{home.namespace}-z")
    shared = {"gatewayRef": {"name": home.namespace, "namespace": home.namespace}, "routeTemplate": "/shared"}
    for place in (home, other):
        await serving(place)
        await place.routed(**shared)
    await home.runs()
    await other.becomes("Degraded", "RoutePathConflict", RoutingReady=("False", "RoutePathConflict"))
