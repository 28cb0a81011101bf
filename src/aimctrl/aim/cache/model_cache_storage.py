"""The first step of a model cache's decision: whether there is a volume to download to (SPEC §6)."""

from dataclasses import dataclass

from aimctrl.aim.cache.model_cache_observed import Observed
from aimctrl.aim.cache.names import claim_name, labels
from aimctrl.aim.cache.volume import ON_FIRST_USE, ClaimParts, claim, growth, volume_size
from aimctrl.aim.resolution import config_spec
from aimctrl.api.reasons import CacheReason, CacheState, ConditionType
from aimctrl.kube.conditions import Condition, condition
from aimctrl.kube.core import PVCS, PersistentVolumeClaim
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.plan import Child


@dataclass(frozen=True, slots=True)
class Standing:
    """How the volume stands: the condition `StorageReady`, and what is done about it.

    `state` is what the volume keeps the cache at; None where a download may run.
    """

    state: CacheState | None
    reason: CacheReason
    message: str
    ready: bool = False
    children: tuple[Child, ...] = ()

    @property
    def condition(self) -> Condition:
        """The condition, still without generation and time."""
        return condition(ConditionType.STORAGE_READY, self.ready, self.reason, self.message)


def storage(seen: Observed) -> Standing:
    """How the volume stands; it is made where there is none."""
    refusal = seen.refusal(PVCS)
    if refusal is not None:
        conflict = refusal.reason == "NameConflict"
        reason = CacheReason.NAME_CONFLICT if conflict else CacheReason.STORAGE_FAILED
        return _failed(reason, f"{_told(seen)} is refused: {refusal.message}")
    if seen.claim is None:
        return _missing(seen)
    if seen.claim.metadata.deletion_timestamp is not None:
        told = f"{_told(seen)} is being deleted; a new one is made once it is gone"
        return _pending(CacheReason.STORAGE_LOST, told)
    return _there(seen, seen.claim)


def _missing(seen: Observed) -> Standing:
    if isinstance(seen.storage_class, Missing):
        return _failed(CacheReason.STORAGE_FAILED, seen.storage_class.what)
    config = config_spec(seen.config)
    named = seen.cache.spec.storage_class_name or config.default_storage_class_name
    found = seen.storage_class.value.metadata.name if isinstance(seen.storage_class, Found) else named
    size = volume_size(seen.cache.spec.size, config.pvc_headroom_percent)
    children = (claim(seen.target, ClaimParts(size, found, seen.labels)),)
    if seen.cache.status.persistent_volume_claim_uid:
        return _pending(CacheReason.STORAGE_LOST, f"{_told(seen)} is gone; a new one is made", children)
    return _pending(CacheReason.STORAGE_PENDING, f"{_told(seen)} is being made", children)


def _there(seen: Observed, live: PersistentVolumeClaim) -> Standing:
    match live.status.phase:
        case "Bound":
            bound, told = CacheReason.STORAGE_BOUND, f"{_told(seen)} is bound"
            return Standing(None, bound, told, ready=True, children=_mended(seen, live))
        case "Lost":
            told = f"{_told(seen)} has lost its volume; delete it to have the artifact downloaded again"
            return _failed(CacheReason.STORAGE_LOST, told)
        case _:
            return _unbound(seen)


def _unbound(seen: Observed) -> Standing:
    match seen.storage_class:
        case Missing(what):
            return _failed(CacheReason.STORAGE_FAILED, f"{_told(seen)} is not bound: {what}")
        case Unreachable(why):
            return _pending(CacheReason.STORAGE_PENDING, f"{_told(seen)} is not bound: {why}")
        case Found(found) if found.volume_binding_mode == ON_FIRST_USE:
            told = f"{_told(seen)} is bound once the download is scheduled"
            return Standing(None, CacheReason.STORAGE_PENDING, told)
        case Found(found):
            told = f'{_told(seen)} waits for StorageClass "{found.metadata.name}" to bind it'
            return _pending(CacheReason.STORAGE_PENDING, told)


def _mended(seen: Observed, live: PersistentVolumeClaim) -> tuple[Child, ...]:
    """A bound claim grows with its artifact while that is not there yet, and keeps the labels it is found by."""
    marks = labels(seen.target.meta.name)
    children: tuple[Child, ...] = ()
    if any(live.metadata.labels.get(key) != value for key, value in marks.items()):
        meta = {"name": live.metadata.name, "namespace": live.metadata.namespace, "labels": marks}
        manifest = {"apiVersion": PVCS.api_version, "kind": PVCS.name, "metadata": meta}
        children = (Child(PVCS, manifest, mode="patch", uid=live.metadata.uid),)
    if not seen.complete and isinstance(seen.storage_class, Found):
        size = volume_size(seen.cache.spec.size, config_spec(seen.config).pvc_headroom_percent)
        children += growth(live, size, seen.storage_class.value)
    return children


def _told(seen: Observed) -> str:
    return f'PersistentVolumeClaim "{claim_name(seen.target.meta.name)}"'


def _failed(reason: CacheReason, message: str) -> Standing:
    return Standing(CacheState.FAILED, reason, message)


def _pending(reason: CacheReason, message: str, children: tuple[Child, ...] = ()) -> Standing:
    return Standing(CacheState.PENDING, reason, message, children=children)
