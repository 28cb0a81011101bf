"""Caches and what is seen of their surroundings; what is not said is the plainest there is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from aimctrl.aim.cache.artifacts import Artifact
from aimctrl.aim.cache.download import DownloadView, download_job
from aimctrl.aim.cache.model_cache_observed import Observed as SeenModelCache
from aimctrl.aim.cache.template_cache_observed import Observed as SeenTemplateCache
from aimctrl.aim.cache.template_cache_observed import TemplateView
from aimctrl.aim.resolution import DefaultNotFound, RuntimeConfig
from aimctrl.api.cache import AIMModelCache, AIMTemplateCache
from aimctrl.api.common import ResolvedConfig, ResolvedReference
from aimctrl.api.config import RuntimeConfigSpec
from aimctrl.api.kinds import AIM_MODEL_CACHE, AIM_TEMPLATE_CACHE
from aimctrl.kube.core import JOBS, PODS, PVCS, STORAGE_CLASSES, Job, PersistentVolumeClaim, Pod, StorageClass
from aimctrl.kube.lookup import Found, Missing
from aimctrl.runtime.plan import Child, Plan, Refusal, Target

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
SOURCE = "hf://meta/llama"
NO_CONFIG = Missing('AIMRuntimeConfig "big"')
LLAMA = Artifact("meta/llama", SOURCE, "16Gi")


def config(**spec: Any) -> Found[RuntimeConfig]:
    reference = ResolvedConfig(name="default", namespace="ns", kind="AIMRuntimeConfig", uid="config-uid", hash="h")
    return Found(RuntimeConfig(reference, RuntimeConfigSpec.model_validate(spec)))


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2029-01-01T00:00:00Z",
    }


def storage_class(name: str = "fast", **parts: Any) -> StorageClass:
    return STORAGE_CLASSES.decode(msgspec.json.encode({"metadata": {"name": name}, **parts}))


LAZY = storage_class("lazy", volumeBindingMode="WaitForFirstConsumer")


def claim(phase: str = "Bound", *, uid: str = "pvc-uid", size: str = "18Gi", **meta: Any) -> PersistentVolumeClaim:
    """The claim of the model cache `llama`."""
    labels = {
        "app.kubernetes.io/managed-by": "aim",
        "app.kubernetes.io/component": "download",
        "aim.silogen.ai/model-cache": "llama",
    }
    raw = {
        "metadata": {"name": "llama-cache", "namespace": "ns", "uid": uid, "labels": labels, **meta},
        "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": size}}},
        "status": {"phase": phase},
    }
    return PVCS.decode(msgspec.json.encode(raw))


def model_cache(name: str = "llama", *, status: Any = None, **parts: Any) -> AIMModelCache:
    """A model cache; `status` is its whole status, or the state alone; `parts` are of its spec or its metadata."""
    meta = {"name": name, "namespace": "ns", "uid": f"{name}-uid", "generation": 2, "resourceVersion": "7"}
    given = ("labels", "creationTimestamp", "deletionTimestamp")
    meta |= {key: parts.pop(key) for key in given if key in parts}
    spec = {"sourceURI": SOURCE, "size": "16Gi", **parts}
    whole = {"status": status} if isinstance(status, str) else status or {}
    return AIMModelCache.model_validate({"metadata": meta, "spec": spec, "status": whole})


def seen(status: Any = None, *, spec: dict[str, Any] | None = None, **parts: Any) -> SeenModelCache:
    """The model cache `llama` with a bound claim and no download."""
    cache = model_cache(status=status, **(spec or {}))
    target = Target(AIM_MODEL_CACHE, cache.metadata, cache.status.wire())
    default: dict[str, Any] = {
        "now": NOW,
        "target": target,
        "cache": cache,
        "config": DefaultNotFound(),
        "storage_class": Found(storage_class()),
        "claim": claim(),
    }
    return SeenModelCache(**(default | parts))


def available(*, uid: str = "pvc-uid") -> dict[str, Any]:
    """The status of a model cache that is done."""
    return {
        "status": "Available",
        "persistentVolumeClaimUID": uid,
        "conditions": [condition("Ready", "True", "Downloaded")],
    }


def record(failures: int, retry_in: float, *, job: str = "job-uid", observed: SeenModelCache | None = None) -> Any:
    """The status of a model cache whose download failed that often; the inputs are those of `observed`."""
    told = condition("Failure", "True", "DownloadFailed", "the download failed: no space left")
    inputs = (observed or seen()).inputs(claim())
    return {
        "status": "Failed",
        "conditions": [told],
        "persistentVolumeClaimUID": "pvc-uid",
        "download": {
            "inputsHash": inputs.digest,
            "jobUID": job,
            "failures": failures,
            "retryAt": (NOW + timedelta(seconds=retry_in)).isoformat(),
        },
    }


def job(*conditions: str, uid: str = "job-uid", ttl: int | None = None, **meta: Any) -> Job:
    """The download Job of the inputs of `seen()`."""
    observed = seen()
    raw = dict(download_job(observed.target, observed.inputs(claim()), {}).manifest)
    raw["metadata"] = {**raw["metadata"], "uid": uid, **meta}
    raw["spec"] = raw["spec"] | ({} if ttl is None else {"ttlSecondsAfterFinished": ttl})
    raw["status"] = {"conditions": [{"type": kind, "status": "True", "message": "BackoffLimitExceeded"} for kind in conditions]}  # fmt: skip
    return JOBS.decode(msgspec.json.encode(raw))


def view(*conditions: str, pods: tuple[Pod, ...] = (), last_line: str = "", **parts: Any) -> DownloadView:
    return DownloadView(job(*conditions, **parts), pods, last_line)


def pod(name: str = "p", phase: str = "Pending", *, waiting: Any = None, unscheduled: str = "", **meta: Any) -> Pod:
    """A Pod of the download Job; `waiting` is why its container does."""
    status: dict[str, Any] = {"phase": phase}
    if waiting is not None:
        status["containerStatuses"] = [{"name": "download", "state": {"waiting": waiting}}]
    if unscheduled:
        status["conditions"] = [{"type": "PodScheduled", "status": "False", "message": unscheduled}]
    image = {"name": "download", "image": "kserve/storage-initializer"}
    raw = {
        "metadata": {"name": name, "namespace": "ns", "creationTimestamp": "2030-01-01T11:00:00Z", **meta},
        "spec": {"containers": [image]},
        "status": status,
    }
    return PODS.decode(msgspec.json.encode(raw))


def template(*artifacts: Artifact, found: bool = True) -> Found[TemplateView]:
    """The template `fast`; without artifacts it has the one of `llama`."""
    reference = ResolvedReference(name="fast", namespace="ns", kind="AIMServiceTemplate", uid="template-uid")
    return Found(TemplateView(reference, (artifacts or (LLAMA,)) if found else None))


def seen_template_cache(status: Any = None, *, spec: dict[str, Any] | None = None, **parts: Any) -> SeenTemplateCache:
    """The template cache `fast` of the template `fast`, without any model cache; some `parts` are of its metadata."""
    meta: dict[str, Any] = {"name": "fast", "namespace": "ns", "uid": "tc-uid", "generation": 5, "resourceVersion": "9"}
    given = ("labels", "finalizers", "deletionTimestamp")
    meta |= {key: parts.pop(key) for key in given if key in parts}
    raw = {"metadata": meta, "spec": {"templateRef": "fast", **(spec or {})}, "status": status or {}}
    cache = AIMTemplateCache.model_validate(raw)
    default: dict[str, Any] = {
        "now": NOW,
        "target": Target(AIM_TEMPLATE_CACHE, cache.metadata, cache.status.wire()),
        "cache": cache,
        "config": DefaultNotFound(),
        "template": template(),
    }
    held = parts.get("held", ())
    if "taken" not in parts:
        parts["taken"] = frozenset(each.metadata.name for each in held)
    return SeenTemplateCache(**(default | parts))


def made_by_it(name: str = "meta-llama", **parts: Any) -> AIMModelCache:
    """A model cache that the template cache `fast` made."""
    return model_cache(name, labels={"aim.silogen.ai/template-cache": "fast"}, **parts)


def refusing(observed: Any, child: Child, reason: str = "Forbidden", message: str = "exceeded quota") -> Any:
    return replace(observed, refusals=(Refusal(child, reason, message),))


def outcome(plan: Plan) -> tuple[str, str]:
    """The state, and the reason of Ready."""
    assert plan.status is not None
    return plan.status["status"], said(plan, "Ready")[1]


def said(plan: Plan, kind: str) -> tuple[str, str]:
    """Status and reason of a condition of the plan."""
    assert plan.status is not None
    (found,) = [c for c in plan.status["conditions"] if c["type"] == kind]
    return found["status"], found["reason"]


def told(plan: Plan, kind: str = "Ready") -> str:
    """The message of a condition of the plan."""
    assert plan.status is not None
    return next(c["message"] for c in plan.status["conditions"] if c["type"] == kind)


def does(plan: Plan) -> list[str]:
    """What the plan does to objects, in its order."""
    return [f"{c.mode} {c.kind.name} {c.key.name}" for c in plan.children] + [
        f"remove {r.kind.name} {r.key.name}" for r in plan.removals
    ]
