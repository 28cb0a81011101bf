"""The cache of one kind: the bytes the server sent, and as little else as indexes and waiting for writes need.

One writer (the informer's reflectors, one per namespace or one for all), any number of readers on the same event loop;
nothing here awaits. Memory decides the form: ten thousand objects are ten thousand byte strings and no models.

A store knows per scope how far it has *seen*: the greatest resourceVersion of its watch's events, bookmarks and lists.
Versions of one kind are ordered integers (KEP-5504) and a watch delivers in order, so a write of version v is in the
store, or superseded, or deleted, exactly when seen >= v.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import heappop, heappush

import msgspec

from aimctrl.kube.kinds import Key
from aimctrl.kube.meta import Meta, OwnerReference
from aimctrl.runtime.index import Index, Indexes, decode_meta, decode_owners, decode_uid


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One object as it is kept: its JSON without `managedFields`, and what predicates look at first."""

    raw: bytes
    version: int
    generation: int

    @property
    def uid(self) -> str:
        """The uid, decoded anew at each call: few ask, and ten thousand of them are a megabyte."""
        return decode_uid(self.raw)

    def meta(self) -> Meta:
        """The metadata, decoded anew at each call."""
        return decode_meta(self.raw)

    def owners(self) -> tuple[OwnerReference, ...]:
        """The owner references alone, which takes less time; decoded anew at each call."""
        return decode_owners(self.raw)


class Change(msgspec.Struct, eq=False, gc=False):
    """What happened to one object: added (no `old`), deleted (no `new`), changed, or looked at again (old is new).

    `initial` marks objects that were there when the informer first synced. `reindexed`: it is found by other values in
    an index now than before, or no more, or for the first time. Metadata is decoded when first asked for.
    """

    key: Key
    old: Entry | None
    new: Entry | None
    initial: bool = False
    reindexed: bool = False
    _old_meta: Meta | None = None
    _new_meta: Meta | None = None

    @property
    def old_meta(self) -> Meta | None:
        """The metadata before; None where there was no object."""
        if self._old_meta is None and self.old is not None:
            self._old_meta = self.new_meta if self.old is self.new else self.old.meta()
        return self._old_meta

    @property
    def new_meta(self) -> Meta | None:
        """The metadata after; None where the object is gone."""
        if self._new_meta is None and self.new is not None:
            self._new_meta = self.new.meta()
        return self._new_meta

    @property
    def meta(self) -> Meta:
        """The metadata after, or before where the object is gone."""
        meta = self.new_meta or self.old_meta
        if meta is None:
            raise ValueError(f"a change of {self.key} from nothing to nothing")
        return meta

    def __repr__(self) -> str:
        old, new = (entry.version if entry else None for entry in (self.old, self.new))
        return f"Change({self.key}, {old} -> {new}{', initial' if self.initial else ''})"


class Store:
    """Entries by namespace and name, with indexes, and callbacks for those who wait for a version.

    `split` says that each namespace is watched by itself; else one watch covers everything, the scope `""`.
    """

    def __init__(self, *, split: bool = False) -> None:
        self._split = split
        self._spaces: dict[str, dict[str, Entry]] = {}
        self._indexes = Indexes()
        self._seen: dict[str, int] = {}
        self._waiting: dict[str, list[tuple[int, int, Callable[[], None]]]] = {}
        self._gone: dict[Key, list[tuple[str, Callable[[], None]]]] = {}
        self._turn = 0

    def __len__(self) -> int:
        return self.count()

    def count(self, namespace: str = "") -> int:
        """How many objects there are, in a namespace or in all."""
        if namespace:
            return len(self._spaces.get(namespace, ()))
        return sum(len(space) for space in self._spaces.values())

    def get(self, key: Key) -> Entry | None:
        """The entry of that key."""
        return self.at(key.namespace, key.name)

    def at(self, namespace: str, name: str) -> Entry | None:
        """The entry of that name; `get`, for whoever has no key."""
        space = self._spaces.get(namespace)
        return space.get(name) if space else None

    def keys(self, namespace: str = "") -> list[Key]:
        """The keys in a namespace, or all of them, sorted."""
        chosen = [namespace] if namespace else sorted(self._spaces)
        return [Key(space, name) for space in chosen for name in sorted(self._spaces.get(space, ()))]

    def items(self, namespace: str = "") -> Iterator[tuple[Key, Entry]]:
        """Keys and entries in a namespace, or all of them, sorted by key; the store may change meanwhile."""
        for key in self.keys(namespace):
            entry = self.get(key)
            if entry is not None:
                yield key, entry

    def add_index(self, index: Index[msgspec.Struct]) -> None:
        """Keep an index from now on, over what is here already too; adding it again changes nothing.

        Raises ValueError where another index has its name.
        """
        if self._indexes.define(index):
            for key, entry in self.items():
                self._indexes.add(key, entry.raw, only=index.name)

    def find(self, index: str, value: str) -> list[Key]:
        """The keys of the objects with that value in an index, sorted.

        Raises KeyError for an index that was not added.
        """
        return self._indexes.find(index, value)

    def put(self, key: Key, entry: Entry) -> Change | None:
        """Take one object as it is now; None where that version, or a newer one of the same object, is here."""
        old = self.get(key)
        if old is not None and old.version >= entry.version and old.uid == entry.uid:
            return None
        return Change(key, old, entry, reindexed=self._set(key, old, entry))

    def remove(self, key: Key) -> Change | None:
        """Drop one object; None where it is not here."""
        old = self.get(key)
        if old is None:
            return None
        return Change(key, old, None, reindexed=self._set(key, old, None))

    def fill(self, entries: Iterable[tuple[Key, Entry]]) -> None:
        """Take many objects of which none is here."""
        for key, entry in entries:
            self._set(key, None, entry)

    def replace(self, entries: Mapping[Key, Entry], scope: str = "", *, initial: bool = False) -> list[Change]:
        """Make the scope (a namespace, or everything) hold exactly these; answers what that changed, sorted by key.

        All of it happens at once. What is not listed any more counts as deleted, what is as it was as unchanged, and a
        namesake with another uid as deleted and added.
        """
        changes = self._differences(entries, scope)
        for change in changes:
            change.initial = initial
            change.reindexed = self._set(change.key, change.old, change.new)
        return changes

    def advance(self, version: int, scope: str = "") -> None:
        """Everything up to that version has been seen in the scope; calls back whoever waited for it."""
        if version <= self._seen.get(scope, 0):
            return
        self._seen[scope] = version
        waiting = self._waiting.get(scope)
        while waiting and waiting[0][0] <= version:
            heappop(waiting)[2]()

    def seen(self, namespace: str = "") -> int:
        """The greatest resourceVersion seen of objects in a namespace (`""` for cluster-scoped ones)."""
        return self._seen.get(namespace if self._split else "", 0)

    def when_at_least(self, key: Key, version: int, callback: Callable[[], None]) -> None:
        """Call back once the object is here in that version, or a newer one, or is known to be deleted since.

        Called exactly once, before this returns where it is so already. It survives relists.
        """
        if self.seen(key.namespace) >= version:
            callback()
            return
        self._turn += 1
        scope = key.namespace if self._split else ""
        heappush(self._waiting.setdefault(scope, []), (version, self._turn, callback))

    def when_gone(self, key: Key, uid: str, callback: Callable[[], None]) -> None:
        """Call back once no object of that key and uid (`""` for any) is here; at once where it is so already."""
        held = self.get(key)
        if held is None or (uid and held.uid != uid):
            callback()
            return
        self._gone.setdefault(key, []).append((uid, callback))

    def _differences(self, entries: Mapping[Key, Entry], scope: str) -> list[Change]:
        gone = [Change(key, old, None) for key, old in self.items(scope) if key not in entries]
        changes = [change for key in sorted(entries) for change in self._difference(key, entries[key])]
        return sorted(gone + changes, key=lambda change: change.key) if gone else changes

    def _difference(self, key: Key, new: Entry) -> Iterable[Change]:
        old = self.get(key)
        if old is None:
            return (Change(key, None, new),)
        if old == new:
            return ()
        if old.uid != new.uid:
            return (Change(key, old, None), Change(key, None, new))
        return (Change(key, old, new),)

    def _set(self, key: Key, old: Entry | None, new: Entry | None) -> bool:
        """Whether other values find it now than before."""
        reindexed = self._indexes.move(key, old.raw if old else None, new.raw if new else None)
        space = self._spaces.get(key.namespace)
        if new is not None:
            if space is None:
                space = self._spaces[key.namespace] = {}
            space[key.name] = new
        elif old is not None and space is not None:
            del space[key.name]
            if not space:
                del self._spaces[key.namespace]
        if self._gone and key in self._gone:
            self._tell_gone(key, new)
        return reindexed

    def _tell_gone(self, key: Key, held: Entry | None) -> None:
        still: list[tuple[str, Callable[[], None]]] = []
        for uid, callback in self._gone.pop(key):
            if held is None or (uid and held.uid != uid):
                callback()
            else:
                still.append((uid, callback))
        if still:
            self._gone[key] = still
