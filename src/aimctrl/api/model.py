"""AIMModel and AIMClusterModel, AIMImage and AIMClusterImage: the catalogue, model id → container image (SPEC §2)."""

from typing import Annotated

from pydantic import Field

from aimctrl.api import hints
from aimctrl.api.common import Attempts, PullSecrets, ResolvedConfig, ResourceRequirements, Status
from aimctrl.api.hints import Hint
from aimctrl.api.reasons import ModelState
from aimctrl.kube.kinds import Model, Resource


class ModelDiscovery(Model):
    """Whether the image is inspected, and what is made of it."""

    enabled: bool = False
    """Whether the labels of the image are read from its registry."""
    auto_create_templates: bool = True
    """Whether a service template is created for each deployment that the image recommends."""


class ModelSpec(Model):
    """Which container image serves the model, and the defaults of its templates and services."""

    image: Annotated[str, hints.IMAGE]
    """The container image that serves the model."""
    default_service_template: Annotated[str | None, hints.LABEL_NAME] = None
    """The template of services that name none, where it exists."""
    runtime_config_name: Annotated[str | None, hints.OBJECT_NAME] = None
    """The runtime config with registry credentials and defaults; the one named default where unset."""
    discovery: ModelDiscovery = Field(default_factory=ModelDiscovery)
    """Whether the image is inspected, and what is made of it."""
    image_pull_secrets: PullSecrets = ()
    """Secrets for pulling the image; for cluster-scoped objects they are in the operator's namespace."""
    service_account_name: Annotated[str | None, hints.OBJECT_NAME] = None
    """The service account of discovery jobs and services that name none."""
    resources: ResourceRequirements | None = None
    """Resources of the containers that serve the model, where template and service leave them open."""


class RecommendedDeployment(Model):
    """A deployment that the image's labels recommend; what the labels left out is unset."""

    gpu_model: str | None = None
    """The GPU model."""
    gpu_count: Annotated[int | None, Hint(minimum=0, format="int32")] = None
    """The number of GPUs of one replica."""
    metric: str | None = None
    """What it is optimised for: latency or throughput."""
    precision: str | None = None
    """The numeric precision."""
    description: str | None = None
    """What it is good for, in words."""
    profile_id: str | None = None
    """The profile of the image that it runs."""


class ModelMetadata(Model):
    """What the image's own labels say about the model."""

    canonical_name: str | None = None
    """The model's canonical name."""
    source: str | None = None
    """Where the model comes from."""
    title: str | None = None
    """The model's title."""
    description_full: str | None = None
    """The model's description."""
    release_notes: str | None = None
    """What is new in this version."""
    tags: Annotated[tuple[str, ...], hints.atomic()] = ()
    """Tags of the model."""
    versions: Annotated[tuple[str, ...], hints.atomic()] = ()
    """Versions of the model that the image has."""
    variants: Annotated[tuple[str, ...], hints.atomic()] = ()
    """Variants of the model that the image has."""
    hf_token_required: bool | None = None
    """Whether downloading the model takes a Hugging Face token."""
    recommended_deployments: Annotated[tuple[RecommendedDeployment, ...], hints.atomic()] = ()
    """The deployments that the image recommends."""


class ImageMetadata(Model):
    """What the labels of the image say."""

    model: ModelMetadata = Field(default_factory=ModelMetadata)
    """What the image's own labels say about the model."""
    oci: dict[str, str] = Field(default_factory=dict[str, str])
    """The labels below org.opencontainers.image, by the rest of their names, such as title or version."""
    original_labels: dict[str, str] = Field(default_factory=dict[str, str])
    """All labels of the image as they are."""


class Inspection(Attempts):
    """The latest inspection of the image, so that only a change of its inputs repeats it."""

    inputs_hash: str = ""
    """A hash of the image and the credentials that were used."""


class ModelStatus(Status):
    """The observed state of a model."""

    status: ModelState = ModelState.PENDING
    """The state of the model in one word."""
    resolved_runtime_config: ResolvedConfig | None = None
    """The runtime config that is in use."""
    image_metadata: ImageMetadata | None = None
    """What the labels of the image say."""
    inspection: Inspection | None = None
    """The latest inspection of the image."""


class AIMModel(Resource):
    """AIMModel maps a model id, its own name, to the container image that serves the model in this namespace."""

    model_config = hints.validated(hints.name_at_most(63))

    spec: ModelSpec
    """Which container image serves the model, and the defaults of its templates and services."""
    status: ModelStatus = Field(default_factory=ModelStatus)
    """The observed state."""


class AIMClusterModel(AIMModel):
    """AIMClusterModel maps a model id, its own name, to the container image that serves the model in all namespaces."""


class AIMImage(AIMModel):
    """AIMImage is an AIMModel under an older name."""


class AIMClusterImage(AIMModel):
    """AIMClusterImage is an AIMClusterModel under an older name."""
