"""AIMTemplateCache and AIMModelCache: a template's artifacts on volumes of one namespace (SPEC §6)."""

from typing import Annotated

from pydantic import Field

from aimctrl.api import hints
from aimctrl.api.common import (
    Attempts,
    EnvVars,
    ModelSources,
    PullSecrets,
    ResolvedConfig,
    ResolvedReference,
    SourceURI,
    Status,
)
from aimctrl.api.hints import Quantity
from aimctrl.api.reasons import CacheState
from aimctrl.kube.kinds import Model, Resource


class TemplateCacheSpec(Model):
    """The template whose artifacts are cached, and how they are downloaded."""

    template_ref: Annotated[str, hints.LABEL_NAME]
    """The template whose artifacts are cached, one of this namespace or else of the cluster."""
    env: EnvVars = ()
    """Environment variables of the downloads, such as access tokens."""
    image_pull_secrets: PullSecrets = ()
    """Secrets for pulling the download image."""
    storage_class_name: Annotated[str | None, hints.OBJECT_NAME] = None
    """The storage class of the volumes; that of the runtime config where unset."""
    download_image: Annotated[str | None, hints.IMAGE] = None
    """The container image that downloads the artifacts."""
    model_sources: ModelSources = ()
    """The artifacts to cache in place of those in the template's status."""
    runtime_config_name: Annotated[str | None, hints.OBJECT_NAME] = None
    """The runtime config with storage defaults; the one named default where unset."""


class CachedModel(Model):
    """One artifact of a template cache."""

    name: str = ""
    """The AIMModelCache that holds the artifact."""
    uid: str = ""
    """The uid of that AIMModelCache."""
    status: CacheState = CacheState.PENDING
    """The state of that AIMModelCache in one word."""
    model: str = ""
    """The name of the artifact."""
    persistent_volume_claim: str | None = None
    """The PersistentVolumeClaim that holds the artifact."""
    mount_point: str | None = None
    """Where services mount the volume."""


class TemplateCacheStatus(Status):
    """The observed state of a template cache."""

    status: CacheState = CacheState.PENDING
    """The state of the cache in one word: the worst state of its parts."""
    resolved_runtime_config: ResolvedConfig | None = None
    """The runtime config that is in use."""
    resolved_template: ResolvedReference | None = None
    """The template whose artifacts are cached."""
    model_caches: dict[str, CachedModel] = Field(default_factory=dict[str, CachedModel])
    """The cached artifacts, by name."""


class AIMTemplateCache(Resource):
    """AIMTemplateCache keeps all artifacts of one template on volumes of this namespace."""

    spec: TemplateCacheSpec
    """The template whose artifacts are cached, and how they are downloaded."""
    status: TemplateCacheStatus = Field(default_factory=TemplateCacheStatus)
    """The observed state."""


class ModelCacheSpec(Model):
    """The artifact, the volume it is kept on, and how it is downloaded."""

    model_config = hints.validated(hints.immutable("sourceURI"))

    source_uri: SourceURI = Field(validation_alias="sourceURI", serialization_alias="sourceURI")
    """Where the artifact is downloaded from, hf:// or s3://; immutable."""
    size: Quantity
    """The size of the artifact as a Kubernetes quantity, such as 16Gi; the volume is made larger by the headroom."""
    storage_class_name: Annotated[str | None, hints.OBJECT_NAME] = None
    """The storage class of the volume; that of the runtime config where unset."""
    env: EnvVars = ()
    """Environment variables of the download, such as access tokens."""
    model_download_image: Annotated[str, hints.IMAGE] = "kserve/storage-initializer"
    """The container image that downloads the artifact."""
    image_pull_secrets: PullSecrets = ()
    """Secrets for pulling the download image."""
    runtime_config_name: Annotated[str | None, hints.OBJECT_NAME] = None
    """The runtime config with storage defaults; the one named default where unset."""


class DownloadRecord(Attempts):
    """The latest download, so that its failures count where its Job is gone, and only while its inputs are the same."""

    inputs_hash: str = ""
    """A hash of everything that the download depends on."""
    job_uid: str | None = Field(default=None, validation_alias="jobUID", serialization_alias="jobUID")
    """The uid of the Job that failed last."""


class ModelCacheStatus(Status):
    """The observed state of a model cache."""

    status: CacheState = CacheState.PENDING
    """The state of the cache in one word."""
    resolved_runtime_config: ResolvedConfig | None = None
    """The runtime config that is in use."""
    persistent_volume_claim: str | None = None
    """The PersistentVolumeClaim that holds the artifact."""
    persistent_volume_claim_uid: str | None = Field(
        default=None, validation_alias="persistentVolumeClaimUID", serialization_alias="persistentVolumeClaimUID"
    )
    """The uid of that PersistentVolumeClaim; another one of its name is empty."""
    download: DownloadRecord | None = None
    """Failed downloads in a row, and when the next one starts."""


class AIMModelCache(Resource):
    """AIMModelCache keeps one model artifact on one volume of this namespace."""

    model_config = hints.validated(hints.name_at_most(48))

    spec: ModelCacheSpec
    """The artifact, the volume it is kept on, and how it is downloaded."""
    status: ModelCacheStatus = Field(default_factory=ModelCacheStatus)
    """The observed state."""
