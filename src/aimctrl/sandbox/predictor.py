"""What KServe would make of an InferenceService in RawDeployment mode: its status and its predictor Service; pure.

The Deployment and its pods are left out; the script of the runtime's image says how they would fare.
Source: https://kserve.github.io/website/docs/reference/crd-api.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from aimctrl.kube.conditions import Condition, condition, find, settle
from aimctrl.kube.core import SERVICES, Container
from aimctrl.runtime.plan import Child, Plan, Target
from aimctrl.sandbox.external import INFERENCE_SERVICES, Plain
from aimctrl.sandbox.scheduling import Demand, Placed, Unschedulable, devices_of, required_terms
from aimctrl.sandbox.script import ImageScript
from aimctrl.sandbox.wire import Affinity

Json = dict[str, Any]

SERVING_CONTAINER = "kserve-container"
SERVING_PORT = 8080


@dataclass(frozen=True, slots=True)
class Stage:
    """One InferenceService and what it depends on; `runtime` is None where the one it names is not there."""

    service: Plain
    runtime: Plain | None
    script: ImageScript
    place: Placed | Unschedulable
    now: datetime


@dataclass(frozen=True, slots=True)
class Outlook:
    """How the model fares: the predictor's condition, the model's states, the seconds until time changes it."""

    ready: Condition
    transition: str
    target: str
    failure: Mapping[str, Any] | None = None
    after: float | None = None


def container_of(service: Plain, runtime: Plain | None) -> Container:
    """The serving container: the runtime's, with what the InferenceService's model says in its place."""
    containers: list[Json] = runtime.spec.get("containers") or [] if runtime else []
    base: Json = next((c for c in containers if c.get("name") == SERVING_CONTAINER), Json())
    model = _model(service)
    env: list[Json] = [*base.get("env", ()), *model.get("env", ())]
    own = {name: model[name] for name in ("image", "args", "resources") if model.get(name)}
    by_name = {entry["name"]: entry for entry in env}
    return msgspec.convert({**base, **own, "name": SERVING_CONTAINER, "env": list(by_name.values())}, Container)


def runtime_name(service: Plain) -> str:
    """The name of the runtime it asks for, empty where it leaves the choice to KServe."""
    return str(_model(service).get("runtime", ""))


def demand_of(service: Plain, container: Container) -> Demand:
    """What its predictor's pods ask of a node."""
    predictor = service.spec.get("predictor", {})
    affinity = msgspec.convert(predictor.get("affinity") or {}, Affinity)
    return Demand(predictor.get("nodeSelector") or {}, required_terms(affinity), devices_of([container]))


def decide(stage: Stage) -> Plan:
    """The predictor Service and the status, as KServe would have them."""
    service = stage.service
    target = Target(INFERENCE_SERVICES, service.metadata, service.status)
    before = msgspec.convert(service.status.get("conditions", []), tuple[Condition, ...])
    if stage.runtime is None:
        return Plan(target, _without_runtime(service, before, stage.now))
    outlook = _outlook(stage, before)
    ready = outlook.ready
    overall = condition("Ready", ready.is_true, ready.reason, ready.message)
    ingress = condition("IngressReady", ready.is_true, "" if ready.is_true else "Predictor ingress not created")
    conditions = settle((ingress, ready, overall), before, generation=0, now=stage.now)
    status = {
        **service.status,
        "observedGeneration": service.metadata.generation,
        "conditions": [msgspec.to_builtins(c) for c in conditions],
        "modelStatus": _model_status(service, outlook),
    }
    if ready.is_true:
        status |= {"url": _url(service), "address": {"url": _url(service)}}
    return Plan(target, status, (_predictor(target),), requeue_after=outlook.after)


def _outlook(stage: Stage, before: tuple[Condition, ...]) -> Outlook:
    """How it fares; once ready, it stays so until its script says otherwise."""
    script, known = stage.script, find(before, "PredictorReady")
    unavailable = condition(
        "PredictorReady", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."
    )
    if script.serving == "failed":
        failure = {"reason": "ModelLoadFailed", "message": _last_line(script), "exitCode": script.exit_code or 1}
        return Outlook(unavailable, "BlockedByFailedLoad", "FailedToLoad", failure)
    if script.pull_error or isinstance(stage.place, Unschedulable):
        return Outlook(unavailable, "InProgress", "Pending")
    if script.serving == "loading":
        return Outlook(unavailable, "InProgress", "Loading")
    since = (known.last_transition_time if known else None) or stage.now
    remaining = (since + timedelta(seconds=script.load_seconds) - stage.now).total_seconds()
    if remaining > 0 and not (known and known.is_true):
        return Outlook(unavailable, "InProgress", "Loading", after=remaining)
    loaded = condition("PredictorReady", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    return Outlook(loaded, "UpToDate", "Loaded")


def _without_runtime(service: Plain, before: tuple[Condition, ...], now: datetime) -> Json:
    """The status while the runtime is missing: what serves already goes on, the model's status says what is wrong."""
    wanted = before or settle(
        (condition("PredictorReady", "Unknown", ""), condition("Ready", "Unknown", "")), (), generation=0, now=now
    )
    failure = {"reason": "RuntimeNotRecognized", "message": "Waiting for runtime to become available"}
    return {
        **service.status,
        "observedGeneration": service.metadata.generation,
        "conditions": [{"status": "Unknown", **msgspec.to_builtins(c)} for c in wanted],
        "modelStatus": {
            "transitionStatus": "InvalidSpec",
            "states": {"activeModelState": _active(service), "targetModelState": "FailedToLoad"},
            "lastFailureInfo": failure,
        },
    }


def _model_status(service: Plain, outlook: Outlook) -> Json:
    loaded = outlook.target == "Loaded"
    status = {
        "transitionStatus": outlook.transition,
        "states": {
            "activeModelState": "Loaded" if loaded else _active(service),
            "targetModelState": outlook.target,
        },
        "copies": {"failedCopies": 1 if outlook.failure else 0, "totalCopies": 1 if loaded else 0},
    }
    return status | ({"lastFailureInfo": dict(outlook.failure)} if outlook.failure else {})


def _active(service: Plain) -> str:
    states = service.status.get("modelStatus", {}).get("states", {})
    return str(states.get("activeModelState", ""))


def _last_line(script: ImageScript) -> str:
    lines = script.output.decode(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")


def _model(service: Plain) -> Json:
    model: Json = service.spec.get("predictor", {}).get("model") or {}
    return model


def _url(service: Plain) -> str:
    return f"http://{service.metadata.name}-predictor.{service.metadata.namespace}.svc.cluster.local"


def _predictor(target: Target) -> Child:
    meta = target.meta
    name = f"{meta.name}-predictor"
    labels = {"app": f"isvc.{name}", "component": "predictor", "serving.kserve.io/inferenceservice": meta.name}
    manifest = {
        "metadata": {
            "name": name,
            "namespace": meta.namespace,
            "labels": labels,
            "ownerReferences": [target.owner_reference()],
        },
        "spec": {
            "clusterIP": "None",
            "selector": {"app": f"isvc.{name}"},
            "ports": [{"name": name[:15].rstrip("-"), "port": 80, "protocol": "TCP", "targetPort": SERVING_PORT}],
        },
    }
    return Child(SERVICES, manifest, mode="create")
