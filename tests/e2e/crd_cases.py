"""Good and bad objects of all AIM kinds, and changes that are allowed or not (SPEC §1)."""

from dataclasses import dataclass, field
from typing import Any

from aimctrl.api import kinds
from aimctrl.kube.kinds import Kind

LONG = "x" * 64
SOURCE = {"name": "weights", "sourceURI": "hf://org/model", "size": "16Gi"}
ENV = [
    {"name": "PLAIN", "value": "a"},
    {"name": "EMPTY", "value": ""},
    {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "creds", "key": "token", "optional": True}}},
]
RESOURCES = {
    "limits": {"cpu": "8", "memory": "64Gi", "amd.com/gpu": 2},
    "requests": {"cpu": 0, "memory": "1.5e3", "ephemeral-storage": ".5Gi", "example.com/thing": "100m"},
}
ROUTING = {
    "enabled": True,
    "gatewayRef": {
        "name": "inference",
        "namespace": "gateways",
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "sectionName": "https",
        "port": 443,
    },
    "routeTemplate": "/{.metadata.namespace}/{.metadata.labels['team']}/{.spec.model}/",
    "annotations": {"example.com/key": "value"},
    "requestTimeout": "1h30m",
}
WHOLE_TEMPLATE = {
    "modelName": "llama",
    "runtimeConfigName": "ml-research",
    "metric": "throughput",
    "precision": "fp8",
    "gpuSelector": {"count": 2, "model": "MI300X", "resourceName": "amd.com/gpu"},
    "imagePullSecrets": [{"name": "registry"}],
    "serviceAccountName": "runner",
    "resources": RESOURCES,
    "modelSources": [SOURCE, {"name": "tokenizer", "sourceURI": "s3://bucket/key"}],
    "profileId": "vllm-mi300x-fp8-tp2-throughput",
}
WHOLE_MODEL = {
    "image": "ghcr.io/example/llama-3.1-8b-instruct:v1.2.0",
    "defaultServiceTemplate": "llama-3-8b-latency",
    "runtimeConfigName": "platform-default",
    "discovery": {"enabled": True, "autoCreateTemplates": False},
    "imagePullSecrets": [{"name": "registry"}],
    "serviceAccountName": "runner",
    "resources": RESOURCES,
}
WHOLE_SERVICE = {
    "model": {"ref": "llama"},
    "templateRef": "llama-latency",
    "template": {"allowUnoptimized": False},
    "overrides": {"metric": "latency", "precision": "auto", "gpuSelector": {"count": 4}},
    "runtimeConfigName": "default",
    "resources": RESOURCES,
    "minReplicas": 1,
    "maxReplicas": 4,
    "autoScaling": {"metrics": [{"type": "External", "external": {"target": {"value": "1"}}}]},
    "env": ENV,
    "imagePullSecrets": [{"name": "registry"}],
    "serviceAccountName": "runner",
    "cacheModel": True,
    "routing": ROUTING,
}
CLUSTER_CONFIG = {
    "defaultStorageClassName": "fast",
    "routing": ROUTING,
    "model": {"autoDiscovery": False, "creationScope": "Cluster"},
    "pvcHeadroomPercent": 0,
    "labelPropagation": {"enabled": True, "match": ["team", "cost.example.com/*"]},
    "templateSelection": "Preferred",
    "env": ENV,
}


@dataclass(frozen=True)
class Good:
    """An object that is accepted and reads as it was written."""

    id: str
    kind: Kind[Any]
    spec: dict[str, Any]
    name: str = "good"


@dataclass(frozen=True)
class Bad:
    """An object that is refused, with an answer that holds each of `says`."""

    id: str
    kind: Kind[Any]
    spec: dict[str, Any]
    says: str
    also: str = ""
    name: str = "bad"


@dataclass(frozen=True)
class Change:
    """A merge patch of an object's spec; refused with an answer that holds `says`, or allowed where it is empty."""

    id: str
    kind: Kind[Any]
    before: dict[str, Any]
    patch: dict[str, Any]
    says: str = ""
    also: str = field(default="")


MODEL, CLUSTER_MODEL, IMAGE, CLUSTER_IMAGE = (
    kinds.AIM_MODEL,
    kinds.AIM_CLUSTER_MODEL,
    kinds.AIM_IMAGE,
    kinds.AIM_CLUSTER_IMAGE,
)
TEMPLATE, CLUSTER_TEMPLATE, SERVICE = (
    kinds.AIM_SERVICE_TEMPLATE,
    kinds.AIM_CLUSTER_SERVICE_TEMPLATE,
    kinds.AIM_SERVICE,
)
CONFIG, CLUSTER_CONFIG_KIND = kinds.AIM_RUNTIME_CONFIG, kinds.AIM_CLUSTER_RUNTIME_CONFIG
TEMPLATE_CACHE, MODEL_CACHE = kinds.AIM_TEMPLATE_CACHE, kinds.AIM_MODEL_CACHE

NAMESPACE_FIELDS = {"serviceAccountName": "runner", "imagePullSecrets": [{"name": "registry"}]}

GOOD = (
    Good("model with all fields", MODEL, WHOLE_MODEL),
    Good("model with an image only", MODEL, {"image": "i"}),
    Good("model with a name of 63", MODEL, {"image": "i"}, name="m" * 63),
    Good("model with dots in its name", MODEL, {"image": "i"}, name="llama-3.1-8b"),
    Good("cluster model", CLUSTER_MODEL, WHOLE_MODEL),
    Good("image", IMAGE, WHOLE_MODEL),
    Good("cluster image", CLUSTER_IMAGE, WHOLE_MODEL),
    Good("template with all fields", TEMPLATE, WHOLE_TEMPLATE | {"env": ENV, "caching": {"enabled": True}}),
    Good("template by modelName", TEMPLATE, {"modelName": "m"}),
    Good("template by aimImageName", TEMPLATE, {"aimImageName": "m"}),
    Good("cluster template with all fields", CLUSTER_TEMPLATE, WHOLE_TEMPLATE),
    Good("cluster template with empty env", CLUSTER_TEMPLATE, {"modelName": "m", "env": []}),
    Good("service with all fields", SERVICE, WHOLE_SERVICE),
    Good("service by reference", SERVICE, {"model": {"ref": "m"}}),
    Good("service by image", SERVICE, {"model": {"image": "registry.example.com:5000/a/b@sha256:ab"}}),
    Good("service by aimImageName", SERVICE, {"aimImageName": "m"}),
    Good("service with a name of 63", SERVICE, {"aimImageName": "m"}, name="s" * 63),
    Good("service at rest", SERVICE, {"aimImageName": "m", "replicas": 0}),
    Good("service with pathTemplate", SERVICE, {"aimImageName": "m", "routing": {"pathTemplate": "/a"}}),
    Good("runtime config", CONFIG, CLUSTER_CONFIG | NAMESPACE_FIELDS),
    Good("runtime config with nothing", CONFIG, {}, name="default"),
    Good("cluster runtime config", CLUSTER_CONFIG_KIND, CLUSTER_CONFIG),
    Good(
        "template cache",
        TEMPLATE_CACHE,
        {
            "templateRef": "llama",
            "env": ENV,
            "imagePullSecrets": [{"name": "registry"}],
            "storageClassName": "fast",
            "downloadImage": "example.com/download:1",
            "modelSources": [SOURCE],
            "runtimeConfigName": "ml",
        },
    ),
    Good(
        "model cache",
        MODEL_CACHE,
        {
            "sourceURI": "s3://bucket/key",
            "size": 17179869184,
            "storageClassName": "fast",
            "env": ENV,
            "modelDownloadImage": "example.com/download:1",
            "imagePullSecrets": [{"name": "registry"}],
            "runtimeConfigName": "ml",
        },
    ),
    Good("model cache with a name of 48", MODEL_CACHE, {"sourceURI": "hf://a", "size": "1Gi"}, name="c" * 48),
)


def template(**spec: Any) -> dict[str, Any]:
    return {"modelName": "m", **spec}


def service(**spec: Any) -> dict[str, Any]:
    return {"aimImageName": "m", **spec}


def cache(**spec: Any) -> dict[str, Any]:
    return {"sourceURI": "hf://a", "size": "1Gi", **spec}


BAD = (
    Bad("model without an image", MODEL, {}, "spec.image: Required"),
    Bad("model with an empty image", MODEL, {"image": ""}, "spec.image"),
    Bad("model with a space in its image", MODEL, {"image": "a b"}, "spec.image"),
    Bad("model with a long name", MODEL, {"image": "i"}, "metadata.name", "63", name=LONG),
    Bad("image with a long name", IMAGE, {"image": "i"}, "metadata.name", "63", name=LONG),
    Bad("cluster model with a long name", CLUSTER_MODEL, {"image": "i"}, "metadata.name", name=LONG),
    Bad("cluster image with a long name", CLUSTER_IMAGE, {"image": "i"}, "metadata.name", name=LONG),
    Bad("model with a field of nobody", MODEL, {"image": "i", "imge": "i"}, "spec.imge", "unknown field"),
    Bad("model with a bad quantity", MODEL, {"image": "i", "resources": {"limits": {"cpu": "1 core"}}}, "spec.resources.limits.cpu"),
    Bad("model with a negative quantity", MODEL, {"image": "i", "resources": {"requests": {"cpu": -1}}}, "spec.resources.requests.cpu"),
    Bad("model with a negative quantity in text", MODEL, {"image": "i", "resources": {"requests": {"cpu": "-1"}}}, "spec.resources.requests.cpu"),
    Bad("model with a fractional number for a quantity", MODEL, {"image": "i", "resources": {"requests": {"cpu": 0.5}}}, "spec.resources.requests.cpu"),
    Bad("image with one pull secret twice", IMAGE, {"image": "i", "imagePullSecrets": [{"name": "a"}, {"name": "a"}]}, "spec.imagePullSecrets[1]", "Duplicate"),
    Bad("cluster image with a nameless pull secret", CLUSTER_IMAGE, {"image": "i", "imagePullSecrets": [{}]}, "spec.imagePullSecrets[0].name"),
    Bad("template without a model", TEMPLATE, {"metric": "latency"}, "spec.modelName", "exactly one of modelName and aimImageName"),
    Bad("template with two models", TEMPLATE, {"modelName": "a", "aimImageName": "b"}, "spec.modelName", "exactly one"),
    Bad("template with an empty model name", TEMPLATE, {"modelName": ""}, "spec.modelName"),
    Bad("template with a long model name", TEMPLATE, {"modelName": LONG}, "spec.modelName", "63"),
    Bad("template with an unknown metric", TEMPLATE, template(metric="speed"), "spec.metric", "latency"),
    Bad("template with a metric in capitals", TEMPLATE, template(metric="Latency"), "spec.metric"),
    Bad("template with an unknown precision", TEMPLATE, template(precision="fp64"), "spec.precision", "bf16"),
    Bad("template with no GPUs", TEMPLATE, template(gpuSelector={"count": 0}), "spec.gpuSelector.count"),
    Bad("template with a resource that is none", TEMPLATE, template(gpuSelector={"resourceName": "gpu"}), "spec.gpuSelector.resourceName"),
    Bad("template with a source of another scheme", TEMPLATE, template(modelSources=[SOURCE | {"sourceURI": "https://a"}]), "spec.modelSources[0].sourceURI"),
    Bad("template with a source that has only a scheme", TEMPLATE, template(modelSources=[SOURCE | {"sourceURI": "hf://"}]), "spec.modelSources[0].sourceURI"),
    Bad("template with a space in a source", TEMPLATE, template(modelSources=[SOURCE | {"sourceURI": "hf://a b"}]), "spec.modelSources[0].sourceURI"),
    Bad("template with a bad size", TEMPLATE, template(modelSources=[SOURCE | {"size": "16 GB"}]), "spec.modelSources[0].size"),
    Bad("template with one source twice", TEMPLATE, template(modelSources=[SOURCE, SOURCE]), "spec.modelSources[1]", "Duplicate"),
    Bad("template with one variable twice", TEMPLATE, template(env=[{"name": "A"}, {"name": "A"}]), "spec.env[1]", "Duplicate"),
    Bad("template with two values of a variable", TEMPLATE, template(env=[{"name": "A", "value": "a", "valueFrom": {}}]), "spec.env[0].valueFrom"),
    Bad("template with a long name", TEMPLATE, template(), "metadata.name", "63", name=LONG),
    Bad("cluster template with caching", CLUSTER_TEMPLATE, template(caching={"enabled": True}), "spec.caching: Forbidden"),
    Bad("cluster template with caching off", CLUSTER_TEMPLATE, template(caching={"enabled": False}), "spec.caching: Forbidden"),
    Bad("cluster template with env", CLUSTER_TEMPLATE, template(env=ENV), "spec.env: Forbidden"),
    Bad("cluster template with two models", CLUSTER_TEMPLATE, {"modelName": "a", "aimImageName": "b"}, "spec.modelName"),
    Bad("cluster template with a long name", CLUSTER_TEMPLATE, template(), "metadata.name", "63", name=LONG),
    Bad("service without a model", SERVICE, {}, "spec.model", "exactly one of model and aimImageName"),
    Bad("service with an empty model", SERVICE, {"model": {}}, "spec.model.ref", "exactly one of ref and image"),
    Bad("service with a model in two ways", SERVICE, {"model": {"ref": "a", "image": "b"}}, "spec.model.ref"),
    Bad("service with a model in both vocabularies", SERVICE, service(model={"ref": "a"}), "spec.model"),
    Bad("service with a digit at the start of its name", SERVICE, service(), "metadata.name", "letter", name="9lives"),
    Bad("service with a dot in its name", SERVICE, service(), "metadata.name", name="a.b"),
    Bad("service with a long name", SERVICE, service(), "metadata.name", "63", name=LONG),
    Bad("service with negative replicas", SERVICE, service(replicas=-1), "spec.replicas"),
    Bad("service with more replicas at least than at most", SERVICE, service(minReplicas=3, maxReplicas=2), "spec.minReplicas", "maxReplicas"),
    Bad("service with at most no replicas", SERVICE, service(maxReplicas=0), "spec.maxReplicas"),
    Bad("service with an unknown metric in overrides", SERVICE, service(overrides={"metric": "speed"}), "spec.overrides.metric"),
    Bad("service with no GPUs in overrides", SERVICE, service(overrides={"gpuSelector": {"count": 0}}), "spec.overrides.gpuSelector.count"),
    Bad("service with two route templates", SERVICE, service(routing={"routeTemplate": "/a", "pathTemplate": "/b"}), "spec.routing.pathTemplate"),
    Bad("service with a timeout without a unit", SERVICE, service(routing={"requestTimeout": "30"}), "spec.routing.requestTimeout"),
    Bad("service with a fractional timeout", SERVICE, service(routing={"requestTimeout": "1.5s"}), "spec.routing.requestTimeout"),
    Bad("service with a gateway without a name", SERVICE, service(routing={"gatewayRef": {}}), "spec.routing.gatewayRef.name"),
    Bad("service with a port out of range", SERVICE, service(routing={"gatewayRef": {"name": "g", "port": 65536}}), "spec.routing.gatewayRef.port"),
    Bad("service with a template of the wrong type", SERVICE, service(templateRef={"name": "t"}), "spec.templateRef"),
    Bad("runtime config with an unknown selection", CONFIG, {"templateSelection": "Any"}, "spec.templateSelection", "Preferred"),
    Bad("runtime config with an unknown scope", CONFIG, {"model": {"creationScope": "cluster"}}, "spec.model.creationScope"),
    Bad("runtime config with negative headroom", CONFIG, {"pvcHeadroomPercent": -1}, "spec.pvcHeadroomPercent"),
    Bad("runtime config with one label twice", CONFIG, {"labelPropagation": {"match": ["a", "a"]}}, "spec.labelPropagation.match[1]", "Duplicate"),
    Bad("runtime config with a bad timeout", CONFIG, {"routing": {"requestTimeout": "soon"}}, "spec.routing.requestTimeout"),
    Bad("cluster runtime config with pull secrets", CLUSTER_CONFIG_KIND, {"imagePullSecrets": [{"name": "a"}]}, "spec.imagePullSecrets: Forbidden"),
    Bad("cluster runtime config with a service account", CLUSTER_CONFIG_KIND, {"serviceAccountName": "a"}, "spec.serviceAccountName: Forbidden"),
    Bad("template cache without a template", TEMPLATE_CACHE, {}, "spec.templateRef: Required"),
    Bad("template cache with an empty template", TEMPLATE_CACHE, {"templateRef": ""}, "spec.templateRef"),
    Bad("template cache with a bad source", TEMPLATE_CACHE, {"templateRef": "t", "modelSources": [SOURCE | {"sourceURI": "a"}]}, "spec.modelSources[0].sourceURI"),
    Bad("model cache without a source", MODEL_CACHE, {"size": "1Gi"}, "spec.sourceURI: Required"),
    Bad("model cache without a size", MODEL_CACHE, {"sourceURI": "hf://a"}, "spec.size: Required"),
    Bad("model cache with a source of another scheme", MODEL_CACHE, cache(sourceURI="file:///etc/passwd"), "spec.sourceURI"),
    Bad("model cache with a bad size", MODEL_CACHE, cache(size="much"), "spec.size"),
    Bad("model cache with a negative size", MODEL_CACHE, cache(size="-1Gi"), "spec.size"),
    Bad("model cache with a long name", MODEL_CACHE, cache(), "metadata.name", "48", name="x" * 49),
)  # fmt: skip

IMMUTABLE = (
    ("modelName", "m", "other"),
    ("metric", "latency", "throughput"),
    ("precision", "fp8", "fp16"),
    ("gpuSelector", {"count": 1, "model": "MI300X"}, {"count": 2}),
)
"""Fields of a template, a value, and another."""

TEMPLATE_CHANGES = tuple(
    Change(f"{kind.name}: {name} {what}", kind, before, patch, f"spec.{name}: Forbidden", f"{name} is immutable")
    for kind in (TEMPLATE, CLUSTER_TEMPLATE)
    for name, one, other in IMMUTABLE
    for what, before, patch in (
        ("changed", {"modelName": "m", name: one}, {name: other}),
        ("taken away", {"modelName": "m", name: one}, {name: None}),
        ("set later", {"modelName": "m"}, {name: one}),
    )
    if not (name == "modelName" and what == "set later")
)

CHANGES = (
    *TEMPLATE_CHANGES,
    Change("template: the model set later in the other field", TEMPLATE, {"modelName": "m"}, {"modelName": None, "aimImageName": "m"}, "spec.aimImageName: Forbidden", "spec.modelName: Forbidden"),
    Change("template: aimImageName changed", TEMPLATE, {"aimImageName": "m"}, {"aimImageName": "n"}, "spec.aimImageName: Forbidden"),
    Change("template: one GPU field taken away", TEMPLATE, template(gpuSelector={"count": 1, "model": "a"}), {"gpuSelector": {"model": None}}, "spec.gpuSelector: Forbidden"),
    Change("template: one GPU field set later", TEMPLATE, template(gpuSelector={"count": 1}), {"gpuSelector": {"resourceName": "amd.com/gpu"}}, "spec.gpuSelector: Forbidden"),
    Change("template: an empty selector set later", TEMPLATE, template(), {"gpuSelector": {}}, "spec.gpuSelector: Forbidden"),
    Change("model cache: sourceURI changed", MODEL_CACHE, cache(), {"sourceURI": "hf://b"}, "spec.sourceURI: Forbidden"),
    Change("template: env, caching, sources and secrets change", TEMPLATE, template(metric="latency"), {"env": ENV, "caching": {"enabled": True}, "modelSources": [SOURCE], "imagePullSecrets": [{"name": "a"}], "runtimeConfigName": "x", "resources": RESOURCES, "profileId": "p", "serviceAccountName": "a"}),
    Change("template: the same again", TEMPLATE, template(gpuSelector={"count": 1}), {"modelName": "m", "gpuSelector": {"count": 1}}),
    Change("model: the image changes", MODEL, {"image": "i:1"}, {"image": "i:2"}),
    Change("service: the model moves to the other vocabulary", SERVICE, {"aimImageName": "m"}, {"aimImageName": None, "model": {"ref": "m"}}),
    Change("model cache: the size changes", MODEL_CACHE, cache(), {"size": "2Gi"}),
)  # fmt: skip
