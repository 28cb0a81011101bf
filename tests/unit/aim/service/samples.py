"""Services, templates and worlds for the tests of the service family: what is not said is the plainest there is."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from aimctrl.aim.gpu import Inventory
from aimctrl.aim.naming import OVERRIDES
from aimctrl.aim.resolution import CatalogueEntry, ConfigOutcome, DefaultNotFound, RuntimeConfig
from aimctrl.aim.service.candidates import Candidate
from aimctrl.aim.service.observed import Observed, RouteView, RuntimeView
from aimctrl.api.common import ResolvedConfig, Scope
from aimctrl.api.config import RuntimeConfigSpec
from aimctrl.api.kinds import AIM_SERVICE
from aimctrl.api.model import ModelSpec
from aimctrl.api.reasons import ModelState
from aimctrl.api.service import AIMService
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.kube.external import HTTPRoute, InferenceService
from aimctrl.kube.lookup import Found
from aimctrl.kube.names import canonical_json
from aimctrl.runtime.plan import Plan, Target

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
CREATED = "2029-12-31T00:00:00Z"
MODEL_UID = "model-uid"
GPU_LABELS = {"amd.com/gpu.device-id": "74a1"}
"""A node with MI300X."""


def service(name: str = "chat", *, status: dict[str, Any] | None = None, **parts: Any) -> AIMService:
    """A service; `parts` are of its spec, or `labels`, `annotations`, `uid`, `namespace` and such of its metadata."""
    metadata = {"name": name, "namespace": "ml", "uid": f"{name}-uid", "generation": 3, "creationTimestamp": CREATED}
    for key in ("labels", "annotations", "uid", "namespace", "deletionTimestamp", "creationTimestamp"):
        if key in parts:
            metadata[key] = parts.pop(key)
    spec = parts if "aimImageName" in parts else {"model": {"ref": "llama"}, **parts}
    return AIMService.model_validate({"metadata": metadata, "spec": spec, "status": status or {}})


def model(state: ModelState = ModelState.READY, *, scope: Scope = Scope.CLUSTER, **spec: Any) -> CatalogueEntry:
    """The model `llama`."""
    kind, namespace = ("AIMModel", "ml") if scope is Scope.NAMESPACE else ("AIMClusterModel", "")
    given = ModelSpec.model_validate({"image": "ghcr.io/x/llama:1", **spec})
    return CatalogueEntry(kind, scope, namespace, "llama", MODEL_UID, given, state)


def template(name: str = "fast", state: str = "Ready", **parts: Any) -> Candidate:
    """A template of the namespace (`scope`), Ready, for one MI300X; `parts` are of its spec, its metadata or its
    Candidate. `profile` is the metadata of a discovered profile, `made_for` the overrides it was derived for.
    """
    candidate = {key: parts.pop(key) for key in ("model_uid", "gpu_here", "hidden", "scope") if key in parts}
    scope = candidate.setdefault("scope", Scope.NAMESPACE)
    metadata: dict[str, Any] = {"name": name, "uid": parts.pop("uid", f"{scope.value}-{name}-uid"), "generation": 1}
    if scope is Scope.NAMESPACE:
        metadata["namespace"] = "ml"
    metadata["ownerReferences"] = [{"uid": uid, "kind": "AIMService"} for uid in parts.pop("owners", ())]
    made_for = parts.pop("made_for", None)
    if made_for is not None:
        metadata["labels"] = {"aim.silogen.ai/derived-template": "true"}
        metadata["annotations"] = {OVERRIDES: canonical_json(made_for).decode()}
    metadata |= {key: parts.pop(key) for key in ("labels", "resourceVersion", "deletionTimestamp") if key in parts}
    status: dict[str, Any] = {"status": state, "profile": {"metadata": parts.pop("profile", {})}}
    if "message" in parts:
        status["conditions"] = [{"type": "Ready", "status": "False", "reason": "R", "message": parts.pop("message")}]
    default = {
        "modelName": "llama",
        "metric": "latency",
        "precision": "fp16",
        "gpuSelector": {"count": 1, "model": "MI300X"},
    }
    spec = {key: value for key, value in (default | parts).items() if value is not None}
    raw = {"metadata": metadata, "spec": spec, "status": status}
    return Candidate(AIMServiceTemplate.model_validate(raw), **({"model_uid": MODEL_UID} | candidate))


def cluster_template(name: str = "fast", state: str = "Ready", **parts: Any) -> Candidate:
    """The same of the cluster."""
    return template(name, state, scope=Scope.CLUSTER, **parts)


def inventory(**nodes: dict[str, str]) -> Inventory:
    """Nodes and their labels; one with MI300X where none are given."""
    found = Inventory()
    for name, labels in (nodes or {"node": GPU_LABELS}).items():
        found.update_node(name, labels, {"amd.com/gpu": "8"})
    return found


def config(name: str = "default", *, uid: str = "config-uid", **spec: Any) -> ConfigOutcome:
    """A runtime config of the namespace."""
    reference = ResolvedConfig(name=name, namespace="ml", kind="AIMRuntimeConfig", uid=uid, hash="h")
    return Found(RuntimeConfig(reference, RuntimeConfigSpec.model_validate(spec)))


def seen(subject: AIMService | None = None, *templates: Candidate, **parts: Any) -> Observed:
    """A service with these templates; all else is there and quiet. `parts` are fields of Observed."""
    subject = subject or service()
    names = frozenset(candidate.name for candidate in templates if candidate.namespaced)
    defaults: dict[str, Any] = {
        "now": NOW,
        "target": Target(AIM_SERVICE, subject.metadata, subject.status.wire()),
        "service": subject,
        "document": subject.wire(),
        "config": DefaultNotFound(),
        "model": Found(model()),
        "inventory": inventory(),
        "templates": templates,
        "taken": names,
    }
    return Observed(**(defaults | parts))


def isvc(owner: str = "chat-uid", *, ready: bool | None = None, runtime: str = "fast", **parts: Any) -> RuntimeView:
    """An InferenceService; `ready` None is one that KServe has said nothing of."""
    conditions = [] if ready is None else [{"type": "Ready", "status": str(ready)}]
    raw = {
        "metadata": {
            "name": "chat",
            "namespace": "ml",
            "uid": "isvc-uid",
            **_owned(owner),
            **parts.pop("metadata", {}),
        },
        "spec": parts.pop("spec", {"predictor": {"model": {"runtime": runtime}}}),
        "status": {"conditions": parts.pop("conditions", conditions), **parts},
    }
    return RuntimeView(live=decoded(InferenceService, raw))


def http_route(owner: str = "chat-uid", *, accepted: str = "", reason: str = "", **parts: Any) -> RouteView:
    """An HTTPRoute on the gateway `gw` of the namespace `ml`; `accepted` is the gateway's word, if it has spoken."""
    said = [{"type": "Accepted", "status": accepted, "reason": reason, "message": parts.pop("message", "")}]
    parents = [{"parentRef": {"name": "gw"}, "conditions": said}] if accepted else []
    raw = {
        "metadata": {"name": "chat", "namespace": "ml", "uid": "route-uid", "generation": 1, **_owned(owner)},
        "spec": {},
        "status": {"parents": parts.pop("parents", parents)},
    }
    return RouteView(live=decoded(HTTPRoute, raw), **parts)


def _owned(owner: str) -> dict[str, Any]:
    return {
        "ownerReferences": [{"kind": "AIMService", "name": "chat", "uid": owner, "controller": True}] if owner else []
    }


def decoded(type_: type[Any], raw: dict[str, Any]) -> Any:
    return msgspec.convert(raw, type_)


def after(plan: Plan, before: Observed, **parts: Any) -> Observed:
    """The world once the plan's status is written."""
    subject = AIMService.model_validate({**before.service.wire(), "status": plan.status})
    target = replace(before.target, status=plan.status)
    return replace(before, service=subject, target=target, **parts)


def said(plan: Plan, kind: str) -> tuple[str, str]:
    """Status and reason of a condition of the plan."""
    assert plan.status is not None
    found = [c for c in plan.status["conditions"] if c["type"] == kind]
    assert len(found) == 1, kind
    return found[0]["status"], found[0]["reason"]


def told(plan: Plan, kind: str) -> str:
    """The message of a condition of the plan."""
    assert plan.status is not None
    return next(c["message"] for c in plan.status["conditions"] if c["type"] == kind)


def manifest(plan: Plan, kind: str) -> dict[str, Any]:
    """The manifest of the plan's one child of a kind."""
    found = [child for child in plan.children if child.kind.name == kind]
    assert len(found) == 1, [child.kind.name for child in plan.children]
    return dict(found[0].manifest)


def kinds(plan: Plan) -> list[str]:
    """The plan's children by mode and kind, and its removals, in their order."""
    return [f"{c.mode} {c.kind.name} {c.key.name}" for c in plan.children] + [
        f"remove {r.kind.name} {r.key.name}" for r in plan.removals
    ]
