"""The templates that are generated for what an image recommends (SPEC §2, autoCreateTemplates); pure."""

from typing import Any

from aimctrl.aim.merging import propagated_labels
from aimctrl.aim.model.observed import Observed
from aimctrl.aim.naming import AUTO_GENERATED, IMAGE, generated_template_name
from aimctrl.aim.resolution import config_spec
from aimctrl.api.kinds import AIM_CLUSTER_IMAGE, AIM_CLUSTER_SERVICE_TEMPLATE, AIM_IMAGE, AIM_SERVICE_TEMPLATE
from aimctrl.api.model import ModelMetadata, RecommendedDeployment
from aimctrl.kube.names import label_value
from aimctrl.runtime.plan import Child

_BY_OLDER_NAME = frozenset({AIM_IMAGE.name, AIM_CLUSTER_IMAGE.name})


def template_names(model: str, metadata: ModelMetadata) -> frozenset[str]:
    """The names of the templates of all recommended deployments."""
    return frozenset(_name(model, deployment) for deployment in metadata.recommended_deployments)


def missing_templates(seen: Observed, metadata: ModelMetadata) -> tuple[Child, ...]:
    """The templates to create, sorted by name: one for each recommended deployment that has none.

    Of deployments that only differ in what is not part of the name, the first counts. A template that has the name
    already is left as it is, whoever made it.
    """
    if not seen.model.spec.discovery.auto_create_templates:
        return ()
    wanted: dict[str, RecommendedDeployment] = {}
    for deployment in metadata.recommended_deployments:
        wanted.setdefault(_name(seen.target.meta.name, deployment), deployment)
    return tuple(_template(seen, name, wanted[name]) for name in sorted(wanted.keys() - seen.taken))


def _name(model: str, deployment: RecommendedDeployment) -> str:
    gpu, metric, precision = deployment.gpu_model, deployment.metric, deployment.precision
    return generated_template_name(model, gpu or "", deployment.gpu_count or 1, metric or "", precision or "")


def _template(seen: Observed, name: str, deployment: RecommendedDeployment) -> Child:
    kind = AIM_SERVICE_TEMPLATE if seen.target.kind.namespaced else AIM_CLUSTER_SERVICE_TEMPLATE
    labels = propagated_labels(seen.target.meta.labels, config_spec(seen.config).label_propagation)
    metadata: dict[str, Any] = {
        "name": name,
        "labels": {**labels, AUTO_GENERATED: "true", IMAGE: label_value(seen.target.meta.name)},
        "ownerReferences": [seen.target.owner_reference()],
    }
    if kind.namespaced:
        metadata["namespace"] = seen.target.meta.namespace
    manifest = {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": metadata,
        "spec": _spec(seen, deployment),
    }
    return Child(kind, manifest, mode="create")


def _spec(seen: Observed, deployment: RecommendedDeployment) -> dict[str, Any]:
    """What is unset is left out: templates leave it open."""
    model = seen.model.spec
    by = "aimImageName" if seen.target.kind.name in _BY_OLDER_NAME else "modelName"
    given: dict[str, Any] = {
        by: seen.target.meta.name,
        "metric": deployment.metric,
        "precision": deployment.precision,
        "gpuSelector": _gpu_selector(deployment),
        "profileId": deployment.profile_id,
        "runtimeConfigName": model.runtime_config_name,
        "imagePullSecrets": [secret.wire() for secret in model.image_pull_secrets],
        "serviceAccountName": model.service_account_name,
    }
    return {name: value for name, value in given.items() if value}


def _gpu_selector(deployment: RecommendedDeployment) -> dict[str, Any]:
    """A count of nothing selects nothing; a GPU without a count is one."""
    if deployment.gpu_model:
        return {"model": deployment.gpu_model, "count": deployment.gpu_count or 1}
    return {"count": deployment.gpu_count} if deployment.gpu_count else {}
