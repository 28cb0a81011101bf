"""Reading a store: typed values, decoded when they are asked for."""

import builtins
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import structlog

from aimctrl.kube.kinds import Key, Kind, UndecodableObjectError
from aimctrl.kube.meta import Meta
from aimctrl.runtime.store import Entry, Store

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Available:
    """The cache holds what the API server has, give or take the time a watch event takes."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """What the cache holds says nothing about what there is; `message` says why, for a person."""

    reason: Literal["Syncing", "KindMissing", "Forbidden", "Unreachable"]
    message: str


Availability = Available | Unavailable


class Lister(Generic[T]):
    """The cached objects of one kind; cheap to ask, never waits. Lists are sorted by key."""

    def __init__(self, kind: Kind[T], store: Store, availability: Callable[[], Availability]) -> None:
        self.kind = kind
        self._store = store
        self._availability = availability
        self._told: dict[Key, int] = {}

    @property
    def availability(self) -> Availability:
        """Whether absence here means absence in the cluster."""
        return self._availability()

    def get(self, namespace: str, name: str) -> T | None:
        """One object; the namespace is `""` for cluster-scoped kinds.

        Raises UndecodableObjectError where it does not fit the kind's model.
        """
        entry = self._store.at(namespace, name)
        return None if entry is None else self.kind.decode(entry.raw)

    def list(self, namespace: str = "") -> builtins.list[T]:
        """The objects in a namespace, or all; one that does not fit the model is logged, once, and left out."""
        return self._decode_all(self._store.keys(namespace))

    def by_index(self, index: str, value: str, namespace: str = "") -> builtins.list[T]:
        """The objects with that value in an index, in a namespace or all; as `list` otherwise.

        Raises KeyError for an index the informer does not keep.
        """
        keys = self._store.find(index, value)
        return self._decode_all(key for key in keys if not namespace or key.namespace == namespace)

    def keys_by_index(self, index: str, value: str) -> builtins.list[Key]:
        """The keys of the objects with that value in an index.

        Raises KeyError for an index the informer does not keep.
        """
        return self._store.find(index, value)

    def keys(self, namespace: str = "") -> builtins.list[Key]:
        """The keys in a namespace, or all."""
        return self._store.keys(namespace)

    def meta(self, key: Key) -> Meta | None:
        """The metadata of one object."""
        entry = self._store.get(key)
        return None if entry is None else entry.meta()

    def entry(self, key: Key) -> Entry | None:
        """The stored form of one object."""
        return self._store.get(key)

    def _decode_all(self, keys: Iterable[Key]) -> builtins.list[T]:
        values: builtins.list[T] = []
        for key in keys:
            entry = self._store.get(key)
            if entry is None:
                continue
            try:
                values.append(self.kind.decode(entry.raw))
            except UndecodableObjectError as error:
                self._tell(key, entry, error)
        return values

    def _tell(self, key: Key, entry: Entry, error: UndecodableObjectError) -> None:
        if self._told.get(key) != entry.version:
            self._told[key] = entry.version
            if len(self._told) > self._store.count():
                self._told = {key: version for key, version in self._told.items() if self._store.get(key) is not None}
            log.warning("object left out of a list", kind=str(self.kind), key=str(key), error=str(error))
