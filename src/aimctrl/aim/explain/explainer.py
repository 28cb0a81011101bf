"""Explaining with the operator's own reconcilers: observe and decide without apply, so the two can never disagree."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from aimctrl.aim.discovery.job import SELECTOR
from aimctrl.aim.discovery.slots import SlotLedger, Waiter
from aimctrl.aim.explain.events import recent
from aimctrl.aim.explain.explain import explain
from aimctrl.aim.explain.explanation import Explanation
from aimctrl.aim.explain.surroundings import Slots, Surroundings, TemplateSeen
from aimctrl.aim.indexes import TEMPLATES_BY_MODEL
from aimctrl.aim.model.inspect import Inspector
from aimctrl.aim.options import OperatorOptions
from aimctrl.aim.reconcilers import Basis, reconciler
from aimctrl.aim.registry.client import RegistryClient
from aimctrl.aim.service.observed import Observed as ServiceObserved
from aimctrl.aim.shared import MODEL_KINDS, TEMPLATE_KINDS, Shared
from aimctrl.api.cache import AIMModelCache
from aimctrl.api.kinds import AIM_MODEL_CACHE, AIM_SERVICE
from aimctrl.api.reasons import ConditionType, TemplateState
from aimctrl.kube.conditions import Condition, find
from aimctrl.kube.core import JOBS, NODES, PODS, Pod
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.lookup import Found
from aimctrl.kube.meta import Meta
from aimctrl.runtime.errors import MendableError
from aimctrl.runtime.foresight import Foresight
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.manager import Manager
from aimctrl.runtime.planning import PlanReconciler
from aimctrl.runtime.request import Request

INFERENCE_SERVICE_LABEL = "serving.kserve.io/inferenceservice"
"""On the Pods that KServe makes: the InferenceService they belong to."""

PODS_SHOWN = 3
"""Pods of an InferenceService that are told; they are alike."""


class _Status(msgspec.Struct):
    conditions: tuple[Condition, ...] = ()


class _Seen(msgspec.Struct):
    status: _Status = msgspec.field(default_factory=_Status)


_decode = msgspec.json.Decoder(_Seen).decode


class Explainer:
    """Explains the objects of one AIM kind; made before the manager's informers run, asked once they have settled.

    The manager runs nothing else, and its client's fence keeps it from writing.
    """

    def __init__(self, manager: Manager, options: OperatorOptions, kind: Kind[Any]) -> None:
        self._manager = manager
        self._kind = kind
        self._limit = options.max_discovery_jobs
        self._shared = Shared(manager, options)
        self._ledger = SlotLedger(options.max_discovery_jobs, lambda _: None)
        # It is never run: what is known of images is in the status of models.
        registry = RegistryClient(options.insecure_registries)
        inspector = Inspector(manager.client, registry, lambda _: None, lambda: datetime.now(UTC))
        self._reconciler: PlanReconciler[Any] = reconciler(kind, Basis(self._shared, self._ledger, inspector))
        if kind in TEMPLATE_KINDS:
            manager.informers.informer(JOBS, selector=SELECTOR).add_handler(self._ledger.on_change)
        # What it stands on may be cached; of each part of a cache it is told how far it is.
        stands_on_caches = kind == AIM_SERVICE or (kind in TEMPLATE_KINDS and kind.namespaced)
        self._model_caches = manager.informers.informer(AIM_MODEL_CACHE).lister if stands_on_caches else None

    async def explain(self, key: Key, now: datetime, warnings: tuple[str, ...] = ()) -> Explanation | None:
        """The explanation of one object as it is now; None where it is not there.

        Raises UndecodableObjectError where it does not fit its kind's model, TransientError where the API server does
        not answer. Only reads; cancelling it leaves nothing behind.
        """
        self._form_the_line(key)
        foresight = await self._reconciler.foresee(Request(key, now))
        if foresight is None:
            return None
        meta = foresight.plan.target.meta
        events, unread = await recent(self._manager.client, meta)
        pods, unseen = await self._pods(foresight.observed)
        around = Surroundings(
            inventory=self._shared.inventory,
            ready=self._ready,
            model_cache=self._model_cache,
            pods=pods,
            nodes=self._manager.informers.informer(NODES).availability,
            slots=self._slots(foresight),
            templates=tuple(self._templates(meta)),
            events=events,
            warnings=(*warnings, *self._blind_spots(), *unread, *unseen),
        )
        return explain(foresight, around)

    def _form_the_line(self, own: Key) -> None:
        """Who else waits for a discovery slot, as their status tells: the operator's own line is in its memory."""
        if self._kind not in TEMPLATE_KINDS:
            return
        for lister in self._shared.templates:
            for template in lister.list():
                created, status = template.metadata.creation_timestamp, template.status
                waits = status.status is TemplateState.PENDING and bool(status.conditions)
                if waits and created is not None and (lister.kind, template.key) != (self._kind, own):
                    self._ledger.wait(Waiter(created, lister.kind.name, template.key))

    def _slots(self, foresight: Foresight[Any]) -> Slots:
        target = foresight.plan.target
        created = target.meta.creation_timestamp
        own = Waiter(created, target.kind.name, target.key) if created is not None else None
        ahead = sum(own is not None and other < own for other in self._ledger.waiting)
        return Slots(self._ledger.taken, self._limit, ahead)

    def _ready(self, kind: str, key: Key) -> Condition | None:
        """What a model says of itself."""
        entries = (lister.entry(key) for lister in self._shared.models if lister.kind.name == kind)
        entry = next((entry for entry in entries if entry is not None), None)
        return find(_decode(entry.raw).status.conditions, ConditionType.READY) if entry is not None else None

    def _model_cache(self, key: Key) -> AIMModelCache | None:
        return self._model_caches.get(*key) if self._model_caches is not None else None

    async def _pods(self, observed: Any) -> tuple[tuple[Pod, ...], tuple[str, ...]]:
        """The first Pods of a service's InferenceService that is not ready, and a warning where they cannot be read."""
        live = observed.inference_service if isinstance(observed, ServiceObserved) else None
        if live is None or live.ready:
            return (), ()
        selector = f"{INFERENCE_SERVICE_LABEL}={live.metadata.name}"
        try:
            page = await self._manager.client.list_page(PODS, live.metadata.namespace, selector=selector)
        except MendableError as error:
            return (), (f"Pods cannot be read: {error}",)
        pods = (PODS.decode(bytes(item)) for item in page.items)
        return tuple(sorted(pods, key=lambda pod: pod.metadata.name)[:PODS_SHOWN]), ()

    def _templates(self, model: Meta) -> Iterator[TemplateSeen]:
        """The templates that name the model and would find it."""
        if self._kind not in MODEL_KINDS:
            return
        for lister in self._shared.templates:
            for template in lister.by_index(TEMPLATES_BY_MODEL.name, model.name):
                found = self._shared.find_model(model.name, template.metadata.namespace)
                if isinstance(found, Found) and found.value.uid == model.uid:
                    status = template.status
                    ready = find(status.conditions, ConditionType.READY)
                    gpu = template.spec.gpu.model or ""
                    yield TemplateSeen(lister.kind.name, template.key, status.status.value, ready, gpu)

    def _blind_spots(self) -> tuple[str, ...]:
        """What could not be seen from here, sorted."""
        told: set[str] = set()
        for watch in self._manager.informers.freshness():
            match watch.availability:
                case Unavailable("KindMissing"):
                    told.add(f"The API server does not know {watch.kind}: its CRD is not installed.")
                case Unavailable(_, message):
                    told.add(f"{watch.kind} cannot be read from here, the operator may know more: {message}")
                case _:
                    pass
        return tuple(sorted(told))
