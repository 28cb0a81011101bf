"""What the server keeps: every object at its latest revision, and what happened lately, for those who watch.

One counter gives revisions to all collections, as etcd's does. Everything runs on one event loop and nothing here
awaits, so that a check and the write it was made for are one step.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import islice

import msgspec

from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import copied

HISTORY = 20_000
"""How many events a collection remembers; who watches from an older one is told that it expired."""


class EventType(StrEnum):
    """What happened to an object, as a watch says it."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


class Stored(msgspec.Struct, frozen=True):
    """One object at one revision; `raw` is its JSON. Neither is ever changed."""

    key: str
    version: int
    object: Object
    raw: bytes

    def copy(self) -> Object:
        """The object as a value that may be changed."""
        thing: Object = msgspec.json.decode(self.raw) if self.raw else copied(self.object)
        return thing

    @property
    def namespace(self) -> str:
        """Its namespace, `""` where it has none."""
        namespace: str = self.object["metadata"].get("namespace", "")
        return namespace


class Event(msgspec.Struct, frozen=True):
    """One change: the object after it (a deleted one as it was last, at the revision of its deletion), and before.

    `lines` are those that watches were told, by the type of event and the form of the object.
    """

    type: EventType
    now: Stored
    before: Stored | None
    lines: dict[tuple[EventType, str], bytes] = msgspec.field(default_factory=dict[tuple[EventType, str], bytes])


Listener = Callable[[Event], None]


class Collection:
    """The objects of one resource, under `namespace/name` or `name`, in the order of those keys."""

    def __init__(self, storage: "Storage", group: str, plural: str) -> None:
        self.group, self.plural = group, plural
        self.expired = 0
        self._storage = storage
        self._objects: dict[str, Stored] = {}
        self._order: list[str] = []
        self._history: deque[Event] = deque()
        self._listeners: set[Listener] = set()

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: str) -> Stored | None:
        """The object of that key."""
        return self._objects.get(key)

    def all(self, namespace: str = "") -> list[Stored]:
        """All objects, or those of that namespace, in the order of their keys."""
        if not namespace:
            return [self._objects[key] for key in self._order]
        prefix = f"{namespace}/"
        return [self._objects[key] for key in self._order if key.startswith(prefix)]

    def put(self, key: str, thing: Object) -> Stored:
        """Keep it under a new revision, which is written into its metadata; it belongs to the storage from now on."""
        before = self._objects.get(key)
        stored = self._stamped(key, thing)
        self._objects[key] = stored
        if before is None:
            insort(self._order, key)
        self._record(Event(EventType.ADDED if before is None else EventType.MODIFIED, stored, before))
        return stored

    def remove(self, key: str) -> Stored:
        """Take it out; gives it as it was last, with the revision of its deletion. Raises KeyError."""
        before = self._objects.pop(key)
        del self._order[bisect_left(self._order, key)]
        last = self._stamped(key, {**before.object, "metadata": dict(before.object["metadata"])})
        self._record(Event(EventType.DELETED, last, before))
        return last

    def list_at(self, version: int, namespace: str = "") -> list[Stored]:
        """The objects as they were at that revision, which must not be older than `expired`."""
        then: dict[str, Stored | None] = {}
        for event in _newer(self._history, version):
            then[event.now.key] = event.before
        if not then:
            return self.all(namespace)
        kept = [stored for stored in self._objects.values() if stored.key not in then]
        kept += [stored for stored in then.values() if stored is not None]
        prefix = f"{namespace}/" if namespace else ""
        return sorted((stored for stored in kept if stored.key.startswith(prefix)), key=lambda stored: stored.key)

    def since(self, version: int) -> Iterator[Event]:
        """What happened after that revision, oldest first; what is older than `expired` is forgotten."""
        behind = sum(1 for _ in _newer(self._history, version))
        return islice(self._history, len(self._history) - behind, None)

    def listen(self, listener: Listener) -> None:
        """Tell it of each change, at once and in order."""
        self._listeners.add(listener)

    def unlisten(self, listener: Listener) -> None:
        """Tell it no more."""
        self._listeners.discard(listener)

    def compact(self) -> None:
        """Forget the history."""
        self._history.clear()
        self.expired = self._storage.version

    def _stamped(self, key: str, thing: Object) -> Stored:
        self._storage.version += 1
        thing["metadata"]["resourceVersion"] = str(self._storage.version)
        return Stored(key, self._storage.version, thing, msgspec.json.encode(thing))

    def _record(self, event: Event) -> None:
        if len(self._history) >= HISTORY:
            self.expired = self._history.popleft().now.version
        self._history.append(event)
        for listener in tuple(self._listeners):
            listener(event)
        for everywhere in self._storage.listeners:
            everywhere(self, event)


class Storage:
    """All collections; `version` is the revision of the latest write. `listeners` hear of every change anywhere."""

    def __init__(self) -> None:
        self.version = 1
        self.listeners: list[Callable[[Collection, Event], None]] = []
        self._collections: dict[tuple[str, str], Collection] = {}

    def collection(self, group: str, plural: str) -> Collection:
        """The collection of that resource, whatever the version it is asked for in."""
        found = self._collections.get((group, plural))
        if found is None:
            found = self._collections[group, plural] = Collection(self, group, plural)
        return found

    def collections(self) -> tuple[Collection, ...]:
        """All collections that were ever asked for."""
        return tuple(self._collections.values())

    def compact(self) -> None:
        """Forget the history of everything, as etcd's compaction does."""
        for collection in self._collections.values():
            collection.compact()


def _newer(history: deque[Event], version: int) -> Iterator[Event]:
    for event in reversed(history):
        if event.now.version <= version:
            return
        yield event
