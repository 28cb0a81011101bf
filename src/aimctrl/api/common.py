"""What several AIM kinds share: the values of their specs and the references in their status."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from aimctrl.api import hints
from aimctrl.api.hints import FreeForm, Hint, Quantity, Rule
from aimctrl.kube.conditions import ConditionField
from aimctrl.kube.kinds import Key, Model

DEFAULT_CONFIG = "default"
"""The runtime config that is looked up where none is named."""


class Scope(StrEnum):
    """Where an object lives."""

    NAMESPACE = "Namespace"
    CLUSTER = "Cluster"


class Metric(StrEnum):
    """What a profile is optimised for."""

    LATENCY = "latency"
    THROUGHPUT = "throughput"


class Precision(StrEnum):
    """The numeric precision of a profile."""

    AUTO = "auto"
    FP4 = "fp4"
    FP8 = "fp8"
    FP16 = "fp16"
    FP32 = "fp32"
    BF16 = "bf16"
    INT4 = "int4"
    INT8 = "int8"


class GPUSelector(Model):
    """The GPUs one replica needs; what is unset is left open."""

    count: Annotated[int | None, Hint(minimum=1, maximum=1024, format="int32")] = None
    """How many GPUs each replica needs."""
    model: Annotated[str | None, hints.text(128)] = None
    """The GPU model each replica needs, such as MI300X."""
    resource_name: Annotated[str | None, hints.text(317, r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$")] = None
    """The extended resource that GPUs are requested as; by the vendor of the model where unset."""


class EnvVar(Model):
    """An environment variable of a container."""

    model_config = hints.validated(
        Rule("!has(self.value) || !has(self.valueFrom)", "value and valueFrom cannot both be set", ".valueFrom"),
    )

    name: Annotated[str, hints.text(1024, r"^[^=]+$")]
    """The variable's name."""
    value: Annotated[str | None, hints.text(32768, least=0)] = None
    """The variable's value."""
    value_from: FreeForm | None = None
    """Where the value comes from, as in a container: secretKeyRef, configMapKeyRef, fieldRef or resourceFieldRef."""


class LocalObjectReference(Model):
    """An object in the same namespace."""

    name: Annotated[str, hints.OBJECT_NAME]
    """The object's name."""


class ResourceRequirements(Model):
    """A container's resources, by resource name."""

    limits: Annotated[dict[str, Quantity], Hint(maxProperties=64)] = Field(default_factory=dict[str, Quantity])
    """The most the container may use, by resource name."""
    requests: Annotated[dict[str, Quantity], Hint(maxProperties=64)] = Field(default_factory=dict[str, Quantity])
    """What the container is sure to get, by resource name."""


class Caching(Model):
    """Whether a template's artifacts are cached."""

    enabled: bool = False
    """Whether the template's artifacts are downloaded to volumes in its namespace before it is Ready."""


SourceURI = Annotated[str, hints.text(2048, r"^(hf|s3)://\S+$")]
"""Where an artifact is downloaded from: `hf://…` or `s3://…`."""


class ModelSource(Model):
    """A model artifact that a user lists."""

    name: Annotated[str, hints.text(253)]
    """The artifact's name, unique within the list."""
    source_uri: SourceURI = Field(validation_alias="sourceURI", serialization_alias="sourceURI")
    """Where the artifact is downloaded from, hf:// or s3://."""
    size: Quantity | None = None
    """The size of the artifact as a Kubernetes quantity, such as 16Gi."""


class DiscoveredSource(Model):
    """A model artifact in a template's status."""

    name: str
    """The artifact's name."""
    source: str
    """Where the artifact is downloaded from."""
    size_bytes: Annotated[int | None, Hint(minimum=0, format="int64")] = None
    """The size of the artifact in bytes, where it is known."""


class ResolvedReference(Model):
    """The object that a reference was resolved to."""

    name: str
    """The object's name."""
    namespace: str | None = None
    """The object's namespace, unset for cluster-scoped objects."""
    scope: Scope = Scope.NAMESPACE
    """Whether the object belongs to a namespace or to the cluster."""
    kind: str = ""
    """The object's kind."""
    uid: str = ""
    """The object's uid."""

    @property
    def key(self) -> Key:
        """The object's name within its kind."""
        return Key(self.namespace or "", self.name)


class ResolvedConfig(ResolvedReference):
    """The runtime config that was resolved, and a hash of what it says (SPEC §7)."""

    hash: str = ""
    """A hash of the runtime config's spec, so that a change of it shows."""


class Attempts(Model):
    """Failures in a row of something that is tried again after growing pauses."""

    failures: Annotated[int, Hint(minimum=0, format="int32")] = 0
    """How many attempts failed in a row."""
    retry_at: datetime | None = None
    """Not before this time is it tried again."""


class Status(Model):
    """What the status of every AIM kind has."""

    observed_generation: Annotated[int, Hint(minimum=0, format="int64")] = 0
    """The metadata.generation this status was computed from."""
    conditions: Annotated[tuple[ConditionField, ...], hints.mapped(32, "type")] = ()
    """The latest observations of the object's state, one of each type."""


EnvVars = Annotated[tuple[EnvVar, ...], hints.mapped(128)]
"""Environment variables, each name once."""

PullSecrets = Annotated[tuple[LocalObjectReference, ...], hints.mapped(32)]
"""Names of image pull secrets."""

ModelSources = Annotated[tuple[ModelSource, ...], hints.mapped(64)]
"""Artifacts that a user lists, each name once."""
