"""AIMService: an inference endpoint (SPEC §5)."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from aimctrl.api import hints
from aimctrl.api.common import (
    EnvVars,
    GPUSelector,
    Metric,
    Precision,
    PullSecrets,
    ResolvedConfig,
    ResolvedReference,
    ResourceRequirements,
    Scope,
    Status,
)
from aimctrl.api.config import Routing
from aimctrl.api.hints import FreeForm, Hint, Rule
from aimctrl.api.reasons import ServiceState
from aimctrl.kube.kinds import Model, Resource


class ModelReference(Model):
    """The model to serve, by its id or by its image."""

    model_config = hints.validated(
        Rule("has(self.ref) != has(self.image)", "exactly one of ref and image must be set", ".ref")
    )

    ref: Annotated[str | None, hints.LABEL_NAME] = None
    """The model to serve, by the name of an AIMModel or AIMClusterModel."""
    image: Annotated[str | None, hints.IMAGE] = None
    """The container image to serve; a model is created for it where there is none."""


class TemplateOptions(Model):
    """Which templates may be selected."""

    allow_unoptimized: bool = True
    """Whether profiles of the types unoptimized and preview may be selected."""


class Overrides(Model):
    """What differs from the template; a template with these values is found or derived."""

    metric: Metric | None = None
    """What the runtime is optimised for."""
    precision: Precision | None = None
    """The numeric precision of inference."""
    gpu_selector: GPUSelector | None = None
    """The GPUs each replica needs; each field that is set replaces the template's."""


class ServiceSpec(Model):
    """The model to serve, and how."""

    model_config = hints.validated(
        Rule(
            "has(self.model) != has(self.aimImageName)",
            "exactly one of model and aimImageName must be set",
            ".model",
        ),
        Rule(
            "!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
            "minReplicas must not be greater than maxReplicas",
            ".minReplicas",
        ),
    )

    model: ModelReference | None = None
    """The model to serve, by its id or by its image."""
    aim_image_name: Annotated[str | None, hints.LABEL_NAME] = None
    """The model to serve, by the older name of model.ref."""
    template_ref: Annotated[str | None, hints.LABEL_NAME] = None
    """The template to run; one is selected where unset."""
    template: TemplateOptions | None = None
    """Which templates may be selected."""
    overrides: Overrides | None = None
    """What differs from the template."""
    runtime_config_name: Annotated[str | None, hints.OBJECT_NAME] = None
    """The runtime config with credentials and defaults; the one named default where unset."""
    resources: ResourceRequirements | None = None
    """Resources of the serving containers; they outrank those of template and model."""
    replicas: Annotated[int, Hint(minimum=0, format="int32")] = 1
    """How many replicas run, where neither minReplicas nor maxReplicas is set."""
    min_replicas: Annotated[int | None, Hint(minimum=0, format="int32")] = None
    """The least number of replicas."""
    max_replicas: Annotated[int | None, Hint(minimum=1, format="int32")] = None
    """The greatest number of replicas."""
    auto_scaling: FreeForm | None = None
    """How replicas follow the load, as KServe's autoScaling."""
    env: EnvVars = ()
    """Environment variables of the serving containers; they outrank those of the template."""
    image_pull_secrets: PullSecrets = ()
    """Secrets for pulling images."""
    service_account_name: Annotated[str | None, hints.OBJECT_NAME] = None
    """The service account of the serving Pods."""
    cache_model: bool = False
    """Whether the model's artifacts are cached on volumes before the service starts."""
    routing: Routing | None = None
    """How the service is reached from outside."""

    @property
    def model_id(self) -> str | None:
        """The model's id, under whichever field it was given; None where the service names an image."""
        return self.aim_image_name or (self.model.ref if self.model else None)

    @property
    def image(self) -> str | None:
        """The container image the service names in place of a model."""
        return self.model.image if self.model else None

    @property
    def allow_unoptimized(self) -> bool:
        """Whether profiles of the types unoptimized and preview may be selected."""
        return self.template is None or self.template.allow_unoptimized


class RoutingStatus(Model):
    """Where the service is reached from outside."""

    path: str | None = None
    """The path prefix of the HTTPRoute."""


class CandidateStatus(StrEnum):
    """What became of a template in selection."""

    CHOSEN = "chosen"
    DROPPED = "dropped"


class Candidate(Model):
    """A template that selection looked at."""

    name: str
    """The template's name."""
    scope: Scope = Scope.NAMESPACE
    """Whether it is a template of the namespace or of the cluster."""
    status: CandidateStatus = CandidateStatus.DROPPED
    """Whether it was chosen or dropped."""
    reason: str = ""
    """Why."""


class TemplateMatching(Model):
    """How the template was selected."""

    candidates: Annotated[tuple[Candidate, ...], hints.atomic()] = ()
    """The templates of the model, and what became of each."""


class ServiceStatus(Status):
    """The observed state of a service."""

    status: ServiceState = ServiceState.PENDING
    """The state of the service in one word."""
    resolved_runtime_config: ResolvedConfig | None = None
    """The runtime config that is in use."""
    resolved_image: ResolvedReference | None = None
    """The model or image that is served."""
    resolved_template: ResolvedReference | None = None
    """The template that is run, or will be once it is Ready."""
    resolved_template_cache: ResolvedReference | None = None
    """The template cache that the service asks for."""
    routing: RoutingStatus | None = None
    """Where the service is reached from outside."""
    template_matching: TemplateMatching | None = None
    """How the template was selected."""


class AIMService(Resource):
    """AIMService is an inference endpoint: a model, run the way of a template, with an optional route from outside."""

    model_config = hints.validated(
        hints.name_at_most(63),
        Rule(
            "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "metadata.name must start with a letter and hold only lowercase letters, digits and -",
        ),
    )

    spec: ServiceSpec
    """The model to serve, and how."""
    status: ServiceStatus = Field(default_factory=ServiceStatus)
    """The observed state."""
