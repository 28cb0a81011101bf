"""What is told about caches: each artifact, its volume and its download (SPEC §6).

The same for a cache that is explained itself, and for one that a service or template stands on.
"""

from collections.abc import Callable, Iterator

from aimctrl.aim.cache.model_cache_observed import ClassOutcome
from aimctrl.aim.cache.model_cache_observed import Observed as ModelCacheObserved
from aimctrl.aim.cache.names import claim_name, download_name
from aimctrl.aim.cache.template_cache_observed import Observed as TemplateCacheObserved
from aimctrl.aim.explain.explanation import Fact
from aimctrl.aim.explain.parts import NONE, Parts, config_fact, named, not_ready, own_trouble, retried, trouble
from aimctrl.aim.resolution import config_spec
from aimctrl.api.cache import AIMModelCache, AIMTemplateCache, ModelCacheStatus, TemplateCacheStatus
from aimctrl.api.kinds import AIM_MODEL_CACHE, AIM_TEMPLATE_CACHE
from aimctrl.api.reasons import CacheReason, ConditionType
from aimctrl.kube.conditions import find
from aimctrl.kube.core import JOBS, PVCS
from aimctrl.kube.kinds import Key
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.plan import Json

_OF_DOWNLOAD = frozenset({CacheReason.DOWNLOADING, CacheReason.DOWNLOAD_FAILED})

ModelCaches = Callable[[Key], AIMModelCache | None]


def cache_fact(cache: AIMTemplateCache, why: str, find_part: ModelCaches) -> Fact:
    """A template cache that something stands on; where it is not Available, down to volumes and downloads."""
    wrong = own_trouble(cache.status.conditions)
    parts = _artifacts(cache.metadata.namespace, cache.status, find_part) if wrong is not None else ()
    kind, state = AIM_TEMPLATE_CACHE.name, cache.status.status.value
    fact = Fact("cache", named(kind, cache.key), why, state, wrong, parts=tuple(parts))
    return not_ready(fact, kind, cache.key)


def template_cache_parts(seen: TemplateCacheObserved, status: Json) -> Parts:
    """What a template cache stands on, given the status that was decided on."""
    held = {cache.key: cache for cache in (*seen.held, *seen.created)}
    decided = TemplateCacheStatus.model_validate(status)
    facts = (
        config_fact(seen.config, seen.cache.spec.runtime_config_name),
        _template(seen),
        *_artifacts(seen.target.meta.namespace, decided, held.get),
    )
    return Parts(facts, None)


def model_cache_parts(seen: ModelCacheObserved, status: Json) -> Parts:
    """What a model cache stands on, given the status that was decided on."""
    decided, key = ModelCacheStatus.model_validate(status), seen.target.key
    config = config_spec(seen.config)
    asked = seen.cache.spec.storage_class_name or config.default_storage_class_name
    facts = (
        config_fact(seen.config, seen.cache.spec.runtime_config_name),
        Fact("artifact", seen.cache.spec.source_uri, str(seen.cache.spec.size)),
        _storage_class(seen.storage_class, asked),
        *_storage(key, decided),
    )
    return Parts(facts, None)


def _template(seen: TemplateCacheObserved) -> Fact:
    asked = "named in spec.templateRef"
    match seen.template:
        case Found(view):
            found = view.reference
            state = "" if view.artifacts is not None else "not discovered"
            return Fact("template", named(found.kind, found.key), asked, state)
        case Missing(what):
            return Fact("template", NONE, f"{asked}, but there is no {what}")
        case Unreachable(why):
            return Fact("template", "not known", why)


def _storage_class(found: ClassOutcome, asked: str | None) -> Fact:
    match found:
        case Found(value):
            why = "named in spec.storageClassName or the runtime config" if asked else "the cluster's default"
            return Fact("storage class", value.metadata.name, f"{why}; binds volumes {value.volume_binding_mode}")
        case Missing(what):
            return Fact("storage class", NONE, what)
        case Unreachable(why):
            return Fact("storage class", "not known", why)


def _artifacts(namespace: str, status: TemplateCacheStatus, find_part: ModelCaches) -> Iterator[Fact]:
    """The artifacts of a template cache, by name."""
    for name, entry in sorted(status.model_caches.items()):
        key = Key(namespace, entry.name)
        part = find_part(key)
        value = named(AIM_MODEL_CACHE.name, key)
        yield Fact("artifact", value, name, "not there") if part is None else _artifact(part, value, name)


def _artifact(part: AIMModelCache, value: str, name: str) -> Fact:
    spec, status = part.spec, part.status
    wrong = own_trouble(status.conditions)
    parts = _storage(part.key, status) if wrong is not None else ()
    why = f"{name}, {spec.size} from {spec.source_uri}"
    return not_ready(
        Fact("artifact", value, why, status.status.value, wrong, parts=tuple(parts)), AIM_MODEL_CACHE.name, part.key
    )


def _storage(key: Key, status: ModelCacheStatus) -> Iterator[Fact]:
    """The volume of a model cache, and the download onto it once there may be one."""
    wrong = own_trouble(status.conditions)
    stored = find(status.conditions, ConditionType.STORAGE_READY)
    claim = named(PVCS.name, Key(key.namespace, claim_name(key.name)))
    if stored is not None and not stored.is_true:
        there = "" if status.persistent_volume_claim else "not there"
        yield Fact("volume", claim, "", there, trouble(stored.reason, stored.message))
    elif stored is not None:
        yield Fact("volume", claim, stored.message, "Bound")
    if wrong is not None and wrong.reason in _OF_DOWNLOAD:
        job = named(JOBS.name, Key(key.namespace, download_name(key.name)))
        yield Fact("download", job, retried(status.download), trouble=wrong)
