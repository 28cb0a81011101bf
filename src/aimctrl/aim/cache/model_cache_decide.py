"""A model cache's decision: its runtime config, its volume, its download, in this order; pure (SPEC §6).

An artifact that is on its volume needs none of them any more: only the volume's loss undoes it.
"""

from dataclasses import dataclass

from aimctrl.aim.cache.download import expiry
from aimctrl.aim.cache.model_cache_filling import DONE, Filling, fill
from aimctrl.aim.cache.model_cache_observed import Observed
from aimctrl.aim.cache.model_cache_storage import Standing, storage
from aimctrl.aim.conditions import summary
from aimctrl.aim.notes import config_notes
from aimctrl.aim.resolution import LOOK_AGAIN, DefaultNotFound
from aimctrl.api.cache import DownloadRecord, ModelCacheStatus
from aimctrl.api.reasons import CacheReason, CacheState
from aimctrl.kube.conditions import settle
from aimctrl.kube.core import JOBS
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.plan import Child, Plan, Removal

_NAMESPACE_GONE = frozenset({"NamespaceTerminating", "NamespaceMissing"})


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The outcome: state and deciding reason, the volume's part in it, and what is done."""

    state: CacheState
    reason: CacheReason
    message: str
    storage: Standing
    record: DownloadRecord | None = None
    children: tuple[Child, ...] = ()
    removals: tuple[Removal, ...] = ()
    requeue_after: float | None = None


def decide(seen: Observed) -> Plan:
    """The status, volume and download of a model cache as it was observed.

    Nothing is done about one that is being deleted (volume and Job are collected) or whose namespace is.
    """
    leaving = seen.target.meta.deletion_timestamp is not None
    if leaving or any(refusal.reason in _NAMESPACE_GONE for refusal in seen.refusals):
        return Plan(seen.target)
    if isinstance(seen.config, Unreachable) and seen.cache.status.conditions:
        return Plan(seen.target, requeue_after=LOOK_AGAIN)
    verdict = _verdict(seen)
    status = _status(seen, verdict)
    return Plan(
        seen.target,
        status.wire(),
        children=verdict.children,
        removals=verdict.removals,
        notes=config_notes(seen.config, seen.cache.status),
        requeue_after=verdict.requeue_after,
    )


def _verdict(seen: Observed) -> _Verdict:
    if seen.complete:
        standing = storage(seen)
        children = (*standing.children, *expiry(seen.download))
        return _Verdict(CacheState.AVAILABLE, CacheReason.DOWNLOADED, DONE, standing, children=children)
    match seen.config:
        case Missing(what):
            told = f"{what} not found; create it or change spec.runtimeConfigName"
            return _unresolved(CacheState.FAILED, told)
        case Unreachable(why):
            return _unresolved(CacheState.PENDING, why, requeue_after=LOOK_AGAIN)
        case Found() | DefaultNotFound():
            return _from_storage(seen, storage(seen))


def _unresolved(state: CacheState, message: str, requeue_after: float | None = None) -> _Verdict:
    reason = CacheReason.RUNTIME_CONFIG_MISSING
    return _Verdict(state, reason, message, Standing(state, reason, message), requeue_after=requeue_after)


def _from_storage(seen: Observed, standing: Standing) -> _Verdict:
    record = seen.cache.status.download
    if standing.state is not None or seen.claim is None:
        state = standing.state or CacheState.PENDING
        children, removals = standing.children, _outlived(seen, standing)
        return _Verdict(state, standing.reason, standing.message, standing, record, children, removals)
    return _from_filling(standing, fill(seen, seen.claim))


def _outlived(seen: Observed, standing: Standing) -> tuple[Removal, ...]:
    """The download Job of a volume that is lost: what it says no longer holds, and its Pod may keep the claim."""
    if standing.reason is not CacheReason.STORAGE_LOST or seen.download is None:
        return ()
    job = seen.download.job
    return (Removal(JOBS, job.key, job.metadata.uid),)


def _from_filling(standing: Standing, filling: Filling) -> _Verdict:
    return _Verdict(
        filling.state,
        filling.reason,
        filling.message,
        standing,
        filling.record,
        (*standing.children, *filling.children),
        filling.removals,
        filling.requeue_after,
    )


def _status(seen: Observed, verdict: _Verdict) -> ModelCacheStatus:
    conditions = (verdict.storage.condition, *summary(verdict.state, verdict.reason, verdict.message))
    generation, claim = seen.target.meta.generation, seen.claim
    return ModelCacheStatus(
        observed_generation=generation,
        status=verdict.state,
        conditions=settle(conditions, seen.cache.status.conditions, generation=generation, now=seen.now),
        resolved_runtime_config=seen.config.value.reference if isinstance(seen.config, Found) else None,
        persistent_volume_claim=claim.metadata.name if claim else None,
        persistent_volume_claim_uid=claim.metadata.uid if claim else None,
        download=verdict.record,
    )
