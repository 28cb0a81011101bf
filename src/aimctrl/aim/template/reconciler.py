"""Reading what a template's decision needs, and what makes it look again; one class for both scopes."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from aimctrl.aim.discovery.inputs import DiscoveryInputs
from aimctrl.aim.discovery.job import CONTAINER, SELECTOR, job_name
from aimctrl.aim.discovery.log import LOG_LIMIT, Unparsable, last_line, parse_log
from aimctrl.aim.discovery.slots import SlotLedger, Waiter
from aimctrl.aim.discovery.state import JobFailed, JobSucceeded, job_state
from aimctrl.aim.merging import first_set, merge_env, merge_pull_secrets
from aimctrl.aim.naming import TEMPLATE
from aimctrl.aim.resolution import CatalogueEntry, ConfigOutcome, DefaultNotFound, config_spec, unreadable
from aimctrl.aim.shared import CONFIG_KINDS, MODEL_KINDS, Shared, target_of
from aimctrl.aim.template.decide import decide, wants_log
from aimctrl.aim.template.observed import JobView, Observed
from aimctrl.api.cache import AIMTemplateCache
from aimctrl.api.common import EnvVar
from aimctrl.api.kinds import AIM_TEMPLATE_CACHE
from aimctrl.api.reasons import ConditionType, TemplateState
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.kube.conditions import find
from aimctrl.kube.core import JOBS, NAMESPACES, PODS, Job, Pod
from aimctrl.kube.external import CLUSTER_SERVING_RUNTIMES, SERVING_RUNTIMES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.kube.names import label_value
from aimctrl.runtime.access import Access
from aimctrl.runtime.controller import Controller, ControllerOptions
from aimctrl.runtime.errors import (
    ConnectionFailedError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ServerError,
    TransientError,
)
from aimctrl.runtime.index import BY_OWNER
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.plan import Plan, Refusal, Target
from aimctrl.runtime.planning import PlanReconciler
from aimctrl.runtime.request import Request
from aimctrl.runtime.store import Change
from aimctrl.runtime.triggers import Watch, came_or_went, owns, spec_changed
from aimctrl.runtime.workqueue import Priority

_TAIL = 64 * 2**10
"""Bytes of a failed Job's log that are read for its last line."""

LOG_ATTEMPTS = 10
"""How often in a row a log is asked for in vain until it counts as lost; with the pauses between, some minutes."""


class TemplateReconciler(PlanReconciler[Observed]):
    """Service templates of one kind (SPEC §3)."""

    def __init__(self, shared: Shared, ledger: SlotLedger, kind: Kind[AIMServiceTemplate]) -> None:
        super().__init__(shared.manager.applier)
        informers = shared.manager.informers
        self.kind = kind
        self.templates = informers.informer(kind).lister
        self._shared = shared
        self._ledger = ledger
        self._client = shared.manager.client
        jobs, pods = informers.informer(JOBS, selector=SELECTOR), informers.informer(PODS, selector=SELECTOR)
        jobs.add_index(BY_OWNER)
        pods.add_index(BY_OWNER)
        self._jobs, self._pods = jobs.lister, pods.lister
        self._runtime_kind: Kind[Any] = SERVING_RUNTIMES if kind.namespaced else CLUSTER_SERVING_RUNTIMES
        self._runtimes = informers.informer(self._runtime_kind).lister
        self._caches = informers.informer(AIM_TEMPLATE_CACHE).lister if kind.namespaced else None

    def controller(self) -> Controller:
        """The controller that runs this reconciler, with everything that makes a template look again."""
        watches = [
            owns(JOBS, self.kind, selector=SELECTOR),
            Watch(PODS, self._pod_owner, selector=SELECTOR, reason="discovery Pod changed"),
            owns(self._runtime_kind, self.kind),
            Watch(self._runtime_kind, _namesake, came_or_went),
        ]
        models = [kind for kind in MODEL_KINDS if self.kind.namespaced or not kind.namespaced]
        watches += [Watch(kind, self._shared.model_users(self.templates), spec_changed) for kind in models]
        watches += [Watch(kind, self._shared.config_users(self.templates), spec_changed) for kind in CONFIG_KINDS]
        if self.kind.namespaced:
            watches.append(owns(AIM_TEMPLATE_CACHE, self.kind))
            watches.append(Watch(AIM_TEMPLATE_CACHE, _namesake, came_or_went))
        else:
            watches.append(self._job_namespace_watch())
        options = ControllerOptions(max_concurrent=self._shared.options.max_concurrent_reconciles)
        controller = Controller(self.kind.name.lower(), self.kind, self, watches=tuple(watches), options=options)
        controller.needs(
            Access.owns(self.kind),
            Access.creates(JOBS),
            Access.patches(JOBS),
            Access.deletes(JOBS),
            Access(PODS, ("get",), subresource="log"),
            Access.applies(self._runtime_kind),
        )
        if self.kind.namespaced:
            controller.needs(Access.applies(AIM_TEMPLATE_CACHE), Access.deletes(self.kind))
        self._shared.inventory.subscribe(lambda came, went: self._gpus_moved(controller, came | went))
        return controller

    async def observe(self, request: Request) -> Observed | None:
        """The template and what matters to it; None where it is gone, and its place in the line with it.

        Raises TransientError where the cache of Jobs is too far behind to tell.
        """
        await self._see_own_jobs(request.key)
        entry = self.templates.entry(request.key)
        template = self.templates.get(request.namespace, request.name)
        if entry is None or template is None:
            self._ledger.forget(Waiter(request.now, self.kind.name, request.key))
            return None
        target = target_of(self.kind, entry)
        config = self._shared.find_config(template.spec.runtime_config_name, request.namespace)
        model = self._shared.find_model(template.spec.model_id, request.namespace)
        seen = Observed(
            now=request.now,
            target=target,
            template=template,
            config=config,
            model=model,
            inventory=self._shared.inventory,
            nodes=self._shared.nodes.availability,
            job_namespace=request.namespace or self._shared.options.operator_namespace,
            inputs=_inputs(template, model, config),
            cache=self._cache(target),
            unread_caches=unreadable(self._caches) if self._caches is not None else "",
            runtime_missing_kind=self._missing_runtime_kind(),
        )
        return seen if seen.inputs is None else await self._with_job(seen, seen.inputs, request.failures)

    async def _with_job(self, seen: Observed, inputs: DiscoveryInputs, failures: int) -> Observed:
        key = Key(seen.job_namespace, job_name(seen.target, inputs))
        inline = bool(seen.template.spec.model_sources)
        view, outdated = self._job_view(seen, key), self._outdated(seen.target, "" if inline else key.name)
        seen = replace(seen, job=view, outdated_jobs=outdated)
        if view is not None and wants_log(seen):
            seen = replace(seen, job=await self._with_log(seen, view, failures))
        # Nothing awaits between here and `decided`: what is free now is free when it is reserved.
        return replace(seen, slot_free=self._ledger.free_for(self._waiter(seen.target), key))

    def decide(self, observed: Observed) -> Plan:
        """SPEC §3."""
        return decide(observed)

    def refused(self, observed: Observed, refusals: tuple[Refusal, ...]) -> Observed:
        """The refusals become conditions; a Job that was refused holds no slot."""
        for refusal in refusals:
            if refusal.child.kind == JOBS:
                self._ledger.release(refusal.child.key)
        return replace(observed, refusals=refusals)

    def decided(self, observed: Observed, plan: Plan) -> None:
        """Reserve the slot of a Job that is about to be created, or take a place in the line."""
        waiter = self._waiter(observed.target)
        job = next((child for child in plan.children if child.kind == JOBS and child.mode == "create"), None)
        if job is not None:
            self._ledger.reserve(waiter, job.key)
        elif observed.inputs is not None and not observed.slot_free and _is_pending(plan):
            self._ledger.wait(waiter)
        else:
            self._ledger.forget(waiter)

    def _job_namespace_watch(self) -> Watch:
        """Without the operator namespace, no Job of a cluster template can be created; the API server labels it."""
        selector = f"kubernetes.io/metadata.name={self._shared.options.operator_namespace}"
        return Watch(NAMESPACES, lambda _: self.templates.keys(), came_or_went, selector=selector)

    def _waiter(self, target: Target) -> Waiter:
        created = target.meta.creation_timestamp
        if created is None:
            raise ValueError(f"{target.key} has no creation time")
        return Waiter(created, self.kind.name, target.key)

    async def _see_own_jobs(self, key: Key) -> None:
        """Wait for the cache to show a Job that was created: without it another would get its slot.

        It is behind where a watch has stalled, or the answer to the creation was lost.
        """
        for job in self._ledger.unseen((self.kind.name, key)):
            if await self._is_there(job) and self._jobs.entry(job) is None:
                raise TransientError(f"the cache does not show Job {job} yet")

    async def _is_there(self, job: Key) -> bool:
        try:
            await self._client.get(JOBS, job)
        except NotFoundError:
            return False
        return True

    def _job_view(self, seen: Observed, key: Key) -> JobView | None:
        job = self._jobs.get(*key)
        if job is None or not job.metadata.owned_by(seen.target.meta.uid):
            return None
        before = find(seen.template.status.conditions, ConditionType.DISCOVERED)
        pods = self._pods.by_index(BY_OWNER.name, job.metadata.uid)
        return JobView(job, job_state(job, pods, seen.now, before.reason if before else ""))

    async def _with_log(self, seen: Observed, view: JobView, failures: int) -> JobView:
        """The same with what the log says, where the Job has ended; a log that may not be read says so."""
        state = view.state
        if not isinstance(state, JobSucceeded | JobFailed):
            return view
        try:
            if state.pod is None:
                # The cache of Pods may be behind that of Jobs.
                state = job_state(view.job, await self._pods_now(seen, view.job), seen.now)
            return await self._read_if_answered(replace(view, state=state), failures)
        except (ForbiddenError, InvalidError) as error:
            return replace(view, result=Unparsable(error.answer.message))

    async def _read_if_answered(self, view: JobView, failures: int) -> JobView:
        """The same with what the log says; a node that is lost with the log on it is not asked for ever."""
        try:
            return await self._read(view)
        except (ServerError, ConnectionFailedError) as error:
            if failures < LOG_ATTEMPTS:
                raise
            return replace(view, result=Unparsable(error.answer.message))

    async def _read(self, view: JobView) -> JobView:
        match view.state:
            case JobSucceeded(pod) if pod is not None:
                log = await self._log(pod, LOG_LIMIT + 1)
                return replace(view, result=None if log is None else parse_log(log))
            case JobFailed(_, pod) if pod is not None:
                return replace(view, last_line=last_line(await self._log(pod, _TAIL, tail_lines=20) or b""))
            case _:
                return view

    async def _pods_now(self, seen: Observed, job: Job) -> list[Pod]:
        selector = f"{SELECTOR},{TEMPLATE}={label_value(seen.target.meta.name)}"
        page = await self._client.list_page(PODS, job.metadata.namespace, selector=selector)
        pods = [PODS.decode(bytes(raw)) for raw in page.items]
        return [pod for pod in pods if pod.metadata.owned_by(job.metadata.uid)]

    async def _log(self, pod: Key, limit: int, *, tail_lines: int | None = None) -> bytes | None:
        """The container's log; None where it is gone. What passes (a kubelet not reached) is raised."""
        try:
            return await self._client.pod_log(pod, container=CONTAINER, limit_bytes=limit, tail_lines=tail_lines)
        except NotFoundError:
            return None

    def _outdated(self, target: Target, current: str) -> tuple[Job, ...]:
        """The template's Jobs for other inputs, but for those that end by themselves."""
        owned = self._jobs.by_index(BY_OWNER.name, target.meta.uid)
        return tuple(job for job in owned if job.metadata.name != current and not _is_ending(job))

    def _cache(self, target: Target) -> AIMTemplateCache | None:
        if self._caches is None:
            return None
        cache = self._caches.get(*target.key)
        return cache if cache is not None and cache.metadata.owned_by(target.meta.uid) else None

    def _missing_runtime_kind(self) -> str:
        state = self._runtimes.availability
        missing = isinstance(state, Unavailable) and state.reason == "KindMissing"
        return self._runtime_kind.resource if missing else ""

    def _pod_owner(self, change: Change) -> Iterable[Key]:
        """The template whose Job the Pod belongs to."""
        owner = change.meta.controller
        job = self._jobs.meta(Key(change.key.namespace, owner.name)) if owner is not None else None
        by = job.controller if job is not None else None
        if by is not None and by.kind == self.kind.name:
            yield Key(change.key.namespace if self.kind.namespaced else "", by.name)

    def _gpus_moved(self, controller: Controller, models: frozenset[str]) -> None:
        for model in sorted(models):
            for key in self.templates.keys_by_index("gpu", model):
                controller.enqueue(key, reason="GPU model came or went", priority=Priority.CHILD)


def _namesake(change: Change) -> Iterable[Key]:
    """The template whose child has that name: what is in its way may be somebody else's."""
    return (change.key,)


def _inputs(
    template: AIMServiceTemplate, model: Found[CatalogueEntry] | Missing | Unreachable, config: ConfigOutcome
) -> DiscoveryInputs | None:
    """The inputs of discovery; None where they are not all known: guessed ones would look like a change of them."""
    if not isinstance(model, Found) or not isinstance(config, Found | DefaultNotFound):
        return None
    spec, levels = template.spec, (template.spec, model.value.spec, config_spec(config))
    return DiscoveryInputs(
        image=model.value.spec.image,
        metric=spec.metric,
        precision=spec.precision,
        gpu_model=spec.gpu.model,
        gpu_count=spec.gpu.count,
        gpu_resource=spec.gpu.resource_name,
        profile_id=spec.profile_id,
        env=merge_env([_env(entry) for entry in spec.env]),
        pull_secrets=merge_pull_secrets(*([ref.name for ref in level.image_pull_secrets] for level in levels)),
        service_account=first_set(*(level.service_account_name for level in levels)),
    )


def _env(entry: EnvVar) -> dict[str, Any]:
    return entry.model_dump(mode="json", by_alias=True, exclude_none=True)


def _is_pending(plan: Plan) -> bool:
    return plan.status is not None and plan.status["status"] == TemplateState.PENDING


def _is_ending(job: Job) -> bool:
    expires = job.finished and job.spec.ttl_seconds_after_finished is not None
    return expires or job.metadata.deletion_timestamp is not None
