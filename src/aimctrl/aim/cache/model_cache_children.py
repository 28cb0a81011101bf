"""The model caches that a template cache makes, and keeps as it is itself until they are done; pure (SPEC §6)."""

from typing import Any

from aimctrl.aim.cache.artifacts import Artifact, Part
from aimctrl.aim.cache.names import creator_label
from aimctrl.aim.cache.template_cache_observed import Observed
from aimctrl.aim.merging import propagated_labels
from aimctrl.aim.naming import MANAGED_BY, MANAGER, TEMPLATE_CACHE
from aimctrl.aim.resolution import config_spec
from aimctrl.api.cache import AIMModelCache, AIMTemplateCache, ModelCacheSpec
from aimctrl.api.kinds import AIM_MODEL_CACHE
from aimctrl.runtime.plan import Child

_STEERED = ("size", "storageClassName", "env", "modelDownloadImage", "imagePullSecrets", "runtimeConfigName")


def is_creator(template_cache: AIMTemplateCache, model_cache: AIMModelCache) -> bool:
    """Whether a model cache of its namespace was made by that template cache, or was left to it."""
    return model_cache.metadata.labels.get(TEMPLATE_CACHE) == creator_label(template_cache.metadata.name)


def model_cache(seen: Observed, part: Part) -> Child:
    """The model cache of an artifact that has none."""
    propagated = propagated_labels(seen.target.meta.labels, config_spec(seen.config).label_propagation)
    marks = {MANAGED_BY: MANAGER, TEMPLATE_CACHE: creator_label(seen.target.meta.name)}
    manifest = _manifest(part.name, seen.target.meta.namespace)
    manifest["metadata"]["labels"] = {**propagated, **marks}
    manifest["spec"] = _spec(seen, part.artifact)
    return Child(AIM_MODEL_CACHE, manifest, mode="create")


def model_cache_update(seen: Observed, artifact: Artifact, live: AIMModelCache) -> Child:
    """What a model cache it made lacks to be as it would make it now, so that a mended secret reaches the download."""
    wanted = _spec(seen, artifact)
    manifest = _manifest(live.metadata.name, live.metadata.namespace)
    manifest["spec"] = {name: wanted.get(name) for name in _STEERED if name in wanted or name != "size"}
    return Child(AIM_MODEL_CACHE, manifest, mode="patch", uid=live.metadata.uid)


def relabel(live: AIMModelCache, creator: str) -> Child:
    """The model cache is another template cache's from now on."""
    manifest = _manifest(live.metadata.name, live.metadata.namespace)
    manifest["metadata"]["labels"] = {TEMPLATE_CACHE: creator}
    return Child(AIM_MODEL_CACHE, manifest, mode="patch", uid=live.metadata.uid)


def _spec(seen: Observed, artifact: Artifact) -> dict[str, Any]:
    own = seen.cache.spec
    download = {"model_download_image": own.download_image} if own.download_image else {}
    spec = ModelCacheSpec(
        source_uri=artifact.source,
        size=artifact.size,
        storage_class_name=own.storage_class_name,
        env=own.env,
        image_pull_secrets=own.image_pull_secrets,
        runtime_config_name=own.runtime_config_name,
        **download,
    )
    return {name: value for name, value in spec.wire().items() if value not in ("", [], {})}


def _manifest(name: str, namespace: str) -> dict[str, Any]:
    kind = AIM_MODEL_CACHE
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": name, "namespace": namespace}}
