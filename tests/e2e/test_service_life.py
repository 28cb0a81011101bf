"""Services over time on a real API server: what they make, what becomes of it, and what is told of it (SPEC §5)."""

import re
from typing import Any

import pytest

from aimctrl.api.kinds import AIM_CLUSTER_MODEL, AIM_MODEL, AIM_RUNTIME_CONFIG, AIM_SERVICE, AIM_SERVICE_TEMPLATE
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.errors import NotFoundError
from e2e.conftest import Stage
from e2e.homes import GATEWAY, SOURCES, Home
from support.world import becomes_equal, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


SCALING = {
    "metrics": [
        {
            "type": "PodMetric",
            "podmetric": {
                "metric": {"backend": "opentelemetry", "metricNames": ["vllm:requests"], "query": "vllm:requests"},
                "target": {"type": "Value", "value": "1"},
            },
        }
    ]
}


async def test_nothing_of_an_inference_service_is_pruned(home: Home):
    await home.world.have(
        AIM_RUNTIME_CONFIG,
        "default",
        home.namespace,
        env=[{"name": "LEVEL", "value": "config"}, {"name": "CONFIG", "value": "yes"}],
        imagePullSecrets=[{"name": "of-config"}],
    )
    await home.model(
        resources={"requests": {"cpu": "2", "memory": "8Gi"}, "limits": {"memory": "4Gi"}},
        imagePullSecrets=[{"name": "of-model"}],
        serviceAccountName="of-model",
    )
    await home.template(
        metric="latency",
        precision="fp16",
        gpuSelector={"count": 2, "model": "MI300X"},
        resources={"requests": {"cpu": "3"}},
        env=[{"name": "LEVEL", "value": "template"}, {"name": "TEMPLATE", "value": "yes"}],
        imagePullSecrets=[{"name": "of-template"}],
    )
    secret = {"secretKeyRef": {"name": "hf", "key": "token"}}
    await home.service(
        labels={"team": "research"},
        annotations={"example.com/note": "kept"},
        env=[{"name": "LEVEL", "value": "service"}, {"name": "TOKEN", "valueFrom": secret}],
        resources={"limits": {"cpu": "6"}},
        imagePullSecrets=[{"name": "of-service"}],
        minReplicas=1,
        maxReplicas=3,
        autoScaling=SCALING,
    )
    service = await home.runs()
    found = await home.inference_service()
    predictor = found["spec"]["predictor"]
    owner = found["metadata"]["ownerReferences"][0]
    assert (owner["uid"], owner["controller"]) == (service.metadata.uid, True)
    assert {
        "serving.kserve.io/deploymentMode": "RawDeployment",
        "serving.kserve.io/autoscalerClass": "keda",
        "sidecar.opentelemetry.io/inject": "chat-predictor",
        "prometheus.kserve.io/port": "8000",
        "example.com/note": "kept",
    }.items() <= found["metadata"]["annotations"].items()
    assert found["metadata"]["labels"] == {
        "team": "research",
        "aim.silogen.ai/template": "fast",
        "aim.silogen.ai/model-id": "llama",
        "aim.silogen.ai/service-name": "chat",
        "aim.silogen.ai/template.metric": "latency",
        "aim.silogen.ai/template.precision": "fp16",
    }
    assert predictor["autoScaling"] == SCALING
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (1, 3)
    assert predictor["serviceAccountName"] == "of-model"
    assert [ref["name"] for ref in predictor["imagePullSecrets"]] == [
        "of-service",
        "of-template",
        "of-model",
        "of-config",
    ]
    terms = predictor["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert {e["key"] for term in terms for e in term["matchExpressions"]} >= {
        "amd.com/gpu.device-id",
        "beta.amd.com/gpu.device-id",
    }
    model = predictor["model"]
    assert (model["modelFormat"], model["runtime"]) == ({"name": "aim"}, "fast")
    assert {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in model["env"]} == {
        "CONFIG": "yes",
        "LEVEL": "service",
        "TEMPLATE": "yes",
        "TOKEN": secret,
    }
    assert model["resources"] == {
        "requests": {"amd.com/gpu": "2", "cpu": "3", "memory": "8Gi"},
        "limits": {"amd.com/gpu": "2", "cpu": "6", "memory": "8Gi"},
    }


async def test_without_autoscaling_there_is_none_and_resources_are_made_up_per_gpu(home: Home):
    await home.model()
    await home.discovered(gpuSelector={"count": 2, "model": "MI300X"})
    await home.service(replicas=2)
    await home.runs()
    found = await home.inference_service()
    predictor = found["spec"]["predictor"]
    assert found["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "none"
    assert "autoScaling" not in predictor
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 2)
    assert predictor["model"]["resources"] == {
        "requests": {"amd.com/gpu": "2", "cpu": "8", "memory": "64Gi"},
        "limits": {"amd.com/gpu": "2", "memory": "96Gi"},
    }


async def test_a_name_too_long_for_kserve_is_cut_and_hashed(home: Home):
    name = "chat-" + "x" * 58
    await home.model()
    await home.template()
    await home.routed(name)
    await home.runs(name)
    [found] = await home.world.all(INFERENCE_SERVICES, home.namespace)
    assert len(f"{found.metadata.name}-predictor-{home.namespace}") <= 63
    [rule] = (await home.route(name))["spec"]["rules"]
    assert rule["backendRefs"][0]["name"] == f"{found.metadata.name}-predictor"


@pytest.mark.parametrize("change", ["edit", "removal"])
@pytest.mark.parametrize("kind", [INFERENCE_SERVICES, HTTPROUTES], ids=["inference-service", "route"])
async def test_what_somebody_does_to_a_child_by_hand_is_put_right(home: Home, kind: Kind[Any], change: str):
    await home.model()
    await home.template()
    await home.routed()
    await home.runs()
    before = await home.world.json(kind, "chat", home.namespace)
    if change == "removal":
        await home.world.delete(kind, "chat", home.namespace)
    elif kind is HTTPROUTES:
        body: Any = {"spec": {"rules": [{"backendRefs": [{"name": "another", "port": 8080}]}]}}
        await home.world.client.patch(kind, Key(home.namespace, "chat"), body)
    else:
        body = {"spec": {"predictor": {"model": {"runtime": "another"}, "minReplicas": 0}}}
        await home.world.client.patch(kind, Key(home.namespace, "chat"), body)

    async def mended() -> bool:
        try:
            live = await home.world.json(kind, "chat", home.namespace)
        except NotFoundError:
            return False
        return (
            live["spec"] == before["spec"]
            and live["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
        )

    assert await eventually(mended)
    await home.runs()


async def test_a_field_that_the_user_takes_back_goes_from_the_inference_service(home: Home):
    await home.model()
    await home.template()
    await home.service(env=[{"name": "A", "value": "1"}], serviceAccountName="mine", labels={"team": "a"})
    await home.runs()
    await home.service()
    await home.world.until(
        INFERENCE_SERVICES,
        "chat",
        home.namespace,
        lambda found: (
            "env" not in found.spec["predictor"]["model"]
            and "serviceAccountName" not in found.spec["predictor"]
            and "team" not in found.metadata.labels
        ),
    )


@pytest.mark.parametrize("scope", ["Namespace", "Cluster"])
async def test_a_model_is_created_for_an_image_where_the_runtime_config_says(home: Home, scope: str):
    creation = {"creationScope": scope, "autoDiscovery": False}
    await home.world.have(AIM_RUNTIME_CONFIG, "default", home.namespace, model=creation)
    await home.service(
        model={"image": home.image}, imagePullSecrets=[{"name": "registry"}], serviceAccountName="puller"
    )
    service = await home.becomes("Degraded", "TemplateNotFound")
    created = service.status.resolved_image
    assert re.fullmatch(f"{home.namespace}-v1-[0-9a-f]{{8}}", created.name)
    kind = AIM_MODEL if scope == "Namespace" else AIM_CLUSTER_MODEL
    model = await home.world.get(kind, created.name, created.namespace or "")
    assert created.scope == scope
    assert model.spec.image == home.image
    assert not model.spec.discovery.enabled
    assert model.metadata.labels["aim.silogen.ai/auto-created"] == "true"
    assert not model.metadata.owner_references
    inherited = ["registry"], "puller"
    assert ([ref.name for ref in model.spec.image_pull_secrets], model.spec.service_account_name) == (
        inherited if scope == "Namespace" else ([], None)
    )
    await home.world.delete(AIM_SERVICE, "chat", home.namespace)
    await home.world.delete(kind, created.name, created.namespace or "")


async def test_a_template_that_is_made_anew_is_taken_up_under_its_new_uid(home: Home):
    await home.model()
    await home.template()
    await home.service(templateRef="fast")
    before = await home.runs()
    await home.world.delete(AIM_SERVICE_TEMPLATE, "fast", home.namespace)
    await home.becomes("Degraded", "TemplateNotFound")
    await home.template(modelSources=[*SOURCES, {"name": "tokenizer", "sourceURI": "hf://org/tokenizer"}])
    after = await home.runs()
    assert after.status.resolved_template.uid != before.status.resolved_template.uid


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        pytest.param(AIM_MODEL, "llama", "ModelNotFound", id="model"),
        pytest.param(AIM_SERVICE_TEMPLATE, "fast", "TemplateNotFound", id="template"),
        pytest.param(AIM_RUNTIME_CONFIG, "ours", "RuntimeConfigMissing", id="runtime-config"),
    ],
)
async def test_a_service_keeps_its_inference_service_when_its_inputs_go(
    home: Home, kind: Kind[Any], name: str, reason: str
):
    await home.model()
    await home.template()
    await home.world.have(AIM_RUNTIME_CONFIG, "ours", home.namespace)
    await home.service(runtimeConfigName="ours", templateRef="fast", routing={"enabled": True, "gatewayRef": GATEWAY})
    await home.runs()
    before = await home.inference_service()
    route = await home.route()
    await home.world.delete(kind, name, home.namespace)
    await home.becomes("Degraded", reason, Resolved=("False", reason))
    after = await home.inference_service()
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["spec"] == before["spec"]
    assert (await home.route())["metadata"]["uid"] == route["metadata"]["uid"]


async def test_a_service_that_is_deleted_takes_what_it_made_along(home: Home):
    await home.model()
    await home.template()
    await home.routed()
    await home.runs()
    await home.world.delete(AIM_SERVICE, "chat", home.namespace)
    await home.loses(INFERENCE_SERVICES, "chat")
    await home.loses(HTTPROUTES, "chat")


async def test_events_tell_each_transition_once(home: Home):
    await home.model()
    await home.template()
    await home.service(runtimeConfigName="ours")
    await home.becomes("Degraded", "RuntimeConfigMissing")
    await home.service(runtimeConfigName="ours", annotations={"touched": "once"}, env=[{"name": "A", "value": "1"}])
    await home.becomes("Degraded", "RuntimeConfigMissing")
    await home.world.have(AIM_RUNTIME_CONFIG, "ours", home.namespace)
    await home.runs()
    await home.service(runtimeConfigName="ours", env=[{"name": "A", "value": "2"}])
    await home.runs()

    async def told() -> list[tuple[str, str]]:
        events = await home.world.events(home.namespace, "chat")
        return sorted((event.reason, event.type) for event in events)

    expected = [
        ("InferenceServiceCreated", "Normal"),
        ("InferenceServiceUpdated", "Normal"),
        ("RuntimeConfigMissing", "Warning"),
        ("RuntimeConfigResolved", "Normal"),
        ("TemplateResolved", "Normal"),
    ]
    await becomes_equal(told, expected)
    assert not [event for event in await home.world.events(home.namespace, "chat") if event.series]


async def test_the_default_runtime_config_is_missed_once_and_done_without(home: Home):
    await home.model()
    await home.template()
    await home.service()
    service = await home.runs()
    assert service.status.resolved_runtime_config is None
    await home.service(env=[{"name": "A", "value": "1"}])
    await home.runs()

    async def told() -> list[str]:
        events = await home.world.events(home.namespace, "chat")
        return sorted(event.reason for event in events if "RuntimeConfig" in event.reason)

    await becomes_equal(told, ["DefaultRuntimeConfigNotFound"])
    await home.world.have(AIM_RUNTIME_CONFIG, "default", home.namespace)
    await home.world.until(AIM_SERVICE, "chat", home.namespace, lambda s: s.status.resolved_runtime_config is not None)

    await becomes_equal(told, ["DefaultRuntimeConfigNotFound", "RuntimeConfigResolved"])
    await home.runs()
