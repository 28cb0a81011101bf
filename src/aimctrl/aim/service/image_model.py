"""The model that is created for a service that names only an image (SPEC §5, Resolution 2)."""

from typing import Any

from aimctrl.aim.merging import propagated_labels
from aimctrl.aim.naming import AUTO_CREATED, model_name
from aimctrl.aim.resolution import ConfigOutcome, config_spec
from aimctrl.api.common import Scope
from aimctrl.api.config import ModelCreation
from aimctrl.api.kinds import AIM_CLUSTER_MODEL, AIM_MODEL
from aimctrl.api.service import AIMService
from aimctrl.kube.lookup import Found
from aimctrl.runtime.plan import Child


def image_model(service: AIMService, image: str, config: ConfigOutcome) -> Child:
    """The model for the image, without an owner: it outlives the service, and serves others with that image.

    A cluster model takes nothing from the service's namespace.
    """
    defaults = config_spec(config)
    creation = defaults.model or ModelCreation()
    labels = propagated_labels(service.metadata.labels, defaults.label_propagation)
    everywhere = creation.creation_scope is Scope.CLUSTER
    kind = AIM_CLUSTER_MODEL if everywhere else AIM_MODEL
    metadata: dict[str, Any] = {"name": model_name(image), "labels": {**labels, AUTO_CREATED: "true"}}
    spec: dict[str, Any] = {"image": image, "discovery": {"enabled": creation.auto_discovery}}
    if not everywhere:
        metadata["namespace"] = service.metadata.namespace
        spec |= _inherited(service)
    elif service.spec.runtime_config_name and _is_of_cluster(config):
        spec["runtimeConfigName"] = service.spec.runtime_config_name
    manifest = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": spec}
    return Child(kind, manifest, mode="create")


def _is_of_cluster(config: ConfigOutcome) -> bool:
    return isinstance(config, Found) and config.value.reference.scope is Scope.CLUSTER


def _inherited(service: AIMService) -> dict[str, Any]:
    spec = service.spec
    given = {
        "runtimeConfigName": spec.runtime_config_name,
        "imagePullSecrets": [secret.wire() for secret in spec.image_pull_secrets],
        "serviceAccountName": spec.service_account_name,
    }
    return {name: value for name, value in given.items() if value}
