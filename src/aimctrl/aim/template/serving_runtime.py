"""The KServe runtime of a Ready template (SPEC §3, last paragraph of the decision order).

Source: https://kserve.github.io/website/docs/reference/crd-api (ServingRuntimeSpec).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aimctrl.aim.naming import MANAGED_BY, MANAGER, TEMPLATE
from aimctrl.kube.external import CLUSTER_SERVING_RUNTIMES, SERVING_RUNTIMES
from aimctrl.kube.names import label_value
from aimctrl.runtime.plan import Child, Target

PORT = 8000
"""The port an AIM container serves HTTP on."""

MODEL_FORMAT = "aim"
"""The model format that ties an InferenceService to these runtimes."""


@dataclass(frozen=True, slots=True)
class RuntimeNeeds:
    """What a runtime is made from: the image, pull secret names, and GPUs under their resource name.

    `profile_env` tells the image which profile to run: the one that discovery looked at, not one of its own choice.
    """

    image: str
    pull_secrets: tuple[str, ...]
    gpu_count: int
    gpu_resource: str
    profile_env: tuple[Mapping[str, str], ...] = ()


def serving_runtime(target: Target, needs: RuntimeNeeds) -> Child:
    """The runtime of the template's own name and scope, owned by it."""
    kind = SERVING_RUNTIMES if target.kind.namespaced else CLUSTER_SERVING_RUNTIMES
    metadata: dict[str, Any] = {
        "name": target.meta.name,
        "labels": {MANAGED_BY: MANAGER, TEMPLATE: label_value(target.meta.name)},
        "ownerReferences": [target.owner_reference()],
    }
    if target.kind.namespaced:
        metadata["namespace"] = target.meta.namespace
    manifest = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": _spec(needs)}
    return Child(kind, manifest)


def _spec(needs: RuntimeNeeds) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "supportedModelFormats": [{"name": MODEL_FORMAT, "version": "1"}],
        "storageHelper": {"disabled": True},
        "containers": [_container(needs)],
        "volumes": [{"name": "dshm", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}}],
    }
    if needs.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in needs.pull_secrets]
    return spec


def _container(needs: RuntimeNeeds) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "kserve-container",
        "image": needs.image,
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "env": [{"name": "VLLM_ENABLE_METRICS", "value": "true"}, *needs.profile_env],
        "volumeMounts": [{"name": "dshm", "mountPath": "/dev/shm"}],  # noqa: S108 - shared memory of the container
    }
    if needs.gpu_count > 0:
        gpus = {needs.gpu_resource: str(needs.gpu_count)}
        container["resources"] = {"requests": gpus, "limits": gpus}
    return container
