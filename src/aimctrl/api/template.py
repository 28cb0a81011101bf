"""AIMServiceTemplate and AIMClusterServiceTemplate: a runtime profile, and what discovery found for it (SPEC §3)."""

from typing import Annotated

from pydantic import Field

from aimctrl.api import hints
from aimctrl.api.common import (
    Attempts,
    Caching,
    DiscoveredSource,
    EnvVars,
    GPUSelector,
    Metric,
    ModelSources,
    Precision,
    PullSecrets,
    ResolvedConfig,
    ResolvedReference,
    ResourceRequirements,
    Status,
)
from aimctrl.api.hints import FreeForm, Rule
from aimctrl.api.reasons import TemplateState
from aimctrl.kube.kinds import Model, Resource

IMMUTABLE = ("modelName", "aimImageName", "metric", "precision", "gpuSelector")
"""The fields that make up what a template stands for; services and caches rely on them."""


class TemplateSpec(Model):
    """How a model is run: what it is optimised for, at which precision, on which GPUs."""

    model_config = hints.validated(
        Rule(
            "has(self.modelName) != has(self.aimImageName)",
            "exactly one of modelName and aimImageName must be set",
            ".modelName",
        ),
        *(hints.immutable(field) for field in IMMUTABLE),
    )

    model_name: Annotated[str | None, hints.LABEL_NAME] = None
    """The model that is run, by the name of an AIMModel or AIMClusterModel; immutable."""
    aim_image_name: Annotated[str | None, hints.LABEL_NAME] = None
    """The model that is run, by the older name of modelName; immutable."""
    runtime_config_name: Annotated[str | None, hints.OBJECT_NAME] = None
    """The runtime config with credentials and defaults; the one named default where unset."""
    metric: Metric | None = None
    """What the runtime is optimised for: latency of each request, or throughput of all; immutable."""
    precision: Precision | None = None
    """The numeric precision of inference; immutable."""
    gpu_selector: GPUSelector | None = None
    """The GPUs each replica needs; immutable."""
    image_pull_secrets: PullSecrets = ()
    """Secrets for pulling the image; for cluster templates they are in the operator's namespace."""
    service_account_name: Annotated[str | None, hints.OBJECT_NAME] = None
    """The service account of discovery jobs and services."""
    resources: ResourceRequirements | None = None
    """Resources of the serving containers; they outrank the model's."""
    model_sources: ModelSources = ()
    """The artifacts of the model; where they are given there is no discovery."""
    profile_id: Annotated[str | None, hints.text(253)] = None
    """The profile of the image that is run, by its id; chosen from the other fields where unset."""
    env: EnvVars = ()
    """Environment variables for discovery, downloads and serving, such as access tokens."""
    caching: Caching | None = None
    """Whether the template's artifacts are cached in its namespace."""

    @property
    def model_id(self) -> str:
        """The name of the model, under whichever field it was given; `""` only where the CRD was not in force."""
        return self.model_name or self.aim_image_name or ""

    @property
    def gpu(self) -> GPUSelector:
        """The GPU selector, one that leaves everything open where none is set."""
        return self.gpu_selector or GPUSelector()

    @property
    def caching_enabled(self) -> bool:
        """Whether caching is asked for."""
        return self.caching is not None and self.caching.enabled


class DiscoveryRecord(Attempts):
    """The latest discovery, so that only a change of its inputs repeats it."""

    inputs_hash: str = ""
    """A hash of everything that the result depends on."""
    job_name: str | None = None
    """The Job that ran it."""


class TemplateStatus(Status):
    """The observed state of a template, and what discovery found."""

    status: TemplateState = TemplateState.PENDING
    """The state of the template in one word."""
    resolved_runtime_config: ResolvedConfig | None = None
    """The runtime config that is in use."""
    resolved_image: ResolvedReference | None = None
    """The model or image that the template resolved to."""
    model_sources: Annotated[tuple[DiscoveredSource, ...], hints.atomic()] = ()
    """The artifacts that have to be downloaded to serve the model."""
    profile: FreeForm | None = None
    """The profile that discovery found, exactly as the container printed it."""
    discovery: DiscoveryRecord | None = None
    """The latest discovery."""


class AIMServiceTemplate(Resource):
    """AIMServiceTemplate says how a model is run in this namespace, and keeps what discovery found out."""

    model_config = hints.validated(hints.name_at_most(63))

    spec: TemplateSpec
    """How the model is run."""
    status: TemplateStatus = Field(default_factory=TemplateStatus)
    """The observed state."""


class AIMClusterServiceTemplate(AIMServiceTemplate):
    """AIMClusterServiceTemplate says how a model is run in any namespace, and keeps what discovery found out."""

    model_config = hints.validated(
        hints.name_at_most(63),
        hints.forbidden("caching", "belongs to a namespace: use an AIMServiceTemplate or an AIMTemplateCache"),
        hints.forbidden("env", "belongs to a namespace: use an AIMServiceTemplate", is_list=True),
    )
