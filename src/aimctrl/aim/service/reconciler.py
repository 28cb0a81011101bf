"""Reading what a service's decision needs, and what makes it look again."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from aimctrl.aim.indexes import CACHES_BY_TEMPLATE, MODELS_BY_IMAGE, TEMPLATES_BY_MODEL
from aimctrl.aim.naming import DERIVED
from aimctrl.aim.resolution import CatalogueEntry, ConfigOutcome, catalogue_entry, config_spec, unreadable
from aimctrl.aim.service.candidates import Candidate, overrides_of
from aimctrl.aim.service.decide import decide
from aimctrl.aim.service.exposure import Site, site
from aimctrl.aim.service.image_model import image_model
from aimctrl.aim.service.indexes import ROUTES_BY_PLACE, SERVICE_INDEXES, SERVICES_BY_CACHE
from aimctrl.aim.service.observed import ModelOutcome, Observed, RouteView, RuntimeView, Several
from aimctrl.aim.service.predictor import service_name
from aimctrl.aim.service.route import place, wanted
from aimctrl.aim.service.wakeups import Wakeups
from aimctrl.aim.shared import MODEL_KINDS, Shared, target_of
from aimctrl.api.cache import AIMTemplateCache
from aimctrl.api.common import Scope
from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_MODEL,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
    AIM_TEMPLATE_CACHE,
)
from aimctrl.api.service import AIMService, Overrides
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.kinds import Key, UndecodableObjectError
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.kube.meta import Meta
from aimctrl.runtime.access import Access
from aimctrl.runtime.controller import Controller, ControllerOptions
from aimctrl.runtime.index import BY_OWNER
from aimctrl.runtime.lister import Lister
from aimctrl.runtime.plan import Plan, Refusal
from aimctrl.runtime.planning import PlanReconciler
from aimctrl.runtime.request import Request
from aimctrl.runtime.store import Entry
from aimctrl.runtime.workqueue import Priority

T = TypeVar("T")

_FindModel = Callable[[str, str], ModelOutcome]

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class ServiceReconciler(PlanReconciler[Observed]):
    """Services (SPEC §5)."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared.manager.applier)
        informers = shared.manager.informers
        self._shared = shared
        services, routes = informers.informer(AIM_SERVICE), informers.informer(HTTPROUTES)
        for index in SERVICE_INDEXES:
            services.add_index(index)
        routes.add_index(ROUTES_BY_PLACE)
        templates = informers.informer(shared.templates[0].kind)
        templates.add_index(BY_OWNER)
        self._services, self._routes, self._templates = services.lister, routes.lister, templates.lister
        self._runtimes = informers.informer(INFERENCE_SERVICES).lister
        caches = informers.informer(AIM_TEMPLATE_CACHE)
        caches.add_index(CACHES_BY_TEMPLATE)
        self._caches = caches.lister

    def controller(self) -> Controller:
        """The controller that runs this reconciler, with everything that makes a service look again."""
        wakeups = Wakeups(self._shared, self._services, self._routes)
        options = ControllerOptions(max_concurrent=self._shared.options.max_concurrent_reconciles)
        controller = Controller("aimservice", AIM_SERVICE, self, watches=wakeups.watches(), options=options)

        def gpus_moved(came: frozenset[str], went: frozenset[str]) -> None:
            for key in wakeups.of_gpus(came | went):
                controller.enqueue(key, reason="GPU model came or went", priority=Priority.CHILD)

        self._shared.inventory.subscribe(gpus_moved)
        return controller.needs(
            Access.owns(AIM_SERVICE),
            Access.patches(AIM_SERVICE),
            Access.creates(AIM_MODEL),
            Access.creates(AIM_CLUSTER_MODEL),
            Access.creates(AIM_SERVICE_TEMPLATE),
            Access.applies(AIM_SERVICE_TEMPLATE),
            Access.deletes(AIM_SERVICE_TEMPLATE),
            Access.creates(AIM_TEMPLATE_CACHE),
            Access.patches(AIM_TEMPLATE_CACHE),
            Access.deletes(AIM_TEMPLATE_CACHE),
            Access.applies(INFERENCE_SERVICES),
            Access.applies(HTTPROUTES),
            Access.deletes(HTTPROUTES),
        )

    async def observe(self, request: Request) -> Observed | None:
        """The service and what matters to it; None where it is gone."""
        entry = self._services.entry(request.key)
        service = self._services.get(request.namespace, request.name)
        if entry is None or service is None:
            return None
        target = target_of(AIM_SERVICE, entry)
        config = self._shared.find_config(service.spec.runtime_config_name, request.namespace)
        model = self._model(service)
        find_model = functools.cache(self._shared.find_model)  # hundreds of templates have one model
        templates = tuple(self._candidates(service, model.value, find_model)) if isinstance(model, Found) else ()
        seen = Observed(
            now=request.now,
            target=target,
            service=service,
            # The items of a list come without their type; the API server shows it.
            document={"apiVersion": AIM_SERVICE.api_version, "kind": AIM_SERVICE.name} | _decode(entry.raw),
            config=config,
            model=model,
            inventory=self._shared.inventory,
            shadowed=isinstance(model, Found) and self._is_shadowed(model.value, request.namespace),
            namesake=self._namesake(service, config) if isinstance(model, Missing) else None,
            templates=templates,
            unreadable=self._unreadable(service, templates, find_model),
            taken=frozenset(key.name for key in self._templates.keys(request.namespace)),
            joined=self._joined(target.meta),
            selection=self._shared.options.template_selection,
            runtime=RuntimeView(
                self._runtimes.availability, self._runtimes.get(request.namespace, service_name(service))
            ),
            route=RouteView(self._routes.availability, self._routes.get(*request.key)),
        )
        caches = tuple(self._template_caches(seen))
        return replace(
            seen,
            route=replace(seen.route, rivals=tuple(self._rivals(seen))),
            caches=caches,
            shared_caches=frozenset(self._shared_caches(seen, caches)),
        )

    def decide(self, observed: Observed) -> Plan:
        """SPEC §5."""
        return decide(observed)

    def refused(self, observed: Observed, refusals: tuple[Refusal, ...]) -> Observed:
        """The refusals become conditions."""
        return replace(observed, refusals=refusals)

    def _model(self, service: AIMService) -> ModelOutcome:
        namespace, spec = service.metadata.namespace, service.spec
        if spec.image is None:
            return self._shared.find_model(spec.model_id or "", namespace)
        for scope in (namespace, ""):
            found = self._with_image(spec.image, scope)
            if not isinstance(found, Missing):
                return found
        return Missing(f"a model with the image {spec.image}")

    def _with_image(self, image: str, namespace: str) -> ModelOutcome:
        """The models of a scope with that image; one that its own id does not lead to, because another has its name and
        comes first, is none.
        """
        names: set[str] = set()
        for kind, lister in zip(MODEL_KINDS, self._shared.models, strict=True):
            if kind.namespaced is bool(namespace):
                why = unreadable(lister)
                if why:
                    return Unreachable(why)
                keys = lister.keys_by_index(MODELS_BY_IMAGE.name, image)
                names |= {key.name for key in keys if key.namespace == namespace}
        seen = (self._shared.find_model(name, namespace) for name in sorted(names))
        entries = tuple(found.value for found in seen if isinstance(found, Found))
        match tuple(e for e in entries if e.namespace == namespace and e.spec.image == image and not e.deleting):
            case ():
                return Missing(image)
            case (only,):
                return Found(only)
            case several:
                return Several(several)

    def _is_shadowed(self, model: CatalogueEntry, namespace: str) -> bool:
        found = self._shared.find_model(model.name, namespace)
        return isinstance(found, Found) and found.value.uid != model.uid

    def _namesake(self, service: AIMService, config: ConfigOutcome) -> CatalogueEntry | None:
        """The model in the place of the one to create for the service's image."""
        if service.spec.image is None:
            return None
        wanted = image_model(service, service.spec.image, config)
        lister = next(lister for lister in self._shared.models if lister.kind == wanted.kind)
        found = _read(lister, wanted.key)
        return catalogue_entry(lister.kind, found) if found and found.metadata.deletion_timestamp is None else None

    def _candidates(self, service: AIMService, model: CatalogueEntry, find_model: _FindModel) -> Iterator[Candidate]:
        """The templates that are named, and where one is to be chosen those of the model as the namespace sees it.

        With a template that is named, only one that has the values of the overrides may take its place.
        """
        spec, status = service.spec, service.status
        current = status.resolved_template.name if status.resolved_template else None
        named = {name for name in (spec.template_ref, model.spec.default_service_template, current) if name}
        namespace = service.metadata.namespace
        chooses = not spec.template_ref or bool(overrides_of(spec.overrides))
        wanted = spec.overrides if spec.template_ref else None
        for lister, scope in zip(self._shared.templates, (Scope.NAMESPACE, Scope.CLUSTER), strict=True):
            where = namespace if scope is Scope.NAMESPACE else ""
            keys = {Key(where, name) for name in named}
            if chooses:
                of_model = lister.keys_by_index(TEMPLATES_BY_MODEL.name, model.name)
                keys |= {key for key in of_model if key.namespace == where and _may_be(lister.entry(key), wanted)}
            for key in sorted(keys):
                template = _read(lister, key)
                if template is not None and template.metadata.deletion_timestamp is None:
                    yield self._candidate(template, scope, namespace, find_model)

    def _unreadable(self, service: AIMService, templates: tuple[Candidate, ...], find_model: _FindModel) -> str:
        """Why what is not seen of templates, their models, GPUs and caches may be there all the same."""
        for candidate in templates:
            found = find_model(candidate.spec.model_id, candidate.template.metadata.namespace)
            if isinstance(found, Unreachable):
                return found.why
        listers: list[Lister[Any]] = list(self._shared.templates)
        if not all(candidate.gpu_here for candidate in templates):
            listers.append(self._shared.nodes)
        if service.spec.cache_model:
            listers.append(self._caches)
        return next((why for lister in listers if (why := unreadable(lister))), "")

    def _candidate(
        self, template: AIMServiceTemplate, scope: Scope, namespace: str, find_model: _FindModel
    ) -> Candidate:
        spec, meta = template.spec, template.metadata
        model = find_model(spec.model_id, meta.namespace)
        return Candidate(
            template=template,
            scope=scope,
            model_uid=model.value.uid if isinstance(model, Found) else "",
            gpu_here=not spec.gpu.model or self._shared.inventory.has(spec.gpu.model),
            hidden=scope is Scope.CLUSTER and self._templates.entry(Key(namespace, meta.name)) is not None,
        )

    def _joined(self, meta: Meta) -> tuple[AIMServiceTemplate, ...]:
        owned = self._templates.by_index(BY_OWNER.name, meta.uid, meta.namespace)
        return tuple(template for template in owned if template.metadata.labels.get(DERIVED) == "true")

    def _template_caches(self, seen: Observed) -> Iterator[AIMTemplateCache]:
        """The template caches of the templates it may run, where it asks for one, and the one it asked for before."""
        asked_for = seen.service.status.resolved_template_cache
        keys = {Key(seen.target.meta.namespace, asked_for.name)} if asked_for else set[Key]()
        for template in seen.templates if seen.service.spec.cache_model else ():
            keys.add(Key(seen.target.meta.namespace, template.name))
            keys |= set(self._caches.keys_by_index(CACHES_BY_TEMPLATE.name, template.name))
        for key in sorted(key for key in keys if key.namespace == seen.target.meta.namespace):
            cache = _read(self._caches, key)
            if cache is not None:
                yield cache

    def _shared_caches(self, seen: Observed, caches: tuple[AIMTemplateCache, ...]) -> Iterator[str]:
        """The names of those that another service, which stays, asks for too."""
        for name in (cache.metadata.name for cache in caches):
            for key in self._services.keys_by_index(SERVICES_BY_CACHE.name, name):
                if key.namespace != seen.target.meta.namespace or key == seen.target.key:
                    continue
                other = _read(self._services, key)
                if other and other.spec.cache_model and other.metadata.deletion_timestamp is None:
                    yield name

    def _rivals(self, seen: Observed) -> Iterator[Meta]:
        """The other services with a route on the gateway and path this one's is wanted on."""
        routing = wanted(seen.service.spec.routing, config_spec(seen.config).routing)
        if not routing.enabled or not isinstance(seen.model, Found):
            return
        where = site(seen, routing, seen.model.value.name)
        if not isinstance(where, Site):
            return
        own = seen.target.meta
        for key in self._routes.keys_by_index(
            ROUTES_BY_PLACE.name, place(where.gateway_key(own.namespace), where.path)
        ):
            route = self._routes.meta(key)
            owner = route.controller if route is not None else None
            service = self._services.meta(Key(key.namespace, owner.name)) if owner is not None else None
            alive = service is not None and owner is not None and service.uid == owner.uid
            if service is not None and alive and service.uid != own.uid and service.deletion_timestamp is None:
                yield service


class _Values(msgspec.Struct):
    metric: Any = None
    precision: Any = None


class _Said(msgspec.Struct):
    spec: _Values


_said = msgspec.json.Decoder(_Said).decode


def _may_be(entry: Entry | None, wanted: Overrides | None) -> bool:
    """Whether a template may have the values of the overrides; asked of hundreds, so it is not decoded as a whole."""
    if entry is None or wanted is None:
        return entry is not None
    try:
        has = _said(entry.raw).spec
    except msgspec.MsgspecError:
        return True
    return wanted.metric in {None, has.metric} and wanted.precision in {None, has.precision}


def _read(lister: Lister[T], key: Key) -> T | None:
    """An object; one that does not fit its kind's model counts as none, as it would in a list."""
    try:
        return lister.get(*key)
    except UndecodableObjectError:
        return None
