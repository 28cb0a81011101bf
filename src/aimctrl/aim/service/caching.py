"""The template cache a service asks for: which one it is, what it says, what is mounted of it, and letting go of it.

A template cache that was made for services goes with the last of them, unless it is Available by then (SPEC §6).
"""

from dataclasses import dataclass
from typing import Any, Final

from aimctrl.aim.merging import propagated_labels
from aimctrl.aim.naming import FOR_SERVICE, MANAGED_BY, MANAGER, REQUESTED_BY, SERVICE_NAME
from aimctrl.aim.resolution import config_spec
from aimctrl.aim.service import findings
from aimctrl.aim.service.candidates import Candidate
from aimctrl.aim.service.findings import Finding
from aimctrl.aim.service.observed import Observed
from aimctrl.api.cache import AIMTemplateCache, TemplateCacheSpec
from aimctrl.api.common import ResolvedReference
from aimctrl.api.kinds import AIM_CLUSTER_SERVICE_TEMPLATE, AIM_SERVICE_TEMPLATE, AIM_TEMPLATE_CACHE
from aimctrl.api.reasons import CacheState, ConditionType, ServiceReason, ServiceState
from aimctrl.kube.conditions import find
from aimctrl.kube.names import label_value, short_hash
from aimctrl.runtime.plan import Child, Plan, Removal, Target

FINALIZER: Final = "aim.silogen.ai/service-cache"
"""On services for which a template cache was made: it has to be seen to before they go."""


@dataclass(frozen=True, slots=True)
class Mount:
    """An artifact on its volume: the claim, and where the serving container has it."""

    claim: str
    path: str

    @property
    def volume(self) -> str:
        """The name of the Pod's volume; a claim's own may be none for a volume."""
        return f"cache-{short_hash(self.claim)}"


@dataclass(frozen=True, slots=True)
class Cached:
    """What comes of the cache: its condition, the template cache it is in, and what is mounted of it.

    `kept`: the template cache is there for services alone, so that somebody has to see to it when they go.
    """

    finding: Finding
    reference: ResolvedReference | None = None
    mounts: tuple[Mount, ...] = ()
    children: tuple[Child, ...] = ()
    kept: bool = False


def cached(seen: Observed, template: Candidate) -> Cached:
    """The template cache of a template that can be run; made where there is none."""
    if not seen.service.spec.cache_model:
        return Cached(not_requested())
    found = _find(seen, template)
    return _missing(seen, template) if found is None else _there(seen, template, found)


def not_requested() -> Finding:
    """No cache is asked for, which keeps nothing from running."""
    return Finding(ConditionType.CACHE_READY, "False", ServiceReason.CACHE_NOT_REQUESTED)


def untouched(seen: Observed, because: Finding) -> Cached:
    """The cache before there is a template that can be run: what there is stays as it is."""
    if not seen.service.spec.cache_model:
        return Cached(not_requested())
    held = FINALIZER in seen.target.meta.finalizers
    asked_for = seen.service.status.resolved_template_cache
    return Cached(findings.not_looked_at(ConditionType.CACHE_READY, because), asked_for, kept=held)


def leave(seen: Observed) -> Plan:
    """What a service does about the cache it asked for before it goes."""
    held = seen.target.meta.finalizers
    if FINALIZER not in held:
        return Plan(seen.target)
    return Plan(seen.target, removals=released(seen, None), finalizers=finalizers(seen, kept=False))


def released(seen: Observed, current: ResolvedReference | None) -> tuple[Removal, ...]:
    """The template cache that the service asked for before, where nobody wants it any more and it is of no use yet.

    One that has changed since it was looked at, and may be Available by now, stays and is looked at again.
    """
    former = seen.service.status.resolved_template_cache
    if former is None or (current is not None and current.name == former.name):
        return ()
    found = [cache for cache in seen.caches if cache.metadata.name == former.name and _is_forsaken(seen, cache)]
    return tuple(
        Removal(AIM_TEMPLATE_CACHE, cache.key, cache.metadata.uid, version=cache.metadata.resource_version)
        for cache in found
    )


def finalizers(seen: Observed, *, kept: bool) -> tuple[str, ...]:
    """The finalizers the service is to have."""
    others = tuple(name for name in seen.target.meta.finalizers if name != FINALIZER)
    return (*others, FINALIZER) if kept else others


def _is_forsaken(seen: Observed, cache: AIMTemplateCache) -> bool:
    meta = cache.metadata
    made_for_services = meta.labels.get(REQUESTED_BY) == FOR_SERVICE
    unfinished = cache.status.status is not CacheState.AVAILABLE and meta.deletion_timestamp is None
    return made_for_services and unfinished and meta.name not in seen.shared_caches


def _find(seen: Observed, template: Candidate) -> AIMTemplateCache | None:
    """The template cache of the template: an Available one first, then the one it has, then that of its own name."""
    current = seen.service.status.resolved_template_cache

    def rank(cache: AIMTemplateCache) -> tuple[bool, bool, bool, str]:
        name = cache.metadata.name
        is_current = current is not None and current.name == name
        return cache.status.status is not CacheState.AVAILABLE, not is_current, name != template.name, name

    fitting = [cache for cache in seen.caches if cache.spec.template_ref == template.name and not _is_going(cache)]
    return min(fitting, key=rank, default=None)


def _is_going(cache: AIMTemplateCache) -> bool:
    return cache.metadata.deletion_timestamp is not None


def _missing(seen: Observed, template: Candidate) -> Cached:
    told = f'AIMTemplateCache "{template.name}"'
    refusal = seen.refusal(AIM_TEMPLATE_CACHE)
    if refusal is not None:
        told = f"{told} cannot be made: {refusal.message}"
        return Cached(_unready(ServiceReason.CACHE_FAILED, told, ServiceState.FAILED))
    going = any(cache.metadata.name == template.name and _is_going(cache) for cache in seen.caches)
    if going or template.spec.caching_enabled:
        told = f"{told} is being deleted" if going else f"waits for {told}, which its template makes"
        return Cached(_unready(ServiceReason.WAITING_FOR_CACHE, told))
    namespace = seen.target.meta.namespace
    reference = ResolvedReference(name=template.name, namespace=namespace, kind=AIM_TEMPLATE_CACHE.name)
    waits = _unready(ServiceReason.WAITING_FOR_CACHE, f"{told} is being made")
    return Cached(waits, reference, children=(_template_cache(seen, template),), kept=True)


def _there(seen: Observed, template: Candidate, cache: AIMTemplateCache) -> Cached:
    meta = cache.metadata
    reference = ResolvedReference(name=meta.name, namespace=meta.namespace, kind=AIM_TEMPLATE_CACHE.name, uid=meta.uid)
    mounts = _mounts(cache)
    kept = meta.labels.get(REQUESTED_BY) == FOR_SERVICE
    children = (_update(seen, template, cache),) if kept and _is_asker(seen, cache) else ()
    return Cached(_finding(cache, mounts), reference, mounts or (), children, kept)


def _is_asker(seen: Observed, cache: AIMTemplateCache) -> bool:
    """Whether the template cache was made for this very service, and is not done: one of several has to steer it."""
    asker = cache.metadata.labels.get(SERVICE_NAME)
    return asker == label_value(seen.target.meta.name) and cache.status.status is not CacheState.AVAILABLE


def _mounts(cache: AIMTemplateCache) -> tuple[Mount, ...] | None:
    """Where the artifacts are, sorted; None while one of them is nowhere."""
    mounts: list[Mount] = []
    for entry in cache.status.model_caches.values():
        if not entry.persistent_volume_claim or not entry.mount_point:
            return None
        mounts.append(Mount(entry.persistent_volume_claim, entry.mount_point))
    return tuple(sorted(mounts, key=lambda mount: (mount.path, mount.claim)))


def _finding(cache: AIMTemplateCache, mounts: tuple[Mount, ...] | None) -> Finding:
    told = f'AIMTemplateCache "{cache.metadata.name}"'
    said = find(cache.status.conditions, ConditionType.READY)
    why = f": {said.message}" if said is not None and said.message else ""
    match cache.status.status:
        case CacheState.AVAILABLE if mounts is not None:
            return Finding(ConditionType.CACHE_READY, "True", ServiceReason.CACHE_WARM)
        case CacheState.FAILED:
            return _unready(ServiceReason.CACHE_FAILED, f"{told} failed{why}", ServiceState.FAILED)
        case CacheState.PENDING:
            return _unready(ServiceReason.WAITING_FOR_CACHE, f"{told} is Pending{why}")
        case CacheState.PROGRESSING | CacheState.AVAILABLE:
            return _unready(ServiceReason.CACHE_WARMING, f"{told} is {cache.status.status.value}{why}")


def _unready(reason: ServiceReason, message: str, state: ServiceState = ServiceState.STARTING) -> Finding:
    return Finding(ConditionType.CACHE_READY, "False", reason, message, state)


def _spec(seen: Observed, template: Candidate) -> dict[str, Any]:
    """What is asked of the template cache: the template's secrets, where it has none the service's."""
    service, base = seen.service.spec, template.spec
    asked = TemplateCacheSpec(
        template_ref=template.name,
        env=base.env or service.env,
        image_pull_secrets=base.image_pull_secrets or service.image_pull_secrets,
        runtime_config_name=service.runtime_config_name or base.runtime_config_name,
    )
    return {name: value for name, value in asked.wire().items() if value != []}


def _update(seen: Observed, template: Candidate, cache: AIMTemplateCache) -> Child:
    """What the template cache lacks to be as it would be made now, so that a mended secret reaches the downloads."""
    kind, meta, wanted = AIM_TEMPLATE_CACHE, cache.metadata, _spec(seen, template)
    steered = {name: wanted.get(name) for name in ("env", "imagePullSecrets", "runtimeConfigName")}
    metadata = {"name": meta.name, "namespace": meta.namespace}
    manifest = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": steered}
    return Child(kind, manifest, mode="patch", uid=meta.uid)


def _template_cache(seen: Observed, template: Candidate) -> Child:
    """The template cache of the template's name, owned by it."""
    kind = AIM_SERVICE_TEMPLATE if template.namespaced else AIM_CLUSTER_SERVICE_TEMPLATE
    labels = propagated_labels(seen.target.meta.labels, config_spec(seen.config).label_propagation)
    own = {MANAGED_BY: MANAGER, REQUESTED_BY: FOR_SERVICE, SERVICE_NAME: label_value(seen.target.meta.name)}
    manifest: dict[str, Any] = {
        "apiVersion": AIM_TEMPLATE_CACHE.api_version,
        "kind": AIM_TEMPLATE_CACHE.name,
        "metadata": {
            "name": template.name,
            "namespace": seen.target.meta.namespace,
            "labels": {**labels, **own},
            "ownerReferences": [Target(kind, template.template.metadata).owner_reference()],
        },
        "spec": _spec(seen, template),
    }
    return Child(AIM_TEMPLATE_CACHE, manifest, mode="create")
