"""A template cache's decision: what is to be cached, which model caches hold it, and how far they are; pure (SPEC §6).

Model caches have no owner, since an Available one outlives who asked for it; a finalizer sees to the others.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aimctrl.aim.cache.artifacts import Part, assign
from aimctrl.aim.cache.model_cache_children import is_creator, model_cache, model_cache_update
from aimctrl.aim.cache.names import FINALIZER, mount_point
from aimctrl.aim.cache.template_cache_leave import leave
from aimctrl.aim.cache.template_cache_observed import Observed
from aimctrl.aim.conditions import summary
from aimctrl.aim.notes import config_notes
from aimctrl.aim.resolution import LOOK_AGAIN, DefaultNotFound
from aimctrl.api.cache import CachedModel, TemplateCacheStatus
from aimctrl.api.reasons import CacheReason, CacheState, ConditionType
from aimctrl.kube.conditions import condition, find, settle
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.plan import Child, Plan

_NAMESPACE_GONE = frozenset({"NamespaceTerminating", "NamespaceMissing"})
_FROM_BEST = (CacheState.AVAILABLE, CacheState.PROGRESSING, CacheState.PENDING, CacheState.FAILED)


@dataclass(frozen=True, slots=True)
class _Finding:
    """A state and why."""

    state: CacheState
    reason: CacheReason
    message: str


def decide(seen: Observed) -> Plan:
    """The status and model caches of a template cache as it was observed."""
    if seen.target.meta.deletion_timestamp is not None:
        return leave(seen)
    if any(refusal.reason in _NAMESPACE_GONE for refusal in seen.refusals):
        return Plan(seen.target)
    if seen.unknown and seen.cache.status.conditions:
        return Plan(seen.target, requeue_after=LOOK_AGAIN)
    parts = _parts(seen)
    problem = _problem(seen)
    verdict = _verdict(seen, parts, problem)
    return Plan(
        seen.target,
        _status(seen, parts, problem, verdict).wire(),
        children=() if problem else tuple(_children(seen, parts or ())),
        notes=config_notes(seen.config, seen.cache.status),
        requeue_after=LOOK_AGAIN if seen.unknown else None,
        finalizers=tuple(dict.fromkeys((*seen.target.meta.finalizers, FINALIZER))),
    )


def _parts(seen: Observed) -> tuple[Part, ...] | None:
    """The artifacts with their model caches, None where it is not known what they are."""
    if seen.artifacts is None:
        return None
    current = {entry.name for entry in seen.cache.status.model_caches.values()}
    return assign(seen.artifacts, seen.held, current, seen.taken)


def _problem(seen: Observed) -> _Finding | None:
    """What stands in the way of making model caches."""
    missing = CacheReason.RUNTIME_CONFIG_MISSING
    match seen.config:
        case Missing(what):
            told = f"{what} not found; create it or change spec.runtimeConfigName"
            return _Finding(CacheState.FAILED, missing, told)
        case Unreachable(why):
            return _Finding(CacheState.PENDING, missing, why)
        case Found() | DefaultNotFound():
            return _unreadable(seen) if seen.artifacts is not None else _no_artifacts(seen)


def _unreadable(seen: Observed) -> _Finding | None:
    return _Finding(CacheState.PENDING, CacheReason.CACHE_PENDING, seen.unreadable) if seen.unreadable else None


def _no_artifacts(seen: Observed) -> _Finding:
    match seen.template:
        case Missing(what):
            told = f"{what} not found; create it or change spec.templateRef"
            return _Finding(CacheState.FAILED, CacheReason.TEMPLATE_NOT_FOUND, told)
        case Unreachable(why):
            return _Finding(CacheState.PENDING, CacheReason.TEMPLATE_NOT_FOUND, why)
        case Found(view):
            told = f'waits for the discovery of {view.reference.kind} "{view.reference.name}"'
            return _Finding(CacheState.PENDING, CacheReason.TEMPLATE_NOT_READY, told)


def _verdict(seen: Observed, parts: tuple[Part, ...] | None, problem: _Finding | None) -> _Finding:
    """What is cached already needs nothing more; else a problem decides, and without one the worst of the parts."""
    findings = [_of_part(seen, part) for part in parts or ()]
    worst = max((finding.state for finding in findings), key=_FROM_BEST.index, default=CacheState.AVAILABLE)
    if problem is not None and (parts is None or worst is not CacheState.AVAILABLE):
        return problem
    told = sorted({finding.message for finding in findings if finding.state is worst})
    match worst:
        case CacheState.AVAILABLE:
            return _Finding(worst, CacheReason.CACHE_WARM, _counted(parts or ()))
        case CacheState.PROGRESSING:
            return _Finding(worst, CacheReason.CACHE_WARMING, f"being downloaded: {', '.join(told)}")
        case CacheState.PENDING:
            return _Finding(worst, CacheReason.CACHE_PENDING, f"waits for {', '.join(told)}")
        case CacheState.FAILED:
            return _Finding(worst, CacheReason.CACHE_FAILED, "; ".join(told))


def _counted(parts: Iterable[Part]) -> str:
    count = len({part.artifact.name for part in parts})
    if not count:
        return "the template has no artifacts"
    return f"{count} artifact{'' if count == 1 else 's'} cached"


def _of_part(seen: Observed, part: Part) -> _Finding:
    """The state of one part; one whose model cache has said nothing yet is Pending."""
    told = f'AIMModelCache "{part.name}"'
    refusal = seen.refusal(part.name)
    if refusal is not None:
        return _Finding(CacheState.FAILED, CacheReason.CACHE_FAILED, f"{told} is refused: {refusal.message}")
    if part.cache is None and not part.artifact.size:
        told = f'the size of "{part.artifact.name}" is not known: list it in spec.modelSources'
        return _Finding(CacheState.FAILED, CacheReason.CACHE_FAILED, told)
    state = part.cache.status.status if part.cache else CacheState.PENDING
    if part.cache is not None and state is CacheState.FAILED:
        said = find(part.cache.status.conditions, ConditionType.FAILURE)
        told = f"{told} failed{f': {said.message}' if said is not None and said.message else ''}"
    return _Finding(state, CacheReason.CACHE_PENDING, told)


def _children(seen: Observed, parts: Iterable[Part]) -> Iterator[Child]:
    """The model caches that are missing, each once, and what has changed of those it made that are not done."""
    done: set[str] = set()
    for part in parts:
        if part.name in done or (part.cache is None and not part.artifact.size):
            continue
        done.add(part.name)
        if part.cache is None:
            yield model_cache(seen, part)
        elif is_creator(seen.cache, part.cache) and part.cache.status.status is not CacheState.AVAILABLE:
            yield model_cache_update(seen, part.artifact, part.cache)


def _status(
    seen: Observed, parts: tuple[Part, ...] | None, problem: _Finding | None, verdict: _Finding
) -> TemplateCacheStatus:
    old, generation = seen.cache.status, seen.target.meta.generation
    resolved = condition(ConditionType.RESOLVED, True, CacheReason.RESOLVED)
    if problem is not None:
        resolved = condition(
            ConditionType.RESOLVED, "Unknown" if seen.unknown else "False", problem.reason, problem.message
        )
    warm = verdict.state is CacheState.AVAILABLE
    conditions = (
        resolved,
        condition(ConditionType.CACHE_WARM, warm, verdict.reason, verdict.message),
        *summary(verdict.state, verdict.reason, verdict.message),
    )
    return TemplateCacheStatus(
        observed_generation=generation,
        status=verdict.state,
        conditions=settle(conditions, old.conditions, generation=generation, now=seen.now),
        resolved_runtime_config=seen.config.value.reference if isinstance(seen.config, Found) else None,
        resolved_template=seen.template.value.reference if isinstance(seen.template, Found) else None,
        model_caches=old.model_caches if parts is None else {part.artifact.name: _entry(part) for part in parts},
    )


def _entry(part: Part) -> CachedModel:
    cache = part.cache
    return CachedModel(
        name=part.name,
        uid=cache.metadata.uid if cache else "",
        status=cache.status.status if cache else CacheState.PENDING,
        model=part.artifact.name,
        persistent_volume_claim=cache.status.persistent_volume_claim if cache else None,
        mount_point=mount_point(part.artifact.name),
    )
