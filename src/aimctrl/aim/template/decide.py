"""A template's decision: SPEC §3, its steps in their order; pure."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from aimctrl.aim.conditions import summary
from aimctrl.aim.naming import MANAGED_BY, MANAGER, OVERRIDES
from aimctrl.aim.notes import config_notes
from aimctrl.aim.profile import profile_of
from aimctrl.aim.resolution import LOOK_AGAIN, DefaultNotFound
from aimctrl.aim.template.discover import Discovered, Undiscovered, discover, log_decides
from aimctrl.aim.template.observed import Observed
from aimctrl.aim.template.serving_runtime import RuntimeNeeds, serving_runtime
from aimctrl.aim.template.warm import cache_child, warmth
from aimctrl.api.common import DiscoveredSource, ResolvedConfig, ResolvedReference, Scope
from aimctrl.api.reasons import ConditionType, TemplateReason, TemplateState
from aimctrl.api.template import DiscoveryRecord, TemplateStatus
from aimctrl.kube.conditions import Condition, condition, find, settle
from aimctrl.kube.core import JOBS
from aimctrl.kube.external import CLUSTER_SERVING_RUNTIMES, SERVING_RUNTIMES
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.plan import Child, Plan, Refusal, Removal

ABANDONED_AFTER = timedelta(minutes=5)
"""How long a derived template may be without a service that owns it."""

RUNTIME_KINDS = (SERVING_RUNTIMES, CLUSTER_SERVING_RUNTIMES)


@dataclass(frozen=True, slots=True)
class _Findings:
    """What discovery has given so far, as it stands in status."""

    sources: tuple[DiscoveredSource, ...] = ()
    profile: dict[str, Any] | None = None
    record: DiscoveryRecord | None = None


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The outcome of the steps: state and deciding reason, the conditions of their own, and what to do."""

    state: TemplateState
    reason: TemplateReason
    message: str
    findings: _Findings
    discovered: Condition
    cache_warm: Condition | None = None
    children: tuple[Child, ...] = ()
    removals: tuple[Removal, ...] = field(default=())
    requeue_after: float | None = None


def decide(seen: Observed) -> Plan:
    """The status, children and removals of a template as it was observed.

    Where what it stands on cannot be read, or its namespace is being deleted, what was decided before stays.
    """
    if seen.target.meta.deletion_timestamp is not None or _namespace_goes(seen):
        return Plan(seen.target)
    unclaimed = _unclaimed(seen)
    if unclaimed is not None and unclaimed <= 0:
        meta = seen.target.meta
        gone = Removal(seen.target.kind, seen.target.key, meta.uid, version=meta.resource_version)
        return Plan(seen.target, removals=(gone,))
    blocked = _blocked(seen)
    if blocked is not None and blocked.state is TemplateState.PENDING and seen.template.status.conditions:
        return Plan(seen.target, requeue_after=LOOK_AGAIN)
    verdict = blocked or _unblocked(seen)
    return Plan(
        seen.target,
        _status(seen, verdict).wire(),
        children=verdict.children,
        removals=(*verdict.removals, *_outdated(seen)),
        notes=config_notes(seen.config, seen.template.status),
        requeue_after=min((s for s in (verdict.requeue_after, unclaimed) if s is not None), default=None),
    )


def _namespace_goes(seen: Observed) -> bool:
    """Whether runtime or cache are refused for that; a Job may be in another namespace, whose end is told."""
    return any(refusal.reason == "NamespaceTerminating" and refusal.child.kind != JOBS for refusal in seen.refusals)


def _unclaimed(seen: Observed) -> float | None:
    """Seconds until a derived template that no service owns is given up, None for any other.

    Services own those they use; one that goes right after it made a template leaves it without an owner.
    """
    meta = seen.target.meta
    derived = meta.labels.get(MANAGED_BY) == MANAGER and OVERRIDES in meta.annotations
    if not derived or meta.owner_references or meta.creation_timestamp is None:
        return None
    return (meta.creation_timestamp + ABANDONED_AFTER - seen.now).total_seconds()


def wants_log(seen: Observed) -> bool:
    """Whether the decision depends on what the log of the discovery Job holds, should it have ended."""
    if seen.inputs is None or seen.target.meta.deletion_timestamp is not None:
        return False
    return _blocked(seen) is None and log_decides(seen, seen.inputs)


def _outdated(seen: Observed) -> tuple[Removal, ...]:
    """Jobs of former inputs: nobody waits for them, and each unfinished one holds a slot."""
    return tuple(Removal(JOBS, job.key, job.metadata.uid) for job in seen.outdated_jobs)


def _blocked(seen: Observed) -> _Verdict | None:
    """Steps 1 to 3: what has to be there before anything else is looked at."""
    match seen.config:
        case Missing(what):
            return _standing(seen, TemplateState.DEGRADED, TemplateReason.RUNTIME_CONFIG_MISSING, f"there is no {what}")
        case Unreachable(why):
            return _unknown(seen, TemplateReason.RUNTIME_CONFIG_MISSING, why)
        case Found() | DefaultNotFound():
            pass
    match seen.model:
        case Missing(what):
            return _standing(seen, TemplateState.DEGRADED, TemplateReason.MODEL_NOT_FOUND, f"there is no {what}")
        case Unreachable(why):
            return _unknown(seen, TemplateReason.MODEL_NOT_FOUND, why)
        case Found():
            return _without_gpu(seen)


def _without_gpu(seen: Observed) -> _Verdict | None:
    gpu = seen.template.spec.gpu.model
    if not gpu or seen.inventory.has(gpu):
        return _without_caches(seen)
    if isinstance(seen.nodes, Unavailable):
        return _unknown(seen, TemplateReason.GPU_NOT_AVAILABLE, f"nodes cannot be read: {seen.nodes.message}")
    told = f"no node has the GPU model {gpu}"
    return _standing(seen, TemplateState.NOT_AVAILABLE, TemplateReason.GPU_NOT_AVAILABLE, told)


def _without_caches(seen: Observed) -> _Verdict | None:
    if not seen.template.spec.caching_enabled or not seen.unread_caches:
        return None
    return _unknown(seen, TemplateReason.WARM_REQUESTED, seen.unread_caches)


def _unknown(seen: Observed, reason: TemplateReason, why: str) -> _Verdict:
    """Whether it is there cannot be told now, which is nobody's failure."""
    return replace(_standing(seen, TemplateState.PENDING, reason, why), requeue_after=LOOK_AGAIN)


def _standing(seen: Observed, state: TemplateState, reason: TemplateReason, message: str) -> _Verdict:
    """The steps end here; what was discovered before stays as it is."""
    status = seen.template.status
    waits = condition(ConditionType.DISCOVERED, "Unknown", TemplateReason.AWAITING_DISCOVERY, message)
    return _Verdict(
        state,
        reason,
        message,
        _Findings(status.model_sources, status.profile, status.discovery),
        find(status.conditions, ConditionType.DISCOVERED) or waits,
        warmth(seen)[1],
    )


def _unblocked(seen: Observed) -> _Verdict:
    """Steps 4 to 8."""
    if seen.inputs is None:
        raise ValueError("a template whose runtime config and model are known has inputs of discovery")
    match discover(seen, seen.inputs):
        case Undiscovered() as open_:
            return _undiscovered(seen, open_)
        case Discovered() as found:
            return _discovered(seen, found)


def _undiscovered(seen: Observed, open_: Undiscovered) -> _Verdict:
    return _Verdict(
        open_.state,
        open_.reason,
        open_.message,
        _kept(seen, open_.record),
        condition(ConditionType.DISCOVERED, False, open_.reason, open_.message),
        warmth(seen)[1],
        open_.children,
        open_.removals,
        open_.requeue_after,
    )


def _kept(seen: Observed, record: DiscoveryRecord | None) -> _Findings:
    """A result of former inputs stays with what it found; a failure found nothing."""
    if record is None or record.failures:
        return _Findings(record=record)
    return _Findings(seen.template.status.model_sources, seen.template.status.profile, record)


def _discovered(seen: Observed, found: Discovered) -> _Verdict:
    """Step 8: the artifacts are known; what is left is the cache, if it is asked for, and the runtime."""
    state, warm = warmth(seen)
    reason, message = found.reason, found.message
    if state is not TemplateState.READY and warm is not None:
        reason, message = TemplateReason(warm.reason), warm.message
    children = found.children
    if seen.template.spec.caching_enabled:
        children += (cache_child(seen.target, seen.template.spec),)
    if state is TemplateState.READY:
        children += _runtime_children(seen, found.profile)
        state, reason, message = _runtime_outcome(seen, reason, message)
    return _Verdict(
        state,
        reason,
        message,
        _Findings(found.sources, found.profile, found.record),
        condition(ConditionType.DISCOVERED, True, found.reason, found.message),
        warm,
        children,
        requeue_after=found.requeue_after,
    )


def _runtime_children(seen: Observed, profile: dict[str, Any] | None) -> tuple[Child, ...]:
    """The runtime, with the GPUs that discovery found, else those of the selector."""
    if seen.runtime_missing_kind or seen.inputs is None:
        return ()
    selector, discovered = seen.template.spec.gpu, profile_of(profile)
    count = selector.count if discovered.gpu_count is None else discovered.gpu_count
    resource = selector.resource_name or seen.inventory.vendor_of(selector.model or discovered.gpu)
    inputs = seen.inputs
    needs = RuntimeNeeds(inputs.image, inputs.pull_secrets, count or 0, resource, inputs.profile_env)
    return (serving_runtime(seen.target, needs),)


def _runtime_outcome(seen: Observed, reason: TemplateReason, message: str) -> tuple[TemplateState, TemplateReason, str]:
    refusal = next((refusal for refusal in seen.refusals if refusal.child.kind in RUNTIME_KINDS), None)
    missing = seen.runtime_missing_kind
    if refusal is not None and refusal.reason == "KindMissing":
        missing = refusal.child.kind.resource
    elif refusal is not None:
        return TemplateState.DEGRADED, _refused(refusal), refusal.message
    if missing:
        message = f"{message}; its runtime is made once KServe's {missing} is installed"
    return TemplateState.READY, reason, message


def _refused(refusal: Refusal) -> TemplateReason:
    conflict = refusal.reason == "NameConflict"
    return TemplateReason.NAME_CONFLICT if conflict else TemplateReason.SERVING_RUNTIME_REFUSED


def _status(seen: Observed, verdict: _Verdict) -> TemplateStatus:
    conditions = [verdict.discovered, *summary(verdict.state, verdict.reason, verdict.message)]
    if verdict.cache_warm is not None and seen.scope is Scope.NAMESPACE:
        conditions.append(verdict.cache_warm)
    generation = seen.target.meta.generation
    return TemplateStatus(
        observed_generation=generation,
        status=verdict.state,
        conditions=settle(conditions, seen.template.status.conditions, generation=generation, now=seen.now),
        resolved_runtime_config=_config(seen),
        resolved_image=_image(seen),
        model_sources=verdict.findings.sources,
        profile=verdict.findings.profile,
        discovery=verdict.findings.record,
    )


def _config(seen: Observed) -> ResolvedConfig | None:
    return seen.config.value.reference if isinstance(seen.config, Found) else None


def _image(seen: Observed) -> ResolvedReference | None:
    return seen.model.value.reference if isinstance(seen.model, Found) else None
