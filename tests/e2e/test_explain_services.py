"""`aimctrl explain service` on a real API server: each way not to run is told with its cause and its remedy."""

from collections.abc import Awaitable, Callable

import pytest
import pytest_asyncio

from aimctrl.api.kinds import AIM_SERVICE_TEMPLATE
from aimctrl.kube.core import PODS
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import ImageScript
from controlplane import ControlPlane
from e2e.conftest import Stage
from e2e.explaining import Case, Scene, Scenes, complaints, each, parts, play

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOREVER = AimImage(run_seconds=3600.0)


async def no_model(s: Scene) -> None:
    await s.template()
    await s.service()


async def no_runtime_config(s: Scene) -> None:
    await s.model()
    await s.service(runtimeConfigName="ours")


async def no_such_template(s: Scene) -> None:
    await s.model()
    await s.service(templateRef="fast")


async def no_template_at_all(s: Scene) -> None:
    await s.model()
    await s.service()


async def only_templates_that_do_not_fit(s: Scene) -> None:
    s.stage.scripts.set(s.image, AimImage(profile_type="preview"))
    await s.model()
    await s.discovered()
    await s.discovered("broken", runtimeConfigName="missing")
    await s.service(template={"allowUnoptimized": False})


async def another_models_template(s: Scene) -> None:
    await s.model()
    await s.model("mistral", image=f"{s.image}.1")
    await s.template("theirs", modelName="mistral")
    await s.service(templateRef="theirs")


async def two_templates(s: Scene) -> None:
    await s.model()
    for name, metric in (("zebra", "latency"), ("ant", "throughput")):
        await s.template(name, metric=metric)
        await s.world.reaches(AIM_SERVICE_TEMPLATE, name, s.namespace, status="Ready")
    await s.service()


async def two_models(s: Scene) -> None:
    await s.model("zebra")
    await s.model("ant")
    await s.service(model={"image": s.image})


async def a_model_that_is_not_read(s: Scene) -> None:
    await s.service(model={"image": "127.0.0.1:1/org/llama:v1"})


async def a_model_that_is_degraded(s: Scene) -> None:
    await s.model(runtimeConfigName="theirs")
    await s.service()


async def no_gpu(s: Scene) -> None:
    await s.model()
    await s.template("big", gpuSelector={"count": 8, "model": "MI355X"})
    await s.service()


async def a_named_template_without_gpu(s: Scene) -> None:
    await s.model()
    await s.template("big", gpuSelector={"count": 8, "model": "W7900"})
    await s.service(templateRef="big")


async def a_template_on_its_way(s: Scene) -> None:
    s.stage.scripts.set(s.image, FOREVER)
    await s.model()
    await s.discovered()
    await s.service()


async def a_named_template_on_its_way(s: Scene) -> None:
    s.stage.scripts.set(s.image, FOREVER)
    await s.model()
    await s.discovered()
    await s.service(templateRef="fast")


async def a_broken_template(s: Scene) -> None:
    s.stage.scripts.set(s.image, AimImage(pull_error="not-found"))
    await s.model()
    await s.discovered()
    await s.service(templateRef="fast")


async def a_model_that_does_not_load(s: Scene) -> None:
    s.stage.scripts.set(s.image, AimImage(serving="failed"))
    await s.model()
    await s.template()
    await s.service()


async def a_predictor_that_cannot_be_pulled(s: Scene) -> None:
    s.stage.scripts.set(s.image, AimImage(serving="loading"))
    s.stage.scripts.set(f"{s.image}.pod", ImageScript(pull_error="auth"))
    await s.model()
    await s.template()
    await s.service()
    labels = {"serving.kserve.io/inferenceservice": "chat"}
    container = {"name": "kserve-container", "image": f"{s.image}.pod"}
    await s.world.have(PODS, "chat-predictor-0", s.namespace, labels=labels, containers=[container])
    await s.world.until(
        PODS,
        "chat-predictor-0",
        s.namespace,
        lambda pod: any(
            one.state.waiting and "Pull" in one.state.waiting.reason for one in pod.status.container_statuses
        ),
    )


async def a_strangers_runtime(s: Scene) -> None:
    await s.model()
    await s.template()
    spec = {"predictor": {"model": {"modelFormat": {"name": "other"}}}}
    await s.world.have(INFERENCE_SERVICES, "chat", s.namespace, **spec)
    await s.service()


async def a_strangers_route(s: Scene) -> None:
    await s.model()
    await s.template()
    await s.world.have(HTTPROUTES, "chat", s.namespace, hostnames=["theirs.test"])
    await s.routed()


def routed(**routing: object) -> Callable[[Scene], Awaitable[None]]:
    async def arrange(s: Scene) -> None:
        await s.model()
        await s.template()
        await s.service(routing={"enabled": True, **routing})

    return arrange


async def a_route_template_that_is_wrong(s: Scene) -> None:
    await routed(gatewayRef={"name": "gw"}, routeTemplate="/{.metadata.nothing}")(s)


async def a_path_that_is_taken(s: Scene) -> None:
    await s.model()
    await s.template()
    for name in ("ant", "chat"):
        await s.routed(name, routeTemplate="/{.metadata.namespace}")
        if name == "ant":
            await s.runs("ant")


async def no_gateway(s: Scene) -> None:
    await routed()(s)


async def a_gateway_that_refuses(s: Scene) -> None:
    s.stage.scripts.set_gateway(s.namespace, "refused")
    await routed(gatewayRef={"name": s.namespace})(s)


async def a_gateway_that_says_nothing(s: Scene) -> None:
    s.stage.scripts.set_gateway(s.namespace, "ignored")
    await routed(gatewayRef={"name": s.namespace})(s)


GPU_NOT_THERE = ("no node has it, wanted by AIMServiceTemplate",)

CASES = (
    Case(no_model, "Degraded", "ModelNotFound", ('AIMModel "llama"', "model: none")),
    Case(no_runtime_config, "Degraded", "RuntimeConfigMissing", ('AIMRuntimeConfig "ours"', "spec.runtimeConfigName")),
    Case(no_such_template, "Degraded", "TemplateNotFound", ('AIMServiceTemplate "fast"', "spec.templateRef")),
    Case(no_template_at_all, "Degraded", "TemplateNotFound", ('AIMModel "llama"', "no template names this model")),
    Case(
        only_templates_that_do_not_fit,
        "Degraded",
        "TemplateNotFound",
        (
            "1 TemplateDegraded, 1 Unoptimized dropped",
            "spec.template.allowUnoptimized: false rules out",
            'RuntimeConfigMissing: there is no AIMRuntimeConfig "missing"',
            "/broken\n",
        ),
        also=("RuntimeConfigMissing",),
    ),
    Case(another_models_template, "Degraded", "TemplateModelMismatch", ('"theirs"', '"mistral"', 'AIMModel "llama"')),
    Case(two_templates, "Failed", "TemplateSelectionAmbiguous", ('"ant"', '"zebra"', "it fits, and so do others")),
    Case(two_models, "Failed", "MultipleModelsFound", ('AIMModel "ant"', 'AIMModel "zebra"', "registry.test/")),
    Case(
        a_model_that_is_not_read,
        "Starting",
        "ModelNotReady",
        ("RegistryUnreachable: 127.0.0.1:1", "→ aimctrl explain model "),
        also=("RegistryUnreachable",),
    ),
    Case(
        a_model_that_is_degraded,
        "Degraded",
        "ModelNotReady",
        ('AIMModel "llama" is Degraded', 'there is no AIMRuntimeConfig "theirs"', "→ aimctrl explain model "),
        also=("RuntimeConfigMissing",),
    ),
    Case(no_gpu, "Starting", "TemplateNotAvailable", ("need GPUs that no node has: MI355X", *GPU_NOT_THERE)),
    Case(
        a_named_template_without_gpu,
        "Starting",
        "TemplateNotAvailable",
        ("no node has the GPU W7900", *GPU_NOT_THERE, "→ aimctrl explain template "),
        also=("GPUNotAvailable",),
    ),
    Case(
        a_template_on_its_way,
        "Starting",
        "TemplateNotReady",
        ('waits for AIMServiceTemplate "fast"', "AwaitingDiscovery"),
        also=("AwaitingDiscovery",),
    ),
    Case(
        a_named_template_on_its_way,
        "Starting",
        "TemplateNotReady",
        ('AIMServiceTemplate "fast" is Progressing', "AwaitingDiscovery"),
        also=("AwaitingDiscovery",),
    ),
    Case(
        a_broken_template,
        "Degraded",
        "TemplateNotReady",
        ('AIMServiceTemplate "fast" is Degraded', "ImageNotFound: ", "registry.test/"),
        also=("ImageNotFound",),
    ),
    Case(a_model_that_does_not_load, "Failed", "RuntimeFailed", ('InferenceService "chat" failed: ModelLoadFailed',)),
    Case(
        a_predictor_that_cannot_be_pulled,
        "Starting",
        "CreatingRuntime",
        ('InferenceService "chat" is not ready', "chat-predictor-0", "ImagePullAuthFailure: "),
        also=("ImagePullAuthFailure",),
    ),
    Case(
        a_strangers_runtime,
        "Degraded",
        "NameConflict",
        ('InferenceService "chat" exists', 'chat" belongs to somebody else'),
    ),
    Case(a_strangers_route, "Degraded", "NameConflict", ('HTTPRoute "chat" exists', "route: none")),
    Case(a_route_template_that_is_wrong, "Degraded", "RouteTemplateInvalid", ("{.metadata.nothing} matches nothing",)),
    Case(a_path_that_is_taken, "Degraded", "RoutePathConflict", ("on Gateway gateways/gateway", 'older AIMService "')),
    Case(no_gateway, "Degraded", "RouteFailed", ("there is no gateway", "spec.routing.gatewayRef")),
    Case(a_gateway_that_refuses, "Degraded", "RouteFailed", ("refuses the route", "NotAllowedByListeners")),
    Case(a_gateway_that_says_nothing, "Starting", "ConfiguringRoute", ("waits for Gateway ",)),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scenes(stage: Stage, control_plane: ControlPlane) -> Scenes:
    return await play(stage, control_plane, CASES)


@each(*CASES)
async def test_why_a_service_does_not_run_is_told_with_what_can_be_done(case: Case, scenes: Scenes):
    told = scenes[case.name]
    assert complaints(case, told) == [], told.text
    assert [line.trouble.reason for line in told.explanation.conditions if line.type == "Ready"] == [case.reason]


async def test_what_the_predictors_pod_says_is_below_the_runtime(scenes: Scenes):
    told = scenes["a predictor that cannot be pulled"].explanation
    pod = parts(told, "runtime", "Pod")
    assert (pod.state, pod.trouble.reason if pod.trouble else "") == ("Pending", "ImagePullAuthFailure")


async def test_the_broken_candidate_says_what_to_type(scenes: Scenes):
    told = scenes["only templates that do not fit"].explanation
    assert told.candidates is not None
    broken, preview = told.candidates
    assert broken.see == f"aimctrl explain template {told.namespace}/broken"
    assert (preview.reason, preview.trouble) == ("Unoptimized", None)
