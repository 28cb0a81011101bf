"""The InferenceService of a service: KServe's raw deployment of the template's runtime (SPEC §5).

Sources: https://kserve.github.io/website/docs/reference/crd-api (InferenceService, PredictorSpec),
https://kserve.github.io/website/docs/model-serving/generative-inference/autoscaling (KEDA).
"""

from dataclasses import dataclass
from typing import Any

from aimctrl.aim import naming
from aimctrl.aim.gpu import Inventory
from aimctrl.aim.merging import first_set, merge_env, merge_pull_secrets
from aimctrl.aim.profile import json_object
from aimctrl.aim.service.caching import Mount
from aimctrl.aim.service.candidates import Candidate, same_gpu
from aimctrl.aim.service.resources import GPUs, container_resources
from aimctrl.api.common import LocalObjectReference
from aimctrl.api.config import RuntimeConfigSpec
from aimctrl.api.model import ModelSpec
from aimctrl.api.reasons import EventReason
from aimctrl.api.service import AIMService, ServiceSpec
from aimctrl.kube.external import INFERENCE_SERVICES, InferenceService
from aimctrl.kube.names import label_value
from aimctrl.runtime.plan import Child, Note, Target

MODEL_FORMAT = "aim"
"""The model format that the runtimes of templates support."""

METRICS_PORT = "8000"
"""The port on which the serving container exposes its metrics."""

GPU_ANNOTATION = "aim.silogen.ai/gpu-model"
"""On an InferenceService: the GPU model that its node affinity was made for."""

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_KSERVE = "serving.kserve.io"


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What an InferenceService is made of; `live` is the one there is, `mounts` are the cached artifacts."""

    service: AIMService
    template: Candidate
    model: ModelSpec
    config: RuntimeConfigSpec
    inventory: Inventory
    live: InferenceService | None = None
    mounts: tuple[Mount, ...] = ()


def service_name(service: AIMService) -> str:
    """The name of the service's InferenceService."""
    return naming.inference_service_name(service.metadata.name, service.metadata.namespace)


def inference_service(target: Target, parts: Ingredients) -> Child:
    """The InferenceService as it should be."""
    kind, name = INFERENCE_SERVICES, service_name(parts.service)
    metadata = {
        "name": name,
        "namespace": target.meta.namespace,
        "labels": _labels(parts),
        "annotations": _annotations(parts, name),
        "ownerReferences": [target.owner_reference()],
    }
    manifest = {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": metadata,
        "spec": {"predictor": _predictor(parts)},
    }
    created = Note(EventReason.INFERENCE_SERVICE_CREATED, f'InferenceService "{name}" created for {parts.template}')
    changed = Note(EventReason.INFERENCE_SERVICE_UPDATED, f'InferenceService "{name}" updated for {parts.template}')
    return Child(kind, manifest, created=created, changed=changed)


def runtime_of(live: InferenceService) -> str:
    """The name of the template whose runtime an InferenceService runs."""
    runtime = _at(live.spec, "predictor", "model").get("runtime")
    return runtime if isinstance(runtime, str) else ""


def _labels(parts: Ingredients) -> dict[str, str]:
    template, profile = parts.template, parts.template.profile
    own = {
        naming.TEMPLATE: template.name,
        naming.MODEL_ID: template.spec.model_id,
        naming.SERVICE_NAME: parts.service.metadata.name,
        naming.TEMPLATE_METRIC: template.spec.metric or profile.metric,
        naming.TEMPLATE_PRECISION: template.spec.precision or profile.precision,
    }
    told = {key: label_value(value) for key, value in own.items()}
    known = {key: value for key, value in told.items() if value}
    given = {key: value for key, value in parts.service.metadata.labels.items() if key not in own}
    return dict(sorted({**given, **known}.items()))


def _annotations(parts: Ingredients, name: str) -> dict[str, str]:
    given = {key: value for key, value in parts.service.metadata.annotations.items() if key != LAST_APPLIED}
    own = {f"{_KSERVE}/deploymentMode": "RawDeployment", **_scaling_annotations(parts.service.spec, name)}
    gpu = _gpu_model(parts)
    if gpu:
        own[GPU_ANNOTATION] = gpu
    return dict(sorted({**given, **own}.items()))


def _scaling_annotations(spec: ServiceSpec, name: str) -> dict[str, str]:
    if spec.auto_scaling is None:
        # Without the class KServe would make an autoscaler of its own.
        return {f"{_KSERVE}/autoscalerClass": "none"}
    return {
        f"{_KSERVE}/autoscalerClass": "keda",
        "sidecar.opentelemetry.io/inject": f"{name}-predictor",
        "prometheus.kserve.io/port": METRICS_PORT,
    }


def _predictor(parts: Ingredients) -> dict[str, Any]:
    spec, template = parts.service.spec, parts.template.spec
    secrets = merge_pull_secrets(*(_names(level.image_pull_secrets) for level in (spec, template, parts.model)))
    secrets = merge_pull_secrets(secrets, _names(parts.config.image_pull_secrets))
    account = first_set(
        spec.service_account_name,
        template.service_account_name,
        parts.model.service_account_name,
        parts.config.service_account_name,
    )
    predictor: dict[str, Any] = {**_replicas(spec), "model": _model(parts)}
    optional = {
        "serviceAccountName": account,
        "imagePullSecrets": [{"name": name} for name in secrets],
        "affinity": _affinity(parts),
        "volumes": _volumes(parts.mounts),
        "autoScaling": spec.auto_scaling,
    }
    return predictor | {name: value for name, value in optional.items() if value}


def _names(references: tuple[LocalObjectReference, ...]) -> tuple[str, ...]:
    return tuple(reference.name for reference in references)


def _replicas(spec: ServiceSpec) -> dict[str, int]:
    """`replicas` on both ends, where `minReplicas` and `maxReplicas` leave them open; never max below min."""
    least, most = spec.min_replicas, spec.max_replicas
    if least is None:
        least = spec.replicas if most is None else min(spec.replicas, most)
    if most is None:
        most = max(spec.replicas, least)
    return {"minReplicas": least, "maxReplicas": most}


def _model(parts: Ingredients) -> dict[str, Any]:
    spec, template = parts.service.spec, parts.template.spec
    levels = ([entry.wire() for entry in level.env] for level in (spec, template, parts.config))
    env = merge_env(*levels)
    model: dict[str, Any] = {
        "modelFormat": {"name": MODEL_FORMAT},
        "runtime": parts.template.name,
        "resources": container_resources((spec.resources, template.resources, parts.model.resources), _gpus(parts)),
    }
    optional = {"env": [dict(entry) for entry in env], "volumeMounts": _volume_mounts(parts.mounts)}
    return model | {name: value for name, value in optional.items() if value}


def _volumes(mounts: tuple[Mount, ...]) -> list[dict[str, Any]]:
    """One volume for each claim, whose artifact may have several names."""
    claims = {mount.volume: mount.claim for mount in mounts}
    return [{"name": name, "persistentVolumeClaim": {"claimName": claims[name]}} for name in sorted(claims)]


def _volume_mounts(mounts: tuple[Mount, ...]) -> list[dict[str, Any]]:
    return [{"name": mount.volume, "mountPath": mount.path, "readOnly": True} for mount in mounts]


def _gpus(parts: Ingredients) -> GPUs:
    """The GPUs of one replica: as many as discovery found, else as the selector says."""
    selector, profile = parts.template.spec.gpu, parts.template.profile
    resource = selector.resource_name or parts.inventory.vendor_of(selector.model or profile.gpu)
    return GPUs(resource, selector.count if profile.gpu_count is None else profile.gpu_count)


def _gpu_model(parts: Ingredients) -> str:
    """The GPU model to run on: the one asked for, else the one of the profile where the cluster has it."""
    asked, found = parts.template.spec.gpu.model, parts.template.profile.gpu
    return asked or (found if found and parts.inventory.has(found) else "")


def _affinity(parts: Ingredients) -> dict[str, Any]:
    """Node affinity for the GPU model; that of the live InferenceService while the template is the same.

    The label values of nodes come and go; following them would restart Pods that run well where they are.
    """
    gpu = _gpu_model(parts)
    kept = _kept_affinity(parts, gpu)
    if kept:
        return kept
    terms = list(parts.inventory.affinity_terms(gpu)) if gpu else []
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"nodeAffinity": required} if terms else {}


def _kept_affinity(parts: Ingredients, gpu: str) -> dict[str, Any]:
    live = parts.live
    if live is None or runtime_of(live) != parts.template.name:
        return {}
    made_for = live.metadata.annotations.get(GPU_ANNOTATION, "")
    node_affinity = _at(live.spec, "predictor", "affinity", "nodeAffinity")
    return {"nodeAffinity": dict(node_affinity)} if gpu and node_affinity and same_gpu(made_for, gpu) else {}


def _at(value: dict[str, Any], *path: str) -> dict[str, Any]:
    """The object at a path of plain JSON; an empty one where there is none."""
    for name in path:
        value = json_object(value.get(name))
    return value
