"""The informers of one client, one for each kind and selector, and how they hear of a kind that was missing."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from aimctrl.kube.core import CRDS
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.answers import SLIM
from aimctrl.runtime.arrival import Arrival
from aimctrl.runtime.informer import RESYNC_SECONDS, Freshness, Informer
from aimctrl.runtime.reflector import IDLE_SECONDS, Reflector, Scope
from aimctrl.runtime.source import Source
from aimctrl.runtime.store import Entry

T = TypeVar("T")

SLIM_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


class Informers:
    """The informers of one client, one per kind and selector, resynced every `resync_seconds`.

    `namespaces` limits those of namespaced kinds. A watch silent for `idle_seconds` is taken for dead.

    An informer of a kind that is missing is woken by its CRD.
    """

    def __init__(
        self,
        client: Source,
        *,
        namespaces: Sequence[str] = (),
        resync_seconds: float = RESYNC_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self.namespaces = tuple(sorted(set(namespaces)))
        self._resync_seconds = resync_seconds
        self._idle_seconds = idle_seconds
        self._client = client
        self._informers: dict[tuple[Kind[Any], str], Informer[Any]] = {}
        self._by_resource: dict[str, list[Informer[Any]]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._crds: Reflector | None = None

    def informer(self, kind: Kind[T], *, selector: str = "") -> Informer[T]:
        """The informer of that kind and label selector; made when first asked for, and started where `run` runs."""
        held = self._informers.get((kind, selector))
        if held is None:
            held = Informer(
                kind,
                self._client,
                namespaces=self.namespaces,
                selector=selector,
                resync_seconds=self._resync_seconds,
                idle_seconds=self._idle_seconds,
            )
            held.on_missing = self._follow_crds
            held.on_recovered = self._answered
            self._informers[kind, selector] = held
            self._by_resource.setdefault(kind.resource, []).append(held)
            if self._tasks is not None:
                self._tasks.create_task(held.run(), name=f"informer {kind}")
        return held

    @property
    def kinds(self) -> frozenset[Kind[Any]]:
        """Every kind that is followed."""
        return frozenset(kind for kind, _ in self._informers)

    def find(self, kind: Kind[Any]) -> Informer[Any] | None:
        """An informer of that group and resource, if there is one: rather one that sees all its objects."""
        return min(self.all_of(kind), key=lambda informer: (informer.selector, informer.kind != kind), default=None)

    def all_of(self, kind: Kind[Any]) -> list[Informer[Any]]:
        """All informers of that group and resource."""
        return list(self._by_resource.get(kind.resource, ()))

    async def ask(self, kind: Kind[Any], key: Key) -> bytes:
        """An object's JSON as the API server has it now, whatever the caches show.

        Raises ApiError by the answer.
        """
        return await self._client.get(kind, key)

    async def run(self) -> None:
        """Run all informers, those asked for later too, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                for informer in list(self._informers.values()):
                    tasks.create_task(informer.run(), name=f"informer {informer.kind}")
                await asyncio.Event().wait()
            finally:
                self._tasks = None

    async def wait_settled(self) -> None:
        """Wait until each informer has its first list or has said why it cannot have one."""
        for informer in list(self._informers.values()):
            await informer.settled.wait()

    def freshness(self) -> list[Freshness]:
        """How each watch is, sorted by kind and scope."""
        now = asyncio.get_running_loop().time()
        all_of_them = [one for informer in self._informers.values() for one in informer.freshness(now)]
        return sorted(all_of_them, key=lambda one: (one.kind, one.scope))

    def _follow_crds(self) -> None:
        """Watch CustomResourceDefinitions from now on; not needed while no kind is missing."""
        if self._crds is None and self._tasks is not None:
            scope = Scope(CRDS, list_accept=SLIM_LIST, watch_accept=SLIM, idle_seconds=self._idle_seconds)
            self._crds = Reflector(scope, self._client, _Bell(self._crd_moved))
            self._tasks.create_task(self._crds.run(), name="watch CRDs")

    def _answered(self) -> None:
        for informer in self._informers.values():
            informer.nudge()

    def _crd_moved(self, name: str) -> None:
        for (kind, _), informer in self._informers.items():
            if kind.resource == name:
                informer.wake()


class _Bell:
    """A sink that keeps nothing and rings at each object's name; a CRD's status changes as it becomes usable."""

    keep_managed_fields = True

    def __init__(self, ring: Callable[[str], None]) -> None:
        self._ring = ring

    def entry(self, key: Key) -> Entry | None:  # noqa: ARG002 - a Sink's
        return None

    async def swap(self, arrivals: Mapping[Key, Arrival], scope: Scope, *, initial: bool) -> None:  # noqa: ARG002
        for key in sorted(arrivals):
            self._ring(key.name)

    def put(self, arrival: Arrival) -> None:
        self._ring(arrival.key.name)

    def remove(self, key: Key) -> None:
        """A kind that goes is seen on its own watch."""

    def advance(self, version: int, scope: Scope) -> None:
        """Nobody waits for it."""

    def recovered(self) -> None:
        """The informers find out themselves."""

    def moved(self) -> None:
        """Without the right to watch CRDs, missing kinds are tried now and then all the same."""
