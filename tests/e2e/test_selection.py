"""Selecting a template on a real API server: what is dropped and why, ties, and staying with a choice (SPEC §5)."""

import pytest

from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
)
from aimctrl.api.service import AIMService
from aimctrl.kube.core import NODES
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import ImageScript, Launch
from e2e.conftest import Stage
from e2e.homes import SOURCES, Home
from support.world import becomes_equal

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


async def ready(home: Home, name: str) -> None:
    await home.world.reaches(AIM_SERVICE_TEMPLATE, name, home.namespace, status="Ready")


Report = dict[str, tuple[str, str, str]]


def report(service: AIMService) -> Report:
    """Scope, status and reason of each candidate."""
    matching = service.status.template_matching
    return {c.name: (c.scope.value, c.status.value, c.reason) for c in matching.candidates} if matching else {}


async def reports(home: Home, expected: Report) -> None:
    """Wait until the service has that to say of its candidates; it runs, then."""

    async def reported() -> Report:
        return report(await home.runs())

    await becomes_equal(reported, expected)


async def test_the_only_one_that_passes_is_selected_and_every_other_is_accounted_for(stage: Stage, home: Home):
    stage.scripts.set(home.image, ImageScript(log="no result"))
    await home.model()
    await home.template("good", metric="latency", precision="fp8")
    await home.template("no-gpu", gpuSelector={"model": "MI100", "count": 1})
    await home.discovered("broken")
    await home.discovered("odd", runtimeConfigName="missing")
    await ready(home, "good")
    for name, status in (("no-gpu", "NotAvailable"), ("broken", "Failed"), ("odd", "Degraded")):
        await home.world.reaches(AIM_SERVICE_TEMPLATE, name, home.namespace, status=status)
    await home.service()
    expected = {
        "broken": ("Namespace", "dropped", "TemplateFailed"),
        "good": ("Namespace", "chosen", "OnlyMatch"),
        "no-gpu": ("Namespace", "dropped", "GPUNotAvailable"),
        "odd": ("Namespace", "dropped", "TemplateDegraded"),
    }
    await reports(home, expected)


async def test_unoptimized_profiles_are_dropped_where_they_are_not_allowed(stage: Stage, home: Home):
    def behave(launch: Launch) -> ImageScript:
        kind = "optimized" if launch.env["AIM_METRIC"] == "latency" else "preview"
        return AimImage(profile_type=kind)(launch)

    stage.scripts.set(home.image, lambda launch: behave(launch) if "AIM_METRIC" in launch.env else AimImage()(launch))
    await home.model()
    for metric in ("latency", "throughput"):
        await home.discovered(metric, metric=metric)
        await ready(home, metric)
    await home.service(template={"allowUnoptimized": False})
    expected = {
        "latency": ("Namespace", "chosen", "OnlyMatch"),
        "throughput": ("Namespace", "dropped", "Unoptimized"),
    }
    await reports(home, expected)
    await home.service("any")
    await home.becomes("Failed", "TemplateSelectionAmbiguous", "any")


async def test_overrides_drop_what_does_not_match_them(home: Home):
    await home.model()
    await home.template("fast", metric="latency")
    await home.template("many", metric="throughput")
    for name in ("fast", "many"):
        await ready(home, name)
    await home.service(overrides={"metric": "throughput"})
    expected = {
        "fast": ("Namespace", "dropped", "OverridesMismatch"),
        "many": ("Namespace", "chosen", "OnlyMatch"),
    }
    await reports(home, expected)


async def cluster_template(home: Home, name: str, **spec: object) -> None:
    await home.world.have(AIM_CLUSTER_MODEL, home.namespace, image=home.image)
    body = {"modelName": home.namespace, "modelSources": SOURCES, **spec}
    await home.world.have(AIM_CLUSTER_SERVICE_TEMPLATE, name, **body)
    await home.world.reaches(AIM_CLUSTER_SERVICE_TEMPLATE, name, status="Ready")


@pytest.mark.parametrize("name", ["{0}", "another"], ids=["of-the-same-name", "that-says-the-same"])
async def test_a_namespace_template_hides_a_cluster_template(home: Home, name: str):
    await cluster_template(home, home.namespace, metric="latency")
    own = name.format(home.namespace)
    metric = "throughput" if own == home.namespace else "latency"
    await home.template(own, modelName=home.namespace, metric=metric)
    await ready(home, own)
    await home.service(model={"ref": home.namespace})
    service = await home.runs()
    assert service.status.resolved_template.kind == "AIMServiceTemplate"
    assert ("Cluster", "dropped", "HiddenByNamespaceTemplate") in {
        (c.scope.value, c.status.value, c.reason) for c in service.status.template_matching.candidates
    }


async def test_a_template_of_the_cluster_serves_where_the_namespace_has_none(home: Home):
    await cluster_template(home, home.namespace, gpuSelector={"count": 1, "model": "MI300X"})
    await home.service(model={"ref": home.namespace})
    await reports(home, {home.namespace: ("Cluster", "chosen", "OnlyMatch")})


async def test_a_model_of_the_namespace_hides_the_cluster_s_and_its_templates(home: Home):
    await cluster_template(home, home.namespace)
    await home.model(home.namespace)
    await home.service(model={"ref": home.namespace})
    await home.becomes("Degraded", "TemplateNotFound")


async def test_the_model_s_default_template_comes_before_selection(home: Home):
    await home.model(defaultServiceTemplate="many")
    await home.template("fast", metric="latency")
    await ready(home, "fast")
    await home.service()
    assert (await home.runs()).status.resolved_template.name == "fast", "a hint to what is not there is none"
    await home.template("many", metric="throughput")
    await ready(home, "many")
    await home.service("later")
    assert (await home.runs("later")).status.resolved_template.name == "many"


async def test_preferences_break_ties_where_the_runtime_config_says_so(home: Home):
    await home.model()
    choices = {"slow": ("throughput", "fp8"), "wide": ("latency", "fp16"), "best": ("latency", "fp8")}
    for name, (metric, precision) in choices.items():
        await home.template(name, metric=metric, precision=precision)
        await ready(home, name)
    await home.service()
    await home.becomes("Failed", "TemplateSelectionAmbiguous")
    await home.world.have(AIM_RUNTIME_CONFIG, "default", home.namespace, templateSelection="Preferred")
    service = await home.runs()
    assert {name: status for name, (_, status, _) in report(service).items()} == {
        "best": "chosen",
        "slow": "dropped",
        "wide": "dropped",
    }


async def test_equals_are_ambiguous_even_with_preferences(home: Home):
    await home.world.have(AIM_RUNTIME_CONFIG, "default", home.namespace, templateSelection="Preferred")
    await home.model()
    for name in ("one", "two"):
        await home.template(name, metric="latency", precision="fp8", runtimeConfigName="default")
        await ready(home, name)
    await home.service()
    await home.becomes("Failed", "TemplateSelectionAmbiguous")


async def test_a_service_stays_with_its_template_while_that_will_do(home: Home):
    await home.model()
    await home.template("fast", metric="latency", gpuSelector={"model": "RX7900", "count": 1})
    await home.world.have(NODES, home.namespace, labels={"amd.com/gpu.device-id": "744c"})
    await ready(home, "fast")
    await home.service()
    assert (await home.runs()).status.resolved_template.name == "fast"
    await home.template("many", metric="throughput")
    await ready(home, "many")
    await home.service(env=[{"name": "A", "value": "1"}])
    expected = {
        "fast": ("Namespace", "chosen", "InUse"),
        "many": ("Namespace", "dropped", "AnotherIsInUse"),
    }
    await reports(home, expected)
    await home.world.delete(NODES, home.namespace)

    def moved(service: AIMService) -> bool:
        template = service.status.resolved_template
        return service.status.status == "Running" and template is not None and template.name == "many"

    await home.world.until(AIM_SERVICE, "chat", home.namespace, moved)
    assert (await home.inference_service())["spec"]["predictor"]["model"]["runtime"] == "many"
