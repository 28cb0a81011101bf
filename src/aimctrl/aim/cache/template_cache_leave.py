"""What a template cache does before it goes: it takes along what it made in vain (SPEC §6); pure.

Whatever becomes of that, the finalizer goes, so that nothing waits for this object: a namespace least of all.
"""

from aimctrl.aim.cache.model_cache_children import relabel
from aimctrl.aim.cache.names import FINALIZER
from aimctrl.aim.cache.template_cache_observed import Observed
from aimctrl.api.cache import AIMModelCache
from aimctrl.api.kinds import AIM_MODEL_CACHE
from aimctrl.api.reasons import CacheState
from aimctrl.runtime.plan import Child, Plan, Removal


def leave(seen: Observed) -> Plan:
    """Of the model caches it made the Available ones stay, and those that another template cache has are left to it.

    The others are removed, unless they have become Available since they were looked at. One without a uid is gone
    already.
    """
    held = seen.target.meta.finalizers
    if FINALIZER not in held:
        return Plan(seen.target)
    unfinished = [cache for cache in seen.created if cache.status.status is not CacheState.AVAILABLE]
    return Plan(
        seen.target,
        children=tuple(_left_to(cache, seen) for cache in unfinished if cache.metadata.name in seen.heirs),
        removals=tuple(_removal(cache) for cache in unfinished if cache.metadata.name not in seen.heirs),
        finalizers=tuple(name for name in held if name != FINALIZER) if seen.target.meta.uid else None,
    )


def _left_to(cache: AIMModelCache, seen: Observed) -> Child:
    return relabel(cache, seen.heirs[cache.metadata.name])


def _removal(cache: AIMModelCache) -> Removal:
    meta = cache.metadata
    return Removal(AIM_MODEL_CACHE, cache.key, meta.uid, version=meta.resource_version)
