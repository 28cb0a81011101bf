"""Informers: per kind a cache that follows the API server, its lister, and those who are told of each change."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from random import SystemRandom
from time import perf_counter
from typing import Any, Generic, TypeVar

import structlog

from aimctrl.kube.core import CRDS
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.answers import SLIM
from aimctrl.runtime.arrival import Arrival
from aimctrl.runtime.index import Index
from aimctrl.runtime.lister import Availability, Available, Lister, Unavailable
from aimctrl.runtime.reflector import IDLE_SECONDS, Reflector, Scope
from aimctrl.runtime.source import Source
from aimctrl.runtime.store import Change, Entry, Store

log = structlog.get_logger(__name__)

T = TypeVar("T")

Handler = Callable[[Change], None]

RESYNC_SECONDS = 10 * 3600.0
"""How often handlers look at everything again where nothing else is said, in case something was overlooked."""

SLIM_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

_SLICE_SECONDS = 0.005

_NOT_SERVED = ("KindMissing", "Forbidden")

_WORST = ("KindMissing", "Forbidden", "Unreachable", "Syncing")


@dataclass(frozen=True, slots=True)
class Freshness:
    """One watch as it is now; `seconds` since the last word from the API server, infinite before the first."""

    kind: str
    scope: str
    seconds: float
    availability: Availability
    objects: int
    relists: int
    failures: int
    broken_lines: int

    @property
    def synced(self) -> bool:
        """Whether the cache can be relied on."""
        return isinstance(self.availability, Available)


class Informer(Generic[T]):
    """The cache of one kind and its watches: one for everything, or one per namespace.

    `synced` is set while there is a complete list; `settled` once each watch has its first list or has said why it
    cannot (the kind is missing, RBAC forbids, nothing answers). With `keep_managed_fields` objects are kept whole.
    Every `resync_seconds`, stretched by up to a tenth, handlers are told of each object as it is, old and new alike.
    A watch silent for `idle_seconds` is taken for dead.
    """

    def __init__(
        self,
        kind: Kind[T],
        source: Source,
        *,
        namespaces: Sequence[str] = (),
        selector: str = "",
        resync_seconds: float = RESYNC_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self.kind = kind
        self.selector = selector
        self.resync_seconds = resync_seconds
        self.keep_managed_fields = False
        self.synced = asyncio.Event()
        self.settled = asyncio.Event()
        split = bool(namespaces) and kind.namespaced
        self.store = Store(split=split)
        self.lister: Lister[T] = Lister(kind, self.store, lambda: self.availability)
        self.on_missing: Callable[[], None] | None = None
        self.on_recovered: Callable[[], None] | None = None
        self._handlers: list[Handler] = []
        self._served = True
        self._served_handlers: list[Callable[[], None]] = []
        spaces = sorted(set(namespaces)) if split else [""]
        scopes = [Scope(kind, space, selector, idle_seconds=idle_seconds) for space in spaces]
        self._reflectors = [Reflector(scope, source, self) for scope in scopes]

    @property
    def availability(self) -> Availability:
        """Available where all its watches are, else the worst of theirs."""
        states = [r.state for r in self._reflectors if isinstance(r.state, Unavailable)]
        if not states:
            return Available()
        return min(states, key=lambda state: _WORST.index(state.reason))

    def sees(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with those labels is in its selector; it may be where that is no list of `key=value`."""
        pairs = [part.replace("==", "=").partition("=") for part in self.selector.split(",") if part]
        return all(not is_ or key.endswith("!") or labels.get(key) == value for key, is_, value in pairs)

    def follows(self, namespace: str) -> bool:
        """Whether the watch of that namespace is open now; a cache is as old as its watch where it is not."""
        return all(r.following for r in self._reflectors if r.scope.namespace in ("", namespace))

    def add_index(self, index: Index[Any]) -> None:
        """Keep an index, over what is here already too; adding it again changes nothing.

        Raises ValueError where another index has its name.
        """
        self.store.add_index(index)

    def add_handler(self, handler: Handler) -> None:
        """Tell it of every change from now on, and at once, as `initial`, of each object that is here already.

        Handlers are called on the event loop in the order of the changes of each object, the oldest objects first in
        the initial list. They return quickly and do not await; what they raise is logged.
        """
        self._handlers.append(handler)
        changes = [Change(key, None, entry, initial=True) for key, entry in self.store.items()]
        for change in sorted(changes, key=lambda change: (str(change.meta.creation_timestamp or ""), change.key)):
            self._tell(change, handler)

    def add_served_handler(self, handler: Callable[[], None]) -> None:
        """Tell it when the kind ceases to be served to us (its CRD is missing, RBAC forbids it), and when it is again.

        An API server that cannot be reached says nothing about that.
        """
        self._served_handlers.append(handler)

    async def run(self) -> None:
        """Follow the API server until cancelled; what the cache holds then stays."""
        async with asyncio.TaskGroup() as tasks:
            for reflector in self._reflectors:
                tasks.create_task(reflector.run(), name=f"watch {self.kind} {reflector.scope.namespace}")
            tasks.create_task(self._resync(), name=f"resync {self.kind}")

    def wake(self) -> None:
        """Try again now where a watch is not available."""
        for reflector in self._reflectors:
            reflector.wake()

    def nudge(self) -> None:
        """Try again now where the API server did not answer."""
        for reflector in self._reflectors:
            reflector.nudge()

    def freshness(self, now: float) -> list[Freshness]:
        """How each of its watches is, by the event loop's clock."""
        return [
            Freshness(
                kind=str(self.kind),
                scope=",".join(part for part in (r.scope.namespace, self.selector) if part),
                seconds=now - r.last_contact if r.last_contact is not None else float("inf"),
                availability=r.state,
                objects=self.store.count(r.scope.namespace),
                relists=r.relists,
                failures=r.failures,
                broken_lines=r.broken_lines,
            )
            for r in self._reflectors
        ]

    # What reflectors call (reflector.Sink).

    def entry(self, key: Key) -> Entry | None:
        """What is held of an object."""
        return self.store.get(key)

    async def swap(self, arrivals: dict[Key, Arrival], scope: Scope, *, initial: bool) -> None:
        """The scope's objects are these; handlers hear of the differences."""
        began = perf_counter()
        for change in self._taken_over(arrivals, scope, initial=initial):
            self._tell(change)
            if perf_counter() - began > _SLICE_SECONDS:
                await asyncio.sleep(0)
                began = perf_counter()

    def put(self, arrival: Arrival) -> None:
        """An object was added or changed."""
        change = self.store.put(arrival.key, arrival.entry)
        if change is not None:
            self._tell(change)

    def remove(self, key: Key) -> None:
        """An object is gone."""
        change = self.store.remove(key)
        if change is not None:
            self._tell(change)

    def advance(self, version: int, scope: Scope) -> None:
        """Everything up to that version has been seen."""
        self.store.advance(version, scope.namespace)

    def moved(self) -> None:
        """A watch has become available or unavailable."""
        if all(reflector.synced for reflector in self._reflectors):
            self.synced.set()
        else:
            self.synced.clear()
        if all(reflector.settled for reflector in self._reflectors):
            self.settled.set()
        state = self.availability
        if self.on_missing is not None and isinstance(state, Unavailable) and state.reason == "KindMissing":
            self.on_missing()
        self._tell_served(state)

    def _tell_served(self, state: Availability) -> None:
        if isinstance(state, Unavailable) and state.reason not in _NOT_SERVED:
            return
        served = isinstance(state, Available)
        if served == self._served:
            return
        self._served = served
        for handler in self._served_handlers:
            try:
                handler()
            except Exception:
                log.exception("informer handler failed", kind=str(self.kind))

    def recovered(self) -> None:
        """The API server answers again."""
        if self.on_recovered is not None:
            self.on_recovered()

    def _taken_over(self, arrivals: dict[Key, Arrival], scope: Scope, *, initial: bool) -> Iterator[Change]:
        """What they change; what has been told makes room for what handlers keep of it, and the arrivals for both."""
        if self.store.count(scope.namespace):
            entries = {key: arrival.entry for key, arrival in arrivals.items()}
            arrivals.clear()
            changes = self.store.replace(entries, scope.namespace, initial=initial)
            return _popped(changes)
        ordered = sorted(arrivals.values(), key=attrgetter("key"))
        ordered.sort(key=attrgetter("created"))
        arrivals.clear()
        self.store.fill((one.key, one.entry) for one in ordered)
        return (Change(one.key, None, one.entry, initial) for one in _popped(ordered))

    def _tell(self, change: Change, *only: Handler) -> None:
        for handler in only or self._handlers:
            try:
                handler(change)
            except Exception:
                log.exception("informer handler failed", kind=str(self.kind), key=str(change.key))

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self.resync_seconds * SystemRandom().uniform(1.0, 1.1))
            for key, entry in self.store.items():
                self._tell(Change(key, entry, entry))
                await asyncio.sleep(0)


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


def _popped(items: list[T]) -> Iterator[T]:
    """From the first to the last, each forgotten by the list before it is given."""
    items.reverse()
    while items:
        yield items.pop()


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
