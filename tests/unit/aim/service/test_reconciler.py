"""What is read for a service, on a fake cluster."""

from collections import Counter
from typing import Any

import pytest

from aimctrl.aim.naming import model_name
from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_IMAGE,
    AIM_MODEL,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
)
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.lister import Lister, Unavailable
from aimctrl.runtime.request import Request
from unit.aim.service.cluster import CHAT, GATEWAY, World
from unit.aim.service.samples import NOW


async def test_a_service_comes_up_step_by_step_and_then_costs_nothing() -> None:
    world = World()
    world.service(routing={"enabled": True, "gatewayRef": GATEWAY})
    assert (await world.look())["status"] == "Degraded"
    world.model()
    world.template(state="Progressing")
    assert (await world.look())["status"] == "Starting"
    world.template()
    assert (await world.look())["status"] == "Starting"
    live = world.live(INFERENCE_SERVICES)
    world.cluster.put(INFERENCE_SERVICES, {**live, "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    await world.look()
    route = world.live(HTTPROUTES)
    accepted = {"parentRef": GATEWAY, "conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted"}]}
    world.cluster.put(HTTPROUTES, {**route, "status": {"parents": [accepted]}})
    status = await world.look()
    assert status["status"] == "Running"
    assert status["routing"] == {"path": "/ml/AIMService-chat"}
    world.cluster.calls.clear()
    assert await world.look() == status
    assert world.cluster.calls == []
    assert sorted(world.recorder.reasons) == [
        "DefaultRuntimeConfigNotFound", "InferenceServiceCreated", "TemplateResolved",
    ]  # fmt: skip


async def test_a_service_that_is_gone_is_nothing_to_look_at() -> None:
    assert await World().reconciler.observe(Request(CHAT, NOW)) is None


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((AIM_CLUSTER_MODEL,), "AIMClusterModel"),
        ((AIM_CLUSTER_MODEL, AIM_MODEL), "AIMModel"),
        ((AIM_IMAGE, AIM_MODEL), "AIMModel"),
        ((AIM_CLUSTER_MODEL, AIM_IMAGE), "AIMImage"),
    ],
    ids=["cluster", "namespace first", "model before image", "image of the namespace before model of the cluster"],
)
async def test_a_model_id_is_looked_up_in_order(kinds: tuple[Kind[Any], ...], expected: str) -> None:
    world = World()
    world.service()
    for kind in kinds:
        world.model(kind)
    assert (await world.look())["resolvedImage"]["kind"] == expected


async def test_a_cluster_template_is_the_cluster_models_even_where_the_namespace_has_a_namesake() -> None:
    world = World()
    world.service()
    world.model()
    world.template()
    assert await world.resolved() == "AIMClusterServiceTemplate/fast"
    world.model(AIM_MODEL)
    assert await world.resolved() == "TemplateNotFound"
    world.template("own", AIM_SERVICE_TEMPLATE)
    assert await world.resolved() == "AIMServiceTemplate/own"


async def test_another_models_template_hides_the_cluster_template_of_its_name() -> None:
    world = World()
    world.service()
    world.model()
    world.template()
    world.template("fast", AIM_SERVICE_TEMPLATE, spec={"modelName": "mistral"})
    assert await world.resolved() == "TemplateNotFound"


async def test_templates_that_are_being_deleted_or_cannot_be_read_are_no_candidates() -> None:
    world = World()
    world.service()
    world.model()
    world.template("a", metadata={"deletionTimestamp": "2029-01-01T00:00:00Z"})
    world.put(AIM_CLUSTER_SERVICE_TEMPLATE, "b", spec={"modelName": "llama", "metric": 5})
    world.template("c")
    assert await world.resolved() == "AIMClusterServiceTemplate/c"
    world.service(templateRef="b")
    assert await world.resolved() == "TemplateNotFound"


READS = {
    "it names its template": ({"templateRef": "t3"}, 1),
    "its overrides are those of two others": ({"templateRef": "t3", "overrides": {"metric": "throughput"}}, 3),
    "its overrides say nothing of that": ({"templateRef": "t3", "overrides": {"gpuSelector": {"count": 5}}}, 20),
    "one is selected": ({}, 20),
}


@pytest.mark.parametrize(("spec", "templates"), READS.values(), ids=list(READS))
async def test_no_template_is_read_that_cannot_be_chosen_and_no_model_once_for_each_template(
    monkeypatch: pytest.MonkeyPatch, spec: dict[str, Any], templates: int
) -> None:
    world = World()
    world.model()
    for number in range(20):
        metric = "throughput" if number > 17 else "latency"
        world.template(f"t{number}", spec={"gpuSelector": {"count": number + 1, "model": "MI300X"}, "metric": metric})
    world.service(**spec)
    read: Counter[str] = Counter()

    def get(lister: Lister[Any], namespace: str, name: str) -> Any:
        found = real(lister, namespace, name)
        read[lister.kind.name] += found is not None
        return found

    real = Lister.get
    monkeypatch.setattr(Lister, "get", get)
    await world.reconciler.observe(Request(CHAT, NOW))
    assert read["AIMClusterServiceTemplate"] == templates
    assert read["AIMClusterModel"] <= 3


IMAGES: dict[str, tuple[list[tuple[Kind[Any], str, str]], str]] = {
    "the cluster's": ([(AIM_CLUSTER_MODEL, "a", "i:1")], "AIMClusterModel/a"),
    "the namespace's first": ([(AIM_CLUSTER_MODEL, "a", "i:1"), (AIM_MODEL, "b", "i:1")], "AIMModel/b"),
    "an AIMImage counts": ([(AIM_IMAGE, "a", "i:1")], "AIMImage/a"),
    "several": ([(AIM_MODEL, "a", "i:1"), (AIM_MODEL, "b", "i:1")], "MultipleModelsFound"),
    "several of both kinds": ([(AIM_MODEL, "a", "i:1"), (AIM_IMAGE, "b", "i:1")], "MultipleModelsFound"),
    "one name in two words is one model": ([(AIM_MODEL, "a", "i:1"), (AIM_IMAGE, "a", "i:1")], "AIMModel/a"),
    "an AIMImage that its name does not lead to is none": (
        [(AIM_MODEL, "a", "other:1"), (AIM_IMAGE, "a", "i:1")], f"AIMModel/{model_name('i:1')}",
    ),
    "another image": ([(AIM_MODEL, "a", "i:2")], f"AIMModel/{model_name('i:1')}"),
}  # fmt: skip


@pytest.mark.parametrize(("models", "expected"), IMAGES.values(), ids=list(IMAGES))
async def test_an_image_leads_to_its_model(models: list[tuple[Kind[Any], str, str]], expected: str) -> None:
    world = World()
    world.service(model={"image": "i:1"})
    for kind, name, image in models:
        world.model(kind, name, image)
    await world.look()
    status = await world.look()
    found = status.get("resolvedImage")
    reason = next(c["reason"] for c in status["conditions"] if c["type"] == "Resolved")
    assert (f"{found['kind']}/{found['name']}" if found else reason) == expected


async def test_a_created_model_that_was_given_another_image_is_told_until_that_is_mended() -> None:
    world = World()
    world.service(model={"image": "i:1"})
    name = model_name("i:1")
    world.model(AIM_MODEL, name, "i:2")
    status = await world.look()
    [resolved] = [c for c in status["conditions"] if c["type"] == "Resolved"]
    assert (status["status"], resolved["reason"]) == ("Degraded", "ModelNotFound")
    assert "i:2" in resolved["message"]
    assert not [call for call in world.cluster.calls if "create" in call]
    assert world.woken(lambda: world.cluster.drop(AIM_MODEL, Key("ml", name))) == ["ml/chat"]
    assert (await world.look())["status"] == "Starting"
    assert world.live(AIM_MODEL, name)["spec"]["image"] == "i:1"


async def test_a_cluster_model_found_by_its_image_may_be_hidden_by_another_of_its_name() -> None:
    world = World()
    world.model()
    world.template()
    world.service(model={"image": "i:1"})
    assert await world.resolved() == "AIMClusterServiceTemplate/fast"
    assert "ml/chat" in world.woken(lambda: world.model(AIM_MODEL, image="i:2"))
    assert await world.resolved() == "AIMClusterServiceTemplate/fast"
    world.service(model={"image": "i:1"}, overrides={"metric": "throughput"})
    assert await world.resolved() == "TemplateModelMismatch"
    assert not [call for call in world.cluster.calls if "create AIMServiceTemplate" in call]


async def test_a_kind_that_cannot_be_read_makes_no_model() -> None:
    world = World()
    world.service(model={"image": "i:1"})
    world.informers.informer(AIM_IMAGE).availability = Unavailable("Forbidden", "cannot list")
    assert (await world.look())["status"] == "Pending"
    world.informers.informer(AIM_IMAGE).availability = Unavailable("KindMissing", "no such kind")
    assert (await world.look())["status"] == "Starting"


async def test_two_services_derive_one_template() -> None:
    world = World()
    world.model()
    world.template()
    for name in ("chat", "talk"):
        world.service(name, templateRef="fast", overrides={"metric": "throughput"})
    names = [(await world.look(Key("ml", name)))["resolvedTemplate"]["name"] for name in ("chat", "talk")]
    assert len(set(names)) == 1
    assert [call for call in world.cluster.calls if "create" in call] == [f"create AIMServiceTemplate ml/{names[0]}"]


async def test_the_older_of_two_services_keeps_the_path() -> None:
    world = World()
    world.model()
    world.template()
    routing = {"enabled": True, "gatewayRef": GATEWAY, "routeTemplate": "/shared"}
    world.service(routing=routing, metadata={"creationTimestamp": "2029-06-01T00:00:00Z"})
    world.service("elder", "other", routing=routing)
    world.route("elder", "other")
    status = await world.look()
    assert next(c["reason"] for c in status["conditions"] if c["type"] == "RoutingReady") == "RoutePathConflict"
    assert "create" not in " ".join(call for call in world.cluster.calls if "HTTPRoute" in call)
    world.cluster.drop(AIM_SERVICE, Key("other", "elder"))
    status = await world.look()
    assert next(c["reason"] for c in status["conditions"] if c["type"] == "RoutingReady") == "ConfiguringRoute"


async def test_the_younger_of_two_services_gives_way_even_when_it_came_first() -> None:
    world = World()
    world.model()
    world.template()
    routing = {"enabled": True, "gatewayRef": GATEWAY, "routeTemplate": "/shared"}
    world.service(routing=routing, metadata={"creationTimestamp": "2029-06-01T00:00:00Z"})
    await world.look()
    assert world.live(HTTPROUTES)
    world.service("elder", "other", routing=routing)
    assert "ml/chat" in world.woken(lambda: world.route("elder", "other"))
    await world.look()
    assert "delete HTTPRoute ml/chat" in world.cluster.calls
