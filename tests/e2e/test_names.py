"""Names as long as they may be, and text in any language: all of it works, and the API server takes every status."""

from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_RUNTIME_CONFIG,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_IMAGE,
    AIM_MODEL,
    AIM_MODEL_CACHE,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
    AIM_TEMPLATE_CACHE,
)
from aimctrl.kube.core import JOBS, NODES, PODS, PVCS
from aimctrl.kube.external import CLUSTER_SERVING_RUNTIMES, INFERENCE_SERVICES, SERVING_RUNTIMES
from aimctrl.sandbox.script import ImageScript
from e2e.conftest import Stage
from e2e.homes import GATEWAY, Home, message, storage_class
from support.world import SERVICE_ACCOUNTS, eventually, is_told, reasons
from support.world import reason as why

pytestmark = pytest.mark.asyncio(loop_scope="module")

GPUS: dict[str, Any] = {"metric": "latency", "precision": "fp16", "gpuSelector": {"count": 1, "model": "MI300X"}}
PREDICTOR = 63 - len("-predictor-")


def long(start: str, length: int = 63) -> str:
    """A name of that many characters, unlike any other."""
    return f"{start}-{uuid4().hex}-{'x' * length}"[: length - 1] + "z"


def dotted(start: str, length: int = 253) -> str:
    """A DNS subdomain of that many characters, its labels of at most 63."""
    labels = [long(start)] + ["y" * 63] * 4
    return ".".join(labels)[: length - 1] + "z"


@pytest_asyncio.fixture(loop_scope="module")
async def home(stage: Stage) -> Home:
    """A namespace whose own name is as long as it may be."""
    name = long("ns")
    await stage.world.namespace(name)
    await stage.world.put(storage_class("default-of-names", default=True))
    return Home(stage.world, name)


@pytest.mark.parametrize("kind", [AIM_MODEL, AIM_IMAGE], ids=str)
async def test_everything_runs_under_names_of_63_characters(home: Home, kind: Any):
    model, template, service = long("model"), long("template"), long("service")
    await home.world.have(kind, model, home.namespace, image=home.image)
    by = "modelName" if kind is AIM_MODEL else "aimImageName"
    await home.world.have(AIM_SERVICE_TEMPLATE, template, home.namespace, **{by: model}, **GPUS)
    routing = {"enabled": True, "gatewayRef": {"name": long("gateway"), "namespace": home.namespace}}
    await home.service(service, model={"ref": model}, templateRef=template, cacheModel=True, routing=routing)
    found = await home.runs(service, CacheReady=("True", "CacheWarm"), RoutingReady=("True", "RouteReady"))
    assert found.status.routing.path == f"/{home.namespace}/{found.metadata.uid}"
    [serving] = await home.world.all(INFERENCE_SERVICES, home.namespace)
    labels = serving.metadata.labels
    told = ("aim.silogen.ai/template", "aim.silogen.ai/model-id", "aim.silogen.ai/service-name")
    assert [labels[key] for key in told] == [template, model, service]
    assert serving.metadata.name.startswith("s-"), "of the service's name one letter is left in such a namespace"
    [rule] = (await home.route(service))["spec"]["rules"]
    assert rule["backendRefs"][0]["name"] == f"{serving.metadata.name}-predictor"
    assert await home.world.get(SERVING_RUNTIMES, template, home.namespace)
    cache = await home.world.get(AIM_TEMPLATE_CACHE, template, home.namespace)
    assert cache.status.status == "Available"
    jobs = {job.metadata.name for job in await home.world.all(JOBS, home.namespace)}
    assert [name for name in jobs if name.startswith("discover-")]
    assert all(len(name) <= 63 for name in jobs)


async def test_overrides_derive_from_a_template_whose_name_is_as_long_as_it_may_be(home: Home):
    model, template = long("model"), long("template")
    await home.model(model)
    await home.template(template, modelName=model, **GPUS)
    names = set()
    for precision in ("fp8", "int8"):
        service = long(precision)
        overrides = {"precision": precision}
        await home.service(service, model={"ref": model}, templateRef=template, overrides=overrides, cacheModel=True)
        names.add((await home.runs(service, CacheReady=("True", "CacheWarm"))).status.resolved_template.name)
    assert [len(name) for name in names] == [63, 63]
    assert all("-ovr-" in name and template.startswith(name[: name.index("-ovr-")]) for name in names)


async def test_the_cluster_s_models_and_templates_may_have_such_names_too(home: Home):
    model, template, service = long("model"), long("template"), long("service")
    await home.world.have(AIM_CLUSTER_MODEL, model, image=home.image)
    await home.world.have(AIM_CLUSTER_SERVICE_TEMPLATE, template, modelName=model, **GPUS)
    await home.world.reaches(AIM_CLUSTER_SERVICE_TEMPLATE, template, status="Ready")
    assert await home.world.get(CLUSTER_SERVING_RUNTIMES, template)
    await home.service(service, model={"ref": model}, cacheModel=True)
    assert (await home.runs(service)).status.resolved_template.name == template


@pytest.mark.parametrize("spare", [0, 1], ids=["one-too-long", "just-fits"])
async def test_an_inference_service_is_renamed_only_where_its_predictor_would_not_fit(stage: Stage, spare: int):
    name = long("ns", 30)
    await stage.world.namespace(name)
    home = Home(stage.world, name)
    service = long("service", PREDICTOR - 30 + 1 - spare)
    await home.model()
    await home.template()
    await home.service(service)
    await home.runs(service)
    [found] = await home.world.all(INFERENCE_SERVICES, name)
    assert (found.metadata.name == service) is bool(spare)
    assert len(f"{found.metadata.name}-predictor-{name}") == 63


async def test_a_model_is_made_for_an_image_whatever_the_length_of_its_reference(home: Home):
    repository, tag = f"registry.test/{'p' * 60}/{'i' * 100}", "t" * 128
    await home.world.have(AIM_RUNTIME_CONFIG, "default", home.namespace, model={"autoDiscovery": False})
    await home.service(long("service"), model={"image": f"{repository}:{tag}"})
    found = await eventually(lambda: home.world.all(AIM_MODEL, home.namespace))
    assert [len(model.metadata.name) for model in found] == [63]
    assert found[0].spec.image == f"{repository}:{tag}"


async def test_a_model_cache_of_48_characters_has_children_that_fit(home: Home):
    name, creator = long("weights", 48), dotted("cache")
    spec = {"sourceURI": f"hf://org/{name}", "size": "1Gi"}
    await home.world.have(AIM_MODEL_CACHE, name, home.namespace, **spec)
    await home.world.reaches(AIM_MODEL_CACHE, name, home.namespace, status="Available")
    assert await home.world.get(PVCS, f"{name}-cache", home.namespace)
    assert len(f"{name}-cache-download") == 63
    assert await home.world.get(JOBS, f"{name}-cache-download", home.namespace)
    sources = [{"name": "org/" + "long" * 50, "sourceURI": "hf://org/long", "size": "1Gi"}]
    await home.world.have(AIM_TEMPLATE_CACHE, creator, home.namespace, templateRef="none", modelSources=sources)
    cache = await home.world.reaches(AIM_TEMPLATE_CACHE, creator, home.namespace, status="Available")
    [entry] = cache.status.model_caches.values()
    assert len(entry.name) == 48
    made = await home.world.get(AIM_MODEL_CACHE, entry.name, home.namespace)
    assert len(made.metadata.labels["aim.silogen.ai/template-cache"]) <= 63


async def test_what_is_referred_to_may_have_names_of_253_characters(home: Home):
    config, secret, account = dotted("config"), dotted("secret"), dotted("account")
    gateway = {"name": dotted("gateway"), "namespace": home.namespace}
    routing = {"enabled": True, "gatewayRef": gateway}
    more = {"imagePullSecrets": [{"name": secret}], "serviceAccountName": account}
    await home.world.have(SERVICE_ACCOUNTS, account, home.namespace)
    await home.world.have(AIM_CLUSTER_RUNTIME_CONFIG, config, routing=routing)
    await home.model(runtimeConfigName=config, **more)
    await home.discovered(**GPUS, runtimeConfigName=config, **more)
    await home.service(runtimeConfigName=config, cacheModel=True, **more)
    service = await home.runs(CacheReady=("True", "CacheWarm"), RoutingReady=("True", "RouteReady"))
    assert service.status.resolved_runtime_config.name == config
    [found] = await home.world.all(INFERENCE_SERVICES, home.namespace)
    predictor = found.spec["predictor"]
    assert [ref["name"] for ref in predictor["imagePullSecrets"]] == [secret]
    assert predictor["serviceAccountName"] == account
    assert (await home.route())["spec"]["parentRefs"][0]["name"] == gateway["name"]
    other = dotted("missing")
    await home.service(runtimeConfigName=other)
    service = await home.becomes("Degraded", "RuntimeConfigMissing")
    assert other in message(service, "Resolved")


async def test_a_node_may_have_a_name_of_253_characters(home: Home):
    gpu = {"count": 1, "model": "MI325X"}
    await home.model()
    await home.template(gpuSelector=gpu)
    await home.service()
    await home.becomes("Starting", "TemplateNotAvailable")
    node = dotted("node")
    await home.world.have(NODES, node, labels={"amd.com/gpu.device-id": "74a5"})
    await home.runs()
    await home.world.delete(NODES, node)


async def test_a_node_s_labels_of_63_characters_are_a_gpu_like_any_other(home: Home):
    product = "NVIDIA-" + "x" * 56
    await home.model()
    await home.template(gpuSelector={"count": 1, "model": product})
    await home.service()
    await home.becomes("Starting", "TemplateNotAvailable")
    await home.world.have(NODES, home.namespace, labels={"nvidia.com/gpu.product": product})
    await home.runs()
    await home.world.delete(NODES, home.namespace)


UNICODE = "模型-Ünïcode-\U0001f999-é"


async def test_text_in_any_language_is_served(home: Home):
    sources = [
        {"name": UNICODE, "sourceURI": f"hf://{UNICODE}/weights", "size": "1Gi"},
        {"name": "模型", "sourceURI": "s3://bucket/模型", "size": "1Gi"},
    ]
    await home.world.have(AIM_RUNTIME_CONFIG, "default", home.namespace, env=[{"name": "GREETING", "value": UNICODE}])
    await home.model()
    await home.template(modelSources=sources, env=[{"name": "TEXT", "value": UNICODE}])
    routing = {"enabled": True, "gatewayRef": GATEWAY, "routeTemplate": "/{.metadata.annotations['path']}"}
    await home.service(annotations={"path": "ñ-模型", "note": UNICODE}, cacheModel=True, routing=routing)
    service = await home.runs(CacheReady=("True", "CacheWarm"), RoutingReady=("True", "RouteReady"))
    assert service.status.routing.path == "/%C3%B1-%E6%A8%A1%E5%9E%8B"
    cache = await home.world.get(AIM_TEMPLATE_CACHE, "fast", home.namespace)
    assert set(cache.status.model_caches) == {UNICODE, "模型"}
    [found] = await home.world.all(INFERENCE_SERVICES, home.namespace)
    mounts = found.spec["predictor"]["model"]["volumeMounts"]
    assert {mount["mountPath"] for mount in mounts} == {f"/workspace/model-cache/{name}" for name in (UNICODE, "模型")}
    names = [entry.name for entry in cache.status.model_caches.values()]
    assert all(name.isascii() for name in names)
    for name in names:
        await home.world.get(PVCS, f"{name}-cache", home.namespace)
    assert await home.world.all(PODS, home.namespace)


async def noted(home: Home, about: str, reason: str) -> str:
    """The text of the event of that reason."""

    async def look() -> list[str]:
        return [event.note for event in await home.world.events(home.namespace, about) if event.reason == reason]

    return (await eventually(look))[0]


@pytest.mark.parametrize(
    "fragment",
    [
        pytest.param(UNICODE * 20, id="unicode"),
        pytest.param("['" + "\U0001f999" * 500 + "']", id="long"),
        pytest.param("metadata.annotations['text']", id="value"),
    ],
)
async def test_a_route_template_of_any_text_is_told_within_the_limits(home: Home, fragment: str):
    await home.model()
    await home.template()
    routing = {"enabled": True, "gatewayRef": GATEWAY, "routeTemplate": f"/{{.{fragment}}}"}
    await home.service(annotations={"text": "/" + "\U0001f999" * 30_000}, routing=routing)
    service = await home.becomes("Degraded", "RouteTemplateInvalid", RoutingReady=("False", "RouteTemplateInvalid"))
    assert 0 < len(message(service, "RoutingReady").encode()) <= 32768
    assert 0 < len((await noted(home, "chat", "RouteTemplateInvalid")).encode()) <= 1024


async def test_a_log_in_any_language_is_told_within_the_limits(home: Home, stage: Stage):
    stage.scripts.set(home.image, ImageScript(log="\U0001f999" * 60_000 + "\n", exit_code=1, ended_ago=3600.0))
    await home.model()
    await home.discovered()
    await home.service(templateRef="fast")
    template = await home.world.reaches(AIM_SERVICE_TEMPLATE, "fast", home.namespace, status="Failed")
    service = await home.world.until(
        AIM_SERVICE, "chat", home.namespace, lambda s: is_told(s) and "\U0001f999" in message(s, "Ready")
    )
    assert (service.status.status, why(service)) == ("Degraded", "TemplateNotReady")
    for said in (*service.status.conditions, *template.status.conditions):
        assert len(said.message.encode()) <= 32768


async def test_many_long_names_are_told_within_the_limits(home: Home):
    await home.model()
    for number in range(12):
        await home.template(long(f"t{number}"), **GPUS)
    names = sorted(t.metadata.name for t in await home.world.all(AIM_SERVICE_TEMPLATE, home.namespace))
    for name in names:
        await home.world.reaches(AIM_SERVICE_TEMPLATE, name, home.namespace, status="Ready")
    await home.service()
    service = await home.becomes("Failed", "TemplateSelectionAmbiguous")
    told = message(service, "Resolved")
    assert [told.find(name) for name in names] == sorted(told.find(name) for name in names)
    assert told.find(names[0]) > 0


async def test_a_missing_secret_of_253_characters_is_named(home: Home):
    secret = dotted("secret")
    await home.model(discovery={"enabled": True}, imagePullSecrets=[{"name": secret}])
    model = await home.world.reaches(AIM_MODEL, "llama", home.namespace, status="Degraded")
    assert reasons(model)["MetadataExtracted"] == ("False", "ImagePullAuthFailure")
    assert secret in {c.type: c.message for c in model.status.conditions}["MetadataExtracted"]
