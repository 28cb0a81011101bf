"""A crowd of AIM objects in every state that lasts: what an operator has nothing left to do about once it has seen it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aimctrl.api.kinds import (
    AIM_CLUSTER_IMAGE,
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
from aimctrl.kube.external import INFERENCE_SERVICES
from aimctrl.kube.kinds import Kind
from aimctrl.sandbox.script import ImageScript, Scripts
from support.registry import LABELS, FakeRegistry, config_blob

HERE, GONE = "MI300X", "MI355X"
"""A GPU model that the nodes of the crowd's cluster have, and one that no node has."""

PEERS, CLUSTER_WIDE = 10, 12
"""Models with a template and a service each: in every namespace, and in the cluster for services of all of them."""

BASE: dict[str, Any] = {"metric": "latency", "precision": "fp16", "gpuSelector": {"count": 1, "model": HERE}}
QUIETLY: dict[str, Any] = {"model": {"autoDiscovery": False}}
"""No registry is asked, again and again, about images that are nowhere."""

FASTER: dict[str, Any] = {"overrides": {"metric": "throughput"}}

_DEPLOYMENT = "{'gpuModel': '%s', 'gpuCount': 1, 'metric': 'latency', 'precision': 'fp8'}"


@dataclass(frozen=True, slots=True)
class Member:
    """One object, and how it ends: its state and the reason of its condition Ready, each `""` where that is open."""

    kind: Kind[Any]
    name: str
    namespace: str = ""
    spec: dict[str, Any] = field(default_factory=dict[str, Any])
    state: str = ""
    reason: str = ""
    labels: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def manifest(self) -> dict[str, Any]:
        """What users apply."""
        metadata = {"name": self.name, "labels": self.labels}
        if self.namespace:
            metadata["namespace"] = self.namespace
        return {"metadata": metadata, "spec": self.spec}


def script_the_crowd(scripts: Scripts, registry: FakeRegistry) -> None:
    """Have images and registry behave as the crowd expects."""
    scripts.set("*/mute:*", ImageScript(log="no result"))
    scripts.set("*/refused:*", ImageScript(log="401 Unauthorized\n", exit_code=1))
    scripts.set("*/absent:*", ImageScript(pull_error="not-found"))
    scripts.set("*/crashing:*", ImageScript(serving="failed"))
    scripts.set("*/loading:*", ImageScript(serving="loading"))
    deployments = ", ".join(_DEPLOYMENT % gpu for gpu in (HERE, GONE))
    registry.push(config_blob(LABELS | {"org.amd.silogen.model.recommendedDeployments": deployments}))


def crowd(namespaces: tuple[str, ...], registry: FakeRegistry) -> Iterator[Member]:
    """The objects that users apply, in their order; the operator makes as many more as there are namespaces times 14."""
    yield Member(AIM_CLUSTER_RUNTIME_CONFIG, "default", spec={"defaultStorageClassName": "shared", **QUIETLY})
    yield Member(AIM_CLUSTER_RUNTIME_CONFIG, "unused", spec={"pvcHeadroomPercent": 20})
    for number in range(CLUSTER_WIDE):
        kind, name = (AIM_CLUSTER_MODEL, AIM_CLUSTER_IMAGE)[number % 2], f"common-{number}"
        yield Member(kind, name, spec={"image": f"registry.test/{name}:v1"}, state="Ready")
        spec = {"modelName": name, **_inline(name), **BASE}
        yield Member(AIM_CLUSTER_SERVICE_TEMPLATE, name, spec=spec, state="Ready")
    yield Member(AIM_CLUSTER_MODEL, "inspected", spec=_inspected(registry.image), state="Ready")
    yield Member(AIM_CLUSTER_SERVICE_TEMPLATE, "discovered", spec={"modelName": "inspected"}, state="Ready")
    orphan = {"modelName": "nobody", **_inline("x")}
    yield Member(AIM_CLUSTER_SERVICE_TEMPLATE, "orphan", spec=orphan, state="Degraded", reason="ModelNotFound")
    for number, namespace in enumerate(namespaces):
        yield from Team(namespace, registry.image, configured=number % 4 != 3).members()


@dataclass(frozen=True)
class Team:
    """What lives in one namespace; one that is not `configured` has no runtime config named default of its own."""

    namespace: str
    inspected: str
    configured: bool

    def members(self) -> Iterator[Member]:
        """All of it, what others refer to not always first."""
        yield from self._configs()
        for number in range(PEERS):
            yield from self._peer(number)
        for part in (self._in_common, self._selection, self._derived, self._routes, self._images, self._caches):
            yield from part()
        yield from self._broken()

    def _configs(self) -> Iterator[Member]:
        settings: dict[str, Any] = {
            "defaultStorageClassName": "shared",
            "routing": {"gatewayRef": {"name": "gateway", "namespace": "gateways"}},
            **QUIETLY,
            "labelPropagation": {"enabled": True, "match": ["team", "cost/*"]},
            "env": [{"name": "PROXY", "value": "http://proxy.test"}, {"name": "HOME", "value": "/tmp"}],
        }
        if self.configured:
            yield self._one(AIM_RUNTIME_CONFIG, "default", settings)
        yield self._one(AIM_RUNTIME_CONFIG, "team", settings | {"imagePullSecrets": [{"name": "b"}, {"name": "a"}]})

    def _peer(self, number: int) -> Iterator[Member]:
        """A model, image by turns, with a template and a service that runs it in a way of its own."""
        name = f"peer-{number}"
        older = number % 2 == 1
        yield self._model(name, kind=AIM_IMAGE if older else AIM_MODEL)
        yield self._template(name, **({"aimImageName": name} if older else {"modelName": name}))
        spec: dict[str, Any] = {"aimImageName": name} if older else {"model": {"ref": name}}
        ways: tuple[dict[str, Any], ...] = (
            {},
            {"routing": {"enabled": True, "gatewayRef": {"name": "gateway"}, "annotations": {"b": "1", "a": "2"}}},
            {"replicas": 3, "env": [{"name": "B", "value": "1"}, {"name": "A", "value": "2"}]},
            {"minReplicas": 1, "maxReplicas": 4, "autoScaling": {"metrics": [{"type": "PodMetric"}]}},
            {"runtimeConfigName": "team", "resources": {"requests": {"cpu": "2", "memory": "1024Mi"}}},
        )
        yield self._service(name, "Running", **spec, **ways[number % len(ways)])

    def _in_common(self) -> Iterator[Member]:
        for number in range(CLUSTER_WIDE):
            spec = {"model": {"ref": f"common-{number}"}}
            yield self._service(f"common-{number}", "Running", **spec)

    def _selection(self) -> Iterator[Member]:
        """Services that find several templates or models, none, or the wrong one."""
        yield self._model("torn")
        for metric in ("throughput", "latency"):
            yield self._template(f"torn-{metric}", modelName="torn", **{**BASE, "metric": metric})
        yield self._service("torn", "Failed", "TemplateSelectionAmbiguous", model={"ref": "torn"})
        yield self._service("chosen", "Running", model={"ref": "torn"}, templateRef="torn-latency")
        yield self._service(
            "mistaken", "Degraded", "TemplateModelMismatch", model={"ref": "torn"}, templateRef="peer-0"
        )
        yield self._service("hopeful", "Degraded", "TemplateNotFound", model={"ref": "torn"}, templateRef="none")
        for name in ("twin-b", "twin-a"):
            yield self._model(name, image=f"registry.test/{self.namespace}/twin:v1")
        image = {"image": f"registry.test/{self.namespace}/twin:v1"}
        yield self._service("twins", "Failed", "MultipleModelsFound", model=image)
        yield self._model("bare")
        yield self._service("bare", "Degraded", "TemplateNotFound", model={"ref": "bare"})
        for name in ("direct-a", "direct-b"):
            image = {"image": f"registry.test/{self.namespace}/direct:v1"}
            yield self._service(name, model=image)

    def _derived(self) -> Iterator[Member]:
        """Services that share a derived template, and one whose derived template waits for a GPU."""
        yield self._model("base")
        yield self._template("base", modelName="base", **BASE)
        for name in ("derived-b", "derived-a"):
            yield self._service(name, "Running", model={"ref": "base"}, templateRef="base", **FASTER)
        other = {"overrides": {"gpuSelector": {"model": GONE}}}
        spec = {"model": {"ref": "base"}, "templateRef": "base", **other}
        yield self._service("derived-waits", "Starting", "TemplateNotAvailable", **spec)

    def _routes(self) -> Iterator[Member]:
        gateway = {"enabled": True, "gatewayRef": {"name": "gateway"}}
        same = {**gateway, "routeTemplate": f"/{self.namespace}/{{.spec.model}}"}
        for name, state, reason in (("road-1", "Running", ""), ("road-2", "Degraded", "RoutePathConflict")):
            yield self._service(name, state, reason, model={"ref": "peer-0"}, templateRef="peer-0", routing=same)
        lost = {**gateway, "pathTemplate": "/{.metadata.labels.nothing}"}
        spec = {"model": {"ref": "peer-0"}, "templateRef": "peer-0", "routing": lost}
        yield self._service("road-lost", "Degraded", "RouteTemplateInvalid", **spec)

    def _images(self) -> Iterator[Member]:
        """Models that are inspected: one whose image recommends templates, one whose image is not there."""
        yield self._model("inspected", **_inspected(self.inspected))
        yield self._model("mistyped", "Failed", "ImageNotFound", **_inspected(f"{self.inspected}.1"))
        yield self._model("unset", "Degraded", "RuntimeConfigMissing", runtimeConfigName="none")

    def _caches(self) -> Iterator[Member]:
        yield self._model("cached")
        yield self._template("cached", modelName="cached", caching={"enabled": True}, **BASE)
        yield self._template("stored", modelName="cached", **BASE)
        for name, template in (("cached", "cached"), ("stored", "stored"), ("stored-too", "stored")):
            spec = {"model": {"ref": "cached"}, "templateRef": template, "cacheModel": True}
            yield self._service(name, "Running", **spec)
        alone = {"templateRef": "peer-0", **_inline("cached")}
        yield self._one(AIM_TEMPLATE_CACHE, "alone", alone, "Available")
        yield self._one(AIM_TEMPLATE_CACHE, "astray", {"templateRef": "none"}, "Failed", "TemplateNotFound")
        for name, state, reason, more in (
            ("kept", "Available", "", {}),
            ("homeless", "Failed", "StorageFailed", {"storageClassName": "none"}),
            ("refused", "Failed", "DownloadFailed", {"modelDownloadImage": "registry.test/refused:v1"}),
            ("absent", "Failed", "DownloadFailed", {"modelDownloadImage": "registry.test/absent:v1"}),
        ):
            spec = {"sourceURI": f"hf://org/{name}", "size": "1Gi", **more}
            yield self._one(AIM_MODEL_CACHE, name, spec, state, reason)

    def _broken(self) -> Iterator[Member]:
        """Whatever goes wrong with templates and services, and stays so until somebody mends it."""
        yield self._template("orphan", "Degraded", "ModelNotFound", modelName="nobody")
        yield self._template("misled", "Degraded", "RuntimeConfigMissing", modelName="peer-0", runtimeConfigName="none")
        nowhere = {"gpuSelector": {"count": 2, "model": GONE}}
        yield self._model("waiting")
        yield self._template("waiting", "NotAvailable", "GPUNotAvailable", modelName="waiting", **nowhere)
        yield self._service("waiting", "Starting", "TemplateNotAvailable", model={"ref": "waiting"})
        yield self._model("mute", image=f"registry.test/{self.namespace}/mute:v1")
        mute = {"modelName": "mute", **BASE}
        yield self._one(AIM_SERVICE_TEMPLATE, "mute", mute, "Failed", "DiscoveryFailed")
        yield self._service("mute", "Degraded", "TemplateNotFound", model={"ref": "mute"})
        for name, state, reason in (
            ("crashing", "Failed", "RuntimeFailed"),
            ("loading", "Starting", "CreatingRuntime"),
        ):
            yield self._model(name, image=f"registry.test/{self.namespace}/{name}:v1")
            yield self._template(name, modelName=name)
            yield self._service(name, state, reason, model={"ref": name})
        yield self._service("nobody", "Degraded", "ModelNotFound", model={"ref": "nobody"})
        spec = {"model": {"ref": "peer-0"}, "runtimeConfigName": "none"}
        yield self._service("misled", "Degraded", "RuntimeConfigMissing", **spec)
        yield self._one(INFERENCE_SERVICES, "taken", {"predictor": {"model": {"modelFormat": {"name": "aim"}}}})
        yield self._service("taken", "Degraded", "NameConflict", model={"ref": "peer-0"}, templateRef="peer-0")

    def _one(self, kind: Kind[Any], name: str, spec: dict[str, Any], state: str = "", reason: str = "") -> Member:
        return Member(kind, name, self.namespace, spec, state, reason)

    def _model(
        self, name: str, state: str = "Ready", reason: str = "", *, kind: Kind[Any] = AIM_MODEL, **spec: Any
    ) -> Member:
        image = {"image": f"registry.test/{self.namespace}/{name}:v1"}
        return self._one(kind, name, image | spec, state, reason)

    def _template(self, name: str, state: str = "Ready", reason: str = "", **spec: Any) -> Member:
        """A template that needs no discovery."""
        return self._one(AIM_SERVICE_TEMPLATE, name, _inline(name) | spec, state, reason)

    def _service(self, name: str, state: str = "", reason: str = "", **spec: Any) -> Member:
        labels = {"team": self.namespace, "cost/center": "7", "other": "x"}
        return Member(AIM_SERVICE, name, self.namespace, spec, state, reason, labels)


def _inline(name: str) -> dict[str, Any]:
    """Two artifacts, the one that sorts last first."""
    parts = ("weights", "tokenizer")
    return {
        "modelSources": [
            {"name": f"{name}/{part}", "sourceURI": f"hf://org/{name}-{part}", "size": "1Gi"} for part in parts
        ]
    }


def _inspected(image: str) -> dict[str, Any]:
    return {"image": image, "discovery": {"enabled": True}}
