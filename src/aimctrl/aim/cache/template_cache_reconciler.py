"""Reading what a template cache's decision needs, and what makes it look again."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from aimctrl.aim.cache.artifacts import discovered
from aimctrl.aim.cache.indexes import (
    CACHES_BY_CONFIG,
    CACHES_BY_CREATOR,
    CACHES_BY_SOURCE,
    TEMPLATES_BY_SOURCE,
    sources_of,
)
from aimctrl.aim.cache.names import FINALIZER, creator_label
from aimctrl.aim.cache.template_cache_decide import decide
from aimctrl.aim.cache.template_cache_observed import Observed, TemplateView, artifacts_of
from aimctrl.aim.indexes import CACHES_BY_TEMPLATE
from aimctrl.aim.resolution import unreadable
from aimctrl.aim.shared import CONFIG_KINDS, TEMPLATE_KINDS, Shared, target_of
from aimctrl.api.cache import AIMModelCache, AIMTemplateCache, TemplateCacheSpec
from aimctrl.api.common import ResolvedReference, Scope
from aimctrl.api.kinds import AIM_MODEL_CACHE, AIM_TEMPLATE_CACHE
from aimctrl.api.reasons import CacheState, ConditionType
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.kube.conditions import find
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.kube.meta import Meta
from aimctrl.runtime.access import Access
from aimctrl.runtime.controller import Controller, ControllerOptions
from aimctrl.runtime.plan import Plan, Refusal, Target
from aimctrl.runtime.planning import PlanReconciler
from aimctrl.runtime.request import Request
from aimctrl.runtime.store import Change
from aimctrl.runtime.triggers import Watch, spec_changed


class TemplateCacheReconciler(PlanReconciler[Observed]):
    """Template caches (SPEC §6)."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared.manager.applier)
        informers = shared.manager.informers
        self._shared = shared
        caches, models = informers.informer(AIM_TEMPLATE_CACHE), informers.informer(AIM_MODEL_CACHE)
        for index in (CACHES_BY_CONFIG, CACHES_BY_TEMPLATE, CACHES_BY_SOURCE):
            caches.add_index(index)
        models.add_index(CACHES_BY_SOURCE)
        models.add_index(CACHES_BY_CREATOR)
        for kind in TEMPLATE_KINDS:
            informers.informer(kind).add_index(TEMPLATES_BY_SOURCE)
        self._caches, self._models = caches.lister, models.lister

    def controller(self) -> Controller:
        """The controller that runs this reconciler, with everything that makes a template cache look again."""
        configs = self._shared.config_users(self._caches)
        watches = (
            Watch(AIM_MODEL_CACHE, self.of_model_cache),
            *(Watch(kind, self.of_template) for kind in TEMPLATE_KINDS),
            *(Watch(kind, configs, spec_changed) for kind in CONFIG_KINDS),
        )
        options = ControllerOptions(max_concurrent=self._shared.options.max_concurrent_reconciles)
        return Controller("aimtemplatecache", AIM_TEMPLATE_CACHE, self, watches=watches, options=options).needs(
            Access.patches(AIM_TEMPLATE_CACHE),
            Access.creates(AIM_MODEL_CACHE),
            Access.patches(AIM_MODEL_CACHE),
            Access.deletes(AIM_MODEL_CACHE),
        )

    async def observe(self, request: Request) -> Observed | None:
        """The template cache and what matters to it; None where it is gone, and has left nothing behind."""
        entry = self._caches.entry(request.key)
        cache = self._caches.get(request.namespace, request.name)
        if entry is None or cache is None:
            return self._left_behind(request)
        template = self._template(cache)
        sources = {artifact.source for artifact in artifacts_of(cache, template) or ()}
        leaving = cache.metadata.deletion_timestamp is not None
        return Observed(
            now=request.now,
            target=target_of(AIM_TEMPLATE_CACHE, entry),
            cache=cache,
            config=self._shared.find_config(cache.spec.runtime_config_name, request.namespace),
            template=template,
            unreadable=unreadable(self._models),
            held=tuple(self._held(request.namespace, sources)),
            taken=frozenset(key.name for key in self._models.keys(request.namespace)),
            created=tuple(self._created(request.key)),
            heirs=self._heirs(request.namespace) if leaving else {},
        )

    def decide(self, observed: Observed) -> Plan:
        """SPEC §6."""
        return decide(observed)

    def refused(self, observed: Observed, refusals: tuple[Refusal, ...]) -> Observed:
        """The refusals become conditions."""
        return replace(observed, refusals=refusals)

    def of_model_cache(self, change: Change) -> Iterable[Key]:
        """The template caches of the namespace that have the artifact of a model cache."""
        namespace = change.key.namespace
        for source in sorted(sources_of(change.old, change.new)):
            yield from (
                key for key in self._caches.keys_by_index(CACHES_BY_SOURCE.name, source) if key.namespace == namespace
            )
            for lister in self._shared.templates:
                for template in lister.keys_by_index(TEMPLATES_BY_SOURCE.name, source):
                    yield from self._of(template, namespace)

    def of_template(self, change: Change) -> Iterable[Key]:
        """The template caches that name a template."""
        return self._of(change.key, change.key.namespace)

    def _of(self, template: Key, namespace: str) -> Iterator[Key]:
        """The template caches that may mean that template, in a namespace or, where none is given, everywhere."""
        if template.namespace not in {"", namespace}:
            return
        for key in self._caches.keys_by_index(CACHES_BY_TEMPLATE.name, template.name):
            if not namespace or key.namespace == namespace:
                yield key

    def _template(self, cache: AIMTemplateCache) -> Found[TemplateView] | Missing | Unreachable:
        """The template it names: of its namespace, else of the cluster."""
        name = cache.spec.template_ref
        for lister in self._shared.templates:
            namespace = cache.metadata.namespace if lister.kind.namespaced else ""
            template = lister.get(namespace, name)
            if template is not None:
                return Found(_view(lister.kind, template))
            why = unreadable(lister)
            if why:
                return Unreachable(why)
        return Missing(f'{" or ".join(kind.name for kind in TEMPLATE_KINDS)} "{name}"')

    def _held(self, namespace: str, sources: Iterable[str]) -> Iterator[AIMModelCache]:
        for source in sorted(sources):
            found = self._models.by_index(CACHES_BY_SOURCE.name, source, namespace)
            yield from (cache for cache in found if cache.metadata.deletion_timestamp is None)

    def _left_behind(self, request: Request) -> Observed | None:
        """As of one that leaves, where it went without its finalizer being asked.

        A deletion that is under way while the finalizer is put on may be carried out all the same.
        """
        created = tuple(self._created(request.key))
        if unreadable(self._caches) or all(model.status.status is CacheState.AVAILABLE for model in created):
            return None
        meta = Meta(request.name, request.namespace, deletion_timestamp=request.now, finalizers=(FINALIZER,))
        return Observed(
            now=request.now,
            target=Target(AIM_TEMPLATE_CACHE, meta),
            cache=AIMTemplateCache(metadata=meta, spec=TemplateCacheSpec(template_ref=request.name)),
            config=self._shared.find_config("", request.namespace),
            template=Missing("the template cache"),
            created=created,
            heirs=self._heirs(request.namespace),
        )

    def _created(self, cache: Key) -> Iterator[AIMModelCache]:
        value = f"{cache.namespace}/{creator_label(cache.name)}"
        found = self._models.by_index(CACHES_BY_CREATOR.name, value)
        yield from (model for model in found if model.metadata.deletion_timestamp is None)

    def _heirs(self, namespace: str) -> dict[str, str]:
        """The first template cache, by name, that stays and has a model cache, by the latter's name."""
        heirs: dict[str, str] = {}
        for cache in self._caches.list(namespace):
            if cache.metadata.deletion_timestamp is None:
                for entry in cache.status.model_caches.values():
                    heirs.setdefault(entry.name, creator_label(cache.metadata.name))
        return heirs


def _view(kind: Kind[AIMServiceTemplate], template: AIMServiceTemplate) -> TemplateView:
    meta, status = template.metadata, template.status
    reference = ResolvedReference(
        name=meta.name,
        namespace=meta.namespace or None,
        scope=Scope.NAMESPACE if kind.namespaced else Scope.CLUSTER,
        kind=kind.name,
        uid=meta.uid,
    )
    said = find(status.conditions, ConditionType.DISCOVERED)
    known = said is not None and said.is_true
    return TemplateView(reference, discovered(status.model_sources) if known else None)
