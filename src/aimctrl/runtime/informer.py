"""An informer: the cache of one kind that follows the API server, its lister, and those who are told of each change."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from random import SystemRandom
from time import perf_counter
from typing import Any, Generic, TypeVar

import structlog

from aimctrl.kube.kinds import Key, Kind
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

    def open_since(self, namespace: str) -> float | None:
        """Since when, by the event loop's clock, the watch of that namespace has been open; None where it is not now.

        Before it has been open for a while, the cache may be as old as the break was long.
        """
        since = [r.open_since for r in self._reflectors if r.scope.namespace in ("", namespace)]
        times = [one for one in since if one is not None]
        return max(times, default=None) if len(times) == len(since) else None

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


def _popped(items: list[T]) -> Iterator[T]:
    """From the first to the last, each forgotten by the list before it is given."""
    items.reverse()
    while items:
        yield items.pop()
