"""Templates and what is seen of their surroundings; what is not said is the plainest there is: Ready but for the asking."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from aimctrl.aim.discovery.inputs import DiscoveryInputs
from aimctrl.aim.discovery.job import discovery_job, job_name
from aimctrl.aim.discovery.log import Artifact, DiscoveryResult, Entry
from aimctrl.aim.discovery.state import JobState
from aimctrl.aim.gpu import Inventory
from aimctrl.aim.resolution import CatalogueEntry, DefaultNotFound, RuntimeConfig
from aimctrl.aim.template.observed import JobView, Observed
from aimctrl.api.cache import AIMTemplateCache
from aimctrl.api.common import ResolvedConfig, Scope
from aimctrl.api.config import RuntimeConfigSpec
from aimctrl.api.kinds import AIM_CLUSTER_SERVICE_TEMPLATE, AIM_SERVICE_TEMPLATE
from aimctrl.api.model import ModelSpec
from aimctrl.api.reasons import ModelState
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.kube.conditions import Condition
from aimctrl.kube.core import JOBS, Job
from aimctrl.kube.kinds import Kind
from aimctrl.kube.lookup import Found, Missing
from aimctrl.kube.meta import Meta, OwnerReference
from aimctrl.runtime.plan import Child, Plan, Refusal, Target

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
IMAGE = "ghcr.io/x/llama:1"
INPUTS = DiscoveryInputs(image=IMAGE, metric="latency", gpu_model="MI300X", gpu_count=2, pull_secrets=("regcred",))
OTHER_INPUTS = replace(INPUTS, image="ghcr.io/x/llama:0")
SOURCE = {"name": "llama", "source": "hf://x/llama", "sizeBytes": 16 * 2**30}
PROFILE = {
    "model": "llama",
    "metadata": {"gpu": "MI300X", "gpu_count": 4, "metric": "latency"},
    "engine_args": {"a": None},
}
RESULT = DiscoveryResult((Entry(PROFILE, (Artifact("llama", "hf://x/llama", 16.0),)),))
NO_CONFIG, NO_MODEL = Missing('AIMRuntimeConfig "big"'), Missing('AIMModel "llama"')


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def config(*, namespace: str = "ns", **spec: Any) -> Found[RuntimeConfig]:
    reference = ResolvedConfig(name="default", namespace=namespace, kind="AIMRuntimeConfig", uid="config-uid", hash="h")
    return Found(RuntimeConfig(reference, RuntimeConfigSpec.model_validate(spec)))


MODEL = Found(
    CatalogueEntry("AIMModel", Scope.NAMESPACE, "ns", "llama", "model-uid", ModelSpec(image=IMAGE), ModelState.READY)
)


def seen(status: dict[str, Any] | None = None, *, scope: Scope = Scope.NAMESPACE, **parts: Any) -> Observed:
    """A template for two MI300X; `spec` adds to its spec (None takes away), `gpus` are those of the cluster's nodes."""
    spec = {"modelName": "llama", "metric": "latency", "gpuSelector": {"count": 2, "model": "MI300X"}}
    spec = {name: value for name, value in (spec | parts.pop("spec", {})).items() if value is not None}
    namespace = "ns" if scope is Scope.NAMESPACE else ""
    kind: Kind[Any] = AIM_SERVICE_TEMPLATE if namespace else AIM_CLUSTER_SERVICE_TEMPLATE
    meta = Meta(name="t", namespace=namespace, uid="t-uid", generation=7, creation_timestamp=ago(900))
    target = Target(kind, meta, status or {})
    template = kind.model.model_validate({"metadata": meta, "spec": spec, "status": status or {}})
    inventory = Inventory()
    for number, gpu in enumerate(parts.pop("gpus", ("MI300X",))):
        label = "nvidia.com/gpu.product" if gpu.startswith("H") else "amd.com/gpu.family"
        inventory.update_node(f"n{number}", {label: gpu}, {})
    default = {
        "now": NOW,
        "target": target,
        "template": template,
        "config": DefaultNotFound(),
        "model": MODEL,
        "inventory": inventory,
        "job_namespace": namespace or "kaiwo-system",
        "inputs": INPUTS,
        "slot_free": True,
    }
    return Observed(**(default | parts))


def job(*conditions: str, ttl: int | None = None, age: float = 600, deleting: bool = False) -> Job:
    """The discovery Job of `seen()`, created that many seconds ago."""
    target = seen().target
    raw = discovery_job(target, INPUTS, "ns")
    raw["metadata"] |= {"uid": "job-uid", "creationTimestamp": ago(age)}
    raw["metadata"] |= {"deletionTimestamp": NOW} if deleting else {}
    raw["spec"] |= {} if ttl is None else {"ttlSecondsAfterFinished": ttl}
    raw["status"] = {"conditions": [{"type": condition, "status": "True"} for condition in conditions]}
    return JOBS.decode(msgspec.json.encode(raw))


JOB_NAME = job_name(seen().target, INPUTS)


def view(state: JobState, *conditions: str, **parts: Any) -> JobView:
    """The Job in that state; what is not of a JobView describes the Job."""
    said = {name: parts.pop(name) for name in ("result", "last_line") if name in parts}
    return JobView(job(*conditions, **parts), state, **said)


def record(failures: int = 0, retry_in: float | None = None, *, inputs: DiscoveryInputs = INPUTS) -> dict[str, Any]:
    """`status.discovery`."""
    found: dict[str, Any] = {"inputsHash": inputs.digest, "jobName": JOB_NAME, "failures": failures}
    return found | ({} if retry_in is None else {"retryAt": (NOW + timedelta(seconds=retry_in)).isoformat()})


def discovered(*, inputs: DiscoveryInputs = INPUTS, profile: dict[str, Any] | None = None) -> dict[str, Any]:
    """The status of a template whose discovery went well."""
    said = _condition("Discovered", "True", "ProfilesDiscovered", "discovery found 1 model source")
    return {
        "observedGeneration": 7,
        "status": "Ready",
        "conditions": [said, _condition("Ready", "True", "ProfilesDiscovered")],
        "modelSources": [SOURCE],
        "profile": PROFILE if profile is None else profile,
        "discovery": record(inputs=inputs),
    }


def failed(reason: str, failures: int = 1, retry_in: float = 60) -> dict[str, Any]:
    """The status of a template whose discovery failed, for that reason."""
    told = _condition("Discovered", "False", reason, "what was said")
    return {"status": "Failed", "conditions": [told], "discovery": record(failures, retry_in)}


def _condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    stamp = "2029-12-31T00:00:00Z"
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": stamp}


def cache(status: str, message: str = "", *, owner: str = "t-uid") -> AIMTemplateCache:
    meta = Meta(name="t", namespace="ns", uid="c-uid", owner_references=(OwnerReference(uid=owner),))
    conditions = [Condition("Failure", "True", "CacheFailed", message)] if message else []
    raw = {"metadata": meta, "spec": {"templateRef": "t"}, "status": {"status": status, "conditions": conditions}}
    return AIMTemplateCache.model_validate(raw)


def refusal(kind: Kind[Any], reason: str, message: str = "no") -> Refusal:
    name = JOB_NAME if kind is JOBS else "t"
    return Refusal(Child(kind, {"metadata": {"name": name, "namespace": "ns"}}), reason, message)


def after(before: Observed, plan: Plan) -> Observed:
    """The same world once the plan's status is written."""
    status = plan.status if plan.status is not None else before.target.status
    template = AIMServiceTemplate.model_validate({**before.template.model_dump(), "status": status})
    return replace(before, target=replace(before.target, status=status), template=template)
