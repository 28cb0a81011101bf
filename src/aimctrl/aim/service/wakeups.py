"""What makes a service look again: for each kind it depends on, which services a change is about."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from aimctrl.aim.indexes import CACHES_BY_TEMPLATE, MODELS_BY_IMAGE, TEMPLATES_BY_GPU, TEMPLATES_BY_MODEL
from aimctrl.aim.service.indexes import (
    DISPLACED,
    ROUTES_BY_PLACE,
    SERVICES_BY_CACHE,
    SERVICES_BY_CHOICE,
    SERVICES_BY_CONFLICT,
    SERVICES_BY_IMAGE,
    SERVICES_BY_MODEL,
    SERVICES_BY_RUNTIME,
    SERVICES_BY_TEMPLATE,
    ServiceView,
)
from aimctrl.aim.shared import CONFIG_KINDS, MODEL_KINDS, TEMPLATE_KINDS, Shared
from aimctrl.api.kinds import AIM_SERVICE, AIM_TEMPLATE_CACHE
from aimctrl.api.service import AIMService
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES, HTTPRoute
from aimctrl.kube.kinds import Key
from aimctrl.runtime.index import Index
from aimctrl.runtime.lister import Lister
from aimctrl.runtime.store import Change, Entry
from aimctrl.runtime.triggers import Watch, owner_of, spec_changed

_owners = owner_of(AIM_SERVICE, controller_only=False)


class Wakeups:
    """The mappers of the service controller."""

    def __init__(self, shared: Shared, services: Lister[AIMService], routes: Lister[HTTPRoute]) -> None:
        self._shared = shared
        self._services = services
        self._routes = routes

    def watches(self) -> tuple[Watch, ...]:
        """The watches of all kinds that services depend on."""
        models = self._shared.model_users(self._services, SERVICES_BY_MODEL.name)
        configs = self._shared.config_users(self._services)
        return (
            Watch(INFERENCE_SERVICES, self.of_runtime, keep_managed_fields=True),
            Watch(HTTPROUTES, self.of_route, keep_managed_fields=True),
            *(Watch(kind, self.of_template) for kind in TEMPLATE_KINDS),
            *(Watch(kind, models) for kind in MODEL_KINDS),
            *(Watch(kind, self.of_image, reason=f"{kind.name} of the image changed") for kind in MODEL_KINDS),
            *(Watch(kind, configs, spec_changed) for kind in CONFIG_KINDS),
            Watch(AIM_TEMPLATE_CACHE, self.of_cache),
        )

    def of_runtime(self, change: Change) -> Iterable[Key]:
        """The owner of an InferenceService, and the service whose InferenceService would have that name."""
        namesakes = self._services.keys_by_index(SERVICES_BY_RUNTIME.name, change.key.name)
        return {*_owners(change), *_in_namespace(namesakes, change.key.namespace)}

    def of_route(self, change: Change) -> Iterable[Key]:
        """The owner of a route, the service of its name, those with a route in its place, and those it displaced."""
        if not _moved(change):
            return {*_owners(change), change.key}
        places = {place for entry in (change.old, change.new) for place in _values(ROUTES_BY_PLACE, entry)}
        neighbours = {key for place in places for key in self._routes.keys_by_index(ROUTES_BY_PLACE.name, place)}
        rivals = {owner for key in neighbours for owner in self._route_owners(key)}
        displaced = self._services.keys_by_index(SERVICES_BY_CONFLICT.name, DISPLACED) if places else ()
        return {*_owners(change), change.key, *rivals, *displaced}

    def of_template(self, change: Change) -> Iterable[Key]:
        """The services that name or have a template, hold on to it, or choose among those of its model.

        A namespace template hides the cluster template of its name, which may be another model's.
        """
        found = {*_owners(change), *self._by(SERVICES_BY_TEMPLATE, change.key.name, change.key.namespace)}
        entries = [change.old, change.new]
        if change.key.namespace:
            entries.append(self._shared.templates[-1].entry(Key("", change.key.name)))
        for model in {model for entry in entries for model in _values(TEMPLATES_BY_MODEL, entry)}:
            found |= set(self._by(SERVICES_BY_CHOICE, model, change.key.namespace))
        return found

    def of_cache(self, change: Change) -> Iterable[Key]:
        """The services that ask for a template cache, and those that have its template."""
        templates = {name for entry in (change.old, change.new) for name in _values(CACHES_BY_TEMPLATE, entry)}
        found = set(self._by(SERVICES_BY_CACHE, change.key.name, change.key.namespace))
        return found.union(*(self._by(SERVICES_BY_TEMPLATE, name, change.key.namespace) for name in templates))

    def of_image(self, change: Change) -> Iterable[Key]:
        """The services that name the image a model has, or had."""
        images = {image for entry in (change.old, change.new) for image in _values(MODELS_BY_IMAGE, entry)}
        return {key for image in images for key in self._by(SERVICES_BY_IMAGE, image, change.key.namespace)}

    def of_gpus(self, models: frozenset[str]) -> list[Key]:
        """The services that name, have or could have a template that needs one of these GPU models."""
        keys: set[Key] = set()
        for lister in self._shared.templates:
            for template in {key for gpu in models for key in lister.keys_by_index(TEMPLATES_BY_GPU.name, gpu)}:
                entry = lister.entry(template)
                keys |= set(self.of_template(Change(template, entry, entry)))
        return sorted(keys)

    def _by(self, index: Index[ServiceView], value: str, namespace: str) -> Iterator[Key]:
        yield from _in_namespace(self._services.keys_by_index(index.name, value), namespace)

    def _route_owners(self, key: Key) -> Iterator[Key]:
        meta = self._routes.meta(key)
        owner = meta.controller if meta is not None else None
        if owner is not None:
            yield Key(key.namespace, owner.name)


def _in_namespace(keys: Iterable[Key], namespace: str) -> Iterator[Key]:
    """The keys in a namespace; all of them for what is cluster-scoped."""
    return (key for key in keys if not namespace or key.namespace == namespace)


def _moved(change: Change) -> bool:
    """Whether a route came, went, or may have changed its place: its status says nothing to others."""
    old, new = change.old, change.new
    return old is None or new is None or (old.uid, old.generation) != (new.uid, new.generation)


def _values(index: Index[Any], entry: Entry | None) -> Iterable[str]:
    """The values an object has in an index; none where there is no object or it cannot be read."""
    if entry is None:
        return ()
    try:
        return tuple(index.keys(entry.meta(), msgspec.json.decode(entry.raw, type=index.view)))
    except msgspec.DecodeError:
        return ()
