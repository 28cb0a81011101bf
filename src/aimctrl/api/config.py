"""AIMRuntimeConfig and AIMClusterRuntimeConfig: credentials, storage and routing defaults (SPEC §7)."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from aimctrl.api import hints
from aimctrl.api.common import EnvVars, PullSecrets, Scope, Status
from aimctrl.api.hints import Hint, Rule
from aimctrl.kube.kinds import Model, Resource


class TemplateSelection(StrEnum):
    """What is done where several templates fit a service."""

    STRICT = "Strict"
    PREFERRED = "Preferred"


class GatewayRef(Model):
    """The Gateway that routes attach to."""

    name: Annotated[str, hints.OBJECT_NAME]
    """The Gateway's name."""
    namespace: Annotated[str | None, hints.LABEL_NAME] = None
    """The Gateway's namespace; that of the service where unset."""
    group: Annotated[str | None, hints.text(253, least=0)] = None
    """The API group of the parent; gateway.networking.k8s.io where unset."""
    kind: Annotated[str | None, hints.LABEL_NAME] = None
    """The kind of the parent; Gateway where unset."""
    section_name: Annotated[str | None, hints.OBJECT_NAME] = None
    """The listener of the Gateway to attach to; all where unset."""
    port: Annotated[int | None, Hint(minimum=1, maximum=65535, format="int32")] = None
    """The port of the Gateway to attach to; all where unset."""


class Routing(Model):
    """How a service is reached from outside; of a service each field outranks that of its runtime config."""

    model_config = hints.validated(
        Rule(
            "!has(self.routeTemplate) || !has(self.pathTemplate)",
            "routeTemplate and pathTemplate are the same field; set only one",
            ".pathTemplate",
        ),
    )

    enabled: bool | None = None
    """Whether an HTTPRoute is made."""
    gateway_ref: GatewayRef | None = None
    """The Gateway the HTTPRoute attaches to; it need not exist yet."""
    route_template: Annotated[str | None, hints.text(1024)] = None
    """The path prefix, with JSONPath fragments in braces that are evaluated against the AIMService."""
    path_template: Annotated[str | None, hints.text(1024)] = None
    """An older name of routeTemplate."""
    annotations: Annotated[dict[str, str], Hint(maxProperties=128)] = Field(default_factory=dict[str, str])
    """Annotations of the HTTPRoute."""
    request_timeout: Annotated[str | None, hints.text(32, r"^([0-9]{1,5}(h|m|s|ms)){1,4}$")] = None
    """How long a request may take, as a duration of Gateway API, such as 90s."""

    @property
    def route_template_text(self) -> str | None:
        """The route template, under whichever name it was given."""
        return self.route_template or self.path_template


class ModelCreation(Model):
    """How models are created for services that name only an image."""

    auto_discovery: bool = True
    """Whether discovery is enabled on models that are created for services."""
    creation_scope: Scope = Scope.NAMESPACE
    """Whether they are created in the service's namespace or for the whole cluster."""


class LabelPropagation(Model):
    """Which labels of an object are copied to what is created for it."""

    enabled: bool = False
    """Whether labels are copied at all."""
    match: Annotated[tuple[Annotated[str, hints.text(317)], ...], hints.distinct(64)] = ()
    """The label keys to copy, exact or with * for any characters."""


class RuntimeConfigSpec(Model):
    """Defaults for the objects that resolve to this runtime config."""

    default_storage_class_name: Annotated[str | None, hints.OBJECT_NAME] = None
    """The storage class of caches that name none."""
    routing: Routing | None = None
    """Defaults for the routing of services."""
    model: ModelCreation | None = None
    """How models are created for services that name only an image."""
    pvc_headroom_percent: Annotated[int, Hint(minimum=0, maximum=1000, format="int32")] = 10
    """How much larger than its artifact a cache volume is made, in percent."""
    label_propagation: LabelPropagation | None = None
    """Which labels are copied to what is created."""
    template_selection: TemplateSelection | None = None
    """What is done where several templates fit a service; the operator's default where unset."""
    env: EnvVars = ()
    """Environment variables for the containers of services and of downloads."""
    service_account_name: Annotated[str | None, hints.OBJECT_NAME] = None
    """The service account of downloads, and of discovery jobs and services that name none."""
    image_pull_secrets: PullSecrets = ()
    """Secrets for pulling images, added to those that the objects name."""


class RuntimeConfigStatus(Status):
    """The observed state of a runtime config."""

    status: str = ""
    """The state of the runtime config in one word."""


class AIMRuntimeConfig(Resource):
    """AIMRuntimeConfig holds credentials, storage and routing defaults for one namespace."""

    spec: RuntimeConfigSpec = Field(default_factory=RuntimeConfigSpec)
    """What objects in this namespace take as their defaults."""
    status: RuntimeConfigStatus = Field(default_factory=RuntimeConfigStatus)
    """The observed state."""


class AIMClusterRuntimeConfig(AIMRuntimeConfig):
    """AIMClusterRuntimeConfig holds storage and routing defaults for namespaces without a config of that name."""

    model_config = hints.validated(
        hints.forbidden("serviceAccountName", "belongs to a namespace: use an AIMRuntimeConfig"),
        hints.forbidden("imagePullSecrets", "belong to a namespace: use an AIMRuntimeConfig", is_list=True),
    )
