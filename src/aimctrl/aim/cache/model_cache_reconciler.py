"""Reading what a model cache's decision needs, and what makes it look again."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from aimctrl.aim.cache.download import DownloadView
from aimctrl.aim.cache.indexes import CACHES_BY_CONFIG
from aimctrl.aim.cache.model_cache_decide import decide
from aimctrl.aim.cache.model_cache_observed import ClassOutcome, Observed
from aimctrl.aim.cache.names import DOWNLOAD, MODEL_CACHE, SELECTOR, claim_name, download_name
from aimctrl.aim.discovery.log import last_line
from aimctrl.aim.resolution import config_spec
from aimctrl.aim.shared import CONFIG_KINDS, Shared, target_of
from aimctrl.api.cache import AIMModelCache
from aimctrl.api.kinds import AIM_MODEL_CACHE
from aimctrl.kube.core import JOBS, PODS, PVCS, STORAGE_CLASSES, Job, PersistentVolumeClaim, StorageClass
from aimctrl.kube.kinds import Key
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.access import Access
from aimctrl.runtime.controller import Controller, ControllerOptions
from aimctrl.runtime.errors import ForbiddenError, InvalidError, NotFoundError
from aimctrl.runtime.index import BY_OWNER
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.plan import Plan, Refusal, Target
from aimctrl.runtime.planning import PlanReconciler
from aimctrl.runtime.request import Request
from aimctrl.runtime.store import Change
from aimctrl.runtime.triggers import Watch, owns, spec_changed

_TAIL = 64 * 2**10
"""Bytes of a failed Job's log that are read for its last line."""

_EPOCH = datetime.fromtimestamp(0, UTC)


class ModelCacheReconciler(PlanReconciler[Observed]):
    """Model caches (SPEC §6)."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared.manager.applier)
        informers = shared.manager.informers
        self._shared = shared
        self._client = shared.manager.client
        caches = informers.informer(AIM_MODEL_CACHE)
        caches.add_index(CACHES_BY_CONFIG)
        pods = informers.informer(PODS, selector=SELECTOR)
        pods.add_index(BY_OWNER)
        self._caches, self._pods = caches.lister, pods.lister
        self._claims = informers.informer(PVCS, selector=SELECTOR).lister
        self._jobs = informers.informer(JOBS, selector=SELECTOR).lister
        self._classes = informers.informer(STORAGE_CLASSES).lister

    def controller(self) -> Controller:
        """The controller that runs this reconciler, with everything that makes a model cache look again."""
        configs = self._shared.config_users(self._caches)
        watches = (
            owns(PVCS, AIM_MODEL_CACHE, selector=SELECTOR),
            owns(JOBS, AIM_MODEL_CACHE, selector=SELECTOR),
            Watch(PODS, _pod_owner, selector=SELECTOR, reason="download Pod changed"),
            Watch(STORAGE_CLASSES, self._everybody, spec_changed),
            *(Watch(kind, configs, spec_changed) for kind in CONFIG_KINDS),
        )
        options = ControllerOptions(max_concurrent=self._shared.options.max_concurrent_reconciles)
        return Controller("aimmodelcache", AIM_MODEL_CACHE, self, watches=watches, options=options).needs(
            Access.owns(AIM_MODEL_CACHE),
            Access.creates(PVCS),
            Access.patches(PVCS),
            Access.creates(JOBS),
            Access.patches(JOBS),
            Access.deletes(JOBS),
            Access(PODS, ("get",), subresource="log"),
        )

    async def observe(self, request: Request) -> Observed | None:
        """The model cache and what matters to it; None where it is gone."""
        entry = self._caches.entry(request.key)
        cache = self._caches.get(request.namespace, request.name)
        if entry is None or cache is None:
            return None
        target = target_of(AIM_MODEL_CACHE, entry)
        config = self._shared.find_config(cache.spec.runtime_config_name, request.namespace)
        claim = await self._claim(target, cache)
        named = cache.spec.storage_class_name or config_spec(config).default_storage_class_name
        return Observed(
            now=request.now,
            target=target,
            cache=cache,
            config=config,
            storage_class=self._storage_class(named if claim is None else claim.spec.storage_class_name),
            claim=claim,
            download=await self._download(target, cache),
        )

    def decide(self, observed: Observed) -> Plan:
        """SPEC §6."""
        return decide(observed)

    def refused(self, observed: Observed, refusals: tuple[Refusal, ...]) -> Observed:
        """The refusals become conditions."""
        return replace(observed, refusals=refusals)

    async def _claim(self, target: Target, cache: AIMModelCache) -> PersistentVolumeClaim | None:
        """The cache's own claim; one that was there is lost only where the API server says so, too.

        Somebody may have taken the labels off it that it is watched by.
        """
        key = Key(target.meta.namespace, claim_name(target.meta.name))
        claim = self._claims.get(*key)
        if claim is None and cache.status.persistent_volume_claim_uid:
            try:
                claim = PVCS.decode(await self._client.get(PVCS, key))
            except NotFoundError:
                return None
        return claim if claim is not None and claim.metadata.owned_by(target.meta.uid) else None

    async def _download(self, target: Target, cache: AIMModelCache) -> DownloadView | None:
        job = self._jobs.get(target.meta.namespace, download_name(target.meta.name))
        if job is None or not job.metadata.owned_by(target.meta.uid):
            return None
        pods = tuple(self._pods.by_index(BY_OWNER.name, job.metadata.uid))
        record = cache.status.download
        counted = record is not None and record.job_uid == job.metadata.uid
        line = await self._last_line(job) if job.failed and not counted else ""
        return DownloadView(job, pods, line)

    async def _last_line(self, job: Job) -> str:
        """The last line that the newest failed Pod of the Job wrote; `""` where it is gone or may not be read."""
        pods = [pod for pod in self._pods.by_index(BY_OWNER.name, job.metadata.uid) if pod.status.phase == "Failed"]
        if not pods:
            return ""
        newest = max(pods, key=lambda pod: (pod.metadata.creation_timestamp or _EPOCH, pod.metadata.name))
        try:
            log = await self._client.pod_log(newest.key, container=DOWNLOAD, limit_bytes=_TAIL, tail_lines=20)
        except (ForbiddenError, InvalidError, NotFoundError):
            return ""
        return last_line(log)

    def _storage_class(self, name: str | None) -> ClassOutcome:
        """The storage class of that name; where none is named the cluster's default, the newest of several."""
        found = self._classes.get("", name) if name else self._default_class()
        if found is not None:
            return Found(found)
        state = self._classes.availability
        if isinstance(state, Unavailable):
            return Unreachable(f"StorageClasses cannot be read: {state.message}")
        if name:
            return Missing(f'there is no StorageClass "{name}"')
        return Missing(
            "the cluster has no default StorageClass: set spec.storageClassName, or defaultStorageClassName in the "
            "runtime config"
        )

    def _default_class(self) -> StorageClass | None:
        defaults = [found for found in self._classes.list() if found.is_default]
        named = sorted(defaults, key=lambda found: found.metadata.name)
        return max(named, key=lambda found: found.metadata.creation_timestamp or _EPOCH, default=None)

    def _everybody(self, _change: Change) -> Iterable[Key]:
        """Storage classes change rarely, and any cache may wait for one."""
        return self._caches.keys()


def _pod_owner(change: Change) -> Iterable[Key]:
    """The model cache that a download Pod is labelled with."""
    name = change.meta.labels.get(MODEL_CACHE)
    if name:
        yield Key(change.key.namespace, name)
