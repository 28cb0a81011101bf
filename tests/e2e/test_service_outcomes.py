"""Services on a real API server: every row of the outcomes of SPEC §5, and the way out of it."""

import pytest

from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_IMAGE,
    AIM_MODEL,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
)
from aimctrl.kube.core import NODES
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import ImageScript
from e2e.conftest import Stage
from e2e.homes import Home, message, storage_class

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOREVER = AimImage(run_seconds=3600.0)
RESOLVED = ("True", "Resolved")
AT_ONCE = 10.0


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


async def test_all_there_is_running(home: Home):
    await home.model()
    await home.template()
    await home.routed()
    service = await home.runs(
        Resolved=RESOLVED,
        CacheReady=("False", "CacheNotRequested"),
        RuntimeReady=("True", "RuntimeReady"),
        RoutingReady=("True", "RouteReady"),
    )
    status = service.status
    assert (status.resolved_image.name, status.resolved_image.kind) == ("llama", "AIMModel")
    assert (status.resolved_template.name, status.resolved_template.kind) == ("fast", "AIMServiceTemplate")
    assert (
        status.resolved_template.uid
        == (await home.world.get(AIM_SERVICE_TEMPLATE, "fast", home.namespace)).metadata.uid
    )


async def test_a_missing_runtime_config_holds_everything_up(home: Home):
    await home.model()
    await home.template()
    await home.service(runtimeConfigName="ours")
    await home.becomes("Degraded", "RuntimeConfigMissing", Resolved=("False", "RuntimeConfigMissing"))
    assert await home.world.get(INFERENCE_SERVICES, "chat", home.namespace) is None
    await home.world.have(AIM_RUNTIME_CONFIG, "ours", home.namespace)
    service = await home.runs()
    assert service.status.resolved_runtime_config.name == "ours"


async def test_a_missing_model_is_waited_for(home: Home):
    await home.template()
    await home.service()
    service = await home.becomes("Degraded", "ModelNotFound", Resolved=("False", "ModelNotFound"))
    assert "llama" in message(service, "Resolved")
    await home.model()
    await home.runs()


@pytest.mark.parametrize("kind", [AIM_IMAGE, AIM_CLUSTER_MODEL], ids=["namespace-image", "cluster-model"])
async def test_a_model_is_found_in_every_vocabulary(home: Home, kind):
    await home.world.have(kind, home.namespace, home.namespace if kind.namespaced else "", image=home.image)
    await home.template(modelName=home.namespace)
    await home.service(model={"ref": home.namespace})
    service = await home.runs()
    assert service.status.resolved_image.kind == kind.name


async def test_a_template_that_is_named_and_missing_is_waited_for(home: Home):
    await home.model()
    await home.template("other")
    await home.service(templateRef="fast")
    service = await home.becomes("Degraded", "TemplateNotFound", Resolved=("False", "TemplateNotFound"))
    assert "fast" in message(service, "Resolved")
    await home.template()
    await home.runs()


async def test_a_template_of_another_model_is_refused(home: Home):
    await home.model()
    await home.model("mistral", image=f"{home.image}.1")
    await home.template("theirs", modelName="mistral")
    await home.service(templateRef="theirs")
    await home.becomes("Degraded", "TemplateModelMismatch", Resolved=("False", "TemplateModelMismatch"))
    await home.service(templateRef="theirs", model={"ref": "mistral"})
    await home.runs()


async def test_several_models_with_the_image_are_named_in_order(home: Home):
    await home.model("zebra")
    await home.model("ant")
    await home.service(model={"image": home.image})
    service = await home.becomes("Failed", "MultipleModelsFound", Resolved=("False", "MultipleModelsFound"))
    told = message(service, "Resolved")
    assert 0 < told.index("ant") < told.index("zebra")
    await home.world.delete(AIM_MODEL, "zebra", home.namespace)
    await home.template(modelName="ant")
    await home.runs()


async def test_several_templates_are_named_in_order(home: Home):
    await home.model()
    for name, metric in (("zebra", "latency"), ("ant", "throughput")):
        await home.template(name, metric=metric)
        await home.world.reaches(AIM_SERVICE_TEMPLATE, name, home.namespace, status="Ready")
    await home.service()
    conditions = {"Resolved": ("False", "TemplateSelectionAmbiguous")}
    service = await home.becomes("Failed", "TemplateSelectionAmbiguous", **conditions)
    told = message(service, "Resolved")
    assert 0 < told.index("ant") < told.index("zebra")
    assert [(c.name, c.status) for c in service.status.template_matching.candidates] == [
        ("ant", "dropped"),
        ("zebra", "dropped"),
    ]
    await home.world.delete(AIM_SERVICE_TEMPLATE, "zebra", home.namespace)
    await home.runs()


async def test_a_model_that_is_not_inspected_yet_is_waited_for(home: Home):
    await home.service(model={"image": home.image})
    await home.becomes("Starting", "ModelNotReady", Resolved=("False", "ModelNotReady"))
    service = await home.world.until(AIM_SERVICE, "chat", home.namespace, lambda s: s.status.resolved_image is not None)
    created = service.status.resolved_image.name
    model = await home.world.until(AIM_MODEL, created, home.namespace, lambda m: m.status.status == "Progressing")
    assert model.spec.discovery.enabled
    assert model.metadata.labels == {"aim.silogen.ai/auto-created": "true"}
    assert not model.metadata.owner_references
    await home.template(modelName=created)
    await home.runs()


async def test_a_model_that_is_degraded_degrades_its_service_while_no_template_is_ready(home: Home):
    await home.model(runtimeConfigName="theirs")
    await home.service()
    await home.becomes("Degraded", "ModelNotReady", Resolved=("False", "ModelNotReady"))
    await home.template()
    await home.runs()


async def test_a_model_without_templates_says_so(home: Home):
    await home.model()
    await home.service()
    service = await home.becomes("Degraded", "TemplateNotFound", Resolved=("False", "TemplateNotFound"))
    assert "no template" in message(service, "Resolved")


async def test_templates_that_do_not_fit_are_counted_per_reason(stage: Stage, home: Home):
    stage.scripts.set(home.image, AimImage(profile_type="unoptimized"))
    stage.scripts.set(f"{home.image}.broken", ImageScript(log="no result"))
    await home.model()
    for metric in ("latency", "throughput"):
        await home.discovered(metric, metric=metric)
        await home.world.reaches(AIM_SERVICE_TEMPLATE, metric, home.namespace, status="Ready")
    await home.discovered("broken", runtimeConfigName="missing")
    await home.world.reaches(AIM_SERVICE_TEMPLATE, "broken", home.namespace, status="Degraded")
    await home.service(template={"allowUnoptimized": False})
    service = await home.becomes("Degraded", "TemplateNotFound", Resolved=("False", "TemplateNotFound"))
    assert "1 TemplateDegraded, 2 Unoptimized" in message(service, "Resolved")


async def test_a_template_that_lacks_but_readiness_is_waited_for(stage: Stage, home: Home):
    stage.scripts.set(home.image, FOREVER)
    await home.model()
    await home.discovered()
    await home.service()
    await home.becomes("Starting", "TemplateNotReady", Resolved=("False", "TemplateNotReady"))
    stage.scripts.remove(home.image)
    await home.runs()


async def test_templates_without_their_gpu_are_told_by_its_name(home: Home):
    await home.model()
    await home.template(gpuSelector={"model": "MI100", "count": 1})
    await home.service()
    conditions = {"Resolved": ("False", "TemplateNotAvailable")}
    service = await home.becomes("Starting", "TemplateNotAvailable", **conditions)
    assert "MI100" in message(service, "Resolved")
    await home.world.have(NODES, home.namespace, labels={"amd.com/gpu.device-id": "738c"})
    await home.runs()


async def test_a_chosen_template_that_is_on_its_way_is_resolved_already(stage: Stage, home: Home):
    stage.scripts.set(home.image, FOREVER)
    await home.model()
    await home.discovered()
    await home.service(templateRef="fast")
    service = await home.becomes(
        "Starting", "TemplateNotReady", Resolved=RESOLVED, RuntimeReady=("False", "TemplateNotReady")
    )
    assert service.status.resolved_template.name == "fast"
    stage.scripts.remove(home.image)
    await home.runs()


async def test_a_chosen_template_that_is_broken_degrades_the_service(stage: Stage, home: Home):
    stage.scripts.set(home.image, ImageScript(log="no result"))
    await home.model()
    await home.discovered()
    await home.discovered("odd", runtimeConfigName="missing")
    await home.service(templateRef="fast")
    await home.service("other", templateRef="odd")
    broken = {"Resolved": RESOLVED, "RuntimeReady": ("False", "TemplateNotReady")}
    service = await home.becomes("Degraded", "TemplateNotReady", **broken)
    assert "is Failed" in message(service, "RuntimeReady")
    service = await home.becomes("Degraded", "TemplateNotReady", "other", **broken)
    assert "is Degraded" in message(service, "RuntimeReady")


async def test_a_chosen_template_without_its_gpu_is_waited_for(home: Home):
    await home.model()
    await home.template(gpuSelector={"model": "W7900", "count": 1})
    await home.service(templateRef="fast")
    service = await home.becomes(
        "Starting", "TemplateNotAvailable", Resolved=RESOLVED, RuntimeReady=("False", "TemplateNotAvailable")
    )
    assert "W7900" in message(service, "RuntimeReady")


async def test_a_cache_that_is_asked_for_is_waited_for(stage: Stage, home: Home):
    await home.world.put(storage_class("slow", default=True))
    stage.scripts.set_claim("*", "pending")
    await home.model()
    await home.template()
    await home.service(cacheModel=True)
    await home.becomes("Starting", "WaitingForCache", Resolved=RESOLVED, CacheReady=("False", "WaitingForCache"))
    assert await home.world.get(INFERENCE_SERVICES, "chat", home.namespace) is None
    stage.scripts.set_claim("*", "bound")
    await home.runs(CacheReady=("True", "CacheWarm"))
    await home.service()
    await home.runs(CacheReady=("False", "CacheNotRequested"))


async def test_an_inference_service_is_waited_for_while_it_loads(stage: Stage, home: Home):
    stage.scripts.set(home.image, AimImage(serving="loading"))
    await home.model()
    await home.template()
    await home.service()
    await home.becomes("Starting", "CreatingRuntime", Resolved=RESOLVED, RuntimeReady=("False", "CreatingRuntime"))
    stage.scripts.remove(home.image)
    await home.runs()


async def test_an_inference_service_that_fails_fails_the_service(stage: Stage, home: Home):
    stage.scripts.set(home.image, AimImage(serving="failed"))
    await home.model()
    await home.template()
    await home.service()
    service = await home.becomes("Failed", "RuntimeFailed", Resolved=RESOLVED, RuntimeReady=("False", "RuntimeFailed"))
    assert "ModelLoadFailed" in message(service, "RuntimeReady")
    stage.scripts.remove(home.image)
    await home.runs()


async def test_routing_without_a_gateway_degrades_the_service(home: Home):
    await home.model()
    await home.template()
    await home.service(routing={"enabled": True})
    await home.becomes(
        "Degraded",
        "RouteFailed",
        Resolved=RESOLVED,
        RuntimeReady=("True", "RuntimeReady"),
        RoutingReady=("False", "RouteFailed"),
    )
    await home.routed()
    await home.runs(RoutingReady=("True", "RouteReady"))


async def test_a_gateway_that_refuses_the_route_degrades_the_service(stage: Stage, home: Home):
    stage.scripts.set_gateway(home.namespace, "refused")
    await home.model()
    await home.template()
    await home.routed(gatewayRef={"name": home.namespace})
    service = await home.becomes("Degraded", "RouteFailed", RoutingReady=("False", "RouteFailed"))
    assert "NotAllowedByListeners" in message(service, "RoutingReady")
    stage.scripts.set_gateway(home.namespace, "accepted")
    await home.runs(RoutingReady=("True", "RouteReady"))


async def test_a_gateway_that_is_not_there_yet_is_waited_for(stage: Stage, home: Home):
    stage.scripts.set_gateway(home.namespace, "ignored")
    await home.model()
    await home.template()
    await home.routed(gatewayRef={"name": home.namespace})
    waits = {"RuntimeReady": ("True", "RuntimeReady"), "RoutingReady": ("False", "ConfiguringRoute")}
    await home.becomes("Starting", "ConfiguringRoute", **waits)
    stage.scripts.set_gateway(home.namespace, "accepted")
    await home.runs()


async def test_without_routing_the_condition_says_so(home: Home):
    await home.model()
    await home.template()
    await home.service()
    await home.runs(RoutingReady=("False", "RoutingDisabled"))


async def test_a_route_of_somebody_else_is_left_alone_until_it_goes(home: Home):
    rules = [{"backendRefs": [{"name": "theirs", "port": 8080}]}]
    await home.world.have(HTTPROUTES, "chat", home.namespace, rules=rules)
    await home.model()
    await home.template()
    await home.routed()
    await home.becomes("Degraded", "NameConflict", Resolved=RESOLVED, RoutingReady=("False", "NameConflict"))
    route = await home.route()
    assert "ownerReferences" not in route["metadata"]
    assert route["spec"]["rules"][0]["backendRefs"][0]["name"] == "theirs"
    await home.world.delete(HTTPROUTES, "chat", home.namespace)
    await home.becomes("Running", "RuntimeReady", timeout=AT_ONCE)
