"""What stands between a chosen template and a service that answers: the template's state, the cache, KServe.

Source: https://kserve.github.io/website/docs/reference/crd-api (InferenceServiceStatus, ModelStatus).
"""

from aimctrl.aim.service import findings
from aimctrl.aim.service.candidates import Candidate
from aimctrl.aim.service.findings import Finding
from aimctrl.aim.service.observed import Observed
from aimctrl.api.kinds import AIM_SERVICE_TEMPLATE
from aimctrl.api.reasons import ConditionType, ServiceReason, ServiceState, TemplateState
from aimctrl.kube.conditions import find
from aimctrl.kube.external import INFERENCE_SERVICES, InferenceService

FAILED_TRANSITIONS = frozenset({"BlockedByFailedLoad", "InvalidSpec"})
"""The values of `modelStatus.transitionStatus` with which KServe gives up until something changes."""


def template_hold(template: Candidate) -> Finding | None:
    """Why the template cannot be run now; None where it can."""
    match template.state:
        case TemplateState.DEGRADED | TemplateState.FAILED:
            told = _told(template)
            return findings.runtime(ServiceState.DEGRADED, ServiceReason.TEMPLATE_NOT_READY, told)
        case TemplateState.NOT_AVAILABLE:
            return _no_gpu(template)
        case _ if not template.gpu_here:
            return _no_gpu(template)
        case TemplateState.READY:
            return None
        case TemplateState.PENDING | TemplateState.PROGRESSING:
            return findings.runtime(ServiceState.STARTING, ServiceReason.TEMPLATE_NOT_READY, _told(template))


def _told(template: Candidate) -> str:
    said = find(template.template.status.conditions, ConditionType.READY)
    why = f": {said.message}" if said and said.message else ""
    return f"{template} is {template.state.value}{why}"


def _no_gpu(template: Candidate) -> Finding:
    gpu = template.spec.gpu.model or "it needs"
    told = f"{template} is not available: no node has the GPU {gpu}"
    return findings.runtime(ServiceState.STARTING, ServiceReason.TEMPLATE_NOT_AVAILABLE, told)


def derivation_hold(seen: Observed, name: str | None) -> Finding:
    """Why a derived template that is not there yet cannot be run; no `name` where others have its names."""
    refusal = seen.refusal(AIM_SERVICE_TEMPLATE)
    if name is None:
        told = "other templates have the names of the derived template; remove them or set spec.templateRef"
        return findings.runtime(ServiceState.DEGRADED, ServiceReason.NAME_CONFLICT, told)
    if refusal is not None:
        told = f'AIMServiceTemplate "{name}" cannot be created: {refusal.message}'
        return findings.runtime(ServiceState.DEGRADED, ServiceReason.TEMPLATE_NOT_READY, told)
    told = f'AIMServiceTemplate "{name}" is being derived'
    return findings.runtime(ServiceState.STARTING, ServiceReason.TEMPLATE_NOT_READY, told)


def runtime(seen: Observed, name: str) -> Finding:
    """How far the InferenceService of that name is."""
    return hindrance(seen, name) or _progress(seen.inference_service, name)


def hindrance(seen: Observed, name: str) -> Finding | None:
    """Why there can be no InferenceService of that name, or not the one that was meant."""
    refusal = seen.refusal(INFERENCE_SERVICES)
    told = f'InferenceService "{name}"'
    live = seen.runtime.live
    strangers = live is not None and seen.is_strangers(live.metadata)
    if strangers or (refusal is not None and refusal.reason == "NameConflict"):
        told = f"{told} exists and belongs to somebody else; rename the service or remove it"
        return findings.runtime(ServiceState.DEGRADED, ServiceReason.NAME_CONFLICT, told)
    why = seen.out_of_reach(INFERENCE_SERVICES, seen.runtime.availability)
    if why:
        return findings.runtime(ServiceState.STARTING, ServiceReason.CREATING_RUNTIME, f"{told} cannot be made: {why}")
    if refusal is not None:
        own = seen.inference_service
        state = ServiceState.DEGRADED if own is not None and own.ready else ServiceState.FAILED
        return findings.runtime(state, ServiceReason.RUNTIME_FAILED, f"{told} is refused: {refusal.message}")
    return None


def _progress(live: InferenceService | None, name: str) -> Finding:
    """What KServe says of it.

    Its `observedGeneration` is not looked at: in raw deployments it is that of the Deployment.
    """
    told = f'InferenceService "{name}"'
    if live is None:
        return findings.runtime(ServiceState.STARTING, ServiceReason.CREATING_RUNTIME, f"{told} is being created")
    if live.ready:
        return Finding(ConditionType.RUNTIME_READY, "True", ServiceReason.RUNTIME_READY)
    model = live.status.model_status
    if model.transition_status in FAILED_TRANSITIONS:
        why = model.last_failure_info
        said = ": ".join(part for part in (why.reason, why.message) if part) if why else model.transition_status
        return findings.runtime(ServiceState.FAILED, ServiceReason.RUNTIME_FAILED, f"{told} failed: {said}")
    why_not = _why_not_ready(live)
    told = f"{told} is not ready{why_not}"
    return findings.runtime(ServiceState.STARTING, ServiceReason.CREATING_RUNTIME, told)


def _why_not_ready(live: InferenceService) -> str:
    """What the predictor says, else the whole: `: <reason>: <message>`."""
    for kind in ("PredictorReady", "IngressReady", "Ready"):
        said = find(live.status.conditions, kind)
        if said is not None and not said.is_true and (said.reason or said.message):
            return "".join(f": {part}" for part in (said.reason, said.message) if part)
    return ""
